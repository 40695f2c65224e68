//! Statistics of a conversation and of the deployment.

use serde_json::{Value, json};

use crate::support::{SOON, TestApp, User, eventually};

/// Lets the messages of a conversation have been sent at these times, in order.
async fn send_at(app: &TestApp, sends: &[(&User, &str, &str)]) {
    let sql = app.sql().await;
    for (user, conversation, time) in sends {
        let message = user.say(conversation, "text").await;
        let id = message["id"].as_str().expect("an id");
        let earlier = format!("UPDATE events SET created_at = '{time}' WHERE message_id = '{id}'");
        sql.batch_execute(&earlier).await.expect("another time");
    }
}

async fn stats(user: &User, conversation: &str, query: &str) -> Value {
    user.get(&format!("/v1/conversations/{conversation}/stats{query}")).await.expect(200)
}

fn figures(stats: &Value) -> Vec<(&str, i64, i64)> {
    let items = stats["items"].as_array().expect("items");
    let number = |item: &Value, name: &str| item[name].as_i64().expect("a number");
    let figure = |item| (text(item), number(item, "messages"), number(item, "members_active"));
    items.iter().map(figure).collect()
}

fn text(item: &Value) -> &str {
    item["key"].as_str().expect("a key")
}

async fn make_admin(app: &TestApp, user: &User) {
    let statement = format!("UPDATE users SET role = 'admin' WHERE name = '{}'", user.name);
    app.sql().await.batch_execute(&statement).await.expect("a role");
}

#[tokio::test]
async fn statistics_count_messages_by_day_by_hour_and_by_member() {
    let app = TestApp::start().await;
    let [anna, bert] = app.guests(["anna", "bert"]).await;
    let group = anna.create_group(&[&bert]).await;
    let other = anna.create_group(&[]).await;
    send_at(
        &app,
        &[
            (&anna, &group, "2026-01-01 23:30Z"),
            (&bert, &group, "2026-01-02 00:30Z"),
            (&bert, &group, "2026-01-02 08:00Z"),
            (&anna, &other, "2026-01-02 08:00Z"),
            (&anna, &group, "2026-01-02 08:30Z"),
            (&anna, &group, "2026-01-04 00:00Z"),
        ],
    )
    .await;
    let range = "?from=2026-01-01&to=2026-01-03";
    let by_day = [("2026-01-01", 1, 1), ("2026-01-02", 3, 2), ("2026-01-03", 0, 0)];
    assert_eq!(figures(&stats(&bert, &group, range).await), by_day);
    assert_eq!(figures(&stats(&bert, &group, &format!("{range}&by=day&tz=UTC")).await), by_day);
    let by_hour = stats(&bert, &group, &format!("{range}&by=hour")).await;
    let by_hour = figures(&by_hour);
    assert_eq!(by_hour.len(), 24);
    assert_eq!(
        (by_hour[0], by_hour[8], by_hour[9], by_hour[23]),
        (("0", 1, 1), ("8", 2, 2), ("9", 0, 0), ("23", 1, 1))
    );
    let by_member = stats(&bert, &group, &format!("{range}&by=member")).await;
    assert_eq!(figures(&by_member), [("anna", 2, 1), ("bert", 2, 1)]);
}

#[tokio::test]
async fn statistics_days_follow_the_time_zone_and_daylight_saving() {
    let app = TestApp::start().await;
    let anna = app.guest("anna").await;
    let group = anna.create_group(&[]).await;
    // Berlin went from +01:00 to +02:00 on 29 March 2026 at 01:00 UTC.
    send_at(
        &app,
        &[
            (&anna, &group, "2026-03-27 22:30Z"),
            (&anna, &group, "2026-03-27 23:30Z"),
            (&anna, &group, "2026-03-28 23:30Z"),
            (&anna, &group, "2026-03-29 21:30Z"),
            (&anna, &group, "2026-03-29 22:30Z"),
        ],
    )
    .await;
    let range = "?from=2026-03-28&to=2026-03-29&tz=Europe/Berlin";
    let by_day = stats(&anna, &group, range).await;
    assert_eq!(figures(&by_day), [("2026-03-28", 1, 1), ("2026-03-29", 2, 1)]);
    let by_hour = stats(&anna, &group, &format!("{range}&by=hour")).await;
    let by_hour = figures(&by_hour);
    assert_eq!((by_hour[0], by_hour[23]), (("0", 2, 1), ("23", 1, 1)));
}

#[tokio::test]
async fn statistics_cover_the_last_thirty_days_by_default() {
    let app = TestApp::start().await;
    let anna = app.guest("anna").await;
    let group = anna.create_group(&[]).await;
    anna.say(&group, "today").await;
    let stats = stats(&anna, &group, "").await;
    let days = figures(&stats);
    assert_eq!(days.len(), 30);
    assert_eq!(days.iter().map(|(_, messages, _)| messages).sum::<i64>(), 1);
    assert!(days.is_sorted());
}

#[tokio::test]
async fn statistics_count_only_what_the_caller_may_read() {
    let app = TestApp::start().await;
    let [anna, bert] = app.guests(["anna", "bert"]).await;
    for (history, expected) in [("joined", 1), ("shared", 2)] {
        let body = json!({"kind": "group", "title": "t", "members": [], "history": history});
        let group = anna.post("/v1/conversations", body).await.expect(201)["id"].as_str().expect("an id").to_owned();
        anna.say(&group, "before").await;
        anna.put_member(&group, "bert", json!({})).await.expect(201);
        anna.say(&group, "after").await;
        assert_eq!(figures(&stats(&bert, &group, "?by=member").await), [("anna", expected, 1)], "{history}");
        anna.remove_member(&group, "bert").await.expect(204);
        bert.get(&format!("/v1/conversations/{group}/stats")).await.problem(404, "not_found");
    }
    let group = anna.create_group(&[]).await;
    bert.get(&format!("/v1/conversations/{group}/stats")).await.problem(404, "not_found");
    bert.get("/v1/conversations/x/stats").await.problem(404, "not_found");
}

#[tokio::test]
async fn statistics_are_answered_as_csv_on_request() {
    let app = TestApp::start().await;
    let anna = app.guest("anna").await;
    let group = anna.create_group(&[]).await;
    send_at(&app, &[(&anna, &group, "2026-01-02 08:00Z")]).await;
    let path = format!("/v1/conversations/{group}/stats?from=2026-01-01&to=2026-01-02");
    let request = anna.request(reqwest::Method::GET, &path).header("accept", "text/csv");
    let answer = anna.answer(request).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("text/csv; charset=utf-8")));
    assert_eq!(answer.text(), "key,messages,members_active\r\n2026-01-01,0,0\r\n2026-01-02,1,1\r\n");
}

#[tokio::test]
async fn statistics_refuse_invalid_ranges_and_time_zones() {
    let app = TestApp::start().await;
    let anna = app.guest("anna").await;
    let group = anna.create_group(&[]).await;
    let path = format!("/v1/conversations/{group}/stats");
    for query in [
        "?from=2026-01-02&to=2026-01-01",
        "?from=2025-01-01&to=2026-01-02",
        "?from=2026-02-30",
        "?from=1.1.2026",
        "?to=today",
        "?to=99999-01-01",
        "?by=week",
        "?form=2026-01-01",
    ] {
        anna.get(&format!("{path}{query}")).await.problem(400, "malformed");
    }
    anna.get(&format!("{path}?from=2024-01-01&to=2024-12-31")).await.expect(200);
    for zone in ["Mars/Olympus", "Foo%2B3", "europe/berlin", "", "%2B02:00"] {
        anna.get(&format!("{path}?tz={zone}")).await.problem(422, "invalid");
    }
}

#[tokio::test]
async fn statistics_of_the_deployment_are_for_admins() {
    let app = TestApp::builder().nodes(2).start().await;
    let [anna, bert] = app.guests(["anna", "bert"]).await;
    let group = anna.create_group(&[&bert]).await;
    bert.get("/v1/admin/stats").await.problem(403, "forbidden");
    anna.say(&group, "one").await;
    bert.say(&group, "two").await;
    bert.say(&bert.create_group(&[]).await, "three").await;
    make_admin(&app, &bert).await;
    // The other node has not seen bert before.
    let bert = bert.on(1);
    let _stream = anna.on(1).ready_stream("").await;
    // Streams are counted a few times a second.
    let stats = eventually("the stream is counted", SOON, async || {
        let stats = bert.get("/v1/admin/stats?by=member").await.expect(200);
        (stats["streams"] == 1).then_some(stats)
    })
    .await;
    assert_eq!((&stats["users"], &stats["conversations"]), (&json!(2), &json!(2)));
    assert_eq!(figures(&stats), [("bert", 2, 1), ("anna", 1, 1)]);
    let days = bert.get("/v1/admin/stats").await.expect(200);
    assert_eq!(figures(&days).last().map(|(_, messages, active)| (*messages, *active)), Some((3, 2)));
    anna.get("/v1/admin/stats").await.problem(403, "forbidden");
    app.anonymous().get("/v1/admin/stats").await.problem(401, "token_missing");
}

#[tokio::test]
async fn statistics_that_take_too_long_are_refused_in_any_language_of_the_server() {
    let app = TestApp::start().await;
    let [anna] = app.guests(["anna"]).await;
    let group = anna.create_group(&[]).await;
    let slow =
        "CREATE OR REPLACE FUNCTION log_position_at(p_time timestamptz) RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN
                    RAISE EXCEPTION 'Anfrage wird wegen Zeitüberschreitung abgebrochen' USING ERRCODE = '57014';
                END $$";
    app.sql().await.batch_execute(slow).await.expect("a function");
    let problem = anna.get(&format!("/v1/conversations/{group}/stats")).await.problem(503, "unavailable");
    assert_eq!(problem["detail"], "there is too much to count, take fewer days");
}
