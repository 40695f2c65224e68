-- Deletes a message that is not deleted yet: erases the texts of all its versions, its reactions, its attachments, and
-- what search knows of it. Its message.created stands at `p_created`, its message.deleted will stand at `p_deletion`.
--
-- Lock order: under the log's lock; rows of events, of reactions and of attachments; at last the lock of search, shared, because
-- the indexer takes it for milliseconds, which are waited for here.
CREATE OR REPLACE FUNCTION delete_message(p_message uuid, p_created bigint, p_deletion bigint) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE events SET current = p_deletion, deleted = true WHERE position = p_created;
    UPDATE events SET payload = blanked_payload(payload), mentions = NULL
     WHERE position IN (SELECT p_created
                         UNION ALL
                        SELECT e.position FROM events e WHERE e.kind = 'message.edited' AND e.message_id = p_message);
    DELETE FROM reactions WHERE message_id = p_message;
    WITH released AS (DELETE FROM attachments WHERE message_id = p_message RETURNING object)
    INSERT INTO attachment_discards (object, due_at) SELECT object, now() FROM released;
    PERFORM pg_advisory_xact_lock_shared(search_lock_key());
    -- A statement of its own: its snapshot is younger than the lock.
    DELETE FROM search WHERE message_id = p_message;
END $$;
COMMENT ON FUNCTION delete_message(uuid, bigint, bigint) IS 'Erases a message with all that belongs to it; call it under the log''s lock.';
