-- Takes the log's lock for the rest of the transaction; what it reads is read in later statements, whose snapshots
-- are younger than the lock.
CREATE OR REPLACE FUNCTION log_lock(known bigint, OUT head bigint, OUT now timestamptz) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(log_lock_key());
    SELECT max(position) INTO head FROM events WHERE position >= known;
    IF head IS NULL THEN
        SELECT coalesce(max(position), 0) INTO head FROM events;
    END IF;
    now := date_trunc('milliseconds', clock_timestamp());
END $$;

-- Appends events in one round trip, in the order given. Positions are taken and committed under one lock, so they are
-- gapless and in commit order. For each event the answer has an outcome and a position:
--   0 appended at `position`
--   1 known: the same owner wrote the same request before, at `position`
--   2 reused: the same owner wrote another request under this id
--   3 taken: the id is somebody else's
--   4 the sender is not a member (only where `p_checked`)
-- `p_known` and the lock: see log_lock. `p_now` is the time to write, where the caller has taken the lock before.
CREATE OR REPLACE FUNCTION log_append(
    p_known bigint, p_cluster bigint, p_checked boolean,
    p_ids uuid[], p_owners uuid[], p_macs bytea[], p_kinds text[], p_conversations uuid[], p_messages uuid[],
    p_senders uuid[], p_payloads text[], p_now timestamptz,
    OUT o_epoch bigint, OUT o_created_at timestamptz, OUT o_outcomes smallint[], OUT o_positions bigint[]
) LANGUAGE plpgsql AS $$
DECLARE
    v_head bigint;
    v_done bigint;
BEGIN
    SELECT head, now INTO v_head, o_created_at FROM log_lock(p_known);
    o_created_at := coalesce(p_now, o_created_at);
    o_epoch := log_enter_epoch(p_cluster, v_head);
    WITH input AS (
        SELECT * FROM unnest(p_ids, p_owners, p_macs, p_kinds, p_conversations, p_messages, p_senders, p_payloads)
            WITH ORDINALITY AS t (id, owner, mac, kind, conversation_id, message_id, sender_id, payload, ord)
    ), found AS MATERIALIZED (
        -- Subqueries rather than joins: whatever the planner believes of empty tables, each is one probe of an index.
        SELECT input.*, (SELECT k FROM ids k WHERE k.id = input.id) AS known,
               NOT p_checked OR (SELECT true FROM members m
                                  WHERE m.conversation_id = input.conversation_id AND m.user_id = input.sender_id
                                    AND m.left_at IS NULL) AS may
          FROM input
    ), judged AS (
        SELECT *, (known).position AS known_at,
               CASE WHEN (known).id IS NOT NULL THEN
                        CASE WHEN (known).owner <> owner THEN 3 WHEN (known).mac <> mac THEN 2 ELSE 1 END
                    WHEN may THEN 0
                    ELSE 4 END AS outcome
          FROM found
    ), placed AS (
        SELECT *, CASE WHEN outcome = 0 THEN v_head + row_number() OVER (PARTITION BY outcome ORDER BY ord)
                       ELSE coalesce(known_at, 0) END AS place
          FROM judged
    ), logged AS (
        INSERT INTO events (position, conversation_id, kind, message_id, sender_id, created_at, payload)
        SELECT place, conversation_id, kind, message_id, sender_id, o_created_at, payload::json
          FROM placed WHERE outcome = 0
    ), named AS (
        INSERT INTO ids (id, position, kind, owner, mac)
        SELECT id, place, kind, owner, mac FROM placed WHERE outcome = 0
    )
    SELECT array_agg(outcome::smallint ORDER BY ord), array_agg(place ORDER BY ord), count(*) FILTER (WHERE outcome = 0)
      INTO o_outcomes, o_positions, v_done
      FROM placed;
    IF v_done > 0 THEN
        PERFORM pg_notify('longwave_log', (v_head + v_done)::text);
    ELSE
        -- A transaction that writes nothing neither flushes nor waits for the standby, so that an answer would be a guess.
        PERFORM pg_logical_emit_message(true, 'longwave', '');
    END IF;
END $$;
