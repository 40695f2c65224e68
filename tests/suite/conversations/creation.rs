//! Conversations: making, listing and describing them.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{TestApp, User, id, query};

fn ids(list: &Value) -> Vec<&str> {
    let items = list["items"].as_array().unwrap_or_else(|| panic!("no items in {list}"));
    items.iter().map(|item| item["id"].as_str().expect("an id")).collect()
}

#[tokio::test]
async fn direct_conversation_is_created_once_for_two_users() {
    let app = TestApp::builder().nodes(2).start().await;
    let [anna, bert] = app.guests(["anna", "bert"]).await;
    let made = anna.direct(&bert).await.expect(201);
    assert_eq!((&made["kind"], &made["title"], &made["members_count"]), (&json!("direct"), &Value::Null, &json!(2)));
    assert_eq!((&made["peer"]["name"], &made["role"]), (&json!("bert"), &json!("member")));
    for (user, other) in [(&anna, &bert), (&bert.on(1), &anna)] {
        let found = user.direct(other).await.expect(200);
        assert_eq!((id(&found), &found["peer"]["id"]), (id(&made), &json!(other.id)));
    }
}

#[tokio::test]
async fn racing_creators_share_one_direct_conversation() {
    let app = TestApp::builder().nodes(2).start().await;
    let [anna, bert] = app.guests(["anna", "bert"]).await;
    let calls = (0..12).map(|index| {
        let (one, other) =
            if index % 2 == 0 { (anna.on(index % 3 % 2), &bert) } else { (bert.on(index % 3 % 2), &anna) };
        async move { one.direct(other).await }
    });
    let answers = futures_util::future::join_all(calls).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1);
    let first = answers[0].json()["id"].clone();
    assert!(answers.iter().all(|answer| [200, 201].contains(&answer.status) && answer.json()["id"] == first));
}

#[tokio::test]
async fn direct_conversation_takes_one_other_user_and_no_title() {
    let app = TestApp::start().await;
    let [anna, _bert, _carl] = app.guests(["anna", "bert", "carl"]).await;
    for body in [
        json!({"kind": "direct", "members": []}),
        json!({"kind": "direct", "members": ["me"]}),
        json!({"kind": "direct", "members": ["bert", "carl"]}),
        json!({"kind": "direct", "members": ["bert"], "title": "us"}),
        json!({"kind": "group", "members": ["bert", "nobody"]}),
        json!({"kind": "group", "members": [Uuid::now_v7()]}),
    ] {
        anna.post("/v1/conversations", body).await.problem(422, "invalid");
    }
    anna.post("/v1/conversations", json!({"kind": "circle", "members": []})).await.problem(400, "malformed");
    assert_eq!(anna.conversations("").await.expect(200)["items"], json!([]));
}

#[tokio::test]
async fn group_has_its_creator_as_owner_and_each_member_once() {
    let app = TestApp::start().await;
    let [anna, bert, carl] = app.guests(["anna", "bert", "carl"]).await;
    let members = json!(["bert", bert.id, "BERT", "me", anna.id, carl.id]);
    let body = json!({"kind": "group", "title": "Team", "members": members, "history": "shared"});
    let group = anna.post("/v1/conversations", body).await.expect(201);
    assert_eq!(
        (&group["title"], &group["history"], &group["role"]),
        (&json!("Team"), &json!("shared"), &json!("owner"))
    );
    assert_eq!((&group["members_count"], &group["peer"]), (&json!(3), &Value::Null));
    let list = carl.members(id(&group)).await.expect(200);
    let names = list["items"].as_array().expect("items").iter().map(|item| (&item["user"]["name"], &item["role"]));
    let mut names: Vec<_> =
        names.map(|(name, role)| (name.as_str().expect("a name"), role.as_str().expect("a role"))).collect();
    names.sort_unstable();
    assert_eq!(names, [("anna", "owner"), ("bert", "member"), ("carl", "member")]);
    assert_eq!(bert.conversation(id(&group)).await.expect(200)["role"], "member");
}

#[tokio::test]
async fn conversation_of_others_answers_as_one_that_does_not_exist() {
    let app = TestApp::start().await;
    let [anna, bert, eve] = app.guests(["anna", "bert", "eve"]).await;
    let group = anna.create_group(&[&bert]).await;
    let message = id(&anna.say(&group, "secret").await).to_owned();
    let nothing = Uuid::now_v7().to_string();
    let seen = async |eve: &User, id: &str, message: &str| {
        let path = format!("/v1/conversations/{id}");
        let answers = [
            eve.get(&path).await,
            eve.members(id).await,
            eve.put_member(id, "eve", json!({})).await,
            eve.put_member(id, "nobody", json!({})).await,
            eve.remove_member(id, "bert").await,
            eve.send(id, "x").await,
            eve.history(id, "").await,
            eve.updates(&query(&[("conversation", id), ("wait", "0")])).await,
            eve.get(&format!("/v1/stream{}", query(&[("conversation", id)]))).await,
            eve.message(message).await,
        ];
        answers.map(|answer| {
            let mut document = answer.problem(404, "not_found");
            document["request_id"] = Value::Null;
            let mut headers: Vec<_> = answer.headers.keys().map(ToString::to_string).collect();
            headers.sort();
            (document.to_string().replace(id, "ID").replace(message, "ID"), headers)
        })
    };
    assert_eq!(seen(&eve, &group, &message).await, seen(&eve, &nothing, &nothing).await);
    assert_eq!(eve.conversations("").await.expect(200)["items"], json!([]));
}

#[tokio::test]
async fn conversation_list_is_ordered_by_newest_message_and_paged() {
    let app = TestApp::start().await;
    let [anna, bert] = app.guests(["anna", "bert"]).await;
    let mut groups = Vec::new();
    for _ in 0..5 {
        groups.push(anna.create_group(&[&bert]).await);
    }
    bert.say(&groups[1], "first").await;
    bert.say(&groups[3], "second").await;
    let expected = [&groups[3], &groups[1], &groups[4], &groups[2], &groups[0]];
    let whole = anna.conversations("").await.expect(200);
    assert_eq!(ids(&whole), expected);
    assert_eq!((&whole["next"], &whole["items"][0]["last_message"]["text"]), (&Value::Null, &json!("second")));
    assert_eq!((&whole["items"][0]["unread"], &whole["items"][2]["unread"]), (&json!(1), &json!(0)));
    let mut page = anna.conversations("?limit=2").await.expect(200);
    let cursor = page["cursor"].clone();
    let mut seen = Vec::new();
    loop {
        seen.extend(ids(&page).into_iter().map(str::to_owned));
        assert_eq!(page["cursor"], cursor);
        let Some(next) = page["next"].as_str() else { break };
        page = anna.conversations(&query(&[("limit", "2"), ("page", next)])).await.expect(200);
    }
    assert_eq!(seen.iter().collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn stream_from_the_cursor_of_the_list_has_exactly_the_later_events() {
    let app = TestApp::builder().nodes(2).start().await;
    let [anna, bert] = app.guests(["anna", "bert"]).await;
    let group = anna.create_group(&[&bert]).await;
    bert.say(&group, "before").await;
    let list = anna.conversations("").await.expect(200);
    let cursor = list["cursor"].as_str().expect("a cursor");
    assert_eq!(list["items"][0]["last_message"]["text"], "before");
    bert.say(&group, "after").await;
    for node in 0..2 {
        let mut stream = anna.on(node).ready_stream(&query(&[("after", cursor)])).await;
        assert_eq!(stream.next_event().await.text(), "after");
    }
}
