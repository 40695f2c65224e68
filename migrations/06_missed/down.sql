DROP FUNCTION log_missed(uuid, bigint, bigint, uuid, integer);
