//! Appends to the log, on one connection: a batch of sends in one round trip, or one change in a transaction.

use super::appended_batch::{AppendOutcome, AppendedBatch};
use super::changes::change::{ApplyOutcome, ErasedChange, LockedHead};
use super::changes::id_judgement::IdJudgement;
use super::error::AttemptFault;
use crate::ids::{ConversationId, Epoch, MessageId, Position, UserId, WriteId};
use crate::log::event::{Event, NewEvent, WriteKey};
use crate::store::sql::{only, sql};
use crate::store::{Connection, EventKind, Time};
use diesel::result::Error;
use diesel::sql_types::{Array, BigInt, Bool, Bytea, Nullable, SmallInt, Text, Timestamptz, Uuid};
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use std::sync::Arc;

/// What an append needs to know of the log.
#[derive(Clone, Copy, Debug)]
pub struct AppendContext {
    /// The cluster that this connection goes to.
    pub cluster: i64,
    /// A position that was seen committed.
    pub known: Position,
}

/// Appends events, each of whose senders must be a member, and commits.
pub async fn append(
    connection: &mut Connection,
    context: AppendContext,
    events: &[&NewEvent],
) -> Result<AppendedBatch, Error> {
    call(connection, context, events, None).await
}

/// Applies a change in a transaction: lock first, rows after. A failure leaves the transaction open.
pub async fn apply(
    connection: &mut Connection,
    context: AppendContext,
    change: &mut dyn ErasedChange,
) -> Result<(ApplyOutcome, Epoch), AttemptFault> {
    connection.batch_execute("BEGIN").await?;
    let Begun { locked, epoch, judgement } = begin(connection, context, change.key()).await?;
    let outcome = match judgement {
        IdJudgement::Taken => ApplyOutcome::Taken,
        IdJudgement::Reused => ApplyOutcome::Reused,
        IdJudgement::Known(position) => match change.staged_at(position) {
            Some(events) => ApplyOutcome::Recovered(events),
            None => ApplyOutcome::Replayed(position),
        },
        IdJudgement::New => match change.apply(connection, locked).await? {
            None => {
                connection.batch_execute("ROLLBACK").await?;
                return Ok((ApplyOutcome::Rejected, epoch));
            }
            Some(events) => ApplyOutcome::Applied(write(connection, context, locked, events).await?),
        },
    };
    if let ApplyOutcome::Applied(events) = &outcome
        && !events.is_empty()
    {
        change.stage(events);
    } else {
        // Without a write, the commit would neither flush nor wait for the standby, and what was found might be lost.
        connection.batch_execute("SELECT pg_logical_emit_message(true, 'longwave', '')").await?;
    }
    connection.batch_execute("COMMIT").await?;
    Ok((outcome, epoch))
}

/// A transaction that holds the log's lock for a change.
struct Begun {
    locked: LockedHead,
    epoch: Epoch,
    judgement: IdJudgement,
}

async fn begin(connection: &mut Connection, context: AppendContext, key: &WriteKey) -> Result<Begun, Error> {
    let query = sql::<(BigInt, Timestamptz, BigInt, SmallInt, Nullable<BigInt>)>(
        "SELECT o_head, o_now, o_epoch, o_outcome, o_position FROM log_begin(",
    )
    .bind::<BigInt, _>(context.known)
    .sql(", ")
    .bind::<BigInt, _>(context.cluster)
    .sql(", ")
    .bind::<Uuid, _>(key.id)
    .sql(", ")
    .bind::<Uuid, _>(key.owner)
    .sql(", ")
    .bind::<Bytea, _>(&key.mac)
    .sql(")");
    let (head, now, epoch, outcome, position): (Position, Time, Epoch, i16, Option<Position>) =
        only(query.load(connection).await?)?;
    let judgement = IdJudgement::new(outcome, position)?;
    Ok(Begun { locked: LockedHead { next: head.next(), now }, epoch, judgement })
}

/// Begins a new epoch if the cluster or timeline has changed since the last append. Returns the head.
pub async fn enter(connection: &mut Connection, context: AppendContext) -> Result<Position, Error> {
    connection.batch_execute("BEGIN").await?;
    let (locked, _) = lock(connection, context).await?;
    connection.batch_execute("COMMIT").await?;
    Ok(locked.next.previous())
}

/// Begins a new epoch in any case.
pub async fn begin_epoch(connection: &mut Connection, context: AppendContext) -> Result<Epoch, Error> {
    connection.batch_execute("BEGIN").await?;
    let (locked, _) = lock(connection, context).await?;
    let query = sql::<BigInt>("SELECT log_enter_epoch(")
        .bind::<BigInt, _>(context.cluster)
        .sql(", ")
        .bind::<BigInt, _>(locked.next.previous())
        .sql(", true)");
    let epoch = only(query.load(connection).await?)?;
    connection.batch_execute("COMMIT").await?;
    Ok(epoch)
}

async fn lock(connection: &mut Connection, context: AppendContext) -> Result<(LockedHead, Epoch), Error> {
    let query = sql::<(BigInt, Timestamptz, BigInt)>("SELECT o_head, o_now, o_epoch FROM log_lock_epoch(")
        .bind::<BigInt, _>(context.known)
        .sql(", ")
        .bind::<BigInt, _>(context.cluster)
        .sql(")");
    let (head, now, epoch): (Position, Time, Epoch) = only(query.load(connection).await?)?;
    Ok((LockedHead { next: head.next(), now }, epoch))
}

async fn write(
    connection: &mut Connection,
    context: AppendContext,
    locked: LockedHead,
    events: Vec<NewEvent>,
) -> Result<Vec<Arc<Event>>, Error> {
    if events.is_empty() {
        return Ok(Vec::new());
    }
    let batch = call(connection, context, &events.iter().collect::<Vec<_>>(), Some(locked.now)).await?;
    let expected = (0..events.len()).map(|index| AppendOutcome::Appended(locked.next.plus(index)));
    if !batch.outcomes.iter().copied().eq(expected) {
        return Err(Error::QueryBuilderError("an event of a change has an id that is known".into()));
    }
    let placed = events
        .into_iter()
        .enumerate()
        .map(|(index, event)| Arc::new(event.at(locked.next.plus(index), batch.epoch, batch.created_at)));
    Ok(placed.collect())
}

type AppendRow = (BigInt, Timestamptz, Array<SmallInt>, Array<BigInt>);

async fn call(
    connection: &mut Connection,
    context: AppendContext,
    events: &[&NewEvent],
    now: Option<Time>,
) -> Result<AppendedBatch, Error> {
    let columns = EventArrays::of(events);
    let query = sql::<AppendRow>("SELECT o_epoch, o_created_at, o_outcomes, o_positions FROM log_append(")
        .bind::<BigInt, _>(context.known)
        .sql(", ")
        .bind::<BigInt, _>(context.cluster)
        .sql(", ")
        .bind::<Bool, _>(now.is_none())
        .sql(", ")
        .bind::<Array<Uuid>, _>(&columns.ids)
        .sql(", ")
        .bind::<Array<Uuid>, _>(&columns.owners)
        .sql(", ")
        .bind::<Array<Bytea>, _>(&columns.macs)
        .sql(", ")
        .bind::<Array<Text>, _>(&columns.kinds)
        .sql(", ")
        .bind::<Array<Uuid>, _>(&columns.conversations)
        .sql(", ")
        .bind::<Array<Nullable<Uuid>>, _>(&columns.messages)
        .sql(", ")
        .bind::<Array<Uuid>, _>(&columns.senders)
        .sql(", ")
        .bind::<Array<Text>, _>(&columns.payloads)
        .sql(", ")
        .bind::<Array<Nullable<Uuid>>, _>(&columns.replies)
        .sql(", ")
        .bind::<Array<Nullable<Text>>, _>(&columns.mentions)
        .sql(", ")
        .bind::<Array<Nullable<Uuid>>, _>(&columns.only_for)
        .sql(", ")
        .bind::<Nullable<Timestamptz>, _>(now)
        .sql(")");
    // This statement commits by itself, so its row is no answer until ReadyForQuery has come.
    let (epoch, created_at, outcomes, positions): (Epoch, Time, Vec<i16>, Vec<Position>) =
        only(query.load(connection).await?)?;
    let outcomes = outcomes.into_iter().zip(positions).map(|(outcome, position)| match outcome {
        0 => Ok(AppendOutcome::Appended(position)),
        1 => Ok(AppendOutcome::Known(position)),
        2 => Ok(AppendOutcome::Reused),
        3 => Ok(AppendOutcome::Taken),
        4 => Ok(AppendOutcome::NotMember),
        other => Err(Error::DeserializationError(format!("unknown outcome {other}").into())),
    });
    Ok(AppendedBatch { epoch, created_at, outcomes: outcomes.collect::<Result<_, _>>()? })
}

/// Events as one array a column, so that one statement carries many rows.
#[derive(Default)]
struct EventArrays<'a> {
    ids: Vec<WriteId>,
    owners: Vec<UserId>,
    macs: Vec<&'a [u8]>,
    kinds: Vec<EventKind>,
    conversations: Vec<ConversationId>,
    messages: Vec<Option<MessageId>>,
    senders: Vec<UserId>,
    payloads: Vec<&'a str>,
    replies: Vec<Option<MessageId>>,
    /// Each an array in PostgreSQL's notation.
    mentions: Vec<Option<String>>,
    only_for: Vec<Option<UserId>>,
}

impl<'a> EventArrays<'a> {
    fn of(events: &[&'a NewEvent]) -> Self {
        let mut columns = Self::default();
        for event in events {
            columns.ids.push(event.key.id);
            columns.owners.push(event.key.owner);
            columns.macs.push(&event.key.mac);
            columns.kinds.push(event.kind);
            columns.conversations.push(event.conversation);
            columns.messages.push(event.message);
            columns.senders.push(event.sender);
            columns.payloads.push(&event.payload.0);
            columns.replies.push(event.reply_to);
            columns.mentions.push(array(&event.mentions));
            columns.only_for.push(event.only_for);
        }
        columns
    }
}

/// Writes ids as an array in PostgreSQL's notation, because an array of arrays cannot be unnested; `None` for no ids.
fn array(ids: &[UserId]) -> Option<String> {
    let texts: Vec<_> = ids.iter().map(ToString::to_string).collect();
    (!texts.is_empty()).then(|| format!("{{{}}}", texts.join(",")))
}
