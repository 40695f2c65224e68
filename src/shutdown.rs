//! Shutdown: a token that every task watches, and a tracker of the tasks that must end before the process does.
//!
//! `app` has two of these. The first stops what serves clients; when that has drained, the second stops the background
//! tasks that serving needs.

use std::future::Future;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

/// A handle for requesting shutdown, for observing it, and for tracking tasks. Clones share one shutdown.
#[derive(Clone, Debug, Default)]
pub struct Shutdown {
    token: CancellationToken,
    tasks: TaskTracker,
}

/// Delays the end of [`Shutdown::wait`] until it is dropped.
#[derive(Clone, Debug)]
pub struct ShutdownGuard(#[expect(dead_code, reason = "held for its drop")] TaskTrackerToken);

impl Shutdown {
    /// Makes a shutdown that is requested by the cancellation of `token`.
    pub fn on(token: CancellationToken) -> Self {
        Self { token, tasks: TaskTracker::new() }
    }

    /// Requests shutdown.
    pub fn request(&self) {
        self.token.cancel();
    }

    /// Whether shutdown has been requested.
    pub fn is_requested(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Waits until shutdown is requested.
    pub async fn requested(&self) {
        self.token.cancelled().await;
    }

    /// Spawns a task that runs to its own end, and that [`Self::wait`] waits for.
    pub fn spawn_to_completion(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(task);
    }

    /// Like [`Self::spawn_to_completion`], from a thread outside of the runtime.
    pub fn spawn_to_completion_on(&self, runtime: &Handle, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn_on(task, runtime);
    }

    /// Returns a guard: [`Self::wait`] waits until it is dropped.
    pub fn guard(&self) -> ShutdownGuard {
        ShutdownGuard(self.tasks.token())
    }

    /// Spawns a task that is dropped, at its next await, when shutdown is requested.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let token = self.token.clone();
        self.tasks.spawn(async move {
            token.run_until_cancelled(task).await;
        });
    }

    /// Waits for all tasks and guards, for at most `limit`. Returns whether all of them ended.
    pub async fn wait(&self, limit: Duration) -> bool {
        self.tasks.close();
        tokio::time::timeout(limit, self.tasks.wait()).await.is_ok()
    }
}

/// Waits for Ctrl-C (SIGINT) or, on Unix, SIGTERM.
pub async fn signal_received() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}
