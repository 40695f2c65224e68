//! Every route.

use super::app::App;
use super::middleware::stack::{HttpService, stack};
use super::openapi::complete::render;
use super::openapi::document::ApiDocument;
use super::resources::accounts::{me, presence, sessions, tickets, users};
use super::resources::conversations::{conversation, export, members, read_mark, typing};
use super::resources::integrations::{bots, webhooks};
use super::resources::messages::{attachments, history, message, reactions, receipts, search, send};
use super::resources::operations::{docs, health, metrics, statistics};
use super::resources::receiving::{cursors, stream, updates};
use crate::config::AllowedOrigins;
use std::sync::OnceLock;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes of the API, with their documentation.
fn api() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(ApiDocument::openapi())
        .routes(routes!(users::create_user, users::list_users))
        .routes(routes!(users::get_user))
        .routes(routes!(me::get_me, me::patch_me, me::delete_me))
        .routes(routes!(me::put_password))
        .routes(routes!(sessions::create_session, sessions::list_sessions))
        .routes(routes!(sessions::refresh_session))
        .routes(routes!(sessions::delete_session))
        .routes(routes!(conversation::create_conversation, conversation::list_conversations))
        .routes(routes!(
            conversation::get_conversation,
            conversation::update_conversation,
            conversation::delete_conversation
        ))
        .routes(routes!(read_mark::put_read))
        .routes(routes!(export::export_conversation))
        .routes(routes!(members::list_members))
        .routes(routes!(members::put_member, members::delete_member))
        .routes(routes!(send::create_message, history::list_messages))
        .routes(routes!(send::send_message))
        .routes(routes!(message::get_message, message::update_message, message::delete_message))
        .routes(routes!(message::list_edits))
        .routes(routes!(history::list_replies))
        .routes(routes!(reactions::put_reaction, reactions::delete_reaction))
        .routes(routes!(receipts::list_receipts))
        .routes(routes!(attachments::create_attachment))
        .routes(routes!(attachments::get_attachment))
        .routes(routes!(search::search_messages))
        .routes(routes!(typing::create_typing))
        .routes(routes!(presence::list_presence))
        .routes(routes!(presence::list_connections))
        .routes(routes!(tickets::create_ticket))
        .routes(routes!(stream::get_stream))
        .routes(routes!(updates::get_updates))
        .routes(routes!(cursors::list_cursors))
        .routes(routes!(cursors::get_cursor, cursors::put_cursor, cursors::delete_cursor))
        .routes(routes!(webhooks::create_webhook, webhooks::list_webhooks))
        .routes(routes!(webhooks::get_webhook, webhooks::patch_webhook, webhooks::delete_webhook))
        .routes(routes!(webhooks::replay_webhook))
        .routes(routes!(bots::create_bot, bots::list_bots))
        .routes(routes!(bots::create_bot_token, bots::list_bot_tokens))
        .routes(routes!(bots::delete_bot_token))
        .routes(routes!(statistics::get_conversation_statistics))
        .routes(routes!(statistics::get_deployment_statistics))
        .routes(routes!(health::get_health))
        .routes(routes!(health::get_readiness))
        .routes(routes!(metrics::get_metrics))
}

/// Everything that a node serves, with all layers around it.
pub fn service(app: App, allowed_origins: &AllowedOrigins) -> HttpService {
    let (api, _) = api().split_for_parts();
    stack(api.merge(docs::router(openapi_json)).with_state(app), allowed_origins)
}

/// The OpenAPI document as JSON, as it stands in `openapi/openapi.json`.
pub fn openapi_json() -> &'static str {
    static JSON: OnceLock<String> = OnceLock::new();
    JSON.get_or_init(|| render(api().into_openapi()))
}
