//! Long polls.

use super::App;
use super::caller::Authenticated;
use super::page::in_range;
use super::park::{Handed, MayPark, Parked};
use super::prefer::{MOST_WAIT_S, Preferred};
use super::problem::{Code, Problem};
use super::query::Query;
use super::receive::{self, NotHead, Receiving, Wish};
use crate::delivery::{
    CloseReason, LongPoll, NewSubscription, PollAnswer, Receiver, ResumeError, ResumeFrom, StartPoint,
};
use crate::domain::Error;
use crate::log::Cursor;
use crate::wire::EventsPage;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use hyper::header::{CONNECTION, CONTENT_TYPE, HeaderValue};
use mio::net::TcpStream;
use serde::Deserialize;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use utoipa::IntoParams;

/// Seconds that a poll waits when the client does not say.
const USUAL_WAIT_S: usize = 25;
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
    may_park: MayPark,
    Preferred(preferred): Preferred,
) -> Result<Response, Problem> {
    let wait = match params.wait {
        Some(wait) => in_range("wait", Some(wait), USUAL_WAIT_S, 0..=MOST_WAIT_S)?,
        None => preferred.unwrap_or(USUAL_WAIT_S),
    };
    let limit = in_range("limit", params.limit, USUAL_LIMIT, 1..=MOST_LIMIT)?;
    let until = (Instant::now() + Duration::from_secs(wait as u64), CloseReason::Waited);
    let wish = receiving.wish(&app, &caller, params.after.as_deref()).await?;
    let Wish::After(after) = wish else { return Err(Error::CursorMalformed.into()) };
    let only = receive::only(&app, &caller, params.conversation.as_deref()).await?;
    let start = find_start(&app, wait, after).await?;
    let subscriber = receive::subscriber(&caller, only, until);
    let hub = app.hub.clone();
    let admit = move |socket, asker, early, answer| {
        hub.admit(NewSubscription {
            subscriber,
            receiver: Receiver::Poll(Box::new(LongPoll { limit, socket, asker, early, answer })),
            from: start.from,
            epoch: start.epoch,
            opening: None,
            held: app.shutdown.hold(),
        });
    };
    let from = start.from;
    match may_park.0.filter(|_| wait > 0) {
        Some(parkable) => Ok(Parked::response(parkable, move |handed| {
            let Handed { head, socket, early, line } = handed;
            let kept = head.kept();
            let respond = move |mut answer: PollAnswer| {
                if let Some(socket) = answer.socket.take() {
                    line.answer(
                        socket,
                        std::mem::take(&mut answer.early),
                        kept,
                        respond(&answer, from).into_response(),
                    );
                }
            };
            admit(Some(TcpStream::from_std(socket)), None, early.into(), Box::new(respond));
        })),
        None => {
            let (sender, answer) = oneshot::channel();
            let asker = Arc::new(());
            // Who asked may have gone.
            admit(None, Some(Arc::downgrade(&asker)), Vec::new(), Box::new(move |answer| drop(sender.send(answer))));
            let ending = || Problem::new(Code::Unavailable, "this node is ending, try another");
            let answer = answer.await.map_err(|_| ending())?;
            drop(asker);
            respond(&answer, from)
        }
    }
}

/// Finds where a poll starts; who does not wait gets all that was answered anywhere before.
async fn find_start(app: &App, wait: usize, after: ResumeFrom) -> Result<StartPoint, Problem> {
    let start = match wait {
        0 => app.epochs.judge_at_head(after).await,
        _ => app.epochs.judge_for_stream(after).await,
    };
    start.map_err(refused)
}

fn respond(answer: &PollAnswer, from: Cursor) -> Result<Response, Problem> {
    match answer.close {
        Some(CloseReason::Revoked) => Err(Error::SessionRevoked.into()),
        Some(CloseReason::Unavailable) => {
            Err(Problem::new(Code::Unavailable, "the database cannot be reached, try again"))
        }
        Some(CloseReason::Draining) => Ok(closing(page(answer, from))),
        Some(CloseReason::Dead(code)) => Err(Problem::dead_cursor(code, answer.covered)),
        // The next poll, from the same cursor, tells what this one cannot.
        Some(
            CloseReason::Waited
            | CloseReason::Expired
            | CloseReason::Slow
            | CloseReason::Replaced
            | CloseReason::Rotate,
        )
        | None => Ok(page(answer, from)),
    }
}

fn closing(mut response: Response) -> Response {
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

fn page(answer: &PollAnswer, from: Cursor) -> Response {
    let json = EventsPage::encode(from, &answer.events, answer.covered, answer.more);
    ([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], json).into_response()
}

fn refused(refused: ResumeError) -> Problem {
    match refused {
        ResumeError::Dead(code, fresh) => Problem::dead_cursor(code, fresh.from),
        ResumeError::Store(error) => error.into(),
    }
}
