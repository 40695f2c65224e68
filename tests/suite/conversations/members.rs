//! Members: adding, roles, leaving, and what of it is told as events.

use serde_json::{Value, json};

use crate::support::{Stream, TestApp, User};

/// Answers names and roles in the order of the list.
async fn roles(user: &User, conversation: &str) -> Vec<(String, String)> {
    let list = user.members(conversation).await.expect(200);
    let items = list["items"].as_array().expect("items").clone();
    let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("text instead of {value}")).to_owned();
    items.iter().map(|item| (text(&item["user"]["name"]), text(&item["role"]))).collect()
}

fn named<'a>(roles: &'a [(String, String)], name: &str) -> Option<&'a str> {
    roles.iter().find(|(member, _)| member == name).map(|(_, role)| role.as_str())
}

/// Waits for an event about a member, and answers its kind, the member's name and role.
async fn next_change(stream: &mut Stream) -> (String, String, String) {
    let event = stream.next_event().await;
    let member = &event.value["data"]["member"];
    let text = |value: &Value| value.as_str().unwrap_or_else(|| panic!("no member in {}", event.value)).to_owned();
    (event.kind.clone(), text(&member["user"]["name"]), text(&member["role"]))
}

fn change(kind: &str, name: &str, role: &str) -> (String, String, String) {
    (kind.to_owned(), name.to_owned(), role.to_owned())
}

#[tokio::test]
async fn member_list_is_in_order_of_joining() {
    let app = TestApp::start().await;
    let [anna, zoe, bert] = app.guests(["anna", "zoe", "bert"]).await;
    let group = anna.create_group(&[]).await;
    anna.put_member(&group, "zoe", json!({})).await.expect(201);
    anna.put_member(&group, &bert.id, json!({"role": "admin"})).await.expect(201);
    let expected = [("anna", "owner"), ("zoe", "member"), ("bert", "admin")];
    assert_eq!(roles(&zoe, &group).await, expected.map(|(name, role)| (name.to_owned(), role.to_owned())));
    assert_eq!(anna.conversation(&group).await.expect(200)["members_count"], 3);
}

#[tokio::test]
async fn member_change_is_one_event_and_no_change_is_none() {
    let app = TestApp::builder().nodes(2).start().await;
    let [anna, bert] = app.guests(["anna", "bert"]).await;
    let group = anna.create_group(&[]).await;
    let (mut annas, mut berts) = (anna.ready_stream("").await, bert.on(1).ready_stream("").await);
    let path = format!("/v1/conversations/{group}/members/bert");
    let added = anna.answer(anna.request(reqwest::Method::PUT, &path)).await.expect(201);
    assert_eq!((&added["user"]["id"], &added["role"]), (&json!(bert.id), &json!("member")));
    assert!(added["since"].is_string(), "{added}");
    anna.put_member(&group, "bert", json!({"role": "member"})).await.expect(200);
    anna.put_member(&group, "bert", json!({"role": "admin"})).await.expect(200);
    anna.put_member(&group, "bert", json!({})).await.expect(200);
    anna.remove_member(&group, "bert").await.expect(204);
    anna.remove_member(&group, "bert").await.problem(404, "not_found");
    for stream in [&mut annas, &mut berts] {
        assert_eq!(next_change(stream).await, change("member.joined", "bert", "member"));
        assert_eq!(next_change(stream).await, change("member.updated", "bert", "admin"));
        let left = stream.next_event().await;
        assert_eq!((left.kind.as_str(), &left.value["actor"]["name"]), ("member.left", &json!("anna")));
    }
    anna.say(&group, "alone").await;
    anna.put_member(&group, "bert", json!({})).await.expect(201);
    assert_eq!(annas.next_event().await.text(), "alone");
    assert_eq!(next_change(&mut berts).await, change("member.joined", "bert", "member"));
}

#[tokio::test]
async fn members_are_managed_by_owners_and_admins_and_owners_by_owners_only() {
    let app = TestApp::start().await;
    let [anna, bert, carl, _dora] = app.guests(["anna", "bert", "carl", "dora"]).await;
    let group = anna.create_group(&[&bert, &carl]).await;
    let role = |role: &str| json!({"role": role});
    carl.put_member(&group, "dora", role("member")).await.problem(403, "forbidden");
    carl.put_member(&group, "carl", role("owner")).await.problem(403, "forbidden");
    carl.remove_member(&group, "bert").await.problem(403, "forbidden");
    anna.put_member(&group, "bert", role("admin")).await.expect(200);
    bert.put_member(&group, "dora", role("member")).await.expect(201);
    bert.put_member(&group, "dora", role("admin")).await.expect(200);
    bert.put_member(&group, "bert", role("owner")).await.problem(403, "forbidden");
    bert.put_member(&group, "anna", role("member")).await.problem(403, "forbidden");
    bert.remove_member(&group, "anna").await.problem(403, "forbidden");
    bert.remove_member(&group, "carl").await.expect(204);
    anna.put_member(&group, "bert", role("owner")).await.expect(200);
    bert.put_member(&group, "anna", role("member")).await.expect(200);
    anna.put_member(&group, "dora", role("chief")).await.problem(400, "malformed");
    let now = roles(&anna, &group).await;
    assert_eq!(
        ["anna", "bert", "carl", "dora"].map(|name| named(&now, name)),
        [Some("member"), Some("owner"), None, Some("admin")]
    );
}

#[tokio::test]
async fn last_owner_who_leaves_passes_ownership_to_the_oldest_admin_else_member() {
    let app = TestApp::start().await;
    let [anna, bert, carl, dora] = app.guests(["anna", "bert", "carl", "dora"]).await;
    let group = anna.create_group(&[]).await;
    for (name, role) in [("bert", "member"), ("carl", "admin"), ("dora", "admin")] {
        anna.put_member(&group, name, json!({"role": role})).await.expect(201);
    }
    anna.remove_member(&group, "me").await.expect(204);
    assert_eq!(named(&roles(&bert, &group).await, "carl"), Some("owner"));
    carl.put_member(&group, "dora", json!({"role": "member"})).await.expect(200);
    carl.remove_member(&group, "carl").await.expect(204);
    assert_eq!(roles(&dora, &group).await[0], ("bert".to_owned(), "owner".to_owned()));
    bert.remove_member(&group, "me").await.expect(204);
    dora.remove_member(&group, "me").await.expect(204);
    dora.conversation(&group).await.problem(404, "not_found");
}

#[tokio::test]
async fn owner_beside_other_owners_leaves_without_passing_ownership_on() {
    let app = TestApp::start().await;
    let [anna, bert, carl] = app.guests(["anna", "bert", "carl"]).await;
    let group = anna.create_group(&[&bert, &carl]).await;
    anna.put_member(&group, "carl", json!({"role": "owner"})).await.expect(200);
    anna.remove_member(&group, "me").await.expect(204);
    let now = roles(&carl, &group).await;
    assert_eq!((named(&now, "bert"), named(&now, "carl")), (Some("member"), Some("owner")));
}

#[tokio::test]
async fn direct_conversation_has_fixed_members() {
    let app = TestApp::start().await;
    let [anna, bert, _carl] = app.guests(["anna", "bert", "carl"]).await;
    let direct = anna.direct(&bert).await.expect(201);
    let id = direct["id"].as_str().expect("an id");
    for answer in [
        anna.put_member(id, "carl", json!({})).await,
        anna.put_member(id, "bert", json!({"role": "admin"})).await,
        anna.remove_member(id, "bert").await,
        anna.remove_member(id, "me").await,
    ] {
        answer.problem(409, "direct_fixed");
    }
}

#[tokio::test]
async fn conversation_takes_no_more_members_than_the_limit() {
    let app = TestApp::builder().flag("--max-members", "3").start().await;
    let [anna, bert, carl, _dora] = app.guests(["anna", "bert", "carl", "dora"]).await;
    let group = anna.create_group(&[&bert, &carl]).await;
    anna.put_member(&group, "dora", json!({})).await.problem(422, "invalid");
    let body = json!({"kind": "group", "members": ["bert", "carl", "dora"]});
    anna.post("/v1/conversations", body).await.problem(422, "invalid");
    anna.send_to(&["bert", "carl", "dora"], "hi").await.problem(422, "invalid");
}

#[tokio::test]
async fn removed_member_keeps_the_old_history_and_gets_no_new_events() {
    let app = TestApp::builder().nodes(2).start().await;
    let [anna, bert] = app.guests(["anna", "bert"]).await;
    let group = anna.create_group(&[&bert]).await;
    let old = anna.say(&group, "old").await;
    let cursor = bert.now().await;
    anna.remove_member(&group, "bert").await.expect(204);
    let new = anna.say(&group, "new").await;
    let (old, new) = (old["id"].as_str().expect("an id"), new["id"].as_str().expect("an id"));
    for bert in [bert.on(0), bert.on(1)] {
        let history = bert.history(&group, "").await.expect(200);
        assert_eq!(history["items"].as_array().map(Vec::len), Some(1), "{history}");
        assert_eq!(bert.message(old).await.expect(200)["text"], "old");
        bert.message(new).await.problem(404, "not_found");
        bert.conversation(&group).await.problem(404, "not_found");
        bert.members(&group).await.problem(404, "not_found");
        bert.send(&group, "hello?").await.problem(404, "not_found");
        bert.put_member(&group, "me", json!({})).await.problem(404, "not_found");
        assert_eq!(bert.conversations("").await.expect(200)["items"], json!([]));
        let (events, end) = bert.collect(&cursor, 1).await;
        assert_eq!(events.iter().map(|event| &event["type"]).collect::<Vec<_>>(), ["member.left"]);
        assert_eq!(bert.poll(&end).await["events"], json!([]));
    }
}
