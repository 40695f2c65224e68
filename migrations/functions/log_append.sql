-- Appends events in one round trip, in the order given. Positions are taken and committed under one lock, so they are
-- gapless and in commit order. Each event gets an outcome and a position:
--   0 appended at `position`
--   1 known, 2 reused, 3 taken: see log_judge_id(); a known one stands at `position`
--   4 the sender is not a member (only where `p_checked`)
-- `p_mentions` has an array of ids as text for each event that mentions somebody: arrays in arrays cannot be unnested.
-- `p_known`: see log_lock(). `p_now` is the time to write, where the caller has taken the lock before.
--
-- Lock order: the log's lock, then rows of the log.
CREATE OR REPLACE FUNCTION log_append(
    p_known bigint, p_cluster bigint, p_checked boolean,
    p_ids uuid[], p_owners uuid[], p_macs bytea[], p_kinds text[], p_conversations uuid[], p_messages uuid[],
    p_senders uuid[], p_payloads text[], p_replies uuid[], p_mentions text[], p_only_for uuid[], p_now timestamptz,
    OUT o_epoch bigint, OUT o_created_at timestamptz, OUT o_outcomes smallint[], OUT o_positions bigint[]
) LANGUAGE plpgsql AS $$
DECLARE
    v_head bigint;
    v_done integer;
BEGIN
    SELECT head, now INTO v_head, o_created_at FROM log_lock(p_known);
    o_created_at := coalesce(p_now, o_created_at);
    o_epoch := log_enter_epoch(p_cluster, v_head);
    -- Nearly always all events are to be appended. To find that out costs less than to judge each of them.
    -- Here and below, subqueries rather than joins: whatever the planner believes of empty tables, each is one probe of
    -- an index. Arrays that are unnested side by side in a SELECT list advance together, and their rows are not stored.
    SELECT count(*) INTO v_done
      FROM (SELECT unnest(p_ids) AS id, unnest(p_conversations) AS conversation_id, unnest(p_senders) AS sender_id) t
     WHERE (SELECT true FROM ids k WHERE k.id = t.id) IS NULL
       AND (NOT p_checked OR (SELECT true FROM members m
                               WHERE m.conversation_id = t.conversation_id AND m.user_id = t.sender_id
                                 AND m.left_at IS NULL));
    IF v_done = cardinality(p_ids) THEN
        o_outcomes := array_fill(0::smallint, ARRAY[v_done]);
        o_positions := ARRAY(SELECT generate_series(v_head + 1, v_head + v_done));
    ELSE
        WITH found AS (
            SELECT t.ord, (SELECT k FROM ids k WHERE k.id = t.id) AS known, t.owner, t.mac,
                   NOT p_checked OR (SELECT true FROM members m
                                      WHERE m.conversation_id = t.conversation_id AND m.user_id = t.sender_id
                                        AND m.left_at IS NULL) AS may
              FROM unnest(p_ids, p_owners, p_macs, p_conversations, p_senders)
                   WITH ORDINALITY AS t (id, owner, mac, conversation_id, sender_id, ord)
        ), judged AS MATERIALIZED (
            SELECT ord, (known).position AS known_at, may, log_judge_id(known, owner, mac) AS judgement FROM found
        ), decided AS (
            SELECT ord, known_at, CASE WHEN judgement = 0 AND may IS NOT TRUE THEN 4 ELSE judgement END AS outcome
              FROM judged
        ), placed AS (
            SELECT *, count(*) FILTER (WHERE outcome = 0) OVER (ORDER BY ord) AS done FROM decided
        )
        SELECT array_agg(outcome::smallint ORDER BY ord), max(done),
               array_agg(CASE WHEN outcome = 0 THEN v_head + done ELSE coalesce(known_at, 0) END ORDER BY ord)
          INTO o_outcomes, v_done, o_positions
          FROM placed;
    END IF;
    -- What is not appended has a position at or below the head.
    INSERT INTO events (position, conversation_id, kind, message_id, sender_id, created_at, payload, reply_to, mentions, only_for)
    SELECT place, conversation_id, kind, message_id, sender_id, o_created_at, payload::json, reply_to, mentions::uuid[], only_for
      FROM (SELECT unnest(o_positions) AS place, unnest(p_conversations) AS conversation_id, unnest(p_kinds) AS kind,
                   unnest(p_messages) AS message_id, unnest(p_senders) AS sender_id, unnest(p_payloads) AS payload,
                   unnest(p_replies) AS reply_to, unnest(p_mentions) AS mentions, unnest(p_only_for) AS only_for) t
     WHERE place > v_head;
    INSERT INTO ids (id, position, kind, owner, mac)
    SELECT id, place, kind, owner, mac
      FROM (SELECT unnest(p_ids) AS id, unnest(o_positions) AS place, unnest(p_kinds) AS kind,
                   unnest(p_owners) AS owner, unnest(p_macs) AS mac) t
     WHERE place > v_head;
    IF v_done > 0 THEN
        PERFORM pg_notify('longwave_log', (v_head + v_done)::text);
    ELSE
        -- A transaction that writes nothing neither flushes nor waits for the standby: what it found could still be lost.
        PERFORM pg_logical_emit_message(true, 'longwave', '');
    END IF;
END $$;
COMMENT ON FUNCTION log_append(bigint, bigint, boolean, uuid[], uuid[], bytea[], text[], uuid[], uuid[], uuid[], text[], uuid[], text[], uuid[], timestamptz) IS
    'Appends events under the log''s lock, in the order given, each at most once; answers outcomes and positions.';
