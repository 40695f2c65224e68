//! Long polls.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{TestApp, User, cursors, query};

fn texts(batch: &Value) -> Vec<&str> {
    let events = batch["events"].as_array().unwrap_or_else(|| panic!("no events in {batch}"));
    events.iter().map(|event| event["data"]["message"]["text"].as_str().expect("a text")).collect()
}

fn cursor(batch: &Value) -> &str {
    batch["cursor"].as_str().unwrap_or_else(|| panic!("no cursor in {batch}"))
}

/// Less than a poll waits that has nothing to answer: one that answers sooner did not wait it out.
const LESS_THAN_THE_WAIT: Duration = Duration::from_secs(20);

async fn two_members(app: &TestApp) -> (User, User, String) {
    let [anna, bert] = app.guests(["anna", "bert"]).await;
    let group = anna.create_group(&[&bert]).await;
    (anna, bert, group)
}

/// Polls with a wait in the background, from a cursor, once it certainly waits or soon will.
fn waiting_poll(user: &User, after: &str, wait: &str) -> tokio::task::JoinHandle<(Value, Duration)> {
    let (user, query) = (user.clone(), query(&[("after", after), ("wait", wait)]));
    tokio::spawn(async move {
        let begin = Instant::now();
        let batch = user.updates(&query).await.expect(200);
        (batch, begin.elapsed())
    })
}

#[tokio::test]
async fn poll_answers_existing_events_at_once() {
    let app = TestApp::builder().nodes(2).start().await;
    let (anna, bert, group) = two_members(&app).await;
    let start = bert.now().await;
    for text in ["one", "two"] {
        anna.say(&group, text).await;
    }
    let begin = Instant::now();
    let batch = bert.updates(&query(&[("after", &start)])).await.expect(200);
    assert!(begin.elapsed() < LESS_THAN_THE_WAIT, "{:?}", begin.elapsed());
    assert_eq!((texts(&batch), &batch["has_more"], &batch["from"]), (vec!["one", "two"], &json!(false), &json!(start)));
    assert_eq!(bert.poll(cursor(&batch)).await["events"], json!([]));
    let (events, end) = bert.on(1).collect(&start, 2).await;
    assert_eq!((json!(events), json!(end)), (batch["events"].clone(), batch["cursor"].clone()));
}

#[tokio::test]
async fn poll_waits_for_an_event_from_any_node() {
    let app = TestApp::builder().nodes(2).start().await;
    let (anna, bert, group) = two_members(&app).await;
    let mut after = bert.now().await;
    for round in 0..4 {
        let poll = waiting_poll(&bert.on(round % 2), &after, "55");
        anna.on(round / 2).say(&group, "news").await;
        let (batch, waited) = poll.await.expect("an answer");
        assert_eq!(texts(&batch), ["news"]);
        assert!(waited < LESS_THAN_THE_WAIT, "{waited:?}");
        cursor(&batch).clone_into(&mut after);
    }
}

#[tokio::test]
async fn poll_without_events_ends_after_its_wait() {
    let app = TestApp::start().await;
    let (anna, bert, _group) = two_members(&app).await;
    let start = bert.now().await;
    let (batch, waited) = waiting_poll(&bert, &start, "1").await.expect("an answer");
    assert_eq!((&batch["events"], &batch["has_more"], &batch["from"]), (&json!([]), &json!(false), &json!(start)));
    assert!(waited >= Duration::from_millis(950) && waited < LESS_THAN_THE_WAIT, "{waited:?}");
    anna.say(&anna.create_group(&[]).await, "not for bert").await;
    let (batch, _) = waiting_poll(&bert, &start, "1").await.expect("an answer");
    assert_eq!(batch["events"], json!([]));
    anna.say(&_group, "for bert").await;
    assert_eq!(texts(&bert.poll(cursor(&batch)).await), ["for bert"]);
}

#[tokio::test]
async fn poll_clamps_prefer_wait_and_the_query_overrides_it() {
    let app = TestApp::start().await;
    let (_anna, bert, _group) = two_members(&app).await;
    for (path, prefer) in
        [("/v1/updates", "wait=1"), ("/v1/updates?wait=1", "wait=50"), ("/v1/updates?wait=0", "wait=9999")]
    {
        let begin = Instant::now();
        let request = bert.request(reqwest::Method::GET, path).header("prefer", prefer);
        assert_eq!(bert.answer(request).await.expect(200)["events"], json!([]));
        assert!(begin.elapsed() < LESS_THAN_THE_WAIT, "{path} {prefer}: {:?}", begin.elapsed());
    }
}

#[tokio::test]
async fn poll_batch_at_its_limit_says_so_and_its_cursor_continues() {
    let app = TestApp::start().await;
    let (anna, bert, group) = two_members(&app).await;
    let mut after = bert.now().await;
    for number in 0..7 {
        anna.say(&group, &number.to_string()).await;
    }
    let mut seen = String::new();
    loop {
        let batch = bert.updates(&query(&[("after", &after), ("limit", "3"), ("wait", "0")])).await.expect(200);
        assert_eq!(batch["from"], after.as_str());
        seen.extend(texts(&batch));
        let last = batch["events"].as_array().expect("events").last().expect("an event");
        assert!(batch["has_more"] != json!(true) || last["cursor"] == batch["cursor"], "{batch}");
        cursor(&batch).clone_into(&mut after);
        if batch["has_more"] == json!(false) {
            break;
        }
    }
    assert_eq!(seen, "0123456");
}

#[tokio::test]
async fn poll_starts_at_start_at_now_or_at_the_default() {
    let app = TestApp::start().await;
    let (anna, bert, group) = two_members(&app).await;
    anna.say(&group, "hello").await;
    let all = bert.poll("start").await;
    let kinds: Vec<_> = all["events"].as_array().expect("events").iter().map(|event| &event["type"]).collect();
    assert_eq!(kinds, ["conversation.created", "message.created"]);
    for parameters in ["?after=now&wait=0", "?after=&wait=0", "?wait=0"] {
        let batch = bert.updates(parameters).await.expect(200);
        assert_eq!((&batch["events"], &batch["from"]), (&json!([]), &all["cursor"]), "{parameters}");
    }
    assert_eq!(bert.poll(all["from"].as_str().expect("a cursor")).await["events"], all["events"]);
}

#[tokio::test]
async fn poll_prefers_last_event_id_over_after_and_ignores_an_empty_one() {
    let app = TestApp::start().await;
    let (anna, bert, group) = two_members(&app).await;
    let first = bert.now().await;
    anna.say(&group, "one").await;
    let second = bert.now().await;
    anna.say(&group, "two").await;
    for (header, after, expected) in
        [(&first, &second, "onetwo"), (&second, &first, "two"), (&String::new(), &second, "two")]
    {
        let request =
            bert.request(reqwest::Method::GET, &format!("/v1/updates{}", query(&[("after", after), ("wait", "0")])));
        let batch = bert.answer(request.header("last-event-id", header)).await.expect(200);
        assert_eq!(texts(&batch).concat(), expected);
    }
}

#[tokio::test]
async fn poll_with_a_dead_cursor_answers_gone_with_a_fresh_cursor() {
    let app = TestApp::builder().nodes(2).start().await;
    let (anna, bert, group) = two_members(&app).await;
    let head = bert.now().await;
    for dead in [cursors::moved(&head, 1000), cursors::foreign(&head), cursors::moved(&head, 1 << 60)] {
        for node in 0..2 {
            let answer = bert.on(node).updates(&query(&[("after", &dead), ("wait", "0")])).await;
            assert_eq!(answer.problem(410, "cursor_unknown")["cursor"], head.as_str());
        }
    }
    anna.say(&group, "still here").await;
    assert_eq!(texts(&bert.poll(&head).await), ["still here"]);
    for nonsense in ["abc", "-1", "99999999999999999999", "1.2.3", "@", &"x".repeat(5000)] {
        let answer = bert.updates(&query(&[("after", nonsense), ("wait", "0")])).await;
        assert!([400, 404, 410].contains(&answer.status), "{nonsense}: {}", answer.text());
        if nonsense == "abc" {
            answer.problem(400, "cursor_malformed");
        }
        assert!(!answer.text().contains(&nonsense[1..]) || nonsense.len() < 5, "echoed: {}", answer.text());
    }
}

#[tokio::test]
async fn poll_of_one_conversation_has_its_events_only() {
    let app = TestApp::start().await;
    let (anna, bert, group) = two_members(&app).await;
    let other = anna.create_group(&[&bert]).await;
    let start = bert.now().await;
    for (conversation, text) in [(&other, "no"), (&group, "one"), (&other, "no"), (&group, "two")] {
        anna.say(conversation, text).await;
    }
    let narrowed = |after: &str| query(&[("after", after), ("conversation", &group), ("wait", "0")]);
    let batch = bert.updates(&narrowed(&start)).await.expect(200);
    assert_eq!(texts(&batch), ["one", "two"]);
    anna.remove_member(&group, "bert").await.expect(204);
    anna.say(&group, "not for bert").await;
    let batch = bert.updates(&narrowed(cursor(&batch))).await.expect(200);
    assert_eq!(
        batch["events"].as_array().expect("events").iter().map(|event| &event["type"]).collect::<Vec<_>>(),
        ["member.left"]
    );
    bert.updates("?conversation=x&wait=0").await.problem(400, "malformed");
}

#[tokio::test]
async fn waiting_polls_are_answered_by_a_draining_node() {
    let mut app = TestApp::start().await;
    let (_anna, bert, _group) = two_members(&app).await;
    let mut stream = bert.ready_stream("").await;
    let poll = tokio::spawn({
        let bert = bert.clone();
        async move { bert.updates("?wait=50").await }
    });
    let mut other = bert.ready_stream("").await;
    app.drain(0);
    let end = stream.expect_end("draining").await;
    assert!(end.value["retry_after"].is_number() && end.cursor.is_some(), "{}", end.value);
    other.expect_end("draining").await;
    let answer = poll.await.expect("an answer");
    assert_eq!(answer.expect(200)["events"], json!([]));
    assert_eq!(answer.header("connection").map(str::to_lowercase).as_deref(), Some("close"));
    app.stop(0).await;
}
