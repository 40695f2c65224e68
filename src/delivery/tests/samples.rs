//! What the tests of this folder are made of: users, conversations, events, and the questions that the hub asks.

use super::core::catch_up::query::{CatchUpQuery, PageQuery};
use super::core::slots::SubscriptionKey;
use crate::ids::{ConnectionId, ConversationId, Epoch, MessageId, Position, UserId};
use crate::log::{Cursor, Event, EventPayload};
use crate::store::{EventKind, Time};
use crate::wire::{ChangePayload, MessagePayload, Names};
use std::sync::Arc;
use uuid::Uuid;

pub const EPOCH: Epoch = Epoch(1);
/// No positions.
pub const NOTHING: [i64; 0] = [];

pub fn user(number: u128) -> UserId {
    UserId(Uuid::from_u128(number))
}

pub fn room(number: u128) -> ConversationId {
    ConversationId(Uuid::from_u128(number))
}

pub fn cursor(position: i64) -> Cursor {
    cursor_of(EPOCH, position)
}

pub fn cursor_of(epoch: Epoch, position: i64) -> Cursor {
    Cursor { epoch, position: Position(position) }
}

fn names() -> Names<'static> {
    Names { name: "ann".into(), display_name: "Ann".into() }
}

fn event(position: i64, room: ConversationId, kind: EventKind, payload: EventPayload) -> Arc<Event> {
    Arc::new(Event {
        position: Position(position),
        epoch: EPOCH,
        conversation: room,
        kind,
        message: None,
        sender: user(99),
        created_at: Time::UNIX_EPOCH,
        payload,
        current: None,
        only_for: None,
    })
}

pub fn message(position: i64, room: ConversationId) -> Arc<Event> {
    long_message(position, room, 5)
}

/// A message of so many letters.
pub fn long_message(position: i64, room: ConversationId, letters: usize) -> Arc<Event> {
    let payload = MessagePayload {
        sender: names(),
        text: Some("x".repeat(letters).into()),
        reply_to: None,
        mentions: Vec::new(),
        metadata: None,
        attachments: Vec::new(),
        first: None,
    };
    event(position, room, EventKind::MessageCreated, payload.to_payload())
}

/// A version of a message.
pub fn version(kind: EventKind, position: i64, room: ConversationId, id: MessageId, text: &'static str) -> Arc<Event> {
    let payload = MessagePayload {
        sender: names(),
        text: Some(text.into()),
        reply_to: None,
        mentions: Vec::new(),
        metadata: None,
        attachments: Vec::new(),
        first: None,
    };
    let event = event(position, room, kind, payload.to_payload());
    Arc::new(Event { message: Some(id), ..(*event).clone() })
}

pub fn message_deleted(position: i64, room: ConversationId, id: MessageId, created: i64) -> Arc<Event> {
    let data = format!("{{\"message\":{{\"cursor\":\"{}\"}}}}", cursor(created));
    let data = serde_json::value::RawValue::from_string(data).expect("JSON");
    let payload = ChangePayload { actor: names(), data: &data, concerns: Vec::new() }.to_payload();
    let event = event(position, room, EventKind::MessageDeleted, payload);
    Arc::new(Event { message: Some(id), ..(*event).clone() })
}

/// What one user alone gets.
pub fn only_for(position: i64, room: ConversationId, user: UserId) -> Arc<Event> {
    let event = change(position, room, EventKind::ConversationRead, &[]);
    Arc::new(Event { only_for: Some(user), ..(*event).clone() })
}

/// The same event in another history of the log.
pub fn under(epoch: Epoch, event: &Event) -> Arc<Event> {
    Arc::new(Event { epoch, ..event.clone() })
}

fn change(position: i64, room: ConversationId, kind: EventKind, concerns: &[UserId]) -> Arc<Event> {
    let data = serde_json::value::to_raw_value(&()).expect("null is JSON");
    let payload = ChangePayload { actor: names(), data: &data, concerns: concerns.to_vec() }.to_payload();
    event(position, room, kind, payload)
}

pub fn created(position: i64, room: ConversationId, concerns: &[UserId]) -> Arc<Event> {
    change(position, room, EventKind::ConversationCreated, concerns)
}

pub fn joined(position: i64, room: ConversationId, concerns: &[UserId]) -> Arc<Event> {
    change(position, room, EventKind::MemberJoined, concerns)
}

pub fn left(position: i64, room: ConversationId, concerns: &[UserId]) -> Arc<Event> {
    change(position, room, EventKind::MemberLeft, concerns)
}

pub fn deleted(position: i64, room: ConversationId) -> Arc<Event> {
    change(position, room, EventKind::ConversationDeleted, &[])
}

/// A page that was asked for: of the events after `covered`, up to `upto`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageWish {
    pub key: SubscriptionKey,
    pub id: ConnectionId,
    pub user: UserId,
    pub only: Option<ConversationId>,
    pub covered: Cursor,
    pub upto: Cursor,
    /// Most events, for a poll.
    pub limit: Option<usize>,
    /// How many events were found already.
    pub found: usize,
    /// How many of them are read.
    pub read: usize,
    /// Deletions that had passed.
    pub deletions: u64,
}

/// What was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    Memberships(UserId),
    Page(PageWish),
    Judgement(SubscriptionKey, ConnectionId, Cursor),
}

impl From<CatchUpQuery> for Asked {
    fn from(ask: CatchUpQuery) -> Self {
        match ask {
            CatchUpQuery::Memberships(user) => Self::Memberships(user),
            CatchUpQuery::Page(wish) => Self::Page(PageQuery::wish(&wish)),
            CatchUpQuery::Judgement(key, id, covered) => Self::Judgement(key, id, covered),
        }
    }
}
