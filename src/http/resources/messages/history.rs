//! Messages of a conversation, and replies to a message.

use crate::domain::{Error, HistoryBound, HistoryQuery};
use crate::http::app::App;
use crate::http::extract::caller::Authenticated;
use crate::http::extract::page::{PageParams, PageRequest};
use crate::http::extract::path::PathParam;
use crate::http::extract::query::QueryParams;
use crate::http::respond::json;
use crate::http::respond::problem::{Problem, malformed};
use crate::ids::{ConversationId, MessageId};
use crate::log::Cursor;
use crate::log::history::Order;
use crate::wire::{List, Message};
use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

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
struct HistoryPageToken {
    before: Option<String>,
    after: Option<String>,
    order: Direction,
}

/// Where the next page of replies begins.
#[derive(Debug, Serialize, Deserialize)]
struct RepliesPageToken {
    after: String,
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
    QueryParams(params): QueryParams<HistoryParams>,
) -> Result<Response, Problem> {
    let mut page = PageRequest::<HistoryPageToken>::read(params.page.as_deref(), params.limit)?;
    let token = page.token.take().unwrap_or_else(|| first_page(params));
    let order = match token.order {
        Direction::Asc => Order::OldestFirst,
        Direction::Desc => Order::NewestFirst,
    };
    let wanted = HistoryQuery {
        after: bound("after", token.after.as_deref())?,
        before: bound("before", token.before.as_deref())?,
        order,
        limit: page.limit,
    };
    let listed = app.domain.history(&caller, id, wanted).await?;
    let next = listed.next.map(|last| {
        let last = Some(last.to_string());
        page.next(match token.order {
            Direction::Asc => HistoryPageToken { after: last, ..token },
            Direction::Desc => HistoryPageToken { before: last, ..token },
        })
    });
    Ok(json::ok(List { items: listed.items, next }))
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
    QueryParams(params): QueryParams<PageParams>,
) -> Result<Response, Problem> {
    let page = params.read::<RepliesPageToken>()?;
    let after = page.token.as_ref().map(|token| Cursor::parse(&token.after).ok_or(Error::CursorMalformed));
    let listed = app.domain.replies(&caller, id, after.transpose()?, page.limit).await?;
    let next = listed.next.map(|last| page.next(RepliesPageToken { after: last.to_string() }));
    Ok(json::ok(List { items: listed.items, next }))
}

fn first_page(params: HistoryParams) -> HistoryPageToken {
    let default_order = match (&params.before, &params.after) {
        (None, Some(_)) => Direction::Asc,
        _ => Direction::Desc,
    };
    HistoryPageToken { order: params.order.unwrap_or(default_order), before: params.before, after: params.after }
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
