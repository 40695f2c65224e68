//! Streams: Server-Sent Events, or one JSON object a line.

use super::subscriber;
use crate::delivery::{
    HEARTBEAT_INTERVAL, NewSubscription, Receiver, ResumeError, ResumeFrom, Sink, StartPoint, Subscriber,
};
use crate::domain::{Caller, Error};
use crate::http::app::App;
use crate::http::connection::handover::{Handover, MayHandOver};
use crate::http::extract::caller::{admit, admit_address, bearer};
use crate::http::extract::get_only::GetOnly;
use crate::http::extract::query::QueryParams;
use crate::http::extract::start::{LastEventId, StreamStart};
use crate::http::respond::problem::Problem;
use crate::log::Cursor;
use crate::wire::{Frame, Framing, Ready, ResetCode};
use axum::body::Body;
use axum::extract::{FromRequestParts, State};
use axum::response::Response;
use bytes::{Bytes, BytesMut};
use futures_util::stream;
use hyper::HeaderMap;
use hyper::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use mio::net::TcpStream;
use serde::Deserialize;
use std::convert::Infallible;
use tokio::sync::mpsc;
use utoipa::IntoParams;

/// Pieces that may wait in the body of a stream whose connection stays with hyper.
const BODY_CHANNEL_CAPACITY: usize = 2;
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
pub struct StreamCaller(Caller);

impl FromRequestParts<App> for StreamCaller {
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
    _: GetOnly,
    State(app): State<App>,
    StreamCaller(caller): StreamCaller,
    QueryParams(params): QueryParams<StreamParams>,
    last_event_id: LastEventId,
    permit: MayHandOver,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let start = last_event_id.or_after(&app, &caller, params.after.as_deref()).await?;
    let only = subscriber::only_conversation(&app, &caller, params.conversation.as_deref()).await?;
    let framing = framing(&headers);
    let (start, reset) = begin(&app, start).await?;
    let subscriber = subscriber::subscriber(&caller, only, subscriber::rotation());
    let opening = opening(framing, start.from, reset, &subscriber);
    let admission = subscriber::reserve(&app)?;
    let admit = move |sink: Sink, opening: Bytes| {
        admission.admit(NewSubscription {
            subscriber,
            receiver: Receiver::Stream { framing, sink },
            from: start.from,
            epoch: start.epoch,
            opening: Some(opening),
            held: app.shutdown.guard(),
        });
    };
    let mut response = match permit.0 {
        Some(permit) => Handover::response(permit, move |connection| {
            let head = connection.head.stream_bytes();
            let sink = Sink::Socket(TcpStream::from_std(connection.socket));
            admit(sink, join([&head].into_iter().chain(opening.iter().map(Frame::chunk))));
        }),
        None => {
            let (sender, mut receiver) = mpsc::channel(BODY_CHANNEL_CAPACITY);
            let opening: Vec<_> = opening.iter().map(Frame::plain).collect();
            admit(Sink::Body(sender), join(opening.iter()));
            let body =
                stream::poll_fn(move |context| receiver.poll_recv(context).map(|bytes| bytes.map(Ok::<_, Infallible>)));
            Response::new(Body::from_stream(body))
        }
    };
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

/// Finds where a stream starts. An EventSource does not reconnect after an error, so a dead cursor is reported inside the stream.
async fn begin(app: &App, start: StreamStart) -> Result<(StartPoint, Option<ResetCode>), Problem> {
    let (after, unreadable) = match start {
        StreamStart::After(after) => (after, None),
        StreamStart::Unreadable => (ResumeFrom::Now, Some(ResetCode::CursorUnknown)),
    };
    match app.epochs.judge_for_stream(after).await {
        Ok(start) => Ok((start, unreadable)),
        Err(ResumeError::UnusableCursor(code, fresh)) => Ok((fresh, Some(code))),
        Err(error) => Err(subscriber::resume_problem(error)),
    }
}

/// What a stream begins with.
fn opening(framing: Framing, from: Cursor, reset: Option<ResetCode>, subscriber: &Subscriber) -> Vec<Frame> {
    let cursor = from.to_string();
    let reset = reset.map(|code| framing.reset(code, from));
    let ready = Ready {
        kind: "ready",
        cursor: cursor.clone(),
        heartbeat: HEARTBEAT_INTERVAL.as_secs(),
        connection_id: subscriber.id,
    };
    let ready = framing.control("ready", &cursor, &ready);
    [framing.retry(), reset, Some(ready)].into_iter().flatten().collect()
}

fn join<'a>(parts: impl Iterator<Item = &'a Bytes>) -> Bytes {
    let mut whole = BytesMut::new();
    parts.for_each(|part| whole.extend_from_slice(part));
    whole.freeze()
}
