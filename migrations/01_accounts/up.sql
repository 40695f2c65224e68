CREATE TABLE users (
    id            uuid        PRIMARY KEY,
    name          text        COLLATE "C" NOT NULL,
    display_name  text        NOT NULL,
    display_key   text        COLLATE "C" NOT NULL DEFAULT '',
    password_hash text,
    role          text        NOT NULL DEFAULT 'user',
    created_at    timestamptz NOT NULL DEFAULT now(),
    disabled_at   timestamptz,
    deleted_at    timestamptz,
    erased_at     timestamptz,
    freed_at      timestamptz,
    CONSTRAINT users_name_key UNIQUE (name),
    CONSTRAINT users_name_is_folded CHECK (name = lower(name)),
    CONSTRAINT users_role_is_known CHECK (role IN ('user', 'bot', 'admin'))
);
COMMENT ON TABLE users IS 'Accounts: people, bots and operators.';
COMMENT ON COLUMN users.name IS 'Lower case, 2 to 32 of [a-z0-9._-].';
COMMENT ON COLUMN users.display_key IS 'display_name as the directory compares it: normalised, without upper and lower case.';
COMMENT ON COLUMN users.password_hash IS 'Argon2id in PHC form; null where another system vouches for the user.';
COMMENT ON COLUMN users.disabled_at IS 'Since when every token of this user is refused.';
COMMENT ON COLUMN users.deleted_at IS 'When the user deleted the account, which is disabled from then on.';
COMMENT ON COLUMN users.erased_at IS 'When the last text and the last membership of a deleted account were gone.';
COMMENT ON COLUMN users.freed_at IS 'When the name of a deleted account was given up, for somebody else to take.';
-- Finds the users whose tokens may still be unexpired, and the deleted accounts that are still to be erased or to give up
-- their name. Deleted accounts stay in it for a month.
CREATE INDEX users_disabled_at ON users (disabled_at) WHERE disabled_at IS NOT NULL AND freed_at IS NULL;
CREATE INDEX users_display_key ON users (display_key, name);

CREATE TABLE sessions (
    id           uuid        PRIMARY KEY,
    user_id      uuid        NOT NULL REFERENCES users ON DELETE CASCADE,
    device       text,
    created_at   timestamptz NOT NULL DEFAULT now(),
    last_seen_at timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz NOT NULL,
    revoked_at   timestamptz
);
COMMENT ON TABLE sessions IS 'One login of one device each.';
COMMENT ON COLUMN sessions.last_seen_at IS 'Last log-in or refresh.';
-- A user's sessions in the order in which the API lists them.
CREATE INDEX sessions_user_id_id ON sessions (user_id, id);
CREATE INDEX sessions_revoked_at ON sessions (revoked_at) WHERE revoked_at IS NOT NULL;

CREATE TABLE refresh_tokens (
    hash           bytea       PRIMARY KEY,
    session_id     uuid        NOT NULL REFERENCES sessions ON DELETE CASCADE,
    parent         bytea,
    replaced_at    timestamptz,
    successor_used boolean     NOT NULL DEFAULT false
);
COMMENT ON TABLE refresh_tokens IS 'Every refresh token a session was ever given, so that the reuse of a spent one is noticed.';
COMMENT ON COLUMN refresh_tokens.hash IS 'SHA-256 of the token.';
COMMENT ON COLUMN refresh_tokens.parent IS 'Hash of the token that was exchanged for this one.';
COMMENT ON COLUMN refresh_tokens.replaced_at IS 'When this token was first exchanged.';
COMMENT ON COLUMN refresh_tokens.successor_used IS 'Whether a token that was given for this one has been used itself.';
CREATE INDEX refresh_tokens_session_id ON refresh_tokens (session_id);

CREATE TABLE tickets (
    hash             bytea       PRIMARY KEY,
    user_id          uuid        NOT NULL REFERENCES users ON DELETE CASCADE,
    session_id       uuid        REFERENCES sessions ON DELETE CASCADE,
    token_expires_at timestamptz NOT NULL,
    expires_at       timestamptz NOT NULL
);
COMMENT ON TABLE tickets IS 'Single-use keys that open one stream, for clients that cannot send headers.';
COMMENT ON COLUMN tickets.hash IS 'SHA-256 of the ticket.';
COMMENT ON COLUMN tickets.token_expires_at IS 'End of the access token that bought the ticket: the stream ends no later.';
CREATE INDEX tickets_expires_at ON tickets (expires_at);

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
COMMENT ON COLUMN bot_tokens.prefix IS 'First characters of the token, by which its owner recognises it.';
COMMENT ON COLUMN bot_tokens.expires_at IS 'Null: never; the session then expires in the far future.';
COMMENT ON COLUMN bot_tokens.mac IS 'As in bots.';

CREATE TABLE secrets (
    name       text        PRIMARY KEY,
    value      bytea       NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE secrets IS 'Keys of this deployment, made at its first start.';
