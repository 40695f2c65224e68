//! Which users share a conversation.

use crate::ids::UserId;
use crate::store::database::connect::Connection;
use crate::store::database::error::StoreError;
use crate::store::database::sql::{Sql, sql};
use diesel::sql_types::{Array, BigInt, Uuid};
use diesel_async::RunQueryDsl;

/// Lists at most `limit` users who share a conversation with a user now.
pub async fn users_of(connection: &mut Connection, user: UserId, limit: i64) -> Result<Vec<UserId>, StoreError> {
    let query: Sql<'_, Uuid> = sql(
        "SELECT DISTINCT theirs.user_id
           FROM members mine JOIN members theirs USING (conversation_id)
          WHERE mine.left_at IS NULL AND theirs.left_at IS NULL AND theirs.user_id <> mine.user_id AND mine.user_id = ",
    )
    .bind::<Uuid, _>(user)
    .sql(" LIMIT ")
    .bind::<BigInt, _>(limit);
    Ok(query.load(connection).await?)
}

/// Returns those of `users` who share a conversation with a user now. Everybody shares one with themselves.
pub async fn users_among(
    connection: &mut Connection,
    user: UserId,
    users: &[UserId],
) -> Result<Vec<UserId>, StoreError> {
    let query: Sql<'_, Uuid> = sql("SELECT u.id FROM unnest(")
        .bind::<Array<Uuid>, _>(users)
        .sql(") u (id) WHERE u.id = ")
        .bind::<Uuid, _>(user)
        .sql(
            " OR EXISTS (SELECT FROM members mine JOIN members theirs USING (conversation_id)
                          WHERE mine.left_at IS NULL AND theirs.left_at IS NULL AND theirs.user_id = u.id
                            AND mine.user_id = ",
        )
        .bind::<Uuid, _>(user)
        .sql(")");
    Ok(query.load(connection).await?)
}
