//! Who is to be told of, as coming or going.

use crate::ids::UserId;
use crate::store::connections::PresenceChange;
use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

/// How long nobody is told that a user has gone: who is sent to another node is back by then. More than the five seconds
/// for which a user counts as present after a connection, by the time that a batch takes to be written.
const GRACE: Duration = Duration::from_secs(7);

/// What users have done that nobody was told of yet.
#[derive(Default)]
pub struct Told {
    /// Who has ended a connection, and when it is looked whether they are gone.
    leaving: HashMap<UserId, Instant>,
    /// Who has come, or has gone.
    changed: HashMap<UserId, bool>,
    order: VecDeque<UserId>,
}

impl Told {
    /// Takes in what a node wrote.
    pub fn take_in(&mut self, news: PresenceChange, now: Instant) {
        if news.came {
            self.leaving.remove(&news.user);
            self.change(news.user, true);
        } else if news.went {
            self.leaving.entry(news.user).or_insert(now + GRACE);
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

    /// The next who are to be told of, at most `most`, and whether they have come.
    pub fn next(&mut self, most: usize) -> HashMap<UserId, bool> {
        let some: Vec<_> = self.order.drain(..self.order.len().min(most)).collect();
        let some = some.into_iter().filter_map(|user| Some((user, self.changed.remove(&user)?))).collect();
        if self.order.is_empty() {
            (self.order, self.changed) = (VecDeque::new(), HashMap::new());
        }
        some
    }

    /// Puts back who could not be told of, but for those who have done something since.
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
mod tests {
    use super::*;

    fn news(user: UserId, came: bool) -> PresenceChange {
        PresenceChange { user, came, went: !came }
    }

    #[test]
    fn who_comes_back_in_time_was_never_away() {
        let (mut told, now, user) = (Told::default(), Instant::now(), UserId::new());
        told.take_in(news(user, false), now);
        assert_eq!(told.due(10, now), []);
        told.take_in(news(user, true), now);
        assert_eq!(told.due(10, now + GRACE), []);
        assert_eq!(told.next(10), HashMap::from([(user, true)]));
        assert_eq!(told.next(10), HashMap::new());
    }

    #[test]
    fn who_does_not_come_back_is_looked_for_once_and_the_last_change_counts() {
        let (mut told, now, user) = (Told::default(), Instant::now(), UserId::new());
        told.take_in(news(user, true), now);
        told.take_in(news(user, false), now);
        assert_eq!(told.due(10, now + GRACE), [user]);
        assert_eq!(told.due(10, now + GRACE), []);
        told.go(user);
        assert_eq!(told.next(10), HashMap::from([(user, false)]));
    }

    #[test]
    fn who_was_at_a_node_that_died_has_had_time_enough() {
        let (mut told, now, user) = (Told::default(), Instant::now(), UserId::new());
        told.take_in(news(user, false), now);
        told.lose(user, now);
        assert_eq!(told.due(10, now), [user]);
    }

    #[test]
    fn thousands_are_told_of_in_parts() {
        let (mut told, now) = (Told::default(), Instant::now());
        (0..250).for_each(|_| told.take_in(news(UserId::new(), true), now));
        let sizes: Vec<_> = (0..4).map(|_| told.next(100).len()).collect();
        assert_eq!(sizes, [100, 100, 50, 0]);
    }
}
