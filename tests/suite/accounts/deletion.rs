//! Deleting an account, and what is left of it.

use serde_json::{Value, json};

use crate::support::{Answer, Database, SOON, TestApp, User, eventually, query};

async fn delete_account(user: &User) -> Answer {
    let body = if user.session.is_null() { json!({}) } else { json!({"password": User::PASSWORD}) };
    delete_with(user, body).await
}

async fn delete_with(user: &User, body: Value) -> Answer {
    user.answer(user.request(reqwest::Method::DELETE, "/v1/me").json(&body)).await
}

fn id(thing: &Value) -> &str {
    thing["id"].as_str().expect("an id")
}

/// Answers how many events have this text anywhere in them.
async fn count(app: &TestApp, text: &str) -> i64 {
    let query = format!("SELECT count(*) FROM events WHERE payload::text LIKE '%{text}%'");
    app.sql().await.query_one(&query, &[]).await.expect("a count").get(0)
}

fn kinds(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["type"].as_str().expect("a type")).collect()
}

#[tokio::test]
async fn account_deletion_ends_sessions_and_streams() {
    let app = TestApp::builder().nodes(2).start().await;
    let anna = app.user("anna").await;
    let elsewhere = anna.logged_in(&anna.on(1).log_in("anna", User::PASSWORD).await.expect(201)).on(1);
    let mut here = anna.ready_stream("").await;
    let mut there = elsewhere.ready_stream("").await;
    anna.put("/v1/cursors/phone", json!({"cursor": "now"})).await.expect(200);
    delete_account(&anna).await.expect(204);
    here.expect_end("revoked").await;
    there.expect_end("revoked").await;
    anna.me().await.problem(401, "session_revoked");
    eventually("the other node knows", SOON, async || (elsewhere.me().await.status != 200).then_some(())).await;
    elsewhere.me().await.problem(401, "session_revoked");
    let stranger = app.anonymous();
    stranger.log_in("anna", User::PASSWORD).await.problem(401, "credentials_wrong");
    let refresh = anna.session["refresh_token"].as_str().expect("a token");
    stranger.refresh(refresh).await.problem(401, "session_revoked");
    let again = json!({"name": "anna", "password": User::PASSWORD});
    stranger.post("/v1/users", again).await.problem(409, "name_taken");
}

#[tokio::test]
async fn account_deletion_ends_memberships_and_passes_ownership_on() {
    let app = TestApp::start().await;
    let [anna, bert, cara] = app.guests(["anna", "bert", "cara"]).await;
    let group = anna.create_group(&[&bert, &cara]).await;
    anna.put_member(&group, "cara", json!({"role": "admin"})).await.expect(200);
    let direct = id(&anna.direct(&bert).await.expect(201)).to_owned();
    bert.say(&direct, "mine stays").await;
    let before = bert.now().await;
    delete_account(&anna).await.expect(204);
    let (events, _) = bert.collect(&before, 3).await;
    let mut kinds_seen = kinds(&events);
    kinds_seen.sort_unstable();
    assert_eq!(kinds_seen, ["member.left", "member.left", "member.updated"]);
    let left = events.iter().find(|event| event["type"] == "member.left").expect("an event");
    assert_eq!(left["data"]["member"]["user"]["display_name"], "deleted user");
    assert_eq!(cara.conversation(&group).await.expect(200)["role"], "owner");
    assert_eq!(cara.members(&group).await.expect(200)["items"].as_array().map(Vec::len), Some(2));
    let seen = bert.conversation(&direct).await.expect(200);
    assert_eq!((&seen["peer"]["id"], &seen["members_count"]), (&json!(anna.id), &json!(1)));
    assert_eq!(seen["peer"]["display_name"], "deleted user");
    assert_eq!(bert.history(&direct, "").await.expect(200)["items"][0]["text"], "mine stays");
    bert.say(&direct, "to nobody").await;
}

#[tokio::test]
async fn account_deletion_erases_texts_everywhere_and_sends_delete_events() {
    let app = TestApp::builder().nodes(2).start().await;
    let [anna, bert] = app.guests(["anna", "bert"]).await;
    let group = anna.create_group(&[&bert]).await;
    let left = bert.create_group(&[&anna]).await;
    for number in 0..120 {
        anna.say(&group, &format!("secret {number}")).await;
    }
    let edited = anna.say(&left, "secret").await;
    anna.edit(id(&edited), "secret, too").await.expect(200);
    let deleted = anna.say(&left, "secret").await;
    anna.delete_message(id(&deleted)).await.expect(204);
    anna.remove_member(&left, "me").await.expect(204);
    let kept = bert.say(&group, "mine stays").await;
    let before = bert.now().await;
    let mut stream = bert.on(1).ready_stream("").await;
    delete_account(&anna).await.expect(204);
    assert_eq!(count(&app, "secret").await, 0);
    let (events, _) = bert.collect(&before, 123).await;
    let deletions: Vec<_> = events.iter().filter(|event| event["type"] == "message.deleted").collect();
    assert_eq!((events.len(), deletions.len()), (123, 121));
    assert!(deletions.iter().all(|event| event["data"]["message"]["text"].is_null()));
    for expected in &events {
        assert_eq!(stream.next_event().await.value["cursor"], expected["cursor"]);
    }
    for (conversation, expected) in [(&group, 121), (&left, 2)] {
        let page = bert.history(conversation, &query(&[("limit", "200")])).await.expect(200);
        let messages = page["items"].as_array().expect("items");
        assert_eq!(messages.len(), expected);
        for message in messages.iter().filter(|message| message["id"] != kept["id"]) {
            assert!(message["text"].is_null() && message["deleted_at"].is_string(), "{message}");
        }
    }
    for event in bert.on(1).collect("start", 240).await.0 {
        assert!(!event.to_string().contains("secret"), "{event}");
    }
}

#[tokio::test]
async fn account_deletion_with_a_wrong_password_changes_nothing() {
    let app = TestApp::start().await;
    let (anna, guest) = (app.user("anna").await, app.guest("guest").await);
    for body in [json!({"password": "another one"}), json!({"password": ""}), json!({})] {
        delete_with(&anna, body).await.problem(401, "credentials_wrong");
    }
    delete_with(&guest, json!({"password": User::PASSWORD})).await.problem(401, "credentials_wrong");
    delete_with(&anna, json!({"pasword": User::PASSWORD})).await.problem(400, "malformed");
    delete_with(&anna, json!({"password": 1})).await.problem(400, "malformed");
    delete_with(&app.anonymous(), json!({})).await.problem(401, "token_missing");
    anna.delete("/v1/me?x=1").await.problem(400, "malformed");
    anna.me().await.expect(200);
    guest.me().await.expect(200);
    delete_account(&guest).await.expect(204);
    guest.me().await.problem(401, "session_revoked");
}

#[tokio::test]
async fn deleted_account_gets_no_messages_and_no_invitations() {
    let app = TestApp::start().await;
    let [anna, bert] = app.guests(["anna", "bert"]).await;
    let group = bert.create_group(&[]).await;
    delete_account(&anna).await.expect(204);
    bert.put_member(&group, "anna", json!({})).await.problem(404, "not_found");
    bert.send_to(&["anna"], "hello").await.problem(422, "invalid");
    bert.direct(&anna).await.problem(422, "invalid");
}

#[tokio::test]
async fn bots_and_webhooks_are_deleted_with_their_owner() {
    let app = TestApp::start().await;
    let [anna, bert] = app.guests(["anna", "bert"]).await;
    let group = bert.create_group(&[&anna]).await;
    let made = anna.post("/v1/bots", json!({"name": "robot"})).await.expect(201);
    let token = anna.post("/v1/bots/robot/tokens", json!({"name": "server"})).await.expect(201);
    let bot = app.anonymous().with_token(token["token"].as_str().expect("a token"));
    bert.put_member(&group, "robot", json!({})).await.expect(201);
    bot.say(&group, "secret of the bot").await;
    bot.post("/v1/webhooks", json!({"url": "https://1.1.1.1/hook"})).await.expect(201);
    anna.post("/v1/webhooks", json!({"url": "https://1.1.1.1/hook"})).await.expect(201);
    let mut stream = bot.ready_stream("").await;
    delete_account(&anna).await.expect(204);
    stream.expect_end("revoked").await;
    bot.me().await.problem(401, "session_revoked");
    assert_eq!(count(&app, "secret").await, 0);
    let hooks: i64 = app.sql().await.query_one("SELECT count(*) FROM webhooks", &[]).await.expect("a count").get(0);
    assert_eq!(hooks, 0);
    let left = bert.get(&format!("/v1/users/{}", id(&made))).await.expect(200);
    assert_eq!((&left["display_name"], &left["role"]), (&json!("deleted user"), &json!("bot")));
    assert_eq!(bert.members(&group).await.expect(200)["items"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn erasure_that_a_dead_node_left_is_finished_by_the_next() {
    let app = TestApp::start().await;
    let [anna, bert] = app.guests(["anna", "bert"]).await;
    let group = anna.create_group(&[&bert]).await;
    anna.say(&group, "secret").await;
    let close = "UPDATE users SET deleted_at = now(), disabled_at = now() WHERE name = 'anna'";
    app.sql().await.batch_execute(close).await.expect("a closed account");
    let next = TestApp::builder().database(Database::at(app.database.url())).start().await;
    eventually("the text is gone", SOON, async || (count(&next, "secret").await == 0).then_some(())).await;
    let members = bert.members(&group).await.expect(200);
    assert_eq!(members["items"].as_array().map(Vec::len), Some(1), "{members}");
}

#[tokio::test]
async fn name_of_a_deleted_account_is_free_after_thirty_days() {
    let app = TestApp::start().await;
    let anna = app.user("anna").await;
    delete_account(&anna).await.expect(204);
    let age = |days: u32| {
        format!("UPDATE users SET deleted_at = now() - interval '{days} days' WHERE display_name = 'deleted user'")
    };
    let register = async || {
        // It looks when it starts.
        let next = TestApp::builder().database(Database::at(app.database.url())).start().await;
        let erased = "SELECT count(*) FROM users WHERE erased_at IS NOT NULL";
        let erased = async || {
            (next.sql().await.query_one(erased, &[]).await.expect("a count").get::<_, i64>(0) == 1).then_some(())
        };
        eventually("the account is erased", SOON, erased).await;
        let body = json!({"name": "anna", "password": User::PASSWORD});
        next.anonymous().post("/v1/users", body).await
    };
    app.sql().await.batch_execute(&age(29)).await.expect("another time");
    register().await.problem(409, "name_taken");
    app.sql().await.batch_execute(&age(31)).await.expect("another time");
    let freed = async || (register().await.status == 201).then_some(());
    eventually("the name is free", 3 * SOON, freed).await;
    let old = app.guest("bert").await.get(&format!("/v1/users/{}", anna.id)).await.expect(200);
    assert!(old["name"].as_str().is_some_and(|name| name.starts_with("deleted-") && name.len() == 32), "{old}");
    assert_eq!(old["display_name"], "deleted user");
}
