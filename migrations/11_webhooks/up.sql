CREATE TABLE bots (
    user_id  uuid  PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    owner_id uuid  NOT NULL REFERENCES users ON DELETE CASCADE,
    mac      bytea NOT NULL
);
COMMENT ON TABLE bots IS 'The users of role bot that users have made, and who answers for them.';
COMMENT ON COLUMN bots.mac IS 'HMAC of method, path and body of the request that made it under a client''s key, else empty.';
CREATE INDEX bots_owner_id ON bots (owner_id, user_id);

CREATE TABLE bot_tokens (
    session_id uuid        PRIMARY KEY REFERENCES sessions ON DELETE CASCADE,
    hash       bytea       NOT NULL,
    prefix     text        NOT NULL,
    expires_at timestamptz,
    mac        bytea       NOT NULL,
    CONSTRAINT bot_tokens_hash_key UNIQUE (hash)
);
COMMENT ON TABLE bot_tokens IS 'Long-lived API tokens. Each is a session of its bot, by which it ends.';
COMMENT ON COLUMN bot_tokens.hash IS 'SHA-256 of the token.';
COMMENT ON COLUMN bot_tokens.prefix IS 'How the token begins, for its owner to know it by.';
COMMENT ON COLUMN bot_tokens.expires_at IS 'Null: never; the session''s own end is then further away than anybody waits.';
COMMENT ON COLUMN bot_tokens.mac IS 'As in bots.';

CREATE TABLE webhooks (
    id              uuid        PRIMARY KEY,
    owner_id        uuid        NOT NULL REFERENCES users ON DELETE CASCADE,
    mac             bytea       NOT NULL,
    url             text        NOT NULL,
    conversation_id uuid        REFERENCES conversations ON DELETE CASCADE,
    types           text[],
    secret          bytea       NOT NULL,
    epoch           bigint      NOT NULL,
    position        bigint      NOT NULL,
    turn            integer     NOT NULL DEFAULT 0,
    state           text        NOT NULL DEFAULT 'active',
    last_error      text,
    failing_since   timestamptz,
    attempts        integer     NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL DEFAULT now(),
    lease           uuid,
    lease_until     timestamptz,
    created_at      timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT webhooks_state_is_known CHECK (state IN ('active', 'paused'))
);
COMMENT ON TABLE webhooks IS 'Where events of their owners are posted to, and how far that has got.';
COMMENT ON COLUMN webhooks.mac IS 'HMAC of method, path and body of the request that made it under a client''s key, else empty.';
COMMENT ON COLUMN webhooks.conversation_id IS 'Only events of this conversation; null: of all that the owner is a member of.';
COMMENT ON COLUMN webhooks.types IS 'Only events of these types; null: of all.';
COMMENT ON COLUMN webhooks.secret IS 'Key of the signatures; plain, because every delivery needs it.';
COMMENT ON COLUMN webhooks.position IS 'All events of the owner up to here have been taken, or were not wanted.';
COMMENT ON COLUMN webhooks.turn IS 'Counts replays: who delivers moves the cursor only if nobody else has put it elsewhere.';
COMMENT ON COLUMN webhooks.attempts IS 'Attempts that failed since the last that did not.';
COMMENT ON COLUMN webhooks.lease IS 'Who delivers now: one run of one node, until lease_until by the database''s clock.';
CREATE INDEX webhooks_owner_id ON webhooks (owner_id, id);

CREATE FUNCTION user_is_enabled(p_user uuid) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT FROM users WHERE id = p_user AND disabled_at IS NULL)
       AND NOT EXISTS (SELECT FROM bots b JOIN users o ON o.id = b.owner_id
                        WHERE b.user_id = p_user AND o.disabled_at IS NOT NULL)
$$;
COMMENT ON FUNCTION user_is_enabled(uuid) IS 'Whether a user may act: a bot may if its owner may.';
