use crate::ids::{Position, UserId, WriteId};
use crate::log::event::Event;
use crate::store::sql::{Sql, sql};
use crate::store::{Connection, EventKind, StoreError};
use diesel::prelude::Queryable;
use diesel::result::Error;
use diesel::sql_types::{Array, BigInt, Bytea, Json, Nullable, Text, Timestamptz, Uuid};
use diesel_async::RunQueryDsl;

/// The SQL types of `columns!`.
pub(super) type EventColumns =
    (BigInt, BigInt, Uuid, Text, Nullable<Uuid>, Uuid, Timestamptz, Json, Nullable<BigInt>, Nullable<Uuid>);

/// The columns of an [`Event`], from `events e`. The present epoch, which owns nearly all of them, is read once a query.
macro_rules! columns {
    () => {
        "e.position,
         CASE WHEN e.position >= (SELECT first_position FROM log_epoch ORDER BY number DESC LIMIT 1)
              THEN (SELECT epoch FROM log_epoch ORDER BY number DESC LIMIT 1)
              ELSE (SELECT epoch FROM log_epoch WHERE first_position <= e.position ORDER BY number DESC LIMIT 1) END,
         e.conversation_id, e.kind, e.message_id, e.sender_id, e.created_at, e.payload,
         e.current, e.only_for"
    };
}
pub(super) use columns;

/// A write that was made before.
#[derive(Clone, Debug, Queryable)]
pub struct KnownWrite {
    pub position: Position,
    pub kind: EventKind,
    pub owner: UserId,
    /// HMAC of method, path and body.
    pub mac: Vec<u8>,
}

/// Finds a write by its id.
pub async fn find_write(connection: &mut Connection, id: WriteId) -> Result<Option<KnownWrite>, Error> {
    let query = sql::<(BigInt, Text, Uuid, Bytea)>("SELECT position, kind, owner, mac FROM ids WHERE id = ")
        .bind::<Uuid, _>(id);
    let found: Vec<KnownWrite> = query.load(connection).await?;
    Ok(found.into_iter().next())
}

/// Reads events by position, in order; those that are not kept are left out.
pub async fn events_at(connection: &mut Connection, positions: &[Position]) -> Result<Vec<Event>, StoreError> {
    let query: Sql<'_, EventColumns> = sql(concat!("SELECT ", columns!(), " FROM events e WHERE e.position = ANY("))
        .bind::<Array<BigInt>, _>(positions)
        .sql(") ORDER BY e.position");
    Ok(query.load(connection).await?)
}
