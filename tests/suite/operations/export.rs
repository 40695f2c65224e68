//! Exports: all events of a conversation that somebody may see.

use serde_json::{Value, json};

use crate::support::{Answer, Raw, SOON, TestApp, User, cursors, eventually, query, tokens, within};

async fn export(user: &User, conversation: &str, query: &str) -> Answer {
    user.get(&format!("/v1/conversations/{conversation}/export{query}")).await
}

fn lines(answer: &Answer) -> Vec<Value> {
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.text().lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn kinds(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["type"].as_str().expect("a type")).collect()
}

#[tokio::test]
async fn export_has_every_event_as_streams_carry_it() {
    let app = TestApp::start().await;
    let [anna, bert, cara] = app.guests(["anna", "bert", "cara"]).await;
    let group = anna.create_group(&[&bert]).await;
    anna.say(&group, "one\ntwo").await;
    anna.say(&anna.create_group(&[]).await, "elsewhere").await;
    anna.put_member(&group, &cara.id, json!({})).await.expect(201);
    bert.say(&group, "three").await;
    let answer = export(&bert, &group, "").await;
    assert_eq!(answer.header("content-type"), Some("application/x-ndjson"));
    let filename = format!("attachment; filename=\"conversation-{group}.ndjson\"");
    assert_eq!(answer.header("content-disposition"), Some(filename.as_str()));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let exported = lines(&answer);
    assert_eq!(kinds(&exported), ["conversation.created", "message.created", "member.joined", "message.created"]);
    assert_eq!(exported, bert.collect("start", 4).await.0);
    let resumed =
        lines(&export(&bert, &group, &query(&[("after", exported[1]["cursor"].as_str().expect("one"))])).await);
    assert_eq!(resumed, exported[2..]);
    let last = exported[3]["cursor"].as_str().expect("a cursor");
    assert_eq!(export(&bert, &group, &query(&[("after", last)])).await.text(), "");
}

#[tokio::test]
async fn export_of_many_pages_has_each_event_once_and_in_order() {
    let app = TestApp::start().await;
    let [anna, bert] = app.guests(["anna", "bert"]).await;
    let group = anna.create_group(&[&bert]).await;
    let long = "x".repeat(1_000);
    for hundred in 0..3 {
        let sends = (0..100).map(|_| anna.send(&group, if hundred == 1 { &long } else { "short" }));
        futures_util::future::join_all(sends).await.iter().for_each(|answer| drop(answer.expect(201)));
    }
    let exported = lines(&export(&bert, &group, "?after=start").await);
    assert_eq!(exported.len(), 301);
    assert_eq!(exported, bert.collect("start", 301).await.0);
}

#[tokio::test]
async fn export_has_exactly_what_the_caller_may_see() {
    let app = TestApp::start().await;
    let [anna, bert] = app.guests(["anna", "bert"]).await;
    for (history, expected) in
        [("joined", vec!["second", "fourth"]), ("shared", vec!["first", "second", "third", "fourth"])]
    {
        let body = json!({"kind": "group", "title": "t", "members": [], "history": history});
        let group = anna.post("/v1/conversations", body).await.expect(201)["id"].as_str().expect("an id").to_owned();
        anna.say(&group, "first").await;
        anna.put_member(&group, "bert", json!({})).await.expect(201);
        anna.say(&group, "second").await;
        anna.remove_member(&group, "bert").await.expect(204);
        export(&bert, &group, "").await.problem(404, "not_found");
        anna.say(&group, "third").await;
        anna.put_member(&group, "bert", json!({})).await.expect(201);
        anna.say(&group, "fourth").await;
        let exported = lines(&export(&bert, &group, "").await);
        let texts = exported.iter().filter_map(|event| event["data"]["message"]["text"].as_str());
        assert_eq!(texts.collect::<Vec<_>>(), expected, "{history}");
    }
}

#[tokio::test]
async fn export_has_private_events_of_the_caller_only() {
    let app = TestApp::start().await;
    let [anna, bert] = app.guests(["anna", "bert"]).await;
    let group = anna.create_group(&[&bert]).await;
    let other = anna.create_group(&[&bert]).await;
    for (conversation, archived) in [(&group, true), (&other, true), (&group, false)] {
        let path = format!("/v1/conversations/{conversation}");
        bert.patch(&path, json!({"archived": archived})).await.expect(200);
        anna.say(conversation, "in between").await;
    }
    let own = lines(&export(&bert, &group, "").await);
    let expected = ["conversation.updated", "message.created", "conversation.updated", "message.created"];
    assert_eq!(kinds(&own)[1..], expected);
    let all = bert.collect("start", 8).await.0;
    assert_eq!(own, all.into_iter().filter(|event| event["conversation_id"] == *group).collect::<Vec<_>>());
    assert_eq!(kinds(&lines(&export(&anna, &group, "").await))[1..], ["message.created", "message.created"]);
}

#[tokio::test]
async fn export_that_cannot_start_answers_a_problem() {
    let app = TestApp::start().await;
    let [anna, bert] = app.guests(["anna", "bert"]).await;
    let group = anna.create_group(&[]).await;
    let now = anna.now().await;
    export(&bert, &group, "").await.problem(404, "not_found");
    export(&anna, "x", "").await.problem(404, "not_found");
    export(&anna, &group, "?after=nonsense").await.problem(400, "cursor_malformed");
    export(&anna, &group, "?before=start").await.problem(400, "malformed");
    export(&anna, &group, "?after=@none").await.problem(404, "not_found");
    for dead in [cursors::foreign(&now), cursors::moved(&now, 1_000)] {
        let problem = export(&anna, &group, &query(&[("after", &dead)])).await.problem(410, "cursor_unknown");
        assert_eq!(problem["cursor"], now.as_str());
    }
    let retire = "UPDATE log_epoch SET oldest_position = (SELECT max(position) FROM events)";
    anna.say(&group, "one").await;
    anna.say(&group, "two").await;
    app.sql().await.batch_execute(retire).await.expect("retention");
    export(&anna, &group, &query(&[("after", &now)])).await.problem(410, "cursor_expired");
    let head = anna.answer(anna.request(reqwest::Method::HEAD, &format!("/v1/conversations/{group}/export"))).await;
    assert_eq!(head.status, 405);
}

#[tokio::test]
async fn export_resumes_from_a_stored_cursor() {
    let app = TestApp::start().await;
    let anna = app.guest("anna").await;
    let group = anna.create_group(&[]).await;
    anna.put("/v1/cursors/export", json!({"cursor": "now"})).await.expect(200);
    anna.say(&group, "one").await;
    assert_eq!(kinds(&lines(&export(&anna, &group, "?after=@export").await)), ["message.created"]);
}

/// Fills a conversation with more than the sockets between client and node take.
async fn fill(app: &TestApp, group: &str) {
    let fill = format!(
        "INSERT INTO events (position, conversation_id, kind, message_id, sender_id, created_at, payload)
         SELECT e.position + n, e.conversation_id, e.kind, gen_random_uuid(), e.sender_id, e.created_at,
                replace(e.payload::text, 'filler', repeat('x', 16000))::json
           FROM (SELECT * FROM events WHERE conversation_id = '{group}' ORDER BY position DESC LIMIT 1) e,
                generate_series(1, 3000) n"
    );
    app.sql().await.batch_execute(&fill).await.expect("many events");
}

#[tokio::test]
async fn export_is_cut_when_its_session_is_revoked() {
    let app = TestApp::start().await;
    let anna = app.user("anna").await;
    let group = anna.create_group(&[]).await;
    anna.say(&group, "filler").await;
    fill(&app, &group).await;
    let mut raw = Raw::connect(&anna).await;
    raw.write(&raw.get(&format!("/v1/conversations/{group}/export"), "")).await;
    raw.read_until("message.created").await;
    anna.log_out().await.expect(204);
    let rest = within("the export ends", 3 * SOON, raw.rest()).await;
    assert!(rest.len() < 40_000_000, "{} bytes", rest.len());
    assert!(!rest.ends_with("0\r\n\r\n"), "the body has an end");
}

#[tokio::test]
async fn export_is_cut_when_the_membership_ends() {
    let app = TestApp::start().await;
    let [anna, bert] = app.guests(["anna", "bert"]).await;
    let group = anna.create_group(&[&bert]).await;
    anna.say(&group, "filler").await;
    fill(&app, &group).await;
    let mut raw = Raw::connect(&bert).await;
    raw.write(&raw.get(&format!("/v1/conversations/{group}/export"), "")).await;
    raw.read_until("message.created").await;
    anna.remove_member(&group, "bert").await.expect(204);
    let rest = within("the export ends", 3 * SOON, raw.rest()).await;
    assert!(!rest.ends_with("0\r\n\r\n"), "the body has an end");
}

#[tokio::test]
async fn export_is_cut_when_its_token_expires() {
    let app = TestApp::start().await;
    let anna = app.guest("anna").await;
    let group = anna.create_group(&[]).await;
    anna.say(&group, "filler").await;
    fill(&app, &group).await;
    let mut claims = tokens::claims("anna");
    claims["exp"] = json!(tokens::unix_time(3));
    let brief = anna.with_token(&tokens::mint(&claims));
    let mut raw = Raw::connect(&brief).await;
    raw.write(&raw.get(&format!("/v1/conversations/{group}/export"), "")).await;
    raw.read_until("message.created").await;
    eventually("the token has ended", 2 * SOON, async || (brief.me().await.status == 401).then_some(())).await;
    let rest = within("the export ends", 3 * SOON, raw.rest()).await;
    assert!(!rest.ends_with("0\r\n\r\n"), "the body has an end");
}
