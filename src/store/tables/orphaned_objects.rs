//! Objects in the storage of attachments that no attachment refers to: those of uploads under way, and those of attachments
//! that were deleted. Each is recorded here before it can become an orphan. So cleaning up never has to list the storage,
//! which other programs may use too.

use crate::ids::ObjectId;
use crate::store::database::connect::Connection;
use crate::store::database::error::StoreError;
use crate::store::database::schema::attachment_discards as discards;
use crate::store::database::sql::{Sql, from_now, now, seconds, sql};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Interval, Uuid};
use diesel_async::RunQueryDsl;
use std::time::Duration;

/// Records an object before its first byte is stored. It is removed after `lifetime`, unless [`keep`] was called by then.
pub async fn insert(connection: &mut Connection, object: ObjectId, lifetime: Duration) -> Result<(), StoreError> {
    diesel::insert_into(discards::table)
        .values((discards::object.eq(object), discards::due_at.eq(from_now(seconds(lifetime)))))
        .execute(connection)
        .await?;
    Ok(())
}

/// Removes the record of an object that an attachment refers to now. Returns false if a node has begun to remove the object.
pub async fn keep(connection: &mut Connection, object: ObjectId) -> Result<bool, StoreError> {
    let kept = diesel::delete(discards::table.find(object).filter(discards::claimed.eq(false)));
    Ok(kept.execute(connection).await? > 0)
}

/// Makes an object due for removal now.
pub async fn make_due(connection: &mut Connection, object: ObjectId) -> Result<(), StoreError> {
    let due = discards::due_at.eq(now());
    diesel::update(discards::table.find(object)).set(due).execute(connection).await?;
    Ok(())
}

/// Claims at most `limit` due objects for this node to remove. Other nodes do not claim them again within `lease`.
pub async fn claim(connection: &mut Connection, lease: Duration, limit: i64) -> Result<Vec<ObjectId>, StoreError> {
    let query: Sql<'_, Uuid> = sql("UPDATE attachment_discards SET claimed = true, due_at = now() + ")
        .bind::<Interval, _>(seconds(lease))
        .sql(" WHERE object IN (SELECT object FROM attachment_discards WHERE due_at <= now() ORDER BY due_at LIMIT ")
        .bind::<BigInt, _>(limit)
        .sql(" FOR UPDATE SKIP LOCKED) RETURNING object");
    Ok(query.load(connection).await?)
}

/// Deletes the records of objects whose bytes are removed.
pub async fn delete(connection: &mut Connection, objects: &[ObjectId]) -> Result<(), StoreError> {
    diesel::delete(discards::table.filter(discards::object.eq_any(objects))).execute(connection).await?;
    Ok(())
}
