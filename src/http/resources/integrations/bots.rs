//! Bots and their tokens.

use crate::domain::{BotDraft, BotTokenDraft, IssuedBotToken};
use crate::http::app::App;
use crate::http::extract::caller::Authenticated;
use crate::http::extract::idempotent_request::IdempotentRequest;
use crate::http::extract::json_body::JsonBody;
use crate::http::extract::page::PageParams;
use crate::http::extract::path::{PathParam, PathParams};
use crate::http::extract::query::{NoQuery, QueryParams};
use crate::http::respond::json;
use crate::http::respond::problem::Problem;
use crate::ids::{SessionId, UserId};
use crate::store::bots::BotTokenRow;
use crate::wire::{List, Timestamp, User};
use axum::extract::State;
use axum::response::Response;
use hyper::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A new bot.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateBot {
    /// 2 to 32 of `[a-z0-9._-]`, folded to lower case.
    #[schema(
        example = "weather",
        min_length = 2,
        max_length = 32,
        pattern = "^[A-Za-z0-9][A-Za-z0-9._-]*[A-Za-z0-9]$"
    )]
    name: String,
    /// The name, if it is not given.
    #[schema(example = "Weather", min_length = 1, max_length = 100)]
    display_name: Option<String>,
}

/// A new token of a bot.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateBotToken {
    /// What it is called in lists.
    #[schema(example = "on the server", min_length = 1, max_length = 100)]
    name: Option<String>,
    /// Seconds until it ends; for ever, if it is not given.
    #[schema(example = 2_592_000, minimum = 60, maximum = 315_360_000)]
    expires_in: Option<u64>,
}

/// A token of a bot.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "01900000-0000-7000-8000-000000000001",
    "name": "on the server",
    "token": null,
    "prefix": "lwb_fYq0qO2c",
    "created_at": "2026-03-01T12:00:00.000Z",
    "expires_at": "2026-03-31T12:00:00.000Z",
}))]
pub struct BotToken {
    id: SessionId,
    #[schema(example = "on the server")]
    name: Option<String>,
    /// For `Authorization: Bearer`, in the answer that makes it and never again.
    #[schema(example = "lwb_fYq0qO2cLZ0sKq0Zb5bS3n7mCwTq0o2yq9m3rVx1a2E")]
    token: Option<String>,
    /// How it begins.
    #[schema(example = "lwb_fYq0qO2c")]
    prefix: String,
    created_at: Timestamp,
    /// Null: never.
    expires_at: Option<Timestamp>,
}

/// Where the next page of bots begins.
#[derive(Debug, Serialize, Deserialize)]
struct BotsPageToken {
    bot: UserId,
}

/// Where the next page of tokens begins.
#[derive(Debug, Serialize, Deserialize)]
struct BotTokensPageToken {
    token: SessionId,
}

impl From<BotTokenRow> for BotToken {
    fn from(token: BotTokenRow) -> Self {
        Self {
            id: token.id,
            name: token.name,
            token: None,
            prefix: token.prefix,
            created_at: Timestamp(token.created_at),
            expires_at: token.expires_at.map(Timestamp),
        }
    }
}

impl From<IssuedBotToken> for BotToken {
    fn from(issued: IssuedBotToken) -> Self {
        Self { token: issued.secret, ..issued.token.into() }
    }
}

/// Make a bot
///
/// A user of mine who has no password and calls with tokens. What it may do ends with what I may. At most 50.
#[utoipa::path(
    post,
    path = "/v1/bots",
    operation_id = "create_bot",
    tag = "Bots",
    security(("token" = [])),
    request_body = CreateBot,
    responses(
        (
            status = 201,
            description = "The bot",
            body = User,
            example = json!({
                "id": "01900000-0000-7000-8000-000000000001",
                "name": "weather",
                "display_name": "Weather",
                "role": "bot",
                "created_at": "2026-03-01T12:00:00.000Z",
            }),
        ),
        (status = 403, description = "`forbidden`: bots make no bots"),
        (status = 409, description = "`name_taken`, `idempotency_key_taken`"),
    ),
)]
pub async fn create_bot(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    _: NoQuery,
    request: IdempotentRequest,
    JsonBody { value, bytes }: JsonBody<CreateBot>,
) -> Result<Response, Problem> {
    let CreateBot { name, display_name } = value;
    let wanted = BotDraft { name, display_name };
    Ok(json::created(app.domain.create_bot(&caller, wanted, request.asked(&bytes)).await?))
}

/// My bots
#[utoipa::path(
    get,
    path = "/v1/bots",
    operation_id = "list_bots",
    tag = "Bots",
    security(("token" = [])),
    params(PageParams),
    responses((status = 200, description = "A page", body = List<User>)),
)]
pub async fn list_bots(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    QueryParams(params): QueryParams<PageParams>,
) -> Result<Response, Problem> {
    let page = params.read::<BotsPageToken>()?;
    let after = page.token.as_ref().map(|token| token.bot);
    let (items, more) = app.domain.list_bots(&caller, after, page.limit).await?;
    let next = items.last().filter(|_| more).map(|last| page.next(BotsPageToken { bot: last.id }));
    Ok(json::ok(List { items, next }))
}

/// Make a token of a bot
///
/// At most 50 that are not revoked.
#[utoipa::path(
    post,
    path = "/v1/bots/{user}/tokens",
    operation_id = "create_bot_token",
    tag = "Bots",
    security(("token" = [])),
    params(("user" = String, Path, description = "A bot of mine, by id or name", example = "weather")),
    request_body = CreateBotToken,
    responses(
        (
            status = 201,
            description = "The token; the only answer with `token`",
            body = BotToken,
            example = json!({
                "id": "01900000-0000-7000-8000-000000000001",
                "name": "on the server",
                "token": "lwb_fYq0qO2cLZ0sKq0Zb5bS3n7mCwTq0o2yq9m3rVx1a2E",
                "prefix": "lwb_fYq0qO2c",
                "created_at": "2026-03-01T12:00:00.000Z",
                "expires_at": "2026-03-31T12:00:00.000Z",
            }),
        ),
        (status = 409, description = "`idempotency_key_taken`"),
    ),
)]
pub async fn create_bot_token(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    PathParam(user): PathParam<String>,
    _: NoQuery,
    request: IdempotentRequest,
    JsonBody { value, bytes }: JsonBody<CreateBotToken>,
) -> Result<Response, Problem> {
    let CreateBotToken { name, expires_in } = value;
    let wanted = BotTokenDraft { name, expires_in };
    let created = app.domain.create_bot_token(&caller, &user, wanted, request.asked(&bytes)).await?;
    Ok(json::created_as(created, BotToken::from))
}

/// Tokens of a bot
///
/// Those that are not revoked.
#[utoipa::path(
    get,
    path = "/v1/bots/{user}/tokens",
    operation_id = "list_bot_tokens",
    tag = "Bots",
    security(("token" = [])),
    params(("user" = String, Path, description = "A bot of mine, by id or name", example = "weather"), PageParams),
    responses((status = 200, description = "A page", body = List<BotToken>)),
)]
pub async fn list_bot_tokens(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    PathParam(user): PathParam<String>,
    QueryParams(params): QueryParams<PageParams>,
) -> Result<Response, Problem> {
    let page = params.read::<BotTokensPageToken>()?;
    let after = page.token.as_ref().map(|token| token.token);
    let (found, more) = app.domain.list_bot_tokens(&caller, &user, after, page.limit).await?;
    let next = found.last().filter(|_| more).map(|last| page.next(BotTokensPageToken { token: last.id }));
    Ok(json::ok(List { items: found.into_iter().map(BotToken::from).collect(), next }))
}

/// Revoke a token of a bot
///
/// Ends its streams too.
#[utoipa::path(
    delete,
    path = "/v1/bots/{user}/tokens/{id}",
    operation_id = "delete_bot_token",
    tag = "Bots",
    security(("token" = [])),
    params(
        ("user" = String, Path, description = "A bot of mine, by id or name", example = "weather"),
        ("id" = uuid::Uuid, Path, description = "The token"),
    ),
    responses((status = 204, description = "It has ended")),
)]
pub async fn delete_bot_token(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    PathParams(user, id): PathParams<String, SessionId>,
    _: NoQuery,
) -> Result<StatusCode, Problem> {
    app.domain.revoke_bot_token(&caller, &user, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
