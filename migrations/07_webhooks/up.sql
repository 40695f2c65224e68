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
COMMENT ON TABLE webhooks IS 'Where events of their owners are posted to, and how far each delivery has got.';
COMMENT ON COLUMN webhooks.mac IS 'HMAC of method, path and body of the request that made it under a client''s key, else empty.';
COMMENT ON COLUMN webhooks.conversation_id IS 'Only events of this conversation; null: of all that the owner is a member of.';
COMMENT ON COLUMN webhooks.types IS 'Only events of these types; null: of all.';
COMMENT ON COLUMN webhooks.secret IS 'Key of the signatures; plain, because every delivery needs it.';
COMMENT ON COLUMN webhooks.position IS 'All events of the owner up to here were delivered, or were filtered out.';
COMMENT ON COLUMN webhooks.turn IS 'Counts replays: a delivery moves the position only if no replay has set it since.';
COMMENT ON COLUMN webhooks.attempts IS 'Failed attempts since the last one that succeeded.';
COMMENT ON COLUMN webhooks.lease IS 'Which delivery of which node holds the webhook, until lease_until by the database''s clock.';
CREATE INDEX webhooks_owner_id ON webhooks (owner_id, id);
