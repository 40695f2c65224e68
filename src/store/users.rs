//! Accounts.

use super::error::violates;
use super::schema::users;
use super::sql::sql;
use super::{Connection, StoreError, Time, UserRole};
use crate::ids::UserId;
use diesel::prelude::*;
use diesel::sql_types::Uuid;
use diesel_async::RunQueryDsl;

/// An account, without its password.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = users)]
pub struct User {
    pub id: UserId,
    pub name: String,
    pub display_name: String,
    pub role: UserRole,
    pub created_at: Time,
    pub disabled_at: Option<Time>,
}

/// Makes an account; `None` when the name is taken.
///
/// # Errors
/// [`StoreError`].
pub async fn insert(
    connection: &mut Connection,
    id: UserId,
    name: &str,
    display_name: &str,
    password_hash: Option<&str>,
) -> Result<Option<User>, StoreError> {
    let inserted = diesel::insert_into(users::table)
        .values((
            users::id.eq(id),
            users::name.eq(name),
            users::display_name.eq(display_name),
            users::password_hash.eq(password_hash),
        ))
        .returning(User::as_returning())
        .load(connection)
        .await;
    match inserted {
        Ok(users) => Ok(users.into_iter().next()),
        Err(error) if violates(&error, "users_name_key") => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Finds an account by id.
///
/// # Errors
/// [`StoreError`].
pub async fn by_id(connection: &mut Connection, id: UserId) -> Result<Option<User>, StoreError> {
    let query = users::table.find(id).select(User::as_select());
    Ok(query.first(connection).await.optional()?)
}

/// Finds an account by its folded name.
///
/// # Errors
/// [`StoreError`].
pub async fn by_name(connection: &mut Connection, name: &str) -> Result<Option<User>, StoreError> {
    let query = users::table.filter(users::name.eq(name)).select(User::as_select());
    Ok(query.first(connection).await.optional()?)
}

/// Finds all accounts that `ids` or `names` name, each once, in no order.
///
/// # Errors
/// [`StoreError`].
pub async fn by_ids_or_names(
    connection: &mut Connection,
    ids: &[UserId],
    names: &[String],
) -> Result<Vec<User>, StoreError> {
    let query = users::table.filter(users::id.eq_any(ids).or(users::name.eq_any(names))).select(User::as_select());
    Ok(query.load(connection).await?)
}

/// Finds an account and its password hash by its folded name.
///
/// # Errors
/// [`StoreError`].
pub async fn credentials(
    connection: &mut Connection,
    name: &str,
) -> Result<Option<(User, Option<String>)>, StoreError> {
    let query = users::table.filter(users::name.eq(name)).select((User::as_select(), users::password_hash));
    Ok(query.first(connection).await.optional()?)
}

/// Replaces the password hash, if it still is `old`: a stronger hash of the same password.
///
/// # Errors
/// [`StoreError`].
pub async fn replace_password_hash(
    connection: &mut Connection,
    id: UserId,
    old: &str,
    new: &str,
) -> Result<(), StoreError> {
    diesel::update(users::table.find(id).filter(users::password_hash.eq(old)))
        .set(users::password_hash.eq(new))
        .execute(connection)
        .await?;
    Ok(())
}

/// Holds back, until the transaction ends, others who do this for the same user: what is counted in between stays true.
/// Rows that name the user can be written all the same.
///
/// # Errors
/// [`StoreError`].
pub async fn hold(connection: &mut Connection, id: UserId) -> Result<(), StoreError> {
    users::table.find(id).select(users::id).for_no_key_update().load::<UserId>(connection).await?;
    Ok(())
}

/// Gives a person another role; answers whether there is one of this name. Bots stay what they are.
///
/// # Errors
/// [`StoreError`].
pub async fn set_role(connection: &mut Connection, name: &str, role: UserRole) -> Result<bool, StoreError> {
    let changed = diesel::update(users::table.filter(users::name.eq(name).and(users::role.ne(UserRole::Bot))))
        .set(users::role.eq(role))
        .execute(connection)
        .await?;
    Ok(changed > 0)
}

/// How many accounts there are that are not disabled.
///
/// # Errors
/// [`StoreError`].
pub async fn count(connection: &mut Connection) -> Result<i64, StoreError> {
    Ok(users::table.filter(users::disabled_at.is_null()).count().get_result(connection).await?)
}

/// The hash of a user's password, if they have one.
///
/// # Errors
/// [`StoreError`].
pub async fn password_hash(connection: &mut Connection, id: UserId) -> Result<Option<String>, StoreError> {
    let query = users::table.find(id).select(users::password_hash);
    Ok(query.first(connection).await.optional()?.flatten())
}

/// The users that are disabled, without those whose deletion is long past, and the bots whose owners are.
///
/// # Errors
/// [`StoreError`].
pub async fn disabled(connection: &mut Connection) -> Result<Vec<UserId>, StoreError> {
    let query = sql::<Uuid>(
        "SELECT id FROM users WHERE disabled_at IS NOT NULL AND freed_at IS NULL
         UNION SELECT b.user_id FROM bots b JOIN users o ON o.id = b.owner_id WHERE o.disabled_at IS NOT NULL",
    );
    Ok(query.load(connection).await?)
}
