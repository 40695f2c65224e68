CREATE OR REPLACE FUNCTION is_member(p_conversation uuid, p_user uuid) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT FROM members
                    WHERE conversation_id = p_conversation AND user_id = p_user AND left_at IS NULL)
$$;
COMMENT ON FUNCTION is_member(uuid, uuid) IS
    'Whether a user is a member now. A deleted conversation has no members. Ask under the log''s lock, or it may be true no longer.';
