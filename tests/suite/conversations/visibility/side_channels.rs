//! The channels beside history, streams and polls: webhooks, search, files, presence and typing.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::json;

use super::model::{Model, Shown};
use super::{positions, shown, text};
use crate::support::random_actions::Scenario;
use crate::support::{SOON, Target, TestApp, User, eventually, query};

/// Registers a webhook for each user, with a target of its own.
pub async fn register(scenario: &Scenario) -> Vec<Target> {
    let mut targets = Vec::new();
    for user in &scenario.users {
        let target = Target::start().await;
        user.post("/v1/webhooks", json!({"url": target.url()})).await.expect(201);
        targets.push(target);
    }
    targets
}

/// Checks that each user's webhook was posted what the user's stream carries.
pub async fn check_webhooks(model: &Model, scenario: &Scenario, targets: &mut [Target]) {
    for (user, target) in scenario.users.iter().zip(targets) {
        let expected = model.streamed(&user.id, None);
        let posted = target.take(expected.len()).await;
        let events: Vec<_> = posted.iter().map(|posted| posted.event()).collect();
        assert_eq!(positions(&events), expected, "{}'s webhook", user.name);
    }
}

/// Checks that searching finds all that a user may read, by every word that was ever written, and nothing else.
pub async fn check_searches(app: &TestApp, model: &Model, scenario: &Scenario) {
    let sql = app.sql().await;
    eventually("the index is filled", SOON * 3, async || {
        let behind = "SELECT (SELECT position FROM search_progress) < (SELECT max(position) FROM events)";
        let behind: bool = sql.query_one(behind, &[]).await.expect("progress").get(0);
        (!behind).then_some(())
    })
    .await;
    for user in &scenario.users {
        let readable: Vec<_> = scenario.conversations.iter().flat_map(|id| model.messages(&user.id, id)).collect();
        check_search(user, "word", &readable).await;
        for number in (1..=scenario.texts).step_by(5) {
            check_search(user, &format!("word{number}x"), &readable).await;
        }
    }
}

async fn check_search(user: &User, words: &str, readable: &[Shown]) {
    let has = |message: &&Shown| message.text.as_ref().is_some_and(|text| text.contains(words));
    let mut expected: Vec<_> = readable.iter().filter(has).cloned().collect();
    expected.sort_by_key(|message| std::cmp::Reverse(message.position));
    let (mut found, mut page) = (Vec::new(), None::<String>);
    loop {
        let mut pairs = vec![("q", words), ("limit", "100")];
        pairs.extend(page.as_deref().map(|page| ("page", page)));
        let list = user.get(&format!("/v1/search{}", query(&pairs))).await.expect(200);
        found.extend(list["items"].as_array().expect("items").iter().map(|hit| shown(&hit["message"])));
        match list["next"].as_str() {
            Some(next) => page = Some(next.to_owned()),
            None => break,
        }
    }
    assert_eq!(found, expected, "{} looks for {words}", user.name);
}

/// Checks who may download what.
pub async fn check_files(model: &Model, scenario: &Scenario) {
    for (file, uploader, message) in &scenario.files {
        for user in &scenario.users {
            let conversation = message.as_deref().and_then(|id| model.conversation_of(id));
            let messages = conversation.map(|id| model.messages(&user.id, id)).unwrap_or_default();
            let readable = messages.iter().any(|shown| Some(&shown.id) == message.as_ref() && shown.text.is_some());
            let own = uploader == &user.id && message.as_deref().is_none_or(|id| model.is_kept(id));
            let answer = user.get(&format!("/v1/attachments/{file}")).await;
            let expected = if readable || own { 200 } else { 404 };
            assert_eq!(answer.status, expected, "{} downloads a file of {message:?}", user.name);
        }
    }
}

/// Checks that a user sees whether those are online with whom they share a conversation, and nobody else.
pub async fn check_presence(model: &Model, scenario: &Scenario) {
    for user in &scenario.users {
        let others = || scenario.users.iter().filter(|other| other.id != user.id);
        let known = others().filter(|other| model.share(&user.id, &other.id, &scenario.conversations));
        let expected: BTreeSet<_> = known.map(|other| other.id.clone()).collect();
        let names: Vec<_> = others().map(|other| other.name.as_str()).collect();
        for query in [String::new(), query(&[("users", &names.join(","))])] {
            let list = user.presence(&query).await.expect(200);
            let seen = list["items"].as_array().expect("items").iter().map(|item| text(&item["user"]["id"]));
            assert_eq!(seen.filter(|id| *id != user.id).collect::<BTreeSet<_>>(), expected, "{} looks", user.name);
        }
    }
}

/// Checks that the other members are told who types, and nobody else.
pub async fn check_typing(model: &Model, scenario: &Scenario) {
    let mut streams = Vec::new();
    for user in &scenario.users {
        let mut stream = user.open_stream(user.request(Method::GET, "/v1/stream")).await;
        stream.next_of("ready").await;
        streams.push(stream);
    }
    let group = scenario.users[0].create_group(&scenario.users[1..].iter().collect::<Vec<_>>()).await;
    let mut counts = vec![0; streams.len()];
    send_marker(&scenario.users[0], &group, &mut streams).await;
    for conversation in &scenario.conversations {
        for typist in &scenario.users {
            let member = model.is_member(&typist.id, conversation);
            typist.send_typing(conversation).await.expect(if member { 204 } else { 404 });
            let others = scenario.users.iter().zip(&mut counts).filter(|(user, _)| user.id != typist.id);
            for (_, count) in others.filter(|(user, _)| member && model.is_member(&user.id, conversation)) {
                *count += 1;
            }
        }
    }
    for (stream, count) in streams.iter_mut().zip(&counts) {
        for _ in 0..*count {
            stream.next_ephemeral("typing").await;
        }
    }
    send_marker(&scenario.users[0], &group, &mut streams).await;
    for (stream, user) in streams.iter().zip(&scenario.users) {
        assert_eq!(stream.ephemeral_count("typing"), 0, "{} was told more", user.name);
    }
}

/// Sends a message and waits until all streams have it. Everything before it has then arrived, too.
async fn send_marker(sender: &User, group: &str, streams: &mut [crate::support::Stream]) {
    let sent = sender.say(group, "mark").await;
    for stream in streams {
        while stream.next_of("message.created").await.value["data"]["message"]["id"] != sent["id"] {}
    }
}
