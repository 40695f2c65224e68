ALTER TABLE events
    ADD COLUMN current  bigint,
    ADD COLUMN deleted  boolean,
    ADD COLUMN reply_to uuid,
    ADD COLUMN mentions uuid[],
    ADD COLUMN only_for uuid;
COMMENT ON COLUMN events.current IS 'Of a message.created: where its last edit or its deletion stands; null while it is as it was sent.';
COMMENT ON COLUMN events.deleted IS 'Of a message.created: true if the message was deleted.';
COMMENT ON COLUMN events.reply_to IS 'Of a message.created: the message that it answers.';
COMMENT ON COLUMN events.mentions IS 'Of a message.created: the users whom the present text names; null if there are none.';
COMMENT ON COLUMN events.only_for IS 'The only user who gets the event; null: all members do.';

-- What only one user gets stands in an index of its own, so that it costs nobody else anything.
DROP INDEX events_conversation_position;
CREATE INDEX events_conversation_position ON events (conversation_id, position) WHERE only_for IS NULL;
CREATE INDEX events_only_for ON events (only_for, position) WHERE only_for IS NOT NULL;
CREATE INDEX events_versions ON events (message_id, position) WHERE kind IN ('message.edited', 'message.deleted');
CREATE INDEX events_reply_to ON events (reply_to, position) WHERE reply_to IS NOT NULL;

CREATE TABLE reactions (
    message_id      uuid   NOT NULL,
    emoji           text   NOT NULL,
    user_id         uuid   NOT NULL REFERENCES users,
    conversation_id uuid   NOT NULL REFERENCES conversations ON DELETE CASCADE,
    added_at        bigint NOT NULL,
    removed_at      bigint,
    PRIMARY KEY (message_id, emoji, user_id, added_at),
    CONSTRAINT reactions_interval_is_ordered CHECK (removed_at > added_at)
);
COMMENT ON TABLE reactions IS
    'Reactions as intervals of the log, so that former members see those of their time. Written under the lock of the log only.';
COMMENT ON COLUMN reactions.added_at IS 'Position of the reaction.added.';
COMMENT ON COLUMN reactions.removed_at IS 'Position of the reaction.removed; null while it stands.';
CREATE UNIQUE INDEX reactions_open ON reactions (message_id, emoji, user_id) WHERE removed_at IS NULL;

ALTER TABLE members
    ADD COLUMN archived boolean NOT NULL DEFAULT false,
    ADD COLUMN muted    boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN members.archived IS 'Whether the member has put the conversation away; theirs alone.';
COMMENT ON COLUMN members.muted IS 'Whether the member wants no notice of the conversation; theirs alone.';

ALTER TABLE conversations
    ADD COLUMN deleted_at timestamptz,
    ADD COLUMN blanked_at timestamptz;
COMMENT ON COLUMN conversations.deleted_at IS 'When it was deleted: nobody may know of it any more.';
COMMENT ON COLUMN conversations.blanked_at IS 'When the last text of a deleted conversation was gone from the log.';
CREATE INDEX conversations_to_blank ON conversations (id) WHERE deleted_at IS NOT NULL AND blanked_at IS NULL;

DROP FUNCTION log_append(bigint, bigint, boolean, uuid[], uuid[], bytea[], text[], uuid[], uuid[], uuid[], text[], timestamptz);

-- Appends events in one round trip, in the order given. Positions are taken and committed under one lock, so they are
-- gapless and in commit order. For each event the answer has an outcome and a position:
--   0 appended at `position`
--   1 known: the same owner wrote the same request before, at `position`
--   2 reused: the same owner wrote another request under this id
--   3 taken: the id is somebody else's
--   4 the sender is not a member (only where `p_checked`)
-- `p_mentions` has an array of ids as text for each event that names somebody: arrays in arrays cannot be unnested.
-- `p_known` and the lock: see log_lock. `p_now` is the time to write, where the caller has taken the lock before.
CREATE FUNCTION log_append(
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
    -- Whether all events are to be appended, which they nearly always are, costs less than what becomes of each.
    -- Here and below, subqueries rather than joins: whatever the planner believes of empty tables, each is one probe of
    -- an index. Arrays that are unnested side by side in a SELECT list go in step, and no row of them is stored.
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
            SELECT t.*, (SELECT k FROM ids k WHERE k.id = t.id) AS known,
                   NOT p_checked OR (SELECT true FROM members m
                                      WHERE m.conversation_id = t.conversation_id AND m.user_id = t.sender_id
                                        AND m.left_at IS NULL) AS may
              FROM unnest(p_ids, p_owners, p_macs, p_conversations, p_senders)
                   WITH ORDINALITY AS t (id, owner, mac, conversation_id, sender_id, ord)
        ), judged AS MATERIALIZED (
            SELECT ord, (known).position AS known_at,
                   CASE WHEN (known).id IS NOT NULL THEN
                            CASE WHEN (known).owner <> owner THEN 3 WHEN (known).mac <> mac THEN 2 ELSE 1 END
                        WHEN may THEN 0
                        ELSE 4 END AS outcome
              FROM found
        ), placed AS (
            SELECT *, count(*) FILTER (WHERE outcome = 0) OVER (ORDER BY ord) AS done FROM judged
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
        -- A transaction that writes nothing neither flushes nor waits for the standby, so that an answer would be a guess.
        PERFORM pg_logical_emit_message(true, 'longwave', '');
    END IF;
END $$;

-- Answers the first `p_limit` positions, in order, above `p_after` and up to `p_upto` of events that lie in memberships of
-- a user, by the cheaper of two ways. A span that is short beside the user's memberships is read in the log's own order,
-- and what is not the user's is dropped: what that costs does not grow with the log. Of a longer span each membership is
-- read a few positions at a time, and no further than the last position that the answer can still hold: to read all
-- news of all conversations for one page of them takes time that grows with what is behind it.
CREATE OR REPLACE FUNCTION log_missed(p_user uuid, p_after bigint, p_upto bigint, p_only uuid, p_limit integer) RETURNS bigint[]
-- The planner expects one event where there are a thousand, and would sort them all to find the first.
LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan SET enable_sort = off SET jit = off AS $$
DECLARE
    -- The memberships that have more: up to where they are read, and where they end.
    v_conversations uuid[];
    v_reads bigint[];
    v_ends bigint[];
    v_found bigint[] := '{}';
    v_more bigint[];
    v_bound bigint := p_upto;
    v_step integer;
    v_span bigint := greatest(p_upto - p_after, 0);
BEGIN
    -- To read an event and drop it takes a tenth to a twentieth of the time that the probe of a membership takes.
    IF p_only IS NULL AND EXISTS (SELECT FROM members WHERE user_id = p_user OFFSET v_span / 12) THEN
        RETURN ARRAY(
            SELECT e.position FROM events e
             WHERE e.position > p_after AND e.position <= p_upto AND coalesce(e.only_for = p_user, true)
               -- All memberships are made a hash at the first event, unless they are far more than the events: then the
               -- probe below is enough. The OR also keeps the planner from a join, whose rows would come in no order.
               AND (EXISTS (SELECT FROM members WHERE user_id = p_user OFFSET v_span * 4)
                    OR e.conversation_id IN (SELECT conversation_id FROM members WHERE user_id = p_user))
               AND (SELECT true FROM members m
                     WHERE m.conversation_id = e.conversation_id AND m.user_id = p_user
                       AND m.joined_at <= e.position AND coalesce(m.left_at >= e.position, true) LIMIT 1)
             ORDER BY e.position LIMIT p_limit);
    END IF;
    -- What nobody else gets lies in a membership by itself: it is about what one does as a member.
    v_found := ARRAY(SELECT e.position FROM events e
                      WHERE e.only_for = p_user AND e.position > p_after AND e.position <= p_upto
                        AND coalesce(e.conversation_id = p_only, true)
                      ORDER BY e.position LIMIT p_limit);
    IF cardinality(v_found) = p_limit THEN
        v_bound := v_found[p_limit] - 1;
    END IF;
    -- One probe of an index for each membership. Subqueries rather than joins: the planner cannot take them for a scan.
    SELECT array_agg(conversation_id), array_agg(greatest(joined_at - 1, p_after)), array_agg(coalesce(left_at, p_upto))
      INTO v_conversations, v_reads, v_ends
      FROM members m
     WHERE user_id = p_user AND joined_at <= p_upto AND coalesce(left_at > p_after, true)
       AND coalesce(conversation_id = p_only, true)
       AND (SELECT true FROM events e
             WHERE e.conversation_id = m.conversation_id AND e.only_for IS NULL
               AND e.position > greatest(m.joined_at - 1, p_after) AND e.position <= least(m.left_at, p_upto) LIMIT 1);
    WHILE cardinality(v_conversations) > 0 LOOP
        -- Half as many again as are wanted in all, so that one round is enough where all talk alike.
        v_step := greatest(p_limit * 3 / 2 / cardinality(v_conversations), 1);
        WITH news AS MATERIALIZED (
            SELECT m.conversation_id, m.ends,
                   ARRAY(SELECT e.position FROM events e
                          WHERE e.conversation_id = m.conversation_id AND e.only_for IS NULL
                            AND e.position > m.reads AND e.position <= least(m.ends, v_bound)
                          ORDER BY e.position LIMIT v_step) AS positions
              FROM unnest(v_conversations, v_reads, v_ends) AS m (conversation_id, reads, ends)
        )
        SELECT (SELECT array_agg(position) FROM news, unnest(positions) AS position),
               array_agg(conversation_id), array_agg(positions[v_step]), array_agg(ends)
          INTO v_more, v_conversations, v_reads, v_ends
          FROM news WHERE cardinality(positions) = v_step;
        v_found := ARRAY(SELECT position FROM unnest(v_found || v_more) AS position ORDER BY position LIMIT p_limit);
        IF cardinality(v_found) = p_limit THEN
            v_bound := v_found[p_limit] - 1;
            SELECT array_agg(conversation_id), array_agg(reads), array_agg(ends)
              INTO v_conversations, v_reads, v_ends
              FROM unnest(v_conversations, v_reads, v_ends) AS m (conversation_id, reads, ends)
             WHERE reads < v_bound;
        END IF;
    END LOOP;
    RETURN v_found;
END $$;
