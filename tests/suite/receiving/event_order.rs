//! Promises 2 and 3: every reader has each of its events once and in order, however its connections break.

use serde_json::Value;
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::support::{Reader, Received, TestApp, User, expected_events};

const SENDERS: usize = 8;
const CONVERSATIONS: usize = 20;
const READERS: usize = 40;
const MESSAGES_EACH: usize = 60;
const THE_END: &str = "the end";

async fn guests(app: &TestApp, prefix: &str, count: usize) -> Vec<User> {
    let mut users = Vec::new();
    for number in 0..count {
        users.push(app.guest(&format!("{prefix}{number}")).await);
    }
    users
}

/// Makes the conversations: all senders in each, a quarter of the readers in most, everybody in the last.
async fn conversations(senders: &[User], readers: &[User]) -> Vec<String> {
    let mut conversations = Vec::new();
    for number in 0..CONVERSATIONS {
        let last = number + 1 == CONVERSATIONS;
        let readers = readers.iter().filter(|_| last || fastrand::u8(..4) == 0);
        let members: Vec<&User> = senders[1..].iter().chain(readers).collect();
        conversations.push(senders[0].create_group(&members).await);
    }
    conversations
}

async fn send_all(sender: User, conversations: Vec<String>) {
    for number in 0..MESSAGES_EACH {
        let conversation = &conversations[fastrand::usize(..conversations.len())];
        let text = format!("{} {number} {}", sender.name, "x".repeat(fastrand::usize(..300)));
        sender.on(fastrand::usize(..2)).say(conversation, &text).await;
    }
}

/// Appends a message as a node does, but keeps the transaction open for two seconds between its position and its
/// commit. The message is a copy of `model` under another id.
async fn append_slowly(sql: tokio_postgres::Client, model: Value) {
    let (model, fresh) = (model["id"].as_str().expect("an id").to_owned(), Uuid::now_v7().to_string());
    sql.batch_execute("BEGIN; SELECT pg_advisory_xact_lock(log_lock_key())").await.expect("the lock");
    let appended = sql
        .query_one(
            "SELECT a.o_outcomes[1] FROM events e, log_append(
                p_known => 0,
                p_cluster => (SELECT system_identifier FROM log_epoch ORDER BY number DESC LIMIT 1),
                p_checked => true,
                p_ids => ARRAY[$2::text::uuid], p_owners => ARRAY[e.sender_id], p_macs => ARRAY['\\x00'::bytea],
                p_kinds => ARRAY[e.kind], p_conversations => ARRAY[e.conversation_id],
                p_messages => ARRAY[$2::text::uuid], p_senders => ARRAY[e.sender_id],
                p_payloads => ARRAY[replace(e.payload::text, $1::text, $2::text)],
                p_replies => ARRAY[NULL::uuid], p_mentions => ARRAY[NULL::text], p_only_for => ARRAY[NULL::uuid],
                p_now => NULL) a
              WHERE e.message_id = $1::text::uuid",
            &[&model, &fresh],
        )
        .await
        .expect("the event is appended");
    assert_eq!(appended.get::<_, i16>(0), 0, "the event is not appended");
    sql.batch_execute("SELECT pg_sleep(2); COMMIT").await.expect("the commit");
}

fn is_the_end(events: &[Received]) -> bool {
    events.last().is_some_and(|event| event.value["data"]["message"]["text"] == THE_END)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_reach_each_reader_once_and_in_order_across_nodes_transports_and_cuts() {
    let app = TestApp::builder().nodes(2).start().await;
    let (senders, readers) = (guests(&app, "sender", SENDERS).await, guests(&app, "reader", READERS).await);
    let mut reading = JoinSet::new();
    for user in &readers {
        let mut reader = Reader::new(user, &user.now().await);
        reading.spawn(async move {
            reader.read_with_random_faults(2, is_the_end).await;
            reader
        });
    }
    let conversations = conversations(&senders, &readers).await;
    let everywhere = conversations.last().expect("a conversation").clone();
    let model = senders[0].say(&everywhere, "from behind").await;
    let mut sending = JoinSet::new();
    sending.spawn(append_slowly(app.sql().await, model));
    for sender in &senders {
        sending.spawn(send_all(sender.clone(), conversations.clone()));
    }
    sending.join_all().await;
    senders[0].say(&everywhere, THE_END).await;
    let (sql, mut record) = (app.sql().await, expected_events::Record::default());
    for reader in reading.join_all().await {
        let user = reader.user();
        expected_events::assert_received(
            &user.name,
            &reader.events,
            &expected_events::visible_to(&sql, &user.id).await,
        );
        record.add(&reader.events);
    }
    let positions = "SELECT count(*), max(position) FROM events";
    let row = sql.query_one(positions, &[]).await.expect("the log is read");
    assert_eq!(row.get::<_, i64>(0), row.get::<_, i64>(1), "the log has gaps");
    assert_eq!(row.get::<_, i64>(0), (CONVERSATIONS + SENDERS * MESSAGES_EACH + 3) as i64);
}
