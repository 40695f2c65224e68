//! Every route.

use super::openapi::Document;
use super::{
    App, account, attachments, bots, conversations, cursors, docs, export, health, me, members, messages, metrics,
    presence, reactions,
};
use super::{reads, search, sessions, statistics, stream, tickets, typing, updates, users, webhooks};
use axum::Router;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes of the API, with their documentation.
pub(super) fn api() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(users::create_user, users::list_users))
        .routes(routes!(users::get_user))
        .routes(routes!(me::get_me, me::patch_me, account::delete_me))
        .routes(routes!(me::put_password))
        .routes(routes!(sessions::create_session, sessions::list_sessions))
        .routes(routes!(sessions::refresh_session))
        .routes(routes!(sessions::delete_session))
        .routes(routes!(conversations::create_conversation, conversations::list_conversations))
        .routes(routes!(
            conversations::get_conversation,
            conversations::update_conversation,
            conversations::delete_conversation
        ))
        .routes(routes!(reads::put_read))
        .routes(routes!(export::export_conversation))
        .routes(routes!(members::list_members))
        .routes(routes!(members::put_member, members::delete_member))
        .routes(routes!(messages::create_message, messages::list_messages))
        .routes(routes!(messages::send_message))
        .routes(routes!(messages::get_message, messages::update_message, messages::delete_message))
        .routes(routes!(messages::list_edits))
        .routes(routes!(messages::list_replies))
        .routes(routes!(reactions::put_reaction, reactions::delete_reaction))
        .routes(routes!(reads::list_receipts))
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

/// Everything that a node serves.
pub fn router(app: App) -> Router {
    let (api, _) = api().split_for_parts();
    api.merge(docs::router()).with_state(app)
}
