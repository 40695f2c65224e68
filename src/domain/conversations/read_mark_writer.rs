//! Writing read marks: a batch of them in one transaction with its events. In large conversations, only the reader gets
//! the event.

use crate::domain::change_event::ChangeEvent;
use crate::domain::conversations::read_mark_queue::{MarkOfUser, ReadMarkQueue};
use crate::domain::error::Error;
use crate::domain::idempotency::request::fresh_key;
use crate::log::epoch::{self, EpochHistory};
use crate::log::{Change, ChangeError, ChangeFuture, LockedHead, Log, NewEvent, WriteError, WriteKey};
use crate::store::read_marks::{self, ReadMark};
use crate::store::users::UserRow;
use crate::store::{Connection, EventKind, members};
use crate::telemetry::error_chain;
use crate::wire::ReadData;
use std::collections::HashMap;

/// Members of a conversation above which marks are their reader's alone.
pub const MAX_MEMBERS_FOR_SHARED_MARKS: i64 = 50;
/// Starts the queue of a node's marks.
pub fn start_read_mark_queue(log: Log) -> ReadMarkQueue {
    ReadMarkQueue::start(move |marks| write(log.clone(), marks))
}

async fn write(log: Log, marks: Vec<MarkOfUser>) -> Result<(), WriteError> {
    let Some((first, _)) = marks.first() else { return Ok(()) };
    let key = fresh_key(first.id);
    match log.change(ReadMarkAdvance { key, marks }).await {
        Ok(_) => Ok(()),
        Err(ChangeError::Write(error)) => Err(error),
        Err(ChangeError::Rejected(error)) => {
            tracing::error!(error = error_chain(&error), "cannot write read marks");
            Err(WriteError::Failed)
        }
    }
}

/// A batch of marks, each of another user or conversation.
struct ReadMarkAdvance {
    key: WriteKey,
    marks: Vec<MarkOfUser>,
}

impl Change for ReadMarkAdvance {
    type Output = ();
    type Rejection = Error;

    fn key(&self) -> &WriteKey {
        &self.key
    }

    fn size_bytes(&self) -> usize {
        size_of_val(self) + size_of_val(self.marks.as_slice())
    }

    fn apply<'a>(&'a self, connection: &'a mut Connection, locked: LockedHead) -> ChangeFuture<'a, (), Error> {
        Box::pin(async move {
            let wanted: Vec<_> = self.marks.iter().map(|(_, mark)| *mark).collect();
            let moved = read_marks::advance(connection, &wanted).await?;
            let mut conversations: Vec<_> = moved.iter().map(|mark| mark.conversation).collect();
            conversations.sort_unstable();
            conversations.dedup();
            let large = members::larger_than(connection, &conversations, MAX_MEMBERS_FOR_SHARED_MARKS).await?;
            let state = epoch::load(connection, locked.next.previous()).await.map_err(Error::from)?;
            let users: HashMap<_, _> = self.marks.iter().map(|(user, _)| (user.id, user)).collect();
            let mut events = Vec::with_capacity(moved.len());
            for mark in moved {
                let Some(user) = users.get(&mark.user) else { continue };
                let key = if events.is_empty() { self.key.clone() } else { fresh_key(user.id) };
                let alone = large.contains(&mark.conversation);
                events.push(event(key, user, mark, alone, &state));
            }
            Ok((events, ()))
        })
    }
}

fn event(key: WriteKey, user: &UserRow, mark: ReadMark, alone: bool, state: &EpochHistory) -> NewEvent {
    ChangeEvent {
        key,
        conversation: mark.conversation,
        kind: EventKind::ConversationRead,
        message: None,
        actor: user,
        data: &ReadData { user: user.clone().into(), read: state.cursor_at(mark.read).to_string() },
        concerns: Vec::new(),
        only_for: alone.then_some(user.id),
    }
    .event()
}
