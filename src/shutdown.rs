//! How the server stops: a token that everybody watches, and a tracker of the tasks that must be waited for.

use std::future::Future;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

/// Handed to every task that runs as long as the server does.
#[derive(Clone, Debug, Default)]
pub struct Shutdown {
    token: CancellationToken,
    tasks: TaskTracker,
}

/// Something that ends by itself and is waited for.
#[derive(Clone, Debug)]
pub struct Held(#[expect(dead_code, reason = "it works by being there")] TaskTrackerToken);

impl Shutdown {
    /// Begins when `token` is cancelled.
    pub fn on(token: CancellationToken) -> Self {
        Self { token, tasks: TaskTracker::new() }
    }

    /// Begins it.
    pub fn begin(&self) {
        self.token.cancel();
    }

    /// Whether it has begun.
    pub fn has_begun(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Waits until it begins.
    pub async fn begun(&self) {
        self.token.cancelled().await;
    }

    /// Spawns a task that ends by itself and is waited for.
    pub fn finish(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(task);
    }

    /// The same from a thread outside of the runtime.
    pub fn finish_on(&self, runtime: &Handle, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn_on(task, runtime);
    }

    /// Keeps shutdown waiting until what is answered is dropped.
    pub fn hold(&self) -> Held {
        Held(self.tasks.token())
    }

    /// Spawns a task that is dropped when shutdown begins.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let token = self.token.clone();
        self.tasks.spawn(async move {
            token.run_until_cancelled(task).await;
        });
    }

    /// Waits for all tasks, at most for `limit`; answers whether they ended.
    pub async fn wait(&self, limit: Duration) -> bool {
        self.tasks.close();
        tokio::time::timeout(limit, self.tasks.wait()).await.is_ok()
    }
}

/// Waits for Ctrl-C or, on Unix, SIGTERM.
pub async fn signalled() {
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
