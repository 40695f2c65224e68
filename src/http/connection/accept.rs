//! Listening, and accepting connections.

use super::context::{ConnectionContext, ServerContext};
use super::descriptors;
use super::outage::{AcceptBackoff, OutageLog};
use super::refuse::refuse;
use super::serve::serve_accepted;
use crate::http::middleware::stack::HttpService;
use crate::shutdown::Shutdown;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

/// Connections that the kernel keeps until they are accepted: when a node dies, thousands of its clients come at once.
const LISTEN_BACKLOG: u32 = 4_096;
/// Connections that are being refused at once; each holds a descriptor of the reserve.
const MAX_REFUSALS: usize = 16;
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
    let mut acceptor = Acceptor {
        listener,
        server,
        descriptor_limit: descriptors::raise_limit(),
        refusals: Arc::new(Semaphore::new(MAX_REFUSALS)),
        accept_outages: OutageLog::default(),
        limit_outages: OutageLog::default(),
    };
    tokio::select! {
        () = acceptor.run() => {}
        () = shutdown.requested() => {}
    }
}

struct Acceptor {
    listener: TcpListener,
    server: Arc<ServerContext>,
    /// How many descriptors may be open when a connection is served.
    descriptor_limit: u64,
    refusals: Arc<Semaphore>,
    accept_outages: OutageLog,
    limit_outages: OutageLog,
}

impl Acceptor {
    async fn run(&mut self) {
        let mut backoff = AcceptBackoff::default();
        loop {
            match self.listener.accept().await {
                Ok((stream, peer)) => {
                    backoff = AcceptBackoff::default();
                    self.admit(stream, peer);
                }
                // The client has gone before it was accepted.
                Err(error) if matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset) => {}
                Err(error) => {
                    // Mostly out of descriptors: those who wait are accepted when others have gone.
                    if self.accept_outages.fail() {
                        tracing::warn!(%error, "cannot accept connections");
                    }
                    tokio::time::sleep(backoff.wait()).await;
                }
            }
        }
    }

    fn admit(&mut self, stream: TcpStream, peer: SocketAddr) {
        set_options(&stream);
        // The kernel gives the lowest free number, so that this one says how many are open: also those of streams and
        // polls, which delivery holds.
        if u64::try_from(stream.as_raw_fd()).is_ok_and(|number| number < self.descriptor_limit) {
            let context = ConnectionContext { server: self.server.clone(), peer, close_requested: false };
            self.server.shutdown.spawn_to_completion(serve_accepted(context, stream));
            return;
        }
        if self.limit_outages.fail() {
            let limit = self.descriptor_limit;
            tracing::warn!(limit, "too many connections, new ones are answered 503; raise the limit of open files");
        }
        // Where too many are being refused, the connection is closed without an answer. To wait for one of the refusals
        // to end would keep out those for whom descriptors have become free meanwhile.
        let Ok(permit) = self.refusals.clone().try_acquire_owned() else { return };
        self.server.shutdown.spawn(async move {
            refuse(stream).await;
            drop(permit);
        });
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
