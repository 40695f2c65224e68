//! Events of all kinds but messages: they describe a change.

use crate::ids::{ConversationId, MessageId, UserId};
use crate::log::{EventPayload, NewEvent, WriteKey};
use crate::store::users::UserRow;
use crate::store::{EventKind, Time};
use crate::wire::{ChangePayload, Names};
use serde::Serialize;
use serde_json::value::to_raw_value;

/// Stands in a payload for the time of the change, which is known only under the log's lock. SQL functions of changes put
/// it in its place.
pub const TIME_OF_CHANGE: Time = Time::UNIX_EPOCH;

/// An event about a change, before it is appended.
pub struct ChangeEvent<'a, Data> {
    pub key: WriteKey,
    pub conversation: ConversationId,
    pub kind: EventKind,
    pub message: Option<MessageId>,
    pub actor: &'a UserRow,
    /// As everybody gets it.
    pub data: &'a Data,
    /// Whose membership begins or ends with the event.
    pub concerns: Vec<UserId>,
    /// The only user who gets the event.
    pub only_for: Option<UserId>,
}

impl<Data: Serialize> ChangeEvent<'_, Data> {
    /// The event.
    ///
    /// # Panics
    /// Never: the shapes of `wire` are JSON.
    pub fn event(self) -> NewEvent {
        let payload = change_payload(self.actor, self.data, self.concerns);
        NewEvent {
            key: self.key,
            conversation: self.conversation,
            kind: self.kind,
            message: self.message,
            sender: self.actor.id,
            payload,
            reply_to: None,
            mentions: Vec::new(),
            only_for: self.only_for,
        }
    }
}

/// The payload of an event that tells of a change. `concerns` are the users whose membership begins or ends with it.
///
/// # Panics
/// Never: the shapes of `wire` are JSON.
pub fn change_payload(actor: &UserRow, data: &impl Serialize, concerns: Vec<UserId>) -> EventPayload {
    let data = to_raw_value(data).expect("shapes are JSON");
    ChangePayload { actor: actor_names(actor), data: &data, concerns }.to_payload()
}

/// How a user is called now.
pub fn actor_names(user: &UserRow) -> Names<'_> {
    Names { name: user.name.as_str().into(), display_name: user.display_name.as_str().into() }
}
