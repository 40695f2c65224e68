//! Cursors that clients store by name.

use crate::ids::{Epoch, Position, UserId};
use crate::store::database::connect::Connection;
use crate::store::database::error::StoreError;
use crate::store::database::schema::cursors;
use crate::store::database::sql::{Time, now};
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

/// A stored cursor.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = cursors)]
pub struct CursorRow {
    pub name: String,
    pub epoch: Epoch,
    pub position: Position,
    pub updated_at: Time,
}

/// Lists at most `limit` cursors of a user, by name, after `after`.
pub async fn list(
    connection: &mut Connection,
    user: UserId,
    after: &str,
    limit: i64,
) -> Result<Vec<CursorRow>, StoreError> {
    let query = cursors::table
        .filter(cursors::user_id.eq(user).and(cursors::name.gt(after)))
        .order(cursors::name)
        .limit(limit)
        .select(CursorRow::as_select());
    Ok(query.load(connection).await?)
}

/// Finds a cursor. With `lock` no other transaction changes it until this one ends.
pub async fn get(
    connection: &mut Connection,
    user: UserId,
    name: &str,
    lock: bool,
) -> Result<Option<CursorRow>, StoreError> {
    let query = cursors::table.find((user, name)).select(CursorRow::as_select());
    let found = if lock { query.for_update().first(connection).await } else { query.first(connection).await };
    Ok(found.optional()?)
}

/// Stores a new cursor. Returns `None` if there is one of this name.
pub async fn insert(
    connection: &mut Connection,
    user: UserId,
    name: &str,
    epoch: Epoch,
    position: Position,
) -> Result<Option<CursorRow>, StoreError> {
    let inserted = diesel::insert_into(cursors::table)
        .values((
            cursors::user_id.eq(user),
            cursors::name.eq(name),
            cursors::epoch.eq(epoch),
            cursors::position.eq(position),
        ))
        .on_conflict_do_nothing()
        .returning(CursorRow::as_returning())
        .get_result(connection)
        .await;
    Ok(inserted.optional()?)
}

/// Stores a cursor, and replaces one of the same name.
pub async fn put(
    connection: &mut Connection,
    user: UserId,
    name: &str,
    epoch: Epoch,
    position: Position,
) -> Result<CursorRow, StoreError> {
    let stored = diesel::insert_into(cursors::table)
        .values((
            cursors::user_id.eq(user),
            cursors::name.eq(name),
            cursors::epoch.eq(epoch),
            cursors::position.eq(position),
        ))
        .on_conflict((cursors::user_id, cursors::name))
        .do_update()
        .set((cursors::epoch.eq(epoch), cursors::position.eq(position), cursors::updated_at.eq(now())))
        .returning(CursorRow::as_returning())
        .get_result(connection)
        .await?;
    Ok(stored)
}

/// Deletes a cursor. Returns whether there was one.
pub async fn delete(connection: &mut Connection, user: UserId, name: &str) -> Result<bool, StoreError> {
    Ok(diesel::delete(cursors::table.find((user, name))).execute(connection).await? > 0)
}
