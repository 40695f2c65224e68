//! What was to be received, read from the tables of the log itself.

use std::collections::HashMap;

use serde_json::Value;
use tokio_postgres::Client;

use super::cursors;
use crate::support::Received;

/// Answers the positions of all events that lie in a membership of `user`, in the order of the log.
pub async fn visible_to(sql: &Client, user: &str) -> Vec<i64> {
    let rows = sql
        .query(
            "SELECT e.position
               FROM events e
              WHERE EXISTS (SELECT FROM members m
                             WHERE m.conversation_id = e.conversation_id AND m.user_id::text = $1
                               AND e.position BETWEEN m.joined_at AND coalesce(m.left_at, e.position))
                AND (e.only_for IS NULL OR e.only_for::text = $1)
              ORDER BY e.position",
            &[&user],
        )
        .await
        .expect("the log is read");
    rows.iter().map(|row| row.get(0)).collect()
}

/// Answers how many events of creation each of these messages has.
pub async fn creations(sql: &Client, messages: &[String]) -> Vec<i64> {
    let rows = sql
        .query(
            "SELECT (SELECT count(*) FROM events e WHERE e.kind = 'message.created' AND e.message_id::text = wanted)
               FROM unnest($1::text[]) WITH ORDINALITY AS t (wanted, place)
              ORDER BY place",
            &[&messages],
        )
        .await
        .expect("the log is read");
    rows.iter().map(|row| row.get(0)).collect()
}

/// Asserts that a reader got each of its events once and in order.
#[track_caller]
pub fn assert_received(who: &str, received: &[Received], expected: &[i64]) {
    let positions: Vec<i64> =
        received.iter().filter_map(|event| Some(cursors::position(event.cursor.as_ref()?))).collect();
    let common = positions.iter().zip(expected).take_while(|(left, right)| left == right).count();
    assert!(
        common == positions.len() && common == expected.len(),
        "{who} got the first {common} of {} events right; then came {:?} where {:?} was due, {} in all",
        expected.len(),
        &positions[common..positions.len().min(common + 5)],
        &expected[common..expected.len().min(common + 5)],
        positions.len(),
    );
}

/// What observers saw at each place of the log: it has to be the same for all.
#[derive(Default)]
pub struct Record(HashMap<String, Value>);

impl Record {
    /// Adds what one observer has received.
    #[track_caller]
    pub fn add(&mut self, received: &[Received]) {
        for event in received {
            let cursor = event.cursor.clone().expect("an event of the log");
            let known = self.0.entry(cursor).or_insert_with(|| event.value.clone());
            assert_eq!(*known, event.value, "two observers saw different events at one place");
        }
    }
}
