-- Moves read marks forward, each pair of conversation and user named once. Those that do not move, and those of users who are
-- not members, are passed over. `p_payloads` has one payload a mark. In conversations of more than `max_shared_members` members only
-- the reader gets the event.
--
-- Lock order: called by log_change(), under the log's lock.
CREATE OR REPLACE FUNCTION change_read_marks(
    p_next bigint, p_now timestamptz, p_actor uuid, p_arguments jsonb, p_payloads text[],
    OUT o_rejection text, OUT o_result jsonb, OUT o_events events[]
) LANGUAGE plpgsql AS $$
DECLARE
    -- Nodes of the version before name it max_told.
    v_max_shared bigint := coalesce(p_arguments->>'max_shared_members', p_arguments->>'max_told');
    v_large      uuid[];
BEGIN
    v_large := ARRAY(
        SELECT c.conversation
          FROM (SELECT DISTINCT conversation FROM jsonb_to_recordset(p_arguments->'marks') AS (conversation uuid)) c
         WHERE (SELECT count(*) FROM (SELECT FROM members m WHERE m.conversation_id = c.conversation AND m.left_at IS NULL
                                       LIMIT v_max_shared + 1) m) > v_max_shared);
    WITH moved AS (
        UPDATE members m SET read = t.read
          FROM ROWS FROM (jsonb_to_recordset(p_arguments->'marks') AS (conversation uuid, reader uuid, read bigint),
                          unnest(p_payloads)) WITH ORDINALITY AS t (conversation_id, user_id, read, payload, ord)
         WHERE m.conversation_id = t.conversation_id AND m.user_id = t.user_id AND m.left_at IS NULL AND m.read < t.read
        RETURNING m.conversation_id, m.user_id, t.payload, t.ord
    )
    SELECT array_agg(log_event('conversation.read', conversation_id, NULL, user_id, payload,
                               CASE WHEN conversation_id = ANY (v_large) THEN user_id END) ORDER BY ord)
      INTO o_events
      FROM moved;
END $$;
COMMENT ON FUNCTION change_read_marks(bigint, timestamptz, uuid, jsonb, text[]) IS 'The change of many read marks; see log_change().';
