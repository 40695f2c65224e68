use super::*;

fn id(number: u128) -> MessageId {
    MessageId(uuid::Uuid::from_u128(number))
}

#[test]
fn deletion_concerns_what_was_read_before_it_and_nothing_else() {
    let mut deletions = Deletions::default();
    deletions.add(Some(id(1)));
    let read = deletions.count();
    deletions.add(Some(id(2)));
    let concerned = [1, 2, 3].map(|number| deletions.may_concern([id(number)].into_iter(), read));
    assert_eq!(concerned, [false, true, false]);
    assert!(!deletions.may_concern([id(2)].into_iter(), deletions.count()));
}

#[test]
fn deletion_of_a_conversation_concerns_every_text_that_was_read_before_it() {
    let mut deletions = Deletions::default();
    let read = deletions.count();
    deletions.add(None);
    assert!(deletions.may_concern([id(1)].into_iter(), read));
    assert!(!deletions.may_concern([id(1)].into_iter(), deletions.count()));
}

#[test]
fn deletion_that_is_no_longer_remembered_concerns_every_text_that_was_read_before_it() {
    let mut deletions = Deletions::default();
    (0..=MAX_DELETIONS_KEPT as u128).for_each(|number| deletions.add(Some(id(number))));
    assert_eq!(deletions.recent.len(), MAX_DELETIONS_KEPT);
    let concerned = [0, 1].map(|read| deletions.may_concern([id(u128::MAX)].into_iter(), read));
    assert_eq!(concerned, [true, false]);
}
