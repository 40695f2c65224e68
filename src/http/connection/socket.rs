//! The socket that hyper reads and writes: it gives out first what had arrived before, and tells [`HeadTimer`] what it
//! does.

use super::head_timer::HeadTimer;
use bytes::Bytes;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use std::io::{IoSlice, Result};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::net::TcpStream;

/// A socket that tells a [`HeadTimer`] of arriving and written bytes.
pub struct TimedSocket {
    inner: TokioIo<TcpStream>,
    /// What had arrived before; it is read first.
    early: Bytes,
    timer: Arc<HeadTimer>,
}

impl TimedSocket {
    /// Wraps a stream of which `early` was read.
    pub fn new(stream: TcpStream, early: Bytes, timer: Arc<HeadTimer>) -> Self {
        Self { inner: TokioIo::new(stream), early, timer }
    }

    /// Takes the stream out, with what was not read yet.
    ///
    /// # Errors
    /// The runtime cannot deregister the stream.
    pub fn into_parts(self) -> Result<(std::net::TcpStream, Bytes)> {
        Ok((self.inner.into_inner().into_std()?, self.early))
    }
}

impl Read for TimedSocket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<Result<()>> {
        if self.early.is_empty() {
            ready!(Pin::new(&mut self.inner).poll_read(context, buffer))?;
        } else {
            let length = self.early.len().min(buffer.remaining());
            buffer.put_slice(&self.early.split_to(length));
        }
        self.timer.bytes_arrived();
        Poll::Ready(Ok(()))
    }
}

impl Write for TimedSocket {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        self.timer.set_flushed(false);
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        ready!(Pin::new(&mut self.inner).poll_flush(context))?;
        self.timer.set_flushed(true);
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        self.timer.set_flushed(false);
        Pin::new(&mut self.inner).poll_write_vectored(context, bytes)
    }
}
