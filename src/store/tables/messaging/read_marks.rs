//! How far members have read: a column of `members`. All writes happen under the log's lock.

use crate::ids::{ConversationId, Position, UserId};
use crate::store::database::connect::Connection;
use crate::store::database::schema::{members, users};
use crate::store::database::sql::sql;
use crate::store::tables::accounts::users::UserRow;
use crate::store::tables::messaging::members::Membership;
use diesel::prelude::*;
use diesel::result::Error;
use diesel::sql_types::{Array, BigInt, Uuid};
use diesel_async::RunQueryDsl;

/// How far a member has read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Queryable)]
pub struct ReadMark {
    pub conversation: ConversationId,
    pub user: UserId,
    pub read: Position,
}

/// Moves read marks forward and returns those that moved, in no order. A pair of conversation and user may occur once.
/// Users who are not members are skipped.
pub async fn advance(connection: &mut Connection, marks: &[ReadMark]) -> Result<Vec<ReadMark>, Error> {
    let conversations: Vec<_> = marks.iter().map(|mark| mark.conversation).collect();
    let users: Vec<_> = marks.iter().map(|mark| mark.user).collect();
    let reads: Vec<_> = marks.iter().map(|mark| mark.read).collect();
    let query = sql::<(Uuid, Uuid, BigInt)>("UPDATE members m SET read = t.read FROM unnest(")
        .bind::<Array<Uuid>, _>(conversations)
        .sql(", ")
        .bind::<Array<Uuid>, _>(users)
        .sql(", ")
        .bind::<Array<BigInt>, _>(reads)
        .sql(
            ") AS t (conversation_id, user_id, read)
              WHERE m.conversation_id = t.conversation_id AND m.user_id = t.user_id AND m.left_at IS NULL
                AND m.read < t.read
             RETURNING m.conversation_id, m.user_id, m.read",
        );
    query.load(connection).await
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
