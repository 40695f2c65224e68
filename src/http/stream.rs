//! Streams: Server-Sent Events, or one JSON object a line.

use super::App;
use super::caller::{admit, admit_address, bearer};
use super::problem::Problem;
use super::query::Query;
use super::receive::{self, NotHead, Receiving, Wish};
use crate::delivery::{After, Close, News, Refused, Start, Subscriber, Subscription, Transport};
use crate::domain::{Caller, Error};
use crate::log::Cursor;
use crate::store::StoreError;
use crate::wire::{Encoded, End, EndCode, Framing, Ready, Reset, ResetCode};
use axum::body::Body;
use axum::extract::{FromRequestParts, State};
use axum::response::Response;
use bytes::{Bytes, BytesMut};
use futures_util::stream;
use hyper::HeaderMap;
use hyper::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use serde::Deserialize;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};
use utoipa::IntoParams;

/// After how much silence a heartbeat comes: proxies cut what is silent for 30 s or more.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How long a stream waits for PostgreSQL to come back.
const SILENCE: Duration = Duration::from_secs(15);
/// Events that are read from the log at once.
const PAGE: usize = 500;
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// Where to start, and who calls where no header can be sent.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct StreamParams {
    /// A cursor, `@name` of a stored one, `start` or `now` (default).
    #[param(example = "now")]
    after: Option<String>,
    /// Only this conversation; the cursors then vouch for it alone.
    #[param(value_type = Option<uuid::Uuid>)]
    conversation: Option<String>,
    /// A ticket, in place of the header that EventSource cannot send.
    #[expect(dead_code, reason = "read before the other parameters are, to know who calls")]
    ticket: Option<String>,
}

/// The caller of a stream, by token or by ticket.
pub struct Listener(Caller);

impl FromRequestParts<App> for Listener {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let query = parts.uri.query().unwrap_or_default();
        let ticket = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "ticket");
        let caller = match (bearer(parts), ticket) {
            (Err(Error::TokenMissing), Some((_, ticket))) => {
                admit_address(parts, app)?;
                app.domain.redeem(&ticket).await?
            }
            (token, _) => app.domain.authenticate(token?).await?,
        };
        admit(parts, app, &caller)?;
        Ok(Self(caller))
    }
}

/// Stream
///
/// Server-Sent Events, unless `Accept` names `application/x-ndjson`. Begins with `ready`, and goes on until it tells
/// `end`. `Last-Event-ID` wins over `after`. Reading acknowledges nothing.
#[utoipa::path(
    get,
    path = "/v1/stream",
    operation_id = "get_stream",
    tag = "Receiving",
    security(("token" = []), ("ticket" = [])),
    params(StreamParams),
    responses((
        status = 200,
        description = "Events, as they happen",
        content((String = "text/event-stream"), (String = "application/x-ndjson")),
    )),
)]
pub async fn get_stream(
    _: NotHead,
    State(app): State<App>,
    Listener(caller): Listener,
    Query(params): Query<StreamParams>,
    receiving: Receiving,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let wish = receiving.wish(&app, &caller, params.after.as_deref()).await?;
    let only = receive::only(&app, &caller, params.conversation.as_deref()).await?;
    let framing = framing(&headers);
    let (start, reset) = begin(&app, wish).await?;
    let subscriber = receiving.subscriber(&caller, Transport::Stream, only);
    let feed = Feed::open(app, subscriber, framing, start, reset);
    let body = stream::unfold(feed, async |mut feed| Some((Ok::<_, Infallible>(feed.next().await?), feed)));
    let mut response = Response::new(Body::from_stream(body));
    let media_type = match framing {
        Framing::Sse => "text/event-stream",
        Framing::Ndjson => "application/x-ndjson",
    };
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store, no-transform"));
    headers.insert(X_ACCEL_BUFFERING, HeaderValue::from_static("no"));
    Ok(response)
}

fn framing(headers: &HeaderMap) -> Framing {
    let mut accepted = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    if accepted.any(|value| value.contains("application/x-ndjson")) { Framing::Ndjson } else { Framing::Sse }
}

/// Where a stream starts. An EventSource never comes back from an error, so a dead cursor is told inside.
async fn begin(app: &App, wish: Wish) -> Result<(Start, Option<ResetCode>), StoreError> {
    let (after, unreadable) = match wish {
        Wish::After(after) => (after, None),
        Wish::Unreadable => (After::Now, Some(ResetCode::CursorUnknown)),
    };
    match Start::find(&app.hub, &app.pool, after).await {
        Ok(start) => Ok((start, unreadable)),
        Err(Refused::Dead(code, fresh)) => Ok((fresh, Some(code))),
        Err(Refused::Store(error)) => Err(error),
    }
}

/// What is written to one client.
struct Feed {
    app: App,
    subscriber: Subscriber,
    subscription: Option<Subscription>,
    framing: Framing,
    /// What is written next, before all else.
    opening: Option<Bytes>,
}

impl Feed {
    fn open(app: App, subscriber: Subscriber, framing: Framing, start: Start, reset: Option<ResetCode>) -> Self {
        let from = start.from;
        let mut opening = BytesMut::new();
        if framing == Framing::Sse {
            // So that those who lost a node do not all come back at once.
            opening.extend_from_slice(format!("retry: {}\n", fastrand::u32(1_000..3_000)).as_bytes());
        }
        if let Some(code) = reset {
            opening.extend_from_slice(&reset_frame(framing, code, from));
        }
        let cursor = from.to_string();
        let ready = Ready {
            kind: "ready",
            cursor: cursor.clone(),
            heartbeat: HEARTBEAT.as_secs(),
            connection_id: subscriber.id,
        };
        opening.extend_from_slice(&framing.control("ready", &cursor, &ready));
        let subscription = receive::open(&app, &subscriber, start);
        Self { app, subscriber, subscription: Some(subscription), framing, opening: Some(opening.freeze()) }
    }

    /// The next bytes; none after the end.
    async fn next(&mut self) -> Option<Bytes> {
        if let Some(opening) = self.opening.take() {
            return Some(opening);
        }
        let mut lost_at = None;
        loop {
            let subscription = self.subscription.as_mut()?;
            match tokio::time::timeout(HEARTBEAT, subscription.next(PAGE)).await {
                Err(_) => return Some(self.framing.heartbeat()),
                Ok(Ok(News::Events(events))) => return Some(self.frames(&events)),
                Ok(Ok(News::Closed(Close::Rebased))) => {
                    if let Some(frame) = self.rebase().await {
                        return Some(frame);
                    }
                }
                Ok(Ok(News::Closed(close))) => return Some(self.end(end_code(close))),
                Ok(Err(error)) => {
                    tracing::warn!(%error, "cannot read for a stream");
                    if lost_at.get_or_insert_with(Instant::now).elapsed() > SILENCE {
                        return Some(self.end(EndCode::Unavailable));
                    }
                    tokio::time::sleep(Duration::from_millis(500)).await;
                }
            }
        }
    }

    /// All that waits, in one piece.
    fn frames(&self, events: &[Arc<Encoded>]) -> Bytes {
        if let [event] = events {
            return event.framed(self.framing).clone();
        }
        let mut bytes = BytesMut::with_capacity(events.iter().map(|event| event.framed(self.framing).len()).sum());
        events.iter().for_each(|event| bytes.extend_from_slice(event.framed(self.framing)));
        bytes.freeze()
    }

    /// Goes on under the log's new history, from the same cursor if it is still good.
    async fn rebase(&mut self) -> Option<Bytes> {
        let covered = self.subscription.take()?.covered();
        let begun = begin(&self.app, Wish::After(After::Cursor(covered))).await;
        let (start, reset) = match begun {
            Ok(begun) => begun,
            Err(error) => {
                tracing::warn!(%error, "cannot resume a stream");
                return Some(self.end_at(covered, EndCode::Unavailable));
            }
        };
        self.subscription = Some(receive::open(&self.app, &self.subscriber, start));
        reset.map(|code| reset_frame(self.framing, code, start.from))
    }

    fn end(&mut self, code: EndCode) -> Bytes {
        let covered = self.subscription.take().map(|subscription| subscription.covered());
        covered.map_or_else(Bytes::new, |covered| self.end_at(covered, code))
    }

    fn end_at(&self, covered: Cursor, code: EndCode) -> Bytes {
        let cursor = covered.to_string();
        let retry_after = match code {
            EndCode::Unavailable => fastrand::u64(5..=10),
            EndCode::Draining => fastrand::u64(1..=3),
            EndCode::Slow => 1,
            EndCode::TokenExpiring | EndCode::Revoked | EndCode::Replaced | EndCode::Rotate => 0,
        };
        self.framing.control("end", &cursor, &End { kind: "end", code, cursor: cursor.clone(), retry_after })
    }
}

fn reset_frame(framing: Framing, code: ResetCode, cursor: Cursor) -> Bytes {
    let cursor = cursor.to_string();
    framing.control("reset", &cursor, &Reset { kind: "reset", code, cursor: cursor.clone() })
}

fn end_code(close: Close) -> EndCode {
    match close {
        Close::Expired => EndCode::TokenExpiring,
        Close::Revoked => EndCode::Revoked,
        Close::Draining => EndCode::Draining,
        Close::Slow => EndCode::Slow,
        Close::Replaced => EndCode::Replaced,
        Close::Rotate => EndCode::Rotate,
        // A changed history ends no stream; it is gone on with, or reset.
        Close::Unavailable | Close::Rebased => EndCode::Unavailable,
    }
}
