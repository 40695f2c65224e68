//! Long polls.

use super::App;
use super::answer;
use super::caller::Authenticated;
use super::page::in_range;
use super::problem::{Code, Problem};
use super::query::Query;
use super::receive::{self, NotHead, Receiving, Wish};
use crate::delivery::{Close, News, Refused, Start, Subscription, Transport};
use crate::domain::Error;
use crate::log::Cursor;
use crate::wire::{Encoded, EventsPage};
use axum::extract::State;
use axum::response::Response;
use hyper::HeaderMap;
use hyper::header::{CONNECTION, HeaderValue};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use utoipa::IntoParams;

/// Seconds that a poll waits when the client does not say.
const USUAL_WAIT_S: usize = 25;
/// Seconds that a poll may wait: most proxies give up after a minute.
const MOST_WAIT_S: usize = 55;
/// Events of an answer when the client does not say.
const USUAL_LIMIT: usize = 100;
/// Most events of an answer.
const MOST_LIMIT: usize = 1_000;

/// Where to start, and how long to wait.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PollParams {
    /// A cursor, `@name` of a stored one, `start` or `now` (default).
    #[param(example = "now")]
    after: Option<String>,
    /// Seconds to wait for an event.
    #[param(minimum = 0, maximum = 55, example = 1)]
    wait: Option<usize>,
    /// Most events of the answer.
    #[param(minimum = 1, maximum = 1000, example = 100)]
    limit: Option<usize>,
    /// Only this conversation; the cursors then vouch for it alone.
    #[param(value_type = Option<uuid::Uuid>)]
    conversation: Option<String>,
}

/// Long poll
///
/// Answers as soon as there is an event after `after`, else after `wait` seconds. Every event of mine between `from`
/// and `cursor` is in `events`. Reading acknowledges nothing. `Prefer: wait=` is taken where `wait` is not given.
#[utoipa::path(
    get,
    path = "/v1/updates",
    operation_id = "get_updates",
    tag = "Receiving",
    security(("token" = [])),
    params(PollParams),
    responses((status = 200, description = "Events, or none when the time is over", body = EventsPage)),
)]
pub async fn get_updates(
    _: NotHead,
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Query(params): Query<PollParams>,
    receiving: Receiving,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let wait = match params.wait {
        Some(wait) => in_range("wait", Some(wait), USUAL_WAIT_S, 0..=MOST_WAIT_S)?,
        None => preferred_wait(&headers).unwrap_or(USUAL_WAIT_S).min(MOST_WAIT_S),
    };
    let limit = in_range("limit", params.limit, USUAL_LIMIT, 1..=MOST_LIMIT)?;
    let deadline = Instant::now() + Duration::from_secs(wait as u64);
    let wish = receiving.wish(&app, &caller, params.after.as_deref()).await?;
    let Wish::After(after) = wish else { return Err(Error::CursorMalformed.into()) };
    let only = receive::only(&app, &caller, params.conversation.as_deref()).await?;
    let start = Start::find(&app.hub, &app.pool, after).await.map_err(refused)?;
    let from = start.from;
    let mut subscription = receive::open(&app, &receiving.subscriber(&caller, Transport::Poll, only), start);
    let news = match subscription.catch_up(limit).await? {
        Some(news) => news,
        None => match tokio::time::timeout_at(deadline, subscription.next(limit)).await {
            Ok(news) => news?,
            Err(_) => return page(from, Vec::new(), subscription.covered(), false),
        },
    };
    match news {
        News::Events(events) => {
            let (events, cursor, more) = cut(events, limit, &subscription);
            page(from, events, cursor, more)
        }
        News::Closed(close) => closed(close, from, subscription.covered()),
    }
}

/// What fits the answer, how far it reaches, and whether there is more.
fn cut(mut events: Vec<Arc<Encoded>>, limit: usize, subscription: &Subscription) -> (Vec<Arc<Encoded>>, Cursor, bool) {
    let more = events.len() > limit;
    events.truncate(limit);
    match events.last() {
        Some(last) if more => {
            let cursor = last.event.cursor();
            (events, cursor, true)
        }
        _ => (events, subscription.covered(), subscription.has_more()),
    }
}

fn closed(close: Close, from: Cursor, covered: Cursor) -> Result<Response, Problem> {
    match close {
        Close::Revoked => Err(Error::SessionRevoked.into()),
        Close::Unavailable => Err(Problem::new(Code::Unavailable, "the database cannot be reached, try again")),
        Close::Draining => Ok(closing(page(from, Vec::new(), covered, false)?)),
        // The next poll, from the same cursor, tells what this one cannot.
        Close::Expired | Close::Slow | Close::Replaced | Close::Rotate | Close::Rebased => {
            page(from, Vec::new(), covered, false)
        }
    }
}

fn closing(mut response: Response) -> Response {
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

fn page(from: Cursor, events: Vec<Arc<Encoded>>, cursor: Cursor, has_more: bool) -> Result<Response, Problem> {
    let raw = |event: &Arc<Encoded>| {
        let text = String::from_utf8_lossy(event.json()).into_owned();
        RawValue::from_string(text).map_err(|error| Problem::from(Error::Shape(error.into())))
    };
    let events = events.iter().map(raw).collect::<Result<_, _>>()?;
    Ok(answer::ok(EventsPage { from: from.to_string(), events, cursor: cursor.to_string(), has_more }))
}

/// `Prefer: wait=N` (RFC 7240), in seconds.
fn preferred_wait(headers: &HeaderMap) -> Option<usize> {
    let values = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split([',', ';'])).find_map(|part| part.trim().strip_prefix("wait=")?.parse().ok())
}

fn refused(refused: Refused) -> Problem {
    match refused {
        Refused::Dead(code, fresh) => Problem::dead_cursor(code, fresh.from),
        Refused::Store(error) => error.into(),
    }
}
