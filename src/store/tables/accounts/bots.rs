//! Bots, their owners, and their tokens.

use crate::ids::{SessionId, UserId};
use crate::store::database::connect::Connection;
use crate::store::database::enums::UserRole;
use crate::store::database::error::StoreError;
use crate::store::database::error_class::violates;
use crate::store::database::schema::{bot_tokens, bots, sessions as session_rows, users as user_rows};
use crate::store::database::sql::{Time, from_now, seconds, sql};
use crate::store::tables::accounts::users::UserRow;
use crate::store::tables::accounts::{sessions, users};
use diesel::prelude::*;
use diesel::sql_types::{Array, Binary, Nullable, Timestamptz, Uuid};
use diesel_async::RunQueryDsl;
use std::time::Duration;

/// The owner of a bot, and the HMAC of the request that made it.
#[derive(Clone, Debug, Queryable)]
pub struct BotOrigin {
    pub owner: UserId,
    pub mac: Vec<u8>,
}

/// A token, without its secret.
#[derive(Clone, Debug, Queryable)]
pub struct BotTokenRow {
    pub id: SessionId,
    pub bot: UserId,
    pub name: Option<String>,
    pub prefix: String,
    pub created_at: Time,
    /// None: never.
    pub expires_at: Option<Time>,
    pub revoked_at: Option<Time>,
    pub mac: Vec<u8>,
}

/// The values of a new token.
#[derive(Clone, Debug)]
pub struct NewBotToken<'a> {
    pub id: SessionId,
    pub bot: UserId,
    pub name: Option<&'a str>,
    pub hash: &'a [u8],
    pub prefix: &'a str,
    pub mac: &'a [u8],
    /// How long the session of the token lasts.
    pub lifetime: Duration,
    /// Whether the token never expires.
    pub endless: bool,
}

/// The bot and the session that a token belongs to.
#[derive(Clone, Debug, Queryable)]
pub struct BotTokenSession {
    pub bot: UserId,
    pub session: SessionId,
    pub expires_at: Time,
    pub revoked_at: Option<Time>,
}

/// The result of inserting a bot.
#[derive(Debug)]
pub enum BotInsertion {
    Created(UserRow),
    NameTaken,
    IdTaken,
}

/// Inserts a bot.
pub async fn insert(
    connection: &mut Connection,
    id: UserId,
    made: &BotOrigin,
    name: &str,
    display_name: &str,
) -> Result<BotInsertion, StoreError> {
    let inserted = diesel::insert_into(user_rows::table)
        .values((
            user_rows::id.eq(id),
            user_rows::name.eq(name),
            user_rows::display_name.eq(display_name),
            user_rows::display_key.eq(users::folded(display_name)),
            user_rows::role.eq(UserRole::Bot),
        ))
        .returning(UserRow::as_returning())
        .load(connection)
        .await;
    let user = match inserted {
        Ok(users) => users.into_iter().next().ok_or(diesel::result::Error::NotFound)?,
        Err(error) if violates(&error, "users_name_key") => return Ok(BotInsertion::NameTaken),
        Err(error) if violates(&error, "users_pkey") => return Ok(BotInsertion::IdTaken),
        Err(error) => return Err(error.into()),
    };
    let row = (bots::user_id.eq(id), bots::owner_id.eq(made.owner), bots::mac.eq(&made.mac));
    diesel::insert_into(bots::table).values(row).execute(connection).await?;
    Ok(BotInsertion::Created(user))
}

/// Finds the owner of a bot. Returns `None` for users who are not bots.
pub async fn origin(connection: &mut Connection, bot: UserId) -> Result<Option<BotOrigin>, StoreError> {
    let query = bots::table.find(bot).select((bots::owner_id, bots::mac));
    Ok(query.first(connection).await.optional()?)
}

/// Lists at most `limit` bots of a user that are not deleted, by id, after `after`.
pub async fn list(
    connection: &mut Connection,
    owner: UserId,
    after: UserId,
    limit: i64,
) -> Result<Vec<UserRow>, StoreError> {
    let query = bots::table
        .inner_join(user_rows::table.on(user_rows::id.eq(bots::user_id)))
        .filter(bots::owner_id.eq(owner).and(bots::user_id.gt(after)))
        .filter(user_rows::deleted_at.is_null())
        .order(bots::user_id)
        .limit(limit)
        .select(UserRow::as_select());
    Ok(query.load(connection).await?)
}

/// Counts the bots of a user, and locks the user's row until the transaction ends, so that the count stays true.
pub async fn lock_and_count(connection: &mut Connection, owner: UserId) -> Result<i64, StoreError> {
    users::lock(connection, owner).await?;
    let query = bots::table
        .inner_join(user_rows::table.on(user_rows::id.eq(bots::user_id)))
        .filter(bots::owner_id.eq(owner).and(user_rows::deleted_at.is_null()))
        .count();
    Ok(query.get_result(connection).await?)
}

/// Counts the tokens of a bot that are not revoked, with the locking of [`lock_and_count`].
pub async fn lock_and_count_tokens(connection: &mut Connection, bot: UserId) -> Result<i64, StoreError> {
    users::lock(connection, bot).await?;
    Ok(tokens(bot).count().get_result(connection).await?)
}

/// Inserts a token with its session. Returns `None` if the id is taken.
pub async fn insert_token(
    connection: &mut Connection,
    token: &NewBotToken<'_>,
) -> Result<Option<BotTokenRow>, StoreError> {
    let made = sessions::insert(connection, token.id, token.bot, token.name, token.lifetime).await;
    match made {
        Err(StoreError::Query(error)) if violates(&error, "sessions_pkey") => return Ok(None),
        made => made?,
    };
    diesel::insert_into(bot_tokens::table)
        .values((
            bot_tokens::session_id.eq(token.id),
            bot_tokens::hash.eq(token.hash),
            bot_tokens::prefix.eq(token.prefix),
            bot_tokens::mac.eq(token.mac),
            (!token.endless).then(|| bot_tokens::expires_at.eq(from_now(seconds(token.lifetime)).nullable())),
        ))
        .execute(connection)
        .await?;
    by_id(connection, token.id).await
}

/// Finds a token by its id, also a revoked one.
pub async fn by_id(connection: &mut Connection, id: SessionId) -> Result<Option<BotTokenRow>, StoreError> {
    let query = bot_tokens::table
        .inner_join(session_rows::table.on(session_rows::id.eq(bot_tokens::session_id)))
        .filter(bot_tokens::session_id.eq(id))
        .select(token_columns());
    Ok(query.first(connection).await.optional()?)
}

/// Lists at most `limit` tokens of a bot that are not revoked, by id, after `after`.
pub async fn list_tokens(
    connection: &mut Connection,
    bot: UserId,
    after: SessionId,
    limit: i64,
) -> Result<Vec<BotTokenRow>, StoreError> {
    let query =
        tokens(bot).filter(session_rows::id.gt(after)).order(session_rows::id).limit(limit).select(token_columns());
    Ok(query.load(connection).await?)
}

/// Finds the bot and session of the token with each hash, in the order of the hashes.
pub async fn token_sessions(
    connection: &mut Connection,
    hashes: &[Vec<u8>],
) -> Result<Vec<Option<BotTokenSession>>, StoreError> {
    type TokenSessionRow = (Option<UserId>, Option<SessionId>, Option<Time>, Option<Time>);
    let query = sql::<(Nullable<Uuid>, Nullable<Uuid>, Nullable<Timestamptz>, Nullable<Timestamptz>)>(
        "SELECT s.user_id, s.id, s.expires_at, s.revoked_at FROM unnest(",
    )
    .bind::<Array<Binary>, _>(hashes)
    .sql(
        ") WITH ORDINALITY AS asked (hash, place)
          LEFT JOIN bot_tokens t ON t.hash = asked.hash LEFT JOIN sessions s ON s.id = t.session_id
         ORDER BY asked.place",
    );
    let rows: Vec<TokenSessionRow> = query.load(connection).await?;
    let standing = |(bot, session, expires_at, revoked_at): TokenSessionRow| {
        Some(BotTokenSession { bot: bot?, session: session?, expires_at: expires_at?, revoked_at })
    };
    Ok(rows.into_iter().map(standing).collect())
}

#[diesel::dsl::auto_type]
fn tokens(bot: UserId) -> _ {
    bot_tokens::table
        .inner_join(session_rows::table.on(session_rows::id.eq(bot_tokens::session_id)))
        .filter(session_rows::user_id.eq(bot).and(session_rows::revoked_at.is_null()))
}

#[diesel::dsl::auto_type(no_type_alias)]
fn token_columns() -> _ {
    (
        session_rows::id,
        session_rows::user_id,
        session_rows::device,
        bot_tokens::prefix,
        session_rows::created_at,
        bot_tokens::expires_at,
        session_rows::revoked_at,
        bot_tokens::mac,
    )
}
