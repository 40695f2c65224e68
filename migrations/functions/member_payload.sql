-- Fills into the payload of an event about a member what is known only under the log's lock. The caller has written -1 in
-- the place of the count of members, and the epoch of Unix in that of the time. No other text can look like these:
-- quotes inside of JSON strings are escaped.
CREATE OR REPLACE FUNCTION member_payload(p_payload text, p_members_count bigint, p_since timestamptz) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT replace(payload_with_time(p_payload, 'since', p_since), '"members_count":-1', '"members_count":' || p_members_count)
$$;
COMMENT ON FUNCTION member_payload(text, bigint, timestamptz) IS 'The payload of an event about a member, with count and time.';
