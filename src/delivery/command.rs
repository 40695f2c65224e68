//! Commands to the delivery thread.

use super::core::catch_up::page::{CatchUpPage, StartPoint, UserMemberships};
use super::core::ephemeral::{PresenceNotice, TypingNotice};
use super::core::receipts::AwaitedDelivery;
use super::core::slots::SubscriptionKey;
use super::core::subscriptions::subscription::QueryKind;
use crate::ids::{ConnectionId, Epoch, UserId};
use crate::log::{Cursor, Event};
use crate::wire::ResetCode;
use std::sync::Arc;

/// A command to the delivery thread.
pub enum Command {
    Publish(Epoch, Vec<Arc<Event>>),
    Rebase(Cursor),
    /// What PostgreSQL answered to the dispatcher's queries.
    Memberships(UserMemberships),
    MembershipsFailed(Vec<UserId>),
    Page(SubscriptionKey, ConnectionId, CatchUpPage),
    Judgement(SubscriptionKey, ConnectionId, StartPoint, Option<ResetCode>),
    QueryFailed(SubscriptionKey, ConnectionId, QueryKind),
    /// Retention has overtaken a subscription.
    Retired(SubscriptionKey, ConnectionId),
    Typing(Box<TypingNotice>),
    PresenceChanges(Vec<PresenceNotice>),
    AwaitDelivery(AwaitedDelivery),
    ReportAllStreams,
}
