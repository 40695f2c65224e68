//! One run: the events that wait for one webhook, one after the other, until there are none, one fails, or others are due.

use super::courier::{ANSWERED_WITHIN, Refusal};
use super::office::Office;
use super::pace;
use crate::ids::{LeaseId, WebhookId};
use crate::log::epoch::{self, CursorStatus};
use crate::log::read::{self, MAX_PAGE_EVENTS, MissedRange};
use crate::log::{Cursor, Event};
use crate::store::webhook_leases::{self, DeliveryFailure, WebhookLease};
use crate::store::webhooks::WebhookRow;
use crate::store::{ANSWER, Connection, StoreError, WebhookState};
use crate::telemetry::chain;
use crate::wire::Encoded;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a lease lasts that nobody renews: an attempt and the queries around it. A node that dies is taken over then.
const LEASE: Duration = Duration::from_secs(30);
/// How long a run may go on, so that others get its place.
const SLICE: Duration = Duration::from_secs(10);
/// How long events that were read may wait: whoever deletes a message, or is logged out, expects it to be soon.
const FRESH: Duration = Duration::from_secs(2);
/// How long an attempt may go on after shutdown has begun.
const LAST: Duration = Duration::from_secs(1);

/// What waits for a webhook.
enum Batch {
    /// In order; none, if they were kept no longer when they were read.
    Events(Vec<Event>),
    /// Nothing up to here.
    Nothing(Cursor),
    /// The log cannot go on from the cursor.
    Dead(CursorStatus),
}

/// Why a run goes on or not.
#[derive(PartialEq, Eq)]
enum Next {
    On,
    End,
}

/// Delivers what waits for a webhook, if nobody else does.
pub async fn run(office: &Office, id: WebhookId) {
    let lease = LeaseId::new();
    let ended = match ask(office, move |c| Box::pin(webhook_leases::claim(c, id, lease, LEASE))).await {
        Ok(Some(webhook)) => deliver(office, webhook, lease).await,
        Ok(None) => return,
        Err(error) => Err(error),
    };
    if let Err(error) = ended {
        tracing::warn!(webhook = %id, error = chain(&error), "cannot go on with a webhook");
    }
    // If this does not come through, the lease ends by itself.
    if let Err(error) = ask(office, move |c| Box::pin(webhook_leases::release(c, id, lease))).await {
        tracing::warn!(webhook = %id, error = chain(&error), "cannot give the lease of a webhook back");
    }
}

async fn deliver(office: &Office, mut webhook: WebhookRow, lease: LeaseId) -> Result<(), StoreError> {
    let began = Instant::now();
    loop {
        let right = WebhookLease { id: webhook.id, lease, turn: webhook.turn };
        let read_at = Instant::now();
        match batch(office, &webhook).await? {
            Batch::Nothing(cursor) => {
                save(office, right, cursor, false).await?;
                return Ok(());
            }
            Batch::Dead(judgement) => return pause(office, right, judgement).await,
            Batch::Events(events) => {
                if post_all(office, &webhook, right, events, read_at).await? == Next::End {
                    return Ok(());
                }
            }
        }
        if began.elapsed() > SLICE || office.shutdown.has_begun() {
            return Ok(());
        }
        match ask(office, move |c| Box::pin(webhook_leases::renew(c, right, LEASE))).await? {
            Some(now) => webhook = now,
            None => return Ok(()),
        }
    }
}

/// Posts events in order, as long as they are fresh.
async fn post_all(
    office: &Office,
    webhook: &WebhookRow,
    right: WebhookLease,
    events: Vec<Event>,
    read_at: Instant,
) -> Result<Next, StoreError> {
    let (mut passed, mut failures) = (None, webhook.attempts);
    for (index, event) in events.into_iter().enumerate() {
        // However slow the database is, the first is as fresh as can be.
        if index > 0 && read_at.elapsed() > FRESH || office.shutdown.has_begun() {
            break;
        }
        let cursor = event.cursor();
        if !is_wanted(webhook, &event) {
            passed = Some(cursor);
            continue;
        }
        match post(office, webhook, event).await {
            None => return Ok(Next::End),
            Some(Ok(())) => {
                (passed, failures) = (None, 0);
                if !save(office, right, cursor, true).await? {
                    return Ok(Next::End);
                }
            }
            Some(Err(refusal)) => {
                note(office, right, failures, &refusal).await?;
                return Ok(Next::End);
            }
        }
    }
    match passed {
        Some(cursor) if !save(office, right, cursor, false).await? => Ok(Next::End),
        _ => Ok(Next::On),
    }
}

fn is_wanted(webhook: &WebhookRow, event: &Event) -> bool {
    webhook.types.as_ref().is_none_or(|types| types.iter().any(|name| name == event.kind.as_str()))
}

/// Posts one event; `None` when the server shuts down before the target has answered.
async fn post(office: &Office, webhook: &WebhookRow, event: Event) -> Option<Result<(), Refusal>> {
    // The same at each attempt, and another in another history of the log.
    let id = format!("{}_{}", webhook.id, event.cursor());
    let encoded = Encoded::new(Arc::new(event));
    let posting = office.courier.post(webhook, &id, Bytes::copy_from_slice(encoded.json()));
    let late = Refusal { text: "the target did not answer in time".into(), gone: false, retry_after: None };
    tokio::select! {
        posted = tokio::time::timeout(ANSWERED_WITHIN, posting) => Some(posted.unwrap_or(Err(late))),
        () = async { office.shutdown.begun().await; tokio::time::sleep(LAST).await } => None,
    }
}

async fn batch(office: &Office, webhook: &WebhookRow) -> Result<Batch, StoreError> {
    let (owner, only) = (webhook.owner, webhook.conversation);
    let cursor = Cursor { epoch: webhook.epoch, position: webhook.position };
    ask(office, move |connection| {
        Box::pin(async move {
            let state = epoch::load(connection, cursor.position).await?;
            match state.check(cursor) {
                CursorStatus::Valid => {}
                judgement => return Ok(Batch::Dead(judgement)),
            }
            let span = MissedRange { after: cursor.position, upto: state.head().position, only };
            let positions = read::missed_positions(connection, owner, span, MAX_PAGE_EVENTS).await?;
            let events = read::events_page(connection, &positions).await?;
            // Asked afterwards: retention tells what it will drop before it drops anything.
            if cursor.position < epoch::oldest_position(connection).await?.previous() {
                return Ok(Batch::Dead(CursorStatus::Expired));
            }
            Ok(if positions.is_empty() { Batch::Nothing(state.head()) } else { Batch::Events(events) })
        })
    })
    .await
}

async fn save(office: &Office, right: WebhookLease, cursor: Cursor, taken: bool) -> Result<bool, StoreError> {
    let place = (cursor.epoch, cursor.position);
    ask(office, move |c| Box::pin(webhook_leases::save(c, right, place, taken, LEASE))).await
}

/// Notes that a target refused an event, after so many failures in a row.
async fn note(office: &Office, right: WebhookLease, failures: i32, refusal: &Refusal) -> Result<(), StoreError> {
    let failures = u32::try_from(failures).unwrap_or(0).saturating_add(1);
    let wait = pace::wait(failures, refusal.retry_after);
    let patience = if refusal.gone { Duration::ZERO } else { pace::PATIENCE };
    tracing::info!(webhook = %right.id, failures, wait_s = wait.as_secs(), error = refusal.text, "a webhook failed");
    fail(office, right, refusal.text.clone(), wait, patience).await
}

/// Leaves a webhook alone whose cursor leads nowhere.
async fn pause(office: &Office, right: WebhookLease, judgement: CursorStatus) -> Result<(), StoreError> {
    let error = match judgement {
        CursorStatus::Expired => {
            "events after the cursor are no longer kept: replay from `start`, `now` or a later cursor"
        }
        _ => "the log does not have the history of the cursor: replay from `start`, `now` or a good cursor",
    };
    fail(office, right, error.into(), Duration::ZERO, Duration::ZERO).await
}

async fn fail(
    office: &Office,
    right: WebhookLease,
    error: String,
    wait: Duration,
    patience: Duration,
) -> Result<(), StoreError> {
    let state = ask(office, move |connection| {
        Box::pin(async move {
            let failure = DeliveryFailure { error: &error, wait, patience };
            webhook_leases::fail(connection, right, &failure).await
        })
    })
    .await?;
    if state == Some(WebhookState::Paused) {
        tracing::warn!(webhook = %right.id, "a webhook is paused");
    }
    Ok(())
}

/// Asks PostgreSQL, not for longer than it may take.
async fn ask<T>(
    office: &Office,
    question: impl for<'a> FnOnce(&'a mut Connection) -> BoxFuture<'a, Result<T, StoreError>>,
) -> Result<T, StoreError> {
    let mut connection = office.pool.get().await?;
    let answered = tokio::time::timeout(ANSWER, question(&mut connection)).await;
    connection.settle(answered)
}
