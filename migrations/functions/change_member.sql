-- Adds a member, or gives one another role. The payload holds `role`, or member where it is null; count and time are filled in.
-- `o_result` is the member's role, and since when.
-- Rejections: those of check_member_change(), not_found, too_many_members (`o_result`: how many it would be), last_owner.
--
-- Lock order: called by log_change(), under the log's lock.
CREATE OR REPLACE FUNCTION change_member(
    p_next bigint, p_now timestamptz, p_actor uuid, p_arguments jsonb, p_payloads text[],
    OUT o_rejection text, OUT o_result jsonb, OUT o_events events[]
) LANGUAGE plpgsql AS $$
DECLARE
    v_conversation uuid := p_arguments->>'conversation';
    v_user         uuid := p_arguments->>'user';
    v_role         text := p_arguments->>'role';
    v_member       members;
    v_count        bigint;
    v_kind         text;
BEGIN
    o_rejection := check_member_change(v_conversation, p_actor, v_user, v_role, p_arguments->>'title', false, false);
    IF o_rejection IS NOT NULL THEN
        RETURN;
    END IF;
    SELECT * INTO v_member FROM members
     WHERE conversation_id = v_conversation AND user_id = v_user AND left_at IS NULL;
    SELECT count(*) INTO v_count FROM members WHERE conversation_id = v_conversation AND left_at IS NULL;
    IF v_member.user_id IS NULL THEN
        v_count := v_count + 1;
        -- Asked under the lock: an account that was closed before gets no new membership.
        IF NOT EXISTS (SELECT FROM users WHERE id = v_user AND disabled_at IS NULL) THEN
            o_rejection := 'not_found';
            RETURN;
        END IF;
        IF v_count > (p_arguments->>'max_members')::bigint THEN
            o_rejection := 'too_many_members';
            o_result := to_jsonb(v_count);
            RETURN;
        END IF;
        INSERT INTO members (conversation_id, user_id, role, joined_at, read, since)
        VALUES (v_conversation, v_user, coalesce(v_role, 'member'), p_next, p_next, p_now)
        RETURNING * INTO v_member;
        UPDATE conversations SET direct_key = NULL WHERE id = v_conversation;
        v_kind := 'member.joined';
    ELSIF v_role <> v_member.role THEN
        IF v_member.role = 'owner' AND NOT EXISTS (
            SELECT FROM members WHERE conversation_id = v_conversation AND left_at IS NULL AND role = 'owner'
               AND user_id <> v_user) THEN
            o_rejection := 'last_owner';
            RETURN;
        END IF;
        UPDATE members SET role = v_role
         WHERE conversation_id = v_conversation AND user_id = v_user AND left_at IS NULL
        RETURNING * INTO v_member;
        v_kind := 'member.updated';
    END IF;
    o_result := jsonb_build_object('role', v_member.role, 'since', v_member.since);
    IF v_kind IS NOT NULL THEN
        o_events := ARRAY[log_event(v_kind, v_conversation, NULL, p_actor,
                                    member_payload(p_payloads[1], v_count, v_member.since))];
    END IF;
END $$;
COMMENT ON FUNCTION change_member(bigint, timestamptz, uuid, jsonb, text[]) IS 'Adding a member, or another role; see log_change().';
