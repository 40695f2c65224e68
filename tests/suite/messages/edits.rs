//! Editing and deleting messages: versions, who sees which, and that a deleted text is gone everywhere.

use serde_json::{Value, json};

use crate::support::transports::{events_after, types};
use crate::support::{TestApp, User, eventually, id};

/// Answers the texts of all versions that a user may read.
async fn versions(user: &User, message: &str) -> Vec<String> {
    let list = user.get(&format!("/v1/messages/{message}/edits")).await.expect(200);
    let items = list["items"].as_array().expect("items");
    items.iter().map(|item| item["text"].as_str().expect("a text").to_owned()).collect()
}

#[tokio::test]
async fn edit_changes_the_text_and_nothing_else() {
    let app = TestApp::builder().nodes(2).start().await;
    let [anna, bert] = app.guests(["anna", "bert"]).await;
    let group = anna.create_group(&[&bert]).await;
    let start = bert.now().await;
    let path = format!("/v1/conversations/{group}/messages");
    let sent = anna.post(&path, json!({"text": "helo", "metadata": {"a": [1]}})).await.expect(201);
    let edited = anna.edit(id(&sent), "hello @bert").await.expect(200);
    assert_eq!((&edited["text"], &edited["mentions"]), (&json!("hello @bert"), &json!([bert.id])));
    assert!(edited["edited_at"].is_string() && edited["deleted_at"].is_null(), "{edited}");
    for field in ["id", "conversation_id", "sender", "metadata", "reply_to", "created_at", "cursor", "reactions"] {
        assert_eq!(edited[field], sent[field], "{field}");
    }
    for user in [&anna, &bert.on(1)] {
        assert_eq!(user.message(id(&sent)).await.expect(200), edited);
        assert_eq!(user.history(&group, "").await.expect(200)["items"], json!([edited]));
        assert_eq!(user.conversation(&group).await.expect(200)["last_message"], edited);
        assert_eq!(versions(user, id(&sent)).await, ["helo", "hello @bert"]);
    }
    let events = events_after(&bert, &start, 2).await;
    assert_eq!(types(&events), ["message.created", "message.edited"]);
    assert_eq!(events[0]["data"]["message"], sent);
    assert_eq!(events[1]["data"]["message"], edited);
    assert_eq!(events[1]["actor"], json!({"id": anna.id, "name": "anna"}));
}

#[tokio::test]
async fn edit_to_the_same_text_is_no_event() {
    let app = TestApp::start().await;
    let anna = app.guest("anna").await;
    let group = anna.create_group(&[]).await;
    let sent = anna.say(&group, "hello").await;
    let start = anna.now().await;
    assert_eq!(anna.edit(id(&sent), "hello").await.expect(200), sent);
    assert_eq!(anna.poll(&start).await["events"], json!([]));
}

#[tokio::test]
async fn edit_is_allowed_to_the_author_while_a_member_only() {
    let app = TestApp::start().await;
    let [anna, bert, carl] = app.guests(["anna", "bert", "carl"]).await;
    let group = anna.create_group(&[&bert]).await;
    let sent = bert.say(&group, "hello").await;
    let message = id(&sent);
    anna.edit(message, "other").await.problem(403, "forbidden");
    carl.edit(message, "other").await.problem(404, "not_found");
    carl.edit(&anna.id, "other").await.problem(404, "not_found");
    for body in [json!({}), json!({"text": 1}), json!({"text": "a", "metadata": {}})] {
        bert.patch(&format!("/v1/messages/{message}"), body).await.problem(400, "malformed");
    }
    bert.edit(message, "").await.problem(422, "invalid");
    bert.edit(message, &"x".repeat(16_385)).await.problem(422, "invalid");
    bert.edit(message, "a\u{0}").await.problem(422, "invalid");
    bert.edit("nonsense", "a").await.problem(404, "not_found");
    bert.remove_member(&group, "me").await.expect(204);
    bert.edit(message, "other").await.problem(404, "not_found");
    assert_eq!(anna.message(message).await.expect(200), sent);
}

#[tokio::test]
async fn deleted_message_keeps_its_position_and_nothing_else() {
    let app = TestApp::builder().nodes(2).start().await;
    let [anna, bert] = app.guests(["anna", "bert"]).await;
    let group = anna.create_group(&[&bert]).await;
    let start = bert.now().await;
    let path = format!("/v1/conversations/{group}/messages");
    let sent = anna.post(&path, json!({"text": "secret one", "metadata": {"k": "secret"}})).await.expect(201);
    anna.edit(id(&sent), "secret two").await.expect(200);
    bert.react(id(&sent), "👍").await.expect(204);
    let live = bert.on(1).poll(&start).await;
    assert!(live.to_string().contains("secret"), "{live}");
    anna.delete_message(id(&sent)).await.expect(204);
    anna.delete_message(id(&sent)).await.expect(204);
    let gone = bert.message(id(&sent)).await.expect(200);
    assert!(gone["deleted_at"].is_string() && gone["edited_at"].is_null(), "{gone}");
    assert_eq!((&gone["text"], &gone["metadata"], &gone["reactions"]), (&Value::Null, &Value::Null, &json!([])));
    for field in ["id", "conversation_id", "sender", "created_at", "cursor"] {
        assert_eq!(gone[field], sent[field], "{field}");
    }
    assert_eq!(bert.history(&group, "").await.expect(200)["items"], json!([gone]));
    assert_eq!(versions(&bert, id(&sent)).await, Vec::<String>::new());
    let events = events_after(&bert, &start, 4).await;
    assert_eq!(types(&events), ["message.created", "message.edited", "reaction.added", "message.deleted"]);
    assert_eq!(events[3]["data"]["message"], gone);
    assert!(!json!(events).to_string().contains("secret"), "{events:#?}");
    // The other node has it in memory from before.
    eventually("the text leaves the other node's memory", crate::support::SOON, async || {
        let page = bert.on(1).poll(&start).await.to_string();
        (page.contains("message.deleted") && !page.contains("secret")).then_some(())
    })
    .await;
    let rows = app.sql().await.query("SELECT payload::text FROM events WHERE payload::text LIKE '%secret%'", &[]).await;
    assert_eq!(rows.expect("the log is read").len(), 0);
}

#[tokio::test]
async fn message_deletion_is_for_author_admins_and_owners_only() {
    let app = TestApp::start().await;
    let [anna, bert, carl, dora] = app.guests(["anna", "bert", "carl", "dora"]).await;
    let group = anna.create_group(&[&bert, &carl]).await;
    anna.put_member(&group, "carl", json!({"role": "admin"})).await.expect(200);
    let [one, two, three] = [bert.say(&group, "1").await, bert.say(&group, "2").await, anna.say(&group, "3").await];
    bert.delete_message(id(&three)).await.problem(403, "forbidden");
    dora.delete_message(id(&three)).await.problem(404, "not_found");
    carl.delete_message(id(&three)).await.expect(204);
    anna.delete_message(id(&one)).await.expect(204);
    bert.delete_message(id(&two)).await.expect(204);
    bert.edit(id(&two), "again").await.problem(403, "forbidden");
    bert.react(id(&two), "👍").await.problem(403, "forbidden");
    let direct = anna.send_to(&["bert"], "direct").await.expect(201);
    bert.delete_message(id(&direct)).await.problem(403, "forbidden");
    anna.delete_message(id(&direct)).await.expect(204);
}

#[tokio::test]
async fn former_member_reads_the_version_of_their_membership() {
    let app = TestApp::start().await;
    let [anna, bert] = app.guests(["anna", "bert"]).await;
    let group = anna.create_group(&[&bert]).await;
    let sent = anna.say(&group, "one").await;
    anna.edit(id(&sent), "two").await.expect(200);
    bert.remove_member(&group, "me").await.expect(204);
    anna.edit(id(&sent), "three").await.expect(200);
    anna.react(id(&sent), "👍").await.expect(204);
    let seen = bert.message(id(&sent)).await.expect(200);
    assert_eq!((&seen["text"], &seen["reactions"]), (&json!("two"), &json!([])));
    assert_eq!(bert.history(&group, "").await.expect(200)["items"], json!([seen]));
    assert_eq!(versions(&bert, id(&sent)).await, ["one", "two"]);
    bert.delete_message(id(&sent)).await.problem(404, "not_found");
    // A deleted text is gone for them, too.
    anna.delete_message(id(&sent)).await.expect(204);
    assert_eq!(bert.message(id(&sent)).await.expect(200)["text"], Value::Null);
}

#[tokio::test]
async fn version_from_between_two_memberships_stays_hidden_after_a_rejoin() {
    let app = TestApp::start().await;
    let [anna, bert] = app.guests(["anna", "bert"]).await;
    let group = anna.create_group(&[&bert]).await;
    let sent = anna.say(&group, "one").await;
    anna.remove_member(&group, "bert").await.expect(204);
    anna.edit(id(&sent), "hidden").await.expect(200);
    anna.put_member(&group, "bert", json!({})).await.expect(201);
    assert_eq!(bert.message(id(&sent)).await.expect(200)["text"], "one");
    anna.edit(id(&sent), "shown").await.expect(200);
    assert_eq!(bert.message(id(&sent)).await.expect(200)["text"], "shown");
    assert_eq!(versions(&bert, id(&sent)).await, ["one", "shown"]);
}

#[tokio::test]
async fn replayed_send_answers_the_present_version() {
    let app = TestApp::start().await;
    let [anna, bert] = app.guests(["anna", "bert"]).await;
    let group = anna.create_group(&[&bert]).await;
    let key = uuid::Uuid::now_v7().to_string();
    let sent = bert.send_with_key(&group, &key, "one").await.expect(201);
    let edited = bert.edit(id(&sent), "two").await.expect(200);
    let replayed = bert.send_with_key(&group, &key, "one").await;
    assert!(replayed.is_replay());
    assert_eq!(replayed.expect(201), edited);
    bert.remove_member(&group, "me").await.expect(204);
    assert_eq!(bert.send_with_key(&group, &key, "one").await.expect(201), edited);
    anna.delete_message(id(&sent)).await.expect(204);
    assert_eq!(bert.send_with_key(&group, &key, "one").await.expect(201)["text"], Value::Null);
}

#[tokio::test]
async fn message_with_extreme_numbers_in_its_metadata_can_be_deleted() {
    let app = TestApp::start().await;
    let anna = app.guest("anna").await;
    let group = anna.create_group(&[]).await;
    let path = format!("/v1/conversations/{group}/messages");
    let body = "{\"text\":\"secret\",\"metadata\":{\"a\":1e-20000}}";
    let request = anna.request(reqwest::Method::POST, &path).header("content-type", "application/json").body(body);
    let sent = anna.answer(request).await.expect(201);
    anna.delete_message(id(&sent)).await.expect(204);
    assert_eq!(anna.message(id(&sent)).await.expect(200)["metadata"], Value::Null);
}

#[tokio::test]
async fn message_edits_are_limited_in_number() {
    let app = TestApp::start().await;
    let anna = app.guest("anna").await;
    let group = anna.create_group(&[]).await;
    let sent = anna.say(&group, "0").await;
    for number in 1..=200 {
        anna.edit(id(&sent), &number.to_string()).await.expect(200);
    }
    anna.edit(id(&sent), "201").await.problem(422, "invalid");
    assert_eq!(anna.message(id(&sent)).await.expect(200)["text"], "200");
}
