//! Messages as a reader sees them: with the edits, deletions and reactions that the reader may see.
//!
//! Former members see a message as it was in their time. A deleted text is gone for everybody.

use crate::domain::error::Error;
use crate::ids::{ConversationId, MessageId, Position, UserId};
use crate::log::history::Interval;
use crate::log::{Event, read, versions};
use crate::store::{Connection, EventKind, reactions};
use crate::wire::{Message, Reaction};
use std::collections::HashMap;

/// The intervals of each conversation that a reader may read.
pub type VisibleIntervals = HashMap<ConversationId, Vec<Interval>>;

/// Makes the views of messages, each given by its `message.created`; keeps their order.
pub async fn view_messages(
    connection: &mut Connection,
    reader: UserId,
    created: &[Event],
    intervals: &VisibleIntervals,
) -> Result<Vec<Message>, Error> {
    let superseded: Vec<Position> = created.iter().filter_map(|event| event.current).collect();
    let current = if superseded.is_empty() { Vec::new() } else { read::events_at(connection, &superseded).await? };
    let current: HashMap<_, _> = current.into_iter().map(|event| (event.message, event)).collect();
    let mut reactions = count_reactions(connection, reader, created, intervals).await?;
    let mut messages = Vec::with_capacity(created.len());
    for event in created {
        let message = match current.get(&event.message) {
            None => Message::from_event(event)?,
            Some(end) if end.kind == EventKind::MessageDeleted => Message::from_deleted(event, end.created_at)?,
            Some(edit) => {
                let own_intervals = intervals.get(&event.conversation).map(Vec::as_slice).unwrap_or_default();
                edited(connection, event, edit, own_intervals).await?
            }
        };
        let reactions = reactions.remove(&message.id).filter(|_| message.deleted_at.is_none()).unwrap_or_default();
        messages.push(Message { reactions, ..message });
    }
    Ok(messages)
}

/// An edited message, as the last version that the reader may see.
async fn edited(
    connection: &mut Connection,
    created: &Event,
    edit: &Event,
    own_intervals: &[Interval],
) -> Result<Message, Error> {
    if own_intervals.iter().any(|interval| interval.contains(edit.position)) {
        return Ok(Message::from_event(edit)?);
    }
    let Some(message) = created.message else { return Ok(Message::from_event(created)?) };
    let seen = versions::last_edit_within(connection, message, own_intervals).await?;
    Ok(Message::from_event(seen.as_ref().unwrap_or(created))?)
}

async fn count_reactions(
    connection: &mut Connection,
    reader: UserId,
    created: &[Event],
    intervals: &VisibleIntervals,
) -> Result<HashMap<MessageId, Vec<Reaction>>, Error> {
    let ids: Vec<_> = created.iter().filter_map(|event| event.message).collect();
    let mut found: HashMap<_, Vec<_>> = HashMap::new();
    if ids.is_empty() {
        return Ok(found);
    }
    let seen: Vec<_> = intervals
        .iter()
        .flat_map(|(id, intervals)| intervals.iter().map(move |interval| (*id, interval.first, interval.last)))
        .collect();
    for counted in reactions::count(connection, reader, &ids, &seen).await? {
        let reaction = Reaction { emoji: counted.emoji, count: counted.count, mine: Some(counted.mine) };
        found.entry(counted.message).or_default().push(reaction);
    }
    Ok(found)
}
