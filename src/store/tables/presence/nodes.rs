//! The nodes that run.

use crate::ids::NodeId;
use crate::store::database::connect::Connection;
use crate::store::database::error::StoreError;
use crate::store::database::sql::sql;
use diesel::prelude::Queryable;
use diesel::sql_types::{Array, BigInt, Bool, Text, Uuid};
use diesel_async::RunQueryDsl;

/// SQL condition: the node `n` is running, because it sent one of its last four heartbeats.
macro_rules! runs {
    () => {
        "n.heard_at > now() - interval '8 seconds'"
    };
}
pub(super) use runs;

/// A node that is running, or was until recently.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Queryable)]
pub struct NodeRow {
    pub id: NodeId,
    /// Grows each time the node writes changes of its connections.
    pub version: i64,
    pub runs: bool,
}

/// Adds a node, or adds it again after [`delete_stale`] removed it.
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

/// Lists all nodes.
pub async fn list(connection: &mut Connection) -> Result<Vec<NodeRow>, StoreError> {
    let query = sql::<(Uuid, BigInt, Bool)>(concat!("SELECT n.id, n.version, ", runs!(), " FROM nodes n"));
    Ok(query.load(connection).await?)
}

/// Deletes nodes without a heartbeat for a minute together with their connections, and connections that ended a minute ago.
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

/// Sends notifications to everybody who listens on a channel.
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
