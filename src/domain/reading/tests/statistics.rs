use super::*;

#[test]
fn report_lists_absent_keys_with_zero() {
    let counts = vec![MessageCount { key: "2".into(), messages: 5, senders: 1 }];
    let filled = filled(counts, (0..24).map(|hour: u8| hour.to_string()));
    assert_eq!(filled.len(), 24);
    assert_eq!(filled.iter().map(|count| count.messages).collect::<Vec<_>>()[..4], [0, 0, 5, 0]);
}
