use super::*;
use crate::delivery::samples::{cursor, user};

#[test]
fn query_beyond_a_full_queue_is_given_back_and_other_kinds_still_go() {
    let (sender, mut receiver) = query_channels();
    let id = ConnectionId::new();
    let judgement = |key| CatchUpQuery::Judgement(key, id, cursor(10));
    let taken = (0..).take_while(|key| sender.try_send(judgement(*key)).is_ok()).count();
    assert_eq!(taken, MAX_QUEUED_QUERIES);
    let refused = sender.try_send(judgement(7));
    assert!(matches!(refused, Err(CatchUpQuery::Judgement(7, of, _)) if of == id));
    let sent = (0..).take_while(|_| sender.try_send(CatchUpQuery::Memberships(user(1))).is_ok()).count();
    assert_eq!(sent, MAX_QUEUED_QUERIES);
    assert!(receiver.judgements.try_recv().is_ok());
    assert!(sender.try_send(judgement(8)).is_ok());
}
