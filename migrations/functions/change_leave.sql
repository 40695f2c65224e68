-- Ends a membership. If the last owner leaves, the oldest admin, else the oldest member, becomes one. `role` is the role that the
-- first payload names, and `successor` the member whom the second one names: stale, if either is another by now.
-- Rejections: those of check_member_change(), not_found, stale.
--
-- Lock order: called by log_change(), under the log's lock.
CREATE OR REPLACE FUNCTION change_leave(
    p_next bigint, p_now timestamptz, p_actor uuid, p_arguments jsonb, p_payloads text[],
    OUT o_rejection text, OUT o_result jsonb, OUT o_events events[]
) LANGUAGE plpgsql AS $$
DECLARE
    v_conversation uuid := p_arguments->>'conversation';
    v_user         uuid := p_arguments->>'user';
    v_member       members;
    v_successor    members;
    v_count        bigint;
BEGIN
    o_rejection := check_member_change(v_conversation, p_actor, v_user, NULL, p_arguments->>'title', v_user = p_actor,
                                       (p_arguments->>'for_good')::boolean);
    IF o_rejection IS NOT NULL THEN
        RETURN;
    END IF;
    SELECT * INTO v_member FROM members
     WHERE conversation_id = v_conversation AND user_id = v_user AND left_at IS NULL;
    IF NOT FOUND THEN
        o_rejection := 'not_found';
        RETURN;
    END IF;
    IF v_member.role = 'owner' AND NOT EXISTS (
        SELECT FROM members WHERE conversation_id = v_conversation AND left_at IS NULL AND role = 'owner'
           AND user_id <> v_user) THEN
        SELECT * INTO v_successor FROM members
         WHERE conversation_id = v_conversation AND left_at IS NULL AND user_id <> v_user
         ORDER BY role <> 'admin', joined_at, user_id LIMIT 1;
    END IF;
    IF v_member.role IS DISTINCT FROM p_arguments->>'role'
       OR v_successor.user_id IS DISTINCT FROM (p_arguments->>'successor')::uuid THEN
        o_rejection := 'stale';
        RETURN;
    END IF;
    UPDATE members SET left_at = p_next
     WHERE conversation_id = v_conversation AND user_id = v_user AND left_at IS NULL;
    UPDATE conversations SET direct_key = NULL WHERE id = v_conversation;
    SELECT count(*) INTO v_count FROM members WHERE conversation_id = v_conversation AND left_at IS NULL;
    o_events := ARRAY[log_event('member.left', v_conversation, NULL, p_actor,
                                member_payload(p_payloads[1], v_count, v_member.since))];
    IF v_successor.user_id IS NOT NULL THEN
        UPDATE members SET role = 'owner'
         WHERE conversation_id = v_conversation AND user_id = v_successor.user_id AND left_at IS NULL;
        o_events := o_events || log_event('member.updated', v_conversation, NULL, p_actor,
                                          member_payload(p_payloads[2], v_count, v_successor.since));
    END IF;
END $$;
COMMENT ON FUNCTION change_leave(bigint, timestamptz, uuid, jsonb, text[]) IS 'The end of a membership; see log_change().';
