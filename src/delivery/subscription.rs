use super::hub::{Hub, Subscriber};
use super::queue::{Close, Queue};
use super::start::Start;
use crate::ids::Epoch;
use crate::log::read::{self, Span};
use crate::log::{Cursor, Event};
use crate::store::{Connection, Pool, StoreError};
use crate::wire::Encoded;
use std::sync::Arc;

/// One client's way through the log: first what it missed, then what happens.
pub struct Subscription {
    hub: Hub,
    pool: Pool,
    subscriber: Subscriber,
    queue: Arc<Queue>,
    /// The client has everything up to here.
    covered: Cursor,
    /// Under which epoch that is so.
    epoch: Epoch,
    phase: Phase,
    /// Whether the last page was cut, so that more is known to wait in the log.
    cut: bool,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    /// Reads from the log; a page was full, so there is more.
    Behind,
    /// Receives already, and reads what was published before.
    Joining(Cursor),
    Live,
}

/// What comes next for a client.
#[derive(Debug)]
pub enum News {
    /// Not empty, in order.
    Events(Vec<Arc<Encoded>>),
    Closed(Close),
}

impl Subscription {
    /// Begins where a client may start.
    pub fn open(hub: &Hub, pool: &Pool, subscriber: Subscriber, start: Start) -> Self {
        let queue = hub.enlist(subscriber.clone());
        Self {
            hub: hub.clone(),
            pool: pool.clone(),
            subscriber,
            queue,
            covered: start.from,
            epoch: start.epoch,
            phase: Phase::Behind,
            cut: false,
        }
    }

    /// How far the client has everything, with what was given to it.
    pub fn covered(&self) -> Cursor {
        self.covered
    }

    /// Whether what was given last was cut, so that more is known to wait.
    pub fn has_more(&self) -> bool {
        self.cut
    }

    /// Waits for the next events, at most about `limit` while it is behind, or the end.
    ///
    /// # Errors
    /// [`StoreError`]: nothing is lost, the subscription stands where it stood.
    ///
    /// # Cancel safety
    /// What is not answered is not taken.
    pub async fn next(&mut self, limit: usize) -> Result<News, StoreError> {
        match self.catch_up(limit).await? {
            Some(news) => Ok(news),
            None => Ok(self.live().await),
        }
    }

    /// Reads what the client missed; `None` once it has everything.
    ///
    /// # Errors
    /// As [`Self::next`].
    ///
    /// # Cancel safety
    /// As [`Self::next`].
    pub async fn catch_up(&mut self, limit: usize) -> Result<Option<News>, StoreError> {
        loop {
            let upto = match self.phase {
                Phase::Behind => self.hub.published(),
                Phase::Joining(upto) => upto,
                Phase::Live => return Ok(None),
            };
            if let Some(close) = self.queue.closed() {
                return Ok(Some(News::Closed(close)));
            }
            // The hub went over to another history before the client was enlisted there.
            if upto.epoch != self.epoch {
                return Ok(Some(News::Closed(Close::Rebased)));
            }
            let events = self.page(upto, limit).await?;
            if !events.is_empty() {
                return Ok(Some(News::Events(events)));
            }
        }
    }

    /// Reads a page up to `upto`. A page that is not full ends the phase.
    async fn page(&mut self, upto: Cursor, limit: usize) -> Result<Vec<Arc<Encoded>>, StoreError> {
        let span = Span { after: self.covered.position, upto: upto.position, only: self.subscriber.only };
        let mut connection = self.pool.get().await?;
        let missed = read::missed(&mut connection, self.subscriber.user, span, limit).await?;
        let next = match self.phase {
            phase if missed.more => phase,
            Phase::Behind => match self.attach(&mut connection).await? {
                Some(at) => Phase::Joining(at),
                None => Phase::Behind,
            },
            Phase::Joining(_) | Phase::Live => Phase::Live,
        };
        // From here on nothing waits, so that a dropped call leaves all as it was.
        let reached = match missed.events.last() {
            Some(last) if missed.more => last.cursor(),
            _ => upto,
        };
        if reached.position > self.covered.position {
            self.covered = reached;
        }
        self.phase = next;
        self.cut = missed.more;
        Ok(missed.events.into_iter().map(encoded).collect())
    }

    /// Lets the client receive; `None`: so much happened since its memberships were read that they must be read again.
    async fn attach(&self, connection: &mut Connection) -> Result<Option<Cursor>, StoreError> {
        let standings = read::standings(connection, self.subscriber.user, self.covered.position).await?;
        if standings.head.epoch != self.epoch {
            // The hub is about to follow, and tells all that are enlisted.
            return Err(StoreError::Unreachable("the log has begun a new epoch".into()));
        }
        Ok(self.hub.attach(self.subscriber.id, &standings))
    }

    async fn live(&mut self) -> News {
        loop {
            // Read before the queue is: all events up to it are in the queue by now, if that is open.
            let published = self.hub.published();
            let mut taken = self.queue.take();
            if taken.closed == Some(Close::Rebased) {
                return News::Closed(Close::Rebased);
            }
            // A call that was dropped after it attached is repeated, and reads again what the queue has got by then.
            taken.events.retain(|event| event.event.position > self.covered.position);
            let last = taken.events.last().map(|event| event.event.cursor());
            let whole = match taken.closed {
                None => Some(published),
                Some(_) => taken.upto,
            };
            for reached in last.into_iter().chain(whole.filter(|_| taken.drained)) {
                if reached.position > self.covered.position {
                    self.covered = reached;
                }
            }
            self.cut = false;
            if !taken.events.is_empty() {
                return News::Events(taken.events);
            }
            match taken.closed {
                Some(close) if taken.drained => return News::Closed(close),
                None if taken.drained => self.queue.wait().await,
                _ => {}
            }
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.hub.unregister(self.subscriber.id);
    }
}

fn encoded(event: Event) -> Arc<Encoded> {
    Arc::new(Encoded::new(Arc::new(event)))
}
