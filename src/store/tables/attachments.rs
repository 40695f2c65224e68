//! Uploaded files, without their bytes, which are in [`files`](crate::store::files).

use crate::ids::{AttachmentId, ConversationId, MessageId, ObjectId, Position, UserId};
use crate::store::database::connect::Connection;
use crate::store::database::error::StoreError;
use crate::store::database::schema::attachments;
use crate::store::database::sql::{Sql, seconds, sql};
use diesel::prelude::*;
use diesel::result::Error;
use diesel::sql_types::{BigInt, Interval, Uuid};
use diesel_async::RunQueryDsl;
use std::time::Duration;

/// An uploaded file.
#[derive(Clone, Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = attachments)]
pub struct AttachmentRow {
    pub id: AttachmentId,
    pub user_id: UserId,
    /// HMAC of the request; empty if it had no idempotency key.
    pub mac: Vec<u8>,
    pub object: ObjectId,
    pub name: String,
    pub media_type: String,
    pub size: i64,
    pub sha256: Vec<u8>,
    // Set when a message refers to the attachment; never when the row is inserted.
    pub message_id: Option<MessageId>,
    pub conversation_id: Option<ConversationId>,
    pub position: Option<Position>,
}

/// The end of a statement whose relation `gone` deletes attachments: records their objects as orphaned.
const RECORD_ORPHANED_OBJECTS: &str = " RETURNING object)
    INSERT INTO attachment_discards (object, due_at) SELECT object, now() FROM gone";

/// The position of a message with attachments.
#[derive(Clone, Copy, Debug)]
pub struct MessageLocation {
    pub message: MessageId,
    pub conversation: ConversationId,
    pub position: Position,
}

/// Finds an attachment by its id.
pub async fn by_id(connection: &mut Connection, id: AttachmentId) -> Result<Option<AttachmentRow>, StoreError> {
    Ok(attachments::table.find(id).select(AttachmentRow::as_select()).first(connection).await.optional()?)
}

/// Finds an attachment by its id with a statement that writes: its commit waits for the standbys that the commit of the
/// attachment had to wait for. A statement that only reads would not wait.
pub async fn confirm(connection: &mut Connection, id: AttachmentId) -> Result<Option<AttachmentRow>, StoreError> {
    let found = diesel::update(attachments::table.find(id))
        .set(attachments::id.eq(id))
        .returning(AttachmentRow::as_returning())
        .load(connection)
        .await?;
    Ok(found.into_iter().next())
}

/// Inserts an attachment. Returns false if there is one with this id.
pub async fn insert(connection: &mut Connection, attachment: &AttachmentRow) -> Result<bool, StoreError> {
    let inserted =
        diesel::insert_into(attachments::table).values(attachment).on_conflict_do_nothing().execute(connection);
    Ok(inserted.await? > 0)
}

/// Attaches to a message those of a user's attachments that belong to no message yet, and returns them in no order. Runs
/// under the log's lock.
pub async fn bind(
    connection: &mut Connection,
    ids: &[AttachmentId],
    user: UserId,
    place: MessageLocation,
) -> Result<Vec<AttachmentRow>, Error> {
    let own = attachments::user_id.eq(user).and(attachments::message_id.is_null());
    diesel::update(attachments::table.filter(attachments::id.eq_any(ids).and(own)))
        .set((
            attachments::message_id.eq(place.message),
            attachments::conversation_id.eq(place.conversation),
            attachments::position.eq(place.position),
        ))
        .returning(AttachmentRow::as_returning())
        .load(connection)
        .await
}

/// Deletes at most `limit` attachments of a conversation, and records their objects as orphaned. Returns how many it deleted.
pub async fn release_part(
    connection: &mut Connection,
    conversation: ConversationId,
    limit: i64,
) -> Result<usize, Error> {
    let query: Sql<'_, ()> = sql("WITH gone AS (DELETE FROM attachments WHERE id IN (
                         SELECT id FROM attachments WHERE conversation_id = ")
    .bind::<Uuid, _>(conversation)
    .sql(" LIMIT ")
    .bind::<BigInt, _>(limit)
    .sql(")")
    .sql(RECORD_ORPHANED_OBJECTS);
    query.execute(connection).await
}

/// Deletes at most `limit` attachments whose messages lie before `oldest` and were dropped by retention. Returns how many it
/// deleted.
pub async fn release_retired(connection: &mut Connection, oldest: Position, limit: i64) -> Result<usize, StoreError> {
    let query: Sql<'_, ()> = sql("WITH gone AS (DELETE FROM attachments WHERE id IN (
                         SELECT id FROM attachments WHERE position < ")
    .bind::<BigInt, _>(oldest)
    .sql(" ORDER BY position LIMIT ")
    .bind::<BigInt, _>(limit)
    .sql(" FOR UPDATE SKIP LOCKED)")
    .sql(RECORD_ORPHANED_OBJECTS);
    Ok(query.execute(connection).await?)
}

/// Deletes at most `limit` attachments that were uploaded more than `age` ago and not sent. Returns how many it deleted.
pub async fn release_unsent(connection: &mut Connection, age: Duration, limit: i64) -> Result<usize, StoreError> {
    // Rows that somebody has locked are being sent.
    let query: Sql<'_, ()> = sql("WITH gone AS (DELETE FROM attachments WHERE message_id IS NULL AND id IN (
                         SELECT id FROM attachments WHERE message_id IS NULL AND created_at < now() - ")
    .bind::<Interval, _>(seconds(age))
    .sql(" ORDER BY created_at LIMIT ")
    .bind::<BigInt, _>(limit)
    .sql(" FOR UPDATE SKIP LOCKED)")
    .sql(RECORD_ORPHANED_OBJECTS);
    Ok(query.execute(connection).await?)
}
