CREATE OR REPLACE FUNCTION search_lock_key() RETURNS bigint LANGUAGE sql IMMUTABLE AS $$ SELECT 4093577015826403119 $$;
COMMENT ON FUNCTION search_lock_key() IS
    'Advisory key between the indexer of `search` and deletions of texts: the indexer takes it at the end of a batch, deletions share it. Lock order: after the log''s lock.';
