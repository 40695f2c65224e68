//! An open SSE stream.

use super::client::{Wire, find};
use anyhow::{Context, bail, ensure};
use bytes::{Buf, BytesMut};
use std::net::SocketAddr;

/// A stream that has told `ready`.
pub struct Stream {
    wire: Wire,
    /// What came out of the chunks, up to the event that is not complete.
    text: BytesMut,
    /// How much of it was searched for the end of an event.
    searched: usize,
}

impl Stream {
    /// Opens a stream and waits for its `ready`.
    pub async fn open(address: SocketAddr, token: &str, path: &str) -> anyhow::Result<Self> {
        let mut wire = Wire::connect(address).await?;
        wire.get(path, token).await?;
        let head = wire.head().await?;
        ensure!(head.status == 200 && head.length.is_none(), "a stream was answered {}", head.status);
        let mut stream = Self { wire, text: BytesMut::new(), searched: 0 };
        let ready = stream.next().await?;
        ensure!(ready.kind()? == "ready", "a stream began with {}", String::from_utf8_lossy(&ready.0));
        Ok(stream)
    }

    /// Waits for the next event. Nothing is lost when the call is dropped.
    pub async fn next(&mut self) -> anyhow::Result<Event> {
        loop {
            if let Some(event) = self.take() {
                if matches!(event.kind()?, "end" | "reset") {
                    bail!("a stream was ended: {}", String::from_utf8_lossy(&event.0));
                }
                return Ok(event);
            }
            if !self.unchunk()? {
                self.wire.fill().await?;
            }
        }
    }

    fn take(&mut self) -> Option<Event> {
        match find(&self.text[self.searched..], b"\n\n") {
            Some(end) => {
                let event = self.text.split_to(self.searched + end + 2);
                self.searched = 0;
                Some(Event(event))
            }
            None => {
                self.searched = self.text.len().saturating_sub(1);
                None
            }
        }
    }

    /// Takes the next chunk out of what was read; answers whether it was complete.
    fn unchunk(&mut self) -> anyhow::Result<bool> {
        let buffer = &mut self.wire.buffer;
        let Some(line) = find(&buffer[..buffer.len().min(20)], b"\r\n") else { return Ok(false) };
        let size = str::from_utf8(&buffer[..line]).ok().and_then(|size| usize::from_str_radix(size, 16).ok());
        let size = size.context("the body of a stream is not in chunks")?;
        ensure!(size > 0, "a stream closed");
        if buffer.len() < line + 2 + size + 2 {
            buffer.reserve(line + 2 + size + 2 - buffer.len());
            return Ok(false);
        }
        buffer.advance(line + 2);
        self.text.extend_from_slice(&buffer.split_to(size));
        buffer.advance(2);
        Ok(true)
    }
}

/// An event as it stood in the stream.
pub struct Event(BytesMut);

impl Event {
    /// What follows `event:`.
    pub fn kind(&self) -> anyhow::Result<&str> {
        self.field("event: ")
    }

    /// What follows `data:`.
    pub fn data(&self) -> anyhow::Result<&str> {
        self.field("data: ")
    }

    fn field(&self, name: &str) -> anyhow::Result<&str> {
        let text = str::from_utf8(&self.0)?;
        let value = text.lines().find_map(|line| line.strip_prefix(name));
        value.with_context(|| format!("an event without {name:?}: {text}"))
    }
}
