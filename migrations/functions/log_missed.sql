-- Answers the first `p_limit` positions, in order, above `p_after` and up to `p_upto` of events that lie in memberships of
-- a user, by the cheaper of two ways. A span that is short beside the user's memberships is read in the log's own order,
-- and what is not the user's is dropped: what that costs does not grow with the log. Of a longer span each membership is
-- read a few positions at a time, and no further than the last position that the answer can still hold: to read all
-- events of all conversations for one page of them would take time that grows with what is behind it. No lock is taken.
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
    -- Events for one user only need no look at memberships: they are about what the user does as a member.
    v_found := ARRAY(SELECT e.position FROM events e
                      WHERE e.only_for = p_user AND e.position > p_after AND e.position <= p_upto
                        AND coalesce(e.conversation_id = p_only, true)
                      ORDER BY e.position LIMIT p_limit);
    IF cardinality(v_found) = p_limit THEN
        v_bound := v_found[p_limit] - 1;
    END IF;
    -- One probe of an index for each membership. Subqueries rather than joins: the planner cannot turn them into a scan.
    SELECT array_agg(conversation_id), array_agg(greatest(joined_at - 1, p_after)), array_agg(coalesce(left_at, p_upto))
      INTO v_conversations, v_reads, v_ends
      FROM members m
     WHERE user_id = p_user AND joined_at <= p_upto AND coalesce(left_at > p_after, true)
       AND coalesce(conversation_id = p_only, true)
       AND (SELECT true FROM events e
             WHERE e.conversation_id = m.conversation_id AND e.only_for IS NULL
               AND e.position > greatest(m.joined_at - 1, p_after) AND e.position <= least(m.left_at, p_upto) LIMIT 1);
    WHILE cardinality(v_conversations) > 0 LOOP
        -- Half as many again as are wanted in all: one round is enough where the conversations are equally busy.
        v_step := greatest(p_limit * 3 / 2 / cardinality(v_conversations), 1);
        WITH found AS MATERIALIZED (
            SELECT m.conversation_id, m.ends,
                   ARRAY(SELECT e.position FROM events e
                          WHERE e.conversation_id = m.conversation_id AND e.only_for IS NULL
                            AND e.position > m.reads AND e.position <= least(m.ends, v_bound)
                          ORDER BY e.position LIMIT v_step) AS positions
              FROM unnest(v_conversations, v_reads, v_ends) AS m (conversation_id, reads, ends)
        )
        SELECT (SELECT array_agg(position) FROM found, unnest(positions) AS position),
               array_agg(conversation_id), array_agg(positions[v_step]), array_agg(ends)
          INTO v_more, v_conversations, v_reads, v_ends
          FROM found WHERE cardinality(positions) = v_step;
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
COMMENT ON FUNCTION log_missed(uuid, bigint, bigint, uuid, integer) IS 'The next positions of a user''s events.';
