//! Promise 11: when the outcome of a commit is unknown, the node finds it out before it answers.

use serde_json::json;
use uuid::Uuid;

use crate::support::{Answer, TestApp, User, expected_events, query};

async fn two_members() -> (TestApp, User, User, String) {
    let app = TestApp::builder().nodes(2).proxied().start().await;
    let [anna, bert] = app.guests(["anna", "bert"]).await;
    let group = anna.create_group(&[&bert]).await;
    (app, anna, bert, group)
}

/// Asserts that the log has each message once, and that everybody receives each once.
async fn assert_once(app: &TestApp, bert: &User, start: &str, texts: &[&str], keys: &[String]) {
    assert_eq!(expected_events::creations(&app.sql().await, keys).await, vec![1; keys.len()]);
    for node in 0..2 {
        let mut stream = bert.on(node).ready_stream(&query(&[("after", start)])).await;
        for text in texts {
            assert_eq!(stream.next_event().await.text(), *text);
        }
        let batch = bert.on(node).poll(start).await;
        assert_eq!(batch["events"].as_array().map(Vec::len), Some(texts.len()), "{batch}");
    }
}

#[tokio::test]
async fn append_whose_answer_is_lost_is_stored_once_and_answered() {
    let (app, anna, bert, group) = two_members().await;
    let (start, mut live) = (bert.now().await, bert.ready_stream("").await);
    let keys = [(); 3].map(|()| Uuid::now_v7().to_string());
    for (round, key) in keys.iter().enumerate() {
        app.proxy(0).swallow_next_append();
        let answer = anna.send_with_key(&group, key, &round.to_string()).await;
        assert!(!answer.is_replay(), "what this request wrote is answered as a replay");
        answer.expect(201);
        assert_eq!(app.proxy(0).swallowed(), round + 1, "the fault did not happen");
        assert_eq!(live.next_event().await.text(), round.to_string());
        assert_eq!(anna.on(1).send_with_key(&group, key, &round.to_string()).await.expect(201), answer.json());
    }
    assert_once(&app, &bert, &start, &["0", "1", "2"], &keys).await;
}

#[tokio::test]
async fn racing_sends_whose_append_answer_is_lost_are_all_answered() {
    let (app, anna, bert, group) = two_members().await;
    let start = bert.now().await;
    let keys: Vec<_> = (0..30).map(|_| Uuid::now_v7().to_string()).collect();
    app.proxy(0).swallow_next_append();
    app.proxy(1).swallow_next_append();
    let sends = keys.iter().enumerate().map(|(index, key)| {
        let (anna, group) = (anna.on(index % 2), &group);
        async move { anna.send_with_key(group, key, "raced").await.expect(201) }
    });
    futures_util::future::join_all(sends).await;
    assert_eq!((app.proxy(0).swallowed(), app.proxy(1).swallowed()), (1, 1), "the fault did not happen");
    assert_once(&app, &bert, &start, &vec!["raced"; 30], &keys).await;
}

#[tokio::test]
async fn stalled_first_attempt_that_arrives_after_its_retry_changes_nothing() {
    let (app, anna, bert, group) = two_members().await;
    let start = bert.now().await;
    let key = Uuid::now_v7().to_string();
    let stalled = app.proxy(0).stall_next_append();
    let first = anna.send_with_key(&group, &key, "once").await.expect(201);
    stalled.reached().await;
    anna.on(1).say(&group, "between").await;
    assert!(stalled.release().await, "the first attempt must reach PostgreSQL and commit");
    let replay = anna.send_with_key(&group, &key, "once").await;
    assert!(replay.is_replay() && replay.expect(201) == first);
    anna.say(&group, "after").await;
    assert_once(&app, &bert, &start, &["once", "between", "after"], &[key]).await;
}

#[tokio::test]
async fn conversation_whose_commit_answer_is_lost_is_created_once() {
    let (app, anna, bert, _group) = two_members().await;
    let mut stream = bert.on(1).ready_stream("").await;
    let key = Uuid::now_v7().to_string();
    app.proxy(0).swallow_next_append();
    let body = json!({"kind": "group", "title": "new", "members": [bert.id]});
    let made = anna.post_with_key("/v1/conversations", &key, body).await;
    assert!(!made.is_replay(), "what this request wrote is answered as a replay");
    let made = made.expect(201);
    assert_eq!(app.proxy(0).swallowed(), 1, "the fault did not happen");
    assert_eq!(made["id"], key.as_str());
    let message = anna.send_to(&["bert"], "hi").await.expect(201);
    let created = [stream.next_event().await, stream.next_event().await];
    assert!(created.iter().all(|event| event.kind == "conversation.created"));
    assert_eq!(stream.next_event().await.value["data"]["message"]["id"], message["id"]);
}

/// In autocommit, the row of a statement arrives before an error of its commit does.
#[tokio::test]
async fn append_that_fails_at_commit_is_refused_and_leaves_nothing() {
    let (app, anna, bert, group) = two_members().await;
    let (start, key) = (bert.now().await, Uuid::now_v7().to_string());
    let sql = app.sql().await;
    sql.batch_execute(
        "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'at commit'; END $$;
         CREATE CONSTRAINT TRIGGER fails AFTER INSERT ON ids DEFERRABLE INITIALLY DEFERRED
             FOR EACH ROW EXECUTE FUNCTION fail()",
    )
    .await
    .expect("a trigger");
    anna.send_with_key(&group, &key, "lost").await.problem(500, "internal");
    sql.batch_execute("DROP TRIGGER fails ON ids").await.expect("no trigger");
    assert_eq!(expected_events::creations(&sql, std::slice::from_ref(&key)).await, [0]);
    let kept = Uuid::now_v7().to_string();
    anna.send_with_key(&group, &kept, "kept").await.expect(201);
    assert_once(&app, &bert, &start, &["kept"], &[kept]).await;
}

#[tokio::test]
async fn changes_whose_answer_is_lost_are_made_once() {
    let (app, anna, bert, group) = two_members().await;
    let message = anna.say(&group, "hello").await["id"].as_str().expect("an id").to_owned();
    let (sql, mut swallowed) = (app.sql().await, 0);
    let mut check = async |kind: &str, expected: u16, answer: Answer| {
        assert_eq!(answer.status, expected, "{kind}: {}", answer.text());
        swallowed += 1;
        assert_eq!(app.proxy(0).swallowed(), swallowed, "the fault did not happen");
        app.proxy(0).swallow_next_append();
        let written = sql.query_one("SELECT count(*) FROM events WHERE kind = $1", &[&kind]).await.expect("a count");
        assert_eq!(written.get::<_, i64>(0), 1, "{kind}");
    };
    app.proxy(0).swallow_next_append();
    check("reaction.added", 204, bert.react(&message, "👍").await).await;
    check("message.edited", 200, anna.edit(&message, "edited").await).await;
    check("conversation.read", 200, bert.read(&group, &message).await).await;
    check("message.deleted", 204, anna.delete_message(&message).await).await;
    check("member.updated", 200, anna.put_member(&group, "bert", json!({"role": "admin"})).await).await;
    check("member.left", 204, anna.remove_member(&group, "bert").await).await;
    check("member.joined", 201, anna.put_member(&group, "bert", json!({})).await).await;
}
