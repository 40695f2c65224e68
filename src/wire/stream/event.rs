//! Events of the log as clients receive them, each encoded once for all who receive it.

use super::framing::{Frame, Framing};
use crate::ids::{ConversationId, UserId};
use crate::log::{self, Cursor};
use crate::store::EventKind;
use crate::wire::message::Message;
use crate::wire::payload::{ChangePayload, ShapeError};
use crate::wire::time::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::ops::Range;
use std::sync::{Arc, OnceLock};
use utoipa::ToSchema;

/// One entry of the log, as clients receive it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Event)]
pub struct EventObject<'a> {
    /// Resume after it.
    #[schema(value_type = String)]
    cursor: String,
    #[serde(rename = "type")]
    kind: EventKind,
    time: Timestamp,
    conversation_id: ConversationId,
    actor: Actor<'a>,
    /// What the event is about, under its name.
    #[schema(value_type = Object)]
    data: Data<'a>,
}

/// Who acted.
#[derive(Debug, Serialize, ToSchema)]
pub struct Actor<'a> {
    pub(super) id: UserId,
    #[schema(value_type = String, example = "anna")]
    pub(super) name: Cow<'a, str>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Data<'a> {
    Message { message: Box<Message> },
    Change(&'a RawValue),
}

impl<'a> EventObject<'a> {
    fn new(event: &'a log::Event) -> Result<Self, ShapeError> {
        let (name, data) = if matches!(event.kind, EventKind::MessageCreated | EventKind::MessageEdited) {
            let message = Box::new(Message::from_event(event)?);
            (Cow::Owned(message.sender.name.clone()), Data::Message { message })
        } else {
            let payload = ChangePayload::parse(&event.payload)?;
            (payload.actor.name, Data::Change(payload.data))
        };
        Ok(Self {
            cursor: event.cursor().to_string(),
            kind: event.kind,
            time: Timestamp(event.created_at),
            conversation_id: event.conversation,
            actor: Actor { id: event.sender, name },
            data,
        })
    }
}

/// An event with its encodings, each made at its first use and shared from then on.
#[derive(Debug)]
pub struct Encoded {
    pub event: Arc<log::Event>,
    sse: OnceLock<(Frame, Range<usize>)>,
    ndjson: OnceLock<Frame>,
}

impl Encoded {
    /// Wraps an event of the log; nothing is encoded yet.
    pub fn new(event: Arc<log::Event>) -> Self {
        Self { event, sse: OnceLock::new(), ndjson: OnceLock::new() }
    }

    /// The JSON object, on one line.
    pub fn json(&self) -> &[u8] {
        let (frame, json) = self.sse();
        &frame.chunk()[json.clone()]
    }

    /// The bytes of a stream.
    pub fn framed(&self, framing: Framing) -> &Frame {
        match framing {
            Framing::Sse => &self.sse().0,
            Framing::Ndjson => self.ndjson.get_or_init(|| Framing::Ndjson.frame("", "", self.json()).0),
        }
    }

    /// How many bytes a stream gets of it.
    pub fn wire_bytes(&self) -> usize {
        self.sse().0.chunk().len()
    }

    /// About how many bytes it takes, with its encodings.
    pub fn size_bytes(&self) -> usize {
        2 * self.event.payload.0.len() + 1_024
    }

    fn sse(&self) -> &(Frame, Range<usize>) {
        self.sse.get_or_init(|| {
            let json = EventObject::new(&self.event).and_then(|event| Ok(serde_json::to_vec(&event)?));
            let json = json.unwrap_or_else(|error| self.unreadable(&error));
            Framing::Sse.frame(&self.event.cursor().to_string(), self.event.kind.as_str(), &json)
        })
    }

    /// An event that this version cannot read is delivered as an empty object, so that its position is not skipped.
    fn unreadable(&self, error: &ShapeError) -> Vec<u8> {
        tracing::error!(position = self.event.position.0, %error, "cannot encode an event");
        b"{}".to_vec()
    }
}

/// What a long poll answers.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the shape of what is put together from events that are encoded already")]
pub struct EventsPage {
    /// `after`, resolved.
    from: String,
    #[schema(value_type = Vec<EventObject>)]
    events: Vec<Box<RawValue>>,
    /// Poll on from here: every event of mine between `from` and `cursor` is in `events`.
    cursor: String,
    /// Whether more is known to wait: `limit` cut the page, or its size did.
    has_more: bool,
}

impl EventsPage {
    /// The answer's text. Events are encoded once for all who get them.
    pub fn encode(from: Cursor, events: &[Arc<Encoded>], cursor: Cursor, has_more: bool) -> Vec<u8> {
        // No cursor has anything in it that JSON would escape.
        let mut text = format!("{{\"from\":\"{from}\",\"events\":[").into_bytes();
        for (index, event) in events.iter().enumerate() {
            if index > 0 {
                text.push(b',');
            }
            text.extend_from_slice(event.json());
        }
        text.extend_from_slice(format!("],\"cursor\":\"{cursor}\",\"has_more\":{has_more}}}\n").as_bytes());
        text
    }
}
