//! Promise 8: notifications are hints. Without them delivery is late, and never wrong.

use std::time::{Duration, Instant};

use crate::support::{Stream, TestApp, User, eventually};

/// The poll interval of one second, with room for a busy machine.
const MAX_DELAY_WITHOUT_NOTIFICATIONS: Duration = Duration::from_secs(8);
/// The time within which a node notices that its listening connection is dead.
const DEAD_PEER_DETECTED_WITHIN: Duration = Duration::from_secs(45);

/// Anna sends on the first node, Bert listens on the second.
struct Setting {
    app: TestApp,
    anna: User,
    bert: User,
    group: String,
    stream: Stream,
}

impl Setting {
    async fn start() -> Self {
        let app = TestApp::builder().nodes(2).proxied().start().await;
        let (anna, bert) = (app.guest("anna").await, app.user("bert").await);
        let group = anna.create_group(&[&bert]).await;
        let stream = bert.on(1).ready_stream("").await;
        Self { app, anna, bert, group, stream }
    }

    /// Answers how long a message is on its way to the other node.
    async fn latency(&mut self, text: &str) -> Duration {
        self.anna.say(&self.group, text).await;
        let begin = Instant::now();
        assert_eq!(self.stream.next_event().await.text(), text);
        begin.elapsed()
    }

    async fn assert_late_at_most(&mut self, rounds: usize) {
        for round in 0..rounds {
            let latency = self.latency(&format!("late {round}")).await;
            assert!(latency < MAX_DELAY_WITHOUT_NOTIFICATIONS, "{latency:?}");
        }
    }

    /// Waits until messages come faster than polls alone can bring them.
    async fn expect_wakeups_again(&mut self, listens_before: usize) {
        let proxy = self.app.proxy(1);
        let listening = async || (proxy.listens() > listens_before).then_some(());
        eventually("the node listens again", DEAD_PEER_DETECTED_WITHIN, listening).await;
        for attempt in 0.. {
            let mut total = Duration::ZERO;
            for round in 0..10 {
                total += self.latency(&format!("quick {attempt} {round}")).await;
            }
            if total < Duration::from_secs(5) {
                return;
            }
            assert!(attempt < 5, "ten messages took {total:?}: nothing wakes the node");
        }
    }
}

#[tokio::test]
async fn delivery_survives_the_loss_of_the_listening_connection() {
    let mut setting = Setting::start().await;
    for _ in 0..3 {
        let listens = setting.app.proxy(1).listens();
        assert!(setting.app.proxy(1).reset_listeners() > 0, "nobody listens");
        setting.assert_late_at_most(3).await;
        setting.expect_wakeups_again(listens).await;
    }
}

#[tokio::test]
async fn delivery_survives_notifications_that_vanish_silently() {
    let mut setting = Setting::start().await;
    assert!(setting.app.proxy(1).blackhole_listeners() > 0, "nobody listens");
    setting.assert_late_at_most(5).await;
    let listens = setting.app.proxy(1).listens();
    setting.app.proxy(1).heal();
    setting.expect_wakeups_again(listens).await;
}

#[tokio::test]
async fn revoked_session_ends_without_notifications() {
    let mut setting = Setting::start().await;
    assert!(setting.app.proxy(1).blackhole_listeners() > 0, "nobody listens");
    setting.bert.log_out().await.expect(204);
    setting.stream.expect_end("revoked").await;
}
