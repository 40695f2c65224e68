//! A socket that knows when a request begins to arrive, so that its head can be given less time than an idle connection.

use bytes::Bytes;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use std::future::Future;
use std::io::{IoSlice, Result};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::Notify;

/// Where a connection stands between two requests.
pub struct Heads {
    /// Whether the next byte begins a request.
    idle: AtomicBool,
    begun: Notify,
    /// Heads that have begun to arrive, or are due.
    started: AtomicUsize,
    /// Heads that were complete.
    complete: AtomicUsize,
    /// Whether all that was written has gone to the kernel.
    flushed: AtomicBool,
}

impl Heads {
    /// A connection that has just been made: its first head is due.
    pub fn new() -> Arc<Self> {
        let heads = Self::between();
        heads.arrived();
        heads
    }

    /// A connection between two requests: nothing is due.
    pub fn between() -> Arc<Self> {
        Arc::new(Self {
            idle: AtomicBool::new(true),
            begun: Notify::new(),
            started: AtomicUsize::new(0),
            complete: AtomicUsize::new(0),
            flushed: AtomicBool::new(true),
        })
    }

    /// Serves a request whose head is complete.
    pub async fn serve<T>(&self, request: impl Future<Output = T>) -> T {
        // Requests that were sent early arrived with others: all heads up to this one are complete.
        self.complete.store(self.started.load(Ordering::Relaxed), Ordering::Relaxed);
        let answer = request.await;
        self.idle.store(true, Ordering::Relaxed);
        answer
    }

    /// Waits until a head that has begun takes longer than `limit`.
    pub async fn overdue(&self, limit: Duration) {
        loop {
            self.begun.notified().await;
            let started = self.started.load(Ordering::Relaxed);
            tokio::time::sleep(limit).await;
            if self.complete.load(Ordering::Relaxed) < started {
                return;
            }
        }
    }

    /// Whether all answers that were made are written. hyper flushes only what it has written whole.
    pub fn is_flushed(&self) -> bool {
        self.flushed.load(Ordering::Relaxed)
    }

    fn arrived(&self) {
        if self.idle.load(Ordering::Relaxed) && self.idle.swap(false, Ordering::Relaxed) {
            self.started.fetch_add(1, Ordering::Relaxed);
            self.begun.notify_one();
        }
    }
}

/// A socket that tells [`Heads`] of arriving bytes.
pub struct Socket {
    inner: TokioIo<TcpStream>,
    /// What has arrived already, and is read first.
    early: Bytes,
    heads: Arc<Heads>,
}

impl Socket {
    /// Wraps a stream of which `early` was read.
    pub fn new(stream: TcpStream, early: Bytes, heads: Arc<Heads>) -> Self {
        Self { inner: TokioIo::new(stream), early, heads }
    }

    /// Takes the stream out, with what was not read yet.
    ///
    /// # Errors
    /// The runtime does not let go of it.
    pub fn into_parts(self) -> Result<(std::net::TcpStream, Bytes)> {
        Ok((self.inner.into_inner().into_std()?, self.early))
    }
}

impl Read for Socket {
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
        self.heads.arrived();
        Poll::Ready(Ok(()))
    }
}

impl Write for Socket {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        self.heads.flushed.store(false, Ordering::Relaxed);
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        ready!(Pin::new(&mut self.inner).poll_flush(context))?;
        self.heads.flushed.store(true, Ordering::Relaxed);
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
        self.heads.flushed.store(false, Ordering::Relaxed);
        Pin::new(&mut self.inner).poll_write_vectored(context, bytes)
    }
}
