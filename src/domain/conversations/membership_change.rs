//! The payloads of events about members, and the errors for rejections, shared by joins, leaves and changes of roles.
//!
//! The payload is made of rows that are read before the log's lock is taken. The SQL functions compare those rows under the
//! lock and reject the change as `stale` if they have changed. Then they are read again and the change is repeated.

use crate::domain::change_event::{TIME_OF_CHANGE, change_payload};
use crate::domain::error::Error;
use crate::log::{EventPayload, FunctionRejection};
use crate::store::MemberRole;
use crate::store::conversations::ConversationRow;
use crate::store::users::UserRow;
use crate::wire::{ConversationInEvent, Member, MemberData, Timestamp};

/// Attempts at a change that is rejected as stale. One repeat is nearly always enough: titles and owners change rarely.
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

/// Whether the change was rejected as stale, so that rows are read again and it is repeated.
pub fn is_stale(rejection: &FunctionRejection) -> bool {
    rejection.reason == "stale"
}

/// The error that the caller gets for a rejection of a change of members.
pub fn error_of(rejection: FunctionRejection) -> Error {
    match rejection.reason.as_str() {
        "direct" => Error::DirectFixed,
        "members_manage_nobody" => Error::Forbidden("only owners and admins manage members"),
        "admins_manage_no_owners" => Error::Forbidden("only owners make, change and remove owners"),
        "last_owner" => Error::Forbidden("a conversation keeps an owner, make another one first"),
        _ => rejection.into(),
    }
}
