-- Whether `p_actor` may add, change or remove the member `p_user`: null if so, else the rejection. `p_new_role` is the role
-- that the member is to get. `p_title` is the title that the events will name: stale, if there is another by now.
-- `p_leaves`: the actor leaves. `p_for_good`: the account is deleted, which leaves direct conversations as well.
CREATE OR REPLACE FUNCTION check_member_change(
    p_conversation uuid, p_actor uuid, p_user uuid, p_new_role text, p_title text, p_leaves boolean, p_for_good boolean
) RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_conversation conversations;
    v_actor_role   text;
    v_user_role    text;
BEGIN
    SELECT * INTO v_conversation FROM conversations WHERE id = p_conversation AND deleted_at IS NULL;
    SELECT role INTO v_actor_role FROM members
     WHERE conversation_id = p_conversation AND user_id = p_actor AND left_at IS NULL;
    SELECT role INTO v_user_role FROM members
     WHERE conversation_id = p_conversation AND user_id = p_user AND left_at IS NULL;
    RETURN CASE
        WHEN v_conversation.id IS NULL OR v_actor_role IS NULL THEN 'not_found'
        WHEN v_conversation.kind = 'direct' AND NOT p_for_good THEN 'direct'
        WHEN NOT p_leaves AND v_actor_role = 'member' THEN 'members_manage_nobody'
        WHEN NOT p_leaves AND v_actor_role = 'admin' AND 'owner' IN (v_user_role, p_new_role)
            THEN 'admins_manage_no_owners'
        WHEN v_conversation.title IS DISTINCT FROM p_title THEN 'stale'
    END;
END $$;
COMMENT ON FUNCTION check_member_change(uuid, uuid, uuid, text, text, boolean, boolean) IS
    'Why a member may not be added, changed or removed; null if it may be. Ask under the log''s lock.';
