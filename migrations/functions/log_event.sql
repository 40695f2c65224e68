-- Makes an event that has no position yet. A function rather than a row literal: columns are named, not counted.
CREATE OR REPLACE FUNCTION log_event(
    p_kind text, p_conversation uuid, p_message uuid, p_sender uuid, p_payload text, p_only_for uuid DEFAULT NULL
) RETURNS events LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v_event events;
BEGIN
    v_event.kind := p_kind;
    v_event.conversation_id := p_conversation;
    v_event.message_id := p_message;
    v_event.sender_id := p_sender;
    v_event.payload := p_payload;
    v_event.only_for := p_only_for;
    RETURN v_event;
END $$;
COMMENT ON FUNCTION log_event(text, uuid, uuid, uuid, text, uuid) IS 'An event without a position, for log_change().';
