//! Conversations.

use crate::domain::{ConversationDraft, ConversationPatch};
use crate::http::app::App;
use crate::http::extract::body::MAX_LIST_BODY_BYTES;
use crate::http::extract::caller::Authenticated;
use crate::http::extract::idempotent_request::IdempotentRequest;
use crate::http::extract::json_body::{JsonBody, nullable};
use crate::http::extract::page::PageParams;
use crate::http::extract::path::PathParam;
use crate::http::extract::query::{NoQuery, QueryParams};
use crate::http::respond::json;
use crate::http::respond::problem::Problem;
use crate::ids::{ConversationId, Position};
use crate::store::{ConversationKind, History};
use crate::wire::Conversation;
use axum::extract::State;
use axum::response::Response;
use hyper::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A new conversation.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateConversation {
    #[schema(example = "group")]
    kind: ConversationKind,
    /// For groups alone.
    #[schema(example = "Lunch", min_length = 1, max_length = 100)]
    title: Option<String>,
    /// Ids or names. The caller is a member in any case.
    #[schema(example = json!(["me"]))]
    members: Vec<String>,
    /// Whether members see what was before they joined (`shared`) or not (`joined`, default).
    #[schema(example = "joined")]
    history: Option<History>,
}

/// What is to become of a conversation; what is not given stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateConversation {
    /// For groups, by owners and admins; null: none.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>, example = "Dinner", min_length = 1, max_length = 100)]
    title: Option<Option<String>>,
    /// Put away, for me alone.
    #[schema(example = false)]
    archived: Option<bool>,
    /// Without notices, for me alone.
    #[schema(example = true)]
    muted: Option<bool>,
}

/// A page of my conversations.
#[derive(Debug, Serialize, ToSchema)]
pub struct Conversations {
    items: Vec<Conversation>,
    /// What `page` takes to go on; null at the end.
    next: Option<String>,
    /// The list holds everything up to here, perhaps more: stream on from it, and apply events by id.
    cursor: String,
}

/// Where the next page of conversations begins.
#[derive(Debug, Serialize, Deserialize)]
struct ConversationsPageToken {
    place: i64,
    conversation: ConversationId,
    cursor: String,
}

/// Make a conversation
///
/// A group, or the direct conversation with one other user: an existing one is answered with 200.
#[utoipa::path(
    post,
    path = "/v1/conversations",
    operation_id = "create_conversation",
    tag = "Conversations",
    security(("token" = [])),
    request_body = CreateConversation,
    responses(
        (status = 201, description = "Made", body = Conversation),
        (status = 200, description = "The direct conversation that exists", body = Conversation),
        (status = 409, description = "`idempotency_key_taken`"),
    ),
)]
pub async fn create_conversation(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    _: NoQuery,
    request: IdempotentRequest,
    JsonBody { value, bytes }: JsonBody<CreateConversation, MAX_LIST_BODY_BYTES>,
) -> Result<Response, Problem> {
    let CreateConversation { kind, title, members, history } = value;
    let wanted = ConversationDraft { kind, title, members, history };
    Ok(json::created(app.domain.create_conversation(&caller, wanted, request.asked(&bytes)).await?))
}

/// My conversations
///
/// Newest message first, else joining. Later pages repeat the cursor of the first.
#[utoipa::path(
    get,
    path = "/v1/conversations",
    operation_id = "list_conversations",
    tag = "Conversations",
    security(("token" = [])),
    params(PageParams),
    responses((status = 200, description = "A page", body = Conversations)),
)]
pub async fn list_conversations(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    QueryParams(params): QueryParams<PageParams>,
) -> Result<Response, Problem> {
    let page = params.read::<ConversationsPageToken>()?;
    let after = page.token.as_ref().map(|token| (Position(token.place), token.conversation));
    let listed = app.domain.list_conversations(&caller, after, page.limit).await?;
    let cursor = page.token.as_ref().map_or(listed.cursor, |token| token.cursor.clone());
    let next = listed.next.map(|(place, conversation)| {
        page.next(ConversationsPageToken { place: place.0, conversation, cursor: cursor.clone() })
    });
    Ok(json::ok(Conversations { items: listed.items, next, cursor }))
}

/// One conversation
#[utoipa::path(
    get,
    path = "/v1/conversations/{id}",
    operation_id = "get_conversation",
    tag = "Conversations",
    security(("token" = [])),
    params(("id" = uuid::Uuid, Path, description = "The conversation")),
    responses((status = 200, description = "The conversation", body = Conversation)),
)]
pub async fn get_conversation(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    PathParam(id): PathParam<ConversationId>,
    _: NoQuery,
) -> Result<Response, Problem> {
    Ok(json::ok(app.domain.conversation(&caller, id).await?))
}

/// Change a conversation
///
/// The title is everybody's, and given by owners and admins; the rest is mine alone.
#[utoipa::path(
    patch,
    path = "/v1/conversations/{id}",
    operation_id = "update_conversation",
    tag = "Conversations",
    security(("token" = [])),
    params(("id" = uuid::Uuid, Path, description = "The conversation")),
    request_body = UpdateConversation,
    responses(
        (status = 200, description = "The conversation as it is now", body = Conversation),
        (status = 403, description = "`forbidden`"),
        (status = 409, description = "`direct_fixed`"),
    ),
)]
pub async fn update_conversation(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    PathParam(id): PathParam<ConversationId>,
    _: NoQuery,
    JsonBody { value, .. }: JsonBody<UpdateConversation>,
) -> Result<Response, Problem> {
    let UpdateConversation { title, archived, muted } = value;
    let changes = ConversationPatch { title, archived, muted };
    Ok(json::ok(app.domain.update_conversation(&caller, id, changes).await?))
}

/// Delete a conversation
///
/// By an owner of the group, for everybody: all memberships end, and all texts are gone before this answers.
#[utoipa::path(
    delete,
    path = "/v1/conversations/{id}",
    operation_id = "delete_conversation",
    tag = "Conversations",
    security(("token" = [])),
    params(("id" = uuid::Uuid, Path, description = "The conversation")),
    responses(
        (status = 204, description = "Deleted"),
        (status = 403, description = "`forbidden`"),
        (status = 409, description = "`direct_fixed`"),
    ),
)]
pub async fn delete_conversation(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    PathParam(id): PathParam<ConversationId>,
    _: NoQuery,
) -> Result<StatusCode, Problem> {
    app.domain.delete_conversation(&caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
