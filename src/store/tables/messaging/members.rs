//! Memberships: from the position at which a user joined to the one at which they left. All writes happen under the log's
//! lock.

use crate::ids::{ConversationId, Position, UserId};
use crate::store::database::connect::Connection;
use crate::store::database::enums::{History, MemberRole};
use crate::store::database::schema::{conversations, members, users};
use crate::store::database::sql::{Time, sql};
use crate::store::tables::accounts::users::UserRow;
use diesel::prelude::*;
use diesel::result::Error;
use diesel::sql_types::{Array, BigInt, Uuid};
use diesel_async::RunQueryDsl;

/// One membership.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = members)]
pub struct Membership {
    pub user_id: UserId,
    pub role: MemberRole,
    pub joined_at: Position,
    pub left_at: Option<Position>,
    pub since: Time,
    #[diesel(embed)]
    pub settings: MemberSettings,
}

/// Settings of a member that only they see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Queryable, Selectable)]
#[diesel(table_name = members)]
pub struct MemberSettings {
    pub archived: bool,
    pub muted: bool,
}

/// A user who joins, and their role.
#[derive(Clone, Copy, Debug)]
pub struct NewMember {
    pub user: UserId,
    pub role: MemberRole,
}

/// Adds members to a conversation at a position.
pub async fn join(
    connection: &mut Connection,
    conversation: ConversationId,
    joining: &[NewMember],
    at: Position,
    since: Time,
) -> Result<(), Error> {
    let rows = joining.iter().map(|joining| {
        (
            members::conversation_id.eq(conversation),
            members::user_id.eq(joining.user),
            members::role.eq(joining.role),
            members::joined_at.eq(at),
            members::read.eq(at),
            members::since.eq(since),
        )
    });
    diesel::insert_into(members::table).values(rows.collect::<Vec<_>>()).execute(connection).await?;
    Ok(())
}

/// Finds the present membership of a user.
pub async fn current(
    connection: &mut Connection,
    conversation: ConversationId,
    user: UserId,
) -> Result<Option<Membership>, Error> {
    present()
        .filter(members::conversation_id.eq(conversation).and(members::user_id.eq(user)))
        .select(Membership::as_select())
        .first(connection)
        .await
        .optional()
}

/// Lists all memberships of a user in a conversation, oldest first.
pub async fn of_user(
    connection: &mut Connection,
    conversation: ConversationId,
    user: UserId,
) -> Result<Vec<Membership>, Error> {
    members::table
        .filter(members::conversation_id.eq(conversation).and(members::user_id.eq(user)))
        .order(members::joined_at)
        .select(Membership::as_select())
        .load(connection)
        .await
}

/// A membership, as far as it says what a user may see of which conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Queryable)]
pub struct MembershipInterval {
    pub conversation: ConversationId,
    pub joined_at: Position,
    pub left_at: Option<Position>,
    pub history: History,
}

/// Lists all memberships of a user in conversations that are not deleted, oldest first.
pub async fn intervals_of_user(connection: &mut Connection, user: UserId) -> Result<Vec<MembershipInterval>, Error> {
    members::table
        .inner_join(conversations::table.on(conversations::id.eq(members::conversation_id)))
        .filter(members::user_id.eq(user).and(conversations::deleted_at.is_null()))
        .order(members::joined_at)
        .select((members::conversation_id, members::joined_at, members::left_at, conversations::history))
        .load(connection)
        .await
}

/// Lists at most `limit` present members with their accounts, in order of joining, after `after`.
pub async fn list(
    connection: &mut Connection,
    conversation: ConversationId,
    after: Option<(Position, UserId)>,
    limit: i64,
) -> Result<Vec<(Membership, UserRow)>, Error> {
    let (place, user) = after.unwrap_or((Position(-1), UserId(uuid::Uuid::nil())));
    members::table
        .inner_join(users::table.on(users::id.eq(members::user_id)))
        .filter(members::left_at.is_null().and(members::conversation_id.eq(conversation)))
        .filter(members::joined_at.gt(place).or(members::joined_at.eq(place).and(members::user_id.gt(user))))
        .order((members::joined_at, members::user_id))
        .limit(limit)
        .select((Membership::as_select(), UserRow::as_select()))
        .load(connection)
        .await
}

/// Counts the present members of each conversation. Conversations without members are left out.
pub async fn count(
    connection: &mut Connection,
    conversations: &[ConversationId],
) -> Result<Vec<(ConversationId, i64)>, Error> {
    present()
        .filter(members::conversation_id.eq_any(conversations))
        .group_by(members::conversation_id)
        .select((members::conversation_id, diesel::dsl::count_star()))
        .load(connection)
        .await
}

/// Counts the members that a conversation had at a position.
pub async fn count_at(connection: &mut Connection, conversation: ConversationId, at: Position) -> Result<i64, Error> {
    members::table
        .filter(members::conversation_id.eq(conversation).and(members::joined_at.le(at)))
        .filter(members::left_at.is_null().or(members::left_at.gt(at)))
        .count()
        .get_result(connection)
        .await
}

/// Finds the other user of each direct conversation, also one whose membership has ended: that happens only when an account
/// is deleted.
pub async fn peers(
    connection: &mut Connection,
    conversations: &[ConversationId],
    user: UserId,
) -> Result<Vec<(ConversationId, UserRow)>, Error> {
    members::table
        .inner_join(users::table.on(users::id.eq(members::user_id)))
        .filter(members::conversation_id.eq_any(conversations).and(members::user_id.ne(user)))
        .select((members::conversation_id, UserRow::as_select()))
        .load(connection)
        .await
}

/// Counts the owners of a conversation.
pub async fn count_owners(connection: &mut Connection, conversation: ConversationId) -> Result<i64, Error> {
    present()
        .filter(members::conversation_id.eq(conversation).and(members::role.eq(MemberRole::Owner)))
        .count()
        .get_result(connection)
        .await
}

/// Finds the member who becomes the owner when the last one leaves: the oldest admin, else the oldest member.
pub async fn successor_of_owner(
    connection: &mut Connection,
    conversation: ConversationId,
    leaving: UserId,
) -> Result<Option<(Membership, UserRow)>, Error> {
    members::table
        .inner_join(users::table.on(users::id.eq(members::user_id)))
        .filter(members::left_at.is_null().and(members::conversation_id.eq(conversation)))
        .filter(members::user_id.ne(leaving))
        .order((members::role.ne(MemberRole::Admin), members::joined_at, members::user_id))
        .select((Membership::as_select(), UserRow::as_select()))
        .first(connection)
        .await
        .optional()
}

/// Changes the settings of a member.
pub async fn set_settings(
    connection: &mut Connection,
    conversation: ConversationId,
    user: UserId,
    settings: MemberSettings,
) -> Result<(), Error> {
    diesel::update(present().filter(members::conversation_id.eq(conversation).and(members::user_id.eq(user))))
        .set((members::archived.eq(settings.archived), members::muted.eq(settings.muted)))
        .execute(connection)
        .await?;
    Ok(())
}

/// Ends all memberships of a conversation at a position.
pub async fn leave_all(connection: &mut Connection, conversation: ConversationId, at: Position) -> Result<(), Error> {
    diesel::update(present().filter(members::conversation_id.eq(conversation)))
        .set(members::left_at.eq(at))
        .execute(connection)
        .await?;
    Ok(())
}

/// Lists all memberships of a user in the conversations, oldest first.
pub async fn of_user_in(
    connection: &mut Connection,
    conversations: &[ConversationId],
    user: UserId,
) -> Result<Vec<(ConversationId, Membership)>, Error> {
    members::table
        .filter(members::conversation_id.eq_any(conversations).and(members::user_id.eq(user)))
        .order(members::joined_at)
        .select((members::conversation_id, Membership::as_select()))
        .load(connection)
        .await
}

/// Returns those of the conversations that have more than `count` present members.
pub async fn larger_than(
    connection: &mut Connection,
    conversations: &[ConversationId],
    count: i64,
) -> Result<Vec<ConversationId>, Error> {
    let query = sql::<Uuid>("SELECT c.id FROM unnest(")
        .bind::<Array<Uuid>, _>(conversations)
        .sql(
            ") AS c (id) WHERE (SELECT count(*) FROM (SELECT FROM members m
                WHERE m.conversation_id = c.id AND m.left_at IS NULL LIMIT ",
        )
        .bind::<BigInt, _>(count + 1)
        .sql(") m) > ")
        .bind::<BigInt, _>(count);
    query.load(connection).await
}

#[diesel::dsl::auto_type]
fn present() -> _ {
    members::table.filter(members::left_at.is_null())
}
