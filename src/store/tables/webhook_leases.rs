//! Leases of webhooks: one delivery a webhook at a time, on whichever node. A lease expires by the database's clock. A
//! delivery writes only while it holds the lease and while nobody has moved the cursor (`turn`).

use crate::ids::{ConversationId, Epoch, LeaseId, Position, UserId, WebhookId};
use crate::store::database::connect::Connection;
use crate::store::database::enums::WebhookState;
use crate::store::database::error::StoreError;
use crate::store::database::sql::{Sql, Time, from_now, seconds, sql};
use crate::store::tables::webhooks::{WebhookColumns, WebhookRow, columns};
use diesel::prelude::Queryable;
use diesel::sql_types::{Array, BigInt, Bool, Integer, Interval, Nullable, Text, Timestamptz, Uuid as Id};
use diesel_async::RunQueryDsl;
use std::time::Duration;

/// A webhook that may have events to deliver.
#[derive(Clone, Copy, Debug, Queryable)]
pub struct DueWebhook {
    pub id: WebhookId,
    pub owner: UserId,
    pub conversation: Option<ConversationId>,
    pub epoch: Epoch,
    pub position: Position,
    pub turn: i32,
    /// Since when it waits for a delivery.
    pub since: Time,
}

/// The lease under which a delivery writes.
#[derive(Clone, Copy, Debug)]
pub struct WebhookLease {
    pub id: WebhookId,
    pub lease: LeaseId,
    pub turn: i32,
}

/// A failed attempt to deliver.
pub struct DeliveryFailure<'a> {
    pub error: &'a str,
    /// How long to wait before the next attempt.
    pub wait: Duration,
    /// The webhook is paused once all attempts have failed for this long; zero: at once.
    pub patience: Duration,
}

/// Lists at most `limit` webhooks, by id, after `after`, that have no lease, are due, and are not at the head of the log.
pub async fn due(
    connection: &mut Connection,
    epoch: Epoch,
    head: Position,
    after: WebhookId,
    limit: i64,
) -> Result<Vec<DueWebhook>, StoreError> {
    let query = sql::<(Id, Id, Nullable<Id>, BigInt, BigInt, Integer, Timestamptz)>(
        "SELECT id, owner_id, conversation_id, epoch, position, turn, next_attempt_at FROM webhooks
          WHERE state = 'active' AND next_attempt_at <= now() AND coalesce(lease_until <= now(), true)
            AND (epoch, position) <> (",
    )
    .bind::<BigInt, _>(epoch)
    .sql(", ")
    .bind::<BigInt, _>(head)
    .sql(") AND id > ")
    .bind::<Id, _>(after)
    .sql(" AND user_is_enabled(owner_id) ORDER BY id LIMIT ")
    .bind::<BigInt, _>(limit);
    Ok(query.load(connection).await?)
}

/// Moves the cursors of webhooks without anything to deliver to the head, so that the same events are not checked again.
pub async fn skip_to_head(
    connection: &mut Connection,
    idle: &[DueWebhook],
    epoch: Epoch,
    head: Position,
) -> Result<(), StoreError> {
    let (ids, turns): (Vec<_>, Vec<_>) = idle.iter().map(|due| (due.id, due.turn)).unzip();
    let query = sql::<Id>("UPDATE webhooks w SET epoch = ")
        .bind::<BigInt, _>(epoch)
        .sql(", position = ")
        .bind::<BigInt, _>(head)
        .sql(" FROM unnest(")
        .bind::<Array<Id>, _>(ids)
        .sql(", ")
        .bind::<Array<Integer>, _>(turns)
        .sql(") AS idle (id, turn) WHERE w.id = idle.id AND w.turn = idle.turn AND w.position < ")
        .bind::<BigInt, _>(head)
        .sql(" RETURNING w.id");
    query.load::<WebhookId>(connection).await?;
    Ok(())
}

/// Takes the lease of a webhook. Returns `None` if another delivery holds it, or the webhook is not due any more.
pub async fn claim(
    connection: &mut Connection,
    id: WebhookId,
    lease: LeaseId,
    lifetime: Duration,
) -> Result<Option<WebhookRow>, StoreError> {
    let query: Sql<'_, WebhookColumns> = sql("UPDATE webhooks SET lease = ")
        .bind::<Id, _>(lease)
        .sql(", lease_until = ")
        .bind::<Timestamptz, _>(from_now(seconds(lifetime)))
        .sql(" WHERE id = ")
        .bind::<Id, _>(id)
        .sql(concat!(
            " AND state = 'active' AND next_attempt_at <= now() AND coalesce(lease_until <= now(), true)
              AND user_is_enabled(owner_id) RETURNING ",
            columns!()
        ));
    Ok(query.load(connection).await?.into_iter().next())
}

/// Adds the condition that the lease is still held.
fn of_right<Row>(query: Sql<'_, Row>, right: WebhookLease) -> Sql<'_, Row> {
    query
        .sql(" WHERE id = ")
        .bind::<Id, _>(right.id)
        .sql(" AND lease = ")
        .bind::<Id, _>(right.lease)
        .sql(" AND turn = ")
        .bind::<Integer, _>(right.turn)
}

/// Renews a lease and returns the webhook as it is now. Returns `None` if the lease is lost, or deliveries must end.
pub async fn renew(
    connection: &mut Connection,
    right: WebhookLease,
    lifetime: Duration,
) -> Result<Option<WebhookRow>, StoreError> {
    let query: Sql<'_, WebhookColumns> =
        sql("UPDATE webhooks SET lease_until = ").bind::<Timestamptz, _>(from_now(seconds(lifetime)));
    let query = of_right(query, right)
        .sql(concat!(" AND state = 'active' AND user_is_enabled(owner_id) RETURNING ", columns!()));
    Ok(query.load(connection).await?.into_iter().next())
}

/// Stores the cursor and renews the lease. With `taken` the target has accepted an event, which ends a series of failures.
/// Returns whether the delivery may go on.
pub async fn save(
    connection: &mut Connection,
    right: WebhookLease,
    (epoch, position): (Epoch, Position),
    taken: bool,
    lifetime: Duration,
) -> Result<bool, StoreError> {
    let query = sql::<Bool>("UPDATE webhooks SET epoch = ")
        .bind::<BigInt, _>(epoch)
        .sql(", position = ")
        .bind::<BigInt, _>(position)
        .sql(", lease_until = ")
        .bind::<Timestamptz, _>(from_now(seconds(lifetime)))
        .sql(", attempts = CASE WHEN ")
        .bind::<Bool, _>(taken)
        .sql(" THEN 0 ELSE attempts END, last_error = CASE WHEN ")
        .bind::<Bool, _>(taken)
        .sql(" THEN NULL ELSE last_error END, failing_since = CASE WHEN ")
        .bind::<Bool, _>(taken)
        .sql(" THEN NULL ELSE failing_since END");
    let query = of_right(query, right).sql(" RETURNING state = 'active' AND user_is_enabled(owner_id)");
    Ok(query.load::<bool>(connection).await? == [true])
}

/// Stores a failed attempt. Returns the state that follows, or `None` if the lease is lost.
pub async fn fail(
    connection: &mut Connection,
    right: WebhookLease,
    failure: &DeliveryFailure<'_>,
) -> Result<Option<WebhookState>, StoreError> {
    let query = sql::<Text>("UPDATE webhooks SET attempts = attempts + 1, last_error = ")
        .bind::<Text, _>(failure.error)
        .sql(
            ", failing_since = coalesce(failing_since, now()),
               state = CASE WHEN coalesce(failing_since, now()) <= now() - ",
        )
        .bind::<Interval, _>(seconds(failure.patience))
        .sql(" THEN 'paused' ELSE state END, next_attempt_at = ")
        .bind::<Timestamptz, _>(from_now(seconds(failure.wait)));
    let query = of_right(query, right).sql(" RETURNING state");
    Ok(query.load(connection).await?.into_iter().next())
}

/// Releases a lease. The webhook goes to the end of the queue, or stays further back after a failure.
pub async fn release(connection: &mut Connection, id: WebhookId, lease: LeaseId) -> Result<(), StoreError> {
    let query = sql::<Id>(
        "UPDATE webhooks SET lease = NULL, lease_until = NULL, next_attempt_at = greatest(next_attempt_at, now())
          WHERE id = ",
    )
    .bind::<Id, _>(id)
    .sql(" AND lease = ")
    .bind::<Id, _>(lease)
    .sql(" RETURNING id");
    query.load::<WebhookId>(connection).await?;
    Ok(())
}
