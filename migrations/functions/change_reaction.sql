-- Adds a reaction of the actor's to a message, or removes it. The caller has checked that the actor may see the message:
-- memberships are intervals of the log, so that stays true, and only whether the actor is still a member is asked again.
-- Rejections: not_found, deleted, too_many_additions, too_many_emoji.
--
-- Lock order: called by log_change(), under the log's lock.
CREATE OR REPLACE FUNCTION change_reaction(
    p_next bigint, p_now timestamptz, p_actor uuid, p_arguments jsonb, p_payloads text[],
    OUT o_rejection text, OUT o_result jsonb, OUT o_events events[]
) LANGUAGE plpgsql AS $$
DECLARE
    v_conversation uuid    := p_arguments->>'conversation';
    v_message      uuid    := p_arguments->>'message';
    v_emoji        text    := p_arguments->>'emoji';
    v_add          boolean := p_arguments->>'add';
    v_deleted      boolean;
BEGIN
    SELECT deleted INTO v_deleted FROM events WHERE position = (p_arguments->>'created')::bigint;
    -- A message without its id is about to be dropped by retention: no deletion would find the reaction.
    IF NOT FOUND OR NOT EXISTS (SELECT FROM ids WHERE id = v_message) OR NOT is_member(v_conversation, p_actor) THEN
        o_rejection := 'not_found';
        RETURN;
    END IF;
    IF v_add THEN
        IF v_deleted THEN
            o_rejection := 'deleted';
            RETURN;
        END IF;
        IF EXISTS (SELECT FROM reactions WHERE message_id = v_message AND emoji = v_emoji AND user_id = p_actor
                      AND removed_at IS NULL) THEN
            RETURN;
        END IF;
        IF (SELECT count(*) FROM reactions WHERE message_id = v_message AND emoji = v_emoji AND user_id = p_actor)
           >= (p_arguments->>'max_additions')::bigint THEN
            o_rejection := 'too_many_additions';
            RETURN;
        END IF;
        IF (SELECT count(DISTINCT emoji) FROM reactions
             WHERE message_id = v_message AND removed_at IS NULL
               AND NOT EXISTS (SELECT FROM reactions
                                WHERE message_id = v_message AND emoji = v_emoji AND removed_at IS NULL))
           >= (p_arguments->>'max_emoji')::bigint THEN
            o_rejection := 'too_many_emoji';
            RETURN;
        END IF;
        INSERT INTO reactions (message_id, emoji, user_id, conversation_id, added_at)
        VALUES (v_message, v_emoji, p_actor, v_conversation, p_next);
    ELSE
        UPDATE reactions SET removed_at = p_next
         WHERE message_id = v_message AND emoji = v_emoji AND user_id = p_actor AND removed_at IS NULL;
        IF NOT FOUND THEN
            RETURN;
        END IF;
    END IF;
    o_events := ARRAY[log_event(CASE WHEN v_add THEN 'reaction.added' ELSE 'reaction.removed' END,
                                v_conversation, v_message, p_actor, p_payloads[1])];
END $$;
COMMENT ON FUNCTION change_reaction(bigint, timestamptz, uuid, jsonb, text[]) IS 'The change of one reaction; see log_change().';
