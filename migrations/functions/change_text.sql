-- Gives a message of the actor's another text. The caller has checked that the actor sent it.
-- Rejections: not_found, deleted, too_many_edits.
--
-- Lock order: called by log_change(), under the log's lock.
CREATE OR REPLACE FUNCTION change_text(
    p_next bigint, p_now timestamptz, p_actor uuid, p_arguments jsonb, p_payloads text[],
    OUT o_rejection text, OUT o_result jsonb, OUT o_events events[]
) LANGUAGE plpgsql AS $$
DECLARE
    v_conversation uuid   := p_arguments->>'conversation';
    v_message      uuid   := p_arguments->>'message';
    v_mentions     uuid[] := ARRAY(SELECT jsonb_array_elements_text(p_arguments->'mentions')::uuid);
    v_created      events;
BEGIN
    SELECT * INTO v_created FROM events WHERE position = (p_arguments->>'created')::bigint;
    -- A message without its id is about to be dropped by retention: no deletion would find the new text.
    IF NOT FOUND OR NOT EXISTS (SELECT FROM ids WHERE id = v_message) OR NOT is_member(v_conversation, p_actor) THEN
        o_rejection := 'not_found';
        RETURN;
    END IF;
    IF v_created.deleted THEN
        o_rejection := 'deleted';
        RETURN;
    END IF;
    IF (SELECT payload->>'text' FROM events WHERE position = coalesce(v_created.current, v_created.position))
       = p_arguments->>'text' THEN
        RETURN;
    END IF;
    IF (SELECT count(*) FROM events WHERE message_id = v_message AND kind = 'message.edited')
       >= (p_arguments->>'max_edits')::bigint THEN
        o_rejection := 'too_many_edits';
        RETURN;
    END IF;
    UPDATE events SET current = p_next, mentions = nullif(v_mentions, '{}') WHERE position = v_created.position;
    o_events := ARRAY[log_event('message.edited', v_conversation, v_message, p_actor, p_payloads[1])];
END $$;
COMMENT ON FUNCTION change_text(bigint, timestamptz, uuid, jsonb, text[]) IS 'The edit of one message; see log_change().';
