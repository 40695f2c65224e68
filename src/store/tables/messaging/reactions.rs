//! Reactions to messages: from the position at which each was added to the one at which it was removed. All writes happen
//! under the log's lock.

use crate::ids::{ConversationId, MessageId, Position, UserId};
use crate::store::database::connect::Connection;
use crate::store::database::error::StoreError;
use crate::store::database::sql::sql;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Text, Uuid};
use diesel_async::RunQueryDsl;

/// How many users reacted to a message with one emoji.
#[derive(Clone, Debug, Queryable)]
pub struct ReactionCount {
    pub message: MessageId,
    pub emoji: String,
    pub count: i64,
    /// Whether the reader is one of them.
    pub mine: bool,
}

/// Positions of a conversation that a reader may see, both ends included.
pub type VisibleRange = (ConversationId, Position, Position);

/// Counts the reactions to messages as a reader may see them: an addition or a removal counts only if its position lies in
/// one of the ranges. The emoji that was added first comes first.
pub async fn count(
    connection: &mut Connection,
    reader: UserId,
    messages: &[MessageId],
    seen: &[VisibleRange],
) -> Result<Vec<ReactionCount>, StoreError> {
    let conversations: Vec<_> = seen.iter().map(|(conversation, _, _)| *conversation).collect();
    let firsts: Vec<_> = seen.iter().map(|(_, first, _)| *first).collect();
    let lasts: Vec<_> = seen.iter().map(|(_, _, last)| *last).collect();
    let query = sql::<(Uuid, Text, BigInt, Bool)>("WITH seen AS MATERIALIZED (SELECT * FROM unnest(")
        .bind::<Array<Uuid>, _>(conversations)
        .sql(", ")
        .bind::<Array<BigInt>, _>(firsts)
        .sql(", ")
        .bind::<Array<BigInt>, _>(lasts)
        .sql(
            ") AS s (conversation_id, first, last))
         SELECT r.message_id, r.emoji, count(*), bool_or(r.user_id = ",
        )
        .bind::<Uuid, _>(reader)
        .sql(
            ") FROM reactions r
          WHERE EXISTS (SELECT FROM seen s
                         WHERE s.conversation_id = r.conversation_id AND r.added_at BETWEEN s.first AND s.last)
            AND NOT EXISTS (SELECT FROM seen s
                             WHERE s.conversation_id = r.conversation_id AND r.removed_at BETWEEN s.first AND s.last)
            AND r.message_id = ANY(",
        )
        .bind::<Array<Uuid>, _>(messages)
        .sql(") GROUP BY r.message_id, r.emoji ORDER BY r.message_id, min(r.added_at), r.emoji");
    Ok(query.load(connection).await?)
}
