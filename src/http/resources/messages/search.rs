//! Searching.

use crate::domain::{SearchQuery, SearchWords};
use crate::http::app::App;
use crate::http::extract::caller::Authenticated;
use crate::http::extract::page::PageRequest;
use crate::http::extract::query::QueryParams;
use crate::http::respond::json;
use crate::http::respond::problem::{Problem, malformed};
use crate::ids::{ConversationId, Position};
use crate::store::Time;
use crate::wire::{Hit, List};
use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;

/// Characters of `q`.
const SEARCH_QUERY_CHARS: std::ops::RangeInclusive<usize> = 1..=128;

/// What to look for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SearchParams {
    /// Words, all of which the text has to hold, each anywhere in it: `tag` finds `Montags`. Upper and lower case are one,
    /// and so are the Unicode forms of a letter (NFKC); an umlaut or accent is a letter of its own. Required, but on
    /// later pages.
    #[param(min_length = 1, max_length = 128, example = "zugspitze")]
    q: Option<String>,
    /// Only in this conversation.
    #[param(value_type = Option<uuid::Uuid>)]
    conversation_id: Option<String>,
    /// Only by this sender: an id, a name or `me`.
    #[param(example = "anna")]
    from: Option<String>,
    /// Only messages sent at this time or later, RFC 3339.
    #[param(value_type = Option<chrono::DateTime<chrono::Utc>>, example = "2026-01-01T00:00:00Z")]
    since: Option<String>,
    /// Only messages sent before this time, RFC 3339.
    #[param(value_type = Option<chrono::DateTime<chrono::Utc>>, example = "2027-01-01T00:00:00Z")]
    until: Option<String>,
    /// Most entries of the page.
    #[param(minimum = 1, maximum = 200, example = 50)]
    limit: Option<usize>,
    /// `next` of the page before.
    page: Option<String>,
}

/// Where the next page of hits begins, and the first page's parameters.
#[derive(Debug, Serialize, Deserialize)]
struct SearchPageToken {
    q: String,
    conversation_id: Option<String>,
    from: Option<String>,
    since: Option<String>,
    until: Option<String>,
    before: Option<i64>,
}

/// Search
///
/// In all that the caller may read, the newest message first. A message is found by the text that the caller sees of it:
/// the present one, or, for former members, that of their time. New messages are found within about a second. A page may
/// hold fewer hits than `limit`, or none, before the end: the end is where `next` is null.
#[utoipa::path(
    get,
    path = "/v1/search",
    operation_id = "search_messages",
    tag = "Messages",
    security(("token" = [])),
    params(SearchParams),
    responses(
        (status = 200, description = "A page", body = List<Hit>),
        (status = 404, description = "`not_found`: the conversation"),
    ),
)]
pub async fn search_messages(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    QueryParams(params): QueryParams<SearchParams>,
) -> Result<Response, Problem> {
    let mut page = PageRequest::<SearchPageToken>::read(params.page.as_deref(), params.limit)?;
    let token = page.token.take().map_or_else(|| first_page(params), Ok)?;
    let found = app.domain.search(&caller, &wanted(&token, page.limit)?).await?;
    let next = found.next.map(|next| page.next(SearchPageToken { before: Some(next.0), ..token }));
    Ok(json::ok(List { items: found.items, next }))
}

fn first_page(params: SearchParams) -> Result<SearchPageToken, Problem> {
    let SearchParams { q, conversation_id, from, since, until, .. } = params;
    let q = q.ok_or_else(|| malformed("q", "is missing: what is to be found?"))?;
    Ok(SearchPageToken { q, conversation_id, from, since, until, before: None })
}

fn wanted(token: &SearchPageToken, limit: usize) -> Result<SearchQuery, Problem> {
    let length = token.q.chars().count();
    if !SEARCH_QUERY_CHARS.contains(&length) {
        let (least, most) = (SEARCH_QUERY_CHARS.start(), SEARCH_QUERY_CHARS.end());
        return Err(malformed("q", format!("has {length} characters, needs {least} to {most}")));
    }
    let conversation = token.conversation_id.as_deref().map(|id| {
        ConversationId::parse(id).ok_or_else(|| malformed("conversation_id", "is not a UUID in the 36-character form"))
    });
    Ok(SearchQuery {
        words: SearchWords::parse(&token.q).ok_or_else(|| malformed("q", "has no word"))?,
        conversation: conversation.transpose()?,
        from: token.from.clone(),
        since: time("since", token.since.as_deref())?,
        until: time("until", token.until.as_deref())?,
        before: token.before.map(Position),
        limit,
    })
}

fn time(field: &str, text: Option<&str>) -> Result<Option<Time>, Problem> {
    let read = |text: &str| match chrono::DateTime::parse_from_rfc3339(text) {
        Ok(time) => Ok(time.to_utc()),
        Err(_) => Err(malformed(field, "is not a time of RFC 3339, such as 2026-03-01T12:00:00Z (a + is sent as %2B)")),
    };
    text.map(read).transpose()
}
