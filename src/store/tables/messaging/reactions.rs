//! Reactions to messages: from the position at which each was added to the one at which it was removed. All writes happen
//! under the log's lock.

use crate::ids::{ConversationId, MessageId, Position, UserId};
use crate::store::database::connect::Connection;
use crate::store::database::error::StoreError;
use crate::store::database::schema::reactions;
use crate::store::database::sql::sql;
use diesel::prelude::*;
use diesel::result::Error;
use diesel::sql_types::{Array, BigInt, Bool, Text, Uuid};
use diesel_async::RunQueryDsl;

/// A reaction of one user to one message.
#[derive(Clone, Copy, Debug)]
pub struct ReactionKey<'a> {
    pub message: MessageId,
    pub emoji: &'a str,
    pub user: UserId,
}

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

/// Adds a reaction at a position.
pub async fn add(
    connection: &mut Connection,
    reaction: ReactionKey<'_>,
    conversation: ConversationId,
    at: Position,
) -> Result<(), Error> {
    diesel::insert_into(reactions::table)
        .values((
            reactions::message_id.eq(reaction.message),
            reactions::emoji.eq(reaction.emoji),
            reactions::user_id.eq(reaction.user),
            reactions::conversation_id.eq(conversation),
            reactions::added_at.eq(at),
        ))
        .execute(connection)
        .await?;
    Ok(())
}

/// Removes a reaction at a position. Returns whether there was one.
pub async fn remove(connection: &mut Connection, reaction: ReactionKey<'_>, at: Position) -> Result<bool, Error> {
    let removed = diesel::update(standing(reaction.message))
        .filter(reactions::emoji.eq(reaction.emoji).and(reactions::user_id.eq(reaction.user)))
        .set(reactions::removed_at.eq(at))
        .execute(connection)
        .await?;
    Ok(removed > 0)
}

/// Returns whether a reaction is present.
pub async fn exists(connection: &mut Connection, reaction: ReactionKey<'_>) -> Result<bool, Error> {
    let here = standing(reaction.message)
        .filter(reactions::emoji.eq(reaction.emoji).and(reactions::user_id.eq(reaction.user)));
    diesel::select(diesel::dsl::exists(here)).get_result(connection).await
}

/// Counts how often a reaction was added, including those that were removed.
pub async fn count_additions(connection: &mut Connection, reaction: ReactionKey<'_>) -> Result<i64, Error> {
    reactions::table
        .filter(reactions::message_id.eq(reaction.message).and(reactions::emoji.eq(reaction.emoji)))
        .filter(reactions::user_id.eq(reaction.user))
        .count()
        .get_result(connection)
        .await
}

/// Lists the emoji of the reactions to a message, each once.
pub async fn emoji(connection: &mut Connection, message: MessageId) -> Result<Vec<String>, Error> {
    standing(message).select(reactions::emoji).distinct().load(connection).await
}

/// Deletes all reactions to messages that were deleted.
pub async fn delete_all(connection: &mut Connection, messages: &[MessageId]) -> Result<(), Error> {
    diesel::delete(reactions::table.filter(reactions::message_id.eq_any(messages))).execute(connection).await?;
    Ok(())
}

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

#[diesel::dsl::auto_type]
fn standing(message: MessageId) -> _ {
    reactions::table.filter(reactions::removed_at.is_null().and(reactions::message_id.eq(message)))
}
