//! What the hub asks PostgreSQL about its subscriptions, and what it makes of the answers.

use super::audience::{Audience, rebase};
use super::close::Close;
use super::question::{Ask, Knowledge, Page, PageWish};
use super::roster::Key;
use super::start::Start;
use super::subscription::{Phase, Question, Receiver, Subscription};
use crate::ids::{ConnectionId, Position, UserId};
use crate::wire::ResetCode;
use std::time::{Duration, Instant};

/// How long a stream waits for PostgreSQL to come back.
const SILENCE: Duration = Duration::from_secs(15);

impl Audience {
    /// Learns where users are members.
    pub fn know(&mut self, knowledge: Knowledge, now: Instant) {
        let known = knowledge.head;
        if known.epoch == self.head.epoch && known.position > self.head.position {
            self.ahead.push(knowledge);
            return;
        }
        let usable = known.epoch == self.head.epoch && known.position >= self.ring.floor();
        for (user, conversations) in &knowledge.users {
            match self.roster.seat(*user) {
                Some(seat) if usable => self.roster.learn(seat, conversations.iter().copied()),
                // Too much has passed since: they are asked for anew.
                Some(seat) => self.roster.unask(seat),
                None => {}
            }
        }
        if usable {
            self.replay(known.position);
        }
        self.resume(knowledge.users.iter().map(|(user, _)| *user), now);
    }

    /// Takes in a page of what a subscription missed.
    pub fn turn(&mut self, key: Key, id: ConnectionId, page: Page, now: Instant) {
        let epoch = self.head.epoch;
        let Some(subscription) = self.waiting(key, id, Question::Page) else { return };
        // It may be the answer to a question from before the log's history changed.
        if page.asked.0 != subscription.covered || page.asked.1.epoch != epoch {
            return;
        }
        subscription.phase = Phase::Behind;
        subscription.cover(page.reached);
        subscription.unread = page.unread;
        if !page.events.is_empty() {
            return self.answer(key, page.events, page.more, None, now);
        }
        // The next page is read while this one is written, but for who has not even taken the last one.
        let reads = subscription.out.is_empty();
        subscription.out.extend(page.bytes);
        self.queue(key);
        if page.more && reads {
            self.ask_page(key, now);
        }
    }

    /// Takes in where a subscription goes on under the log's new history.
    pub fn judge(&mut self, key: Key, id: ConnectionId, start: Start, reset: Option<ResetCode>, now: Instant) {
        let epoch = self.head.epoch;
        let Some(subscription) = self.waiting(key, id, Question::Judgement) else { return };
        if start.epoch != epoch {
            let covered = subscription.covered;
            return (self.ask)(Ask::Judgement(key, id, covered));
        }
        let from = start.from;
        if reset.is_none() && from != subscription.covered {
            return;
        }
        subscription.phase = Phase::Behind;
        (subscription.covered, subscription.from) = (from, from.position);
        let Some(code) = reset else { return self.queue(key) };
        if let Receiver::Stream { framing, outlet } = &subscription.receiver {
            let bytes = outlet.bytes(&framing.reset(code, from));
            subscription.out.push_back(bytes);
        } else {
            subscription.close(Close::Dead(code), from, now);
        }
        self.queue(key);
    }

    /// Takes in that some of what a subscription missed was retired: its cursor is judged anew.
    pub fn rejudge(&mut self, key: Key, id: ConnectionId, now: Instant) {
        let Some(subscription) = self.waiting(key, id, Question::Page) else { return };
        if let Some(ask) = rebase(subscription, key, now) {
            (self.ask)(ask);
        }
    }

    /// Takes in that PostgreSQL did not answer a question about a subscription.
    pub fn fail(&mut self, key: Key, id: ConnectionId, question: Question, now: Instant) {
        let head = self.head;
        let Some(subscription) = self.waiting(key, id, question) else { return };
        let Phase::Waiting(_, since) = subscription.phase else { return };
        if !subscription.is_stream() || now.saturating_duration_since(since) > SILENCE {
            subscription.close(Close::Unavailable, head, now);
            return self.queue(key);
        }
        let covered = subscription.covered;
        match question {
            Question::Page => self.ask_page(key, since),
            Question::Judgement => (self.ask)(Ask::Judgement(key, id, covered)),
            Question::Memberships => self.ask_memberships(key, since),
        }
    }

    /// Takes in that PostgreSQL did not tell where users are members.
    pub fn fail_to_know(&mut self, users: &[UserId], now: Instant) {
        for seat in users.iter().filter_map(|user| self.roster.seat(*user)).collect::<Vec<_>>() {
            self.roster.unask(seat);
            for key in self.roster.user(seat).subscriptions.clone() {
                if let Some(id) = self.subscriptions.get(key as usize).map(|subscription| subscription.subscriber.id) {
                    self.fail(key, id, Question::Memberships, now);
                }
            }
        }
    }

    /// Brings memberships that were read at `known` to where the hub is. For all others, what happened happens again, and
    /// ends as it did.
    fn replay(&mut self, known: Position) {
        let changes: Vec<_> =
            self.ring.changes_above(known).map(|passed| (passed.room, passed.effect.clone())).collect();
        for (room, effect) in changes.into_iter().rev() {
            self.let_in(room, &effect);
            self.let_out(room, &effect);
        }
    }

    /// Lets those go on who waited for what is known, or must be asked for again.
    fn resume(&mut self, users: impl Iterator<Item = UserId>, now: Instant) {
        for seat in users.filter_map(|user| self.roster.seat(user)).collect::<Vec<_>>() {
            for key in self.roster.user(seat).subscriptions.clone() {
                let Some(subscription) = self.subscriptions.get_mut(key as usize) else { continue };
                if matches!(subscription.phase, Phase::Waiting(Question::Memberships, _))
                    && subscription.closed.is_none()
                {
                    subscription.phase = Phase::Behind;
                    self.advance(key, now);
                    self.queue(key);
                }
            }
        }
    }

    /// The subscription of this place and id, if it waits for this.
    fn waiting(&mut self, key: Key, id: ConnectionId, question: Question) -> Option<&mut Subscription> {
        let subscription = self.subscriptions.get_mut(key as usize)?;
        let waits = matches!(subscription.phase, Phase::Waiting(asked, _) if asked == question);
        (subscription.subscriber.id == id && waits && subscription.closed.is_none()).then_some(subscription)
    }

    pub(super) fn ask_memberships(&mut self, key: Key, since: Instant) {
        let Some(subscription) = self.subscriptions.get_mut(key as usize) else { return };
        subscription.phase = Phase::Waiting(Question::Memberships, since);
        if self.roster.ask(subscription.seat) {
            (self.ask)(Ask::Memberships(subscription.subscriber.user));
        }
    }

    pub(super) fn ask_page(&mut self, key: Key, since: Instant) {
        let Some(subscription) = self.subscriptions.get_mut(key as usize) else { return };
        subscription.phase = Phase::Waiting(Question::Page, since);
        (self.ask)(Ask::Page(PageWish::of(key, subscription, self.head)));
    }
}
