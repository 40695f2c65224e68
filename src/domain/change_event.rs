//! Events of all kinds but messages: they describe a change.

use crate::ids::{ConversationId, MessageId, UserId};
use crate::log::{NewEvent, WriteKey};
use crate::store::EventKind;
use crate::store::users::UserRow;
use crate::wire::{ChangePayload, Names};
use serde::Serialize;
use serde_json::value::to_raw_value;

/// What is to be told.
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
        let data = to_raw_value(self.data).expect("shapes are JSON");
        let payload = ChangePayload { actor: actor_names(self.actor), data: &data, concerns: self.concerns };
        NewEvent {
            key: self.key,
            conversation: self.conversation,
            kind: self.kind,
            message: self.message,
            sender: self.actor.id,
            payload: payload.to_payload(),
            reply_to: None,
            mentions: Vec::new(),
            only_for: self.only_for,
        }
    }
}

/// How a user is called now.
pub fn actor_names(user: &UserRow) -> Names<'_> {
    Names { name: user.name.as_str().into(), display_name: user.display_name.as_str().into() }
}
