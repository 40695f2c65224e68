//! The nodes that run.

use crate::ids::NodeId;
use crate::store::database::connect::Connection;
use crate::store::database::error::StoreError;
use crate::store::database::sql::sql;
use diesel::prelude::Queryable;
use diesel::sql_types::{Array, BigInt, Bool, Text, Uuid};
use diesel_async::RunQueryDsl;

/// Whether the node `n` runs: it was heard of within four of its heartbeats.
macro_rules! runs {
    () => {
        "n.heard_at > now() - interval '8 seconds'"
    };
}
pub(super) use runs;

/// A node that runs, or did lately.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Queryable)]
pub struct NodeRow {
    pub id: NodeId,
    /// Grows with each batch of connections that the node writes.
    pub version: i64,
    pub runs: bool,
}

/// Enters a node that was not known, or is not any more.
///
/// # Errors
/// [`StoreError`].
pub async fn register(connection: &mut Connection, id: NodeId, version: i64) -> Result<(), StoreError> {
    sql::<()>("INSERT INTO nodes (id, version, heard_at) VALUES (")
        .bind::<Uuid, _>(id)
        .sql(", ")
        .bind::<BigInt, _>(version)
        .sql(", now()) ON CONFLICT (id) DO UPDATE SET version = excluded.version, heard_at = excluded.heard_at")
        .execute(connection)
        .await?;
    Ok(())
}

/// All nodes.
///
/// # Errors
/// [`StoreError`].
pub async fn list(connection: &mut Connection) -> Result<Vec<NodeRow>, StoreError> {
    let query = sql::<(Uuid, BigInt, Bool)>(concat!("SELECT n.id, n.version, ", runs!(), " FROM nodes n"));
    Ok(query.load(connection).await?)
}

/// Removes nodes that were not heard of for a minute, with their connections, and connections that ended as long ago.
///
/// # Errors
/// [`StoreError`].
pub async fn delete_stale(connection: &mut Connection) -> Result<(), StoreError> {
    sql::<()>(
        "WITH dead AS (DELETE FROM nodes WHERE heard_at < now() - interval '60 seconds' RETURNING id)
         DELETE FROM connections
          WHERE node IN (SELECT id FROM dead) OR gone_at < now() - interval '60 seconds'",
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// Tells all who listen on a channel.
///
/// # Errors
/// [`StoreError`].
pub async fn notify(connection: &mut Connection, channel: &str, payloads: &[String]) -> Result<(), StoreError> {
    sql::<()>("SELECT pg_notify(")
        .bind::<Text, _>(channel)
        .sql(", payload) FROM unnest(")
        .bind::<Array<Text>, _>(payloads)
        .sql(") payload")
        .execute(connection)
        .await?;
    Ok(())
}
