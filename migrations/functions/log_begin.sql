-- Begins a change: takes the log's lock, enters the epoch, and judges the id of the change. Answers head, time and epoch as
-- log_lock_epoch() does, the outcome of log_judge_id(), and where the event of a known id stands.
--
-- Lock order: the log's lock before all rows.
CREATE OR REPLACE FUNCTION log_begin(
    p_known bigint, p_cluster bigint, p_id uuid, p_owner uuid, p_mac bytea,
    OUT o_head bigint, OUT o_now timestamptz, OUT o_epoch bigint, OUT o_outcome smallint, OUT o_position bigint
) LANGUAGE plpgsql AS $$
DECLARE
    v_known ids;
BEGIN
    SELECT l.o_head, l.o_now, l.o_epoch INTO o_head, o_now, o_epoch FROM log_lock_epoch(p_known, p_cluster) l;
    SELECT * INTO v_known FROM ids WHERE id = p_id;
    o_outcome := log_judge_id(v_known, p_owner, p_mac);
    o_position := v_known.position;
END $$;
COMMENT ON FUNCTION log_begin(bigint, bigint, uuid, uuid, bytea) IS
    'Takes the log''s lock for a change and says whether it is new.';
