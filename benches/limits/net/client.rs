//! One connection that asks and waits.

use super::answer::Answer;
use super::socket::SCRATCH_BYTES;
use anyhow::{Context, bail, ensure};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Client {
    stream: TcpStream,
    bytes: Vec<u8>,
}

impl Client {
    pub fn connect(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).context("cannot connect")?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { stream, bytes: vec![0; SCRATCH_BYTES] })
    }

    /// Sends a request and answers the body of its answer.
    ///
    /// # Errors
    /// Also an answer that says no.
    pub fn ask(&mut self, request: &[u8]) -> anyhow::Result<&[u8]> {
        self.stream.write_all(request)?;
        let mut length = 0;
        loop {
            ensure!(length < self.bytes.len(), "an answer has more than {SCRATCH_BYTES} bytes");
            match self.stream.read(&mut self.bytes[length..]).context("no answer")? {
                0 => bail!("the server closed the connection"),
                more => length += more,
            }
            if Answer::parse(&self.bytes[..length])?.is_some() {
                break;
            }
        }
        Answer::parse(&self.bytes[..length])?.context("no answer")?.success()
    }
}
