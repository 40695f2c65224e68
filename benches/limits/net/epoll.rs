//! Which of many sockets can be read.

use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::io::Errno;
use rustix::time::Timespec;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

/// Events that are taken at once.
const EVENTS: usize = 1_024;

/// A level-triggered epoll.
pub struct Epoll {
    fd: OwnedFd,
    events: Vec<Event>,
}

impl Epoll {
    pub fn make() -> io::Result<Self> {
        Ok(Self { fd: epoll::create(CreateFlags::CLOEXEC)?, events: Vec::with_capacity(EVENTS) })
    }

    /// Tells `token` whenever the socket can be read, or the peer has closed it. A closed socket goes by itself.
    pub fn add(&self, socket: impl AsFd, token: u64) -> io::Result<()> {
        Ok(epoll::add(&self.fd, socket, EventData::new_u64(token), EventFlags::IN)?)
    }

    /// Tells `token` once the socket is connected, or cannot be.
    pub fn add_connecting(&self, socket: impl AsFd, token: u64) -> io::Result<()> {
        Ok(epoll::add(&self.fd, socket, EventData::new_u64(token), EventFlags::OUT)?)
    }

    /// From now on as [`Epoll::add`].
    pub fn connected(&self, socket: impl AsFd, token: u64) -> io::Result<()> {
        Ok(epoll::modify(&self.fd, socket, EventData::new_u64(token), EventFlags::IN)?)
    }

    /// Waits for sockets, and puts their tokens into `ready`, which is empty at the timeout.
    pub fn wait(&mut self, timeout: Duration, ready: &mut Vec<u64>) -> anyhow::Result<()> {
        ready.clear();
        self.events.clear();
        let timeout = Timespec::try_from(timeout)?;
        match epoll::wait(&self.fd, rustix::buffer::spare_capacity(&mut self.events), Some(&timeout)) {
            Ok(_) | Err(Errno::INTR) => ready.extend(self.events.iter().map(|event| event.data.u64())),
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }
}
