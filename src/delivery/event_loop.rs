//! The thread that serves this node's streams and waiting polls, and their sockets.
//!
//! It applies the commands that have come, in order, then writes to some of those that something waits for, and looks for
//! commands again: what comes while a message goes to thousands reaches those whose turn is still to come in the same
//! write.

use super::command::Command;
use super::core::dispatcher::{Dispatcher, FinishedPoll};
use super::core::slots::SubscriptionKey;
use super::core::subscriptions::receiver::{LongPoll, PollAnswer};
use super::inbox::{HubInbox, PublishedRange};
use super::waker::LoopWaker;
use mio::{Events, Interest, Poll, Token, Waker};
use std::io::{ErrorKind, Read, Result};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

/// Subscriptions that are served before the loop looks for commands again.
const MAX_SERVED_AT_ONCE: usize = 64;
/// Clients and commands that are taken in before the loop serves again.
const MAX_TAKEN_AT_ONCE: usize = 4_096;
/// How often the loop looks for what is due by time.
const SWEEP_EVERY: Duration = Duration::from_millis(100);
/// Bytes that a client may send while it waits: the next request, sent early.
const MAX_EARLY_BYTES: usize = 64 * 1024;
/// Sockets that the system names at once.
const MAX_SOCKET_EVENTS: usize = 1_024;
const WAKER_TOKEN: Token = Token(usize::MAX);

/// The loop, and all that its thread owns.
pub struct EventLoop {
    poll: Poll,
    dispatcher: Dispatcher,
    inbox: HubInbox,
    swept_at: Instant,
}

impl EventLoop {
    /// Opens what the loop waits on, and makes what wakes it.
    ///
    /// # Errors
    /// There is no descriptor left.
    pub fn open() -> Result<(Poll, LoopWaker)> {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), WAKER_TOKEN)?;
        let waker = LoopWaker::new(move || {
            if let Err(error) = waker.wake() {
                tracing::error!(%error, "cannot wake the delivery thread");
            }
        });
        Ok((poll, waker))
    }

    /// Starts the thread.
    ///
    /// # Errors
    /// There is no thread left.
    pub fn start(poll: Poll, dispatcher: Dispatcher, inbox: HubInbox) -> Result<()> {
        let this = Self { poll, dispatcher, inbox, swept_at: Instant::now() };
        let run = move || {
            if catch_unwind(AssertUnwindSafe(|| this.run())).is_err() {
                // A node that delivers nothing must not look alive. Clients resume at another node.
                tracing::error!("the delivery thread has failed, the node ends");
                std::process::abort();
            }
        };
        std::thread::Builder::new().name("delivery".to_owned()).spawn(run)?;
        Ok(())
    }

    fn run(mut self) {
        let mut events = Events::with_capacity(MAX_SOCKET_EVENTS);
        loop {
            if !self.take_in() {
                return;
            }
            self.announce_range();
            // A client that was admitted just now may not wait at all, so its time may have come since.
            let now = Instant::now();
            for _ in 0..MAX_SERVED_AT_ONCE {
                if !self.dispatcher.serve(now) {
                    break;
                }
            }
            if now >= self.swept_at + SWEEP_EVERY {
                self.dispatcher.sweep(now);
                self.swept_at = now;
                self.inbox.counts.send_replace(self.dispatcher.counts());
            }
            for finished in self.dispatcher.take_finished_polls() {
                self.answer(finished);
            }
            self.handle_sockets(&mut events);
        }
    }

    /// Takes in what has come; returns false if the thread is to end.
    fn take_in(&mut self) -> bool {
        let now = Instant::now();
        for _ in 0..MAX_TAKEN_AT_ONCE {
            let Ok(new) = self.inbox.admissions.try_recv() else { break };
            let key = self.dispatcher.admit(*new, now);
            self.register(key);
        }
        for _ in 0..MAX_TAKEN_AT_ONCE {
            let Ok(command) = self.inbox.commands.try_recv() else { break };
            self.apply_command(command, now);
        }
        let requests = self.inbox.control.take();
        if let Some(reason) = requests.close_all {
            self.dispatcher.close_all(reason, now);
        }
        if requests.close_revoked {
            self.dispatcher.close_revoked(now);
        }
        !requests.stop
    }

    /// Whether something has come that was not taken in.
    fn has_mail(&self) -> bool {
        !self.inbox.commands.is_empty() || !self.inbox.admissions.is_empty() || self.inbox.control.is_pending()
    }

    fn handle_sockets(&mut self, events: &mut Events) {
        if let Err(error) = self.wait(events)
            && error.kind() != ErrorKind::Interrupted
        {
            tracing::error!(%error, "cannot wait for sockets");
        }
        for event in events.iter().filter(|event| event.token() != WAKER_TOKEN) {
            let key = event.token().0 as SubscriptionKey;
            if event.is_readable() || event.is_read_closed() || event.is_error() {
                self.read_early(key);
            }
            if event.is_writable() {
                self.dispatcher.unblock(key);
            }
        }
    }

    /// Waits until there is something to do.
    fn wait(&mut self, events: &mut Events) -> Result<()> {
        let mut timeout = Duration::ZERO;
        if self.dispatcher.is_idle() {
            self.inbox.waker.fall_asleep();
            if !self.has_mail() {
                timeout = (self.swept_at + SWEEP_EVERY).saturating_duration_since(Instant::now());
            }
        }
        let waited = self.poll.poll(events, Some(timeout));
        self.inbox.waker.stay_awake();
        waited
    }

    fn apply_command(&mut self, command: Command, now: Instant) {
        let dispatcher = &mut self.dispatcher;
        match command {
            Command::Publish(epoch, events) => dispatcher.publish(epoch, &events, now),
            Command::Rebase(head) => dispatcher.rebase(head, now),
            Command::Memberships(memberships) => dispatcher.take_memberships(memberships, now),
            Command::MembershipsFailed(users) => dispatcher.fail_memberships(&users, now),
            Command::Page(key, id, page) => dispatcher.take_page(key, id, page, now),
            Command::Judgement(key, id, start, reset) => dispatcher.take_judgement(key, id, start, reset, now),
            Command::QueryFailed(key, id, kind) => dispatcher.fail_query(key, id, kind, now),
            Command::Retired(key, id) => dispatcher.judge_again(key, id, now),
            Command::Typing(typing) => dispatcher.deliver_typing(&typing),
            Command::PresenceChanges(changes) => dispatcher.queue_presence(changes),
            Command::AwaitDelivery(awaited) => dispatcher.await_delivery(awaited, now),
            Command::ReportAllStreams => dispatcher.report_all_streams(),
        }
    }

    /// Publishes how far the log was published, for those who wait for it.
    fn announce_range(&self) {
        let range = PublishedRange { head: self.dispatcher.head(), floor: self.dispatcher.floor() };
        self.inbox.range.send_if_modified(|announced| std::mem::replace(announced, range) != range);
    }

    /// Waits for the socket of a subscription, too, from now on.
    fn register(&mut self, key: SubscriptionKey) {
        let Some(subscription) = self.dispatcher.subscription(key) else { return };
        if !subscription.take_early(&[], MAX_EARLY_BYTES) {
            self.dispatcher.remove(key, Instant::now());
            return;
        }
        let Some(socket) = subscription.socket() else { return };
        let interest = Interest::READABLE | Interest::WRITABLE;
        if let Err(error) = self.poll.registry().register(socket, Token(key as usize), interest) {
            tracing::warn!(%error, "cannot wait for a socket");
            self.dispatcher.remove(key, Instant::now());
        }
    }

    /// Reads what a client sends while it waits. A client that has gone or sends too much is removed.
    fn read_early(&mut self, key: SubscriptionKey) {
        let mut bytes = [0; 4_096];
        loop {
            let Some(subscription) = self.dispatcher.subscription(key) else { return };
            let Some(socket) = subscription.socket() else { return };
            let goes_on = match socket.read(&mut bytes) {
                Ok(0) => false,
                Ok(length) => subscription.take_early(&bytes[..length], MAX_EARLY_BYTES),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) => error.kind() == ErrorKind::Interrupted,
            };
            if !goes_on {
                self.dispatcher.remove(key, Instant::now());
                return;
            }
        }
    }

    /// Gives a poll its answer, and its connection back.
    fn answer(&mut self, finished: FinishedPoll) {
        let LongPoll { socket, early, answer, .. } = *finished.poll;
        let socket = match socket {
            None => None,
            Some(mut socket) => match self.poll.registry().deregister(&mut socket) {
                Ok(()) => Some(socket.into()),
                Err(error) => return tracing::warn!(%error, "cannot let go of a socket"),
            },
        };
        let FinishedPoll { events, covered, more, close, held, .. } = finished;
        answer(PollAnswer { events, covered, more, close, socket, early });
        // Only now, so that shutdown waits for one or the other.
        drop(held);
    }
}
