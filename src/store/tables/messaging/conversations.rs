//! Conversations. All writes happen under the log's lock.

use crate::ids::{ConversationId, UserId};
use crate::store::database::connect::Connection;
use crate::store::database::enums::{ConversationKind, History};
use crate::store::database::schema::conversations;
use crate::store::database::sql::Time;
use diesel::dsl::now;
use diesel::prelude::*;
use diesel::result::Error;
use diesel_async::RunQueryDsl;

/// A conversation.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = conversations)]
pub struct ConversationRow {
    pub id: ConversationId,
    pub kind: ConversationKind,
    pub title: Option<String>,
    pub history: History,
    pub created_by: UserId,
    pub created_at: Time,
}

/// Inserts a conversation.
pub async fn insert(
    connection: &mut Connection,
    conversation: &ConversationRow,
    direct_key: Option<&[u8]>,
) -> Result<(), Error> {
    diesel::insert_into(conversations::table)
        .values((conversation, conversations::direct_key.eq(direct_key)))
        .execute(connection)
        .await?;
    Ok(())
}

/// Finds conversations by id, in no order, without deleted ones.
pub async fn by_ids(connection: &mut Connection, ids: &[ConversationId]) -> Result<Vec<ConversationRow>, Error> {
    kept().filter(conversations::id.eq_any(ids)).select(ConversationRow::as_select()).load(connection).await
}

/// Finds a conversation by id, unless it was deleted.
pub async fn by_id(connection: &mut Connection, id: ConversationId) -> Result<Option<ConversationRow>, Error> {
    kept().filter(conversations::id.eq(id)).select(ConversationRow::as_select()).first(connection).await.optional()
}

/// Finds the conversation that stands for a set of users.
pub async fn by_direct_key(connection: &mut Connection, key: &[u8]) -> Result<Option<ConversationRow>, Error> {
    conversations::table
        .filter(conversations::direct_key.eq(key))
        .select(ConversationRow::as_select())
        .first(connection)
        .await
        .optional()
}

/// Counts the conversations that are not deleted.
pub async fn count(connection: &mut Connection) -> Result<i64, Error> {
    kept().count().get_result(connection).await
}

/// Changes the title of a conversation.
pub async fn set_title(connection: &mut Connection, id: ConversationId, title: Option<&str>) -> Result<(), Error> {
    diesel::update(conversations::table.find(id)).set(conversations::title.eq(title)).execute(connection).await?;
    Ok(())
}

/// Marks a conversation as deleted. Its texts stay until they are blanked.
pub async fn delete(connection: &mut Connection, id: ConversationId, at: Time) -> Result<(), Error> {
    diesel::update(conversations::table.find(id))
        .set((
            conversations::deleted_at.eq(at),
            conversations::title.eq(None::<String>),
            conversations::direct_key.eq(None::<Vec<u8>>),
        ))
        .execute(connection)
        .await?;
    Ok(())
}

/// Marks the texts of a deleted conversation as blanked.
pub async fn set_blanked(connection: &mut Connection, id: ConversationId) -> Result<(), Error> {
    diesel::update(conversations::table.find(id)).set(conversations::blanked_at.eq(now)).execute(connection).await?;
    Ok(())
}

/// Lists deleted conversations whose texts are not blanked yet.
pub async fn to_blank(connection: &mut Connection) -> Result<Vec<ConversationId>, Error> {
    conversations::table
        .filter(conversations::deleted_at.is_not_null().and(conversations::blanked_at.is_null()))
        .select(conversations::id)
        .load(connection)
        .await
}

#[diesel::dsl::auto_type]
fn kept() -> _ {
    conversations::table.filter(conversations::deleted_at.is_null())
}
