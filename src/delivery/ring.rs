use super::membership::{Effect, Passed};
use crate::ids::{ConversationId, Position, UserId};
use crate::log::read::Standing;
use std::collections::{HashSet, VecDeque};

/// Membership changes that are remembered: more than happen while one query runs.
const MOST: usize = 10_000;

/// The membership changes that passed by last.
///
/// Who subscribes reads their memberships from the database, as of some head. The hub may have gone further meanwhile;
/// what changed in between is here.
#[derive(Debug)]
pub struct Ring {
    /// All changes above it are here.
    floor: Position,
    passed: VecDeque<Passed>,
}

impl Ring {
    /// Remembers what passes from `floor` on.
    pub fn new(floor: Position) -> Self {
        Self { floor, passed: VecDeque::new() }
    }

    /// Takes in a change.
    pub fn push(&mut self, passed: Passed) {
        if self.passed.len() == MOST
            && let Some(oldest) = self.passed.pop_front()
        {
            self.floor = oldest.position;
        }
        self.passed.push_back(passed);
    }

    /// Where a user is a member as of `at`, from memberships as they were at `known`; `None` when too much has passed
    /// since, and they must be read again.
    pub fn memberships(
        &self,
        user: UserId,
        standings: &[Standing],
        known: Position,
        at: Position,
    ) -> Option<HashSet<ConversationId>> {
        if known < self.floor && known < at {
            return None;
        }
        let open = |standing: &&Standing| standing.joined_at <= at && standing.left_at.is_none_or(|left| left > at);
        let mut member: HashSet<_> = standings.iter().filter(open).map(|standing| standing.conversation).collect();
        for passed in self.passed.iter().filter(|passed| passed.position > known && passed.position <= at) {
            match passed.effect.on(user) {
                Some(true) => member.insert(passed.conversation),
                Some(false) => member.remove(&passed.conversation),
                None => false,
            };
        }
        Some(member)
    }
}

impl Passed {
    /// What an event did, if it did anything.
    pub fn of(event: &crate::log::Event) -> Option<Self> {
        let effect = Effect::of(event);
        (effect != Effect::None).then_some(Self { position: event.position, conversation: event.conversation, effect })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed(position: i64, conversation: ConversationId, effect: Effect) -> Passed {
        Passed { position: Position(position), conversation, effect }
    }

    fn standing(conversation: ConversationId, joined_at: i64, left_at: Option<i64>) -> Standing {
        Standing { conversation, joined_at: Position(joined_at), left_at: left_at.map(Position) }
    }

    #[test]
    fn memberships_read_ahead_of_the_hub_are_taken_back_to_where_it_is() {
        let (user, here, there) = (UserId::new(), ConversationId::new(), ConversationId::new());
        let ring = Ring::new(Position(10));
        let read = [standing(here, 5, Some(15)), standing(there, 14, None)];
        let at = |position| ring.memberships(user, &read, Position(20), Position(position)).unwrap();
        assert_eq!(at(12), HashSet::from([here]));
        assert_eq!(at(15), HashSet::from([there]));
    }

    #[test]
    fn memberships_read_behind_the_hub_are_brought_to_where_it_is() {
        let (user, here, there) = (UserId::new(), ConversationId::new(), ConversationId::new());
        let mut ring = Ring::new(Position(10));
        ring.push(passed(12, there, Effect::Join(vec![user])));
        ring.push(passed(13, here, Effect::Leave(vec![user])));
        ring.push(passed(14, there, Effect::Leave(vec![UserId::new()])));
        let read = [standing(here, 5, None)];
        let found = ring.memberships(user, &read, Position(11), Position(14)).unwrap();
        assert_eq!(found, HashSet::from([there]));
    }

    #[test]
    fn memberships_older_than_what_is_remembered_are_read_again() {
        let ring = Ring::new(Position(10));
        assert_eq!(ring.memberships(UserId::new(), &[], Position(9), Position(10)), None);
        assert!(ring.memberships(UserId::new(), &[], Position(10), Position(12)).is_some());
    }
}
