CREATE TABLE attachments (
    id              uuid        PRIMARY KEY,
    user_id         uuid        NOT NULL REFERENCES users,
    mac             bytea       NOT NULL,
    object          uuid        NOT NULL,
    name            text        NOT NULL,
    type            text        NOT NULL,
    size            bigint      NOT NULL,
    sha256          bytea       NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    message_id      uuid,
    conversation_id uuid,
    position        bigint,
    CONSTRAINT attachments_size_is_none_or_more CHECK (size >= 0),
    CONSTRAINT attachments_sha256_is_whole CHECK (octet_length(sha256) = 32),
    CONSTRAINT attachments_place_is_whole CHECK (num_nulls(message_id, conversation_id, position) IN (0, 3))
);
COMMENT ON TABLE attachments IS
    'Uploaded files. A row is there only while their bytes are stored durably: it comes after them and goes before them.';
COMMENT ON COLUMN attachments.mac IS 'HMAC of method, path and SHA-256 of the upload; empty without an idempotency key.';
COMMENT ON COLUMN attachments.object IS 'Where the bytes are in the storage: an object of this upload alone.';
COMMENT ON COLUMN attachments.type IS 'Media type, by the bytes and not by what the client said.';
COMMENT ON COLUMN attachments.message_id IS
    'The one message that names it; null until it is sent. Set under the lock of the log: lock first, rows after.';
COMMENT ON COLUMN attachments.position IS 'Position of the message: whoever may read the message may have the file.';
CREATE INDEX attachments_message ON attachments (message_id) WHERE message_id IS NOT NULL;
CREATE INDEX attachments_conversation ON attachments (conversation_id) WHERE conversation_id IS NOT NULL;
CREATE INDEX attachments_position ON attachments (position) WHERE position IS NOT NULL;
CREATE INDEX attachments_unsent ON attachments (created_at) WHERE message_id IS NULL;

CREATE TABLE attachment_discards (
    object  uuid        PRIMARY KEY,
    due_at  timestamptz NOT NULL,
    claimed boolean     NOT NULL DEFAULT false
);
COMMENT ON TABLE attachment_discards IS
    'Objects of the storage that are to be removed: those of uploads under way, until an attachment refers to them, and those of attachments that are gone.';
COMMENT ON COLUMN attachment_discards.due_at IS 'When a node may remove the bytes. While one does so: when another may try again.';
COMMENT ON COLUMN attachment_discards.claimed IS 'Whether a node has begun to remove the bytes: no attachment can refer to them any more.';
CREATE INDEX attachment_discards_due ON attachment_discards (due_at);
