CREATE OR REPLACE FUNCTION log_lock_key() RETURNS bigint LANGUAGE sql IMMUTABLE AS $$ SELECT 7809641251763024741 $$;
COMMENT ON FUNCTION log_lock_key() IS
    'Advisory key of the log''s lock. Lock order: this lock before rows of conversations, members, events, reactions and attachments.';
