//! What the hub and the thread behind it share.

use super::command::Command;
use super::control::LoopControl;
use super::core::subscriptions::receiver::NewSubscription;
use super::core::subscriptions::table::SubscriptionCounts;
use super::waker::LoopWaker;
use crate::ids::Position;
use crate::log::Cursor;
use std::sync::Arc;
use tokio::sync::{mpsc, watch};

/// Which part of the log this node has published and holds in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublishedRange {
    /// Everything up to here was published.
    pub head: Cursor,
    /// Everything above here is in memory.
    pub floor: Position,
}

impl PublishedRange {
    /// Whether everything up to `head` was published, under its epoch.
    pub fn includes(&self, head: Cursor) -> bool {
        self.head.epoch == head.epoch && self.head.position >= head.position
    }

    /// Whether a cursor lies in memory. Then it is good: it is of the present epoch, and neither above the head nor
    /// below what is kept.
    pub fn holds(&self, cursor: Cursor) -> bool {
        cursor.epoch == self.head.epoch && (self.floor..=self.head.position).contains(&cursor.position)
    }
}

/// The thread's end of the hub.
pub struct HubInbox {
    pub admissions: mpsc::Receiver<Box<NewSubscription>>,
    pub commands: mpsc::Receiver<Command>,
    pub control: Arc<LoopControl>,
    pub waker: Arc<LoopWaker>,
    pub range: watch::Sender<PublishedRange>,
    pub counts: watch::Sender<SubscriptionCounts>,
}
