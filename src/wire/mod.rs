//! The JSON shapes: what clients read, and what the payloads in the log hold.
//!
//! An event is encoded once a framing and shared by all who receive it.

mod control;
mod conversation;
mod ephemeral;
mod event;
mod member;
mod message;
mod payload;
mod problem;
mod search;
mod session;
mod time;
mod user;

pub use control::{Chunks, End, EndCode, Frame, Framing, LAST_CHUNK, Ready, Reset, ResetCode};
pub use conversation::{
    Conversation, ConversationData, ConversationInEvent, OwnSettings, Participant, ReadData, ReadReceipt, ReadState,
};
pub use ephemeral::{Ephemeral, EphemeralEvent, EphemeralKind};
pub use event::{Actor, Encoded, Event, EventsPage};
pub use member::{Member, MemberData};
pub use message::{Attachment, Message, MessageData, Reaction, ReactionData, Sender, Version};
pub use payload::{ChangePayload, First, MessagePayload, Names, ShapeError};
pub use problem::{FieldError, Problem};
pub use search::Hit;
pub use session::{ListedSession, LoggedIn, Session, Ticket};
pub use time::Timestamp;
pub use user::User;

use serde::Serialize;
use utoipa::ToSchema;

/// A page of a list.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct List<T> {
    pub items: Vec<T>,
    /// What `page` takes to go on; null at the end.
    pub next: Option<String>,
}
