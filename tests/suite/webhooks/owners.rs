//! Whose webhooks these are, and what of the log they get.

use super::*;

#[tokio::test]
async fn webhook_posts_nothing_from_after_its_owner_left() {
    let app = start(1).await;
    let (anna, bert, group) = two_members(&app).await;
    let (mut target, mut other) = (Target::start().await, Target::start().await);
    register(&bert, &target).await;
    register(&anna, &other).await;
    anna.say(&group, "one").await;
    anna.remove_member(&group, "bert").await.expect(204);
    anna.say(&group, "secret").await;
    anna.put_member(&group, "bert", json!({})).await.expect(201);
    anna.say(&group, "two").await;
    let posted: Vec<_> = target.take(4).await;
    let kinds: Vec<_> = posted.iter().map(Posted::kind).collect();
    assert_eq!(kinds, ["message.created", "member.left", "member.joined", "message.created"]);
    assert_eq!((posted[0].text(), posted[3].text()), ("one".into(), "two".into()));
    assert_eq!(other.take(5).await[2].text(), "secret");
    assert!(target.is_idle());
}

#[tokio::test]
async fn private_events_are_posted_to_their_user_only() {
    let app = start(1).await;
    let (anna, bert, group) = two_members(&app).await;
    let (mut hers, mut his) = (Target::start().await, Target::start().await);
    register(&anna, &hers).await;
    register(&bert, &his).await;
    anna.patch(&format!("/v1/conversations/{group}"), json!({"archived": true})).await.expect(200);
    bert.say(&group, "one").await;
    assert_eq!(
        hers.take(2).await.iter().map(Posted::kind).collect::<Vec<_>>(),
        ["conversation.updated", "message.created"]
    );
    assert_eq!(his.next().await.text(), "one");
}

#[tokio::test]
async fn webhook_replay_has_no_deleted_text() {
    let app = start(1).await;
    let (anna, bert, group) = two_members(&app).await;
    let mut target = Target::start().await;
    let webhook = register(&bert, &target).await;
    let message = anna.say(&group, "secret").await;
    assert_eq!(target.next().await.text(), "secret");
    anna.delete_message(message["id"].as_str().expect("an id")).await.expect(204);
    assert_eq!(target.next().await.kind(), "message.deleted");
    replay(&bert, &webhook, "start").await.expect(200);
    let again = target.take(3).await;
    assert_eq!(again[1].event()["data"]["message"]["text"], Value::Null);
    assert!(again.iter().all(|posted| !String::from_utf8_lossy(&posted.body).contains("secret")));
}

#[tokio::test]
async fn webhook_of_a_disabled_owner_stops() {
    let app = start(1).await;
    let (anna, bert, group) = two_members(&app).await;
    let (mut target, mut other) = (Target::start().await, Target::start().await);
    register(&bert, &target).await;
    register(&anna, &other).await;
    let set = async |value: &str| {
        let statement = format!("UPDATE users SET disabled_at = {value} WHERE name = 'bert'");
        app.sql().await.batch_execute(&statement).await.expect("an update");
    };
    set("now()").await;
    anna.say(&group, "one").await;
    other.next().await;
    assert!(target.is_idle());
    set("NULL").await;
    assert_eq!(target.next().await.text(), "one");
}

#[tokio::test]
async fn webhooks_of_a_deleted_account_are_removed() {
    let app = start(1).await;
    let (anna, bert, _) = two_members(&app).await;
    let target = Target::start().await;
    for user in [&anna, &bert] {
        register(user, &target).await;
    }
    bert.delete("/v1/me").await.expect(204);
    let query =
        "SELECT count(*) FILTER (WHERE name = 'anna'), count(*) FROM webhooks w JOIN users u ON u.id = w.owner_id";
    let row = app.sql().await.query_one(query, &[]).await.expect("a row");
    assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1)), (1, 1));
}

#[tokio::test]
async fn webhook_posts_only_events_of_its_types_and_conversation() {
    let app = start(1).await;
    let (anna, bert, group) = two_members(&app).await;
    let (mut all, mut few) = (Target::start().await, Target::start().await);
    let body = json!({"url": few.url(), "conversation_id": group, "types": ["message.created"]});
    let webhook = bert.post("/v1/webhooks", body).await.expect(201);
    assert_eq!((&webhook["conversation_id"], &webhook["types"]), (&json!(group), &json!(["message.created"])));
    register(&bert, &all).await;
    let other = anna.create_group(&[&bert]).await;
    anna.say(&other, "elsewhere").await;
    anna.put_member(&group, "bert", json!({"role": "admin"})).await.expect(200);
    anna.say(&group, "here").await;
    assert_eq!(all.take(4).await[3].text(), "here");
    assert_eq!(few.next().await.text(), "here");
    assert_eq!(patch(&bert, &webhook, json!({"types": null})).await.expect(200)["types"], Value::Null);
    anna.put_member(&group, "bert", json!({"role": "member"})).await.expect(200);
    assert_eq!(few.next().await.kind(), "member.updated");
    for types in [json!([]), json!(["message.created", "message"])] {
        let body = json!({"url": few.url(), "types": types});
        bert.post("/v1/webhooks", body.clone()).await.problem(422, "invalid");
        patch(&bert, &webhook, json!({"types": types})).await.problem(422, "invalid");
    }
    let foreign = anna.create_group(&[]).await;
    for id in [foreign, Uuid::new_v4().to_string()] {
        let body = json!({"url": few.url(), "conversation_id": id});
        bert.post("/v1/webhooks", body).await.problem(404, "not_found");
    }
}

#[tokio::test]
async fn webhook_is_visible_to_its_owner_only() {
    let app = start(1).await;
    let (anna, bert, _) = two_members(&app).await;
    let target = Target::start().await;
    let webhook = register(&bert, &target).await;
    let nobody = json!({"id": Uuid::new_v4().to_string()});
    let malformed = json!({"id": "x"});
    for webhook in [&webhook, &nobody, &malformed] {
        anna.get(&path(webhook)).await.problem(404, "not_found");
        patch(&anna, webhook, json!({"state": "paused"})).await.problem(404, "not_found");
        replay(&anna, webhook, "start").await.problem(404, "not_found");
        anna.delete(&path(webhook)).await.problem(404, "not_found");
    }
    assert_eq!(anna.get("/v1/webhooks").await.expect(200)["items"], json!([]));
    patch(&bert, &webhook, json!({"owner": "anna"})).await.problem(400, "malformed");
    patch(&bert, &webhook, json!({"state": "gone"})).await.problem(400, "malformed");
    bert.post("/v1/webhooks", json!({})).await.problem(400, "malformed");
    assert_eq!(patch(&bert, &webhook, json!({})).await.expect(200)["state"], "active");
    bert.delete(&path(&webhook)).await.expect(204);
    bert.get(&path(&webhook)).await.problem(404, "not_found");
    bert.delete(&path(&webhook)).await.problem(404, "not_found");
}

#[tokio::test]
async fn webhooks_are_paged_and_limited_to_fifty() {
    let app = start(1).await;
    let anna = app.guest("anna").await;
    let mut made = HashSet::new();
    for number in 0..50 {
        let body = json!({"url": format!("http://127.0.0.1:1/{number}")});
        made.insert(anna.post("/v1/webhooks", body).await.expect(201)["id"].to_string());
    }
    anna.post("/v1/webhooks", json!({"url": "http://127.0.0.1:1/"})).await.problem(422, "invalid");
    let (mut listed, mut page) = (HashSet::new(), "?limit=20".to_owned());
    loop {
        let list = anna.get(&format!("/v1/webhooks{page}")).await.expect(200);
        listed.extend(list["items"].as_array().expect("items").iter().map(|item| item["id"].to_string()));
        let Some(next) = list["next"].as_str() else { break };
        page = format!("?page={next}");
    }
    assert_eq!(listed, made);
}

#[tokio::test]
async fn idempotency_key_creates_one_webhook_and_shows_its_secret_once() {
    let app = start(2).await;
    let (anna, bert, group) = two_members(&app).await;
    let (key, body) = (Uuid::new_v4().to_string(), json!({"url": "http://127.0.0.1:1/"}));
    let made = anna.post_with_key("/v1/webhooks", &key, body.clone()).await;
    assert!(!made.is_replay());
    let mut made = made.expect(201);
    assert_eq!(made["id"], key.as_str());
    assert!(made["secret"].as_str().is_some_and(|secret| secret.starts_with("whsec_")));
    made["secret"] = Value::Null;
    for node in 0..2 {
        let anna = anna.on(node);
        let again = anna.post_with_key("/v1/webhooks", &key, body.clone()).await;
        assert!(again.is_replay());
        assert_eq!(again.expect(201), made);
        let other = json!({"url": "http://127.0.0.1:2/"});
        anna.post_with_key("/v1/webhooks", &key, other).await.problem(422, "idempotency_key_reused");
        bert.on(node).post_with_key("/v1/webhooks", &key, body.clone()).await.problem(409, "idempotency_key_taken");
    }
    let message = anna.say(&group, "hi").await["id"].as_str().expect("an id").to_owned();
    anna.post_with_key("/v1/webhooks", &message, body.clone()).await.problem(422, "idempotency_key_reused");
    bert.post_with_key("/v1/webhooks", &message, body.clone()).await.problem(409, "idempotency_key_taken");
    let raced = Uuid::new_v4().to_string();
    let posts = (0..8).map(|index| {
        let (anna, raced, body) = (anna.on(index % 2), &raced, body.clone());
        async move { anna.post_with_key("/v1/webhooks", raced, body).await }
    });
    let answers = futures_util::future::join_all(posts).await;
    assert!(answers.iter().all(|answer| answer.expect(201)["id"] == raced.as_str()));
    assert_eq!(answers.iter().filter(|answer| !answer.is_replay()).count(), 1);
    assert_eq!(anna.get("/v1/webhooks").await.expect(200)["items"].as_array().map(Vec::len), Some(2));
}
