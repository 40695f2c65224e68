-- What is left of the payload of a message whose text is erased: who sent it, what it answered, and when it was sent. Not as
-- jsonb, which refuses numbers that JSON allows.
CREATE OR REPLACE FUNCTION blanked_payload(p_payload json) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object('sender', p_payload->'sender', 'text', NULL, 'reply_to', p_payload->'reply_to',
                             'metadata', NULL, 'first', p_payload->'first')
$$;
COMMENT ON FUNCTION blanked_payload(json) IS 'The payload of a message without its text, its metadata and its attachments.';
