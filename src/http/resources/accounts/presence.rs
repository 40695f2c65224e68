//! Who is connected.

use crate::domain::UserPresence;
use crate::http::app::App;
use crate::http::extract::caller::Authenticated;
use crate::http::extract::query::{NoQuery, QueryParams};
use crate::http::respond::json;
use crate::http::respond::problem::Problem;
use crate::ids::{ConnectionId, NodeId};
use crate::store::Transport;
use crate::store::connections::ConnectionRow;
use crate::wire::{List, Timestamp, User};
use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Whose presence.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PresenceParams {
    /// Ids or names, with commas between them, at most 200; without it, all with whom I share a conversation.
    #[param(example = "anna,bert")]
    users: Option<String>,
}

/// Whether somebody is online.
#[derive(Debug, Serialize, ToSchema)]
pub struct Presence {
    user: User,
    #[schema(example = true)]
    online: bool,
    /// Since when they are online; null while they are not.
    since: Option<Timestamp>,
}

/// One of my connections.
#[derive(Debug, Serialize, ToSchema)]
pub struct LiveConnection {
    /// The `connection_id` of a stream, or that of the first of the polls.
    id: ConnectionId,
    /// The run of a node that it is connected to.
    node: NodeId,
    transport: Transport,
    /// As the session calls it.
    #[schema(example = "phone")]
    device: Option<String>,
    since: Timestamp,
}

impl From<UserPresence> for Presence {
    fn from(standing: UserPresence) -> Self {
        let since = standing.since.map(Timestamp);
        Self { user: standing.user.into(), online: since.is_some(), since }
    }
}

impl From<ConnectionRow> for LiveConnection {
    fn from(connected: ConnectionRow) -> Self {
        let ConnectionRow { id, node, transport, device, since } = connected;
        Self { id, node, transport, device, since: Timestamp(since) }
    }
}

/// Who is online
///
/// Of people with whom I share a conversation now; others are left out, whoever they are. Those who are online come first,
/// then by name, at most 1,000. Somebody is online who has a stream or polls, on any node, and for some seconds after.
#[utoipa::path(
    get,
    path = "/v1/presence",
    operation_id = "list_presence",
    tag = "Presence",
    security(("token" = [])),
    params(PresenceParams),
    responses((status = 200, description = "All that are found", body = List<Presence>)),
)]
pub async fn list_presence(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    QueryParams(params): QueryParams<PresenceParams>,
) -> Result<Response, Problem> {
    let users: Option<Vec<_>> = params.users.as_deref().map(|users| users.split(',').collect());
    let found = app.domain.presence(&caller, users.as_deref()).await?;
    Ok(json::ok(List { items: found.into_iter().map(Presence::from).collect(), next: None }))
}

/// My live connections
///
/// Streams, and clients that poll, on all nodes; the oldest first, at most 200. A new one is there within about a second.
#[utoipa::path(
    get,
    path = "/v1/connections",
    operation_id = "list_connections",
    tag = "Presence",
    security(("token" = [])),
    responses((status = 200, description = "All of them", body = List<LiveConnection>)),
)]
pub async fn list_connections(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    _: NoQuery,
) -> Result<Response, Problem> {
    let found = app.domain.connections(&caller).await?;
    Ok(json::ok(List { items: found.into_iter().map(LiveConnection::from).collect(), next: None }))
}
