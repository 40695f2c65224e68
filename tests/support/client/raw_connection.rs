//! HTTP/1.1 byte by byte, for requests that no client library sends.

use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::user::User;
use crate::support::{SOON, within};

/// One connection to a node.
pub struct Raw {
    stream: TcpStream,
    token: String,
    read: Vec<u8>,
}

/// An answer with its body as it came.
#[derive(Debug)]
pub struct RawAnswer {
    pub status: u16,
    /// In lower case.
    pub head: String,
    pub body: Vec<u8>,
}

impl Raw {
    /// Connects to the node that a user talks to.
    pub async fn connect(user: &User) -> Self {
        let address: SocketAddr = user.address();
        let stream = TcpStream::connect(address).await.expect("a connection");
        stream.set_nodelay(true).expect("a socket");
        Self { stream, token: user.token.clone().unwrap_or_default(), read: Vec::new() }
    }

    /// The bytes of a GET with the user's token; `headers` end with a line break each.
    pub fn get(&self, path: &str, headers: &str) -> String {
        self.request("GET", path, "1.1", headers)
    }

    /// The bytes of the head of a request.
    pub fn request(&self, method: &str, path: &str, version: &str, headers: &str) -> String {
        let token = &self.token;
        format!("{method} {path} HTTP/{version}\r\nHost: node\r\nAuthorization: Bearer {token}\r\n{headers}\r\n")
    }

    /// Writes bytes.
    pub async fn write(&mut self, bytes: &str) {
        self.stream.write_all(bytes.as_bytes()).await.expect("the node reads");
    }

    /// Says that nothing more will be written.
    pub async fn half_close(&mut self) {
        self.stream.shutdown().await.expect("a socket");
    }

    /// Reads an answer that has a length.
    pub async fn answer(&mut self) -> RawAnswer {
        let (status, head) = self.head().await;
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.unwrap_or_else(|| panic!("no length: {head}")).parse().expect("a number");
        while self.read.len() < length {
            assert!(self.fill().await > 0, "the connection closed inside of a body");
        }
        let body = self.read.drain(..length).collect();
        RawAnswer { status, head, body }
    }

    /// Reads the head of an answer, in lower case, and its status.
    pub async fn head(&mut self) -> (u16, String) {
        loop {
            if let Some(end) = self.read.windows(4).position(|window| window == b"\r\n\r\n") {
                let head: Vec<u8> = self.read.drain(..end + 4).collect();
                let head = String::from_utf8(head).expect("a head").to_lowercase();
                let status = head.get(9..12).and_then(|status| status.parse().ok());
                return (status.unwrap_or_else(|| panic!("no status: {head}")), head);
            }
            assert!(self.fill().await > 0, "the connection closed before an answer");
        }
    }

    /// Reads until what was read holds `text`.
    pub async fn read_until(&mut self, text: &str) -> String {
        loop {
            let read = String::from_utf8_lossy(&self.read).into_owned();
            if read.contains(text) {
                return read;
            }
            assert!(self.fill().await > 0, "the connection closed before {text:?}: {read}");
        }
    }

    /// Reads all that comes until the connection ends, by a reset or otherwise.
    pub async fn rest(&mut self) -> String {
        while self.fill().await > 0 {}
        String::from_utf8_lossy(&std::mem::take(&mut self.read)).into_owned()
    }

    async fn fill(&mut self) -> usize {
        let reading = self.stream.read_buf(&mut self.read);
        within("something arrives or the connection ends", 2 * SOON, reading).await.unwrap_or(0)
    }
}

impl RawAnswer {
    /// The body of a successful answer.
    #[track_caller]
    pub fn json(&self) -> Value {
        assert_eq!(self.status, 200, "{}", String::from_utf8_lossy(&self.body));
        serde_json::from_slice(&self.body).expect("JSON")
    }
}
