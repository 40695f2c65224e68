//! Who has come and gone here since it was last written.

use crate::delivery::ephemeral::News;
use crate::ids::{ConnectionId, SessionId, UserId};
use crate::store::Transport;
use crate::store::connections::{ConnectionChanges, OpenedConnection};
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// How long who polls counts as connected after a poll: the next one may be on its way.
const LINGER: Duration = Duration::from_secs(20);
/// Most rows that are written at once. What a statement takes in memory, its connection keeps.
const MOST: usize = 1_000;

/// Whether more waits than was written.
pub fn is_full(batch: &ConnectionChanges) -> bool {
    batch.came.len().max(batch.went.len()) >= MOST
}

/// A client that polls, by whose it is: its polls come and go, and it stays.
type Whose = (UserId, Option<SessionId>);

struct Poller {
    arrival: OpenedConnection,
    /// Polls that wait.
    waiting: u32,
    /// When there was last one.
    seen_at: Instant,
}

/// Who has come and gone. Who has done both is nobody's news.
#[derive(Default)]
pub struct Moves {
    came: HashMap<ConnectionId, OpenedConnection>,
    went: Vec<ConnectionId>,
    /// Who was here before the node entered itself anew.
    known: Vec<OpenedConnection>,
    pollers: HashMap<Whose, Poller>,
}

impl Moves {
    /// Takes in what the hub tells.
    pub fn take_in(&mut self, news: News, now: Instant) {
        match news {
            News::Came(arrival) if arrival.transport == Transport::Poll => self.poll(arrival, now),
            News::Came(arrival) => self.enter(arrival),
            News::Went(arrival) if arrival.transport == Transport::Poll => {
                if let Some(poller) = self.pollers.get_mut(&(arrival.user, arrival.session)) {
                    (poller.waiting, poller.seen_at) = (poller.waiting.saturating_sub(1), now);
                }
            }
            News::Went(arrival) => self.leave(arrival.id),
            News::Everybody(streams) => {
                (self.came, self.went) = (HashMap::new(), Vec::new());
                self.known = streams;
                self.known.extend(self.pollers.values().map(|poller| poller.arrival));
            }
            News::Handed(..) => {}
        }
    }

    /// What is to be written.
    pub fn take(&mut self, now: Instant) -> ConnectionChanges {
        self.let_pollers_go(now);
        if !self.known.is_empty() {
            let rest = self.known.split_off(self.known.len().min(MOST));
            return ConnectionChanges { came: std::mem::replace(&mut self.known, rest), went: Vec::new(), known: true };
        }
        let rest = self.went.split_off(self.went.len().min(MOST));
        let went = std::mem::replace(&mut self.went, rest);
        let came = if self.came.len() <= MOST {
            std::mem::take(&mut self.came).into_values().collect()
        } else {
            self.came.extract_if(|_, _| true).take(MOST).map(|(_, arrival)| arrival).collect()
        };
        ConnectionChanges { came, went, known: false }
    }

    fn poll(&mut self, arrival: OpenedConnection, now: Instant) {
        let poller = self.pollers.entry((arrival.user, arrival.session)).or_insert_with(|| {
            self.came.insert(arrival.id, arrival);
            Poller { arrival, waiting: 0, seen_at: now }
        });
        poller.waiting += 1;
    }

    fn let_pollers_go(&mut self, now: Instant) {
        let mut gone = Vec::new();
        self.pollers.retain(|_, poller| {
            let stays = poller.waiting > 0 || now.saturating_duration_since(poller.seen_at) < LINGER;
            if !stays {
                gone.push(poller.arrival.id);
            }
            stays
        });
        gone.into_iter().for_each(|id| self.leave(id));
    }

    fn enter(&mut self, arrival: OpenedConnection) {
        self.came.insert(arrival.id, arrival);
    }

    fn leave(&mut self, id: ConnectionId) {
        if self.came.remove(&id).is_none() {
            self.went.push(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrival(transport: Transport) -> OpenedConnection {
        OpenedConnection { id: ConnectionId::new(), user: UserId::new(), session: None, transport }
    }

    fn empty() -> ConnectionChanges {
        ConnectionChanges::default()
    }

    #[test]
    fn who_comes_and_goes_in_between_is_nobodys_news() {
        let (mut moves, now) = (Moves::default(), Instant::now());
        let (stays, goes) = (arrival(Transport::Sse), arrival(Transport::Ndjson));
        for news in [News::Came(stays), News::Came(goes), News::Went(goes)] {
            moves.take_in(news, now);
        }
        assert_eq!(moves.take(now), ConnectionChanges { came: vec![stays], ..empty() });
        moves.take_in(News::Went(stays), now);
        assert_eq!(moves.take(now), ConnectionChanges { went: vec![stays.id], ..empty() });
        assert_eq!(moves.take(now), empty());
    }

    #[test]
    fn a_client_that_polls_comes_once_and_goes_some_time_after_its_last_poll() {
        let (mut moves, mut now) = (Moves::default(), Instant::now());
        let first = arrival(Transport::Poll);
        moves.take_in(News::Came(first), now);
        assert_eq!(moves.take(now).came, [first]);
        for _ in 0..10 {
            now += LINGER;
            assert_eq!(moves.take(now), empty(), "a poll that waits");
            moves.take_in(News::Went(first), now);
            now += LINGER / 2;
            assert_eq!(moves.take(now), empty(), "between two polls");
            moves.take_in(News::Came(OpenedConnection { id: ConnectionId::new(), ..first }), now);
        }
        moves.take_in(News::Went(first), now);
        assert_eq!(moves.take(now + LINGER).went, [first.id]);
        moves.take_in(News::Came(first), now + LINGER);
        assert_eq!(moves.take(now + LINGER).came, [first]);
    }

    #[test]
    fn a_node_that_enters_anew_writes_all_who_are_here_as_known() {
        let (mut moves, now) = (Moves::default(), Instant::now());
        let (stream, poll) = (arrival(Transport::Sse), arrival(Transport::Poll));
        moves.take_in(News::Came(stream), now);
        moves.take_in(News::Came(poll), now);
        moves.take(now);
        moves.take_in(News::Went(arrival(Transport::Sse)), now);
        moves.take_in(News::Everybody(vec![stream]), now);
        assert_eq!(moves.take(now), ConnectionChanges { came: vec![stream, poll], went: Vec::new(), known: true });
        moves.take_in(News::Went(stream), now);
        assert_eq!(moves.take(now).went, [stream.id]);
    }

    #[test]
    fn thousands_are_written_in_parts() {
        let (mut moves, now) = (Moves::default(), Instant::now());
        for _ in 0..MOST + 5 {
            moves.take_in(News::Came(arrival(Transport::Sse)), now);
            moves.take_in(News::Went(arrival(Transport::Sse)), now);
        }
        let sizes =
            [moves.take(now), moves.take(now), moves.take(now)].map(|batch| (batch.came.len(), batch.went.len()));
        assert_eq!(sizes, [(MOST, MOST), (5, 5), (0, 0)]);
    }
}
