//! The user directory: finds accounts by the beginning of their name or display name.

use crate::ids::UserId;
use crate::store::database::connect::Connection;
use crate::store::database::enums::UserRole;
use crate::store::database::error::StoreError;
use crate::store::database::sql::{Time, sql};
use crate::store::tables::accounts::users::UserRow;
use diesel::sql_types::{BigInt, Nullable, Text, Timestamptz, Uuid};
use diesel_async::RunQueryDsl;

/// The sort key of an entry. An account has one entry for its name, and another for its display name if that differs.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct DirectoryKey {
    /// The folded name or display name.
    pub key: String,
    pub name: String,
}

/// One entry of an account.
#[derive(Clone, Debug)]
pub struct DirectoryEntry {
    pub user: UserRow,
    pub place: DirectoryKey,
    /// The display name, folded.
    pub display_key: String,
}

type DirectoryRow = (String, String, UserId, String, String, UserRole, Time, Option<Time>);
type DirectoryColumns = (Text, Text, Uuid, Text, Text, Text, Timestamptz, Nullable<Timestamptz>);

/// Lists at most `limit` entries after `after` whose keys begin with `prefix`, in order, without disabled accounts.
///
/// It reads one range of each of two indexes, and at most `limit` rows of each, however many accounts there are.
pub async fn list(
    connection: &mut Connection,
    prefix: &str,
    after: &DirectoryKey,
    limit: i64,
) -> Result<Vec<DirectoryEntry>, StoreError> {
    // One bound where the range begins: of two, the index may take the one that is farther from it. No name is empty.
    let (key, name) = if after.key.as_str() < prefix { (prefix, "") } else { (&*after.key, &*after.name) };
    // No text goes on with this character.
    let end = format!("{prefix}\u{10FFFF}");
    let query = sql::<DirectoryColumns>(
        "SELECT key, display_key, id, name, display_name, role, created_at, disabled_at FROM (
             (SELECT u.name AS key, u.display_key, u.id, u.name, u.display_name, u.role, u.created_at, u.disabled_at
                FROM users u WHERE u.name >= ",
    )
    .bind::<Text, _>(key)
    .sql(" AND u.name < ")
    .bind::<Text, _>(&end)
    .sql(" AND (u.name > ")
    .bind::<Text, _>(key)
    .sql(" OR u.name > ")
    .bind::<Text, _>(name)
    .sql(") AND u.disabled_at IS NULL ORDER BY u.name LIMIT ")
    .bind::<BigInt, _>(limit)
    .sql(
        ") UNION
             (SELECT u.display_key AS key, u.display_key, u.id, u.name, u.display_name, u.role, u.created_at, u.disabled_at
                FROM users u WHERE (u.display_key, u.name) > (",
    )
    .bind::<Text, _>(key)
    .sql(", ")
    .bind::<Text, _>(name)
    .sql(") AND u.display_key < ")
    .bind::<Text, _>(&end)
    .sql(" AND u.disabled_at IS NULL ORDER BY u.display_key, u.name LIMIT ")
    .bind::<BigInt, _>(limit)
    .sql(")) entries ORDER BY key, name LIMIT ")
    .bind::<BigInt, _>(limit);
    let rows: Vec<DirectoryRow> = query.load(connection).await?;
    Ok(rows.into_iter().map(entry_of).collect())
}

fn entry_of((key, display_key, id, name, display_name, role, created_at, disabled_at): DirectoryRow) -> DirectoryEntry {
    let place = DirectoryKey { key, name: name.clone() };
    DirectoryEntry { user: UserRow { id, name, display_name, role, created_at, disabled_at }, place, display_key }
}
