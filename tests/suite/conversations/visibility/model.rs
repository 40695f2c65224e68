//! What each user may see, computed from the log alone.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::Value;
use tokio_postgres::Client;

use crate::support::cursors;

/// An event as it stands in the log.
#[derive(Debug)]
pub struct Event {
    pub position: i64,
    pub conversation: String,
    pub kind: String,
    message: Option<String>,
    sender: String,
    only_for: Option<String>,
    payload: Value,
}

/// A message as a user sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    pub id: String,
    pub position: i64,
    pub sender: String,
    pub text: Option<String>,
    pub mentions: Vec<String>,
}

type Place = (String, String);

/// The log, and who was a member of what from where to where.
#[derive(Default)]
pub struct Model {
    pub events: Vec<Event>,
    intervals: HashMap<Place, Vec<(i64, i64)>>,
    shared: HashSet<String>,
    gone: HashSet<String>,
    reads: HashMap<Place, i64>,
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("text instead of {value}")).to_owned()
}

impl Model {
    /// Reads the log.
    pub async fn read(sql: &Client, conversations: &[String]) -> Self {
        let rows = sql
            .query(
                "SELECT position, conversation_id::text, kind, message_id::text, sender_id::text, only_for::text,
                        payload::text
                   FROM events WHERE conversation_id::text = ANY($1) ORDER BY position",
                &[&conversations],
            )
            .await
            .expect("the log is read");
        let mut model = Self::default();
        for row in rows {
            let payload: String = row.get(6);
            let payload = serde_json::from_str(&payload).expect("JSON");
            model.add(Event {
                position: row.get(0),
                conversation: row.get(1),
                kind: row.get(2),
                message: row.get(3),
                sender: row.get(4),
                only_for: row.get(5),
                payload,
            });
        }
        model
    }

    fn add(&mut self, event: Event) {
        let concerned: Vec<_> = event.payload["concerns"].as_array().into_iter().flatten().map(text).collect();
        let place = |user: &String| (user.clone(), event.conversation.clone());
        match event.kind.as_str() {
            "conversation.created" | "member.joined" => {
                if event.payload["data"]["conversation"]["history"] == "shared" {
                    self.shared.insert(event.conversation.clone());
                }
                for user in &concerned {
                    self.intervals.entry(place(user)).or_default().push((event.position, i64::MAX));
                    self.reads.insert(place(user), event.position);
                }
            }
            "member.left" => concerned.iter().for_each(|user| self.end(&place(user), event.position)),
            "conversation.deleted" => {
                let members: Vec<_> =
                    self.intervals.keys().filter(|(_, of)| *of == event.conversation).cloned().collect();
                members.iter().for_each(|place| self.end(place, event.position));
                self.gone.insert(event.conversation.clone());
            }
            "conversation.read" => {
                let read = cursors::position(&text(&event.payload["data"]["read"]));
                self.reads.insert(place(&event.sender), read);
            }
            _ => {}
        }
        self.events.push(event);
    }

    fn end(&mut self, place: &Place, at: i64) {
        if let Some((_, end)) = self.intervals.get_mut(place).and_then(|intervals| intervals.last_mut()) {
            *end = at.min(*end);
        }
    }

    fn memberships(&self, user: &str, conversation: &str) -> &[(i64, i64)] {
        self.intervals.get(&(user.to_owned(), conversation.to_owned())).map(Vec::as_slice).unwrap_or_default()
    }

    /// The conversation of a message.
    pub fn conversation_of(&self, message: &str) -> Option<&str> {
        let created = self.events.iter().find(|event| event.message.as_deref() == Some(message));
        created.map(|event| event.conversation.as_str())
    }

    /// Whether a message was deleted neither by itself nor with its conversation.
    pub fn is_kept(&self, message: &str) -> bool {
        let deleted = |event: &Event| event.kind == "message.deleted" && event.message.as_deref() == Some(message);
        let gone = self.conversation_of(message).is_some_and(|id| self.gone.contains(id));
        !gone && !self.events.iter().any(deleted)
    }

    /// Whether a user is a member now.
    pub fn is_member(&self, user: &str, conversation: &str) -> bool {
        self.memberships(user, conversation).last().is_some_and(|(_, end)| *end == i64::MAX)
    }

    /// Whether two users share a conversation.
    pub fn share(&self, one: &str, other: &str, conversations: &[String]) -> bool {
        conversations.iter().any(|id| self.is_member(one, id) && self.is_member(other, id))
    }

    /// Whether a user is or was a member of what was not deleted.
    pub fn knows(&self, user: &str, conversation: &str) -> bool {
        !self.memberships(user, conversation).is_empty() && !self.gone.contains(conversation)
    }

    /// Where the events stand that a user's streams and polls carry, of one conversation or of all.
    pub fn streamed(&self, user: &str, only: Option<&str>) -> Vec<i64> {
        let visible = |event: &&Event| {
            let within = |(first, last): &(i64, i64)| (first..=last).contains(&&event.position);
            self.memberships(user, &event.conversation).iter().any(within)
                && event.only_for.as_deref().is_none_or(|only| only == user)
                && only.is_none_or(|only| only == event.conversation)
        };
        self.events.iter().filter(visible).map(|event| event.position).collect()
    }

    /// Whether a user may read what stands at a position of a conversation by GET.
    pub fn reads(&self, user: &str, conversation: &str, position: i64) -> bool {
        let all = self.shared.contains(conversation) && self.is_member(user, conversation);
        let within = |(first, last): &(i64, i64)| (first..=last).contains(&&position);
        self.knows(user, conversation) && (all || self.memberships(user, conversation).iter().any(within))
    }

    /// Where the events stand that a member's export of a conversation has.
    pub fn exported(&self, user: &str, conversation: &str) -> Vec<i64> {
        let visible = |event: &&Event| {
            event.conversation == conversation
                && event.only_for.as_deref().is_none_or(|only| only == user)
                && self.reads(user, conversation, event.position)
        };
        self.events.iter().filter(visible).map(|event| event.position).collect()
    }

    /// The messages that a user may read of a conversation, in order, as the user sees them now.
    pub fn messages(&self, user: &str, conversation: &str) -> Vec<Shown> {
        let mut shown: BTreeMap<i64, Shown> = BTreeMap::new();
        let mut places = HashMap::new();
        for event in self.events.iter().filter(|event| event.conversation == conversation) {
            let Some(id) = &event.message else { continue };
            let seen = self.reads(user, conversation, event.position);
            if event.kind == "message.created" && seen {
                places.insert(id.clone(), event.position);
                let empty = Shown {
                    id: id.clone(),
                    position: event.position,
                    sender: event.sender.clone(),
                    text: None,
                    mentions: Vec::new(),
                };
                shown.insert(event.position, empty);
            }
            let Some(message) = places.get(id).and_then(|place| shown.get_mut(place)) else { continue };
            match event.kind.as_str() {
                "message.created" | "message.edited" if seen => {
                    message.text = event.payload["text"].as_str().map(str::to_owned);
                    message.mentions = event.payload["mentions"].as_array().into_iter().flatten().map(text).collect();
                }
                // Gone for everybody.
                "message.deleted" => (message.text, message.mentions) = (None, Vec::new()),
                _ => {}
            }
        }
        shown.into_values().collect()
    }

    /// How many messages a member has not read, and how many of them name the member.
    pub fn unread(&self, user: &str, conversation: &str) -> (usize, usize) {
        let read = self.reads[&(user.to_owned(), conversation.to_owned())];
        let messages = self.messages(user, conversation);
        let unread = messages
            .iter()
            .filter(|message| message.position > read && message.sender != user && message.text.is_some());
        (unread.clone().count(), unread.filter(|message| message.mentions.iter().any(|id| id == user)).count())
    }

    /// The cursor's position up to which a member has read.
    pub fn read_mark(&self, user: &str, conversation: &str) -> i64 {
        self.reads[&(user.to_owned(), conversation.to_owned())]
    }
}
