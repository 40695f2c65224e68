CREATE OR REPLACE FUNCTION log_partition_lock_key() RETURNS bigint LANGUAGE sql IMMUTABLE AS $$ SELECT 7809641251763024742 $$;
COMMENT ON FUNCTION log_partition_lock_key() IS
    'Advisory key that is held while partitions of the log are made. Taken by log_extend() alone, with no other lock held.';
