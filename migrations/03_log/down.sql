DROP FUNCTION log_append(bigint, bigint, boolean, uuid[], uuid[], bytea[], text[], uuid[], uuid[], uuid[], text[], timestamptz);
DROP FUNCTION log_enter_epoch(bigint, bigint, boolean);
DROP FUNCTION log_lock(bigint);
DROP FUNCTION log_extend();
DROP FUNCTION log_lock_key();
DROP TABLE ids;
DROP TABLE events;
DROP TABLE log_epoch;
