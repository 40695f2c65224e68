//! Long polls.

use super::subscriber;
use crate::delivery::{
    AdmissionPermit, CloseReason, LongPoll, NewSubscription, PollAnswer, Receiver, ResumeFrom, StartPoint, Subscriber,
};
use crate::domain::Error;
use crate::http::app::App;
use crate::http::connection::handover::{Handover, HandoverPermit, MayHandOver, TakenConnection};
use crate::http::connection::serve::respond_and_serve;
use crate::http::extract::caller::Authenticated;
use crate::http::extract::get_only::GetOnly;
use crate::http::extract::page::in_range;
use crate::http::extract::prefer::{MAX_WAIT_S, PreferWait};
use crate::http::extract::query::QueryParams;
use crate::http::extract::start::{LastEventId, StreamStart};
use crate::http::respond::problem::Problem;
use crate::http::respond::problem_code::ProblemCode;
use crate::log::Cursor;
use crate::shutdown::ShutdownGuard;
use crate::wire::EventsPage;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use hyper::header::{CONNECTION, CONTENT_TYPE, HeaderValue};
use mio::net::TcpStream;
use serde::Deserialize;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use utoipa::IntoParams;

/// Seconds that a poll waits when the client does not say.
const DEFAULT_POLL_WAIT_S: usize = 25;
/// Events of an answer when the client does not say.
const DEFAULT_POLL_LIMIT: usize = 100;
/// Most events of an answer.
const MAX_POLL_LIMIT: usize = 1_000;

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
    _: GetOnly,
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    QueryParams(params): QueryParams<PollParams>,
    last_event_id: LastEventId,
    permit: MayHandOver,
    PreferWait(preferred): PreferWait,
) -> Result<Response, Problem> {
    let wait = match params.wait {
        Some(wait) => in_range("wait", Some(wait), DEFAULT_POLL_WAIT_S, 0..=MAX_WAIT_S)?,
        None => preferred.unwrap_or(DEFAULT_POLL_WAIT_S),
    };
    let limit = in_range("limit", params.limit, DEFAULT_POLL_LIMIT, 1..=MAX_POLL_LIMIT)?;
    let until = (Instant::now() + Duration::from_secs(wait as u64), CloseReason::Waited);
    let wanted = last_event_id.or_after(&app, &caller, params.after.as_deref()).await?;
    let StreamStart::After(after) = wanted else { return Err(Error::CursorMalformed.into()) };
    let only = subscriber::only_conversation(&app, &caller, params.conversation.as_deref()).await?;
    let start = find_start(&app, wait, after).await?;
    let subscriber = subscriber::subscriber(&caller, only, until);
    let admission = subscriber::reserve(&app)?;
    let poll = ReservedPoll { admission, subscriber, start, limit, held: app.shutdown.guard() };
    match permit.0.filter(|_| wait > 0) {
        Some(permit) => Ok(poll.hand_over(permit)),
        None => poll.respond_here().await,
    }
}

/// A poll for which delivery has a place.
struct ReservedPoll {
    admission: AdmissionPermit,
    subscriber: Subscriber,
    start: StartPoint,
    limit: usize,
    held: ShutdownGuard,
}

impl ReservedPoll {
    /// Hands the poll over with its connection, which comes back with the answer.
    fn hand_over(self, permit: HandoverPermit) -> Response {
        let from = self.start.from;
        Handover::response(permit, move |connection| {
            let TakenConnection { head, socket, early, context } = connection;
            let head = head.deferred();
            let serve_answer = move |mut answer: PollAnswer| {
                if let Some(socket) = answer.socket.take() {
                    let early = std::mem::take(&mut answer.early);
                    respond_and_serve(context, socket, early, head, respond(&answer, from).into_response());
                }
            };
            self.admit(Some(TcpStream::from_std(socket)), None, early.into(), Box::new(serve_answer));
        })
    }

    /// Waits for the answer while the connection stays where it is.
    async fn respond_here(self) -> Result<Response, Problem> {
        let from = self.start.from;
        let (sender, answer) = oneshot::channel();
        let asker = Arc::new(());
        // Who asked may have gone.
        self.admit(None, Some(Arc::downgrade(&asker)), Vec::new(), Box::new(move |answer| drop(sender.send(answer))));
        let ending = || Problem::new(ProblemCode::Unavailable, "this node is ending, try another");
        let answer = answer.await.map_err(|_| ending())?;
        drop(asker);
        respond(&answer, from)
    }

    fn admit(
        self,
        socket: Option<TcpStream>,
        asker: Option<Weak<()>>,
        early: Vec<u8>,
        answer: Box<dyn FnOnce(PollAnswer) + Send>,
    ) {
        let Self { admission, subscriber, start, limit, held } = self;
        admission.admit(NewSubscription {
            subscriber,
            receiver: Receiver::Poll(Box::new(LongPoll { limit, socket, asker, early, answer })),
            from: start.from,
            epoch: start.epoch,
            opening: None,
            held,
        });
    }
}

/// Finds where a poll starts; who does not wait gets all that was answered anywhere before.
async fn find_start(app: &App, wait: usize, after: ResumeFrom) -> Result<StartPoint, Problem> {
    let start = match wait {
        0 => app.epochs.judge_at_head(after).await,
        _ => app.epochs.judge_for_stream(after).await,
    };
    start.map_err(subscriber::resume_problem)
}

fn respond(answer: &PollAnswer, from: Cursor) -> Result<Response, Problem> {
    match answer.close {
        Some(CloseReason::Revoked) => Err(Error::SessionRevoked.into()),
        Some(CloseReason::Unavailable) => {
            Err(Problem::new(ProblemCode::Unavailable, "the database cannot be reached, try again"))
        }
        Some(CloseReason::Draining) => Ok(closing(page(answer, from))),
        Some(CloseReason::UnusableCursor(code)) => Err(Problem::dead_cursor(code, answer.covered)),
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
