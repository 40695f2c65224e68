-- Judges a write by its id. `known` is the row that has the id, null if there is none. Answers
--   0 new
--   1 known: the same owner wrote the same request before
--   2 reused: the same owner wrote another request under this id
--   3 taken: the id is somebody else's
-- The one place that decides this for every write of the log.
CREATE OR REPLACE FUNCTION log_judge_id(known ids, p_owner uuid, p_mac bytea) RETURNS smallint LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN (known).id IS NULL THEN 0
                WHEN (known).owner <> p_owner THEN 3
                WHEN (known).mac <> p_mac THEN 2
                ELSE 1 END::smallint
$$;
COMMENT ON FUNCTION log_judge_id(ids, uuid, bytea) IS 'Whether a write is new, known, or has an id that cannot be used.';
