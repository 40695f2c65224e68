//! Webhooks.

use crate::domain::{RegisteredWebhook, WebhookDraft, WebhookPatch};
use crate::http::app::App;
use crate::http::extract::caller::Authenticated;
use crate::http::extract::cursor_target::cursor_target;
use crate::http::extract::idempotent_request::IdempotentRequest;
use crate::http::extract::json_body::{JsonBody, nullable};
use crate::http::extract::page::PageParams;
use crate::http::extract::path::PathParam;
use crate::http::extract::query::{NoQuery, QueryParams};
use crate::http::respond::json;
use crate::http::respond::problem::Problem;
use crate::ids::{ConversationId, WebhookId};
use crate::log::Cursor;
use crate::store::WebhookState;
use crate::store::webhooks;
use crate::wire::{List, Timestamp};
use axum::extract::State;
use axum::response::Response;
use hyper::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An address that events are posted to.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "01900000-0000-7000-8000-000000000001",
    "url": "https://hooks.example.com/longwave",
    "conversation_id": null,
    "types": ["message.created"],
    "secret": null,
    "cursor": "MS4xNzE5NzkxMTE4NDY1MTYuOA",
    "state": "active",
    "last_error": "the target answered 500",
    "failing_since": "2026-03-01T12:00:00.000Z",
    "created_at": "2026-03-01T11:00:00.000Z",
}))]
pub struct Webhook {
    id: WebhookId,
    #[schema(example = "https://hooks.example.com/longwave")]
    url: String,
    /// Only events of this conversation; null: of all of mine.
    conversation_id: Option<ConversationId>,
    /// Only events of these types; null: of all.
    #[schema(example = json!(["message.created"]))]
    types: Option<Vec<String>>,
    /// Key of the signatures, in the answer that makes the webhook and never again.
    #[schema(example = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]
    secret: Option<String>,
    /// All events up to here have been taken, or were not wanted.
    cursor: String,
    state: WebhookState,
    /// What went wrong last; null when the last attempt did not fail.
    #[schema(example = "the target answered 500")]
    last_error: Option<String>,
    /// Since when every attempt has failed.
    failing_since: Option<Timestamp>,
    created_at: Timestamp,
}

/// A new webhook.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateWebhook {
    /// `http` or `https`, without user name, to an address of the public internet, port 80, 443, 8080 or 8443.
    #[schema(example = "https://hooks.example.com/longwave", max_length = 2048)]
    url: String,
    /// Only events of this conversation.
    conversation_id: Option<ConversationId>,
    /// Only events of these types.
    #[schema(example = json!(["message.created"]), min_items = 1, max_items = 50)]
    types: Option<Vec<String>>,
}

/// What of a webhook to change; what is not given stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PatchWebhook {
    #[schema(example = "https://hooks.example.com/longwave", max_length = 2048)]
    url: Option<String>,
    /// Null: all types.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<Vec<String>>, example = json!(["message.created"]), min_items = 1, max_items = 50)]
    types: Option<Option<Vec<String>>>,
    /// `active` also after failures: the next attempt is made at once.
    state: Option<WebhookState>,
}

/// Where to go on.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplayWebhook {
    /// A cursor, `now` or `start`.
    #[schema(example = "start", pattern = "^(now|start|[A-Za-z0-9_-]{6,64})$")]
    cursor: String,
}

/// Where the next page of webhooks begins.
#[derive(Debug, Serialize, Deserialize)]
struct WebhooksPageToken {
    id: WebhookId,
}

impl From<webhooks::WebhookRow> for Webhook {
    fn from(webhook: webhooks::WebhookRow) -> Self {
        Self {
            id: webhook.id,
            url: webhook.url,
            conversation_id: webhook.conversation,
            types: webhook.types,
            secret: None,
            cursor: Cursor { epoch: webhook.epoch, position: webhook.position }.to_string(),
            state: webhook.state,
            last_error: webhook.last_error,
            failing_since: webhook.failing_since.map(Timestamp),
            created_at: Timestamp(webhook.created_at),
        }
    }
}

impl From<RegisteredWebhook> for Webhook {
    fn from(registered: RegisteredWebhook) -> Self {
        Self { secret: registered.secret, ..registered.webhook.into() }
    }
}

/// Make a webhook
///
/// Each event that my stream would have from now on is posted to `url`, in order and at least once, as JSON like that of
/// the stream. `webhook-id` stays the same at each attempt; `webhook-timestamp` and `webhook-signature` are those of
/// Standard Webhooks: `v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`. Any 2xx within 15 s takes the event;
/// redirects are not followed. What fails is tried again after 5 s, then less and less often, at least every 5 min and as
/// `Retry-After` says, up to 1 h. After a day of failures, or at 410, the webhook is paused. At most 50 of a user.
#[utoipa::path(
    post,
    path = "/v1/webhooks",
    operation_id = "create_webhook",
    tag = "Webhooks",
    security(("token" = [])),
    request_body = CreateWebhook,
    responses(
        (
            status = 201,
            description = "Made; the only answer with `secret`",
            body = Webhook,
            example = json!({
                "id": "01900000-0000-7000-8000-000000000001",
                "url": "https://hooks.example.com/longwave",
                "conversation_id": null,
                "types": ["message.created"],
                "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
                "cursor": "MS4xNzE5NzkxMTE4NDY1MTYuOA",
                "state": "active",
                "last_error": null,
                "failing_since": null,
                "created_at": "2026-03-01T12:00:00.000Z",
            }),
        ),
        (status = 409, description = "`idempotency_key_taken`"),
    ),
)]
pub async fn create_webhook(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    _: NoQuery,
    request: IdempotentRequest,
    JsonBody { value, bytes }: JsonBody<CreateWebhook>,
) -> Result<Response, Problem> {
    let CreateWebhook { url, conversation_id, types } = value;
    let wanted = WebhookDraft { url, conversation: conversation_id, types };
    let created = app.domain.create_webhook(&caller, wanted, request.asked(&bytes)).await?;
    Ok(json::created_as(created, Webhook::from))
}

/// My webhooks
#[utoipa::path(
    get,
    path = "/v1/webhooks",
    operation_id = "list_webhooks",
    tag = "Webhooks",
    security(("token" = [])),
    params(PageParams),
    responses((status = 200, description = "A page", body = List<Webhook>)),
)]
pub async fn list_webhooks(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    QueryParams(params): QueryParams<PageParams>,
) -> Result<Response, Problem> {
    let page = params.read::<WebhooksPageToken>()?;
    let after = page.token.as_ref().map(|token| token.id);
    let (found, more) = app.domain.list_webhooks(&caller, after, page.limit).await?;
    let next = found.last().filter(|_| more).map(|last| page.next(WebhooksPageToken { id: last.id }));
    Ok(json::ok(List { items: found.into_iter().map(Webhook::from).collect(), next }))
}

/// One webhook
#[utoipa::path(
    get,
    path = "/v1/webhooks/{id}",
    operation_id = "get_webhook",
    tag = "Webhooks",
    security(("token" = [])),
    params(("id" = uuid::Uuid, Path, description = "The webhook")),
    responses((status = 200, description = "The webhook", body = Webhook)),
)]
pub async fn get_webhook(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    PathParam(id): PathParam<WebhookId>,
    _: NoQuery,
) -> Result<Response, Problem> {
    Ok(json::ok(Webhook::from(app.domain.webhook(&caller, id).await?)))
}

/// Change a webhook
///
/// Pauses it, or lets it go on where it was, with another address or other types.
#[utoipa::path(
    patch,
    path = "/v1/webhooks/{id}",
    operation_id = "patch_webhook",
    tag = "Webhooks",
    security(("token" = [])),
    params(("id" = uuid::Uuid, Path, description = "The webhook")),
    request_body = PatchWebhook,
    responses((status = 200, description = "As it is now", body = Webhook)),
)]
pub async fn patch_webhook(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    PathParam(id): PathParam<WebhookId>,
    _: NoQuery,
    JsonBody { value, .. }: JsonBody<PatchWebhook>,
) -> Result<Response, Problem> {
    let PatchWebhook { url, types, state } = value;
    let changed = app.domain.change_webhook(&caller, id, WebhookPatch { url, types, state }).await?;
    Ok(json::ok(Webhook::from(changed)))
}

/// Forget a webhook
///
/// An attempt that is under way may still arrive.
#[utoipa::path(
    delete,
    path = "/v1/webhooks/{id}",
    operation_id = "delete_webhook",
    tag = "Webhooks",
    security(("token" = [])),
    params(("id" = uuid::Uuid, Path, description = "The webhook")),
    responses((status = 204, description = "Forgotten")),
)]
pub async fn delete_webhook(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    PathParam(id): PathParam<WebhookId>,
    _: NoQuery,
) -> Result<StatusCode, Problem> {
    app.domain.delete_webhook(&caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Replay
///
/// Goes on from any cursor, backwards or forwards, and makes a paused webhook active. What is posted again has the
/// `webhook-id` that it had before.
#[utoipa::path(
    post,
    path = "/v1/webhooks/{id}/replay",
    operation_id = "replay_webhook",
    tag = "Webhooks",
    security(("token" = [])),
    params(("id" = uuid::Uuid, Path, description = "The webhook")),
    request_body = ReplayWebhook,
    responses(
        (status = 200, description = "As it is now", body = Webhook),
        (status = 410, description = "`cursor_unknown`, `cursor_expired`"),
    ),
)]
pub async fn replay_webhook(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    PathParam(id): PathParam<WebhookId>,
    _: NoQuery,
    JsonBody { value, .. }: JsonBody<ReplayWebhook>,
) -> Result<Response, Problem> {
    let target = cursor_target(&value.cursor)?;
    Ok(json::ok(Webhook::from(app.domain.replay_webhook(&caller, id, target).await?)))
}
