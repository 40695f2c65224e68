use super::events::columns;
use crate::ids::{ConversationId, Epoch, MessageId, Position, UserId};
use crate::log::event::{Event, EventPayload};
use crate::store::sql::{Sql, sql};
use crate::store::{Connection, EventKind, StoreError, Time};
use diesel::sql_types::{BigInt, Json, Nullable, Text, Timestamptz, Uuid};
use diesel_async::RunQueryDsl;

/// The log after a position.
#[derive(Clone, Debug)]
pub struct Tail {
    /// The present epoch, and the first position that it owns.
    pub epoch: Epoch,
    pub first: Position,
    /// The next events, gapless, in order.
    pub events: Vec<Event>,
}

type TailRow = (
    Epoch,
    Position,
    Option<Position>,
    Option<Epoch>,
    Option<ConversationId>,
    Option<EventKind>,
    Option<MessageId>,
    Option<UserId>,
    Option<Time>,
    Option<EventPayload>,
    Option<Position>,
    Option<UserId>,
);

type TailColumns = (
    BigInt,
    BigInt,
    Nullable<BigInt>,
    Nullable<BigInt>,
    Nullable<Uuid>,
    Nullable<Text>,
    Nullable<Uuid>,
    Nullable<Uuid>,
    Nullable<Timestamptz>,
    Nullable<Json>,
    Nullable<BigInt>,
    Nullable<Uuid>,
);

/// Reads the events after a position, with the epoch of the same snapshot.
pub async fn tail(connection: &mut Connection, after: Position, limit: i64) -> Result<Tail, StoreError> {
    let query: Sql<'_, TailColumns> = sql(concat!(
        "SELECT present.epoch, present.first_position, e.* FROM
           (SELECT epoch, first_position FROM log_epoch ORDER BY number DESC LIMIT 1) present
           LEFT JOIN LATERAL (SELECT ",
        columns!(),
        " FROM events e WHERE e.position > "
    ))
    .bind::<BigInt, _>(after)
    .sql(" ORDER BY e.position LIMIT ")
    .bind::<BigInt, _>(limit)
    .sql(") e ON true ORDER BY e.position");
    let rows: Vec<TailRow> = query.load(connection).await?;
    let (epoch, first) = rows.as_slice().first().map_or((Epoch(0), Position::ZERO), |row| (row.0, row.1));
    Ok(Tail { epoch, first, events: rows.into_iter().filter_map(event_of).collect() })
}

fn event_of(row: TailRow) -> Option<Event> {
    let (_, _, position, epoch, conversation, kind, message, sender, created_at, payload, current, only_for) = row;
    Some(Event {
        position: position?,
        epoch: epoch?,
        conversation: conversation?,
        kind: kind?,
        message,
        sender: sender?,
        created_at: created_at?,
        payload: payload?,
        current,
        only_for,
    })
}
