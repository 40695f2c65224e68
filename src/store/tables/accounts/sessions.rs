//! Sessions and their refresh tokens.

use crate::ids::{SessionId, UserId};
use crate::store::database::connect::Connection;
use crate::store::database::error::StoreError;
use crate::store::database::schema::{refresh_tokens, sessions};
use crate::store::database::sql::{Time, from_now, now, seconds, seconds_ago};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;
use std::time::Duration;
use uuid::Uuid;

/// One login of one device.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = sessions)]
pub struct SessionRow {
    pub id: SessionId,
    pub user_id: UserId,
    pub device: Option<String>,
    pub created_at: Time,
    pub last_seen_at: Time,
    pub expires_at: Time,
    pub revoked_at: Option<Time>,
}

/// A refresh token, by its hash.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = refresh_tokens)]
pub struct RefreshTokenRow {
    pub hash: Vec<u8>,
    pub session_id: SessionId,
    pub parent: Option<Vec<u8>>,
    pub replaced_at: Option<Time>,
    pub successor_used: bool,
}

/// Inserts a session.
pub async fn insert(
    connection: &mut Connection,
    id: SessionId,
    user: UserId,
    device: Option<&str>,
    lifetime: Duration,
) -> Result<SessionRow, StoreError> {
    let session = diesel::insert_into(sessions::table)
        .values((
            sessions::id.eq(id),
            sessions::user_id.eq(user),
            sessions::device.eq(device),
            sessions::expires_at.eq(from_now(seconds(lifetime))),
        ))
        .returning(SessionRow::as_returning())
        .get_result(connection)
        .await?;
    Ok(session)
}

/// Finds the session of a refresh token, and locks the session until the transaction ends. Returns the database's time too.
pub async fn lock_by_token(
    connection: &mut Connection,
    hash: &[u8],
) -> Result<Option<(SessionRow, RefreshTokenRow, Time)>, StoreError> {
    let query = refresh_tokens::table.find(hash).select(refresh_tokens::session_id);
    let Some(id) = query.first::<SessionId>(connection).await.optional()? else {
        return Ok(None);
    };
    // The session's row orders the refreshes of one session; the token is read after the lock is had.
    let session = sessions::table.find(id).select(SessionRow::as_select()).for_update().first(connection).await?;
    let query = refresh_tokens::table.find(hash).select((RefreshTokenRow::as_select(), now()));
    let (token, time) = query.first(connection).await?;
    Ok(Some((session, token, time)))
}

/// Adds a refresh token to a session.
pub async fn insert_token(
    connection: &mut Connection,
    session: SessionId,
    hash: &[u8],
    parent: Option<&[u8]>,
) -> Result<(), StoreError> {
    diesel::insert_into(refresh_tokens::table)
        .values((
            refresh_tokens::hash.eq(hash),
            refresh_tokens::session_id.eq(session),
            refresh_tokens::parent.eq(parent),
        ))
        .execute(connection)
        .await?;
    Ok(())
}

/// Marks a token as replaced, and the successor of its parent as used. Extends the session by `lifetime` from now.
pub async fn spend_token(
    connection: &mut Connection,
    token: &RefreshTokenRow,
    lifetime: Duration,
) -> Result<SessionRow, StoreError> {
    diesel::update(refresh_tokens::table.find(&token.hash).filter(refresh_tokens::replaced_at.is_null()))
        .set(refresh_tokens::replaced_at.eq(now().nullable()))
        .execute(connection)
        .await?;
    if let Some(parent) = &token.parent {
        diesel::update(refresh_tokens::table.find(parent))
            .set(refresh_tokens::successor_used.eq(true))
            .execute(connection)
            .await?;
    }
    let session = diesel::update(sessions::table.find(token.session_id))
        .set((sessions::last_seen_at.eq(now()), sessions::expires_at.eq(from_now(seconds(lifetime)))))
        .returning(SessionRow::as_returning())
        .get_result(connection)
        .await?;
    Ok(session)
}

/// Lists at most `limit` sessions of `user` that have not ended, newest first, below `before`.
pub async fn list(
    connection: &mut Connection,
    user: UserId,
    before: Option<SessionId>,
    limit: i64,
) -> Result<Vec<SessionRow>, StoreError> {
    let query = sessions::table
        .filter(sessions::user_id.eq(user).and(sessions::id.lt(before.unwrap_or(SessionId(Uuid::max())))))
        .filter(sessions::revoked_at.is_null().and(sessions::expires_at.gt(now())))
        .order(sessions::id.desc())
        .limit(limit)
        .select(SessionRow::as_select());
    Ok(query.load(connection).await?)
}

/// Revokes all sessions of `user` except `kept`, and returns which it revoked.
pub async fn revoke_others(
    connection: &mut Connection,
    user: UserId,
    kept: Option<SessionId>,
) -> Result<Vec<SessionId>, StoreError> {
    let revoked = diesel::update(sessions::table)
        .filter(sessions::user_id.eq(user).and(sessions::id.nullable().is_distinct_from(kept)))
        .filter(sessions::revoked_at.is_null().and(sessions::expires_at.gt(now())))
        .set(sessions::revoked_at.eq(now().nullable()))
        .returning(sessions::id)
        .load(connection)
        .await?;
    Ok(revoked)
}

/// Revokes a session of `user`. Returns whether there was one to revoke.
pub async fn revoke(connection: &mut Connection, id: SessionId, user: UserId) -> Result<bool, StoreError> {
    let revoked = diesel::update(sessions::table.find(id))
        .filter(sessions::user_id.eq(user).and(sessions::revoked_at.is_null()).and(sessions::expires_at.gt(now())))
        .set(sessions::revoked_at.eq(now().nullable()))
        .execute(connection)
        .await?;
    Ok(revoked > 0)
}

/// Lists the sessions that were revoked within the last `window`, by the database's clock.
pub async fn revoked_within(connection: &mut Connection, window: Duration) -> Result<Vec<SessionId>, StoreError> {
    let query =
        sessions::table.filter(sessions::revoked_at.gt(from_now(seconds_ago(window)).nullable())).select(sessions::id);
    Ok(query.load(connection).await?)
}
