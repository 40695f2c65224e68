//! Whose presence has changed, once it is certain that it has.

use crate::ids::UserId;
use crate::store::connections::PresenceChange;
use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

/// How long it takes until a user who has closed a connection is checked for being offline: a client that is sent to
/// another node is back by then. It is more than the five seconds for which a user counts as online after a connection,
/// by the time that a batch takes to be written.
const OFFLINE_AFTER: Duration = Duration::from_secs(7);

/// Users who have come online or may have gone offline, and whose presence was not published yet.
#[derive(Default)]
pub struct PresenceDebounce {
    /// Users who have closed a connection, and when they are checked.
    leaving: HashMap<UserId, Instant>,
    /// Users whose presence has changed, and whether they are online.
    changed: HashMap<UserId, bool>,
    order: VecDeque<UserId>,
}

impl PresenceDebounce {
    /// Takes in a change that a node wrote.
    pub fn take_in(&mut self, news: PresenceChange, now: Instant) {
        if news.came {
            self.leaving.remove(&news.user);
            self.change(news.user, true);
        } else if news.went {
            self.leaving.entry(news.user).or_insert(now + OFFLINE_AFTER);
        }
    }

    /// Takes in that a node has gone to which a user was connected.
    pub fn lose(&mut self, user: UserId, now: Instant) {
        self.leaving.entry(user).and_modify(|due| *due = (*due).min(now)).or_insert(now);
    }

    /// Takes the users who are to be checked, at most `most`.
    pub fn due(&mut self, most: usize, now: Instant) -> Vec<UserId> {
        let due: Vec<_> =
            self.leaving.iter().filter(|(_, due)| **due <= now).map(|(user, _)| *user).take(most).collect();
        for user in &due {
            self.leaving.remove(user);
        }
        if self.leaving.is_empty() {
            self.leaving = HashMap::new();
        }
        due
    }

    /// Takes in that a user is offline.
    pub fn go(&mut self, user: UserId) {
        self.change(user, false);
    }

    /// Takes the next changes, at most `most`: users, and whether they are online.
    pub fn next(&mut self, most: usize) -> HashMap<UserId, bool> {
        let some: Vec<_> = self.order.drain(..self.order.len().min(most)).collect();
        let some = some.into_iter().filter_map(|user| Some((user, self.changed.remove(&user)?))).collect();
        if self.order.is_empty() {
            (self.order, self.changed) = (VecDeque::new(), HashMap::new());
        }
        some
    }

    /// Puts changes back that could not be published, unless there is a later one.
    pub fn put_back(&mut self, some: HashMap<UserId, bool>) {
        for (user, online) in some {
            if !self.changed.contains_key(&user) {
                self.change(user, online);
            }
        }
    }

    fn change(&mut self, user: UserId, online: bool) {
        if self.changed.insert(user, online).is_none() {
            self.order.push_back(user);
        }
    }
}

#[cfg(test)]
#[path = "tests/debounce.rs"]
mod tests;
