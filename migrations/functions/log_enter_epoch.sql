-- Answers the present epoch. Begins a new one if this is another cluster or another timeline than at the last append,
-- because the log may have lost its tail then, or if `forced`. Call it under the log's lock; `head` is the log's head.
CREATE OR REPLACE FUNCTION log_enter_epoch(cluster bigint, head bigint, forced boolean DEFAULT false)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_present  log_epoch;
    v_timeline text := substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8);
BEGIN
    SELECT * INTO v_present FROM log_epoch ORDER BY number DESC LIMIT 1;
    IF v_present.system_identifier = cluster AND v_present.timeline = v_timeline AND NOT forced THEN
        RETURN v_present.epoch;
    END IF;
    INSERT INTO log_epoch (number, epoch, first_position, system_identifier, timeline, oldest_position, started_at)
    VALUES (coalesce(v_present.number, 0) + 1,
            ('x' || translate(substr(gen_random_uuid()::text, 1, 13), '-', ''))::bit(48)::bigint,
            head + 1, cluster, v_timeline, coalesce(v_present.oldest_position, 1), clock_timestamp())
    RETURNING * INTO v_present;
    RETURN v_present.epoch;
END $$;
COMMENT ON FUNCTION log_enter_epoch(bigint, bigint, boolean) IS
    'The epoch of what is appended now; begins a new one where the log may have lost its tail.';
