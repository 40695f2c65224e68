//! Who is connected where.

use crate::ids::{ConnectionId, NodeId, SessionId, UserId};
use crate::store::database::connect::Connection;
use crate::store::database::enums::{Transport, UserRole};
use crate::store::database::error::StoreError;
use crate::store::database::sql::{Sql, Time, sql};
use crate::store::tables::accounts::users::UserRow;
use crate::store::tables::presence::nodes::runs;
use diesel::prelude::Queryable;
use diesel::sql_types::{Array, BigInt, Bool, Nullable, Text, Timestamptz, Uuid};
use diesel_async::RunQueryDsl;

/// SQL relation: each online user of the relation `asked`, and since when. A user who reconnects within five seconds stays
/// online.
///
/// It is one join, not a subquery a user: with a plan made while the table was small, a subquery would read the whole table
/// for each user until the next ANALYZE.
macro_rules! since {
    () => {
        concat!(
            "(SELECT c.user_id, min(c.online_since) AS since FROM connections c JOIN nodes n ON n.id = c.node
               WHERE c.user_id IN (SELECT user_id FROM asked)
                 AND (c.gone_at IS NULL AND ",
            runs!(),
            " OR c.gone_at > now() - interval '5 seconds') GROUP BY c.user_id)"
        )
    };
}

/// A connection that a client opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenedConnection {
    pub id: ConnectionId,
    pub user: UserId,
    pub session: Option<SessionId>,
    pub transport: Transport,
}

/// Changes of a node's connections that are written in one statement.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConnectionChanges {
    pub came: Vec<OpenedConnection>,
    pub went: Vec<ConnectionId>,
    /// Whether other nodes know these connections already, because the node only registers itself again.
    pub known: bool,
}

/// Writes opened and closed connections of a node together with its heartbeat. Returns false if the node is not registered;
/// then nothing is written.
///
/// It is idempotent.
pub async fn write(connection: &mut Connection, node: NodeId, batch: &ConnectionChanges) -> Result<bool, StoreError> {
    let came = &batch.came;
    let query: Sql<'_, BigInt> = sql("WITH beat AS (UPDATE nodes SET heard_at = now(), version = version + ")
        .bind::<BigInt, _>(i64::from(!came.is_empty() || !batch.went.is_empty()))
        .sql(" WHERE id = ")
        .bind::<Uuid, _>(node)
        .sql(
            " RETURNING version),
            went AS (UPDATE connections SET gone_at = now(), version = beat.version FROM beat, unnest(",
        )
        .bind::<Array<Uuid>, _>(&batch.went)
        .sql(
            ") ended (id) WHERE gone_at IS NULL AND connections.id = ended.id),
            asked AS MATERIALIZED (SELECT * FROM unnest(",
        )
        .bind::<Array<Uuid>, _>(came.iter().map(|arrival| arrival.id).collect::<Vec<_>>())
        .sql(", ")
        .bind::<Array<Uuid>, _>(came.iter().map(|arrival| arrival.user).collect::<Vec<_>>())
        .sql(", ")
        .bind::<Array<Nullable<Uuid>>, _>(came.iter().map(|arrival| arrival.session).collect::<Vec<_>>())
        .sql(", ")
        .bind::<Array<Text>, _>(came.iter().map(|arrival| arrival.transport).collect::<Vec<_>>())
        .sql(
            ") came (id, user_id, session_id, transport)),
            came AS (INSERT INTO connections (id, user_id, session_id, transport, since, online_since, version, node)
              SELECT id, asked.user_id, session_id, transport, now(), coalesce(known.since, now()), CASE WHEN ",
        )
        .bind::<Bool, _>(batch.known)
        .sql(" THEN 0 ELSE version END, ")
        .bind::<Uuid, _>(node)
        .sql(concat!(
            " FROM beat, asked LEFT JOIN ",
            since!(),
            " known ON known.user_id = asked.user_id ON CONFLICT (id) DO NOTHING)
            SELECT version FROM beat"
        ));
    Ok(!query.load::<i64>(connection).await?.is_empty())
}

/// Marks all connections of a node as closed, because it stops.
pub async fn end_all(connection: &mut Connection, node: NodeId) -> Result<(), StoreError> {
    sql::<()>("WITH beat AS (UPDATE nodes SET version = version + 1 WHERE id = ")
        .bind::<Uuid, _>(node)
        .sql(" RETURNING id, version) UPDATE connections c SET gone_at = now(), version = beat.version FROM beat WHERE c.node = beat.id AND c.gone_at IS NULL")
        .execute(connection)
        .await?;
    Ok(())
}

/// How the presence of a user at a node changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Queryable)]
pub struct PresenceChange {
    pub user: UserId,
    /// A connection was opened, and it was the only one.
    pub came: bool,
    /// A connection was closed.
    pub went: bool,
}

/// Lists the changes that a node wrote after `version`.
pub async fn changes_since(
    connection: &mut Connection,
    node: NodeId,
    version: i64,
) -> Result<Vec<PresenceChange>, StoreError> {
    let query: Sql<'_, (Uuid, Bool, Bool)> =
        sql("SELECT user_id, bool_or(gone_at IS NULL AND online_since = since), bool_or(gone_at IS NOT NULL)
           FROM connections WHERE node = ")
        .bind::<Uuid, _>(node)
        .sql(" AND version > ")
        .bind::<BigInt, _>(version)
        .sql(" GROUP BY user_id");
    Ok(query.load(connection).await?)
}

/// Lists the users with an open connection to a node.
pub async fn users_at(connection: &mut Connection, node: NodeId) -> Result<Vec<UserId>, StoreError> {
    let query: Sql<'_, Uuid> =
        sql("SELECT DISTINCT user_id FROM connections WHERE gone_at IS NULL AND node = ").bind::<Uuid, _>(node);
    Ok(query.load(connection).await?)
}

/// Returns those of the users who have no open connection to any running node.
pub async fn away(connection: &mut Connection, users: &[UserId]) -> Result<Vec<UserId>, StoreError> {
    let query: Sql<'_, Uuid> = sql("SELECT u.id FROM unnest(").bind::<Array<Uuid>, _>(users).sql(concat!(
        ") u (id) WHERE NOT EXISTS (SELECT FROM connections c JOIN nodes n ON n.id = c.node
            WHERE c.user_id = u.id AND c.gone_at IS NULL AND ",
        runs!(),
        ")"
    ));
    Ok(query.load(connection).await?)
}

/// One of a user's own connections.
#[derive(Clone, Debug, Queryable)]
pub struct ConnectionRow {
    pub id: ConnectionId,
    pub node: NodeId,
    pub transport: Transport,
    /// The device's name in its session.
    pub device: Option<String>,
    pub since: Time,
}

/// Lists at most `limit` connections of a user, oldest first.
pub async fn of_user(connection: &mut Connection, user: UserId, limit: i64) -> Result<Vec<ConnectionRow>, StoreError> {
    let query: Sql<'_, (Uuid, Uuid, Text, Nullable<Text>, Timestamptz)> = sql(concat!(
        "SELECT c.id, c.node, c.transport, s.device, c.since
           FROM connections c JOIN nodes n ON n.id = c.node LEFT JOIN sessions s ON s.id = c.session_id
          WHERE c.gone_at IS NULL AND ",
        runs!(),
        " AND c.user_id = "
    ))
    .bind::<Uuid, _>(user)
    .sql(" ORDER BY c.since, c.id LIMIT ")
    .bind::<BigInt, _>(limit);
    Ok(query.load(connection).await?)
}

/// Lists at most `limit` of the users, and since when each is online: online users first, then by name.
pub async fn online_since(
    connection: &mut Connection,
    users: &[UserId],
    limit: i64,
) -> Result<Vec<(UserRow, Option<Time>)>, StoreError> {
    type OnlineRow = (UserId, String, String, UserRole, Time, Option<Time>, Option<Time>);
    type OnlineColumns = (Uuid, Text, Text, Text, Timestamptz, Nullable<Timestamptz>, Nullable<Timestamptz>);
    let query: Sql<'_, OnlineColumns> = sql("WITH asked AS MATERIALIZED (SELECT * FROM unnest(")
        .bind::<Array<Uuid>, _>(users)
        .sql(concat!(
            ") asked (user_id))
            SELECT u.id, u.name, u.display_name, u.role, u.created_at, u.disabled_at, known.since
              FROM asked JOIN users u ON u.id = asked.user_id LEFT JOIN ",
            since!(),
            " known ON known.user_id = u.id ORDER BY known.since IS NULL, u.name LIMIT "
        ))
        .bind::<BigInt, _>(limit);
    let rows: Vec<OnlineRow> = query.load(connection).await?;
    let standing = |(id, name, display_name, role, created_at, disabled_at, since)| {
        (UserRow { id, name, display_name, role, created_at, disabled_at }, since)
    };
    Ok(rows.into_iter().map(standing).collect())
}
