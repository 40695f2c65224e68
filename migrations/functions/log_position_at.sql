-- Answers the first position whose event is not older than `p_time`, by some 25 probes of the primary key: times have no
-- index, and nearly follow the order of the log. Where the clock was set back, the answer is off by as much. No lock is taken.
CREATE OR REPLACE FUNCTION log_position_at(p_time timestamptz) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_low    bigint;
    v_high   bigint;
    v_middle bigint;
    v_at     timestamptz;
BEGIN
    SELECT oldest_position INTO v_low FROM log_epoch ORDER BY number DESC LIMIT 1;
    v_low := coalesce(v_low, 1);
    SELECT coalesce(max(position), 0) + 1 INTO v_high FROM events;
    WHILE v_low < v_high LOOP
        v_middle := v_low + (v_high - v_low) / 2;
        SELECT created_at INTO v_at FROM events WHERE position = v_middle;
        -- A position without an event was retired in between.
        IF v_at IS NULL OR v_at < p_time THEN
            v_low := v_middle + 1;
        ELSE
            v_high := v_middle;
        END IF;
    END LOOP;
    RETURN v_low;
END $$;
COMMENT ON FUNCTION log_position_at(timestamptz) IS 'The first position at or after a time, by the events'' own times.';
