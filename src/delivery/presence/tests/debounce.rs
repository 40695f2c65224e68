use super::*;

fn news(user: UserId, came: bool) -> PresenceChange {
    PresenceChange { user, came, went: !came }
}

#[test]
fn user_who_comes_back_in_time_was_never_offline() {
    let (mut debounce, now, user) = (PresenceDebounce::default(), Instant::now(), UserId::new());
    debounce.take_in(news(user, false), now);
    assert_eq!(debounce.due(10, now), []);
    debounce.take_in(news(user, true), now);
    assert_eq!(debounce.due(10, now + OFFLINE_AFTER), []);
    assert_eq!(debounce.next(10), HashMap::from([(user, true)]));
    assert_eq!(debounce.next(10), HashMap::new());
}

#[test]
fn user_who_does_not_come_back_is_checked_once_and_the_last_change_counts() {
    let (mut debounce, now, user) = (PresenceDebounce::default(), Instant::now(), UserId::new());
    debounce.take_in(news(user, true), now);
    debounce.take_in(news(user, false), now);
    assert_eq!(debounce.due(10, now + OFFLINE_AFTER), [user]);
    assert_eq!(debounce.due(10, now + OFFLINE_AFTER), []);
    debounce.go(user);
    assert_eq!(debounce.next(10), HashMap::from([(user, false)]));
}

#[test]
fn user_of_a_node_that_died_is_checked_at_once() {
    let (mut debounce, now, user) = (PresenceDebounce::default(), Instant::now(), UserId::new());
    debounce.take_in(news(user, false), now);
    debounce.lose(user, now);
    assert_eq!(debounce.due(10, now), [user]);
}

#[test]
fn presence_changes_are_taken_in_parts() {
    let (mut debounce, now) = (PresenceDebounce::default(), Instant::now());
    (0..250).for_each(|_| debounce.take_in(news(UserId::new(), true), now));
    let sizes: Vec<_> = (0..4).map(|_| debounce.next(100).len()).collect();
    assert_eq!(sizes, [100, 100, 50, 0]);
}
