//! Where the bytes of a stream go.

use crate::wire::{Chunks, Frame, LAST_CHUNK};
use bytes::{Bytes, BytesMut};
use mio::net::TcpStream;
use std::io::{Error, ErrorKind, IoSlice, Result, Write};
use tokio::sync::mpsc;

/// Most slices of one write: what Linux takes.
const MAX_WRITE_SLICES: usize = 1_024;

/// Where the bytes of a stream go.
pub enum Sink {
    /// A connection that was handed over. Chunks are written to it.
    Socket(TcpStream),
    /// The body of an ordinary response. Its server makes chunks if it needs them.
    Body(mpsc::Sender<Bytes>),
}

impl Sink {
    /// Who makes the chunks here.
    pub fn chunks(&self) -> Chunks {
        match self {
            Self::Socket(_) => Chunks::Ours,
            Self::Body(_) => Chunks::Others,
        }
    }

    /// The bytes of a frame, as they go here.
    pub fn bytes(&self, frame: &Frame) -> Bytes {
        frame.bytes(self.chunks())
    }

    /// What comes after the last frame.
    pub fn last(&self) -> Option<Bytes> {
        (self.chunks() == Chunks::Ours).then_some(LAST_CHUNK)
    }

    /// Writes as much as goes without blocking; returns the number of bytes.
    ///
    /// # Errors
    /// `WouldBlock` if nothing goes now. All else means that the client is gone.
    pub fn write(&mut self, pieces: &[Bytes]) -> Result<usize> {
        match self {
            Self::Socket(socket) => loop {
                let written = match pieces {
                    [piece] => socket.write(piece),
                    _ => {
                        let slices = pieces.iter().take(MAX_WRITE_SLICES).map(|piece| IoSlice::new(piece));
                        socket.write_vectored(&slices.collect::<Vec<_>>())
                    }
                };
                match written {
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    written => return written,
                }
            },
            Self::Body(body) => {
                let permit = match body.try_reserve() {
                    Ok(permit) => permit,
                    Err(mpsc::error::TrySendError::Full(())) => return Err(ErrorKind::WouldBlock.into()),
                    Err(mpsc::error::TrySendError::Closed(())) => return Err(Error::from(ErrorKind::BrokenPipe)),
                };
                let mut whole = BytesMut::with_capacity(pieces.iter().map(Bytes::len).sum());
                pieces.iter().for_each(|piece| whole.extend_from_slice(piece));
                let length = whole.len();
                permit.send(whole.freeze());
                Ok(length)
            }
        }
    }

    /// Whether the client is known to be gone. The event loop sees the end of a socket.
    pub fn is_closed(&self) -> bool {
        match self {
            Self::Socket(_) => false,
            Self::Body(body) => body.is_closed(),
        }
    }
}
