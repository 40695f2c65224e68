//! Taking connections, and ending them.

use super::socket::{Heads, Socket};
use crate::shutdown::Shutdown;
use axum::Router;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioTimer;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

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
/// How long a peer may acknowledge nothing.
const SILENCE: Duration = Duration::from_secs(30);

/// The address of the other end.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

/// Cuts the connection of a request.
#[derive(Clone, Debug, Default)]
pub struct Cut(pub CancellationToken);

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
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = shutdown.begun() => return,
        };
        match accepted {
            Ok((stream, peer)) => shutdown.finish(connection(stream, peer, router.clone(), shutdown.clone())),
            Err(error) => {
                // Out of descriptors, mostly: those who wait are taken when others have gone.
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

async fn connection(stream: TcpStream, peer: SocketAddr, router: Router, shutdown: Shutdown) {
    prepare(&stream);
    let heads = Heads::new();
    let serving = heads.clone();
    let cut = Cut::default();
    let token = cut.0.clone();
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let mut request: Request = request.map(axum::body::Body::new);
        request.extensions_mut().insert(Peer(peer));
        request.extensions_mut().insert(cut.clone());
        let (heads, router) = (serving.clone(), router.clone());
        async move { heads.serve(router.oneshot(request)).await }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE)
        .max_buf_size(HEAD_BYTES)
        .max_headers(HEADERS_COUNT)
        .serve_connection(Socket::new(stream, heads.clone()), service);
    let overdue = heads.overdue(HEAD);
    tokio::pin!(connection, overdue);
    let mut draining = false;
    loop {
        tokio::select! {
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "connection ended");
                }
                return;
            }
            () = token.cancelled() => return,
            () = &mut overdue => return,
            () = shutdown.begun(), if !draining => {
                draining = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
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
