//! A client as its makers would write it: it fetches state once, and then applies events to it.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use serde_json::{Map, Value, json};

use crate::support::random_actions::Scenario;
use crate::support::{User, cursors, query};

/// The state of one conversation that a client keeps.
#[derive(Clone, Debug, Default)]
struct View {
    /// The conversation's object without what follows from the messages; none for who is no member.
    object: Option<Value>,
    /// None: to be fetched, after joining.
    members: Option<Vec<Value>>,
    /// In order; none: to be fetched, after joining what has a shared history or leaving it.
    messages: Option<Vec<Value>>,
    /// The newest message since joining.
    last: Option<String>,
}

/// The state that a client keeps.
#[derive(Clone, Debug)]
pub struct Client {
    me: String,
    cursor: String,
    views: BTreeMap<String, View>,
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("text instead of {value}"))
}

fn items(list: &Value) -> Vec<Value> {
    assert_eq!(list["next"], Value::Null, "more than a page");
    list["items"].as_array().expect("items").clone()
}

/// Removes fields from an object.
fn without(mut object: Value, fields: &[&str]) -> Value {
    fields.iter().for_each(|field| drop(object.as_object_mut().and_then(|object| object.remove(*field))));
    object
}

/// Fields of a conversation that a client computes from its messages.
const DERIVED: [&str; 3] = ["unread", "mentions", "last_message"];

impl Client {
    /// Fetches everything.
    pub async fn fetch(user: &User, conversations: &[String]) -> Self {
        let list = user.conversations("?limit=200").await.expect(200);
        let mut client = Self { me: user.id.clone(), cursor: text(&list["cursor"]).to_owned(), views: BTreeMap::new() };
        let objects: BTreeMap<_, _> =
            items(&list).into_iter().map(|object| (text(&object["id"]).to_owned(), object)).collect();
        for id in conversations {
            let history = user.history(id, "?order=asc&limit=200").await;
            if history.status == 404 {
                assert!(!objects.contains_key(id), "a conversation without a history");
                continue;
            }
            let mut view = View { messages: Some(items(&history.expect(200))), ..View::default() };
            if let Some(object) = objects.get(id) {
                view.members =
                    Some(items(&user.get(&format!("/v1/conversations/{id}/members?limit=200")).await.expect(200)));
                view.last = object["last_message"]["id"].as_str().map(str::to_owned);
                view.object = Some(object.clone());
            }
            client.views.insert(id.clone(), view);
        }
        client
    }

    /// Reads all events since, and applies them.
    pub async fn catch_up(&mut self, user: &User) {
        loop {
            let batch =
                user.updates(&query(&[("after", &self.cursor), ("wait", "0"), ("limit", "200")])).await.expect(200);
            batch["events"].as_array().expect("events").iter().for_each(|event| self.apply(event));
            self.cursor = text(&batch["cursor"]).to_owned();
            if batch["has_more"] == false {
                return;
            }
        }
    }

    fn apply(&mut self, event: &Value) {
        let (id, data) = (text(&event["conversation_id"]).to_owned(), &event["data"]);
        let me = self.me.clone();
        let view = self.views.entry(id.clone()).or_default();
        match text(&event["type"]) {
            "conversation.created" => view.begin(event, &me),
            "conversation.updated" => view.update(&data["conversation"]),
            "conversation.deleted" => drop(self.views.remove(&id)),
            "conversation.read" if data["user"]["id"] == me => view.set("read", data["read"].clone()),
            "conversation.read" => {}
            "message.created" => view.push(data["message"].clone()),
            "message.edited" | "message.deleted" => view.replace(&data["message"]),
            "reaction.added" => view.react(data, data["user"]["id"] == me, 1),
            "reaction.removed" => view.react(data, data["user"]["id"] == me, -1),
            "member.joined" if data["member"]["user"]["id"] == me => view.join(event),
            "member.left" if data["member"]["user"]["id"] == me => view.leave(),
            kind @ ("member.joined" | "member.updated" | "member.left") => view.change(kind, data, &me),
            other => panic!("an event of the type {other}"),
        }
    }

    /// Asserts that this is what was fetched just now.
    pub fn compare(&self, fresh: &Self, scenario: &Scenario) -> Result<(), TestCaseError> {
        for id in &scenario.conversations {
            let empty = View::default();
            let (old, new) = (self.views.get(id).unwrap_or(&empty), fresh.views.get(id).unwrap_or(&empty));
            if scenario.deleted.contains(id) {
                prop_assert!(new.object.is_none() && new.messages.is_none(), "{:?}", new);
                continue;
            }
            // A text that was deleted while somebody was away is gone for them without an event.
            let was_away = scenario.left.contains(&(self.me.clone(), id.clone()));
            prop_assert_eq!(old.object.is_some(), new.object.is_some(), "{} in {}", &self.me, id);
            if let (Some(old), Some(new)) = (&old.members, &new.members) {
                prop_assert_eq!(by_id(old), by_id(new));
            }
            if let (Some(old), Some(new)) = (old.shown(was_away, new), new.shown(false, new)) {
                prop_assert_eq!(old, new);
            }
            if let (Some(old_object), Some(new_object)) = (old.summary(&self.me, was_away, new), &new.object) {
                let fields: &[&str] = if old.messages.is_some() { &[] } else { &DERIVED };
                prop_assert_eq!(
                    normal(without(old_object, fields)),
                    normal(without(new_object.clone(), fields)),
                    "as {} sees it",
                    &self.me
                );
            }
        }
        Ok(())
    }
}

/// Members who joined by one event have no order among them, so they are compared by id.
fn by_id(members: &[Value]) -> BTreeMap<&str, &Value> {
    members.iter().map(|member| (text(&member["user"]["id"]), member)).collect()
}

/// The order of reactions is not promised.
fn normal(mut object: Value) -> Value {
    for path in ["/reactions", "/last_message/reactions"] {
        if let Some(reactions) = object.pointer_mut(path).and_then(Value::as_array_mut) {
            reactions.sort_by_key(|reaction| reaction["emoji"].to_string());
        }
    }
    object
}

impl View {
    fn set(&mut self, field: &str, value: Value) {
        if let Some(object) = &mut self.object {
            object[field] = value;
        }
    }

    fn begin(&mut self, event: &Value, me: &str) {
        let conversation = &event["data"]["conversation"];
        let members: Vec<_> = conversation["members"]
            .as_array()
            .expect("the members of a small group")
            .iter()
            .map(|member| json!({"user": member["user"], "role": member["role"], "since": event["time"]}))
            .collect();
        self.open(event, conversation);
        let own = members.iter().find(|member| member["user"]["id"] == me).expect("I am one of them");
        self.set("role", own["role"].clone());
        if conversation["kind"] == "direct" {
            let peer = members.iter().find(|member| member["user"]["id"] != me).expect("a peer");
            self.set("peer", peer["user"].clone());
        }
        self.members = Some(members);
        self.messages = Some(Vec::new());
    }

    /// Begins a membership by an event.
    fn open(&mut self, event: &Value, conversation: &Value) {
        let mut object = Map::new();
        for field in ["id", "kind", "title", "history", "members_count", "created_at"] {
            object.insert(field.to_owned(), conversation[field].clone());
        }
        let rest = json!({"peer": null, "archived": false, "muted": false, "read": event["cursor"]});
        object.extend(rest.as_object().expect("an object").clone());
        self.object = Some(Value::Object(object));
        self.last = None;
    }

    fn join(&mut self, event: &Value) {
        let data = &event["data"];
        self.open(event, &data["conversation"]);
        self.set("role", data["member"]["role"].clone());
        self.members = None;
        let joined = data["conversation"]["history"] == "joined";
        self.messages = joined.then(|| self.messages.take().unwrap_or_default());
    }

    fn leave(&mut self) {
        // What a member sees of a shared history, a former one may not.
        if self.object.take().is_none_or(|object| object["history"] == "shared") {
            self.messages = None;
        }
        (self.members, self.last) = (None, None);
    }

    fn update(&mut self, conversation: &Value) {
        for field in ["title", "members_count", "archived", "muted"] {
            if let Some(value) = conversation.get(field) {
                self.set(field, value.clone());
            }
        }
    }

    fn change(&mut self, kind: &str, data: &Value, me: &str) {
        let member = &data["member"];
        self.update(&data["conversation"]);
        if member["user"]["id"] == me {
            self.set("role", member["role"].clone());
        }
        let Some(members) = &mut self.members else { return };
        let place = members.iter().position(|other| other["user"]["id"] == member["user"]["id"]);
        match (kind, place) {
            ("member.joined", None) => members.push(member.clone()),
            ("member.updated", Some(place)) => members[place] = member.clone(),
            ("member.left", Some(place)) => drop(members.remove(place)),
            _ => panic!("{kind} of {member} in {members:?}"),
        }
    }

    fn push(&mut self, message: Value) {
        self.last = message["id"].as_str().map(str::to_owned);
        if let Some(messages) = &mut self.messages {
            messages.push(message);
        }
    }

    fn find(&mut self, id: &Value) -> Option<&mut Value> {
        self.messages.as_mut()?.iter_mut().find(|message| message["id"] == *id)
    }

    fn replace(&mut self, message: &Value) {
        if let Some(known) = self.find(&message["id"]) {
            let reactions = known["reactions"].take();
            *known = message.clone();
            if known["deleted_at"].is_null() {
                known["reactions"] = reactions;
            }
        }
    }

    fn react(&mut self, data: &Value, mine: bool, by: i64) {
        let Some(known) = self.find(&data["message_id"]) else { return };
        let reactions = known["reactions"].as_array_mut().expect("reactions");
        let emoji = &data["emoji"];
        let place = reactions.iter().position(|reaction| reaction["emoji"] == *emoji).unwrap_or_else(|| {
            reactions.push(json!({"emoji": emoji, "count": 0, "mine": false}));
            reactions.len() - 1
        });
        let reaction = &mut reactions[place];
        reaction["count"] = json!(reaction["count"].as_i64().expect("a count") + by);
        if mine {
            reaction["mine"] = json!(by > 0);
        }
        if reaction["count"] == 0 {
            reactions.remove(place);
        }
    }

    /// The messages; what was deleted while somebody was away is taken from `fresh`.
    fn shown(&self, was_away: bool, fresh: &Self) -> Option<Vec<Value>> {
        let messages = self.messages.as_ref()?.iter().map(|message| {
            let gone = fresh.messages.iter().flatten().find(|other| other["id"] == message["id"]);
            match gone.filter(|gone| was_away && !gone["deleted_at"].is_null()) {
                Some(gone) => gone.clone(),
                None => normal(message.clone()),
            }
        });
        Some(messages.collect())
    }

    /// The object with what follows from the messages.
    fn summary(&self, me: &str, was_away: bool, fresh: &Self) -> Option<Value> {
        let mut object = self.object.clone()?;
        let messages = self.shown(was_away, fresh).unwrap_or_default();
        let read = cursors::position(text(&object["read"]));
        let unread = messages.iter().filter(|message| {
            message["sender"]["id"] != me
                && message["deleted_at"].is_null()
                && cursors::position(text(&message["cursor"])) > read
        });
        let named = |message: &&Value| message["mentions"].as_array().is_some_and(|ids| ids.contains(&json!(me)));
        object["unread"] = json!(unread.clone().count());
        object["mentions"] = json!(unread.filter(named).count());
        let last = messages.iter().find(|message| message["id"].as_str() == self.last.as_deref());
        object["last_message"] = last.cloned().unwrap_or(Value::Null);
        Some(object)
    }
}
