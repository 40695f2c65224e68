//! Promises 1 and 4: what was answered is stored once, through `kill -9` of any node and of PostgreSQL.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::support::{Database, PrivateCluster, Reader, Received, TestApp, User, eventually, expected_events, query};

const THE_END: &str = "the end";
const RECOVERS_WITHIN: Duration = Duration::from_secs(30);

/// How often a node is killed.
fn rounds() -> usize {
    std::env::var("LONGWAVE_TEST_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(5)
}

/// Writers that send until they are told to stop, and retry each message under its key until it is answered.
struct Load {
    writers: JoinSet<Vec<String>>,
    acknowledged: Arc<AtomicUsize>,
    stop: CancellationToken,
}

impl Load {
    fn start(users: &[User], conversation: &str) -> Self {
        let (acknowledged, stop) = (Arc::new(AtomicUsize::new(0)), CancellationToken::new());
        let mut writers = JoinSet::new();
        for user in users {
            writers.spawn(write(user.clone(), conversation.to_owned(), Arc::clone(&acknowledged), stop.clone()));
        }
        Self { writers, acknowledged, stop }
    }

    /// Waits until `count` more messages have been answered.
    async fn wait_for_more(&self, count: usize) {
        let goal = self.acknowledged.load(Ordering::SeqCst) + count;
        let reached = async || (self.acknowledged.load(Ordering::SeqCst) >= goal).then_some(());
        eventually("messages are accepted again", RECOVERS_WITHIN, reached).await;
    }

    /// Stops, and answers the keys of all messages that were answered.
    async fn finish(self) -> Vec<String> {
        self.stop.cancel();
        self.writers.join_all().await.concat()
    }
}

async fn write(
    user: User,
    conversation: String,
    acknowledged: Arc<AtomicUsize>,
    stop: CancellationToken,
) -> Vec<String> {
    let mut keys = Vec::new();
    while !stop.is_cancelled() {
        let key = Uuid::now_v7().to_string();
        send_until_answered(&user, &conversation, &key).await;
        keys.push(key);
        acknowledged.fetch_add(1, Ordering::SeqCst);
    }
    keys
}

/// Sends under one key, to either node, until it is answered.
async fn send_until_answered(user: &User, conversation: &str, key: &str) {
    let path = format!("/v1/conversations/{conversation}/messages");
    for attempt in 0.. {
        let user = user.on(fastrand::usize(..2));
        let request = user.request(Method::POST, &path).header("idempotency-key", key).json(&json!({"text": key}));
        let answer = user.try_answer(request.timeout(Duration::from_secs(5))).await;
        match answer.map(|answer| (answer.status, answer.text())) {
            Ok((201, _)) => return,
            Ok((status, text)) if status < 500 => panic!("attempt {attempt}: {status} {text}"),
            Ok(_) | Err(_) => tokio::time::sleep(Duration::from_millis(fastrand::u64(10..100))).await,
        }
    }
}

fn is_the_end(events: &[Received]) -> bool {
    events.last().is_some_and(|event| event.value["data"]["message"]["text"] == THE_END)
}

/// Asserts that the log has each of these messages once, and no other but `others`.
async fn assert_stored_once(app: &TestApp, keys: &[String], others: i64) {
    let sql = app.sql().await;
    let creations = expected_events::creations(&sql, keys).await;
    let lost: Vec<_> = keys.iter().zip(&creations).filter(|(_, count)| **count != 1).collect();
    assert!(lost.is_empty(), "{} of {} messages are not there once: {lost:?}", lost.len(), keys.len());
    let count = "SELECT count(*) FROM events WHERE kind = 'message.created'";
    let stored: i64 = sql.query_one(count, &[]).await.expect("the log is read").get(0);
    assert_eq!(stored, keys.len() as i64 + others);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acknowledged_messages_survive_kill_9_of_nodes() {
    let mut app = TestApp::builder().nodes(2).in_processes().start().await;
    let users = app.guests(["anna", "bert", "carl", "dora"]).await;
    let group = users[0].create_group(&[&users[1], &users[2], &users[3]]).await;
    let mut readers = JoinSet::new();
    for user in &users[1..] {
        let mut reader = Reader::new(user, &user.now().await);
        readers.spawn(async move {
            reader.read_with_random_faults(2, is_the_end).await;
            reader
        });
    }
    let load = Load::start(&users, &group);
    for round in 0..rounds() {
        load.wait_for_more(20).await;
        app.kill(round % 2).await;
        load.wait_for_more(20).await;
        app.restart(round % 2).await;
    }
    load.wait_for_more(20).await;
    let keys = load.finish().await;
    users[0].say(&group, THE_END).await;
    assert_stored_once(&app, &keys, 1).await;
    let sql = app.sql().await;
    for reader in readers.join_all().await {
        let created = 1;
        let expected = &expected_events::visible_to(&sql, &reader.user().id).await[created..];
        expected_events::assert_received(&reader.user().name, &reader.events, expected);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_and_sends_recover_without_help_from_kill_9_of_postgresql() {
    let cluster = PrivateCluster::start().await;
    let app = TestApp::builder().nodes(2).database(Database::at(cluster.url())).start().await;
    let users = app.guests(["anna", "bert", "carl"]).await;
    let group = users[0].create_group(&[&users[1], &users[2]]).await;
    let start = users[1].now().await;
    let mut streams = JoinSet::new();
    for node in 0..2 {
        let mut stream = users[1].on(node).ready_stream(&query(&[("after", &start)])).await;
        streams.spawn(async move {
            let mut events = Vec::new();
            while !is_the_end(&events) {
                events.push(stream.next_event().await);
            }
            events
        });
    }
    let load = Load::start(&users, &group);
    for _ in 0..5 {
        load.wait_for_more(20).await;
        let killed = cluster.kill();
        let restarted = async || cluster.postmaster().filter(|pid| *pid != killed);
        eventually("PostgreSQL is started again", RECOVERS_WITHIN, restarted).await;
        load.wait_for_more(20).await;
    }
    let keys = load.finish().await;
    users[0].say(&group, THE_END).await;
    assert_stored_once(&app, &keys, 1).await;
    let expected = &expected_events::visible_to(&app.sql().await, &users[1].id).await[1..];
    for events in streams.join_all().await {
        expected_events::assert_received("a stream that stayed open", &events, expected);
    }
    drop(app);
    cluster.stop().await;
}
