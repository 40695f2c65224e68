//! The contract of the stream in words.

use std::collections::{BTreeMap, BTreeSet};

use longwave::store::EventKind;
use serde_json::{Value, json};

use super::markdown::{blocks, document};
use crate::support::TestApp;

const EVENTS: [&str; 12] = [
    "message.created",
    "message.edited",
    "message.deleted",
    "reaction.added",
    "reaction.removed",
    "conversation.created",
    "conversation.updated",
    "conversation.deleted",
    "conversation.read",
    "member.joined",
    "member.updated",
    "member.left",
];
const EPHEMERAL: [&str; 2] = ["typing", "presence"];
const CONTROLS: [(&str, &str); 3] = [("ready", "Ready"), ("reset", "Reset"), ("end", "End")];

fn schemas() -> Value {
    let document: Value = serde_json::from_str(&document("openapi/openapi.json")).expect("JSON");
    document["components"]["schemas"].clone()
}

fn words(schema: &Value) -> Vec<&str> {
    schema["enum"].as_array().expect("words").iter().filter_map(Value::as_str).collect()
}

fn examples() -> Vec<Value> {
    let blocks = blocks(&document("openapi/stream.md"), "json");
    blocks.iter().map(|block| serde_json::from_str(block).unwrap_or_else(|error| panic!("{error}: {block}"))).collect()
}

/// Answers the examples that have this field, by their `type`.
fn examples_with(field: &str) -> BTreeMap<String, Value> {
    let named = |example: Value| Some((example["type"].as_str()?.to_owned(), example));
    examples().into_iter().filter(|example| example.get(field).is_some()).filter_map(named).collect()
}

/// Answers a value with nothing but its fields.
fn shape(value: &Value) -> Value {
    match value {
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), shape(value))).collect(),
        Value::Array(items) => items.first().map_or(Value::Null, shape),
        _ => Value::Null,
    }
}

#[test]
fn event_types_control_objects_and_codes_are_all_documented() {
    let (text, schemas) = (document("openapi/stream.md"), schemas());
    for kind in EVENTS {
        assert!(EventKind::parse(kind).is_some(), "{kind} is no event of the log");
    }
    let codes = ["EndCode", "ResetCode"].into_iter().flat_map(|name| words(&schemas[name]));
    let named = EVENTS.into_iter().chain(EPHEMERAL).chain(CONTROLS.map(|(name, _)| name)).chain(codes);
    for name in named {
        assert!(text.contains(&format!("`{name}`")), "{name} is not documented");
    }
}

#[test]
fn examples_of_control_objects_have_the_fields_of_the_openapi_document() {
    let schemas = schemas();
    let examples = examples();
    for (name, schema) in CONTROLS {
        let example = examples.iter().find(|example| example["type"] == name).unwrap_or_else(|| panic!("no {name}"));
        let names = |object: &Value| object.as_object().map(|fields| fields.keys().cloned().collect::<BTreeSet<_>>());
        assert_eq!(names(example), names(&schemas[schema]["properties"]), "{name}");
    }
}

#[tokio::test]
async fn examples_of_events_have_the_fields_of_real_events() {
    let app = TestApp::start().await;
    let [anna, bert, _] = app.guests(["anna", "bert", "carl"]).await;
    let group = anna.create_group(&[&bert]).await;
    bert.say(&group, "hi").await;
    anna.put_member(&group, "carl", json!({})).await.expect(201);
    anna.put_member(&group, "carl", json!({"role": "admin"})).await.expect(200);
    anna.remove_member(&group, "carl").await.expect(204);
    let (events, _) = anna.collect("start", 5).await;
    let real: BTreeMap<_, _> =
        events.iter().map(|event| (event["type"].as_str().expect("a type").to_owned(), shape(event))).collect();
    let shown: BTreeMap<_, _> =
        examples_with("data").into_iter().map(|(name, example)| (name, shape(&example))).collect();
    assert_eq!(shown, real);
}
