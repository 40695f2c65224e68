//! Webhooks: where events are posted to, who delivers now, and how far that has got.
//!
//! One run delivers to a webhook at a time, under a lease that ends by the database's clock. Whatever a run writes, it
//! writes only if the lease is still its own and nobody has put the cursor elsewhere (`turn`).

use super::sql::{Sql, from_now, only, seconds, sql};
use super::{Connection, StoreError, Time, WebhookState, users};
use crate::ids::{ConversationId, Epoch, LeaseId, Position, UserId, WebhookId};
use diesel::prelude::Queryable;
use diesel::sql_types::{Array, BigInt, Bool, Bytea, Integer, Interval, Nullable, Text, Timestamptz, Uuid as Id};
use diesel_async::RunQueryDsl;
use std::time::Duration;

/// A webhook. It shows neither its secret nor its address, which may hold one, in any log.
#[derive(Clone, Queryable)]
pub struct Webhook {
    pub id: WebhookId,
    pub owner: UserId,
    pub mac: Vec<u8>,
    pub url: String,
    /// None: all that the owner is a member of.
    pub conversation: Option<ConversationId>,
    /// None: all.
    pub types: Option<Vec<String>>,
    pub secret: Vec<u8>,
    pub epoch: Epoch,
    pub position: Position,
    pub turn: i32,
    pub state: WebhookState,
    pub last_error: Option<String>,
    pub failing_since: Option<Time>,
    pub attempts: i32,
    pub created_at: Time,
}

type Columns = (
    Id,
    Id,
    Bytea,
    Text,
    Nullable<Id>,
    Nullable<Array<Text>>,
    Bytea,
    BigInt,
    BigInt,
    Integer,
    Text,
    Nullable<Text>,
    Nullable<Timestamptz>,
    Integer,
    Timestamptz,
);

macro_rules! columns {
    () => {
        "id, owner_id, mac, url, conversation_id, types, secret, epoch, position, turn, state, last_error, failing_since,
         attempts, created_at"
    };
}

/// A webhook to be.
pub struct NewWebhook<'a> {
    pub id: WebhookId,
    pub owner: UserId,
    pub mac: &'a [u8],
    pub url: &'a str,
    pub conversation: Option<ConversationId>,
    pub types: Option<&'a [String]>,
    pub secret: &'a [u8],
    pub epoch: Epoch,
    pub position: Position,
}

/// What its owner changes of a webhook; what is not given stays.
#[derive(Default)]
pub struct Changes {
    pub url: Option<String>,
    pub types: Option<Option<Vec<String>>>,
    pub state: Option<WebhookState>,
}

/// A webhook that may have something to deliver.
#[derive(Clone, Copy, Debug, Queryable)]
pub struct Due {
    pub id: WebhookId,
    pub owner: UserId,
    pub conversation: Option<ConversationId>,
    pub epoch: Epoch,
    pub position: Position,
    pub turn: i32,
    /// Since when it waits.
    pub since: Time,
}

/// By what right a run writes.
#[derive(Clone, Copy, Debug)]
pub struct Right {
    pub id: WebhookId,
    pub lease: LeaseId,
    pub turn: i32,
}

/// An attempt that failed.
pub struct Failure<'a> {
    pub error: &'a str,
    /// How long to wait before the next.
    pub wait: Duration,
    /// After how long a time of nothing but failures the webhook is paused; zero: at once.
    pub patience: Duration,
}

/// Makes a webhook; `None` when the id is taken.
///
/// # Errors
/// [`StoreError`].
pub async fn insert(connection: &mut Connection, new: &NewWebhook<'_>) -> Result<Option<Webhook>, StoreError> {
    let query: Sql<'_, Columns> =
        sql("INSERT INTO webhooks (id, owner_id, mac, url, conversation_id, types, secret, epoch, position) VALUES (")
            .bind::<Id, _>(new.id)
            .sql(", ")
            .bind::<Id, _>(new.owner)
            .sql(", ")
            .bind::<Bytea, _>(new.mac)
            .sql(", ")
            .bind::<Text, _>(new.url)
            .sql(", ")
            .bind::<Nullable<Id>, _>(new.conversation)
            .sql(", ")
            .bind::<Nullable<Array<Text>>, _>(new.types)
            .sql(", ")
            .bind::<Bytea, _>(new.secret)
            .sql(", ")
            .bind::<BigInt, _>(new.epoch)
            .sql(", ")
            .bind::<BigInt, _>(new.position)
            .sql(concat!(") ON CONFLICT (id) DO NOTHING RETURNING ", columns!()));
    Ok(query.load(connection).await?.into_iter().next())
}

/// A webhook, anybody's.
///
/// # Errors
/// [`StoreError`].
pub async fn by_id(connection: &mut Connection, id: WebhookId) -> Result<Option<Webhook>, StoreError> {
    let query: Sql<'_, Columns> = sql(concat!("SELECT ", columns!(), " FROM webhooks WHERE id = ")).bind::<Id, _>(id);
    Ok(query.load(connection).await?.into_iter().next())
}

/// A user's webhooks after one of them, by id, at most `limit`.
///
/// # Errors
/// [`StoreError`].
pub async fn list(
    connection: &mut Connection,
    owner: UserId,
    after: WebhookId,
    limit: i64,
) -> Result<Vec<Webhook>, StoreError> {
    let query: Sql<'_, Columns> = sql(concat!("SELECT ", columns!(), " FROM webhooks WHERE owner_id = "))
        .bind::<Id, _>(owner)
        .sql(" AND id > ")
        .bind::<Id, _>(after)
        .sql(" ORDER BY id LIMIT ")
        .bind::<BigInt, _>(limit);
    Ok(query.load(connection).await?)
}

/// How many webhooks a user has; until the transaction ends, nobody else who asks so gets an answer.
///
/// # Errors
/// [`StoreError`].
pub async fn lock_and_count(connection: &mut Connection, owner: UserId) -> Result<i64, StoreError> {
    users::hold(connection, owner).await?;
    let query = sql::<BigInt>("SELECT count(*) FROM webhooks WHERE owner_id = ").bind::<Id, _>(owner);
    Ok(only(query.load(connection).await?)?)
}

/// Changes a webhook of `owner`; `None` when there is none. What is made active, or gets another address, begins anew.
///
/// # Errors
/// [`StoreError`].
pub async fn update(
    connection: &mut Connection,
    id: WebhookId,
    owner: UserId,
    changes: &Changes,
) -> Result<Option<Webhook>, StoreError> {
    let anew = changes.url.is_some() || changes.state == Some(WebhookState::Active);
    let query: Sql<'_, Columns> = sql("UPDATE webhooks SET url = coalesce(")
        .bind::<Nullable<Text>, _>(changes.url.as_deref())
        .sql(", url), state = coalesce(")
        .bind::<Nullable<Text>, _>(changes.state)
        .sql(", state), types = CASE WHEN ")
        .bind::<Bool, _>(changes.types.is_some())
        .sql(" THEN ")
        .bind::<Nullable<Array<Text>>, _>(changes.types.as_ref().and_then(Option::as_deref))
        .sql(" ELSE types END, attempts = CASE WHEN ")
        .bind::<Bool, _>(anew)
        .sql(" THEN 0 ELSE attempts END, last_error = CASE WHEN ")
        .bind::<Bool, _>(anew)
        .sql(" THEN NULL ELSE last_error END, failing_since = CASE WHEN ")
        .bind::<Bool, _>(anew)
        .sql(" THEN NULL ELSE failing_since END, next_attempt_at = CASE WHEN ")
        .bind::<Bool, _>(anew)
        .sql(" THEN now() ELSE next_attempt_at END WHERE id = ")
        .bind::<Id, _>(id)
        .sql(" AND owner_id = ")
        .bind::<Id, _>(owner)
        .sql(concat!(" RETURNING ", columns!()));
    Ok(query.load(connection).await?.into_iter().next())
}

/// Puts the cursor of a webhook of `owner` elsewhere and makes it active; `None` when there is none.
///
/// # Errors
/// [`StoreError`].
pub async fn replay(
    connection: &mut Connection,
    id: WebhookId,
    owner: UserId,
    epoch: Epoch,
    position: Position,
) -> Result<Option<Webhook>, StoreError> {
    let query: Sql<'_, Columns> = sql("UPDATE webhooks SET epoch = ")
        .bind::<BigInt, _>(epoch)
        .sql(", position = ")
        .bind::<BigInt, _>(position)
        .sql(
            ", turn = turn + 1, state = 'active', attempts = 0, last_error = NULL, failing_since = NULL,
               next_attempt_at = now() WHERE id = ",
        )
        .bind::<Id, _>(id)
        .sql(" AND owner_id = ")
        .bind::<Id, _>(owner)
        .sql(concat!(" RETURNING ", columns!()));
    Ok(query.load(connection).await?.into_iter().next())
}

/// Removes a webhook of `owner`; answers whether there was one.
///
/// # Errors
/// [`StoreError`].
pub async fn delete(connection: &mut Connection, id: WebhookId, owner: UserId) -> Result<bool, StoreError> {
    let query = sql::<Id>("DELETE FROM webhooks WHERE id = ")
        .bind::<Id, _>(id)
        .sql(" AND owner_id = ")
        .bind::<Id, _>(owner)
        .sql(" RETURNING id");
    Ok(!query.load::<WebhookId>(connection).await?.is_empty())
}

/// The webhooks that nobody delivers to, whose time has come, and which are not at the head of the log; by id, after one
/// of them, at most `limit`.
///
/// # Errors
/// [`StoreError`].
pub async fn due(
    connection: &mut Connection,
    epoch: Epoch,
    head: Position,
    after: WebhookId,
    limit: i64,
) -> Result<Vec<Due>, StoreError> {
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

/// Moves webhooks that have nothing to deliver up to the head, so that nobody looks at what is behind it again.
///
/// # Errors
/// [`StoreError`].
pub async fn pass(connection: &mut Connection, idle: &[Due], epoch: Epoch, head: Position) -> Result<(), StoreError> {
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

/// Takes the lease of a webhook; `None` when somebody else has it, or there is nothing to do any more.
///
/// # Errors
/// [`StoreError`].
pub async fn claim(
    connection: &mut Connection,
    id: WebhookId,
    lease: LeaseId,
    lifetime: Duration,
) -> Result<Option<Webhook>, StoreError> {
    let query: Sql<'_, Columns> = sql("UPDATE webhooks SET lease = ")
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

/// Holds on to a lease, and answers the webhook as it is now; `None` when it is lost, or deliveries must end.
///
/// # Errors
/// [`StoreError`].
pub async fn renew(
    connection: &mut Connection,
    right: Right,
    lifetime: Duration,
) -> Result<Option<Webhook>, StoreError> {
    let query: Sql<'_, Columns> = sql("UPDATE webhooks SET lease_until = ")
        .bind::<Timestamptz, _>(from_now(seconds(lifetime)))
        .sql(" WHERE id = ")
        .bind::<Id, _>(right.id)
        .sql(" AND lease = ")
        .bind::<Id, _>(right.lease)
        .sql(" AND turn = ")
        .bind::<Integer, _>(right.turn)
        .sql(concat!(" AND state = 'active' AND user_is_enabled(owner_id) RETURNING ", columns!()));
    Ok(query.load(connection).await?.into_iter().next())
}

/// Moves the cursor and holds on to the lease; with `taken`, the target has taken an event, and all is well with it.
/// Answers whether the run may go on.
///
/// # Errors
/// [`StoreError`].
pub async fn save(
    connection: &mut Connection,
    right: Right,
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
        .sql(" THEN NULL ELSE failing_since END WHERE id = ")
        .bind::<Id, _>(right.id)
        .sql(" AND lease = ")
        .bind::<Id, _>(right.lease)
        .sql(" AND turn = ")
        .bind::<Integer, _>(right.turn)
        .sql(" RETURNING state = 'active' AND user_is_enabled(owner_id)");
    Ok(query.load::<bool>(connection).await? == [true])
}

/// Notes a failure; answers the state that comes of it, if the run still had the right to.
///
/// # Errors
/// [`StoreError`].
pub async fn fail(
    connection: &mut Connection,
    right: Right,
    failure: &Failure<'_>,
) -> Result<Option<WebhookState>, StoreError> {
    let query = sql::<Text>("UPDATE webhooks SET attempts = attempts + 1, last_error = ")
        .bind::<Text, _>(failure.error)
        .sql(
            ", failing_since = coalesce(failing_since, now()),
               state = CASE WHEN coalesce(failing_since, now()) <= now() - ",
        )
        .bind::<Interval, _>(seconds(failure.patience))
        .sql(" THEN 'paused' ELSE state END, next_attempt_at = ")
        .bind::<Timestamptz, _>(from_now(seconds(failure.wait)))
        .sql(" WHERE id = ")
        .bind::<Id, _>(right.id)
        .sql(" AND lease = ")
        .bind::<Id, _>(right.lease)
        .sql(" AND turn = ")
        .bind::<Integer, _>(right.turn)
        .sql(" RETURNING state");
    Ok(query.load(connection).await?.into_iter().next())
}

/// Gives a lease back; the webhook is last in the queue then, unless a failure has put it further back.
///
/// # Errors
/// [`StoreError`].
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
