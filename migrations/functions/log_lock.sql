-- Takes the log's lock for the rest of the transaction and answers the head of the log and the time of what is appended.
-- `known` is any position that the caller has seen committed: it spares the older partitions.
--
-- Under READ COMMITTED a statement's snapshot is older than a lock that it waits for. What must be seen under the lock
-- is therefore read in later statements, here and in the callers.
--
-- Lock order: the log's lock before all rows.
CREATE OR REPLACE FUNCTION log_lock(known bigint, OUT head bigint, OUT now timestamptz) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(log_lock_key());
    -- max(position) answers the same, but its plan costs more to start, the more so the more partitions there are.
    SELECT position INTO head FROM events WHERE position >= known ORDER BY position DESC LIMIT 1;
    IF head IS NULL THEN
        SELECT coalesce(max(position), 0) INTO head FROM events;
    END IF;
    now := date_trunc('milliseconds', clock_timestamp());
END $$;
COMMENT ON FUNCTION log_lock(bigint) IS 'Takes the log''s lock until the end of the transaction; answers head and time.';
