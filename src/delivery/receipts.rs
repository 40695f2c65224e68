//! Who has been handed a message whose sender waits to know.
//!
//! Nothing is done for the others: what a stream has got is told by two positions, where it started and up to where it
//! has everything. So whoever asks late, from another node, still gets an answer; also about a poll that has just been
//! given its own, which is why the last clients that have gone are remembered.

use super::audience::Audience;
use super::ephemeral::News;
use super::roster::{Circle, Key};
use super::subscription::Subscription;
use crate::ids::{ConversationId, Position, UserId};
use crate::log::Cursor;
use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound::{Excluded, Included};
use std::time::Instant;

/// Messages that may be waited for. Beyond, nobody is told.
const MOST_AWAITED: usize = 4_096;
/// Clients that are remembered when they have gone.
const MOST_GONE: usize = 1_024;

/// A message that somebody waits for.
#[derive(Clone, Copy, Debug)]
pub struct Awaited {
    pub at: Cursor,
    pub conversation: ConversationId,
    pub sender: UserId,
    pub until: Instant,
}

/// What a client has got: everything of its user's in between.
#[derive(Clone, Copy, Debug)]
struct Share {
    user: UserId,
    only: Option<ConversationId>,
    from: Position,
    upto: Position,
}

/// What is waited for, and who may have got it and gone.
#[derive(Default)]
pub struct Receipts {
    awaited: BTreeMap<Position, Awaited>,
    gone: VecDeque<Share>,
}

impl Receipts {
    /// Whether nobody waits for anything.
    pub fn is_empty(&self) -> bool {
        self.awaited.is_empty()
    }
}

impl Share {
    /// What a client was handed, unless some of it still waits to be written.
    fn of(subscription: &Subscription) -> Option<Self> {
        let subscriber = &subscription.subscriber;
        let (from, upto) = (subscription.from, subscription.covered.position);
        let share = Self { user: subscriber.user, only: subscriber.only, from, upto };
        (subscription.out.is_empty() && from < upto).then_some(share)
    }
}

impl Audience {
    /// Tells from now on who is handed a message, and at once who has been.
    pub fn watch_for(&mut self, awaited: Awaited, now: Instant) {
        if awaited.at.epoch != self.head.epoch {
            return;
        }
        self.handed_before(&awaited).into_iter().for_each(|user| self.ephemera.tell(News::Handed(awaited.at, user)));
        let all = &mut self.ephemera.receipts.awaited;
        if all.len() >= MOST_AWAITED {
            all.retain(|_, awaited| awaited.until > now);
        }
        if all.len() < MOST_AWAITED {
            let until = all.get(&awaited.at.position).map_or(awaited.until, |known| known.until.max(awaited.until));
            all.insert(awaited.at.position, Awaited { until, ..awaited });
        }
    }

    /// Takes in that a stream was written to. Before, it had everything up to `before`, unless something was still to be
    /// written.
    pub(super) fn hand(&self, key: Key, before: Option<Position>) {
        if self.ephemera.receipts.is_empty() {
            return;
        }
        if let Some(share) = self.subscriptions.get(key as usize).and_then(Share::of) {
            self.tell_handed(Share { from: before.map_or(share.from, |before| before.max(share.from)), ..share });
        }
    }

    /// Takes in that a client has gone.
    pub(super) fn remember(&mut self, gone: &Subscription) {
        let Some(share) = Share::of(gone) else { return };
        if !self.ephemera.receipts.is_empty() {
            self.tell_handed(share);
        }
        let all = &mut self.ephemera.receipts.gone;
        if all.len() == MOST_GONE {
            all.pop_front();
        }
        all.push_back(share);
    }

    /// Forgets what nobody waits for any more.
    pub(super) fn forget_awaited(&mut self, now: Instant) {
        let all = &mut self.ephemera.receipts.awaited;
        if !all.is_empty() {
            all.retain(|_, awaited| awaited.until > now);
        }
    }

    /// Forgets all: another history of the log begins.
    pub(super) fn forget_receipts(&mut self) {
        self.ephemera.receipts = Receipts::default();
    }

    fn tell_handed(&self, share: Share) {
        if share.from < share.upto {
            let awaited = &self.ephemera.receipts.awaited;
            let covered = awaited.range((Excluded(share.from), Included(share.upto)));
            for (_, awaited) in covered.filter(|(_, awaited)| self.has(share, awaited)) {
                self.ephemera.tell(News::Handed(awaited.at, share.user));
            }
        }
    }

    /// The users who have a message, as far as it is known here.
    fn handed_before(&self, awaited: &Awaited) -> Vec<UserId> {
        let Some(door) = self.roster.find_door(Circle::Conversation(awaited.conversation)) else { return Vec::new() };
        let here = self.roster.listeners(door).filter_map(|key| Share::of(self.subscriptions.get(key as usize)?));
        let shares = here.chain(self.ephemera.receipts.gone.iter().copied());
        let mut users: Vec<_> = shares.filter(|share| self.has(*share, awaited)).map(|share| share.user).collect();
        users.sort_unstable();
        users.dedup();
        users
    }

    /// Whether a message is in what a client has got, and the client is not the sender's own.
    fn has(&self, share: Share, awaited: &Awaited) -> bool {
        let at = awaited.at.position;
        let passed = self.ring.get(at).filter(|passed| passed.event.event.conversation == awaited.conversation);
        let seat = self.roster.seat(share.user);
        let (Some(passed), Some(seat)) = (passed, seat) else { return false };
        let member = self.roster.user(seat).rooms.as_ref().is_some_and(|rooms| rooms.contains(&passed.room));
        share.user != awaited.sender
            && share.from < at
            && at <= share.upto
            && share.only.is_none_or(|only| only == awaited.conversation)
            && member
            && self
                .ring
                .visible(share.user, true, self.roster.room(passed.room).last, at.previous())
                .any(|position| position == at)
    }
}
