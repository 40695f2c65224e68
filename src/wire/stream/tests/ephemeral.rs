use super::*;
use crate::ids::UserId;
use crate::store::{Time, UserRole};

#[test]
fn ephemeral_event_has_neither_an_id_nor_a_cursor() {
    let created_at = Timestamp(Time::UNIX_EPOCH);
    let (name, display_name) = ("ann".to_owned(), "Ann\nLee".to_owned());
    let user = User { id: UserId::new(), name, display_name, role: UserRole::User, created_at };
    let event = Ephemeral::presence(&user, true);
    let sse = event.framed(Framing::Sse).plain();
    let text = std::str::from_utf8(&sse).unwrap();
    let data = text.strip_prefix("event: presence\ndata: ").and_then(|rest| rest.strip_suffix("\n\n")).unwrap();
    assert!(!data.contains('\n'));
    let value: serde_json::Value = serde_json::from_str(data).unwrap();
    assert_eq!((&value["type"], &value["data"]["online"]), (&"presence".into(), &true.into()));
    assert!(value.get("cursor").is_none() && value["conversation_id"].is_null());
    assert_eq!(event.framed(Framing::Ndjson).plain(), format!("{data}\n").as_bytes());
}

#[test]
fn line_ends_in_names_are_not_copied() {
    let json = RawValue::from_string("{\"a\":\n1}".to_owned()).unwrap();
    assert!(Ephemeral::of(EphemeralKind::Typing, json).is_none());
}
