//! Messages.

use super::App;
use super::answer;
use super::asked::Creating;
use super::body::{Json, LIST_LIMIT};
use super::caller::Authenticated;
use super::page::{self, PageParams};
use super::path::PathParam;
use super::prefer::Preferred;
use super::problem::{Problem, malformed};
use super::query::{NoQuery, Query};
use super::receipt::{self, SentMessage};
use super::text_body::{MessageRequest, TextOrJson};
use crate::domain::{Error, HistoryBound, HistoryQuery, MessageDraft};
use crate::ids::{AttachmentId, ConversationId, MessageId};
use crate::log::Cursor;
use crate::log::history::Order;
use crate::wire::{List, Message, Version};
use axum::extract::State;
use axum::response::Response;
use hyper::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};

/// A message to some users.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SendMessage {
    /// Ids or names of users.
    #[schema(example = json!(["bert"]))]
    to: Vec<String>,
    /// 1 to 16,384 Unicode scalar values.
    #[schema(example = "hello", min_length = 1, max_length = 16_384)]
    text: String,
    /// A message of the same conversation.
    #[schema(example = json!(null))]
    reply_to: Option<MessageId>,
    /// An object of at most 4 KiB, which comes back untouched.
    #[schema(value_type = Option<Object>, example = json!({"color": "blue"}))]
    metadata: Option<Box<RawValue>>,
    /// At most 10 uploads of mine, each of which no message has yet.
    #[schema(max_items = 10, example = json!([]))]
    attachments: Option<Vec<AttachmentId>>,
}

/// A message's new text.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateMessage {
    /// 1 to 16,384 Unicode scalar values.
    #[schema(example = "hello again", min_length = 1, max_length = 16_384)]
    text: String,
}

/// Where the next page of replies begins.
#[derive(Debug, Serialize, Deserialize)]
struct ReplyPlace {
    after: String,
}

/// Which part of a history.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct HistoryParams {
    /// Only what is before this cursor or message.
    before: Option<String>,
    /// Only what is after this cursor or message.
    after: Option<String>,
    /// `desc` (default), or `asc` (default where only `after` is given).
    #[param(inline)]
    order: Option<Direction>,
    /// Most entries of the page.
    #[param(minimum = 1, maximum = 200, example = 50)]
    limit: Option<usize>,
    /// `next` of the page before.
    page: Option<String>,
}

/// Oldest or newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Direction {
    Asc,
    Desc,
}

/// Where the next page of a history begins, and what it keeps of the first page's parameters.
#[derive(Debug, Serialize, Deserialize)]
struct Place {
    before: Option<String>,
    after: Option<String>,
    order: Direction,
    limit: usize,
}

/// Send to a conversation
///
/// As JSON; or a `text/plain` body or one as bare `curl -d` sends it, which is the text itself. With `Prefer: wait=N`, the
/// answer comes when a stream or a poll of somebody else has been handed the message, or after N seconds, at most 55.
#[utoipa::path(
    post,
    path = "/v1/conversations/{id}/messages",
    operation_id = "create_message",
    tag = "Messages",
    security(("token" = [])),
    params(
        ("id" = uuid::Uuid, Path, description = "The conversation"),
        ("Prefer" = Option<String>, Header, description = "`wait=N`, in seconds", example = "wait=1"),
    ),
    request_body(content(
        (MessageRequest = "application/json"),
        (String = "text/plain", example = "hello"),
    )),
    responses(
        (status = 201, description = "Sent", body = SentMessage),
        (status = 409, description = "`idempotency_key_taken`"),
    ),
)]
pub async fn create_message(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    PathParam(id): PathParam<ConversationId>,
    _: NoQuery,
    Preferred(wait): Preferred,
    creating: Creating,
    TextOrJson { draft, bytes }: TextOrJson,
) -> Result<Response, Problem> {
    let sent = app.domain.send(&caller, id, draft, creating.asked(&bytes)).await?;
    Ok(receipt::answer(&app, &caller, sent, wait).await)
}

/// Send to users
///
/// One other user: to the direct conversation. Several: to the untitled group that was made this way and has had exactly
/// these members ever since. Either is made with the message if need be. `Prefer: wait=N` is taken as in sending to a
/// conversation.
#[utoipa::path(
    post,
    path = "/v1/messages",
    operation_id = "send_message",
    tag = "Messages",
    security(("token" = [])),
    params(("Prefer" = Option<String>, Header, description = "`wait=N`, in seconds", example = "wait=1")),
    request_body = SendMessage,
    responses(
        (status = 201, description = "Sent", body = SentMessage),
        (status = 409, description = "`idempotency_key_taken`"),
    ),
)]
pub async fn send_message(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    _: NoQuery,
    Preferred(wait): Preferred,
    creating: Creating,
    Json { value, bytes }: Json<SendMessage, LIST_LIMIT>,
) -> Result<Response, Problem> {
    let SendMessage { to, text, reply_to, metadata, attachments } = value;
    let draft: MessageDraft = MessageRequest { text, reply_to, metadata, attachments }.into();
    let sent = app.domain.send_to(&caller, &to, draft, creating.asked(&bytes)).await?;
    Ok(receipt::answer(&app, &caller, sent, wait).await)
}

/// History
///
/// Messages only, as far as the caller may read them; `before` and `after` are exclusive.
#[utoipa::path(
    get,
    path = "/v1/conversations/{id}/messages",
    operation_id = "list_messages",
    tag = "Messages",
    security(("token" = [])),
    params(("id" = uuid::Uuid, Path, description = "The conversation"), HistoryParams),
    responses(
        (status = 200, description = "A page", body = List<Message>),
        (status = 410, description = "`cursor_unknown`"),
    ),
)]
pub async fn list_messages(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    PathParam(id): PathParam<ConversationId>,
    Query(params): Query<HistoryParams>,
) -> Result<Response, Problem> {
    let place = start(params)?;
    let order = match place.order {
        Direction::Asc => Order::OldestFirst,
        Direction::Desc => Order::NewestFirst,
    };
    let wanted = HistoryQuery {
        after: bound("after", place.after.as_deref())?,
        before: bound("before", place.before.as_deref())?,
        order,
        limit: page::limit(Some(place.limit))?,
    };
    let listed = app.domain.history(&caller, id, wanted).await?;
    let next = listed.next.map(|last| {
        let last = Some(last.to_string());
        page::token(&match place.order {
            Direction::Asc => Place { after: last, ..place },
            Direction::Desc => Place { before: last, ..place },
        })
    });
    Ok(answer::ok(List { items: listed.items, next }))
}

/// One message
#[utoipa::path(
    get,
    path = "/v1/messages/{id}",
    operation_id = "get_message",
    tag = "Messages",
    security(("token" = [])),
    params(("id" = uuid::Uuid, Path, description = "The message")),
    responses((status = 200, description = "The message", body = Message)),
)]
pub async fn get_message(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    PathParam(id): PathParam<MessageId>,
    _: NoQuery,
) -> Result<Response, Problem> {
    Ok(answer::ok(app.domain.message(&caller, id).await?))
}

/// Edit a message
///
/// By its author alone. The same text again changes nothing.
#[utoipa::path(
    patch,
    path = "/v1/messages/{id}",
    operation_id = "update_message",
    tag = "Messages",
    security(("token" = [])),
    params(("id" = uuid::Uuid, Path, description = "The message")),
    request_body = UpdateMessage,
    responses(
        (status = 200, description = "The message as it is now", body = Message),
        (status = 403, description = "`forbidden`"),
    ),
)]
pub async fn update_message(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    PathParam(id): PathParam<MessageId>,
    _: NoQuery,
    Json { value, .. }: Json<UpdateMessage>,
) -> Result<Response, Problem> {
    Ok(answer::ok(app.domain.edit_message(&caller, id, value.text).await?))
}

/// Delete a message
///
/// By its author, or an admin or owner of the group. The text of all its versions is gone before this answers; the message
/// keeps its place.
#[utoipa::path(
    delete,
    path = "/v1/messages/{id}",
    operation_id = "delete_message",
    tag = "Messages",
    security(("token" = [])),
    params(("id" = uuid::Uuid, Path, description = "The message")),
    responses((status = 204, description = "Deleted"), (status = 403, description = "`forbidden`")),
)]
pub async fn delete_message(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    PathParam(id): PathParam<MessageId>,
    _: NoQuery,
) -> Result<StatusCode, Problem> {
    app.domain.delete_message(&caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Versions of a message
///
/// The oldest first, the present one last; none of a deleted message.
#[utoipa::path(
    get,
    path = "/v1/messages/{id}/edits",
    operation_id = "list_edits",
    tag = "Messages",
    security(("token" = [])),
    params(("id" = uuid::Uuid, Path, description = "The message")),
    responses((status = 200, description = "All versions", body = List<Version>)),
)]
pub async fn list_edits(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    PathParam(id): PathParam<MessageId>,
    _: NoQuery,
) -> Result<Response, Problem> {
    Ok(answer::ok(List { items: app.domain.edits(&caller, id).await?, next: None }))
}

/// Replies to a message
///
/// The oldest first.
#[utoipa::path(
    get,
    path = "/v1/messages/{id}/replies",
    operation_id = "list_replies",
    tag = "Messages",
    security(("token" = [])),
    params(("id" = uuid::Uuid, Path, description = "The message"), PageParams),
    responses((status = 200, description = "A page", body = List<Message>)),
)]
pub async fn list_replies(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    PathParam(id): PathParam<MessageId>,
    Query(params): Query<PageParams>,
) -> Result<Response, Problem> {
    let page = params.read::<ReplyPlace>()?;
    let after = page.place.as_ref().map(|place| Cursor::parse(&place.after).ok_or(Error::CursorMalformed));
    let listed = app.domain.replies(&caller, id, after.transpose()?, page.limit).await?;
    let next = listed.next.map(|last| page.next(ReplyPlace { after: last.to_string() }));
    Ok(answer::ok(List { items: listed.items, next }))
}

/// Where a page begins: what the parameters say, or what `page` kept of them.
fn start(params: HistoryParams) -> Result<Place, Problem> {
    if let Some(place) = page::place::<Place>(params.page.as_deref())? {
        return Ok(Place { limit: page::limit(params.limit.or(Some(place.limit)))?, ..place });
    }
    let usual = match (&params.before, &params.after) {
        (None, Some(_)) => Direction::Asc,
        _ => Direction::Desc,
    };
    Ok(Place {
        order: params.order.unwrap_or(usual),
        limit: page::limit(params.limit)?,
        before: params.before,
        after: params.after,
    })
}

fn bound(field: &str, text: Option<&str>) -> Result<Option<HistoryBound>, Problem> {
    let read = |text: &str| {
        let message = MessageId::parse(text).map(HistoryBound::Message);
        message
            .or_else(|| Cursor::parse(text).map(HistoryBound::Cursor))
            .ok_or_else(|| malformed(field, "is neither a cursor nor the id of a message"))
    };
    text.map(read).transpose()
}
