-- Deletes up to `p_limit` rows of a conversation, whose number among the grams is `p_gram`; answers how many it deleted.
--
-- Lock order: callers share the search lock.
CREATE OR REPLACE FUNCTION search_forget(p_gram integer, p_conversation uuid, p_limit integer) RETURNS bigint
-- By the index, whatever the planner expects.
LANGUAGE sql SET enable_seqscan = off AS $$
    WITH deleted AS (
        DELETE FROM search
         WHERE position = ANY (ARRAY(SELECT position FROM search
                                      WHERE grams @> ARRAY[p_gram] AND conversation_id = p_conversation LIMIT p_limit))
        RETURNING 1
    )
    SELECT count(*) FROM deleted;
$$;
COMMENT ON FUNCTION search_forget(integer, uuid, integer) IS 'Deletes a part of a conversation from the search index.';
