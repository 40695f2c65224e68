//! The handle of the thread that serves this node's streams and waiting polls.

use super::command::Command;
use super::core::catch_up::query::CatchUpQuery;
use super::core::dispatcher::{Dispatcher, RevocationCheck};
use super::core::reports::ClientReport;
use super::core::subscriptions::close_reason::CloseReason;
use super::core::subscriptions::receiver::NewSubscription;
use super::core::subscriptions::table::SubscriptionCounts;
use super::event_loop::EventLoop;
use super::inbox::{HubInbox, PublishedRange};
use super::waker::LoopWaker;
use crate::ids::Epoch;
use crate::log::{Cursor, Event};
use std::sync::Arc;
use tokio::sync::{mpsc, watch};

/// A node's hub. Cheap to clone.
#[derive(Clone)]
pub struct Hub(Arc<HubShared>);

struct HubShared {
    commands: mpsc::UnboundedSender<Command>,
    waker: Arc<LoopWaker>,
    range: watch::Sender<PublishedRange>,
    counts: watch::Sender<SubscriptionCounts>,
    /// What somebody asked the tailer for last.
    requested: watch::Sender<Cursor>,
}

impl Hub {
    /// Starts a hub that has published up to `head`. It ends by [`Self::stop`].
    ///
    /// # Errors
    /// There is no thread or no descriptor left.
    pub fn start(
        head: Cursor,
        streams_per_user: usize,
        is_revoked: RevocationCheck,
    ) -> std::io::Result<(Self, mpsc::UnboundedReceiver<CatchUpQuery>, mpsc::UnboundedReceiver<ClientReport>)> {
        let (ask, queries) = mpsc::unbounded_channel();
        let (report, reports) = mpsc::unbounded_channel();
        let mut dispatcher = Dispatcher::new(head, streams_per_user, is_revoked, move |query| drop(ask.send(query)));
        dispatcher.report_to(move |told| drop(report.send(told)));
        let (poll, waker) = EventLoop::open()?;
        let (hub, inbox) = Self::detached(head, waker);
        EventLoop::start(poll, dispatcher, inbox)?;
        Ok((hub, queries, reports))
    }

    /// Makes a handle, and the inbox of its thread, which does not run.
    pub fn detached(head: Cursor, waker: LoopWaker) -> (Self, HubInbox) {
        let (commands, received) = mpsc::unbounded_channel();
        let waker = Arc::new(waker);
        let range = watch::Sender::new(PublishedRange { head, floor: head.position });
        let counts = watch::Sender::default();
        let requested = watch::Sender::new(head);
        let shared =
            HubShared { commands, waker: waker.clone(), range: range.clone(), counts: counts.clone(), requested };
        (Self(Arc::new(shared)), HubInbox { commands: received, waker, range, counts })
    }

    /// How far the log was published here.
    pub fn published(&self) -> Cursor {
        self.range().head
    }

    /// How far the log was published here, and how far back it is in memory.
    pub fn range(&self) -> PublishedRange {
        *self.0.range.borrow()
    }

    /// How many clients receive here, as of a moment ago.
    pub fn counts(&self) -> SubscriptionCounts {
        *self.0.counts.borrow()
    }

    /// Asks the tailer to look at the log, and waits until it was published here up to `head`, under its epoch.
    pub async fn request_until(&self, head: Cursor) {
        if !self.range().includes(head) {
            self.0.requested.send_replace(head);
        }
        self.wait_until(head).await;
    }

    /// Waits until the log was published here up to `head`, under its epoch. The tailer is not disturbed.
    pub(super) async fn wait_until(&self, head: Cursor) {
        // The hub itself holds the sender, so this cannot fail.
        let _ = self.0.range.subscribe().wait_for(|range| range.includes(head)).await;
    }

    /// Changes when somebody asks for what was not published yet.
    pub(super) fn requested(&self) -> watch::Receiver<Cursor> {
        self.0.requested.subscribe()
    }

    /// Admits a client.
    pub fn admit(&self, new: NewSubscription) {
        self.send(Command::Admit(Box::new(new)));
    }

    /// Publishes the next events of the log, and waits until they wait for those who get them.
    pub(super) async fn publish(&self, epoch: Epoch, events: Vec<Arc<Event>>) {
        let Some(last) = events.last() else { return };
        let head = Cursor { epoch, position: last.position };
        self.send(Command::Publish(epoch, events));
        let _ = self.0.range.subscribe().wait_for(|range| range.head == head).await;
    }

    /// Goes on from `head`, where another history of the log begins.
    pub(super) async fn rebase(&self, head: Cursor) {
        self.send(Command::Rebase(head));
        // It may lie below what was published.
        let _ = self.0.range.subscribe().wait_for(|range| range.head == head).await;
    }

    /// Ends every subscription. After [`CloseReason::Draining`], those that come later are ended, too.
    pub fn close_all(&self, reason: CloseReason) {
        self.send(Command::CloseAll(reason));
    }

    /// Ends the subscriptions of sessions and users that have ended.
    pub fn close_revoked(&self) {
        self.send(Command::CloseRevoked);
    }

    /// Ends the thread, and drops what is still open.
    pub fn stop(&self) {
        self.send(Command::Stop);
    }

    pub(super) fn send(&self, command: Command) {
        // There is no thread only while the node ends.
        let _ = self.0.commands.send(command);
        self.0.waker.wake();
    }
}

#[cfg(test)]
#[path = "tests/hub.rs"]
mod tests;
