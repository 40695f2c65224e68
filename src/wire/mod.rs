//! The JSON shapes: what clients read, and what the payloads in the log hold.
//!
//! An event is encoded once for each framing, and the bytes are shared by all who receive it.

mod attachment;
mod conversation;
mod list;
mod member;
mod message;
mod payload;
mod problem;
mod search;
mod session;
mod stream;
mod time;
mod user;

pub use attachment::Attachment;
pub use conversation::{
    Conversation, ConversationData, ConversationInEvent, OwnSettings, Participant, ReadData, ReadReceipt, ReadState,
};
pub use list::List;
pub use member::{Member, MemberData};
pub use message::{Message, MessageData, Reaction, ReactionData, Sender, Version};
pub use payload::{ChangePayload, First, MessagePayload, Names, ShapeError};
pub use problem::{FieldError, ProblemDocument};
pub use search::Hit;
pub use session::{ListedSession, LoggedIn, Session, Ticket};
pub use stream::control::{End, EndCode, Ready, Reset, ResetCode};
pub use stream::ephemeral::{Ephemeral, EphemeralEvent, EphemeralKind};
pub use stream::event::{Actor, Encoded, EventObject, EventsPage};
pub use stream::framing::{Chunks, Frame, Framing, LAST_CHUNK};
pub use time::Timestamp;
pub use user::User;
