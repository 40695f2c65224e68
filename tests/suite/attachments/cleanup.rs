//! Removing the bytes of attachments that nobody needs.

use serde_json::{Value, json};

use crate::support::{FileStore, Raw, SOON, TestApp, User, eventually};

async fn uploaded(user: &User, text: &str) -> String {
    text_of(&user.upload(text.to_owned(), &[]).await.expect(201)["id"])
}

fn text_of(value: &Value) -> String {
    value.as_str().expect("text").to_owned()
}

/// Lets an attachment be older.
async fn age(app: &TestApp, id: &str, hours: i32) {
    let statement = "UPDATE attachments SET created_at = created_at - make_interval(hours => $2) WHERE id::text = $1";
    assert_eq!(app.sql().await.execute(statement, &[&id, &hours]).await.expect("an update"), 1);
}

/// Waits until nothing is left to be removed.
async fn wait_until_clean(app: &TestApp) {
    let sql = app.sql().await;
    eventually("nothing is left to be removed", 3 * SOON, async || {
        let row = sql.query_one("SELECT count(*) FROM attachment_discards", &[]).await.expect("a count");
        (row.get::<_, i64>(0) == 0).then_some(())
    })
    .await;
}

/// Begins to upload 10 MiB, of which half comes.
async fn begin(user: &User) -> Raw {
    let mut line = Raw::connect(user).await;
    let head = line.request("POST", "/v1/attachments", "1.1", &format!("Content-Length: {}\r\n", 10 << 20));
    line.write(&head).await;
    line.write(&"x".repeat(5 << 20)).await;
    line
}

#[tokio::test]
async fn uploads_unsent_for_a_day_are_removed_and_sent_ones_are_kept() {
    let (app, files) = FileStore::start(2).await;
    let [anna, bert] = app.guests(["anna", "bert"]).await;
    let (old, young, sent) = (uploaded(&anna, "1").await, uploaded(&anna, "2").await, uploaded(&anna, "3").await);
    let group = anna.create_group(&[&bert]).await;
    anna.send_files(&group, &[&sent]).await.expect(201);
    for (id, hours) in [(&old, 25), (&young, 23), (&sent, 1_000)] {
        age(&app, id, hours).await;
    }
    files.wait_for(2, 0).await;
    wait_until_clean(&app).await;
    anna.attachment(&old, &[]).await.problem(404, "not_found");
    anna.send_files(&group, &[&old]).await.problem(422, "invalid");
    assert_eq!(bert.attachment(&sent, &[]).await.status, 200);
    anna.send_files(&group, &[&young]).await.expect(201);
}

#[tokio::test]
async fn files_of_a_deleted_message_are_gone_at_once_and_their_bytes_soon() {
    let (app, files) = FileStore::start(2).await;
    let [anna, bert] = app.guests(["anna", "bert"]).await;
    let group = anna.create_group(&[&bert]).await;
    let ids = [uploaded(&anna, "1").await, uploaded(&anna, "2").await, uploaded(&anna, "3").await];
    let message = text_of(&anna.send_files(&group, &[&ids[0], &ids[1]]).await.expect(201)["id"]);
    anna.send_files(&group, &[&ids[2]]).await.expect(201);
    anna.delete_message(&message).await.expect(204);
    for (id, node) in [(&ids[0], 0), (&ids[1], 1)] {
        anna.on(node).attachment(id, &[]).await.problem(404, "not_found");
        bert.on(node).attachment(id, &[]).await.problem(404, "not_found");
        anna.send_files(&group, &[id]).await.problem(422, "invalid");
    }
    let deleted = bert.message(&message).await.expect(200);
    assert_eq!((&deleted["attachments"], &deleted["text"]), (&json!([]), &Value::Null));
    let (events, _) = bert.collect("start", 4).await;
    let of_message: Vec<_> = events.iter().filter(|event| event["data"]["message"]["id"] == message.as_str()).collect();
    assert_eq!(of_message.len(), 2);
    assert!(of_message.iter().all(|event| event["data"]["message"]["attachments"] == json!([])), "{of_message:?}");
    assert_eq!(bert.attachment(&ids[2], &[]).await.status, 200);
    files.wait_for(1, 0).await;
    wait_until_clean(&app).await;
}

#[tokio::test]
async fn files_of_a_deleted_conversation_are_gone_too() {
    let (app, files) = FileStore::start(1).await;
    let [anna, bert] = app.guests(["anna", "bert"]).await;
    let (group, other) = (anna.create_group(&[&bert]).await, anna.create_group(&[&bert]).await);
    let (gone, kept) = (uploaded(&bert, "gone").await, uploaded(&bert, "kept").await);
    bert.send_files(&group, &[&gone]).await.expect(201);
    bert.send_files(&other, &[&kept]).await.expect(201);
    anna.delete(&format!("/v1/conversations/{group}")).await.expect(204);
    anna.attachment(&gone, &[]).await.problem(404, "not_found");
    bert.attachment(&gone, &[]).await.problem(404, "not_found");
    assert_eq!(anna.attachment(&kept, &[]).await.status, 200);
    files.wait_for(1, 0).await;
    wait_until_clean(&app).await;
}

#[tokio::test]
async fn files_of_messages_that_are_no_longer_kept_are_gone() {
    let (app, files) = FileStore::start(1).await;
    let [anna, bert] = app.guests(["anna", "bert"]).await;
    let group = anna.create_group(&[&bert]).await;
    let (old, young) = (uploaded(&anna, "old").await, uploaded(&anna, "young").await);
    anna.send_files(&group, &[&old]).await.expect(201);
    anna.send_files(&group, &[&young]).await.expect(201);
    // As retention moves it, whose partitions are too wide for a test.
    app.sql().await.execute("UPDATE log_epoch SET oldest_position = 3", &[]).await.expect("an update");
    files.wait_for(1, 0).await;
    anna.attachment(&old, &[]).await.problem(404, "not_found");
    assert_eq!(bert.attachment(&young, &[]).await.status, 200);
}

#[tokio::test]
async fn upload_whose_client_disconnects_leaves_nothing() {
    let (app, files) = FileStore::start(1).await;
    let anna = app.guest("anna").await;
    let line = begin(&anna).await;
    files.wait_for(0, 1).await;
    drop(line);
    files.wait_for(0, 0).await;
    wait_until_clean(&app).await;
    // Its place is free again, however often that happens.
    for _ in 0..8 {
        drop(begin(&anna).await);
    }
    files.wait_for(0, 0).await;
    eventually("an upload is taken", SOON, async || (anna.upload("x", &[]).await.status == 201).then_some(())).await;
}

#[tokio::test]
async fn upload_whose_node_dies_is_removed_after_its_time_limit() {
    let files = FileStore::new();
    let mut app = files.of(TestApp::builder().in_processes()).start().await;
    let anna = app.guest("anna").await;
    let kept = uploaded(&anna, "kept").await;
    let _line = begin(&anna).await;
    files.wait_for(1, 1).await;
    app.kill(0).await;
    app.restart(0).await;
    files.wait_for(1, 1).await;
    let sql = app.sql().await;
    assert_eq!(sql.execute("UPDATE attachment_discards SET due_at = now()", &[]).await.expect("an update"), 1);
    files.wait_for(1, 0).await;
    wait_until_clean(&app).await;
    assert_eq!(anna.attachment(&kept, &[]).await.text(), "kept");
}

#[tokio::test]
async fn object_under_removal_becomes_no_attachment() {
    let (app, files) = FileStore::start(1).await;
    let anna = app.guest("anna").await;
    let mut line = begin(&anna).await;
    files.wait_for(0, 1).await;
    let sql = app.sql().await;
    assert_eq!(sql.execute("UPDATE attachment_discards SET claimed = true", &[]).await.expect("an update"), 1);
    line.write(&"x".repeat(5 << 20)).await;
    assert_eq!(line.answer().await.status, 503);
    let row = sql.query_one("SELECT count(*) FROM attachments", &[]).await.expect("a count");
    assert_eq!(row.get::<_, i64>(0), 0);
}
