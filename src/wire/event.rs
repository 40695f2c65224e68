use super::payload::{ChangePayload, ShapeError};
use super::{Framing, Message, Timestamp};
use crate::ids::{ConversationId, UserId};
use crate::log;
use crate::store::EventKind;
use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::sync::{Arc, OnceLock};
use utoipa::ToSchema;

/// One entry of the log, as clients receive it.
#[derive(Debug, Serialize, ToSchema)]
pub struct Event<'a> {
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
    id: UserId,
    #[schema(value_type = String, example = "anna")]
    name: Cow<'a, str>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Data<'a> {
    Message { message: Box<Message> },
    Change(&'a RawValue),
}

impl<'a> Event<'a> {
    fn new(event: &'a log::Event) -> Result<Self, ShapeError> {
        let (name, data) = if event.kind == EventKind::MessageCreated {
            let message = Box::new(Message::created(event)?);
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
    json: OnceLock<Bytes>,
    framed: [OnceLock<Bytes>; 2],
}

impl Encoded {
    /// Wraps an event of the log.
    pub fn new(event: Arc<log::Event>) -> Self {
        Self { event, json: OnceLock::new(), framed: [OnceLock::new(), OnceLock::new()] }
    }

    /// The JSON object, on one line.
    pub fn json(&self) -> &Bytes {
        self.json.get_or_init(|| {
            let json = Event::new(&self.event).and_then(|event| Ok(serde_json::to_vec(&event)?));
            json.map_or_else(|error| self.unreadable(&error), Bytes::from)
        })
    }

    /// The bytes of a stream.
    pub fn framed(&self, framing: Framing) -> &Bytes {
        self.framed[framing as usize]
            .get_or_init(|| framing.frame(&self.event.cursor().to_string(), self.event.kind.as_str(), self.json()))
    }

    /// About how many bytes it takes.
    pub fn size_bytes(&self) -> usize {
        self.event.payload.0.len() + 512
    }

    /// An event that this version cannot read keeps its place, so that no client's count of events breaks.
    fn unreadable(&self, error: &ShapeError) -> Bytes {
        tracing::error!(position = self.event.position.0, %error, "cannot encode an event");
        Bytes::from_static(b"{}")
    }
}

/// What a long poll answers.
#[derive(Serialize, ToSchema)]
pub struct EventsPage {
    /// `after`, resolved.
    pub from: String,
    #[schema(value_type = Vec<Event>)]
    pub events: Vec<Box<RawValue>>,
    /// Poll on from here: every event of mine between `from` and `cursor` is in `events`.
    pub cursor: String,
    /// Whether `limit` cut the page.
    pub has_more: bool,
}
