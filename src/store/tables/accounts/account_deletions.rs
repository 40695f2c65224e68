//! The deletion of accounts: the columns of `users` that say how far each deletion has come.

use crate::ids::{ConversationId, Position, UserId};
use crate::store::database::connect::Connection;
use crate::store::database::enums::UserRole;
use crate::store::database::schema::{bots, cursors, members, sessions, tickets, users};
use crate::store::database::sql::{from_now, now, seconds_ago, sql};
use crate::store::tables::accounts::users::folded;
use diesel::prelude::*;
use diesel::result::Error;
use diesel::sql_types::{Array, BigInt, Nullable, Timestamptz, Uuid};
use diesel_async::RunQueryDsl;
use std::time::Duration;

/// Deletes an account and the bots that it owns: they are disabled, and lose their password, display name, sessions, cursors
/// and webhooks. Returns the ids of all of them.
pub async fn delete(connection: &mut Connection, user: UserId, display_name: &str) -> Result<Vec<UserId>, Error> {
    let mut all: Vec<UserId> =
        bots::table.filter(bots::owner_id.eq(user)).select(bots::user_id).load(connection).await?;
    all.push(user);
    diesel::update(users::table.filter(users::id.eq_any(&all).and(users::deleted_at.is_null())))
        .set((
            users::deleted_at.eq(now().nullable()),
            users::disabled_at.eq(now().nullable()),
            users::display_name.eq(display_name),
            users::display_key.eq(folded(display_name)),
            users::password_hash.eq(None::<String>),
        ))
        .execute(connection)
        .await?;
    diesel::update(users::table.find(user).filter(users::role.eq(UserRole::Admin)))
        .set(users::role.eq(UserRole::User))
        .execute(connection)
        .await?;
    diesel::update(sessions::table.filter(sessions::user_id.eq_any(&all).and(sessions::revoked_at.is_null())))
        .set(sessions::revoked_at.eq(now().nullable()))
        .execute(connection)
        .await?;
    diesel::delete(tickets::table.filter(tickets::user_id.eq_any(&all))).execute(connection).await?;
    diesel::delete(cursors::table.filter(cursors::user_id.eq_any(&all))).execute(connection).await?;
    let query = sql::<()>("DELETE FROM webhooks WHERE owner_id = ANY(").bind::<Array<Uuid>, _>(&all).sql(")");
    query.execute(connection).await?;
    Ok(all)
}

/// Lists deleted accounts whose data may not all be erased, and whether each was deleted more than `age` ago.
pub async fn to_erase(connection: &mut Connection, age: Duration) -> Result<Vec<(UserId, bool)>, Error> {
    users::table
        .filter(users::disabled_at.is_not_null().and(users::freed_at.is_null()))
        .filter(users::deleted_at.is_not_null().and(users::erased_at.is_null()))
        .select((users::id, users::deleted_at.lt(from_now(seconds_ago(age)).nullable()).assume_not_null()))
        .load(connection)
        .await
}

/// Marks the data of a deleted account as erased.
pub async fn set_erased(connection: &mut Connection, user: UserId) -> Result<(), Error> {
    diesel::update(users::table.find(user)).set(users::erased_at.eq(now().nullable())).execute(connection).await?;
    Ok(())
}

/// Frees the names of erased accounts that were deleted more than `age` ago, by giving those accounts random names.
pub async fn free_names(connection: &mut Connection, age: Duration) -> Result<(), Error> {
    let query = sql::<()>(
        "UPDATE users SET name = 'deleted-' || left(replace(gen_random_uuid()::text, '-', ''), 24), freed_at = now()
          WHERE disabled_at IS NOT NULL AND freed_at IS NULL AND erased_at IS NOT NULL AND deleted_at < ",
    )
    .bind::<Timestamptz, _>(from_now(seconds_ago(age)));
    query.execute(connection).await?;
    Ok(())
}

/// Lists the conversations that a user is a member of.
pub async fn current_memberships(connection: &mut Connection, user: UserId) -> Result<Vec<ConversationId>, Error> {
    members::table
        .filter(members::user_id.eq(user).and(members::left_at.is_null()))
        .select(members::conversation_id)
        .load(connection)
        .await
}

/// A conversation, and the positions at which a membership began and ended.
pub type ErasureInterval = (ConversationId, Position, Option<Position>);

/// Lists all memberships of a user in conversations that are not deleted, in order of joining: the user wrote nowhere else.
pub async fn erasure_intervals(connection: &mut Connection, user: UserId) -> Result<Vec<ErasureInterval>, Error> {
    let query = sql::<(Uuid, BigInt, Nullable<BigInt>)>(
        "SELECT m.conversation_id, m.joined_at, m.left_at FROM members m JOIN conversations c ON c.id = m.conversation_id
          WHERE c.deleted_at IS NULL AND m.user_id = ",
    )
    .bind::<Uuid, _>(user)
    .sql(" ORDER BY m.joined_at, m.conversation_id");
    query.load(connection).await
}
