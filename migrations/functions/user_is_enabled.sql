CREATE OR REPLACE FUNCTION user_is_enabled(p_user uuid) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT FROM users WHERE id = p_user AND disabled_at IS NULL)
       AND NOT EXISTS (SELECT FROM bots b JOIN users o ON o.id = b.owner_id
                        WHERE b.user_id = p_user AND o.disabled_at IS NOT NULL)
$$;
COMMENT ON FUNCTION user_is_enabled(uuid) IS 'Whether a user may act. A bot may act if its owner may.';
