use super::*;
use proptest::prelude::*;

proptest! {
    #[test]
    fn cursor_survives_encoding_and_parsing(epoch in any::<i64>(), position in 0..i64::MAX) {
        let cursor = Cursor { epoch: Epoch(epoch), position: Position(position) };
        prop_assert_eq!(Cursor::parse(&cursor.to_string()), Some(cursor));
    }

    #[test]
    fn text_that_is_no_cursor_is_refused(text in "\\PC*") {
        prop_assert!(Cursor::parse(&text).is_none_or(|cursor| cursor.to_string() == text));
    }
}

#[test]
fn only_the_canonical_encoding_of_a_cursor_is_accepted() {
    for plain in ["1.7", "1.7.8.9", "2.7.8", "1.+7.8", "1.7.-8", "1.07.8", ""] {
        assert_eq!(Cursor::parse(&URL_SAFE_NO_PAD.encode(plain)), None, "{plain}");
    }
    assert!(Cursor::parse(&URL_SAFE_NO_PAD.encode("1.7.8")).is_some());
}
