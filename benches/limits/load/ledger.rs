//! What was sent and delivered, and in which order.

use crate::message::{Clock, Stamp};
use anyhow::{bail, ensure};
use std::ops::Range;
use std::time::Duration;

/// A conversation.
#[derive(Default)]
struct Room {
    /// Messages sent.
    sent: u32,
    /// Receivers of each.
    receivers: u32,
    /// The numbers of the messages in the order in which they came to whoever was first.
    order: Vec<u32>,
}

pub struct Ledger {
    pub clock: Clock,
    rooms: Vec<Room>,
    /// When what is due is measured; empty before it is known.
    pub window: Range<Duration>,
    /// How long each message of the window took from when it was due.
    pub delays: Vec<Duration>,
    pub sent: u64,
    pub answered: u64,
    pub expected: u64,
    pub delivered: u64,
    /// By how much the most delayed send of the window was late.
    pub latest: Duration,
}

impl Default for Ledger {
    fn default() -> Self {
        Self {
            clock: Clock::start(),
            rooms: Vec::new(),
            window: Duration::MAX..Duration::MAX,
            delays: Vec::new(),
            sent: 0,
            answered: 0,
            expected: 0,
            delivered: 0,
            latest: Duration::ZERO,
        }
    }
}

impl Ledger {
    /// Adds a receiver of a room.
    pub fn seat(&mut self, room: u32) {
        self.room(room).receivers += 1;
    }

    fn room(&mut self, room: u32) -> &mut Room {
        let needed = room as usize + 1;
        if self.rooms.len() < needed {
            self.rooms.resize_with(needed, Room::default);
        }
        &mut self.rooms[room as usize]
    }

    /// Notes a message that is sent now, and answers its stamp.
    pub fn send(&mut self, room: u32, due: Duration) -> Stamp {
        let entry = self.room(room);
        let number = entry.sent;
        entry.sent += 1;
        let receivers = entry.receivers;
        self.expected += u64::from(receivers);
        self.sent += 1;
        if self.window.contains(&due) {
            self.latest = self.latest.max(self.clock.now().saturating_sub(due));
        }
        Stamp { room, number, due }
    }

    /// Notes that `stamp` came as message number `heard` of the room to one of its receivers.
    pub fn deliver(&mut self, stamp: Stamp, heard: u32, now: Duration) -> anyhow::Result<()> {
        let Some(room) = self.rooms.get_mut(stamp.room as usize) else { bail!("a message of another load: {stamp:?}") };
        match room.order.get(heard as usize) {
            Some(number) => ensure!(*number == stamp.number, "message {number} was due where this came: {stamp:?}"),
            None => room.order.push(stamp.number),
        }
        self.delivered += 1;
        if self.window.contains(&stamp.due) {
            self.delays.push(now.saturating_sub(stamp.due));
        }
        Ok(())
    }

    /// Whether everything has been answered and delivered.
    pub fn is_done(&self) -> bool {
        self.answered == self.sent && self.delivered >= self.expected
    }

    /// Checks that every message came once, and in the order of the sends where those were in turn.
    pub fn check(&mut self, in_turn: bool) -> anyhow::Result<()> {
        ensure!(self.is_done(), "{} of {} deliveries are missing", self.expected - self.delivered, self.expected);
        ensure!(self.delivered == self.expected, "{} deliveries instead of {}", self.delivered, self.expected);
        for (index, room) in self.rooms.iter_mut().enumerate().filter(|(_, room)| room.receivers > 0) {
            if !in_turn {
                room.order.sort_unstable();
            }
            let right = room.order.iter().copied().eq(0..room.sent);
            ensure!(right, "room {index} has lost, repeated or turned round messages");
        }
        Ok(())
    }
}
