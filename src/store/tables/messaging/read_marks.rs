//! How far members have read: a column of `members`. All writes happen under the log's lock.

use crate::ids::{ConversationId, Position, UserId};
use crate::store::database::connect::Connection;
use crate::store::database::schema::{members, users};
use crate::store::tables::accounts::users::UserRow;
use crate::store::tables::messaging::members::Membership;
use diesel::prelude::*;
use diesel::result::Error;
use diesel_async::RunQueryDsl;

/// How far a member has read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Queryable)]
pub struct ReadMark {
    pub conversation: ConversationId,
    pub user: UserId,
    pub read: Position,
}

/// Lists at most `limit` present members with their accounts and read marks, in order of joining, after `after`.
pub async fn readers(
    connection: &mut Connection,
    conversation: ConversationId,
    only: Option<UserId>,
    after: Option<(Position, UserId)>,
    limit: i64,
) -> Result<Vec<(Membership, UserRow, Position)>, Error> {
    let (place, user) = after.unwrap_or((Position(-1), UserId(uuid::Uuid::nil())));
    let mut query = members::table
        .inner_join(users::table.on(users::id.eq(members::user_id)))
        .filter(members::left_at.is_null().and(members::conversation_id.eq(conversation)))
        .filter(members::joined_at.gt(place).or(members::joined_at.eq(place).and(members::user_id.gt(user))))
        .order((members::joined_at, members::user_id))
        .limit(limit)
        .select((Membership::as_select(), UserRow::as_select(), members::read))
        .into_boxed();
    if let Some(only) = only {
        query = query.filter(members::user_id.eq(only));
    }
    query.load(connection).await
}
