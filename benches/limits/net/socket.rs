//! A connection that never blocks once it is open.

use anyhow::{Context, bail, ensure};
use rustix::io::Errno;
use socket2::{Domain, Type};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};

/// Bytes that are read at once: many events of a client who catches up.
pub const SCRATCH_BYTES: usize = 256 * 1_024;

pub struct Socket(TcpStream);

impl Socket {
    /// Connects.
    pub fn connect(address: SocketAddr) -> anyhow::Result<Self> {
        Self::of(TcpStream::connect(address).context("cannot connect")?)
    }

    /// Begins to connect.
    pub fn begin(address: SocketAddr) -> anyhow::Result<Self> {
        let socket = socket2::Socket::new(Domain::for_address(address), Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        match socket.connect(&address.into()) {
            Err(error) if error.raw_os_error() != Some(Errno::INPROGRESS.raw_os_error()) => {
                return Err(error).context("cannot connect");
            }
            Ok(()) | Err(_) => {}
        }
        Self::of(socket.into())
    }

    /// Whether the connection that was begun has failed.
    pub fn check(&self) -> anyhow::Result<()> {
        match self.0.take_error()? {
            Some(error) => Err(error).context("cannot connect"),
            None => Ok(()),
        }
    }

    fn of(stream: TcpStream) -> anyhow::Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        Ok(Self(stream))
    }

    /// Writes a request. Nothing else is under way on the connection, so its buffer has room.
    pub fn send(&mut self, request: &[u8]) -> anyhow::Result<()> {
        let written = self.0.write(request).context("a request cannot be written")?;
        ensure!(written == request.len(), "{written} of a request's {} bytes were written", request.len());
        Ok(())
    }

    /// Reads what there is.
    ///
    /// # Errors
    /// Also that the server closed the connection.
    pub fn read<'a>(&mut self, scratch: &'a mut [u8]) -> anyhow::Result<&'a [u8]> {
        match self.0.read(scratch) {
            Ok(0) => bail!("the server closed a connection"),
            Ok(length) => Ok(&scratch[..length]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(&[]),
            Err(error) => Err(error).context("a connection broke"),
        }
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
