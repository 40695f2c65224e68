//! What a write costs while all others wait for the log's lock: one round trip.

use std::future::Future;

use serde_json::json;

use crate::support::{Answer, Proxy, TestApp, User};

/// Performs each kind of write once, with the status it shall answer. `round` makes it another write than the last time.
struct Writes<'a> {
    proxy: &'a Proxy,
    anna: &'a User,
    bert: &'a User,
    group: &'a str,
    /// For each kind, how many round trips the node made on the connection that writes to the log.
    round_trips: Vec<(&'static str, usize)>,
}

impl Writes<'_> {
    async fn count(&mut self, kind: &'static str, status: u16, write: impl Future<Output = Answer>) -> Answer {
        let before = self.proxy.log_round_trips();
        let answer = write.await;
        assert_eq!(answer.status, status, "{kind}: {}", answer.text());
        self.round_trips.push((kind, self.proxy.log_round_trips() - before));
        answer
    }

    async fn all(&mut self, round: usize) {
        let (anna, bert, group) = (self.anna, self.bert, self.group);
        let sent = self.count("send", 201, anna.send(group, &format!("text {round}"))).await;
        let message = sent.json()["id"].as_str().expect("an id").to_owned();
        self.count("reaction", 204, bert.react(&message, "👍")).await;
        self.count("removal of a reaction", 204, bert.unreact(&message, "👍")).await;
        self.count("edit", 200, anna.edit(&message, &format!("edit {round}"))).await;
        self.count("read mark", 200, bert.read(group, &message)).await;
        self.count("deletion", 204, anna.delete_message(&message)).await;
        self.count("removal of a member", 204, anna.remove_member(group, "bert")).await;
        self.count("addition of a member", 201, anna.put_member(group, "bert", json!({}))).await;
        self.count("another role", 200, anna.put_member(group, "bert", json!({"role": "owner"}))).await;
        self.count("a role taken back", 200, anna.put_member(group, "bert", json!({"role": "member"}))).await;
        // The last owner leaves, and bert becomes one: two events.
        self.count("leaving", 204, anna.remove_member(group, "me")).await;
        self.count("addition by the successor", 201, bert.put_member(group, "anna", json!({"role": "owner"}))).await;
        self.count("a role given up", 200, anna.put_member(group, "bert", json!({"role": "member"}))).await;
    }
}

#[tokio::test]
async fn reactions_edits_deletions_marks_and_memberships_take_one_round_trip_under_the_lock() {
    let app = TestApp::builder().proxied().start().await;
    let [anna, bert] = app.guests(["anna", "bert"]).await;
    let group = anna.create_group(&[&bert]).await;
    let mut writes = Writes { proxy: app.proxy(0), anna: &anna, bert: &bert, group: &group, round_trips: Vec::new() };
    // The first of each kind prepares its statement.
    writes.all(1).await;
    writes.round_trips.clear();
    writes.all(2).await;
    let more: Vec<_> = writes.round_trips.iter().filter(|(_, round_trips)| *round_trips != 1).collect();
    assert!(more.is_empty(), "{more:?}");
    assert_eq!(writes.round_trips.len(), 13);
}
