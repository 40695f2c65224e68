-- Deletes a message: the sender may, and in a group its admins and owners. One that is deleted stays so.
-- Rejections: not_found, forbidden.
--
-- Lock order: called by log_change(), under the log's lock.
CREATE OR REPLACE FUNCTION change_deletion(
    p_next bigint, p_now timestamptz, p_actor uuid, p_arguments jsonb, p_payloads text[],
    OUT o_rejection text, OUT o_result jsonb, OUT o_events events[]
) LANGUAGE plpgsql AS $$
DECLARE
    v_conversation uuid := p_arguments->>'conversation';
    v_message      uuid := p_arguments->>'message';
    v_created      events;
    v_role         text;
BEGIN
    SELECT * INTO v_created FROM events WHERE position = (p_arguments->>'created')::bigint;
    SELECT role INTO v_role FROM members
     WHERE conversation_id = v_conversation AND user_id = p_actor AND left_at IS NULL;
    IF v_created.position IS NULL OR v_role IS NULL THEN
        o_rejection := 'not_found';
        RETURN;
    END IF;
    IF v_created.sender_id <> p_actor AND (v_role = 'member' OR EXISTS (SELECT FROM conversations
                                             WHERE id = v_conversation AND kind = 'direct')) THEN
        o_rejection := 'forbidden';
        RETURN;
    END IF;
    IF v_created.deleted THEN
        RETURN;
    END IF;
    PERFORM delete_message(v_message, v_created.position, p_next);
    o_events := ARRAY[log_event('message.deleted', v_conversation, v_message, p_actor,
                                payload_with_time(p_payloads[1], 'deleted_at', p_now))];
END $$;
COMMENT ON FUNCTION change_deletion(bigint, timestamptz, uuid, jsonb, text[]) IS 'The deletion of one message; see log_change().';
