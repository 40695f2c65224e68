-- Finds the versions of messages that have all of `p_grams`, lie in the intervals of their conversations, and are of
-- messages below `p_before`: of the newest messages first, until there are `p_limit`. `o_reached`: messages from there on
-- were looked at.
--
-- It goes through spans of the log, the newest first: a small one, a larger one, and then all of the largest. Common words
-- are found at once in the first, and the cost of each step is bounded. `p_scope` are the numbers of the conversations
-- where they are few: then messages of other conversations are not looked at. No lock is taken.
CREATE OR REPLACE FUNCTION search_find(
    p_grams integer[], p_scope integer[], p_conversations uuid[], p_firsts bigint[], p_lasts bigint[],
    p_since timestamptz, p_until timestamptz, p_before bigint, p_limit integer,
    OUT o_created bigint[], OUT o_versions bigint[], OUT o_reached bigint
)
LANGUAGE plpgsql STABLE
-- The index of grams and one hash table of conversations are right at every size; the planner, which knows nothing of
-- the grams, would take a scan of everything or a comparison with each conversation where it expects few.
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_nestloop = off SET enable_mergejoin = off
SET jit = off
AS $$
DECLARE
    c_shifts CONSTANT integer[] := '{12,17,22}';
    v_level  integer := 0;
    v_floor  bigint;
    v_high   bigint;
    v_low    bigint;
    v_place  integer;
    v_created  bigint[];
    v_versions bigint[];
BEGIN
    o_created := '{}';
    o_versions := '{}';
    o_reached := 0;
    SELECT min(first), least(max(last), p_before - 1, (SELECT position FROM search_progress)) + 1 INTO v_floor, v_high
      FROM unnest(p_firsts, p_lasts) AS v (first, last);
    IF p_since IS NOT NULL THEN
        -- Null: no message is as young, and the loop has nothing to look at.
        v_floor := greatest(v_floor, coalesce((SELECT min(place) << 12 FROM search_spans WHERE newest >= p_since), v_high));
    END IF;
    IF p_until IS NOT NULL THEN
        v_high := least(v_high, coalesce((SELECT (max(place) + 1) << 12 FROM search_spans WHERE oldest < p_until), 0));
    END IF;
    WHILE v_high > greatest(v_floor, 1) LOOP
        v_low := (v_high - 1) >> c_shifts[v_level + 1];
        v_place := (-1 - ((v_level::bigint << 29) | (v_low & 536870911)))::integer;
        v_low := v_low << c_shifts[v_level + 1];
        SELECT array_agg(created), array_agg(position) INTO v_created, v_versions
          FROM (SELECT s.created, s.position
                  FROM search s
                  JOIN unnest(p_conversations, p_firsts, p_lasts) AS v (conversation_id, first, last)
                    ON v.conversation_id = s.conversation_id AND s.created >= v.first AND s.created <= v.last
                 WHERE s.grams @> (p_grams || v_place) AND s.grams && coalesce(p_scope, ARRAY[v_place])
                   AND s.created < v_high AND s.created >= v_low
                   AND coalesce(s.created_at >= p_since, true) AND coalesce(s.created_at < p_until, true)
                 ORDER BY s.created DESC
                -- All versions of a message, or none.
                 FETCH FIRST (p_limit - cardinality(o_created)) ROWS WITH TIES) found;
        o_created := o_created || v_created;
        o_versions := o_versions || v_versions;
        IF cardinality(o_created) >= p_limit THEN
            o_reached := o_created[cardinality(o_created)];
            RETURN;
        END IF;
        v_high := v_low;
        v_level := least(v_level + 1, 2);
    END LOOP;
END $$;
COMMENT ON FUNCTION search_find(integer[], integer[], uuid[], bigint[], bigint[], timestamptz, timestamptz, bigint, integer) IS
    'The next versions of messages whose texts may match.';
