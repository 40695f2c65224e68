-- Makes partitions ahead of the head of the log. They are so wide that there are about a hundred.
--
-- Lock order: the partitions' lock alone. CREATE and ATTACH lock `events` in a mode that appends and reads do not wait for.
CREATE OR REPLACE FUNCTION log_extend() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_head  bigint;
    v_upper bigint;
    v_width bigint;
    v_name  text;
BEGIN
    PERFORM pg_advisory_xact_lock(log_partition_lock_key());
    SELECT coalesce(max(position), 0) INTO v_head FROM events;
    SELECT coalesce(max((regexp_match(pg_get_expr(c.relpartbound, c.oid), 'TO \(''(\d+)''\)'))[1]::bigint), 1)
      INTO v_upper
      FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
     WHERE i.inhparent = 'events'::regclass;
    v_width := greatest(1000000, v_head / 50);
    WHILE v_upper <= v_head + 2 * v_width LOOP
        v_name := 'events_' || v_upper;
        EXECUTE format('CREATE TABLE %I (LIKE events INCLUDING ALL)', v_name);
        EXECUTE format('ALTER TABLE events ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                       v_name, v_upper, v_upper + v_width);
        v_upper := v_upper + v_width;
    END LOOP;
END $$;
COMMENT ON FUNCTION log_extend() IS 'Makes the next partitions of the log; safe to call at any time from any node.';
