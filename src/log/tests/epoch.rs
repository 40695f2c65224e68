use super::*;

fn log() -> EpochHistory {
    let row = |epoch, first| EpochRow {
        epoch: Epoch(epoch),
        first: Position(first),
        oldest: Position(5),
        head: Position(30),
    };
    EpochHistory { epochs: vec![row(7, 1), row(8, 20)], head: Position(30) }
}

fn judge(epoch: i64, position: i64) -> CursorStatus {
    log().check(Cursor { epoch: Epoch(epoch), position: Position(position) })
}

#[test]
fn cursor_of_an_older_epoch_is_valid_below_the_first_position_of_the_next() {
    assert_eq!(judge(7, 19), CursorStatus::Valid);
    assert_eq!(judge(7, 20), CursorStatus::Unknown);
}

#[test]
fn cursor_of_the_present_epoch_is_valid_up_to_the_head() {
    assert_eq!(judge(8, 30), CursorStatus::Valid);
    assert_eq!(judge(8, 31), CursorStatus::Unknown);
}

#[test]
fn cursor_of_an_epoch_that_never_was_is_unknown() {
    assert_eq!(judge(9, 10), CursorStatus::Unknown);
}

#[test]
fn cursor_below_the_oldest_kept_position_has_expired() {
    assert_eq!(judge(8, 4), CursorStatus::Valid);
    assert_eq!(judge(8, 3), CursorStatus::Expired);
}
