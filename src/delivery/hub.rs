//! The handle of the thread that serves this node's streams and waiting polls.

use super::command::Command;
use super::control::LoopControl;
use super::core::dispatcher::{Dispatcher, RevocationCheck};
use super::core::reports::ClientReport;
use super::core::subscriptions::close_reason::CloseReason;
use super::core::subscriptions::receiver::NewSubscription;
use super::core::subscriptions::table::SubscriptionCounts;
use super::event_loop::EventLoop;
use super::inbox::{HubInbox, PublishedRange};
use super::query_channels::{QueryReceiver, query_channels};
use super::waker::LoopWaker;
use crate::ids::Epoch;
use crate::log::{Cursor, Event};
use std::sync::Arc;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, watch};

/// Clients that may wait to be admitted, with those whose connections are being handed over. More are refused.
const MAX_QUEUED_ADMISSIONS: usize = 4_096;
/// Other commands that may wait. Who sends one waits for a place, but for typing, which is dropped.
const MAX_QUEUED_COMMANDS: usize = 1_024;
/// Reports that may wait. The dispatcher holds back what is more, and sends it later.
const MAX_QUEUED_REPORTS: usize = 8_192;

/// A node's hub. Cheap to clone.
#[derive(Clone)]
pub struct Hub(Arc<HubShared>);

struct HubShared {
    admissions: mpsc::Sender<Box<NewSubscription>>,
    commands: mpsc::Sender<Command>,
    control: Arc<LoopControl>,
    waker: Arc<LoopWaker>,
    range: watch::Sender<PublishedRange>,
    counts: watch::Sender<SubscriptionCounts>,
    /// What somebody asked the tailer for last.
    requested: watch::Sender<Cursor>,
}

/// A place for one client. It is taken before its connection is handed over, while a refusal can still be answered.
pub struct AdmissionPermit {
    permit: mpsc::OwnedPermit<Box<NewSubscription>>,
    waker: Arc<LoopWaker>,
}

impl AdmissionPermit {
    /// Admits the client.
    pub fn admit(self, new: NewSubscription) {
        self.permit.send(Box::new(new));
        self.waker.wake();
    }
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
    ) -> std::io::Result<(Self, QueryReceiver, mpsc::Receiver<ClientReport>)> {
        let (ask, queries) = query_channels();
        let (report, reports) = mpsc::channel(MAX_QUEUED_REPORTS);
        let ask = Box::new(move |query| ask.try_send(query));
        let mut dispatcher = Dispatcher::new(head, streams_per_user, is_revoked, ask);
        dispatcher.report_to(Box::new(move |sent| match report.try_send(sent) {
            Err(TrySendError::Full(refused)) => Err(refused),
            Ok(()) | Err(TrySendError::Closed(_)) => Ok(()),
        }));
        let (poll, waker) = EventLoop::open()?;
        let (hub, inbox) = Self::detached(head, waker);
        EventLoop::start(poll, dispatcher, inbox)?;
        Ok((hub, queries, reports))
    }

    /// Makes a handle, and the inbox of its thread, which does not run.
    pub fn detached(head: Cursor, waker: LoopWaker) -> (Self, HubInbox) {
        let (admissions, admitted) = mpsc::channel(MAX_QUEUED_ADMISSIONS);
        let (commands, received) = mpsc::channel(MAX_QUEUED_COMMANDS);
        let (waker, control) = (Arc::new(waker), Arc::new(LoopControl::default()));
        let range = watch::Sender::new(PublishedRange { head, floor: head.position });
        let counts = watch::Sender::default();
        let inbox = HubInbox {
            admissions: admitted,
            commands: received,
            control: control.clone(),
            waker: waker.clone(),
            range: range.clone(),
            counts: counts.clone(),
        };
        let requested = watch::Sender::new(head);
        (Self(Arc::new(HubShared { admissions, commands, control, waker, range, counts, requested })), inbox)
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

    /// Takes a place for a client; `None` if too many clients wait for one already.
    pub fn reserve(&self) -> Option<AdmissionPermit> {
        let permit = self.0.admissions.clone().try_reserve_owned().ok()?;
        Some(AdmissionPermit { permit, waker: self.0.waker.clone() })
    }

    /// Publishes the next events of the log, and waits until they wait for those who get them.
    pub(super) async fn publish(&self, epoch: Epoch, events: Vec<Arc<Event>>) {
        let Some(last) = events.last() else { return };
        let head = Cursor { epoch, position: last.position };
        self.send(Command::Publish(epoch, events)).await;
        self.wait_until(head).await;
    }

    /// Goes on from `head`, where another history of the log begins: another epoch, or what comes after a gap.
    pub(super) async fn rebase(&self, head: Cursor) {
        self.send(Command::Rebase(head)).await;
        self.wait_until(head).await;
    }

    /// Ends every subscription. After [`CloseReason::Draining`], those that come later are ended, too.
    pub fn close_all(&self, reason: CloseReason) {
        self.0.control.close_all(reason);
        self.0.waker.wake();
    }

    /// Ends the subscriptions of sessions and users that have ended.
    pub fn close_revoked(&self) {
        self.0.control.close_revoked();
        self.0.waker.wake();
    }

    /// Ends the thread, and drops what is still open.
    pub fn stop(&self) {
        self.0.control.stop();
        self.0.waker.wake();
    }

    /// Sends a command, once there is a place for it. There is no thread only while the node ends.
    pub(super) async fn send(&self, command: Command) {
        let _ = self.0.commands.send(command).await;
        self.0.waker.wake();
    }

    /// Sends a command if there is a place for it; returns whether there was.
    pub(super) fn try_send(&self, command: Command) -> bool {
        let sent = self.0.commands.try_send(command).is_ok();
        self.0.waker.wake();
        sent
    }
}

#[cfg(test)]
#[path = "tests/hub.rs"]
mod tests;
