//! Taking connections, and ending them.

use super::middleware;
use super::park::{Handed, Head, Kept, Parkable, Parked, wants_close};
use super::socket::{Heads, Socket};
use crate::shutdown::Shutdown;
use axum::Router;
use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioTimer;
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::runtime::Handle;

/// Connections that the kernel keeps for us when many come at once: a node's death sends thousands.
const BACKLOG: u32 = 4_096;
/// How long the head of a request may take.
const HEAD: Duration = Duration::from_secs(10);
/// How long a connection may wait for its next request: longer than balancers keep idle ones, so that they close first.
const IDLE: Duration = Duration::from_secs(75);
/// Bytes of a request's head that are read: above what is taken, so that the refusal can say why.
const HEAD_BYTES: usize = 128 * 1024;
/// Headers of a request.
const HEADERS_COUNT: usize = 256;
/// How long a client may take to read the answer to a poll.
const ANSWER: Duration = Duration::from_secs(30);
/// How long a peer may acknowledge nothing.
const SILENCE: Duration = Duration::from_secs(30);

/// The address of the other end.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

/// Listens.
///
/// # Errors
/// The address is taken, or not ours.
pub fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Serves until shutdown begins; connections end by themselves, each as one of its tasks.
pub async fn serve(listener: TcpListener, router: Router, shutdown: &Shutdown) {
    let server = Arc::new(Server { router, shutdown: shutdown.clone(), runtime: Handle::current() });
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = shutdown.requested() => return,
        };
        match accepted {
            Ok((stream, peer)) => {
                prepare(&stream);
                let line = Line { server: server.clone(), peer, closes: false };
                shutdown.spawn_to_completion(line.serve(stream, Bytes::new(), Heads::new()));
            }
            Err(error) => {
                // Out of descriptors, mostly: those who wait are taken when others have gone.
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

/// What all connections share.
struct Server {
    router: Router,
    shutdown: Shutdown,
    /// Where connections go on that the hub gives back.
    runtime: Handle,
}

/// One client's connection, whoever holds its socket.
pub struct Line {
    server: Arc<Server>,
    peer: SocketAddr,
    /// Whether the client wants it to end with the answer.
    closes: bool,
}

/// An answer whose connection hyper must give up, and the head of it.
type Held = Arc<Mutex<Option<(Head, Parked, bool)>>>;

impl Line {
    /// Serves requests until the connection ends or is handed over. `early` has arrived already.
    async fn serve(self, stream: TcpStream, early: Bytes, heads: Arc<Heads>) {
        let held = Held::default();
        let service = service_fn({
            let (heads, held, router, peer) = (heads.clone(), held.clone(), self.server.router.clone(), self.peer);
            move |request| {
                let (heads, held, router) = (heads.clone(), held.clone(), router.clone());
                async move { heads.serve(respond(router, peer, request, &held)).await }
            }
        });
        let mut connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(IDLE)
            .max_buf_size(HEAD_BYTES)
            .max_headers(HEADERS_COUNT)
            .serve_connection(Socket::new(stream, early, heads.clone()), service);
        let overdue = heads.overdue(HEAD);
        tokio::pin!(overdue);
        let mut draining = false;
        let parked = loop {
            let step = poll_fn(|context| match Pin::new(&mut connection).poll(context) {
                Poll::Ready(ended) => Poll::Ready(Err(ended)),
                // Earlier answers are written before the connection is taken.
                Poll::Pending if heads.is_flushed() => match take(&held) {
                    Some(parked) => Poll::Ready(Ok(parked)),
                    None => Poll::Pending,
                },
                Poll::Pending => Poll::Pending,
            });
            tokio::select! {
                step = step => match step {
                    Ok(parked) => break parked,
                    Err(ended) => {
                        if let Err(error) = ended {
                            tracing::debug!(%error, "connection ended");
                        }
                        return;
                    }
                },
                () = &mut overdue => return,
                () = self.server.shutdown.requested(), if !draining => {
                    draining = true;
                    Pin::new(&mut connection).graceful_shutdown();
                }
            }
        };
        let http1::Parts { io, read_buf, .. } = connection.into_parts();
        self.hand_over(parked, io, &read_buf);
    }

    fn hand_over(self, (head, parked, closes): (Head, Parked, bool), socket: Socket, read: &[u8]) {
        match socket.into_parts() {
            Ok((socket, early)) => {
                // What hyper has read came before what it has not.
                let early = [read, &early].concat().into();
                parked.take(Handed { head, socket, early, line: Self { closes, ..self } });
            }
            Err(error) => tracing::warn!(%error, "cannot take a connection"),
        }
    }

    /// Writes the answer to a request that was parked, and goes on serving. `early` has arrived behind that request.
    pub fn answer(self, socket: std::net::TcpStream, early: Vec<u8>, kept: Kept, response: Response) {
        let server = self.server.clone();
        server.shutdown.spawn_to_completion_on(&server.runtime, async move {
            let close = self.closes || self.server.shutdown.is_requested();
            let answer = kept.with(response, close).await;
            let mut stream = match TcpStream::from_std(socket) {
                Ok(stream) => stream,
                Err(error) => return tracing::warn!(%error, "cannot take a connection back"),
            };
            let written = tokio::time::timeout(ANSWER, stream.write_all(&answer)).await;
            if matches!(written, Ok(Ok(()))) && !close {
                self.serve(stream, early.into(), Heads::between()).await;
            }
        });
    }
}

/// Answers a request; never, if the answer is to be given by whom the connection is handed over to.
async fn respond(
    router: Router,
    peer: SocketAddr,
    request: hyper::Request<Incoming>,
    held: &Held,
) -> Result<Response, Infallible> {
    let parkable = Parkable::of(&request);
    let closes = wants_close(request.headers());
    let mut request: Request = request.map(axum::body::Body::new);
    request.extensions_mut().insert(Peer(peer));
    if let Some(parkable) = parkable {
        request.extensions_mut().insert(parkable);
    }
    let mut response = middleware::answer(router, request).await;
    if let Some(parked) = response.extensions_mut().remove::<Parked>() {
        let head = Head::new(std::mem::take(response.headers_mut()));
        *held.lock().unwrap_or_else(PoisonError::into_inner) = Some((head, parked, closes));
        return std::future::pending().await;
    }
    Ok(response)
}

fn take(held: &Held) -> Option<(Head, Parked, bool)> {
    held.lock().unwrap_or_else(PoisonError::into_inner).take()
}

fn prepare(stream: &TcpStream) {
    // Each is an improvement that the connection does without if need be.
    let _ = stream.set_nodelay(true);
    let socket = socket2::SockRef::from(stream);
    #[cfg(target_os = "linux")]
    let _ = socket.set_tcp_user_timeout(Some(SILENCE));
    let probes = socket2::TcpKeepalive::new().with_time(SILENCE / 2).with_interval(SILENCE / 6);
    let _ = socket.set_tcp_keepalive(&probes);
}
