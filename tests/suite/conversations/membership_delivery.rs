//! Promise 5: a user has an event exactly if it lies in one of their memberships, by every way of reading.

use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::support::{Reader, Received, TestApp, User, cursors, expected_events, query};

const MEMBERSHIPS: usize = 8;
const THE_END: &str = "the end";

/// Adds and removes a user until [`MEMBERSHIPS`] memberships have ended, and adds them a last time.
async fn join_and_leave_repeatedly(owner: User, user: User, group: String) {
    for round in 0..MEMBERSHIPS {
        owner.on(round % 2).put_member(&group, &user.id, json!({})).await.expect(201);
        let said = user.on(fastrand::usize(..2)).send(&group, "me too").await;
        said.expect(201);
        if round % 2 == 0 {
            owner.remove_member(&group, &user.id).await.expect(204);
        } else {
            user.remove_member(&group, "me").await.expect(204);
        }
    }
    owner.put_member(&group, &user.id, json!({})).await.expect(201);
}

async fn send_until_stopped(user: User, group: String, stop: CancellationToken) {
    while !stop.is_cancelled() {
        user.say(&group, "talk").await;
    }
}

/// Reads everything from the beginning to the end by polls.
async fn poll_from_start(user: &User) -> Vec<Value> {
    let mut after = "start".to_owned();
    let mut events: Vec<Value> = Vec::new();
    while events.last().is_none_or(|event| event["data"]["message"]["text"] != THE_END) {
        let batch = user.updates(&query(&[("after", &after), ("limit", "100"), ("wait", "10")])).await.expect(200);
        events.extend(batch["events"].as_array().expect("events").iter().cloned());
        batch["cursor"].as_str().expect("a cursor").clone_into(&mut after);
    }
    events
}

/// Reads the whole history, oldest first.
async fn whole_history(user: &User, group: &str) -> Vec<Value> {
    let mut messages = Vec::new();
    let mut parameters = vec![("order", "asc".to_owned()), ("limit", "50".to_owned())];
    loop {
        let pairs: Vec<_> = parameters.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let page = user.history(group, &query(&pairs)).await.expect(200);
        messages.extend(page["items"].as_array().expect("items").iter().map(|message| message["id"].clone()));
        let Some(next) = page["next"].as_str() else { return messages };
        parameters.truncate(2);
        parameters.push(("page", next.to_owned()));
    }
}

/// Cuts the memberships of `user` out of all events of a conversation, as its owner saw them.
fn within_memberships<'a>(all: &'a [Value], user: &User) -> Vec<&'a Value> {
    let mut member = false;
    let mut events = Vec::new();
    for event in all {
        let concerned = event["data"]["member"]["user"]["id"] == user.id.as_str();
        member |= concerned && event["type"] == "member.joined";
        if member {
            events.push(event);
        }
        member &= !(concerned && event["type"] == "member.left");
    }
    events
}

fn is_the_end(events: &[Received]) -> bool {
    events.last().is_some_and(|event| event.value["data"]["message"]["text"] == THE_END)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn delivery_to_members_who_come_and_go_has_exactly_the_events_of_their_memberships() {
    let app = TestApp::builder().nodes(2).start().await;
    let [anna, zoe, bert, carl, dora] = app.guests(["anna", "zoe", "bert", "carl", "dora"]).await;
    let group = anna.create_group(&[&zoe]).await;
    let mut readers = JoinSet::new();
    let (mut churners, stop) = (JoinSet::new(), CancellationToken::new());
    for user in [&bert, &carl, &dora] {
        let mut reader = Reader::new(user, &user.now().await);
        readers.spawn(async move {
            reader.read_with_random_faults(2, is_the_end).await;
            reader
        });
        churners.spawn(join_and_leave_repeatedly(anna.clone(), user.clone(), group.clone()));
    }
    let talkers = [(&anna, 0), (&zoe, 1)]
        .map(|(user, node)| tokio::spawn(send_until_stopped(user.on(node), group.clone(), stop.clone())));
    churners.join_all().await;
    stop.cancel();
    for talker in talkers {
        talker.await.expect("it talks");
    }
    anna.say(&group, THE_END).await;
    let (all, sql) = (poll_from_start(&anna).await, app.sql().await);
    for reader in readers.join_all().await {
        let user = reader.user();
        let expected = within_memberships(&all, user);
        assert_eq!(
            expected.iter().filter(|event| event["type"] == "member.left" && concerns(event, user)).count(),
            MEMBERSHIPS
        );
        let positions: Vec<_> =
            expected.iter().map(|event| cursors::position(event["cursor"].as_str().expect("a cursor"))).collect();
        assert_eq!(expected_events::visible_to(&sql, &user.id).await, positions, "{}", user.name);
        expected_events::assert_received(&user.name, &reader.events, &positions);
        assert_eq!(poll_from_start(&user.on(1)).await.iter().collect::<Vec<_>>(), expected, "{} by polls", user.name);
        let created = expected.iter().filter(|event| event["type"] == "message.created");
        let created: Vec<_> = created.map(|event| event["data"]["message"]["id"].clone()).collect();
        assert_eq!(whole_history(&user.on(0), &group).await, created, "{} in history", user.name);
    }
}

fn concerns(event: &Value, user: &User) -> bool {
    event["data"]["member"]["user"]["id"] == user.id.as_str()
}
