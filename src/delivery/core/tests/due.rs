//! What the passing of time costs: only what is due is looked at.

use super::*;

#[test]
fn sweep_looks_only_at_subscriptions_for_which_something_is_due() {
    let mut stage = Stage::at(10);
    let until = (stage.now + Duration::from_secs(50), CloseReason::Waited);
    let polls: Vec<_> = (1..=500)
        .map(|number| {
            let subscriber = Subscriber { until, ..stage.subscriber(user(number)) };
            let poll = stage.poll(subscriber, 10, cursor(10));
            stage.learn(user(number), &[1]);
            poll
        })
        .collect();
    let visits = stage.visits(|stage| (0..400).for_each(|_| stage.sleep(Duration::from_millis(100))));
    assert!(visits <= 1_500, "{visits}");
    stage.sleep(Duration::from_secs(10));
    assert!(polls.iter().all(|poll| poll.got().is_some_and(|got| got.close == Some(CloseReason::Waited))));
}

#[test]
fn sweep_looks_only_at_users_who_may_have_been_absent_for_long_enough() {
    let mut stage = Stage::at(10);
    let _streams: Vec<_> = (1..=100).map(|number| stage.live(user(number), &[1])).collect();
    (0..100).for_each(|_| stage.sleep(Duration::from_millis(100)));
    let checks = stage.dispatcher.recent.topics().checks;
    assert!(checks <= 100, "{checks}");
}
