//! A run: delivers the pending events of one webhook, one after the other, until there are none, one fails, or the run
//! has lasted long enough.

use crate::domain::webhooks::backoff;
use crate::domain::webhooks::sender::{RESPONSE_TIMEOUT, WebhookPostError, WebhookSender};
use crate::ids::{LeaseId, WebhookId};
use crate::log::epoch::{self, CursorStatus};
use crate::log::read::{self, MAX_PAGE_EVENTS, MissedRange};
use crate::log::{Cursor, Event};
use crate::shutdown::Shutdown;
use crate::store::webhook_leases::{self, DeliveryFailure, WebhookLease};
use crate::store::webhooks::WebhookRow;
use crate::store::{Connection, Pool, StoreError, WebhookState};
use crate::telemetry::error_chain;
use crate::wire::Encoded;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a lease lasts that is not renewed: an attempt and the queries around it. After it, another node takes over
/// from one that died.
const DELIVERY_LEASE: Duration = Duration::from_secs(30);
/// How long a run may last, so that other webhooks get its slot.
const MAX_RUN_TIME: Duration = Duration::from_secs(10);
/// How old an event may be since it was read: a deletion of a message and a removal of a member must take effect soon.
const MAX_EVENT_AGE: Duration = Duration::from_secs(2);
/// How long an attempt may last after shutdown has begun.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(1);

/// What every delivery needs.
pub struct DeliveryContext {
    /// Serves deliveries only.
    pub pool: Pool,
    pub sender: WebhookSender,
    pub shutdown: Shutdown,
}

/// The events that wait for a webhook.
enum PendingEvents {
    /// In order. Empty if retention dropped them before they were read.
    Events(Vec<Event>),
    /// There are none up to here.
    None(Cursor),
    /// The log cannot go on from the cursor.
    Unresumable(CursorStatus),
}

/// Whether a run goes on.
#[derive(PartialEq, Eq)]
enum RunStep {
    Continue,
    End,
}

/// Delivers the pending events of a webhook, unless another run does.
pub async fn deliver_pending(context: &DeliveryContext, id: WebhookId) {
    let lease = LeaseId::new();
    let ended = match query(context, move |c| Box::pin(webhook_leases::claim(c, id, lease, DELIVERY_LEASE))).await {
        Ok(Some(webhook)) => deliver(context, webhook, lease).await,
        Ok(None) => return,
        Err(error) => Err(error),
    };
    if let Err(error) = ended {
        tracing::warn!(webhook = %id, error = error_chain(&error), "cannot go on with a webhook");
    }
    // If this fails, the lease expires.
    if let Err(error) = query(context, move |c| Box::pin(webhook_leases::release(c, id, lease))).await {
        tracing::warn!(webhook = %id, error = error_chain(&error), "cannot give the lease of a webhook back");
    }
}

async fn deliver(context: &DeliveryContext, mut webhook: WebhookRow, lease: LeaseId) -> Result<(), StoreError> {
    let began = Instant::now();
    loop {
        let lease_held = WebhookLease { id: webhook.id, lease, turn: webhook.turn };
        let read_at = Instant::now();
        match read_pending(context, &webhook).await? {
            PendingEvents::None(cursor) => {
                save_cursor(context, lease_held, cursor, false).await?;
                return Ok(());
            }
            PendingEvents::Unresumable(status) => return pause(context, lease_held, status).await,
            PendingEvents::Events(events) => {
                if post_all(context, &webhook, lease_held, events, read_at).await? == RunStep::End {
                    return Ok(());
                }
            }
        }
        if began.elapsed() > MAX_RUN_TIME || context.shutdown.is_requested() {
            return Ok(());
        }
        match query(context, move |c| Box::pin(webhook_leases::renew(c, lease_held, DELIVERY_LEASE))).await? {
            Some(now) => webhook = now,
            None => return Ok(()),
        }
    }
}

/// Posts events in order, as long as they are fresh.
async fn post_all(
    context: &DeliveryContext,
    webhook: &WebhookRow,
    lease_held: WebhookLease,
    events: Vec<Event>,
    read_at: Instant,
) -> Result<RunStep, StoreError> {
    let (mut passed, mut failures) = (None, webhook.attempts);
    for (index, event) in events.into_iter().enumerate() {
        // The first event is posted however slow the database was: reading it again would not make it fresher.
        if index > 0 && read_at.elapsed() > MAX_EVENT_AGE || context.shutdown.is_requested() {
            break;
        }
        let cursor = event.cursor();
        if !is_wanted(webhook, &event) {
            passed = Some(cursor);
            continue;
        }
        match post(context, webhook, event).await {
            None => return Ok(RunStep::End),
            Some(Ok(())) => {
                (passed, failures) = (None, 0);
                if !save_cursor(context, lease_held, cursor, true).await? {
                    return Ok(RunStep::End);
                }
            }
            Some(Err(failure)) => {
                record_failure(context, lease_held, failures, &failure).await?;
                return Ok(RunStep::End);
            }
        }
    }
    match passed {
        Some(cursor) if !save_cursor(context, lease_held, cursor, false).await? => Ok(RunStep::End),
        _ => Ok(RunStep::Continue),
    }
}

fn is_wanted(webhook: &WebhookRow, event: &Event) -> bool {
    webhook.types.as_ref().is_none_or(|types| types.iter().any(|name| name == event.kind.as_str()))
}

/// Posts one event; `None` when the server shuts down before the target has answered.
async fn post(context: &DeliveryContext, webhook: &WebhookRow, event: Event) -> Option<Result<(), WebhookPostError>> {
    // The same at each attempt, and different in another history of the log.
    let id = format!("{}_{}", webhook.id, event.cursor());
    let encoded = Encoded::new(Arc::new(event));
    let posting = context.sender.post(webhook, &id, Bytes::copy_from_slice(encoded.json()));
    let late = WebhookPostError { text: "the target did not answer in time".into(), gone: false, retry_after: None };
    tokio::select! {
        posted = tokio::time::timeout(RESPONSE_TIMEOUT, posting) => Some(posted.unwrap_or(Err(late))),
        () = async { context.shutdown.requested().await; tokio::time::sleep(SHUTDOWN_GRACE).await } => None,
    }
}

async fn read_pending(context: &DeliveryContext, webhook: &WebhookRow) -> Result<PendingEvents, StoreError> {
    let (owner, only) = (webhook.owner, webhook.conversation);
    let cursor = Cursor { epoch: webhook.epoch, position: webhook.position };
    query(context, move |connection| {
        Box::pin(async move {
            let state = epoch::load(connection, cursor.position).await?;
            match state.check(cursor) {
                CursorStatus::Valid => {}
                status => return Ok(PendingEvents::Unresumable(status)),
            }
            let span = MissedRange { after: cursor.position, upto: state.head().position, only };
            let positions = read::missed_positions(connection, owner, span, MAX_PAGE_EVENTS).await?;
            let events = read::events_page(connection, &positions).await?;
            // Checked after the read: retention announces what it will drop before it drops anything.
            if cursor.position < epoch::oldest_position(connection).await?.previous() {
                return Ok(PendingEvents::Unresumable(CursorStatus::Expired));
            }
            Ok(if positions.is_empty() { PendingEvents::None(state.head()) } else { PendingEvents::Events(events) })
        })
    })
    .await
}

async fn save_cursor(
    context: &DeliveryContext,
    lease_held: WebhookLease,
    cursor: Cursor,
    taken: bool,
) -> Result<bool, StoreError> {
    let place = (cursor.epoch, cursor.position);
    query(context, move |c| Box::pin(webhook_leases::save(c, lease_held, place, taken, DELIVERY_LEASE))).await
}

/// Stores that a target did not take an event, after `failures` failures in a row.
async fn record_failure(
    context: &DeliveryContext,
    lease_held: WebhookLease,
    failures: i32,
    failure: &WebhookPostError,
) -> Result<(), StoreError> {
    let failures = u32::try_from(failures).unwrap_or(0).saturating_add(1);
    let wait = backoff::wait(failures, failure.retry_after);
    let patience = if failure.gone { Duration::ZERO } else { backoff::PAUSE_AFTER };
    tracing::info!(webhook = %lease_held.id, failures, wait_s = wait.as_secs(), error = failure.text, "a webhook failed");
    fail(context, lease_held, failure.text.clone(), wait, patience).await
}

/// Pauses a webhook whose cursor the log cannot go on from.
async fn pause(context: &DeliveryContext, lease_held: WebhookLease, status: CursorStatus) -> Result<(), StoreError> {
    let error = match status {
        CursorStatus::Expired => {
            "events after the cursor are no longer kept: replay from `start`, `now` or a later cursor"
        }
        _ => "the log does not have the history of the cursor: replay from `start`, `now` or a good cursor",
    };
    fail(context, lease_held, error.into(), Duration::ZERO, Duration::ZERO).await
}

async fn fail(
    context: &DeliveryContext,
    lease_held: WebhookLease,
    error: String,
    wait: Duration,
    patience: Duration,
) -> Result<(), StoreError> {
    let state = query(context, move |connection| {
        Box::pin(async move {
            let failure = DeliveryFailure { error: &error, wait, patience };
            webhook_leases::fail(connection, lease_held, &failure).await
        })
    })
    .await?;
    if state == Some(WebhookState::Paused) {
        tracing::warn!(webhook = %lease_held.id, "a webhook is paused");
    }
    Ok(())
}

/// Runs a query with the usual time limit.
async fn query<T>(
    context: &DeliveryContext,
    statement: impl for<'a> FnOnce(&'a mut Connection) -> BoxFuture<'a, Result<T, StoreError>>,
) -> Result<T, StoreError> {
    context.pool.ask(async |connection| statement(connection).await).await
}
