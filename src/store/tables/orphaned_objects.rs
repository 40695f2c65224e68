//! Objects of the attachments' storage that must not stay: those of uploads under way, until an attachment has them, and
//! those of attachments that are gone. So the bytes that nobody needs are known by name, and no storage is ever listed:
//! it may be shared with others.

use crate::ids::ObjectId;
use crate::store::database::connect::Connection;
use crate::store::database::error::StoreError;
use crate::store::database::schema::attachment_discards as discards;
use crate::store::database::sql::{Sql, from_now, now, seconds, sql};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Interval, Uuid};
use diesel_async::RunQueryDsl;
use std::time::Duration;

/// Notes an object before its first byte is stored; it is removed after `lifetime`, unless an attachment has it by then.
///
/// # Errors
/// [`StoreError`].
pub async fn insert(connection: &mut Connection, object: ObjectId, lifetime: Duration) -> Result<(), StoreError> {
    diesel::insert_into(discards::table)
        .values((discards::object.eq(object), discards::due_at.eq(from_now(seconds(lifetime)))))
        .execute(connection)
        .await?;
    Ok(())
}

/// Keeps an object; false when a node has begun to remove it.
///
/// # Errors
/// [`StoreError`].
pub async fn keep(connection: &mut Connection, object: ObjectId) -> Result<bool, StoreError> {
    let kept = diesel::delete(discards::table.find(object).filter(discards::claimed.eq(false)));
    Ok(kept.execute(connection).await? > 0)
}

/// Makes an object due now.
///
/// # Errors
/// [`StoreError`].
pub async fn make_due(connection: &mut Connection, object: ObjectId) -> Result<(), StoreError> {
    let due = discards::due_at.eq(now());
    diesel::update(discards::table.find(object)).set(due).execute(connection).await?;
    Ok(())
}

/// Takes objects that are due, at most `limit`, for this node to remove; other nodes leave them alone for `lease`.
///
/// # Errors
/// [`StoreError`].
pub async fn claim(connection: &mut Connection, lease: Duration, limit: i64) -> Result<Vec<ObjectId>, StoreError> {
    let query: Sql<'_, Uuid> = sql("UPDATE attachment_discards SET claimed = true, due_at = now() + ")
        .bind::<Interval, _>(seconds(lease))
        .sql(" WHERE object IN (SELECT object FROM attachment_discards WHERE due_at <= now() ORDER BY due_at LIMIT ")
        .bind::<BigInt, _>(limit)
        .sql(" FOR UPDATE SKIP LOCKED) RETURNING object");
    Ok(query.load(connection).await?)
}

/// Forgets objects whose bytes are removed.
///
/// # Errors
/// [`StoreError`].
pub async fn delete(connection: &mut Connection, objects: &[ObjectId]) -> Result<(), StoreError> {
    diesel::delete(discards::table.filter(discards::object.eq_any(objects))).execute(connection).await?;
    Ok(())
}
