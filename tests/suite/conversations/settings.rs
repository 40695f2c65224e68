//! Changing and deleting conversations.

use serde_json::{Value, json};

use crate::support::transports::{events_after, types};
use crate::support::{TestApp, id, query};

#[tokio::test]
async fn title_is_set_by_owners_and_admins_and_sent_to_all_members() {
    let app = TestApp::builder().nodes(2).start().await;
    let [anna, bert, carl] = app.guests(["anna", "bert", "carl"]).await;
    let group = anna.create_group(&[&bert]).await;
    let path = format!("/v1/conversations/{group}");
    let start = bert.now().await;
    assert_eq!(anna.patch(&path, json!({"title": "Lunch"})).await.expect(200)["title"], "Lunch");
    assert_eq!(anna.patch(&path, json!({"title": "Lunch"})).await.expect(200)["title"], "Lunch");
    assert_eq!(anna.patch(&path, json!({})).await.expect(200)["title"], "Lunch");
    assert_eq!(anna.patch(&path, json!({"title": null})).await.expect(200)["title"], Value::Null);
    let events = events_after(&bert, &start, 2).await;
    assert_eq!(types(&events), ["conversation.updated", "conversation.updated"]);
    assert_eq!(events[0]["data"]["conversation"]["title"], "Lunch");
    assert!(events[0]["data"]["conversation"].get("muted").is_none(), "{}", events[0]);
    bert.patch(&path, json!({"title": "Dinner"})).await.problem(403, "forbidden");
    carl.patch(&path, json!({"title": "Dinner"})).await.problem(404, "not_found");
    anna.patch(&path, json!({"title": ""})).await.problem(422, "invalid");
    anna.patch(&path, json!({"title": "a\nb"})).await.problem(422, "invalid");
    for body in [json!({"history": "shared"}), json!({"muted": 1}), json!({"muted": true, "kind": "direct"})] {
        anna.patch(&path, body).await.problem(400, "malformed");
    }
    anna.put_member(&group, "bert", json!({"role": "admin"})).await.expect(200);
    assert_eq!(bert.patch(&path, json!({"title": "Tea"})).await.expect(200)["title"], "Tea");
    let direct = anna.direct(&bert).await.expect(201);
    anna.patch(&format!("/v1/conversations/{}", id(&direct)), json!({"title": "x"})).await.problem(409, "direct_fixed");
}

#[tokio::test]
async fn member_settings_are_private_to_the_member() {
    let app = TestApp::builder().nodes(2).start().await;
    let [anna, bert] = app.guests(["anna", "bert"]).await;
    let direct = anna.direct(&bert).await.expect(201);
    let path = format!("/v1/conversations/{}", id(&direct));
    let (start, others) = (bert.now().await, anna.now().await);
    let mut live = bert.on(1).ready_stream("").await;
    let mut silent = anna.ready_stream("").await;
    let view = bert.patch(&path, json!({"muted": true})).await.expect(200);
    assert_eq!((&view["muted"], &view["archived"]), (&json!(true), &json!(false)));
    bert.patch(&path, json!({"muted": true})).await.expect(200);
    bert.patch(&path, json!({"archived": true, "muted": false})).await.expect(200);
    let view = bert.on(1).get(&path).await.expect(200);
    assert_eq!((&view["muted"], &view["archived"]), (&json!(false), &json!(true)));
    assert_eq!(anna.get(&path).await.expect(200)["archived"], false);
    let events = events_after(&bert, &start, 2).await;
    assert_eq!(types(&events), ["conversation.updated", "conversation.updated"]);
    let conversation = &events[1]["data"]["conversation"];
    assert_eq!((&conversation["muted"], &conversation["archived"]), (&json!(false), &json!(true)));
    assert_eq!(live.next_event().await.value, events[0]);
    assert_eq!(anna.poll(&others).await["events"], json!([]));
    let sent = anna.send_to(&["bert"], "hello").await.expect(201);
    assert_eq!(silent.next_event().await.value["data"]["message"]["id"], sent["id"]);
}

#[tokio::test]
async fn deleted_conversation_is_gone_with_its_texts() {
    let app = TestApp::builder().nodes(2).start().await;
    let [anna, bert, carl] = app.guests(["anna", "bert", "carl"]).await;
    let start = bert.now().await;
    let group = anna.create_group(&[&bert, &carl]).await;
    let sent = anna.say(&group, "secret one").await;
    anna.edit(id(&sent), "secret two").await.expect(200);
    carl.remove_member(&group, "me").await.expect(204);
    let path = format!("/v1/conversations/{group}");
    bert.delete(&path).await.problem(403, "forbidden");
    carl.delete(&path).await.problem(404, "not_found");
    let mut live = bert.on(1).ready_stream(&query(&[("after", &start)])).await;
    anna.delete(&path).await.expect(204);
    anna.delete(&path).await.problem(404, "not_found");
    for user in [&anna, &bert, &carl] {
        user.conversation(&group).await.problem(404, "not_found");
        user.history(&group, "").await.problem(404, "not_found");
        user.message(id(&sent)).await.problem(404, "not_found");
        assert_eq!(user.conversations("").await.expect(200)["items"], json!([]));
    }
    anna.send(&group, "more").await.problem(404, "not_found");
    let kinds = ["conversation.created", "message.created", "message.edited", "member.left", "conversation.deleted"];
    for kind in kinds {
        assert_eq!(live.next_event().await.kind, kind);
    }
    let events = events_after(&bert, &start, kinds.len()).await;
    assert_eq!(types(&events), kinds);
    assert!(!json!(events).to_string().contains("secret"), "{events:#?}");
    let rows = app.sql().await.query("SELECT FROM events WHERE payload::text LIKE '%secret%'", &[]).await;
    assert_eq!(rows.expect("the log is read").len(), 0);
    let direct = anna.direct(&bert).await.expect(201);
    anna.delete(&format!("/v1/conversations/{}", id(&direct))).await.problem(409, "direct_fixed");
}

#[tokio::test]
async fn texts_of_a_deleted_conversation_that_a_dead_node_left_are_blanked_by_the_next() {
    let mut app = TestApp::builder().in_processes().start().await;
    let [anna, bert] = app.guests(["anna", "bert"]).await;
    let group = anna.create_group(&[&bert]).await;
    anna.say(&group, "secret").await;
    let sql = app.sql().await;
    sql.batch_execute("UPDATE conversations SET deleted_at = now()").await.expect("as a node that died has left it");
    app.kill(0).await;
    app.restart(0).await;
    crate::support::eventually("the text is gone", crate::support::SOON, async || {
        let left = sql.query("SELECT FROM events WHERE payload::text LIKE '%secret%'", &[]).await.expect("a query");
        left.is_empty().then_some(())
    })
    .await;
}
