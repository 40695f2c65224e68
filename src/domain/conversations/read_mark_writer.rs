//! Writing read marks: a batch of them with its events, by the SQL function `change_read_marks`. In large conversations, only
//! the reader gets the event.

use crate::domain::change_event::change_payload;
use crate::domain::conversations::read_mark_queue::{MarkOfUser, ReadMarkQueue};
use crate::domain::idempotency::request::fresh_key;
use crate::ids::Position;
use crate::log::epoch::{self, EpochHistory};
use crate::log::{ChangeError, EventPayload, FunctionChange, Log, WriteError};
use crate::store::StoreError;
use crate::telemetry::error_chain;
use crate::wire::ReadData;
use serde_json::json;

/// Members of a conversation above which marks are their reader's alone.
pub const MAX_MEMBERS_FOR_SHARED_MARKS: i64 = 50;

/// Starts the queue of a node's marks.
pub fn start_read_mark_queue(log: Log) -> ReadMarkQueue {
    ReadMarkQueue::start(move |marks| write(log.clone(), marks))
}

/// Writes marks, each of another user or conversation.
async fn write(log: Log, marks: Vec<MarkOfUser>) -> Result<(), WriteError> {
    let Some((first, _)) = marks.first() else { return Ok(()) };
    let key = fresh_key(first.id);
    let epochs = load_epochs(&log).await.map_err(|error| {
        tracing::warn!(error = error_chain(&error), "cannot write read marks");
        WriteError::Busy
    })?;
    let moves = marks
        .iter()
        .map(|(_, mark)| json!({"conversation": mark.conversation, "reader": mark.user, "read": mark.read.0}));
    let arguments = json!({"marks": moves.collect::<Vec<_>>(), "max_shared_members": MAX_MEMBERS_FOR_SHARED_MARKS});
    let payloads = marks.iter().map(|mark| payload(mark, &epochs)).collect();
    let change = FunctionChange::new(key, "change_read_marks", &arguments, payloads);
    match log.change_by_function(change).await {
        Ok(_) => Ok(()),
        Err(ChangeError::Write(error)) => Err(error),
        Err(ChangeError::Rejected(rejection)) => {
            tracing::error!(reason = rejection.reason, "cannot write read marks");
            Err(WriteError::Failed)
        }
    }
}

/// The epochs of all positions that are marked: what a cursor of a committed position says never changes.
async fn load_epochs(log: &Log) -> Result<EpochHistory, StoreError> {
    let known = log.committed().map_or(Position::ZERO, |cursor| cursor.position);
    // Within a limit: one task writes the marks of all users of a node.
    log.pool().ask(async |connection| epoch::load(connection, known).await).await
}

fn payload((user, mark): &MarkOfUser, epochs: &EpochHistory) -> EventPayload {
    let data = ReadData { user: (**user).clone().into(), read: epochs.cursor_at(mark.read).to_string() };
    change_payload(user, &data, Vec::new())
}
