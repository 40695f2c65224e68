//! Reading the log in its own order: what the tailer follows, and what a user missed.

use super::Cursor;
use super::event::{Event, Payload};
use crate::ids::{ConversationId, Epoch, MessageId, Position, UserId, WriteId};
use crate::store::sql::{Sql, only, sql};
use crate::store::{Connection, EventKind, StoreError, Time};
use diesel::prelude::Queryable;
use diesel::result::Error;
use diesel::sql_types::{Array, BigInt, Bool, Bytea, Integer, Json, Nullable, Text, Timestamptz, Uuid};
use diesel_async::RunQueryDsl;

/// The SQL types of `columns!`.
pub(super) type Columns =
    (BigInt, BigInt, Uuid, Text, Nullable<Uuid>, Uuid, Timestamptz, Json, Nullable<BigInt>, Nullable<Uuid>);

/// What an [`Event`] is made of, from `events e`. The present epoch, which nearly all are of, is read once a query.
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
pub struct Known {
    pub position: Position,
    pub kind: EventKind,
    pub owner: UserId,
    pub mac: Vec<u8>,
}

/// Finds a write by its id.
///
/// # Errors
/// As PostgreSQL has it.
pub async fn known(connection: &mut Connection, id: WriteId) -> Result<Option<Known>, Error> {
    let query = sql::<(BigInt, Text, Uuid, Bytea)>("SELECT position, kind, owner, mac FROM ids WHERE id = ")
        .bind::<Uuid, _>(id);
    let found: Vec<Known> = query.load(connection).await?;
    Ok(found.into_iter().next())
}

/// Reads events by position, in order; those that are not kept are left out.
///
/// # Errors
/// [`StoreError`].
pub async fn at(connection: &mut Connection, positions: &[Position]) -> Result<Vec<Event>, StoreError> {
    let query: Sql<'_, Columns> = sql(concat!("SELECT ", columns!(), " FROM events e WHERE e.position = ANY("))
        .bind::<Array<BigInt>, _>(positions)
        .sql(") ORDER BY e.position");
    Ok(query.load(connection).await?)
}

/// The end of the log, beyond what somebody has.
#[derive(Clone, Debug)]
pub struct Tail {
    /// The present epoch, and the first position that it owns.
    pub epoch: Epoch,
    pub first: Position,
    /// What comes next, gapless, in order.
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
    Option<Payload>,
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

/// Reads what follows `after`, with the epoch of the same snapshot.
///
/// # Errors
/// [`StoreError`].
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

/// What a user missed, up to a position.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    /// Exclusive.
    pub after: Position,
    /// Inclusive.
    pub upto: Position,
    /// Only this conversation.
    pub only: Option<ConversationId>,
}

/// Bytes of events that are read at once, each of which counts for its payload and [`OVERHEAD`].
const PAGE: i32 = 48 * 1024;
/// What an event takes in memory besides its payload.
const OVERHEAD: i32 = 256;
/// Most events that are read at once.
pub const PAGE_EVENTS: usize = (PAGE / OVERHEAD) as usize;

/// Reads where a user's events of a span stand, in order: those that lie inside the user's memberships, the first
/// `limit`.
///
/// What is answered stays true: nobody becomes a member, or ceases to be one, at a position that has passed. Each
/// conversation costs a probe of its index, and more only if it has news; a span of fewer events than that is read as it
/// stands in the log instead.
///
/// # Errors
/// [`StoreError`].
pub async fn missed_positions(
    connection: &mut Connection,
    user: UserId,
    span: Span,
    limit: usize,
) -> Result<Vec<Position>, StoreError> {
    let query = sql::<Array<BigInt>>("SELECT log_missed(")
        .bind::<Uuid, _>(user)
        .sql(", ")
        .bind::<BigInt, _>(span.after)
        .sql(", ")
        .bind::<BigInt, _>(span.upto)
        .sql(", ")
        .bind::<Nullable<Uuid>, _>(span.only)
        .sql(", ")
        .bind::<Integer, _>(i32::try_from(limit).unwrap_or(i32::MAX))
        .sql(")");
    Ok(only(query.load(connection).await?)?)
}

/// Whose news somebody asks for: all after a position.
#[derive(Clone, Copy, Debug)]
pub struct Interest {
    pub user: UserId,
    /// Exclusive.
    pub after: Position,
    /// Only this conversation.
    pub only: Option<ConversationId>,
}

/// Answers which of the interests have an event, as [`missed_positions`] would find it, up to a position.
///
/// # Errors
/// [`StoreError`].
pub async fn have_news(
    connection: &mut Connection,
    interests: &[Interest],
    upto: Position,
) -> Result<Vec<bool>, StoreError> {
    let users: Vec<_> = interests.iter().map(|interest| interest.user).collect();
    let afters: Vec<_> = interests.iter().map(|interest| interest.after).collect();
    let onlys: Vec<_> = interests.iter().map(|interest| interest.only).collect();
    let query = sql::<Bool>("SELECT cardinality(log_missed(i.user_id, i.after, ")
        .bind::<BigInt, _>(upto)
        .sql(", i.conversation_id, 1)) > 0 FROM unnest(")
        .bind::<Array<Uuid>, _>(users)
        .sql(", ")
        .bind::<Array<BigInt>, _>(afters)
        .sql(", ")
        .bind::<Array<Nullable<Uuid>>, _>(onlys)
        .sql(") WITH ORDINALITY AS i (user_id, after, conversation_id, place) ORDER BY i.place");
    Ok(query.load(connection).await?)
}

/// Reads the first of the events at `positions`, which are in order: about 48 KiB, but one at least if one is kept.
///
/// # Errors
/// [`StoreError`].
pub async fn page(connection: &mut Connection, positions: &[Position]) -> Result<Vec<Event>, StoreError> {
    let positions = &positions[..positions.len().min(PAGE_EVENTS)];
    let (Some(first), Some(last)) = (positions.first(), positions.last()) else {
        return Ok(Vec::new());
    };
    // The ends spare the partitions that have none of them.
    let query: Sql<'_, Columns> = sql(concat!(
        "SELECT ",
        columns!(),
        " FROM (SELECT w.*, row_number() OVER place AS number, sum(octet_length(w.payload::text) + "
    ))
    .bind::<Integer, _>(OVERHEAD)
    .sql(") OVER place AS bytes FROM events w WHERE w.position >= ")
    .bind::<BigInt, _>(first)
    .sql(" AND w.position <= ")
    .bind::<BigInt, _>(last)
    .sql(" AND w.position = ANY(")
    .bind::<Array<BigInt>, _>(positions)
    .sql(") WINDOW place AS (ORDER BY w.position)) e WHERE e.bytes <= ")
    .bind::<Integer, _>(PAGE)
    .sql(" OR e.number = 1 ORDER BY e.position");
    Ok(query.load(connection).await?)
}

/// Who is a member of what, of many users, with the head of the log in the same snapshot.
#[derive(Clone, Debug)]
pub struct Everyone {
    pub head: Cursor,
    /// Open ones only, each once, in no order.
    pub memberships: Vec<(UserId, ConversationId)>,
}

/// Reads the open memberships of many users, each named once, and the head that they are true for, in one query.
///
/// `since` is any position that was seen committed; it spares the older partitions. Each user is one probe of the index,
/// whatever the planner believes: `user_id = ANY(…)` is read as a scan of all members, each compared with all of the
/// users, until the first ANALYZE. A user's conversations travel as one array.
///
/// # Errors
/// [`StoreError`].
pub async fn standings_of(
    connection: &mut Connection,
    users: &[UserId],
    since: Position,
) -> Result<Everyone, StoreError> {
    type Row = (Epoch, Position, Option<UserId>, Option<Vec<ConversationId>>);
    let query = sql::<(BigInt, BigInt, Nullable<Uuid>, Nullable<Array<Uuid>>)>(
        "SELECT (SELECT epoch FROM log_epoch ORDER BY number DESC LIMIT 1),
                coalesce((SELECT max(position) FROM events WHERE position >= ",
    )
    .bind::<BigInt, _>(since)
    .sql(
        "), (SELECT max(position) FROM events), 0),
                u.id, (SELECT array_agg(m.conversation_id) FROM members m WHERE m.user_id = u.id AND m.left_at IS NULL)
           FROM (SELECT 1) one LEFT JOIN unnest(",
    )
    .bind::<Array<Uuid>, _>(users)
    .sql(") u (id) ON true");
    let rows: Vec<Row> = query.load(connection).await?;
    let (epoch, position) = rows.as_slice().first().map_or((Epoch(0), Position::ZERO), |row| (row.0, row.1));
    let mut memberships = Vec::new();
    for (_, _, user, conversations) in rows {
        if let (Some(user), Some(conversations)) = (user, conversations) {
            memberships.extend(conversations.into_iter().map(|conversation| (user, conversation)));
        }
    }
    Ok(Everyone { head: Cursor { epoch, position }, memberships })
}
