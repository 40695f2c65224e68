//! Messages with attachments, and who may have their files.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{FileStore, User, expected_events};

/// Uploads a text and answers its id.
async fn uploaded(user: &User, text: &str) -> String {
    text_of(&user.upload(text.to_owned(), &[]).await.expect(201)["id"])
}

fn text_of(value: &Value) -> String {
    value.as_str().expect("text").to_owned()
}

/// Asserts who may have a file.
async fn assert_seen(id: &str, by: &[&User], not_by: &[&User]) {
    for user in by {
        assert_eq!(user.attachment(id, &[]).await.status, 200, "{}", user.name);
    }
    for user in not_by {
        user.attachment(id, &[]).await.problem(404, "not_found");
    }
}

#[tokio::test]
async fn message_has_its_attachments_wherever_it_is_shown() {
    let (app, _files) = FileStore::start(2).await;
    let [anna, bert] = app.guests(["anna", "bert"]).await;
    let group = anna.create_group(&[&bert]).await;
    let start = bert.on(1).now().await;
    let uploads = [uploaded(&anna, "one").await, uploaded(&anna, "two").await];
    let shown = json!([anna.upload("three", &[]).await.expect(201), Value::Null]);
    let ids = [uploads[1].as_str(), uploads[0].as_str(), shown[0]["id"].as_str().expect("an id")];
    let message = anna.send_files(&group, &ids).await.expect(201);
    let named: Vec<_> =
        message["attachments"].as_array().expect("attachments").iter().map(|each| &each["id"]).collect();
    assert_eq!(named, ids);
    assert_eq!(message["attachments"][2], shown[0]);
    assert_eq!(bert.message(&text_of(&message["id"])).await.expect(200), message);
    assert_eq!(bert.history(&group, "").await.expect(200)["items"], json!([message]));
    let (events, _) = bert.on(1).collect(&start, 1).await;
    assert_eq!(events[0]["data"]["message"], message);
    for id in ids {
        assert_seen(id, &[&anna, &bert, &bert.on(1)], &[]).await;
    }
}

#[tokio::test]
async fn send_to_users_takes_attachments_in_new_and_existing_conversations() {
    let (app, _files) = FileStore::start(1).await;
    let [anna, bert, carl] = app.guests(["anna", "bert", "carl"]).await;
    for to in [json!(["bert"]), json!(["bert"]), json!(["bert", "carl"]), json!(["bert", "carl"])] {
        let id = uploaded(&anna, "x").await;
        let body = json!({"to": to, "text": "see", "attachments": [id]});
        let message = anna.post("/v1/messages", body.clone()).await.expect(201);
        assert_eq!(message["attachments"][0]["id"], id.as_str());
        assert_seen(&id, &[&anna, &bert], &[]).await;
        assert_eq!(carl.attachment(&id, &[]).await.status == 200, to.as_array().map(Vec::len) == Some(2));
        anna.post("/v1/messages", body).await.problem(422, "invalid");
    }
}

#[tokio::test]
async fn attachment_is_visible_exactly_where_its_message_is() {
    let (app, _files) = FileStore::start(1).await;
    let [anna, bert, carl, dora] = app.guests(["anna", "bert", "carl", "dora"]).await;
    for history in ["joined", "shared"] {
        let body = json!({"kind": "group", "members": ["bert"], "history": history});
        let group = text_of(&anna.post("/v1/conversations", body).await.expect(201)["id"]);
        let early = uploaded(&anna, "early").await;
        anna.send_files(&group, &[&early]).await.expect(201);
        assert_seen(&early, &[&anna, &bert], &[&carl, &dora]).await;
        anna.put_member(&group, "carl", json!({})).await.expect(201);
        let newcomer = carl.attachment(&early, &[]).await;
        assert_eq!(newcomer.status, if history == "shared" { 200 } else { 404 }, "{history}");
        anna.remove_member(&group, "bert").await.expect(204);
        let late = uploaded(&anna, "late").await;
        anna.send_files(&group, &[&late]).await.expect(201);
        assert_seen(&early, &[&anna, &bert], &[&dora]).await;
        assert_seen(&late, &[&anna, &carl], &[&bert, &dora]).await;
        carl.remove_member(&group, "me").await.expect(204);
        assert_seen(&late, &[&carl], &[]).await;
        assert_seen(&early, &[], &[&carl]).await;
    }
}

#[tokio::test]
async fn attachment_to_send_must_be_an_unsent_upload_of_the_sender() {
    let (app, _files) = FileStore::start(1).await;
    let [anna, bert] = app.guests(["anna", "bert"]).await;
    let group = anna.create_group(&[&bert]).await;
    let (own, foreign) = (uploaded(&anna, "own").await, uploaded(&bert, "foreign").await);
    let (unknown, sent) = (Uuid::new_v4().to_string(), uploaded(&anna, "sent").await);
    anna.send_files(&group, &[&sent]).await.expect(201);
    for bad in [&foreign, &unknown, &sent] {
        let problem = anna.send_files(&group, &[&own, bad]).await.problem(422, "invalid");
        assert_eq!(problem["errors"][0]["field"], "attachments[1]", "{problem}");
        let to = json!({"to": ["bert"], "text": "see", "attachments": [bad]});
        let problem = anna.post("/v1/messages", to).await.problem(422, "invalid");
        assert_eq!(problem["errors"][0]["field"], "attachments[0]", "{problem}");
    }
    let twice = anna.send_files(&group, &[&own, &own]).await.problem(422, "invalid");
    assert_eq!(twice["errors"][0]["field"], "attachments[1]");
    anna.send_files(&group, &[own.as_str(); 11]).await.problem(422, "invalid");
    anna.post("/v1/messages", json!({"to": ["bert"], "text": "see", "attachments": ["x"]}))
        .await
        .problem(400, "malformed");
    bert.attachment(&own, &[]).await.problem(404, "not_found");
    assert_eq!(bert.history(&group, "").await.expect(200)["items"].as_array().map(Vec::len), Some(1));
    // None of the refusals has used it.
    anna.send_files(&group, &[&own]).await.expect(201);
}

#[tokio::test]
async fn refused_send_leaves_its_attachment_unused() {
    let (app, _files) = FileStore::start(1).await;
    let [anna, bert] = app.guests(["anna", "bert"]).await;
    let group = bert.create_group(&[&anna]).await;
    let id = uploaded(&anna, "x").await;
    anna.remove_member(&group, "me").await.expect(204);
    anna.send_files(&group, &[&id]).await.problem(404, "not_found");
    anna.send_files(&Uuid::new_v4().to_string(), &[&id]).await.problem(404, "not_found");
    anna.send_files(&anna.create_group(&[]).await, &[&id]).await.expect(201);
}

#[tokio::test]
async fn racing_sends_attach_an_upload_once() {
    let (app, _files) = FileStore::start(2).await;
    let [anna, bert] = app.guests(["anna", "bert"]).await;
    let group = anna.create_group(&[&bert]).await;
    let id = uploaded(&anna, "x").await;
    let sends = (0..6).map(|index| {
        let (anna, group, id) = (anna.on(index % 2), &group, &id);
        async move { anna.send_files(group, &[id]).await.status }
    });
    let mut statuses = futures_util::future::join_all(sends).await;
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 422, 422, 422, 422, 422]);
    assert_eq!(bert.history(&group, "").await.expect(200)["items"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn edited_message_keeps_its_attachments() {
    let (app, _files) = FileStore::start(1).await;
    let [anna, bert] = app.guests(["anna", "bert"]).await;
    let group = anna.create_group(&[&bert]).await;
    let id = uploaded(&anna, "x").await;
    let message = anna.send_files(&group, &[&id]).await.expect(201);
    let start = bert.now().await;
    for text in ["once", "twice"] {
        let edited = anna.edit(&text_of(&message["id"]), text).await.expect(200);
        assert_eq!((&edited["attachments"], &edited["text"]), (&message["attachments"], &json!(text)));
    }
    let (events, _) = bert.collect(&start, 2).await;
    assert!(events.iter().all(|event| event["data"]["message"]["attachments"] == message["attachments"]), "{events:?}");
    assert_seen(&id, &[&anna, &bert], &[]).await;
}

#[tokio::test]
async fn repeated_send_with_attachments_is_one_message() {
    let (app, _files) = FileStore::start(2).await;
    let [anna, bert] = app.guests(["anna", "bert"]).await;
    let (group, key) = (anna.create_group(&[&bert]).await, Uuid::new_v4().to_string());
    let id = uploaded(&anna, "x").await;
    let (path, body) = (format!("/v1/conversations/{group}/messages"), json!({"text": "see", "attachments": [id]}));
    let sends = (0..6).map(|index| {
        let (anna, path, key, body) = (anna.on(index % 2), &path, &key, body.clone());
        async move { anna.post_with_key(path, key, body).await }
    });
    let answers = futures_util::future::join_all(sends).await;
    let first = answers[0].expect(201);
    assert_eq!(first["attachments"][0]["id"], id.as_str());
    assert!(answers.iter().all(|answer| answer.expect(201) == first));
    assert_eq!(answers.iter().filter(|answer| !answer.is_replay()).count(), 1);
    assert_eq!(expected_events::creations(&app.sql().await, std::slice::from_ref(&key)).await, [1]);
    anna.post_with_key(&path, &key, json!({"text": "see"})).await.problem(422, "idempotency_key_reused");
}
