CREATE UNLOGGED TABLE nodes (
    id       uuid        PRIMARY KEY,
    version  bigint      NOT NULL,
    heard_at timestamptz NOT NULL
);
COMMENT ON TABLE nodes IS 'The nodes that run, and those that did a minute ago. Unlogged, so empty after a crash of PostgreSQL: each node then registers anew.';
COMMENT ON COLUMN nodes.version IS 'Grows with each batch of connections that the node writes.';
COMMENT ON COLUMN nodes.heard_at IS 'Last heartbeat. A node without one for 8 s counts as gone, with its connections.';

CREATE UNLOGGED TABLE connections (
    id           uuid        PRIMARY KEY,
    user_id      uuid        NOT NULL,
    session_id   uuid,
    node         uuid        NOT NULL,
    transport    text        NOT NULL,
    since        timestamptz NOT NULL,
    online_since timestamptz NOT NULL,
    gone_at      timestamptz,
    version      bigint      NOT NULL,
    CONSTRAINT connections_transport_is_known CHECK (transport IN ('sse', 'ndjson', 'poll'))
);
COMMENT ON TABLE connections IS
    'Who is connected where: streams, and clients that poll. Written in batches, by each node only its own; no foreign keys, because each row would lock, and so write, a user.';
COMMENT ON COLUMN connections.online_since IS 'Since when the user is online without a pause, here or elsewhere.';
COMMENT ON COLUMN connections.gone_at IS 'When it ended. The row is kept for a minute, so that other nodes read that it did.';
COMMENT ON COLUMN connections.version IS 'The node''s version that wrote the row last; 0: it was there before the node registered anew, so that no change is reported.';
CREATE INDEX connections_user ON connections (user_id);
CREATE INDEX connections_news ON connections (node, version);
CREATE INDEX connections_gone ON connections (gone_at) WHERE gone_at IS NOT NULL;
