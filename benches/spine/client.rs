//! HTTP/1.1 with as little work as it takes: the load must cost less than what it measures.

use anyhow::{Context, bail, ensure};
use bytes::{Bytes, BytesMut};
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A connection, and what was read of it and not taken.
pub struct Wire {
    pub socket: TcpStream,
    pub buffer: BytesMut,
}

/// The head of an answer.
pub struct Head {
    pub status: u16,
    /// `Content-Length`; none if the body comes in chunks.
    pub length: Option<usize>,
}

impl Wire {
    pub async fn connect(address: SocketAddr) -> anyhow::Result<Self> {
        let socket = TcpStream::connect(address).await.context("cannot connect")?;
        socket.set_nodelay(true)?;
        Ok(Self { socket, buffer: BytesMut::new() })
    }

    /// Writes a request without a body.
    pub async fn get(&mut self, path: &str, token: &str) -> anyhow::Result<()> {
        let request = format!("GET {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n\r\n");
        Ok(self.socket.write_all(request.as_bytes()).await?)
    }

    /// Reads more. Nothing is lost when the call is dropped.
    pub async fn fill(&mut self) -> anyhow::Result<()> {
        ensure!(self.socket.read_buf(&mut self.buffer).await? > 0, "the server closed the connection");
        Ok(())
    }

    /// Reads the head of an answer.
    pub async fn head(&mut self) -> anyhow::Result<Head> {
        let end = loop {
            match find(&self.buffer, b"\r\n\r\n") {
                Some(end) => break end,
                None => self.fill().await?,
            }
        };
        let head = self.buffer.split_to(end + 4);
        Head::parse(&head).with_context(|| format!("no head of an answer: {}", String::from_utf8_lossy(&head)))
    }

    /// Reads a whole answer.
    ///
    /// # Errors
    /// Also any status but those of success.
    pub async fn answer(&mut self) -> anyhow::Result<Bytes> {
        let head = self.head().await?;
        let length = head.length.context("an answer without a length")?;
        while self.buffer.len() < length {
            self.fill().await?;
        }
        let body = self.buffer.split_to(length).freeze();
        if !(200..300).contains(&head.status) {
            bail!("the answer is {} {}", head.status, String::from_utf8_lossy(&body));
        }
        Ok(body)
    }
}

impl Head {
    fn parse(head: &[u8]) -> Option<Self> {
        let mut lines = str::from_utf8(head).ok()?.split("\r\n");
        let status = lines.next()?.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
        let mut headers = lines.filter_map(|line| line.split_once(':'));
        let length = headers.find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
        Some(Self { status, length: length.and_then(|(_, value)| value.trim().parse().ok()) })
    }
}

/// A user's keep-alive connection.
pub struct Client {
    wire: Wire,
    token: String,
}

impl Client {
    pub async fn connect(address: SocketAddr, token: &str) -> anyhow::Result<Self> {
        Ok(Self { wire: Wire::connect(address).await?, token: token.to_owned() })
    }

    pub async fn get(&mut self, path: &str) -> anyhow::Result<Bytes> {
        self.wire.get(path, &self.token).await?;
        self.wire.answer().await
    }

    pub async fn post(&mut self, path: &str, body: &str) -> anyhow::Result<Bytes> {
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            self.token,
            body.len()
        );
        self.wire.socket.write_all(request.as_bytes()).await?;
        self.wire.answer().await
    }
}

/// Where `part` is in `whole`.
pub fn find(whole: &[u8], part: &[u8]) -> Option<usize> {
    whole.windows(part.len()).position(|window| window == part)
}
