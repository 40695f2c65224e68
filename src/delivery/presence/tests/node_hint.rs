use super::*;

fn typing(letters: usize) -> NodeHint {
    let event = RawValue::from_string(format!("{{\"name\":\"{}\"}}", "x".repeat(letters))).unwrap();
    NodeHint::Typing { at: "x".into(), conversation: ConversationId::new(), user: UserId::new(), event }
}

#[test]
fn hints_are_split_over_payloads_that_postgresql_takes_and_come_out_as_they_went_in() {
    let node = NodeId::new();
    let mut hints: Vec<_> = (0..100).map(|number| typing(number * 7)).collect();
    hints.extend([NodeHint::ConnectionsChanged, NodeHint::Delivered { to: node, at: "y".into(), user: UserId::new() }]);
    let payloads = pack(node, &hints);
    assert!(payloads.len() > 2 && payloads.iter().all(|payload| payload.len() < 8_000));
    let read = payloads.iter().flat_map(|payload| {
        let payload: HintPayload = serde_json::from_str(payload).unwrap();
        assert_eq!(payload.node, node);
        payload.hints
    });
    let read: Vec<_> = read.map(|hint| serde_json::to_string(&hint).unwrap()).collect();
    let told: Vec<_> = hints.iter().map(|hint| serde_json::to_string(hint).unwrap()).collect();
    assert_eq!(read, told);
}

#[test]
fn hint_that_fits_into_no_payload_is_left_out() {
    assert_eq!(pack(NodeId::new(), &[typing(8_000), NodeHint::ConnectionsChanged]).len(), 1);
    assert!(pack(NodeId::new(), &[typing(8_000)]).is_empty());
}
