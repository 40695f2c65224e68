//! Webhooks: the address that events are posted to, and the position up to which they were. Which node delivers is decided in
//! [`webhook_leases`](crate::store::webhook_leases).

use crate::ids::{ConversationId, Epoch, Position, UserId, WebhookId};
use crate::store::database::connect::Connection;
use crate::store::database::enums::WebhookState;
use crate::store::database::error::StoreError;
use crate::store::database::sql::{Sql, Time, only, sql};
use crate::store::tables::accounts::users;
use diesel::prelude::Queryable;
use diesel::sql_types::{Array, BigInt, Bool, Bytea, Integer, Nullable, Text, Timestamptz, Uuid as Id};
use diesel_async::RunQueryDsl;

/// A webhook. It has no `Debug`, so that its secret and its address, which may contain another one, reach no log.
#[derive(Clone, Queryable)]
pub struct WebhookRow {
    pub id: WebhookId,
    pub owner: UserId,
    pub mac: Vec<u8>,
    pub url: String,
    /// None: all conversations that the owner is a member of.
    pub conversation: Option<ConversationId>,
    /// None: all types of events.
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

pub(super) type WebhookColumns = (
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
pub(super) use columns;

/// The values of a new webhook.
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

/// A change of a webhook by its owner; fields that are `None` stay as they are.
#[derive(Default)]
pub struct WebhookChanges {
    pub url: Option<String>,
    pub types: Option<Option<Vec<String>>>,
    pub state: Option<WebhookState>,
}

/// Inserts a webhook. Returns `None` if the id is taken.
pub async fn insert(connection: &mut Connection, new: &NewWebhook<'_>) -> Result<Option<WebhookRow>, StoreError> {
    let query: Sql<'_, WebhookColumns> =
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

/// Finds a webhook by its id, whoever owns it.
pub async fn by_id(connection: &mut Connection, id: WebhookId) -> Result<Option<WebhookRow>, StoreError> {
    let query: Sql<'_, WebhookColumns> =
        sql(concat!("SELECT ", columns!(), " FROM webhooks WHERE id = ")).bind::<Id, _>(id);
    Ok(query.load(connection).await?.into_iter().next())
}

/// Lists at most `limit` webhooks of a user, by id, after `after`.
pub async fn list(
    connection: &mut Connection,
    owner: UserId,
    after: WebhookId,
    limit: i64,
) -> Result<Vec<WebhookRow>, StoreError> {
    let query: Sql<'_, WebhookColumns> = sql(concat!("SELECT ", columns!(), " FROM webhooks WHERE owner_id = "))
        .bind::<Id, _>(owner)
        .sql(" AND id > ")
        .bind::<Id, _>(after)
        .sql(" ORDER BY id LIMIT ")
        .bind::<BigInt, _>(limit);
    Ok(query.load(connection).await?)
}

/// Counts the webhooks of a user, and locks the user's row until the transaction ends, so that the count stays true.
pub async fn lock_and_count(connection: &mut Connection, owner: UserId) -> Result<i64, StoreError> {
    users::lock(connection, owner).await?;
    let query = sql::<BigInt>("SELECT count(*) FROM webhooks WHERE owner_id = ").bind::<Id, _>(owner);
    Ok(only(query.load(connection).await?)?)
}

/// Changes a webhook of `owner`. Returns `None` if there is none. A webhook that is made active, or gets another address,
/// starts without failed attempts.
pub async fn update(
    connection: &mut Connection,
    id: WebhookId,
    owner: UserId,
    changes: &WebhookChanges,
) -> Result<Option<WebhookRow>, StoreError> {
    let anew = changes.url.is_some() || changes.state == Some(WebhookState::Active);
    let query: Sql<'_, WebhookColumns> = sql("UPDATE webhooks SET url = coalesce(")
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

/// Moves the cursor of a webhook of `owner` and makes it active. Returns `None` if there is none.
pub async fn replay(
    connection: &mut Connection,
    id: WebhookId,
    owner: UserId,
    epoch: Epoch,
    position: Position,
) -> Result<Option<WebhookRow>, StoreError> {
    let query: Sql<'_, WebhookColumns> = sql("UPDATE webhooks SET epoch = ")
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

/// Deletes all webhooks of `owner`.
pub async fn delete_all(connection: &mut Connection, owner: UserId) -> Result<(), StoreError> {
    let query = sql::<Id>("DELETE FROM webhooks WHERE owner_id = ").bind::<Id, _>(owner).sql(" RETURNING id");
    query.load::<WebhookId>(connection).await?;
    Ok(())
}

/// Deletes a webhook of `owner`. Returns whether there was one.
pub async fn delete(connection: &mut Connection, id: WebhookId, owner: UserId) -> Result<bool, StoreError> {
    let query = sql::<Id>("DELETE FROM webhooks WHERE id = ")
        .bind::<Id, _>(id)
        .sql(" AND owner_id = ")
        .bind::<Id, _>(owner)
        .sql(" RETURNING id");
    Ok(!query.load::<WebhookId>(connection).await?.is_empty())
}
