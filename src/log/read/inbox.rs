//! A user's conversations, with the newest message and the number of unread ones.

use crate::ids::{ConversationId, Position, UserId};
use crate::store::sql::sql;
use crate::store::{Connection, StoreError};
use diesel::prelude::Queryable;
use diesel::sql_types::{BigInt, Nullable, Uuid};
use diesel_async::RunQueryDsl;

/// The largest number of unread messages that is counted.
pub const MAX_COUNTED_UNREAD: i64 = 1_000;

/// One conversation of an inbox.
#[derive(Clone, Copy, Debug, Queryable)]
pub struct InboxEntry {
    pub conversation: ConversationId,
    /// The order of the inbox: the position of the newest message, or of the joining if there is none.
    pub sort_position: Position,
    pub newest: Option<Position>,
    pub read: Position,
    /// Messages of others that the user has not read, up to [`MAX_COUNTED_UNREAD`].
    pub unread: i64,
    /// Those of them that mention the user.
    pub mentions: i64,
}

/// Which page of an inbox.
#[derive(Clone, Copy, Debug)]
pub struct InboxQuery {
    /// Only this conversation.
    pub only: Option<ConversationId>,
    /// After the entry with this sort position and conversation.
    pub after: Option<(Position, ConversationId)>,
    pub limit: i64,
}

/// Reads a page of a user's inbox, newest first.
pub async fn page(connection: &mut Connection, user: UserId, query: InboxQuery) -> Result<Vec<InboxEntry>, StoreError> {
    let (sort_position, conversation) = query.after.unwrap_or((Position::MAX, ConversationId(uuid::Uuid::max())));
    let statement = sql::<(Uuid, BigInt, Nullable<BigInt>, BigInt, BigInt, BigInt)>(
        "SELECT p.conversation_id, p.place, p.newest, p.read, u.unread, u.mentions
           FROM (SELECT * FROM (
                SELECT m.conversation_id, m.read, v.visible, n.position AS newest,
                       coalesce(n.position, m.joined_at) AS place
                  FROM members m
                  JOIN conversations c ON c.id = m.conversation_id
                 CROSS JOIN LATERAL (SELECT CASE c.history WHEN 'shared' THEN 0 ELSE m.joined_at END AS visible) v
                  LEFT JOIN LATERAL (
                       SELECT e.position FROM events e
                        WHERE e.conversation_id = m.conversation_id AND e.only_for IS NULL
                          AND e.kind = 'message.created' AND e.position >= v.visible
                        ORDER BY e.position DESC LIMIT 1) n ON true
                 WHERE m.left_at IS NULL AND m.user_id = ",
    )
    .bind::<Uuid, _>(user)
    .sql(" AND coalesce(m.conversation_id = ")
    .bind::<Nullable<Uuid>, _>(query.only)
    .sql(", true)) p WHERE (p.place, p.conversation_id) < (")
    .bind::<BigInt, _>(sort_position)
    .sql(", ")
    .bind::<Uuid, _>(conversation)
    .sql(") ORDER BY p.place DESC, p.conversation_id DESC LIMIT ")
    .bind::<BigInt, _>(query.limit)
    .sql(
        ") p CROSS JOIN LATERAL (
             SELECT count(*) AS unread, count(*) FILTER (WHERE named) AS mentions FROM (
                 SELECT ",
    )
    .bind::<Uuid, _>(user)
    .sql(
        " = ANY(e.mentions) AS named FROM events e
          WHERE e.conversation_id = p.conversation_id AND e.only_for IS NULL
            AND e.position > p.read AND e.position >= p.visible
            AND e.kind = 'message.created' AND e.deleted IS NULL AND e.sender_id <> ",
    )
    .bind::<Uuid, _>(user)
    .sql(" LIMIT ")
    .bind::<BigInt, _>(MAX_COUNTED_UNREAD)
    .sql(") e) u ORDER BY p.place DESC, p.conversation_id DESC");
    Ok(statement.load(connection).await?)
}
