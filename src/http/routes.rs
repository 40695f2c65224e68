//! Every route.

use super::openapi::Document;
use super::{App, conversations, cursors, docs, health, members, messages, presence, sessions, stream, tickets};
use super::{typing, updates, users};
use axum::Router;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes of the API, with their documentation.
pub(super) fn api() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(users::create_user))
        .routes(routes!(users::get_user))
        .routes(routes!(users::get_me))
        .routes(routes!(sessions::create_session))
        .routes(routes!(sessions::refresh_session))
        .routes(routes!(sessions::delete_session))
        .routes(routes!(conversations::create_conversation, conversations::list_conversations))
        .routes(routes!(conversations::get_conversation))
        .routes(routes!(members::list_members))
        .routes(routes!(members::put_member, members::delete_member))
        .routes(routes!(messages::create_message, messages::list_messages))
        .routes(routes!(messages::send_message))
        .routes(routes!(messages::get_message))
        .routes(routes!(typing::create_typing))
        .routes(routes!(presence::list_presence))
        .routes(routes!(presence::list_connections))
        .routes(routes!(tickets::create_ticket))
        .routes(routes!(stream::get_stream))
        .routes(routes!(updates::get_updates))
        .routes(routes!(cursors::list_cursors))
        .routes(routes!(cursors::get_cursor, cursors::put_cursor, cursors::delete_cursor))
        .routes(routes!(health::get_health))
        .routes(routes!(health::get_readiness))
}

/// Everything that a node serves.
pub fn router(app: App) -> Router {
    let (api, _) = api().split_for_parts();
    api.merge(docs::router()).with_state(app)
}
