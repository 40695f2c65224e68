CREATE TABLE log_epoch (
    number            integer     PRIMARY KEY,
    epoch             bigint      NOT NULL,
    first_position    bigint      NOT NULL,
    system_identifier bigint      NOT NULL,
    timeline          text        NOT NULL,
    oldest_position   bigint      NOT NULL,
    started_at        timestamptz NOT NULL,
    CONSTRAINT log_epoch_epoch_key UNIQUE (epoch)
);
COMMENT ON TABLE log_epoch IS 'One row for each history of the log; the highest number is the present one.';
COMMENT ON COLUMN log_epoch.epoch IS 'Random, so that two histories that diverged never share it.';
COMMENT ON COLUMN log_epoch.first_position IS 'Positions from here on belong to this epoch, until the next one begins.';
COMMENT ON COLUMN log_epoch.system_identifier IS 'The cluster, as in pg_control_system().';
COMMENT ON COLUMN log_epoch.timeline IS 'First eight digits of the WAL file name; changes with every promotion.';
COMMENT ON COLUMN log_epoch.oldest_position IS 'Oldest position that is kept.';

CREATE TABLE events (
    position        bigint      NOT NULL,
    conversation_id uuid        NOT NULL,
    kind            text        NOT NULL,
    message_id      uuid,
    sender_id       uuid        NOT NULL,
    created_at      timestamptz NOT NULL,
    payload         json        NOT NULL,
    current         bigint,
    deleted         boolean,
    reply_to        uuid,
    mentions        uuid[],
    only_for        uuid,
    PRIMARY KEY (position)
) PARTITION BY RANGE (position);
COMMENT ON TABLE events IS 'The log. Append-only, gapless, in commit order.';
COMMENT ON COLUMN events.position IS 'Place in the log: 1, 2, 3 … in the order of commits.';
COMMENT ON COLUMN events.message_id IS 'The message that the event is about.';
COMMENT ON COLUMN events.sender_id IS 'Who acted.';
COMMENT ON COLUMN events.created_at IS 'The database''s clock at the append; for display, orders nothing.';
COMMENT ON COLUMN events.payload IS 'What was written, with the names of that time.';
COMMENT ON COLUMN events.current IS 'Of a message.created: position of its last edit or of its deletion; null while it is as it was sent.';
COMMENT ON COLUMN events.deleted IS 'Of a message.created: true if the message was deleted.';
COMMENT ON COLUMN events.reply_to IS 'Of a message.created: the message that it answers.';
COMMENT ON COLUMN events.mentions IS 'Of a message.created: the users whom the present text mentions; null if there are none.';
COMMENT ON COLUMN events.only_for IS 'The only user who gets the event; null: all members do.';
-- Events for one user only have an index of their own, so that they cost the others nothing.
CREATE INDEX events_conversation_position ON events (conversation_id, position) WHERE only_for IS NULL;
CREATE INDEX events_only_for ON events (only_for, position) WHERE only_for IS NOT NULL;
CREATE INDEX events_versions ON events (message_id, position) WHERE kind IN ('message.edited', 'message.deleted');
CREATE INDEX events_reply_to ON events (reply_to, position) WHERE reply_to IS NOT NULL;
-- The first partitions. log_extend() makes those that follow.
CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM (1) TO (1000001);
CREATE TABLE events_1000001 PARTITION OF events FOR VALUES FROM (1000001) TO (2000001);

CREATE TABLE ids (
    id       uuid   PRIMARY KEY,
    position bigint NOT NULL,
    kind     text   NOT NULL,
    owner    uuid   NOT NULL,
    mac      bytea  NOT NULL
);
COMMENT ON TABLE ids IS 'The id of every log write: what makes a repeated write harmless.';
COMMENT ON COLUMN ids.position IS 'The event that was written under this id.';
COMMENT ON COLUMN ids.owner IS 'The user whose idempotency key it is.';
COMMENT ON COLUMN ids.mac IS 'HMAC of method, path and body of the request.';
