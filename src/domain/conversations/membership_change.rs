//! What joins, leaves and changes of roles have in common: the payloads of their events, and what their rejections mean.
//!
//! What an event says is read before the log's lock is taken. The SQL functions compare it under the lock, and reject the
//! change as stale if it is something else by then: it is then read and tried again.

use crate::domain::change_event::{TIME_OF_CHANGE, change_payload};
use crate::domain::error::Error;
use crate::log::{EventPayload, FunctionRejection};
use crate::store::MemberRole;
use crate::store::conversations::ConversationRow;
use crate::store::users::UserRow;
use crate::wire::{ConversationInEvent, Member, MemberData, Timestamp};

/// How often a change is tried of what may be stale. Titles and owners change rarely.
pub const MAX_STALE_ATTEMPTS: usize = 10;

/// Stands in a payload for the count of members, which is known only under the log's lock. SQL functions put the count in
/// its place.
const COUNT_OF_MEMBERS: i64 = -1;

/// The payload of an event about one member, without count and time.
pub fn member_payload(
    actor: &UserRow,
    conversation: &ConversationRow,
    user: &UserRow,
    role: MemberRole,
) -> EventPayload {
    let data = MemberData {
        member: Member { user: user.clone().into(), role, since: Timestamp(TIME_OF_CHANGE) },
        conversation: ConversationInEvent::new(conversation, COUNT_OF_MEMBERS),
    };
    change_payload(actor, &data, vec![user.id])
}

/// Whether the change is to be made of what is read anew.
pub fn is_stale(rejection: &FunctionRejection) -> bool {
    rejection.reason == "stale"
}

/// What a rejection of a change of members means.
pub fn error_of(rejection: FunctionRejection) -> Error {
    match rejection.reason.as_str() {
        "direct" => Error::DirectFixed,
        "members_manage_nobody" => Error::Forbidden("only owners and admins manage members"),
        "admins_manage_no_owners" => Error::Forbidden("only owners make, change and remove owners"),
        "last_owner" => Error::Forbidden("a conversation keeps an owner, make another one first"),
        _ => rejection.into(),
    }
}
