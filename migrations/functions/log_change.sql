-- Makes one change in one round trip: lock, known id, checks, rows, events, NOTIFY. `p_change` names the function that
-- knows the rules. It is called under the lock, only for an id that is new, as
--
--   p_change(p_next bigint, p_now timestamptz, p_actor uuid, p_arguments jsonb, p_payloads text[],
--            OUT o_rejection text, OUT o_result jsonb, OUT o_events events[])
--
-- It checks before it writes. It either answers `o_rejection`, and has written nothing; or it writes its rows and answers
-- the events, the first of which will stand at `p_next`. No events: nothing had to change. `o_result` is for the caller.
--
-- Answers one row for each event, at least one. `outcome` is that of log_judge_id(). A new change either has a `rejection`
-- or was made. `position` is that of the event, or of the event of a known id.
--
-- Lock order: the log's lock, then rows of conversations and members, then rows of events, reactions and attachments, then
-- the lock of search.
CREATE OR REPLACE FUNCTION log_change(
    p_known bigint, p_cluster bigint, p_id uuid, p_owner uuid, p_mac bytea,
    p_change text, p_arguments jsonb, p_payloads text[]
) RETURNS TABLE (
    outcome smallint, epoch bigint, created_at timestamptz, rejection text, result text,
    "position" bigint, conversation_id uuid, kind text, message_id uuid, sender_id uuid, payload json, only_for uuid
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_begun  record;
    v_events events[];
    v_result jsonb;
    v_reason text;
BEGIN
    SELECT * INTO v_begun FROM log_begin(p_known, p_cluster, p_id, p_owner, p_mac);
    IF v_begun.o_outcome = 0 THEN
        EXECUTE format('SELECT o_rejection, o_result, o_events FROM %I($1, $2, $3, $4, $5)', p_change)
           INTO v_reason, v_result, v_events
          USING v_begun.o_head + 1, v_begun.o_now, p_owner, p_arguments, p_payloads;
    END IF;
    IF v_reason IS NULL AND cardinality(v_events) > 0 THEN
        INSERT INTO events (position, conversation_id, kind, message_id, sender_id, created_at, payload, only_for)
        SELECT v_begun.o_head + e.ordinality, e.conversation_id, e.kind, e.message_id, e.sender_id, v_begun.o_now,
               e.payload, e.only_for
          FROM unnest(v_events) WITH ORDINALITY AS e;
        INSERT INTO ids (id, position, kind, owner, mac)
        VALUES (p_id, v_begun.o_head + 1, v_events[1].kind, p_owner, p_mac);
        PERFORM pg_notify('longwave_log', (v_begun.o_head + cardinality(v_events))::text);
        RETURN QUERY
        SELECT v_begun.o_outcome, v_begun.o_epoch, v_begun.o_now, NULL, v_result::text,
               v_begun.o_head + e.ordinality, e.conversation_id, e.kind, e.message_id, e.sender_id, e.payload, e.only_for
          FROM unnest(v_events) WITH ORDINALITY AS e ORDER BY e.ordinality;
        RETURN;
    END IF;
    IF v_reason IS NULL THEN
        -- A transaction that writes nothing neither flushes nor waits for the standby: what it found could still be lost.
        PERFORM pg_logical_emit_message(true, 'longwave', '');
    END IF;
    RETURN QUERY
    SELECT v_begun.o_outcome, v_begun.o_epoch, v_begun.o_now, v_reason, v_result::text, v_begun.o_position,
           NULL::uuid, NULL::text, NULL::uuid, NULL::uuid, NULL::json, NULL::uuid;
END $$;
COMMENT ON FUNCTION log_change(bigint, bigint, uuid, uuid, bytea, text, jsonb, text[]) IS
    'Makes one change under the log''s lock, at most once: checks, rows and events.';
