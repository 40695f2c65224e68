//! Keys of the deployment, the same on every node.

use crate::store::database::connect::Connection;
use crate::store::database::error::StoreError;
use crate::store::database::schema::secrets;
use diesel::prelude::*;
use diesel_async::RunQueryDsl;

/// Returns the key `name`. If the deployment has none yet, stores `fresh` as that key.
pub async fn get_or_insert(connection: &mut Connection, name: &str, fresh: &[u8]) -> Result<Vec<u8>, StoreError> {
    diesel::insert_into(secrets::table)
        .values((secrets::name.eq(name), secrets::value.eq(fresh)))
        .on_conflict_do_nothing()
        .execute(connection)
        .await?;
    Ok(secrets::table.find(name).select(secrets::value).first(connection).await?)
}
