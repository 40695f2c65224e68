//! Accounts that were deleted: the columns of `users` that say how far it has got.

use super::schema::{cursors, members, sessions, tickets, users};
use super::sql::{from_now, now, seconds_ago, sql};
use super::{Connection, UserRole};
use crate::ids::{ConversationId, Position, UserId};
use diesel::prelude::*;
use diesel::result::Error;
use diesel::sql_types::{BigInt, Nullable, Timestamptz, Uuid};
use diesel_async::RunQueryDsl;
use std::time::Duration;

/// Deletes an account: it is disabled, without a password, a display name and sessions. Answers whether it was there.
///
/// # Errors
/// As PostgreSQL has it.
pub async fn delete(connection: &mut Connection, user: UserId, display_name: &str) -> Result<bool, Error> {
    let deleted = diesel::update(users::table.find(user).filter(users::deleted_at.is_null()))
        .set((
            users::deleted_at.eq(now().nullable()),
            users::disabled_at.eq(now().nullable()),
            users::display_name.eq(display_name),
            users::password_hash.eq(None::<String>),
            users::role.eq(UserRole::User),
        ))
        .execute(connection)
        .await?;
    diesel::update(sessions::table.filter(sessions::user_id.eq(user).and(sessions::revoked_at.is_null())))
        .set(sessions::revoked_at.eq(now().nullable()))
        .execute(connection)
        .await?;
    diesel::delete(tickets::table.filter(tickets::user_id.eq(user))).execute(connection).await?;
    diesel::delete(cursors::table.filter(cursors::user_id.eq(user))).execute(connection).await?;
    Ok(deleted > 0)
}

/// Deleted accounts of which something may be left, and whether each was deleted more than `age` ago.
///
/// # Errors
/// As PostgreSQL has it.
pub async fn to_erase(connection: &mut Connection, age: Duration) -> Result<Vec<(UserId, bool)>, Error> {
    users::table
        .filter(users::disabled_at.is_not_null().and(users::freed_at.is_null()))
        .filter(users::deleted_at.is_not_null().and(users::erased_at.is_null()))
        .select((users::id, users::deleted_at.lt(from_now(seconds_ago(age)).nullable()).assume_not_null()))
        .load(connection)
        .await
}

/// Notes that nothing is left of a deleted account.
///
/// # Errors
/// As PostgreSQL has it.
pub async fn set_erased(connection: &mut Connection, user: UserId) -> Result<(), Error> {
    diesel::update(users::table.find(user)).set(users::erased_at.eq(now().nullable())).execute(connection).await?;
    Ok(())
}

/// Frees the names of accounts that were deleted more than `age` ago and are erased: they get ones that nobody can have
/// taken, because nobody can guess them.
///
/// # Errors
/// As PostgreSQL has it.
pub async fn free_names(connection: &mut Connection, age: Duration) -> Result<(), Error> {
    let query = sql::<()>(
        "UPDATE users SET name = 'deleted-' || left(replace(gen_random_uuid()::text, '-', ''), 24), freed_at = now()
          WHERE disabled_at IS NOT NULL AND freed_at IS NULL AND erased_at IS NOT NULL AND deleted_at < ",
    )
    .bind::<Timestamptz, _>(from_now(seconds_ago(age)));
    query.execute(connection).await?;
    Ok(())
}

/// Conversations that a user is a member of.
///
/// # Errors
/// As PostgreSQL has it.
pub async fn memberships(connection: &mut Connection, user: UserId) -> Result<Vec<ConversationId>, Error> {
    members::table
        .filter(members::user_id.eq(user).and(members::left_at.is_null()))
        .select(members::conversation_id)
        .load(connection)
        .await
}

/// A conversation, and where a membership of it began and ended.
pub type Stretch = (ConversationId, Position, Option<Position>);

/// Stretches of kept conversations in which a user may have written, in order.
///
/// # Errors
/// As PostgreSQL has it.
pub async fn stretches(connection: &mut Connection, user: UserId) -> Result<Vec<Stretch>, Error> {
    let query = sql::<(Uuid, BigInt, Nullable<BigInt>)>(
        "SELECT m.conversation_id, m.joined_at, m.left_at FROM members m JOIN conversations c ON c.id = m.conversation_id
          WHERE c.deleted_at IS NULL AND m.user_id = ",
    )
    .bind::<Uuid, _>(user)
    .sql(" ORDER BY m.joined_at, m.conversation_id");
    query.load(connection).await
}
