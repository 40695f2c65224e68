use crate::store::database::connect::Connection;
use crate::store::database::error::StoreError;
use crate::store::database::sql::{Time, sql};
use diesel::sql_types::Timestamptz;
use diesel_async::RunQueryDsl;

/// Writes something that waits for all that earlier commits had to wait for, so that what they did can be confirmed: a
/// transaction that only reads waits for no standby.
///
/// # Errors
/// [`StoreError`].
pub async fn durability_barrier(connection: &mut Connection) -> Result<(), StoreError> {
    let query = sql::<Timestamptz>("SELECT now() FROM pg_logical_emit_message(true, 'longwave', '')");
    query.load::<Time>(connection).await?;
    Ok(())
}
