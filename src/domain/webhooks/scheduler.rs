//! Looking for webhooks that have something to deliver, and starting runs for them.

use crate::domain::common::wakeup::wait_for_wakeup;
use crate::domain::service::Domain;
use crate::domain::webhooks::delivery::{DeliveryContext, deliver_pending};
use crate::domain::webhooks::sender::{WebhookSender, WebhookSetupError};
use crate::ids::{Position, UserId, WebhookId};
use crate::log::epoch::{self, CursorStatus, EpochHistory};
use crate::log::read::{self, MissedQuery};
use crate::log::{Cursor, Wakeups};
use crate::shutdown::Shutdown;
use crate::store::webhook_leases::{self, DueWebhook};
use crate::store::{Pool, StoreError};
use crate::telemetry::error_chain;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use uuid::Uuid;

/// How often a node looks without a wake-up.
const SCHEDULE_POLL_INTERVAL: Duration = Duration::from_secs(2);
/// The shortest time between two looks, so that events that come one by one are found together.
const MIN_SCHEDULE_INTERVAL: Duration = Duration::from_millis(100);
/// After a look, the scheduler rests this many times as long as it took, so that looking takes a fifth of one
/// connection.
const SCHEDULE_REST_FACTOR: u32 = 4;
/// The longest rest, also while PostgreSQL is away.
const MAX_SCHEDULE_REST: Duration = Duration::from_secs(5);
/// How long one look may take, in all its queries: many webhooks take many.
const LOOK_TIMEOUT: Duration = Duration::from_secs(30);
/// Webhooks that are read in one query.
const WEBHOOKS_PER_PAGE: i64 = 500;
/// How many positions behind the head the cursor of a webhook without pending events may stay,
const MAX_IDLE_LAG: i64 = 1_000;
/// and for how long: otherwise retention would drop events after the cursor, as if the webhook had missed them.
const MAX_IDLE_LAG_TIME: Duration = Duration::from_secs(60);
/// Runs of a node at the same time. Each waits for a target most of the time.
const MAX_RUNS: usize = 64;
/// Runs of one owner at the same time: all their targets may be slow.
const MAX_RUNS_PER_OWNER: usize = 8;

/// Starts to deliver webhooks, until the server shuts down. `pool` must serve nothing else.
///
/// # Errors
/// TLS cannot be set up.
pub fn start(domain: &Domain, pool: Pool, shutdown: &Shutdown) -> Result<(), WebhookSetupError> {
    let sender = WebhookSender::new(domain.0.webhook_targets.clone())?;
    let scheduler = Scheduler {
        context: DeliveryContext { pool, sender, shutdown: shutdown.clone() },
        slots: Arc::new(Semaphore::new(MAX_RUNS)),
        running: Mutex::default(),
        ended: Notify::new(),
    };
    let wakeups = domain.0.log.wakeups().clone();
    shutdown.spawn(follow(Arc::new(scheduler), wakeups));
    Ok(())
}

/// Starts runs, a bounded number at a time and few of one owner.
struct Scheduler {
    context: DeliveryContext,
    slots: Arc<Semaphore>,
    running: Mutex<HashMap<WebhookId, UserId>>,
    /// Notified when a run has ended and its slot is free.
    ended: Notify,
}

async fn follow(scheduler: Arc<Scheduler>, wakeups: Wakeups) {
    let mut head = wakeups.head();
    let (mut known, mut skipped_at) = (Position::ZERO, None);
    loop {
        let began = Instant::now();
        match find_due(&scheduler, &mut known, &mut skipped_at).await {
            Ok(found) => start_runs(&scheduler, found),
            Err(error) => tracing::warn!(error = error_chain(&error), "cannot look for webhooks to deliver"),
        }
        tokio::time::sleep((began.elapsed() * SCHEDULE_REST_FACTOR).clamp(MIN_SCHEDULE_INTERVAL, MAX_SCHEDULE_REST))
            .await;
        tokio::select! {
            () = wait_for_wakeup(&mut head, SCHEDULE_POLL_INTERVAL) => {}
            () = scheduler.ended.notified() => {}
        }
    }
}

/// Finds the webhooks that have pending events, those that wait longest first.
async fn find_due(
    scheduler: &Scheduler,
    known: &mut Position,
    skipped_at: &mut Option<Instant>,
) -> Result<Vec<DueWebhook>, StoreError> {
    let all = skipped_at.is_none_or(|at| at.elapsed() > MAX_IDLE_LAG_TIME);
    let behind = if all { 0 } else { MAX_IDLE_LAG };
    let mut found = Vec::new();
    let mut after = WebhookId(Uuid::nil());
    let looking = scheduler.context.pool.ask_within(LOOK_TIMEOUT, async |connection| {
        let state = epoch::load(connection, *known).await?;
        let head = state.head();
        *known = head.position;
        loop {
            let due = webhook_leases::due(connection, head.epoch, head.position, after, WEBHOOKS_PER_PAGE).await?;
            let Some(last) = due.last() else { break };
            after = last.id;
            let interests: Vec<_> = due.iter().map(interest).collect();
            let has_pending = read::have_missed(connection, &interests, head.position).await?;
            let (busy, idle): (Vec<_>, Vec<_>) = due
                .into_iter()
                .zip(has_pending)
                .partition(|(due, has_pending)| *has_pending || !is_resumable(&state, due));
            found.extend(busy.into_iter().map(|(due, _)| due));
            let idle = idle.into_iter().map(|(due, _)| due);
            let left: Vec<_> = idle.filter(|due| head.position.0 - due.position.0 > behind).collect();
            if !left.is_empty() {
                webhook_leases::skip_to_head(connection, &left, head.epoch, head.position).await?;
            }
        }
        Ok::<_, StoreError>(())
    });
    looking.await?;
    if all {
        *skipped_at = Some(Instant::now());
    }
    found.sort_by_key(|due| due.since);
    Ok(found)
}

fn interest(due: &DueWebhook) -> MissedQuery {
    MissedQuery { user: due.owner, after: due.position, only: due.conversation }
}

fn is_resumable(state: &EpochHistory, due: &DueWebhook) -> bool {
    state.check(Cursor { epoch: due.epoch, position: due.position }) == CursorStatus::Valid
}

fn start_runs(scheduler: &Arc<Scheduler>, found: Vec<DueWebhook>) {
    for due in found {
        let Ok(permit) = scheduler.slots.clone().try_acquire_owned() else { return };
        if let Some(slot) = RunSlot::take(scheduler, &due, permit) {
            let scheduler = scheduler.clone();
            // A run ends soon after shutdown begins, and releases its lease.
            scheduler.context.shutdown.clone().spawn_to_completion(async move {
                deliver_pending(&scheduler.context, due.id).await;
                drop(slot);
            });
        }
    }
}

/// The slot of a run among all runs, and among those of its owner.
struct RunSlot {
    scheduler: Arc<Scheduler>,
    id: WebhookId,
    permit: Option<OwnedSemaphorePermit>,
}

impl RunSlot {
    fn take(scheduler: &Arc<Scheduler>, due: &DueWebhook, permit: OwnedSemaphorePermit) -> Option<Self> {
        let mut running = scheduler.running();
        let of_owner = running.values().filter(|owner| **owner == due.owner).count();
        if running.contains_key(&due.id) || of_owner >= MAX_RUNS_PER_OWNER {
            return None;
        }
        running.insert(due.id, due.owner);
        Some(Self { scheduler: scheduler.clone(), id: due.id, permit: Some(permit) })
    }
}

impl Drop for RunSlot {
    fn drop(&mut self) {
        self.scheduler.running().remove(&self.id);
        drop(self.permit.take());
        self.scheduler.ended.notify_one();
    }
}

impl Scheduler {
    fn running(&self) -> MutexGuard<'_, HashMap<WebhookId, UserId>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
