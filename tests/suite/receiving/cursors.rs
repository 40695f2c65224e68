//! Cursors that the server keeps under names, and cursors of other epochs.

use serde_json::{Value, json};

use crate::support::{Database, TestApp, User, cursors, query};

async fn two_members(app: &TestApp) -> (User, User, String) {
    let [anna, bert] = app.guests(["anna", "bert"]).await;
    let group = anna.create_group(&[&bert]).await;
    (anna, bert, group)
}

fn texts(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["data"]["message"]["text"].as_str().expect("a text")).collect()
}

#[tokio::test]
async fn named_cursor_is_stored_listed_and_deleted() {
    let app = TestApp::builder().nodes(2).start().await;
    let (anna, bert, group) = two_members(&app).await;
    let first = bert.now().await;
    let put = bert.put("/v1/cursors/phone", json!({"cursor": first})).await.expect(200);
    assert_eq!((&put["name"], &put["cursor"], &put["lag"]), (&json!("phone"), &json!(first), &json!(0)));
    assert!(put["updated_at"].is_string(), "{put}");
    anna.say(&group, "one").await;
    anna.say(&anna.create_group(&[]).await, "not for bert").await;
    let kept = bert.on(1).get("/v1/cursors/phone").await.expect(200);
    assert_eq!((&kept["cursor"], &kept["lag"]), (&json!(first), &json!(3)));
    assert_eq!(bert.get("/v1/cursors").await.expect(200)["items"], json!([kept]));
    assert_eq!(anna.get("/v1/cursors").await.expect(200)["items"], json!([]));
    anna.get("/v1/cursors/phone").await.problem(404, "not_found");
    bert.delete("/v1/cursors/phone").await.expect(204);
    bert.get("/v1/cursors/phone").await.problem(404, "not_found");
    bert.delete("/v1/cursors/phone").await.problem(404, "not_found");
}

#[tokio::test]
async fn named_cursor_moves_backward_only_on_rewind() {
    let app = TestApp::start().await;
    let (anna, bert, group) = two_members(&app).await;
    let first = bert.now().await;
    anna.say(&group, "one").await;
    let second = bert.now().await;
    let put = async |body: Value| bert.put("/v1/cursors/phone", body).await;
    put(json!({"cursor": second})).await.expect(200);
    put(json!({"cursor": second})).await.expect(200);
    put(json!({"cursor": first})).await.problem(409, "cursor_behind");
    put(json!({"cursor": "start"})).await.problem(409, "cursor_behind");
    put(json!({"cursor": first, "rewind": false})).await.problem(409, "cursor_behind");
    assert_eq!(bert.get("/v1/cursors/phone").await.expect(200)["cursor"], second.as_str());
    assert_eq!(put(json!({"cursor": first, "rewind": true})).await.expect(200)["cursor"], first.as_str());
    assert_eq!(put(json!({"cursor": "now"})).await.expect(200)["cursor"], second.as_str());
    assert_eq!(put(json!({"cursor": "start", "rewind": true})).await.expect(200)["lag"], 2);
    put(json!({"cursor": "nonsense"})).await.problem(400, "cursor_malformed");
    put(json!({"cursor": cursors::moved(&second, 1000)})).await.problem(410, "cursor_unknown");
    put(json!({"cursor": cursors::foreign(&second)})).await.problem(410, "cursor_unknown");
    put(json!({})).await.problem(400, "malformed");
}

#[tokio::test]
async fn racing_devices_leave_the_furthest_cursor() {
    let app = TestApp::builder().nodes(2).start().await;
    let (anna, bert, group) = two_members(&app).await;
    let mut all = Vec::new();
    for number in 0..20 {
        anna.say(&group, &number.to_string()).await;
        all.push(bert.now().await);
    }
    let furthest = all.last().expect("a cursor").clone();
    fastrand::shuffle(&mut all);
    let puts = all.iter().enumerate().map(|(index, cursor)| {
        let bert = bert.on(index % 2);
        async move { bert.put("/v1/cursors/phone", json!({"cursor": cursor})).await.status }
    });
    let statuses = futures_util::future::join_all(puts).await;
    assert!(statuses.iter().all(|status| [200, 409].contains(status)), "{statuses:?}");
    assert_eq!(bert.get("/v1/cursors/phone").await.expect(200)["cursor"], furthest.as_str());
}

#[tokio::test]
async fn reading_moves_no_named_cursor_and_streams_start_at_one() {
    let app = TestApp::builder().nodes(2).start().await;
    let (anna, bert, group) = two_members(&app).await;
    let put = bert.put("/v1/cursors/phone", json!({"cursor": "now"})).await.expect(200);
    anna.say(&group, "one").await;
    anna.say(&group, "two").await;
    for node in 0..2 {
        let bert = bert.on(node);
        let mut stream = bert.ready_stream("?after=@phone").await;
        assert_eq!([stream.next_event().await.text(), stream.next_event().await.text()], ["one", "two"]);
        assert_eq!(texts(&bert.collect("@phone", 2).await.0), ["one", "two"]);
        let kept = bert.get("/v1/cursors/phone").await.expect(200);
        assert_eq!((&kept["lag"], &kept["cursor"]), (&json!(2), &put["cursor"]));
    }
    bert.get("/v1/stream?after=@tablet").await.problem(404, "not_found");
    anna.updates("?after=@phone&wait=0").await.problem(404, "not_found");
}

#[tokio::test]
async fn cursor_of_an_older_epoch_is_valid_below_the_first_position_of_the_next() {
    let app = TestApp::builder().nodes(2).start().await;
    let (anna, bert, group) = two_members(&app).await;
    let first = bert.now().await;
    anna.say(&group, "one").await;
    let last = bert.now().await;
    begin_epoch(&app).await;
    anna.say(&group, "two").await;
    for node in 0..2 {
        let bert = bert.on(node);
        assert_eq!(texts(&bert.collect(&first, 2).await.0), ["one", "two"]);
        let (events, cursor) = bert.collect(&last, 1).await;
        assert_eq!(texts(&events), ["two"]);
        let of_old_epoch = cursors::moved(&last, 1);
        assert_ne!(cursor, of_old_epoch, "the epoch has not changed");
        let answer = bert.updates(&query(&[("after", &of_old_epoch), ("wait", "0")])).await;
        answer.problem(410, "cursor_unknown");
    }
    anna.say(&group, "three").await;
    assert_eq!(texts(&bert.on(1).collect(&last, 2).await.0), ["two", "three"]);
}

/// Does what `longwave new-epoch` does after a restore.
async fn begin_epoch(app: &TestApp) {
    let statement = "SELECT log_enter_epoch((SELECT system_identifier FROM log_epoch ORDER BY number DESC LIMIT 1),
                                            (SELECT head FROM log_lock(0)), true)";
    app.sql().await.batch_execute(statement).await.expect("a new epoch");
}

#[tokio::test]
async fn cursor_below_the_oldest_kept_position_is_expired() {
    let app = TestApp::start().await;
    let (anna, bert, group) = two_members(&app).await;
    let old = bert.poll("start").await["from"].as_str().expect("a cursor").to_owned();
    for text in ["one", "two", "three"] {
        anna.say(&group, text).await;
    }
    let retire = "UPDATE log_epoch SET oldest_position = (SELECT max(position) FROM events)";
    app.sql().await.batch_execute(retire).await.expect("retention");
    let later = TestApp::builder().database(Database::at(app.database.url())).start().await;
    let bert = later.guest("bert").await;
    let answer = bert.updates(&query(&[("after", &old), ("wait", "0")])).await;
    let head = answer.problem(410, "cursor_expired")["cursor"].clone();
    let mut stream = bert.stream(&query(&[("after", &old)])).await;
    let reset = stream.next().await;
    assert_eq!((reset.kind.as_str(), &reset.value["code"]), ("reset", &json!("cursor_expired")));
    assert_eq!(reset.value["cursor"], head);
    assert_eq!(texts(&bert.collect("start", 1).await.0), ["three"]);
}
