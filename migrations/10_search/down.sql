DROP FUNCTION search_find(integer[], integer[], uuid[], bigint[], bigint[], timestamptz, timestamptz, bigint, integer);
DROP FUNCTION search_lock_key();
DROP TABLE search_progress;
DROP TABLE search_spans;
DROP TABLE search;
