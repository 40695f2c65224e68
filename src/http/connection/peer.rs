use std::net::SocketAddr;

/// In a request: the address of the connection's other end.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);
