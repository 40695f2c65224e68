use crate::store::database::connect::Connection;
use crate::store::database::error::StoreError;
use crate::store::database::sql::{Time, sql};
use diesel::sql_types::Timestamptz;
use diesel_async::RunQueryDsl;

/// Waits until all earlier commits are as durable as a write must be, by writing a message to the WAL. After that, what they
/// did can be confirmed to a client. A transaction that only reads does not wait for the standbys.
pub async fn durability_barrier(connection: &mut Connection) -> Result<(), StoreError> {
    let query = sql::<Timestamptz>("SELECT now() FROM pg_logical_emit_message(true, 'longwave', '')");
    query.load::<Time>(connection).await?;
    Ok(())
}
