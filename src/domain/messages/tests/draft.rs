use super::*;
use crate::ids::{Epoch, Position};
use crate::log::Event;
use crate::store::{Time, UserRole};

#[test]
fn answer_to_the_sender_is_what_the_event_says() {
    let sender = UserRow {
        id: UserId::new(),
        name: "ann".into(),
        display_name: "Ann \"\u{2028}\\ 漢".into(),
        created_at: Time::UNIX_EPOCH,
        disabled_at: None,
        role: UserRole::User,
    };
    let attachment = wire::Attachment {
        id: AttachmentId::from(crate::ids::WriteId::new()),
        name: "a\"b.txt".into(),
        media_type: "text/plain".into(),
        size: 3,
        sha256: "00".into(),
    };
    let draft = MessageDraft {
        text: "line\n\"quoted\" \u{0} \u{7f} 😀 </script>".into(),
        reply_to: Some(MessageId::new()),
        metadata: Some(RawValue::from_string("{\"a\":[1.0,1e3,\"\\u00e4\\n\"]}".into()).unwrap()),
        attachments: vec![attachment.id],
    };
    let message = ValidatedMessage::new(draft, vec![UserId::new()]);
    let (key, id, conversation) =
        (crate::domain::idempotency::request::fresh_key(sender.id), MessageId::new(), ConversationId::new());
    let new = message.event(key, id, conversation, &sender, vec![attachment.clone()]);
    let event = Event {
        position: Position(7),
        epoch: Epoch(1),
        conversation,
        kind: new.kind,
        message: new.message,
        sender: new.sender,
        created_at: Time::UNIX_EPOCH,
        payload: new.payload,
        current: None,
        only_for: None,
    };
    let written = wire::Message::from_event(&event).unwrap();
    let answered = wire::Message::from_payload(&event, message.payload(&sender, vec![attachment]));
    assert_eq!(serde_json::to_string(&answered).unwrap(), serde_json::to_string(&written).unwrap());
}
