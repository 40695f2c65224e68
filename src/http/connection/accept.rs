//! Listening, and accepting connections.

use super::context::{ConnectionContext, ServerContext};
use super::serve::serve_accepted;
use crate::http::middleware::stack::HttpService;
use crate::shutdown::Shutdown;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::runtime::Handle;

/// Connections that the kernel keeps until they are accepted: when a node dies, thousands of its clients come at once.
const LISTEN_BACKLOG: u32 = 4_096;
/// How long a peer may acknowledge nothing.
const PEER_SILENCE_TIMEOUT: Duration = Duration::from_secs(30);

/// Listens.
///
/// # Errors
/// The address is taken, or does not belong to this machine.
pub fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(LISTEN_BACKLOG)
}

/// Serves until shutdown begins; connections end by themselves, each as one of its tasks.
pub async fn serve(listener: TcpListener, service: HttpService, shutdown: &Shutdown) {
    let server = Arc::new(ServerContext { service, shutdown: shutdown.clone(), runtime: Handle::current() });
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = shutdown.begun() => return,
        };
        match accepted {
            Ok((stream, peer)) => {
                set_options(&stream);
                let context = ConnectionContext { server: server.clone(), peer, close_requested: false };
                shutdown.finish(serve_accepted(context, stream));
            }
            Err(error) => {
                // Mostly out of descriptors: those who wait are accepted when others have gone.
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

fn set_options(stream: &TcpStream) {
    // Each is an improvement that the connection does without if need be.
    let _ = stream.set_nodelay(true);
    let socket = socket2::SockRef::from(stream);
    #[cfg(target_os = "linux")]
    let _ = socket.set_tcp_user_timeout(Some(PEER_SILENCE_TIMEOUT));
    let probes =
        socket2::TcpKeepalive::new().with_time(PEER_SILENCE_TIMEOUT / 2).with_interval(PEER_SILENCE_TIMEOUT / 6);
    let _ = socket.set_tcp_keepalive(&probes);
}
