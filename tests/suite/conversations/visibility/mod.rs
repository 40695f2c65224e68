//! By every way of reading, each user gets what the log says that they may see, and nothing else,
//! while members come and go.

mod model;
mod side_channels;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::random_actions::{self, Scenario};
use crate::support::{FileStore, TestApp, User, cursors, query};
use model::{Model, Shown};

/// The number of scenarios, one after the other.
const SCENARIOS: usize = 4;
/// The number of actions in each.
const ACTIONS: usize = 120;

fn items(list: &Value) -> &[Value] {
    assert!(list["next"].is_null(), "more than a page");
    list["items"].as_array().expect("items")
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("text instead of {value}")).to_owned()
}

fn positions(events: &[Value]) -> Vec<i64> {
    events.iter().map(|event| cursors::position(&text(&event["cursor"]))).collect()
}

fn shown(message: &Value) -> Shown {
    Shown {
        id: text(&message["id"]),
        position: cursors::position(&text(&message["cursor"])),
        sender: text(&message["sender"]["id"]),
        text: message["text"].as_str().map(str::to_owned),
        mentions: message["mentions"].as_array().expect("ids").iter().map(text).collect(),
    }
}

/// Polls from a cursor to the head.
async fn polled(user: &User, after: &str, only: Option<&str>) -> Vec<Value> {
    let (mut events, mut after) = (Vec::new(), after.to_owned());
    loop {
        let mut pairs = vec![("after", after.as_str()), ("wait", "0"), ("limit", "50")];
        pairs.extend(only.map(|only| ("conversation", only)));
        let batch = user.updates(&query(&pairs)).await.expect(200);
        events.extend(batch["events"].as_array().expect("events").iter().cloned());
        if batch["has_more"] == false {
            return events;
        }
        after = text(&batch["cursor"]);
    }
}

/// Reads as many events from a stream as were polled, and asserts that they are the same.
async fn check_streams(user: &User, after: &str, expected: &[Value]) {
    let path = format!("/v1/stream{}", query(&[("after", after)]));
    for accept in ["text/event-stream", "application/x-ndjson"] {
        let mut stream = user.open_stream(user.request(Method::GET, &path).header("accept", accept)).await;
        stream.next_of("ready").await;
        for event in expected {
            assert_eq!(stream.next_event().await.value, *event, "by {accept}");
        }
    }
}

async fn check_user(model: &Model, scenario: &Scenario, user: &User, start: &str) {
    let events = polled(user, start, None).await;
    assert_eq!(positions(&events), model.streamed(&user.id, None), "{} polls", user.name);
    check_streams(user, start, &events).await;
    let mine: Vec<_> = scenario.conversations.iter().filter(|id| model.is_member(&user.id, id)).collect();
    let list = user.conversations("?limit=200").await.expect(200);
    let mut listed: Vec<_> = items(&list).iter().map(|item| text(&item["id"])).collect();
    let mut expected: Vec<_> = mine.iter().map(|id| (*id).clone()).collect();
    listed.sort();
    expected.sort();
    assert_eq!(listed, expected, "{} lists", user.name);
    for conversation in &scenario.conversations {
        check_conversation(model, scenario, user, conversation, start).await;
    }
}

async fn check_conversation(model: &Model, scenario: &Scenario, user: &User, conversation: &str, start: &str) {
    let (member, knows) = (model.is_member(&user.id, conversation), model.knows(&user.id, conversation));
    let history = user.history(conversation, "?order=asc&limit=200").await;
    let messages = model.messages(&user.id, conversation);
    if knows {
        let read: Vec<_> = items(&history.expect(200)).iter().map(shown).collect();
        assert_eq!(read, messages, "{} reads", user.name);
        let events = polled(user, start, Some(conversation)).await;
        assert_eq!(positions(&events), model.streamed(&user.id, Some(conversation)), "{} narrows", user.name);
    } else {
        history.problem(404, "not_found");
        let narrowed = query(&[("conversation", conversation), ("after", start), ("wait", "0")]);
        user.updates(&narrowed).await.problem(404, "not_found");
    }
    let view = user.conversation(conversation).await;
    if member {
        let view = view.expect(200);
        let (unread, mentions) = model.unread(&user.id, conversation);
        assert_eq!((&view["unread"], &view["mentions"]), (&json!(unread), &json!(mentions)), "{} counts", user.name);
        assert_eq!(cursors::position(&text(&view["read"])), model.read_mark(&user.id, conversation));
    } else {
        view.problem(404, "not_found");
        user.members(conversation).await.problem(404, "not_found");
    }
    check_reports(model, user, conversation, messages.len()).await;
    check_messages(model, scenario, user, conversation, &messages).await;
}

/// Checks what members alone get of a whole conversation.
async fn check_reports(model: &Model, user: &User, conversation: &str, messages: usize) {
    let export = user.get(&format!("/v1/conversations/{conversation}/export")).await;
    let stats = user.get(&format!("/v1/conversations/{conversation}/stats?by=member")).await;
    if !model.is_member(&user.id, conversation) {
        export.problem(404, "not_found");
        stats.problem(404, "not_found");
        return;
    }
    let lines = export.text();
    let events: Vec<_> = lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(positions(&events), model.exported(&user.id, conversation), "{} exports", user.name);
    let stats = stats.expect(200);
    let counts = stats["items"].as_array().expect("items").iter().filter_map(|item| item["messages"].as_u64());
    assert_eq!(counts.sum::<u64>(), messages as u64, "{} has counted", user.name);
}

/// Checks each message of the scenario that is of a conversation, one by one.
async fn check_messages(model: &Model, scenario: &Scenario, user: &User, conversation: &str, messages: &[Shown]) {
    let member = model.is_member(&user.id, conversation);
    for (id, _) in scenario.messages.iter().filter(|(id, _)| model.conversation_of(id) == Some(conversation)) {
        let expected = messages.iter().find(|message| message.id == *id);
        let got = user.message(id).await;
        let edits = user.get(&format!("/v1/messages/{id}/edits")).await;
        let receipts = user.get(&format!("/v1/messages/{id}/receipts")).await;
        match expected {
            Some(message) => {
                assert_eq!(shown(&got.expect(200)), *message, "{} gets", user.name);
                let last = items(&edits.expect(200)).last().map(|edit| text(&edit["text"]));
                assert_eq!(last, message.text, "the last version that {} reads", user.name);
            }
            None => {
                got.problem(404, "not_found");
                edits.problem(404, "not_found");
            }
        }
        match expected.filter(|_| member) {
            Some(message) => {
                for item in items(&receipts.expect(200)) {
                    let read = model.read_mark(&text(&item["user"]["id"]), conversation);
                    assert_eq!(cursors::position(&text(&item["read"])), read);
                    assert_eq!(item["has_read"], json!(read >= message.position));
                }
            }
            None => drop(receipts.problem(404, "not_found")),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn visibility_by_every_way_of_reading_is_what_the_log_says() {
    let files = FileStore::new();
    let app = files.of(TestApp::builder()).flag("--webhook-private-targets", "on").start().await;
    let sql = app.sql().await;
    let mut runner = TestRunner::default();
    for number in 0..SCENARIOS {
        let mut scenario = Scenario::new(&app, number).await;
        let start = scenario.users[0].now().await;
        let mut hooks = side_channels::register(&scenario).await;
        let actions =
            proptest::collection::vec(random_actions::actions(), ACTIONS).new_tree(&mut runner).expect("actions");
        scenario.perform_all(&actions.current()).await.expect("nothing fails");
        let model = Model::read(&sql, &scenario.conversations).await;
        let left: usize = scenario.users.iter().map(|user| model.streamed(&user.id, None).len()).sum();
        assert!(left < scenario.users.len() * model.events.len(), "everybody saw everything: too little came and went");
        for user in &scenario.users {
            check_user(&model, &scenario, user, &start).await;
        }
        side_channels::check_webhooks(&model, &scenario, &mut hooks).await;
        side_channels::check_searches(&app, &model, &scenario).await;
        side_channels::check_files(&model, &scenario).await;
        side_channels::check_presence(&model, &scenario).await;
        side_channels::check_typing(&model, &scenario).await;
    }
}
