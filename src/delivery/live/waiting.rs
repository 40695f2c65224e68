//! Who waits to know that a message has been handed over: requests of this node, and other nodes.

use crate::ids::{Epoch, NodeId, Position, UserId};
use crate::log::Cursor;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Questions of other nodes that are remembered. Beyond, nobody is told.
const MOST: usize = 4_096;

/// Who waits for which message.
#[derive(Default)]
pub struct Waiting(Mutex<State>);

type Place = (Epoch, Position);

#[derive(Default)]
struct State {
    here: HashMap<Place, Vec<mpsc::UnboundedSender<UserId>>>,
    elsewhere: HashMap<Place, (Vec<NodeId>, Instant)>,
}

/// A request that waits. It stops when this is dropped.
pub struct Handed {
    waiting: Arc<Waiting>,
    place: Place,
    users: mpsc::UnboundedReceiver<UserId>,
}

fn place(at: Cursor) -> Place {
    (at.epoch, at.position)
}

impl Waiting {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a message.
    pub fn wait(self: &Arc<Self>, at: Cursor) -> Handed {
        // One entry a user and connection: no more than have the message.
        let (sender, users) = mpsc::unbounded_channel();
        self.state().here.entry(place(at)).or_default().push(sender);
        Handed { waiting: self.clone(), place: place(at), users }
    }

    /// Whether a request waits for a message.
    pub fn is_awaited(&self, at: Cursor) -> bool {
        self.state().here.contains_key(&place(at))
    }

    /// Notes that another node waits for a message.
    pub fn note(&self, at: Cursor, node: NodeId, wait: Duration, now: Instant) {
        let mut state = self.state();
        if state.elsewhere.len() >= MOST {
            state.elsewhere.retain(|_, (_, until)| *until > now);
        }
        if state.elsewhere.len() < MOST {
            let (nodes, until) = state.elsewhere.entry(place(at)).or_insert((Vec::new(), now));
            *until = (*until).max(now + wait);
            if !nodes.contains(&node) {
                nodes.push(node);
            }
        }
    }

    /// Takes in that a user has been handed a message here; answers the nodes that want to know.
    pub fn handed(&self, at: Cursor, user: UserId) -> Vec<NodeId> {
        self.tell(at, user);
        self.state().elsewhere.get(&place(at)).map(|(nodes, _)| nodes.clone()).unwrap_or_default()
    }

    /// Tells the requests of this node.
    pub fn tell(&self, at: Cursor, user: UserId) {
        for request in self.state().here.get(&place(at)).into_iter().flatten() {
            // It may have what it wanted.
            let _ = request.send(user);
        }
    }
}

impl Handed {
    /// Waits for the next user who has been handed the message.
    pub async fn next(&mut self) -> Option<UserId> {
        self.users.recv().await
    }

    /// One more, if there is.
    pub fn try_next(&mut self) -> Option<UserId> {
        self.users.try_recv().ok()
    }
}

impl Drop for Handed {
    fn drop(&mut self) {
        self.users.close();
        let mut state = self.waiting.state();
        if let Some(requests) = state.here.get_mut(&self.place) {
            requests.retain(|request| !request.is_closed());
            if requests.is_empty() {
                state.here.remove(&self.place);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn all_requests_that_wait_are_told_and_none_is_left_behind() {
        let waiting = Arc::new(Waiting::default());
        let at = Cursor { epoch: Epoch(1), position: Position(7) };
        let (mut one, mut two) = (waiting.wait(at), waiting.wait(at));
        let (user, node, now) = (UserId::new(), NodeId::new(), Instant::now());
        assert_eq!(waiting.handed(at, user), []);
        assert_eq!((one.next().await, two.try_next()), (Some(user), Some(user)));
        drop(one);
        assert!(waiting.is_awaited(at));
        waiting.note(at, node, Duration::from_secs(5), now);
        waiting.note(at, node, Duration::from_secs(5), now);
        assert_eq!(waiting.handed(at, user), [node]);
        assert_eq!(waiting.handed(Cursor { epoch: Epoch(2), ..at }, user), []);
        drop(two);
        assert!(!waiting.is_awaited(at));
    }
}
