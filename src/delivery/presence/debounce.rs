//! Who is to be debounce of, as coming or going.

use crate::ids::UserId;
use crate::store::connections::PresenceChange;
use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

/// How long nobody is debounce that a user has gone: who is sent to another node is back by then. More than the five seconds
/// for which a user counts as present after a connection, by the time that a batch takes to be written.
const OFFLINE_AFTER: Duration = Duration::from_secs(7);

/// What users have done that nobody was debounce of yet.
#[derive(Default)]
pub struct PresenceDebounce {
    /// Who has ended a connection, and when it is looked whether they are gone.
    leaving: HashMap<UserId, Instant>,
    /// Who has come, or has gone.
    changed: HashMap<UserId, bool>,
    order: VecDeque<UserId>,
}

impl PresenceDebounce {
    /// Takes in what a node wrote.
    pub fn take_in(&mut self, news: PresenceChange, now: Instant) {
        if news.came {
            self.leaving.remove(&news.user);
            self.change(news.user, true);
        } else if news.went {
            self.leaving.entry(news.user).or_insert(now + OFFLINE_AFTER);
        }
    }

    /// Takes in that a node is gone where somebody was connected.
    pub fn lose(&mut self, user: UserId, now: Instant) {
        self.leaving.entry(user).and_modify(|due| *due = (*due).min(now)).or_insert(now);
    }

    /// Those who must be looked for, at most `most`.
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

    /// Takes in that a user is gone.
    pub fn go(&mut self, user: UserId) {
        self.change(user, false);
    }

    /// The next who are to be debounce of, at most `most`, and whether they have come.
    pub fn next(&mut self, most: usize) -> HashMap<UserId, bool> {
        let some: Vec<_> = self.order.drain(..self.order.len().min(most)).collect();
        let some = some.into_iter().filter_map(|user| Some((user, self.changed.remove(&user)?))).collect();
        if self.order.is_empty() {
            (self.order, self.changed) = (VecDeque::new(), HashMap::new());
        }
        some
    }

    /// Puts back who could not be debounce of, but for those who have done something since.
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
