//! The thread that serves this node's streams and waiting polls, and their sockets.
//!
//! It does what it is told, in order, then writes to some of those that something waits for, and looks what it is told
//! meanwhile: what comes while a message goes to thousands reaches those whose turn is still to come in the same write.

use super::audience::{Answered, Audience};
use super::hub::{Bell, Command, Inside, Reach};
use super::roster::Key;
use super::subscription::{Answer, Poll, Receiver, Subscription};
use mio::{Events, Interest, Token, Waker};
use std::io::{ErrorKind, Read, Result};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Subscriptions that are written to before it is looked what has come.
const ROUND: usize = 64;
/// How often it is looked whose time has come.
const SWEEP: Duration = Duration::from_millis(100);
/// Bytes that a client may send while it waits: the next request, sent early.
const EARLY_BYTES: usize = 64 * 1024;
/// Sockets that are told of at once.
const EVENTS: usize = 1_024;
const BELL: Token = Token(usize::MAX);

/// The sockets of the clients that wait.
pub struct Reactor {
    poll: mio::Poll,
}

struct Loop {
    poll: mio::Poll,
    audience: Audience,
    inside: Inside,
    bell: Arc<Bell>,
    swept_at: Instant,
}

impl Reactor {
    /// Makes one without sockets.
    ///
    /// # Errors
    /// There is no descriptor left.
    pub fn new() -> Result<Self> {
        Ok(Self { poll: mio::Poll::new()? })
    }

    /// What wakes it.
    ///
    /// # Errors
    /// There is no descriptor left.
    pub fn bell(&self) -> Result<Bell> {
        let waker = Waker::new(self.poll.registry(), BELL)?;
        Ok(Bell::new(move || {
            if let Err(error) = waker.wake() {
                tracing::error!(%error, "cannot wake the deliveries");
            }
        }))
    }

    /// Starts the thread.
    ///
    /// # Errors
    /// There is no thread left.
    pub fn start(self, audience: Audience, inside: Inside, bell: Arc<Bell>) -> Result<()> {
        let this = Loop { poll: self.poll, audience, inside, bell, swept_at: Instant::now() };
        let run = move || {
            if catch_unwind(AssertUnwindSafe(|| this.run())).is_err() {
                // Clients resume at another node, or at this one when it is started again; as it is, it delivers nothing.
                tracing::error!("deliveries have failed, the node ends");
                std::process::abort();
            }
        };
        std::thread::Builder::new().name("delivery".to_owned()).spawn(run)?;
        Ok(())
    }
}

impl Loop {
    fn run(mut self) {
        let mut events = Events::with_capacity(EVENTS);
        loop {
            let now = Instant::now();
            while let Ok(command) = self.inside.commands.try_recv() {
                match command {
                    Command::Stop => return,
                    command => self.obey(command, now),
                }
            }
            self.tell_reach();
            // Who came just now may not wait at all.
            let now = Instant::now();
            for _ in 0..ROUND {
                if !self.audience.serve(now) {
                    break;
                }
            }
            if now >= self.swept_at + SWEEP {
                self.audience.sweep(now);
                self.swept_at = now;
                self.inside.counts.send_replace(self.audience.counts());
            }
            for answered in self.audience.take_answered() {
                self.answer(answered);
            }
            if let Err(error) = self.wait(&mut events)
                && error.kind() != ErrorKind::Interrupted
            {
                tracing::error!(%error, "cannot wait for sockets");
            }
            for event in events.iter().filter(|event| event.token() != BELL) {
                let key = event.token().0 as Key;
                if event.is_readable() || event.is_read_closed() || event.is_error() {
                    self.listen(key);
                }
                if event.is_writable() {
                    self.audience.unblock(key);
                }
            }
        }
    }

    /// Waits until there is something to do.
    fn wait(&mut self, events: &mut Events) -> Result<()> {
        let mut timeout = Duration::ZERO;
        if self.audience.is_idle() {
            self.bell.fall_asleep();
            if self.inside.commands.is_empty() {
                timeout = (self.swept_at + SWEEP).saturating_duration_since(Instant::now());
            }
        }
        let waited = self.poll.poll(events, Some(timeout));
        self.bell.wake_up();
        waited
    }

    fn obey(&mut self, command: Command, now: Instant) {
        let audience = &mut self.audience;
        match command {
            Command::Admit(newcomer) => {
                let key = audience.admit(*newcomer, now);
                self.watch(key);
            }
            Command::Publish(epoch, events) => audience.publish(epoch, &events, now),
            Command::Rebase(head) => audience.rebase(head, now),
            Command::CloseAll(reason) => audience.close_all(reason, now),
            Command::CloseTheEnded => audience.close_the_ended(now),
            Command::Know(knowledge) => audience.know(knowledge, now),
            Command::FailToKnow(users) => audience.fail_to_know(&users, now),
            Command::Turn(key, id, page) => audience.turn(key, id, page, now),
            Command::Judge(key, id, start, reset) => audience.judge(key, id, start, reset, now),
            Command::Fail(key, id, question) => audience.fail(key, id, question, now),
            Command::Rejudge(key, id) => audience.rejudge(key, id, now),
            Command::Whisper(typing) => audience.whisper(&typing),
            Command::Change(changes) => audience.change(changes),
            Command::WatchFor(awaited) => audience.watch_for(awaited, now),
            Command::Recount => audience.recount(),
            Command::Stop => {}
        }
    }

    /// Tells how far the hub is, to those who wait for it.
    fn tell_reach(&self) {
        let reach = Reach { head: self.audience.head(), floor: self.audience.floor() };
        self.inside.reach.send_if_modified(|told| std::mem::replace(told, reach) != reach);
    }

    /// Listens to the socket of a subscription from now on.
    fn watch(&mut self, key: Key) {
        let Some(subscription) = self.audience.get_mut(key) else { return };
        if !subscription.take_early(&[], EARLY_BYTES) {
            self.audience.remove(key, Instant::now());
            return;
        }
        let Some(socket) = subscription.socket() else { return };
        let interest = Interest::READABLE | Interest::WRITABLE;
        if let Err(error) = self.poll.registry().register(socket, Token(key as usize), interest) {
            tracing::warn!(%error, "cannot listen to a socket");
            self.audience.remove(key, Instant::now());
        }
    }

    /// Reads what a client sends while it waits.
    fn listen(&mut self, key: Key) {
        let mut bytes = [0; 4_096];
        loop {
            let Some(subscription) = self.audience.get_mut(key) else { return };
            let Some(socket) = subscription.socket() else { return };
            let goes_on = match socket.read(&mut bytes) {
                Ok(0) => false,
                Ok(length) => subscription.take_early(&bytes[..length], EARLY_BYTES),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) => error.kind() == ErrorKind::Interrupted,
            };
            if !goes_on {
                self.audience.remove(key, Instant::now());
                return;
            }
        }
    }

    /// Gives a poll its answer, and its connection back.
    fn answer(&mut self, answered: Answered) {
        let Poll { socket, early, answer, .. } = *answered.poll;
        let socket = match socket {
            None => None,
            Some(mut socket) => match self.poll.registry().deregister(&mut socket) {
                Ok(()) => Some(socket.into()),
                Err(error) => return tracing::warn!(%error, "cannot let go of a socket"),
            },
        };
        let Answered { events, covered, more, close, held, .. } = answered;
        answer(Answer { events, covered, more, close, socket, early });
        // Only now, so that shutdown waits for one or the other.
        drop(held);
    }
}

impl Subscription {
    /// Takes in what a client sent early; false: it is too much.
    fn take_early(&mut self, bytes: &[u8], most: usize) -> bool {
        match &mut self.receiver {
            Receiver::Poll(poll) => {
                poll.early.extend_from_slice(bytes);
                poll.early.len() <= most
            }
            Receiver::Stream { .. } => {
                // After a stream its connection is closed.
                self.unasked += bytes.len();
                self.unasked <= most
            }
        }
    }
}
