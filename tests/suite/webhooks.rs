//! Webhooks: what is posted, when, to whom, and to whom not.

use std::collections::HashSet;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Answer, Database, Posted, Reply, SOON, Target, TestApp, User, cursors, eventually};

async fn start(nodes: usize) -> TestApp {
    TestApp::builder().nodes(nodes).flag("--webhook-private-targets", "on").start().await
}

async fn setting(app: &TestApp) -> (User, User, String) {
    let [anna, bert] = app.guests(["anna", "bert"]).await;
    let group = anna.create_group(&[&bert]).await;
    (anna, bert, group)
}

async fn register(user: &User, target: &Target) -> Value {
    user.post("/v1/webhooks", json!({"url": target.url()})).await.expect(201)
}

fn path(webhook: &Value) -> String {
    format!("/v1/webhooks/{}", webhook["id"].as_str().expect("an id"))
}

async fn patch(user: &User, webhook: &Value, body: Value) -> Answer {
    user.patch(&path(webhook), body).await
}

async fn replay(user: &User, webhook: &Value, cursor: &str) -> Answer {
    user.post(&format!("{}/replay", path(webhook)), json!({"cursor": cursor})).await
}

/// Waits until the webhook is as `is` wants it.
async fn when(user: &User, webhook: &Value, what: &str, is: impl Fn(&Value) -> bool) -> Value {
    let path = path(webhook);
    eventually(what, SOON, async || Some(user.get(&path).await.expect(200)).filter(|webhook| is(webhook))).await
}

/// Lets the next attempt be made now.
async fn hurry(app: &TestApp) {
    app.sql().await.batch_execute("UPDATE webhooks SET next_attempt_at = now()").await.expect("an update");
}

fn texts(posted: &[Posted]) -> Vec<String> {
    posted.iter().map(Posted::text).collect()
}

#[tokio::test]
async fn each_event_is_posted_as_streams_carry_it_and_signed() {
    let app = start(1).await;
    let [anna, bert] = app.guests(["anna", "bert"]).await;
    let mut target = Target::start().await;
    let webhook = register(&bert, &target).await;
    let secret = webhook["secret"].as_str().expect("a secret");
    assert_eq!((&webhook["state"], &webhook["types"]), (&json!("active"), &Value::Null));
    let from = webhook["cursor"].as_str().expect("a cursor");
    let group = anna.create_group(&[&bert]).await;
    anna.say(&group, "one\r\n{\"two\"}").await;
    let posted = target.take(2).await;
    let (events, cursor) = bert.collect(from, 2).await;
    assert_eq!(posted.iter().map(Posted::event).collect::<Vec<_>>(), events);
    let ids: HashSet<_> = posted.iter().map(|posted| posted.header("webhook-id")).collect();
    assert_eq!(ids.len(), 2);
    for posted in &posted {
        posted.verify(secret);
        assert_eq!(posted.header("content-type"), "application/json");
        assert!(!posted.body.contains(&b'\n'));
    }
    let now = when(&bert, &webhook, "the cursor moves", |now| now["cursor"] == cursor.as_str()).await;
    assert_eq!(now["secret"], Value::Null);
    assert_eq!(bert.get("/v1/webhooks").await.expect(200)["items"], json!([now]));
}

#[tokio::test]
async fn a_failed_event_is_posted_again_under_its_id_before_any_later_one() {
    let app = start(1).await;
    let (anna, bert, group) = setting(&app).await;
    let mut target = Target::start().await;
    target.reply([Reply::Status(500), Reply::Status(503)]);
    let webhook = register(&bert, &target).await;
    anna.say(&group, "one").await;
    let first = target.next().await;
    let failing = when(&bert, &webhook, "the failure is told", |now| now["last_error"].is_string()).await;
    assert_eq!((&failing["last_error"], &failing["state"]), (&json!("the target answered 500"), &json!("active")));
    assert!(failing["failing_since"].is_string() && failing["cursor"] == webhook["cursor"], "{failing}");
    anna.say(&group, "two").await;
    hurry(&app).await;
    let second = target.next().await;
    when(&bert, &webhook, "the second failure", |now| now["last_error"] == "the target answered 503").await;
    hurry(&app).await;
    let rest = target.take(2).await;
    assert_eq!(
        (first.text(), second.text(), texts(&rest)),
        ("one".into(), "one".into(), vec!["one".into(), "two".into()])
    );
    let id = first.header("webhook-id");
    assert!(second.header("webhook-id") == id && rest[0].header("webhook-id") == id);
    assert_ne!(rest[1].header("webhook-id"), id);
    rest[0].verify(webhook["secret"].as_str().expect("a secret"));
    let well = when(&bert, &webhook, "all is well", |now| now["last_error"].is_null()).await;
    assert_eq!(well["failing_since"], Value::Null);
}

#[tokio::test]
async fn a_node_that_starts_later_goes_on_where_the_last_one_stopped() {
    let mut app = start(1).await;
    let (anna, bert, group) = setting(&app).await;
    let mut target = Target::start().await;
    register(&bert, &target).await;
    anna.say(&group, "one").await;
    assert_eq!(target.next().await.text(), "one");
    app.stop(0).await;
    let later = TestApp::builder()
        .flag("--webhook-private-targets", "on")
        .database(Database::at(app.database.url()))
        .start()
        .await;
    let anna = later.guest("anna").await;
    for text in ["two", "three"] {
        anna.say(&group, text).await;
    }
    assert_eq!(texts(&target.take(2).await), ["two", "three"]);
}

#[tokio::test]
async fn what_a_killed_node_was_posting_is_posted_again_by_the_next() {
    let mut app = TestApp::builder().in_processes().flag("--webhook-private-targets", "on").start().await;
    let (anna, bert, group) = setting(&app).await;
    let mut target = Target::start().await;
    target.reply([Reply::Status(200), Reply::Never]);
    register(&bert, &target).await;
    for text in ["one", "two", "three"] {
        anna.say(&group, text).await;
    }
    let before = target.take(2).await;
    app.kill(0).await;
    app.restart(0).await;
    // What half a minute does.
    app.sql().await.batch_execute("UPDATE webhooks SET lease_until = now()").await.expect("an update");
    let after = target.take(2).await;
    assert_eq!((texts(&before), texts(&after)), (vec!["one".into(), "two".into()], vec!["two".into(), "three".into()]));
    assert_eq!(before[1].header("webhook-id"), after[0].header("webhook-id"));
}

#[tokio::test]
async fn two_nodes_post_each_event_once_and_in_order() {
    let app = start(2).await;
    let (anna, bert, group) = setting(&app).await;
    let mut target = Target::start().await;
    register(&bert, &target).await;
    let sends = (0..60).map(|number: usize| {
        let (anna, group) = (anna.on(number % 2), &group);
        async move { anna.say(group, &number.to_string()).await }
    });
    futures_util::future::join_all(sends).await;
    anna.say(&group, "last").await;
    let posted = target.take(61).await;
    let places: Vec<_> =
        posted.iter().map(|posted| cursors::position(posted.event()["cursor"].as_str().expect("a cursor"))).collect();
    assert!(places.is_sorted_by(|one, next| one < next), "{places:?}");
    assert_eq!(posted[60].text(), "last");
    assert!(target.is_idle());
}

#[tokio::test]
async fn a_day_of_failures_pauses_a_webhook_and_its_owner_resumes_it() {
    let app = start(1).await;
    let (anna, bert, group) = setting(&app).await;
    let mut target = Target::start().await;
    target.reply([Reply::Status(500), Reply::Status(500)]);
    let webhook = register(&bert, &target).await;
    anna.say(&group, "one").await;
    target.next().await;
    when(&bert, &webhook, "it fails", |now| now["failing_since"].is_string()).await;
    let age = "UPDATE webhooks SET failing_since = now() - interval '25 hours', next_attempt_at = now()";
    app.sql().await.batch_execute(age).await.expect("an update");
    target.next().await;
    let paused = when(&bert, &webhook, "it is paused", |now| now["state"] == "paused").await;
    assert!(paused["failing_since"].is_string() && paused["cursor"] == webhook["cursor"], "{paused}");
    let resumed = patch(&bert, &webhook, json!({"state": "active"})).await.expect(200);
    assert_eq!((&resumed["state"], &resumed["failing_since"]), (&json!("active"), &Value::Null));
    assert_eq!(target.next().await.text(), "one");
}

#[tokio::test]
async fn a_target_that_is_gone_pauses_its_webhook_at_once() {
    let app = start(1).await;
    let (anna, bert, group) = setting(&app).await;
    let target = Target::start().await;
    target.reply([Reply::Status(410)]);
    let webhook = register(&bert, &target).await;
    anna.say(&group, "one").await;
    let paused = when(&bert, &webhook, "it is paused", |now| now["state"] == "paused").await;
    assert_eq!(paused["last_error"], "the target answered 410");
}

#[tokio::test]
async fn what_a_target_asks_for_is_waited_for() {
    let app = start(1).await;
    let (anna, bert, group) = setting(&app).await;
    let target = Target::start().await;
    target.reply([Reply::With(429, "retry-after", "600".into())]);
    let webhook = register(&bert, &target).await;
    anna.say(&group, "one").await;
    when(&bert, &webhook, "it fails", |now| now["last_error"].is_string()).await;
    let query = "SELECT next_attempt_at BETWEEN now() + interval '9 min' AND now() + interval '13 min' FROM webhooks";
    let row = app.sql().await.query_one(query, &[]).await.expect("a row");
    assert!(row.get::<_, bool>(0));
}

#[tokio::test]
async fn a_paused_webhook_gets_nothing_until_it_goes_on_and_then_all_of_it() {
    let app = start(1).await;
    let (anna, bert, group) = setting(&app).await;
    let (mut target, mut other) = (Target::start().await, Target::start().await);
    let webhook = register(&bert, &target).await;
    register(&bert, &other).await;
    assert_eq!(patch(&bert, &webhook, json!({"state": "paused"})).await.expect(200)["state"], "paused");
    anna.say(&group, "one").await;
    other.next().await;
    assert!(target.is_idle());
    patch(&bert, &webhook, json!({"state": "active"})).await.expect(200);
    assert_eq!(target.next().await.text(), "one");
}

#[tokio::test]
async fn a_replay_goes_on_from_any_cursor_with_the_same_ids() {
    let app = start(1).await;
    let (anna, bert, group) = setting(&app).await;
    let mut target = Target::start().await;
    let webhook = register(&bert, &target).await;
    for text in ["one", "two"] {
        anna.say(&group, text).await;
    }
    let first = target.take(2).await;
    let two = first[1].event()["cursor"].as_str().expect("a cursor").to_owned();
    when(&bert, &webhook, "all is posted", |now| now["cursor"] == two.as_str()).await;
    replay(&bert, &webhook, first[0].event()["cursor"].as_str().expect("a cursor")).await.expect(200);
    let again = target.next().await;
    assert_eq!((again.text(), again.header("webhook-id")), ("two".into(), first[1].header("webhook-id")));
    when(&bert, &webhook, "all is posted", |now| now["cursor"] == two.as_str()).await;
    replay(&bert, &webhook, "start").await.expect(200);
    let all = target.take(3).await;
    assert_eq!((all[0].kind(), texts(&all[1..])), ("conversation.created".into(), vec!["one".into(), "two".into()]));
    patch(&bert, &webhook, json!({"state": "paused"})).await.expect(200);
    anna.say(&group, "three").await;
    let now = replay(&bert, &webhook, "now").await.expect(200);
    assert_eq!((&now["state"], &now["cursor"]), (&json!("active"), &json!(bert.now().await)));
    anna.say(&group, "four").await;
    assert_eq!(target.next().await.text(), "four");
    replay(&bert, &webhook, "nonsense").await.problem(400, "cursor_malformed");
    replay(&bert, &webhook, &cursors::foreign(&two)).await.problem(410, "cursor_unknown");
    replay(&bert, &webhook, &cursors::moved(&two, 1000)).await.problem(410, "cursor_unknown");
}

#[tokio::test]
async fn a_cursor_that_the_log_cannot_go_on_from_pauses_its_webhook() {
    let app = start(1).await;
    let (anna, bert, group) = setting(&app).await;
    let mut target = Target::start().await;
    let webhook = register(&bert, &target).await;
    let lose = "UPDATE webhooks SET epoch = epoch + 1, position = position + 1000";
    app.sql().await.batch_execute(lose).await.expect("an update");
    let paused = when(&bert, &webhook, "it is paused", |now| now["state"] == "paused").await;
    assert!(paused["last_error"].as_str().is_some_and(|text| text.contains("replay")), "{paused}");
    anna.say(&group, "one").await;
    replay(&bert, &webhook, "now").await.expect(200);
    anna.say(&group, "two").await;
    assert_eq!(target.next().await.text(), "two");
}

#[tokio::test]
async fn a_redirect_is_a_failure_and_is_not_followed() {
    let app = start(1).await;
    let (anna, bert, group) = setting(&app).await;
    let (mut target, other) = (Target::start().await, Target::start().await);
    target.reply([Reply::With(302, "location", other.url()), Reply::With(307, "location", other.url())]);
    let webhook = register(&bert, &target).await;
    anna.say(&group, "one").await;
    for status in ["302", "307"] {
        target.next().await;
        let told = |now: &Value| now["last_error"].as_str().is_some_and(|text| text.contains(status));
        when(&bert, &webhook, "the redirect is told", told).await;
        hurry(&app).await;
    }
    target.next().await;
    assert!(other.is_idle());
}

#[tokio::test]
async fn what_is_wrong_with_a_target_is_told_without_its_address() {
    let app = start(1).await;
    let (anna, bert, group) = setting(&app).await;
    let target = Target::start().await;
    let closed = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.local_addr().expect("an address").port()
    };
    let wrongs = [
        (format!("https://127.0.0.1:{}/?key=secret", target.port()), "TLS failed"),
        (format!("http://127.0.0.1:{closed}/?key=secret"), "the target cannot be connected to"),
        ("http://no-such-name.invalid/?key=secret".into(), "the target cannot be connected to"),
    ];
    for (url, told) in wrongs {
        let webhook = bert.post("/v1/webhooks", json!({"url": url})).await.expect(201);
        anna.say(&group, "one").await;
        let failing = when(&bert, &webhook, "the failure is told", |now| now["last_error"].is_string()).await;
        let error = failing["last_error"].as_str().expect("text");
        assert!(error.starts_with(told) && !error.contains("secret"), "{url}: {error}");
    }
    assert!(target.is_idle());
}

#[tokio::test]
async fn an_answer_without_an_end_counts_by_its_status() {
    let app = start(1).await;
    let (anna, bert, group) = setting(&app).await;
    let mut target = Target::start().await;
    target.reply([Reply::Endless]);
    register(&bert, &target).await;
    for text in ["one", "two"] {
        anna.say(&group, text).await;
    }
    assert_eq!(texts(&target.take(2).await), ["one", "two"]);
}

#[tokio::test]
async fn a_target_that_never_answers_holds_up_no_other() {
    let app = start(1).await;
    let (anna, bert, group) = setting(&app).await;
    let mut slow = Vec::new();
    for _ in 0..12 {
        let target = Target::start().await;
        target.reply([Reply::Never, Reply::Never]);
        register(&bert, &target).await;
        slow.push(target);
    }
    let mut target = Target::start().await;
    register(&anna, &target).await;
    for text in ["one", "two", "three"] {
        anna.say(&group, text).await;
    }
    assert_eq!(texts(&target.take(3).await), ["one", "two", "three"]);
    slow[0].next().await;
}

#[tokio::test]
async fn every_spelling_of_a_target_that_is_not_public_is_refused() {
    let app = TestApp::start().await;
    let anna = app.guest("anna").await;
    let good = anna.post("/v1/webhooks", json!({"url": "https://1.1.1.1/hook"})).await.expect(201);
    for host in [
        "127.0.0.1",
        "0",
        "0.0.0.0",
        "2130706433",
        "0x7f.1",
        "0177.1",
        "127.1",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::1]",
        "[2001::1]",
        "169.254.169.254",
        "10.0.0.1",
        "172.16.3.4",
        "192.168.0.1",
        "100.64.0.1",
        "198.18.0.1",
        "203.0.113.5",
        "224.0.0.1",
        "255.255.255.255",
        "[fc00::1]",
        "[fe80::1]",
        "[fec0::1]",
        "[ff02::1]",
        "[2001:db8::1]",
        "localhost",
        "localhost.",
        "LOCALHOST",
        "x.localhost",
        "127.0.0.1.",
        "a@127.0.0.1",
        "a@1.1.1.1",
        "a:b@1.1.1.1",
        "1.1.1.1:5432",
        "1.1.1.1:22",
        "1.1.1.1:0",
        "no-such-name.invalid",
    ] {
        for scheme in ["http", "https"] {
            let url = format!("{scheme}://{host}/x");
            let document = anna.post("/v1/webhooks", json!({"url": url})).await.problem(422, "invalid");
            assert_eq!(document["errors"][0]["field"], "url", "{url}");
            assert_eq!(
                patch(&anna, &good, json!({"url": url})).await.problem(422, "invalid")["errors"][0]["field"],
                "url"
            );
        }
    }
    for url in
        ["file:///etc/passwd", "gopher://1.1.1.1/", "ftp://1.1.1.1/", "1.1.1.1", "", "http://", "http://1.1.1.1/ x"]
    {
        anna.post("/v1/webhooks", json!({"url": url})).await.problem(422, "invalid");
    }
    assert_eq!(anna.get("/v1/webhooks").await.expect(200)["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(anna.get(&path(&good)).await.expect(200)["url"], "https://1.1.1.1/hook");
}

#[tokio::test]
async fn a_target_that_is_not_public_any_more_is_refused_at_delivery() {
    let app = TestApp::start().await;
    let (anna, bert, group) = setting(&app).await;
    let target = Target::start().await;
    let webhook = bert.post("/v1/webhooks", json!({"url": "https://1.1.1.1/hook"})).await.expect(201);
    let path = path(&webhook);
    for url in [target.url(), format!("http://localhost:{}/", target.port()), "http://127.0.0.1:8080/".into()] {
        let statement = format!("UPDATE webhooks SET url = '{url}', next_attempt_at = now(), last_error = NULL");
        app.sql().await.batch_execute(&statement).await.expect("an update");
        anna.say(&group, "one").await;
        let told = eventually("the failure is told", SOON, async || {
            bert.get(&path).await.expect(200)["last_error"].as_str().map(str::to_owned)
        });
        assert!(told.await.starts_with("the address"), "{url}");
    }
    assert!(target.is_idle());
}

#[tokio::test]
async fn nothing_is_posted_of_what_happens_after_the_owner_left() {
    let app = start(1).await;
    let (anna, bert, group) = setting(&app).await;
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
async fn what_only_one_user_gets_is_posted_to_nobody_else() {
    let app = start(1).await;
    let (anna, bert, group) = setting(&app).await;
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
async fn a_replay_has_no_text_that_was_deleted() {
    let app = start(1).await;
    let (anna, bert, group) = setting(&app).await;
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
async fn the_webhook_of_a_disabled_owner_stops() {
    let app = start(1).await;
    let (anna, bert, group) = setting(&app).await;
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
async fn only_events_of_the_types_and_the_conversation_are_posted() {
    let app = start(1).await;
    let (anna, bert, group) = setting(&app).await;
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
async fn a_webhook_is_its_owners_alone() {
    let app = start(1).await;
    let (anna, bert, _) = setting(&app).await;
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
async fn webhooks_are_listed_in_pages_and_fifty_are_enough() {
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
async fn a_key_makes_one_webhook_and_shows_its_secret_once() {
    let app = start(2).await;
    let (anna, bert, group) = setting(&app).await;
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
