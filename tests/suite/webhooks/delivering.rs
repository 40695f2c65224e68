//! In what order and how often events are posted, whatever goes wrong on the way.

use super::*;

#[tokio::test]
async fn webhook_posts_each_event_as_streams_carry_it_and_signed() {
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
async fn failed_post_is_retried_under_its_id_before_any_later_one() {
    let app = start(1).await;
    let (anna, bert, group) = two_members(&app).await;
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
async fn next_node_continues_posting_where_the_last_one_stopped() {
    let mut app = start(1).await;
    let (anna, bert, group) = two_members(&app).await;
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
async fn post_of_a_killed_node_is_repeated_by_the_next() {
    let mut app = TestApp::builder().in_processes().flag("--webhook-private-targets", "on").start().await;
    let (anna, bert, group) = two_members(&app).await;
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
    let (anna, bert, group) = two_members(&app).await;
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
async fn webhook_is_paused_after_a_day_of_failures_and_resumed_by_its_owner() {
    let app = start(1).await;
    let (anna, bert, group) = two_members(&app).await;
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
async fn webhook_is_paused_at_once_when_its_target_is_gone() {
    let app = start(1).await;
    let (anna, bert, group) = two_members(&app).await;
    let target = Target::start().await;
    target.reply([Reply::Status(410)]);
    let webhook = register(&bert, &target).await;
    anna.say(&group, "one").await;
    let paused = when(&bert, &webhook, "it is paused", |now| now["state"] == "paused").await;
    assert_eq!(paused["last_error"], "the target answered 410");
}

#[tokio::test]
async fn retry_after_of_a_target_is_respected() {
    let app = start(1).await;
    let (anna, bert, group) = two_members(&app).await;
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
async fn paused_webhook_gets_nothing_and_after_resuming_everything() {
    let app = start(1).await;
    let (anna, bert, group) = two_members(&app).await;
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
async fn webhook_replay_starts_at_any_cursor_with_the_same_ids() {
    let app = start(1).await;
    let (anna, bert, group) = two_members(&app).await;
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
    let three = anna.say(&group, "three").await;
    let now = replay(&bert, &webhook, "now").await.expect(200);
    assert_eq!((&now["state"], &now["cursor"]), (&json!("active"), &three["cursor"]));
    anna.say(&group, "four").await;
    assert_eq!(target.next().await.text(), "four");
    replay(&bert, &webhook, "nonsense").await.problem(400, "cursor_malformed");
    replay(&bert, &webhook, &cursors::foreign(&two)).await.problem(410, "cursor_unknown");
    replay(&bert, &webhook, &cursors::moved(&two, 1000)).await.problem(410, "cursor_unknown");
}

#[tokio::test]
async fn webhook_replay_overrides_an_attempt_under_way() {
    let app = start(1).await;
    let (anna, bert, group) = two_members(&app).await;
    let mut target = Target::start().await;
    let gate = Arc::new(Notify::new());
    target.reply([Reply::Held(gate.clone())]);
    let webhook = register(&bert, &target).await;
    anna.say(&group, "one").await;
    assert_eq!(target.next().await.text(), "one");
    replay(&bert, &webhook, "start").await.expect(200);
    gate.notify_one();
    let again = target.take(2).await;
    assert_eq!((again[0].kind(), again[1].text()), ("conversation.created".into(), "one".into()));
}

#[tokio::test]
async fn webhook_with_a_dead_cursor_is_paused() {
    let app = start(1).await;
    let (anna, bert, group) = two_members(&app).await;
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
