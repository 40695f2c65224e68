//! Serving requests on one connection, until it ends or is handed over.

use super::context::ConnectionContext;
use super::handover::{Handover, HandoverPermit, TakenConnection};
use super::head_timer::HeadTimer;
use super::peer::Peer;
use super::response_head::{DeferredHead, ResponseHead};
use super::socket::TimedSocket;
use crate::http::middleware::response_body::ResponseBody;
use crate::http::middleware::stack::{self, HttpService};
use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use hyper::HeaderMap;
use hyper::body::Incoming;
use hyper::header::CONNECTION;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioTimer;
use std::convert::Infallible;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

/// How long the head of a request may take.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection may wait for its next request: longer than balancers keep idle ones, so that they close first.
const IDLE_TIMEOUT: Duration = Duration::from_secs(75);
/// Bytes of a request's head that are read: above what is accepted, so that the refusal can say why.
const MAX_READ_HEAD_BYTES: usize = 128 * 1024;
/// Header fields of a request.
const MAX_HEADER_FIELDS: usize = 256;
/// How long a client may take to read the response to a poll.
const POLL_WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// A response whose connection hyper must give up.
struct PendingHandover {
    head: ResponseHead,
    handover: Handover,
    close_requested: bool,
}

/// Where the service leaves such a response for the task of the connection.
type HandoverSlot = Arc<Mutex<Option<PendingHandover>>>;

/// Serves a connection that has just been accepted.
pub async fn serve_accepted(context: ConnectionContext, stream: TcpStream) {
    serve(context, stream, Bytes::new(), HeadTimer::first_head_due()).await;
}

/// Writes the response to a request whose connection was handed over, and goes on serving. `early` has arrived after that
/// request.
pub fn respond_and_serve(
    context: ConnectionContext,
    socket: std::net::TcpStream,
    early: Vec<u8>,
    head: DeferredHead,
    response: Response,
) {
    let server = context.server.clone();
    server.shutdown.spawn_to_completion_on(&server.runtime, async move {
        let close = context.close_requested || context.server.shutdown.is_requested();
        let bytes = head.into_bytes(response, close).await;
        let mut stream = match TcpStream::from_std(socket) {
            Ok(stream) => stream,
            Err(error) => return tracing::warn!(%error, "cannot take a connection back"),
        };
        let written = tokio::time::timeout(POLL_WRITE_TIMEOUT, stream.write_all(&bytes)).await;
        if matches!(written, Ok(Ok(()))) && !close {
            serve(context, stream, early.into(), HeadTimer::idle()).await;
        }
    });
}

/// Serves requests until the connection ends or is handed over. `early` has arrived already.
async fn serve(context: ConnectionContext, stream: TcpStream, early: Bytes, timer: Arc<HeadTimer>) {
    let slot = HandoverSlot::default();
    let service = service_fn({
        let (timer, slot, http, peer) = (timer.clone(), slot.clone(), context.server.service.clone(), context.peer);
        move |request| {
            let (timer, slot, http) = (timer.clone(), slot.clone(), http.clone());
            async move { timer.serve(respond(http, peer, request, &slot)).await }
        }
    });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE_TIMEOUT)
        .max_buf_size(MAX_READ_HEAD_BYTES)
        .max_headers(MAX_HEADER_FIELDS)
        .serve_connection(TimedSocket::new(stream, early, timer.clone()), service);
    let overdue = timer.overdue(HEAD_TIMEOUT);
    tokio::pin!(overdue);
    let mut draining = false;
    let pending = loop {
        let step = poll_fn(|task| match Pin::new(&mut connection).poll(task) {
            Poll::Ready(ended) => Poll::Ready(Err(ended)),
            // Earlier responses are written before the connection is taken.
            Poll::Pending if timer.is_flushed() => match take(&slot) {
                Some(pending) => Poll::Ready(Ok(pending)),
                None => Poll::Pending,
            },
            Poll::Pending => Poll::Pending,
        });
        tokio::select! {
            step = step => match step {
                Ok(pending) => break pending,
                Err(ended) => {
                    if let Err(error) = ended {
                        tracing::debug!(%error, "connection ended");
                    }
                    return;
                }
            },
            () = &mut overdue => return,
            () = context.server.shutdown.requested(), if !draining => {
                draining = true;
                Pin::new(&mut connection).graceful_shutdown();
            }
        }
    };
    let http1::Parts { io, read_buf, .. } = connection.into_parts();
    hand_over(context, pending, io, &read_buf);
}

fn hand_over(context: ConnectionContext, pending: PendingHandover, socket: TimedSocket, read: &[u8]) {
    let PendingHandover { head, handover, close_requested } = pending;
    match socket.into_parts() {
        Ok((socket, early)) => {
            // What hyper has read came before what it has not.
            let early = [read, &early].concat().into();
            let context = ConnectionContext { close_requested, ..context };
            handover.complete(TakenConnection { head, socket, early, context });
        }
        Err(error) => tracing::warn!(%error, "cannot take a connection"),
    }
}

/// Answers a request; never, if its connection is handed over.
async fn respond(
    http: HttpService,
    peer: SocketAddr,
    request: hyper::Request<Incoming>,
    slot: &HandoverSlot,
) -> Result<Response<ResponseBody>, Infallible> {
    let permit = HandoverPermit::of(&request);
    let close_requested = requests_close(request.headers());
    let mut request: Request = request.map(axum::body::Body::new);
    request.extensions_mut().insert(Peer(peer));
    if let Some(permit) = permit {
        request.extensions_mut().insert(permit);
    }
    let mut response = stack::respond(http, request).await;
    if let Some(handover) = response.extensions_mut().remove::<Handover>() {
        let head = ResponseHead::new(std::mem::take(response.headers_mut()));
        let pending = PendingHandover { head, handover, close_requested };
        *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(pending);
        return std::future::pending().await;
    }
    Ok(response)
}

fn take(slot: &HandoverSlot) -> Option<PendingHandover> {
    slot.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// Whether the client wants the connection closed after the response.
fn requests_close(headers: &HeaderMap) -> bool {
    let values = headers.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|option| option.trim().eq_ignore_ascii_case("close"))
}
