//! Accounts of people and bots.

use crate::ids::UserId;
use crate::store::database::connect::Connection;
use crate::store::database::enums::UserRole;
use crate::store::database::error::StoreError;
use crate::store::database::error_class::violates;
use crate::store::database::schema::users;
use crate::store::database::sql::{Time, sql};
use diesel::prelude::*;
use diesel::sql_types::Uuid;
use diesel_async::RunQueryDsl;
use unicode_normalization::UnicodeNormalization;

/// An account, without its password.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = users)]
pub struct UserRow {
    pub id: UserId,
    pub name: String,
    pub display_name: String,
    pub role: UserRole,
    pub created_at: Time,
    pub disabled_at: Option<Time>,
}

/// Folds a display name for comparing: normalised (NFKC) and without case. It goes through upper case first, because some
/// letters have more than one lower-case form ("ß", "ς").
pub fn folded(text: &str) -> String {
    text.nfkc().flat_map(char::to_uppercase).flat_map(char::to_lowercase).nfkc().collect()
}

/// Inserts an account. Returns `None` if the name is taken.
pub async fn insert(
    connection: &mut Connection,
    id: UserId,
    name: &str,
    display_name: &str,
    password_hash: Option<&str>,
) -> Result<Option<UserRow>, StoreError> {
    let inserted = diesel::insert_into(users::table)
        .values((
            users::id.eq(id),
            users::name.eq(name),
            users::display_name.eq(display_name),
            users::display_key.eq(folded(display_name)),
            users::password_hash.eq(password_hash),
        ))
        .returning(UserRow::as_returning())
        .load(connection)
        .await;
    match inserted {
        Ok(users) => Ok(users.into_iter().next()),
        Err(error) if violates(&error, "users_name_key") => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Finds an account by id.
pub async fn by_id(connection: &mut Connection, id: UserId) -> Result<Option<UserRow>, StoreError> {
    let query = users::table.find(id).select(UserRow::as_select());
    Ok(query.first(connection).await.optional()?)
}

/// Finds an account by its folded name.
pub async fn by_name(connection: &mut Connection, name: &str) -> Result<Option<UserRow>, StoreError> {
    let query = users::table.filter(users::name.eq(name)).select(UserRow::as_select());
    Ok(query.first(connection).await.optional()?)
}

/// Finds the accounts with one of the ids or names, each once, in no order.
pub async fn by_ids_or_names(
    connection: &mut Connection,
    ids: &[UserId],
    names: &[String],
) -> Result<Vec<UserRow>, StoreError> {
    let query = users::table.filter(users::id.eq_any(ids).or(users::name.eq_any(names))).select(UserRow::as_select());
    Ok(query.load(connection).await?)
}

/// Finds an account and its password hash by its folded name.
pub async fn credentials(
    connection: &mut Connection,
    name: &str,
) -> Result<Option<(UserRow, Option<String>)>, StoreError> {
    let query = users::table.filter(users::name.eq(name)).select((UserRow::as_select(), users::password_hash));
    Ok(query.first(connection).await.optional()?)
}

/// Reads the password hash of an account, if it has one.
pub async fn password_hash(connection: &mut Connection, id: UserId) -> Result<Option<String>, StoreError> {
    let query = users::table.find(id).select(users::password_hash);
    Ok(query.first::<Option<String>>(connection).await.optional()?.flatten())
}

/// Replaces the password hash if it still is `old`. Returns whether it was.
pub async fn replace_password_hash(
    connection: &mut Connection,
    id: UserId,
    old: &str,
    new: &str,
) -> Result<bool, StoreError> {
    let replaced = diesel::update(users::table.find(id).filter(users::password_hash.eq(old)))
        .set(users::password_hash.eq(new))
        .execute(connection)
        .await?;
    Ok(replaced > 0)
}

/// Returns whether the password hash still is `hash`. If so, nobody changes it until the transaction ends.
pub async fn lock_password_hash(connection: &mut Connection, id: UserId, hash: &str) -> Result<bool, StoreError> {
    let query = users::table.find(id).filter(users::password_hash.eq(hash)).select(users::id).for_share();
    Ok(query.first::<UserId>(connection).await.optional()?.is_some())
}

/// Changes the display name. Returns `None` if there is no such account.
pub async fn set_display_name(
    connection: &mut Connection,
    id: UserId,
    display_name: &str,
) -> Result<Option<UserRow>, StoreError> {
    let changed = diesel::update(users::table.find(id))
        .set((users::display_name.eq(display_name), users::display_key.eq(folded(display_name))))
        .returning(UserRow::as_returning())
        .load(connection)
        .await?;
    Ok(changed.into_iter().next())
}

/// Locks the row of a user until the transaction ends, so that what is counted for the user stays true. Rows that refer to
/// the user can still be inserted.
pub async fn lock(connection: &mut Connection, id: UserId) -> Result<(), StoreError> {
    users::table.find(id).select(users::id).for_no_key_update().load::<UserId>(connection).await?;
    Ok(())
}

/// Changes the role of a person. Returns whether there is one with this name; bots keep their role.
pub async fn set_role(connection: &mut Connection, name: &str, role: UserRole) -> Result<bool, StoreError> {
    let changed = diesel::update(users::table.filter(users::name.eq(name).and(users::role.ne(UserRole::Bot))))
        .set(users::role.eq(role))
        .execute(connection)
        .await?;
    Ok(changed > 0)
}

/// Returns whether one of the users is disabled.
pub async fn is_any_disabled(connection: &mut Connection, ids: &[UserId]) -> Result<bool, diesel::result::Error> {
    let disabled = users::table.filter(users::id.eq_any(ids).and(users::disabled_at.is_not_null()));
    diesel::select(diesel::dsl::exists(disabled)).get_result(connection).await
}

/// Counts the accounts that are not disabled.
pub async fn count(connection: &mut Connection) -> Result<i64, StoreError> {
    Ok(users::table.filter(users::disabled_at.is_null()).count().get_result(connection).await?)
}

/// Lists the disabled users and the bots of disabled owners, without deleted accounts whose names are freed.
pub async fn disabled(connection: &mut Connection) -> Result<Vec<UserId>, StoreError> {
    let query = sql::<Uuid>(
        "SELECT id FROM users WHERE disabled_at IS NOT NULL AND freed_at IS NULL
         UNION SELECT b.user_id FROM bots b JOIN users o ON o.id = b.owner_id
          WHERE o.disabled_at IS NOT NULL AND o.freed_at IS NULL",
    );
    Ok(query.load(connection).await?)
}
