-- Fills in a time that is known only under the log's lock: the caller has written the epoch of Unix in its place. No
-- other text can look like it, because quotes inside of JSON strings are escaped.
CREATE OR REPLACE FUNCTION payload_with_time(p_payload text, p_field text, p_time timestamptz) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT replace(p_payload, format('"%s":"1970-01-01T00:00:00.000Z"', p_field),
                   format('"%s":"%s"', p_field, to_char(p_time AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')))
$$;
COMMENT ON FUNCTION payload_with_time(text, text, timestamptz) IS 'A payload with the time of the change in a field.';
