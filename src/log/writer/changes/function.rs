//! Changes that one SQL function decides and makes.

use super::change::{ApplyOutcome, ChangeError, ChangeOutcome};
use super::id_judgement::IdJudgement;
use crate::ids::{ConversationId, Epoch, MessageId, Position, UserId};
use crate::log::event::{Event, EventPayload, WriteKey};
use crate::log::writer::append::AppendContext;
use crate::log::writer::capacity::QueueShare;
use crate::log::writer::error::WriteError;
use crate::store::sql::sql;
use crate::store::{Connection, EventKind, Time};
use diesel::prelude::Queryable;
use diesel::result::Error;
use diesel::sql_types::{Array, BigInt, Bytea, Json, Nullable, SmallInt, Text, Timestamptz, Uuid};
use diesel_async::RunQueryDsl;
use serde_json::Value;
use std::sync::Arc;
use tokio::sync::oneshot;

/// A change that one SQL function decides and makes, in one round trip under the log's lock.
///
/// The SQL function `log_change()` takes the lock, checks the id, writes the events and notifies. It calls the function that
/// is named here, which checks the rules of its kind and writes its rows.
#[derive(Clone, Debug)]
pub struct FunctionChange {
    key: WriteKey,
    function: &'static str,
    /// A JSON object.
    arguments: String,
    payloads: Vec<EventPayload>,
}

impl FunctionChange {
    /// A change by a SQL function, which is given `arguments`, a JSON object, and the payloads of the events that it may
    /// append.
    pub fn new(key: WriteKey, function: &'static str, arguments: &Value, payloads: Vec<EventPayload>) -> Self {
        Self { key, function, arguments: arguments.to_string(), payloads }
    }

    /// Bytes of memory that it holds while it waits.
    pub fn size_bytes(&self) -> usize {
        let payloads: usize = self.payloads.iter().map(|payload| size_of_val(payload) + payload.0.len()).sum();
        size_of_val(self) + self.arguments.len() + payloads
    }
}

/// Why a SQL function made no change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionRejection {
    /// One of the rejections that the comment of the SQL function lists.
    pub reason: String,
    /// Further JSON of the function's answer; null for most functions.
    pub detail: Value,
}

type FunctionReply = Result<ChangeOutcome<Value>, ChangeError<FunctionRejection>>;

/// A [`FunctionChange`] in the queue, with where its answer goes.
pub struct QueuedFunction {
    pub change: FunctionChange,
    pub _share: QueueShare,
    /// What the function answered at the last attempt.
    pub answer: Option<Result<Value, FunctionRejection>>,
    pub reply: oneshot::Sender<FunctionReply>,
}

type ChangeColumns = (
    SmallInt,
    BigInt,
    Timestamptz,
    Nullable<Text>,
    Nullable<Text>,
    Nullable<BigInt>,
    Nullable<Uuid>,
    Nullable<Text>,
    Nullable<Uuid>,
    Nullable<Uuid>,
    Nullable<Json>,
    Nullable<Uuid>,
);

/// A row of what `log_change()` answers: one for each event, at least one.
#[derive(Queryable)]
struct ChangeRow {
    outcome: i16,
    epoch: Epoch,
    created_at: Time,
    rejection: Option<String>,
    result: Option<String>,
    position: Option<Position>,
    conversation: Option<ConversationId>,
    kind: Option<EventKind>,
    message: Option<MessageId>,
    sender: Option<UserId>,
    payload: Option<EventPayload>,
    only_for: Option<UserId>,
}

impl QueuedFunction {
    /// The id of the write.
    #[cfg(test)]
    pub fn key(&self) -> &WriteKey {
        &self.change.key
    }

    /// Whether nobody waits for the answer any more.
    pub fn is_abandoned(&self) -> bool {
        self.reply.is_closed()
    }

    /// Makes one attempt, which commits by itself.
    pub async fn attempt(
        &mut self,
        connection: &mut Connection,
        context: AppendContext,
    ) -> Result<(ApplyOutcome, Epoch), Error> {
        // The statement commits by itself, so its rows prove nothing before ReadyForQuery. `load` waits for that.
        let rows: Vec<ChangeRow> = self.query(connection, context).await?;
        let first = rows.as_slice().first().ok_or(Error::NotFound)?;
        let epoch = first.epoch;
        let outcome = match IdJudgement::new(first.outcome, first.position)? {
            IdJudgement::Known(position) => ApplyOutcome::Replayed(position),
            IdJudgement::Reused => ApplyOutcome::Reused,
            IdJudgement::Taken => ApplyOutcome::Taken,
            IdJudgement::New => match &first.rejection {
                Some(reason) => {
                    let (reason, detail) = (reason.clone(), json(first.result.as_deref())?);
                    self.answer = Some(Err(FunctionRejection { reason, detail }));
                    ApplyOutcome::Rejected
                }
                None => {
                    self.answer = Some(Ok(json(first.result.as_deref())?));
                    ApplyOutcome::Applied(rows.into_iter().filter_map(ChangeRow::event).map(Arc::new).collect())
                }
            },
        };
        Ok((outcome, epoch))
    }

    async fn query(&self, connection: &mut Connection, context: AppendContext) -> Result<Vec<ChangeRow>, Error> {
        let payloads: Vec<&str> = self.change.payloads.iter().map(|payload| &*payload.0).collect();
        let key = &self.change.key;
        let query = sql::<ChangeColumns>(
            "SELECT outcome, epoch, created_at, rejection, result, position, conversation_id, kind, message_id, sender_id,
                    payload, only_for
               FROM log_change(",
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
        .sql(", ")
        .bind::<Text, _>(self.change.function)
        .sql(", ")
        .bind::<Text, _>(&self.change.arguments)
        .sql("::jsonb, ")
        .bind::<Array<Text>, _>(payloads)
        .sql(")");
        query.load(connection).await
    }

    /// Answers the caller.
    pub fn finish(self, outcome: Result<ApplyOutcome, WriteError>) {
        let reply = match (outcome, self.answer) {
            (Ok(ApplyOutcome::Applied(events)), Some(Ok(result))) => Ok(ChangeOutcome::Applied(result, events)),
            (Ok(ApplyOutcome::Replayed(position)), _) => Ok(ChangeOutcome::Replayed(position)),
            (Ok(ApplyOutcome::Rejected), Some(Err(rejection))) => Err(ChangeError::Rejected(rejection)),
            (Ok(ApplyOutcome::Reused), _) => Err(ChangeError::Write(WriteError::Reused)),
            (Ok(ApplyOutcome::Taken), _) => Err(ChangeError::Write(WriteError::Taken)),
            (Err(error), _) => Err(ChangeError::Write(error)),
            (Ok(ApplyOutcome::Applied(_) | ApplyOutcome::Recovered(_) | ApplyOutcome::Rejected), _) => {
                Err(ChangeError::Write(WriteError::Failed))
            }
        };
        // The caller may have given up.
        let _ = self.reply.send(reply);
    }
}

impl ChangeRow {
    /// The event of the row, if it has one.
    fn event(self) -> Option<Event> {
        Some(Event {
            position: self.position?,
            epoch: self.epoch,
            conversation: self.conversation?,
            kind: self.kind?,
            message: self.message,
            sender: self.sender?,
            created_at: self.created_at,
            payload: self.payload?,
            current: None,
            only_for: self.only_for,
        })
    }
}

fn json(text: Option<&str>) -> Result<Value, Error> {
    let value = text.map_or(Ok(Value::Null), serde_json::from_str);
    value.map_err(|error| Error::DeserializationError(Box::new(error)))
}
