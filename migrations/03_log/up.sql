CREATE TABLE log_epoch (
    number            integer     PRIMARY KEY,
    epoch             bigint      NOT NULL,
    first_position    bigint      NOT NULL,
    system_identifier bigint      NOT NULL,
    timeline          text        NOT NULL,
    oldest_position   bigint      NOT NULL,
    started_at        timestamptz NOT NULL,
    CONSTRAINT log_epoch_epoch_key UNIQUE (epoch)
);
COMMENT ON TABLE log_epoch IS 'One row for each history of the log; the highest number is the present one.';
COMMENT ON COLUMN log_epoch.epoch IS 'Random, so that two histories that part never share it.';
COMMENT ON COLUMN log_epoch.first_position IS 'Positions from here on belong to this epoch, until the next one begins.';
COMMENT ON COLUMN log_epoch.system_identifier IS 'The cluster, as in pg_control_system().';
COMMENT ON COLUMN log_epoch.timeline IS 'First eight digits of the WAL file name; changes with every promotion.';
COMMENT ON COLUMN log_epoch.oldest_position IS 'Oldest position that is kept.';

CREATE TABLE events (
    position        bigint      NOT NULL,
    conversation_id uuid        NOT NULL,
    kind            text        NOT NULL,
    message_id      uuid,
    sender_id       uuid        NOT NULL,
    created_at      timestamptz NOT NULL,
    payload         json        NOT NULL,
    PRIMARY KEY (position)
) PARTITION BY RANGE (position);
COMMENT ON TABLE events IS 'The log. Append-only, gapless, in commit order.';
COMMENT ON COLUMN events.position IS 'Place in the log: 1, 2, 3 … in the order of commits.';
COMMENT ON COLUMN events.message_id IS 'The message that the event is about.';
COMMENT ON COLUMN events.sender_id IS 'Who acted.';
COMMENT ON COLUMN events.created_at IS 'The database''s clock at the append; for display, orders nothing.';
COMMENT ON COLUMN events.payload IS 'What was written, with the names of that time.';
CREATE INDEX events_conversation_position ON events (conversation_id, position);

CREATE TABLE ids (
    id       uuid   PRIMARY KEY,
    position bigint NOT NULL,
    kind     text   NOT NULL,
    owner    uuid   NOT NULL,
    mac      bytea  NOT NULL
);
COMMENT ON TABLE ids IS 'The id of every log write: what makes a repeated write harmless.';
COMMENT ON COLUMN ids.position IS 'The event that was written under this id.';
COMMENT ON COLUMN ids.owner IS 'Whose key it is.';
COMMENT ON COLUMN ids.mac IS 'HMAC of method, path and body of the request.';

-- The key of the log's lock. Lock order: this lock, then rows of conversations and members, then the log.
CREATE FUNCTION log_lock_key() RETURNS bigint LANGUAGE sql IMMUTABLE AS $$ SELECT 7809641251763024741 $$;

-- Keeps the partitions of the log made ahead of its head. They are wide enough that there are about a hundred.
CREATE FUNCTION log_extend() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    head  bigint;
    upper bigint;
    width bigint;
    part  text;
BEGIN
    PERFORM pg_advisory_xact_lock(log_lock_key() + 1);
    SELECT coalesce(max(position), 0) INTO head FROM events;
    SELECT coalesce(max((regexp_match(pg_get_expr(c.relpartbound, c.oid), 'TO \(''(\d+)''\)'))[1]::bigint), 1)
      INTO upper
      FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
     WHERE i.inhparent = 'events'::regclass;
    width := greatest(1000000, head / 50);
    WHILE upper <= head + 2 * width LOOP
        part := 'events_' || upper;
        EXECUTE format('CREATE TABLE %I (LIKE events INCLUDING ALL)', part);
        EXECUTE format('ALTER TABLE events ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', part, upper, upper + width);
        upper := upper + width;
    END LOOP;
END $$;
COMMENT ON FUNCTION log_extend() IS 'Makes the next partitions of the log; safe to call at any time from any node.';

SELECT log_extend();

-- Takes the log's lock for the rest of the transaction; what it reads is read in later statements, whose snapshots
-- are younger than the lock.
CREATE FUNCTION log_lock(known bigint, OUT head bigint, OUT now timestamptz) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(log_lock_key());
    SELECT max(position) INTO head FROM events WHERE position >= known;
    IF head IS NULL THEN
        SELECT coalesce(max(position), 0) INTO head FROM events;
    END IF;
    now := date_trunc('milliseconds', clock_timestamp());
END $$;
COMMENT ON FUNCTION log_lock(bigint) IS
    'Locks the log and answers its head. `known` is any position that the caller has seen committed: it spares the older partitions.';

-- Answers the present epoch, and begins a new one if this is another cluster or another timeline than the last append
-- saw: then the log may have lost its tail. Call it under the lock.
CREATE FUNCTION log_enter_epoch(cluster bigint, head bigint, forced boolean DEFAULT false) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    present log_epoch;
    line    text := substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8);
BEGIN
    SELECT * INTO present FROM log_epoch ORDER BY number DESC LIMIT 1;
    IF present.system_identifier = cluster AND present.timeline = line AND NOT forced THEN
        RETURN present.epoch;
    END IF;
    INSERT INTO log_epoch (number, epoch, first_position, system_identifier, timeline, oldest_position, started_at)
    VALUES (coalesce(present.number, 0) + 1,
            ('x' || translate(substr(gen_random_uuid()::text, 1, 13), '-', ''))::bit(48)::bigint,
            head + 1, cluster, line, coalesce(present.oldest_position, 1), clock_timestamp())
    RETURNING * INTO present;
    RETURN present.epoch;
END $$;
COMMENT ON FUNCTION log_enter_epoch(bigint, bigint, boolean) IS 'The epoch of what is appended now.';

-- Appends events in one round trip, in the order given. Positions are taken and committed under one lock, so they are
-- gapless and in commit order. For each event the answer has an outcome and a position:
--   0 appended at `position`
--   1 known: the same owner wrote the same request before, at `position`
--   2 reused: the same owner wrote another request under this id
--   3 taken: the id is somebody else's
--   4 the sender is not a member (only where `p_checked`)
-- `p_known` and the lock: see log_lock. `p_now` is the time to write, where the caller has taken the lock before.
CREATE FUNCTION log_append(
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
