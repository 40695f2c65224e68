CREATE TABLE conversations (
    id         uuid        PRIMARY KEY,
    kind       text        NOT NULL,
    title      text,
    history    text        NOT NULL DEFAULT 'joined',
    direct_key bytea,
    created_by uuid        NOT NULL REFERENCES users,
    created_at timestamptz NOT NULL,
    CONSTRAINT conversations_direct_key_key UNIQUE (direct_key),
    CONSTRAINT conversations_kind_is_known CHECK (kind IN ('direct', 'group')),
    CONSTRAINT conversations_history_is_known CHECK (history IN ('joined', 'shared'))
);
COMMENT ON TABLE conversations IS 'Written under the lock of the log only.';
COMMENT ON COLUMN conversations.history IS 'Whether members see what was before they joined; fixed at creation.';
COMMENT ON COLUMN conversations.direct_key IS
    'SHA-256 of kind and sorted members: the two users of a direct conversation, or the set that a group was made for by sending to several; cleared by the first change of members.';

CREATE TABLE members (
    conversation_id uuid        NOT NULL REFERENCES conversations ON DELETE CASCADE,
    user_id         uuid        NOT NULL REFERENCES users,
    role            text        NOT NULL,
    joined_at       bigint      NOT NULL,
    left_at         bigint,
    read            bigint      NOT NULL,
    since           timestamptz NOT NULL,
    PRIMARY KEY (conversation_id, user_id, joined_at),
    CONSTRAINT members_role_is_known CHECK (role IN ('owner', 'admin', 'member')),
    CONSTRAINT members_interval_is_ordered CHECK (left_at > joined_at)
);
COMMENT ON TABLE members IS
    'Memberships as intervals of the log; a rejoin is a new row. Written under the lock of the log only: lock first, rows after.';
COMMENT ON COLUMN members.joined_at IS 'Position of the event by which the user joined; the membership includes it.';
COMMENT ON COLUMN members.left_at IS 'Position of the event by which the user left, included; null while a member.';
COMMENT ON COLUMN members.read IS 'Position up to which the user has read.';
CREATE UNIQUE INDEX members_open ON members (conversation_id, user_id) WHERE left_at IS NULL;
CREATE INDEX members_user ON members (user_id, conversation_id);
