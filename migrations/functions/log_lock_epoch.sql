-- Takes the log's lock for a transaction that makes changes, and enters the epoch. Answers head and time as log_lock() does,
-- and the epoch. `p_known`: see log_lock(). `p_cluster`: see log_enter_epoch().
--
-- Lock order: the log's lock before all rows.
CREATE OR REPLACE FUNCTION log_lock_epoch(
    p_known bigint, p_cluster bigint, OUT o_head bigint, OUT o_now timestamptz, OUT o_epoch bigint
) LANGUAGE plpgsql AS $$
BEGIN
    SELECT head, now INTO o_head, o_now FROM log_lock(p_known);
    -- From here on every writer waits for this transaction, so it must not wait for long itself: 1 s for a row that another
    -- session holds, which then fails this change alone.
    PERFORM set_config('lock_timeout', '1s', true);
    o_epoch := log_enter_epoch(p_cluster, o_head);
END $$;
COMMENT ON FUNCTION log_lock_epoch(bigint, bigint) IS
    'Takes the log''s lock until the end of the transaction and enters the epoch; row locks are waited for 1 s at most.';
