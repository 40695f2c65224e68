//! Reactions, replies and mentions: what hangs on messages.

use serde_json::{Value, json};

use crate::support::transports::{events_after, types};
use crate::support::{TestApp, User, id, query};

async fn reactions(user: &User, message: &str) -> Value {
    user.message(message).await.expect(200)["reactions"].clone()
}

#[tokio::test]
async fn reactions_are_counted_and_ones_own_is_marked() {
    let app = TestApp::builder().nodes(2).start().await;
    let [anna, bert] = app.guests(["anna", "bert"]).await;
    let group = anna.create_group(&[&bert]).await;
    let sent = anna.say(&group, "hello").await;
    let start = bert.now().await;
    bert.react(id(&sent), "👍").await.expect(204);
    bert.react(id(&sent), "👍").await.expect(204);
    anna.react(id(&sent), "%F0%9F%91%8D").await.expect(204);
    bert.react(id(&sent), "❤️").await.expect(204);
    let entry = |emoji: &str, count: i64, mine: bool| json!({"emoji": emoji, "count": count, "mine": mine});
    assert_eq!(reactions(&anna, id(&sent)).await, json!([entry("👍", 2, true), entry("❤️", 1, false)]));
    assert_eq!(reactions(&bert.on(1), id(&sent)).await, json!([entry("👍", 2, true), entry("❤️", 1, true)]));
    bert.unreact(id(&sent), "👍").await.expect(204);
    bert.unreact(id(&sent), "👍").await.expect(204);
    assert_eq!(reactions(&bert, id(&sent)).await, json!([entry("👍", 1, false), entry("❤️", 1, true)]));
    assert_eq!(bert.history(&group, "").await.expect(200)["items"][0]["reactions"], reactions(&bert, id(&sent)).await);
    let events = events_after(&bert, &start, 4).await;
    assert_eq!(types(&events), ["reaction.added", "reaction.added", "reaction.added", "reaction.removed"]);
    let first = &events[0]["data"];
    assert_eq!(
        (&first["message_id"], &first["emoji"], &first["user"]["id"]),
        (&sent["id"], &json!("👍"), &json!(bert.id))
    );
}

#[tokio::test]
async fn reaction_without_an_emoji_or_to_an_unknown_message_is_refused() {
    let app = TestApp::start().await;
    let [anna, bert, carl] = app.guests(["anna", "bert", "carl"]).await;
    let group = anna.create_group(&[&bert]).await;
    let sent = anna.say(&group, "hello").await;
    for emoji in ["a", "abc", ":-)", "%20", "%C2%A0", "%C3%A4%0A"] {
        bert.react(id(&sent), emoji).await.problem(422, "invalid");
    }
    bert.react(id(&sent), &"👍".repeat(17)).await.problem(422, "invalid");
    carl.react(id(&sent), "👍").await.problem(404, "not_found");
    carl.unreact(id(&sent), "👍").await.problem(404, "not_found");
    bert.react("nonsense", "👍").await.problem(404, "not_found");
    bert.remove_member(&group, "me").await.expect(204);
    bert.react(id(&sent), "👍").await.problem(404, "not_found");
    assert_eq!(reactions(&anna, id(&sent)).await, json!([]));
}

#[tokio::test]
async fn reactions_are_limited_in_different_emoji() {
    let app = TestApp::start().await;
    let anna = app.guest("anna").await;
    let group = anna.create_group(&[]).await;
    let sent = anna.say(&group, "hello").await;
    for number in 0..50 {
        let emoji = char::from_u32(0x1F600 + number).expect("an emoji").to_string();
        anna.react(id(&sent), &emoji).await.expect(204);
    }
    anna.react(id(&sent), "🦀").await.problem(422, "invalid");
    anna.react(id(&sent), "😀").await.expect(204);
}

#[tokio::test]
async fn replies_are_listed_in_order_and_paged() {
    let app = TestApp::start().await;
    let [anna, bert, carl] = app.guests(["anna", "bert", "carl"]).await;
    let group = anna.create_group(&[&bert]).await;
    let sent = anna.say(&group, "question").await;
    let mut answers = Vec::new();
    for text in ["one", "two", "three"] {
        anna.say(&group, "in between").await;
        answers.push(bert.reply(&group, id(&sent), text).await.expect(201));
    }
    assert_eq!(answers[0]["reply_to"], sent["id"]);
    let path = format!("/v1/messages/{}/replies", id(&sent));
    assert_eq!(anna.get(&path).await.expect(200), json!({"items": answers, "next": null}));
    let first = anna.get(&format!("{path}?limit=2")).await.expect(200);
    assert_eq!(first["items"], json!(answers[..2]));
    let next = query(&[("page", first["next"].as_str().expect("more"))]);
    assert_eq!(anna.get(&format!("{path}{next}")).await.expect(200), json!({"items": answers[2..], "next": null}));
    carl.get(&path).await.problem(404, "not_found");
    anna.get(&format!("{path}?limit=0")).await.problem(400, "malformed");
    anna.get(&format!("{path}?page=x")).await.problem(400, "malformed");
    bert.remove_member(&group, "me").await.expect(204);
    anna.reply(&group, id(&sent), "four").await.expect(201);
    assert_eq!(bert.get(&path).await.expect(200)["items"], json!(answers));
}

#[tokio::test]
async fn mentions_are_resolved_and_counted_until_they_are_read() {
    let app = TestApp::start().await;
    let [anna, bert, carl] = app.guests(["anna", "bert", "carl"]).await;
    let group = anna.create_group(&[&bert, &carl]).await;
    let start = bert.now().await;
    let sent = anna.say(&group, "@Bert, ask @carl. @nobody knows; @bert!").await;
    assert_eq!(sent["mentions"], json!([bert.id, carl.id]));
    assert_eq!(bert.poll(&start).await["events"][0]["data"]["message"]["mentions"], json!([bert.id, carl.id]));
    anna.say(&group, "nobody in particular").await;
    let other = anna.say(&group, "hi").await;
    anna.edit(id(&other), "hi @bert").await.expect(200);
    let counts = async |user: &User| {
        let view = user.conversation(&group).await.expect(200);
        (view["unread"].clone(), view["mentions"].clone())
    };
    assert_eq!(counts(&bert).await, (json!(3), json!(2)));
    assert_eq!(counts(&carl).await, (json!(3), json!(1)));
    anna.delete_message(id(&sent)).await.expect(204);
    assert_eq!(counts(&bert).await, (json!(2), json!(1)));
    bert.read(&group, id(&other)).await.expect(200);
    assert_eq!(counts(&bert).await, (json!(0), json!(0)));
}
