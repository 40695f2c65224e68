//! What the texts of the messages say, so that who receives one can judge it.

use std::time::{Duration, Instant};

/// Bytes of a text: a sentence or two.
const TEXT_BYTES: usize = 100;

/// What a message is stamped with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Which of the benchmark's conversations.
    pub room: usize,
    /// How many messages of this load were sent there before.
    pub number: u64,
    /// When the request was written, on the load's clock.
    pub written: Duration,
}

impl Stamp {
    /// The body of the request.
    pub fn body(&self) -> String {
        let text = format!("{} {} {} ", self.room, self.number, self.written.as_nanos());
        format!("{{\"text\":\"{text:.<TEXT_BYTES$}\"}}")
    }

    /// Reads the stamp of a `message.created`.
    pub fn read(data: &str) -> Option<Self> {
        let (_, text) = data.split_once("\"text\":\"")?;
        let mut words = text.splitn(4, ' ');
        Some(Self {
            room: words.next()?.parse().ok()?,
            number: words.next()?.parse().ok()?,
            written: Duration::from_nanos(words.next()?.parse().ok()?),
        })
    }
}

/// The clock that senders and receivers of a load share.
#[derive(Clone, Copy, Debug)]
pub struct Clock(Instant);

impl Clock {
    pub fn start() -> Self {
        Self(Instant::now())
    }

    pub fn now(&self) -> Duration {
        self.0.elapsed()
    }

    /// When it will show `time`.
    pub fn at(&self, time: Duration) -> tokio::time::Instant {
        (self.0 + time).into()
    }
}
