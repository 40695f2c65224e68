//! The state of a connection besides its socket.

use crate::http::middleware::stack::HttpService;
use crate::shutdown::Shutdown;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::runtime::Handle;

/// The state that all connections share.
pub struct ServerContext {
    pub service: HttpService,
    pub shutdown: Shutdown,
    /// Where connections are served that come back from delivery, which has a thread of its own.
    pub runtime: Handle,
}

/// What belongs to one connection, wherever its socket is.
pub struct ConnectionContext {
    pub server: Arc<ServerContext>,
    pub peer: SocketAddr,
    /// Whether the client wants the connection closed after the response.
    pub close_requested: bool,
}
