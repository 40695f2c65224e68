//! What the texts of the messages say, so that who receives one can judge it.

use memchr::memmem::Finder;
use std::io::Write;
use std::time::{Duration, Instant};

/// Bytes of a text: a sentence or two.
const TEXT_BYTES: usize = 100;
/// What stands before a stamp.
const MARK: &[u8] = b"stamp=";
/// What stands around a text.
const BEFORE: &[u8] = b"{\"text\":\"";
const AFTER: &[u8] = b"\"}";
/// Bytes of a body: every message has the same.
pub const BODY_BYTES: usize = BEFORE.len() + TEXT_BYTES + AFTER.len();

/// What a message is stamped with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Which of the benchmark's conversations.
    pub room: u32,
    /// How many messages of this load were sent there before.
    pub number: u32,
    /// When it was to be sent, on the load's clock.
    pub due: Duration,
}

impl Stamp {
    /// Adds the body of the request.
    pub fn write(&self, request: &mut Vec<u8>) -> anyhow::Result<()> {
        let end = request.len() + BODY_BYTES;
        request.extend_from_slice(BEFORE);
        request.extend_from_slice(MARK);
        write!(request, "{},{},{};", self.room, self.number, self.due.as_nanos())?;
        request.resize(end - AFTER.len(), b'.');
        request.extend_from_slice(AFTER);
        Ok(())
    }

    /// Reads what follows the mark.
    fn read(text: &[u8]) -> Option<Self> {
        let mut numbers = [0_u64; 3];
        let mut index = 0;
        for byte in text {
            match byte {
                b'0'..=b'9' => numbers[index] = numbers[index] * 10 + u64::from(byte - b'0'),
                b',' if index < 2 => index += 1,
                b';' if index == 2 => {
                    let [room, number, due] = numbers;
                    let due = Duration::from_nanos(due);
                    return Some(Self { room: room.try_into().ok()?, number: number.try_into().ok()?, due });
                }
                _ => return None,
            }
        }
        None
    }
}

/// Finds stamps in what is delivered.
pub struct Stamps(Finder<'static>);

impl Stamps {
    pub fn new() -> Self {
        Self(Finder::new(MARK))
    }

    /// All stamps of a text, in order.
    pub fn of<'a>(&'a self, text: &'a [u8]) -> impl Iterator<Item = Stamp> + 'a {
        self.0.find_iter(text).filter_map(|place| Stamp::read(&text[place + MARK.len()..]))
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
}
