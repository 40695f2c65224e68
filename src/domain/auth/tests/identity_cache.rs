use super::*;

#[test]
fn identity_read_before_a_change_is_not_cached_after_it() {
    let remembered = ExpiringCache::<&str, u32>::default();
    let before = remembered.changes();
    remembered.put("one", 1, before);
    remembered.put("two", 2, before);
    remembered.remove_where(|value| *value == 1);
    remembered.put("one", 1, before);
    assert_eq!((remembered.get("one"), remembered.get("two")), (None, Some(2)));
    remembered.put("one", 10, remembered.changes());
    assert_eq!(remembered.get("one"), Some(10));
}
