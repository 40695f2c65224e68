//! The SQLSTATE of errors, put where queries can see it.
//!
//! What kind of error it is says the SQLSTATE alone: the message is in the language of the server. But of an error's fields
//! diesel-async hands on the message and not the code. So the code is written in front of the message while the bytes come
//! in, as `psql` shows it with `VERBOSITY verbose`: `57014: canceling statement due to statement timeout`.
//!
//! Each message of the protocol is a type, four bytes of length that count themselves, and a body. Only errors (`E`) are
//! held back until they are whole; all others pass through the reader's own buffer.

use bytes::{Buf, BufMut, BytesMut};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, TlsStream};

/// What is read at once of an error that is not whole yet.
const ERROR_READ_BYTES: usize = 2_048;
/// The type of a message and its length.
const HEADER_BYTES: usize = 5;

/// A stream from the server, in which the message of each error begins with its SQLSTATE.
pub struct SqlStateStream<S> {
    inner: S,
    errors: ErrorRewriter,
}

impl<S> SqlStateStream<S> {
    /// Wraps a stream whose next byte from the server begins a message.
    pub fn new(inner: S) -> Self {
        Self { inner, errors: ErrorRewriter::default() }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for SqlStateStream<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let Self { inner, errors } = &mut *self;
        let inner = &mut Pin::new(inner);
        while errors.ready.is_empty() {
            if errors.held.is_empty() {
                let start = buf.filled().len();
                ready!(inner.as_mut().poll_read(context, buf))?;
                let came = &buf.filled()[start..];
                let passed = errors.pass(came);
                if passed == came.len() {
                    return Poll::Ready(Ok(()));
                }
                errors.held.extend_from_slice(&came[passed..]);
                errors.rewrite();
                buf.set_filled(start + passed);
                if passed > 0 {
                    return Poll::Ready(Ok(()));
                }
            } else {
                let mut bytes = [0; ERROR_READ_BYTES];
                let mut piece = ReadBuf::new(&mut bytes);
                ready!(inner.as_mut().poll_read(context, &mut piece))?;
                if piece.filled().is_empty() {
                    return Poll::Ready(Ok(()));
                }
                errors.held.extend_from_slice(piece.filled());
                errors.rewrite();
            }
        }
        let count = errors.ready.len().min(buf.remaining());
        buf.put_slice(&errors.ready[..count]);
        errors.ready.advance(count);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for SqlStateStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(context, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

impl<S: TlsStream + Unpin> TlsStream for SqlStateStream<S> {
    fn channel_binding(&self) -> ChannelBinding {
        self.inner.channel_binding()
    }
}

/// Where in a message the stream is.
#[derive(Clone, Copy, Debug, Default)]
enum FramePosition {
    /// Before the type.
    #[default]
    Start,
    /// Within the length, of which `read` bytes made up `length`.
    Length { read: u8, length: u32 },
    /// Within the body, of which `left` bytes are to come.
    Body { left: usize },
}

#[derive(Default)]
struct ErrorRewriter {
    position: FramePosition,
    /// From the type of an error on: what is not rewritten yet.
    held: BytesMut,
    /// What the reader gets next.
    ready: BytesMut,
}

impl ErrorRewriter {
    /// Follows messages up to the next error; answers how many bytes may be read as they are.
    fn pass(&mut self, bytes: &[u8]) -> usize {
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            self.position = match self.position {
                FramePosition::Start if byte == b'E' => return at,
                FramePosition::Start => FramePosition::Length { read: 0, length: 0 },
                FramePosition::Length { read, length } => {
                    let length = length << 8 | u32::from(byte);
                    match (read, length.saturating_sub(4) as usize) {
                        (0..3, _) => FramePosition::Length { read: read + 1, length },
                        (_, 0) => FramePosition::Start,
                        (_, left) => FramePosition::Body { left },
                    }
                }
                FramePosition::Body { left } => {
                    let here = left.min(bytes.len() - at);
                    at += here;
                    self.position =
                        if here == left { FramePosition::Start } else { FramePosition::Body { left: left - here } };
                    continue;
                }
            };
            at += 1;
        }
        at
    }

    /// Rewrites the errors that are held and whole, and lets pass what stands between them.
    fn rewrite(&mut self) {
        while self.held.len() >= HEADER_BYTES {
            let length = u32::from_be_bytes([self.held[1], self.held[2], self.held[3], self.held[4]]) as usize;
            if self.held.len() <= length {
                return;
            }
            let error = self.held.split_to(length + 1);
            match with_sqlstate(&error[HEADER_BYTES..]) {
                Some(fields) => {
                    self.ready.put_u8(b'E');
                    self.ready.put_u32(fields.len() as u32 + 4);
                    self.ready.extend_from_slice(&fields);
                }
                None => self.ready.extend_from_slice(&error),
            }
            let held = self.held.split();
            let passed = self.pass(&held);
            self.ready.extend_from_slice(&held[..passed]);
            self.held.extend_from_slice(&held[passed..]);
        }
    }
}

/// Puts the code of an error in front of its message; `None` if it has none. Each field is a type and a text that ends with
/// a zero; a zero ends them.
fn with_sqlstate(fields: &[u8]) -> Option<BytesMut> {
    let texts: Vec<&[u8]> = fields.split_inclusive(|byte| *byte == 0).collect();
    let code = texts.iter().find_map(|text| text.strip_prefix(b"C")?.strip_suffix(&[0]))?;
    let mut rewritten = BytesMut::with_capacity(fields.len() + code.len() + 2);
    for text in texts {
        match text.strip_prefix(b"M") {
            Some(message) => {
                rewritten.put_u8(b'M');
                rewritten.extend_from_slice(code);
                rewritten.extend_from_slice(b": ");
                rewritten.extend_from_slice(message);
            }
            None => rewritten.extend_from_slice(text),
        }
    }
    Some(rewritten)
}

#[cfg(test)]
#[path = "tests/sqlstate_stream.rs"]
mod tests;
