//! What events do to memberships.

use crate::ids::UserId;
use crate::log::Event;
use crate::store::EventKind;
use crate::wire::ChangePayload;

/// What an event does to the memberships of its conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MembershipEffect {
    None,
    /// These users become members, and get the event itself.
    Join(Vec<UserId>),
    /// These users get the event, and nothing after it.
    Leave(Vec<UserId>),
    /// All members get the event, and nobody gets anything after it.
    End,
}

impl MembershipEffect {
    /// Reads the effect of an event.
    pub fn of(event: &Event) -> Self {
        let concerned = || match ChangePayload::parse(&event.payload) {
            Ok(payload) => payload.concerns,
            Err(error) => {
                tracing::error!(position = event.position.0, %error, "cannot read whom an event concerns");
                Vec::new()
            }
        };
        match event.kind {
            EventKind::ConversationCreated | EventKind::MemberJoined => Self::Join(concerned()),
            EventKind::MemberLeft => Self::Leave(concerned()),
            EventKind::ConversationDeleted => Self::End,
            EventKind::MessageCreated
            | EventKind::MessageEdited
            | EventKind::MessageDeleted
            | EventKind::ReactionAdded
            | EventKind::ReactionRemoved
            | EventKind::ConversationUpdated
            | EventKind::ConversationRead
            | EventKind::MemberUpdated => Self::None,
        }
    }

    /// Whether `user` is a member after the event; `None` if the event does not change that. The end of a conversation
    /// does not say who was a member: `was_member` does.
    pub fn on(&self, user: UserId, was_member: impl FnOnce() -> bool) -> Option<bool> {
        match self {
            Self::None => None,
            Self::Join(users) => users.contains(&user).then_some(true),
            Self::Leave(users) => users.contains(&user).then_some(false),
            Self::End => was_member().then_some(false),
        }
    }
}
