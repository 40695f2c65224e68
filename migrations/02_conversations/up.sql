CREATE TABLE conversations (
    id         uuid        PRIMARY KEY,
    kind       text        NOT NULL,
    title      text,
    history    text        NOT NULL DEFAULT 'joined',
    direct_key bytea,
    created_by uuid        NOT NULL REFERENCES users,
    created_at timestamptz NOT NULL,
    deleted_at timestamptz,
    blanked_at timestamptz,
    CONSTRAINT conversations_direct_key_key UNIQUE (direct_key),
    CONSTRAINT conversations_kind_is_known CHECK (kind IN ('direct', 'group')),
    CONSTRAINT conversations_history_is_known CHECK (history IN ('joined', 'shared'))
);
COMMENT ON TABLE conversations IS 'Written under the lock of the log only.';
COMMENT ON COLUMN conversations.history IS 'Whether members see what was before they joined; fixed at creation.';
COMMENT ON COLUMN conversations.direct_key IS
    'SHA-256 of kind and sorted members: the two users of a direct conversation, or the set that a group was made for by sending to several; cleared by the first change of members.';
COMMENT ON COLUMN conversations.deleted_at IS 'When it was deleted; no request finds it any more.';
COMMENT ON COLUMN conversations.blanked_at IS 'When the last text of a deleted conversation was gone from the log.';
CREATE INDEX conversations_to_blank ON conversations (id) WHERE deleted_at IS NOT NULL AND blanked_at IS NULL;

CREATE TABLE members (
    conversation_id uuid        NOT NULL REFERENCES conversations ON DELETE CASCADE,
    user_id         uuid        NOT NULL REFERENCES users,
    role            text        NOT NULL,
    joined_at       bigint      NOT NULL,
    left_at         bigint,
    read            bigint      NOT NULL,
    since           timestamptz NOT NULL,
    archived        boolean     NOT NULL DEFAULT false,
    muted           boolean     NOT NULL DEFAULT false,
    PRIMARY KEY (conversation_id, user_id, joined_at),
    CONSTRAINT members_role_is_known CHECK (role IN ('owner', 'admin', 'member')),
    CONSTRAINT members_interval_is_ordered CHECK (left_at > joined_at)
);
COMMENT ON TABLE members IS
    'Memberships as intervals of the log; a rejoin is a new row. Written under the lock of the log only: lock first, rows after.';
COMMENT ON COLUMN members.joined_at IS 'Position of the event by which the user joined; the membership includes it.';
COMMENT ON COLUMN members.left_at IS 'Position of the event by which the user left, included; null while a member.';
COMMENT ON COLUMN members.read IS 'Position up to which the user has read.';
COMMENT ON COLUMN members.since IS 'When the user joined; for display.';
COMMENT ON COLUMN members.archived IS 'Whether the member has archived the conversation; a setting of this member alone.';
COMMENT ON COLUMN members.muted IS 'Whether the member wants no notifications of the conversation; a setting of this member alone.';
CREATE UNIQUE INDEX members_open ON members (conversation_id, user_id) WHERE left_at IS NULL;
CREATE INDEX members_user ON members (user_id, conversation_id);

CREATE TABLE reactions (
    message_id      uuid   NOT NULL,
    emoji           text   NOT NULL,
    user_id         uuid   NOT NULL REFERENCES users,
    conversation_id uuid   NOT NULL REFERENCES conversations ON DELETE CASCADE,
    added_at        bigint NOT NULL,
    removed_at      bigint,
    PRIMARY KEY (message_id, emoji, user_id, added_at),
    CONSTRAINT reactions_interval_is_ordered CHECK (removed_at > added_at)
);
COMMENT ON TABLE reactions IS
    'Reactions as intervals of the log, so that former members see those of their time. Written under the lock of the log only.';
COMMENT ON COLUMN reactions.added_at IS 'Position of the reaction.added.';
COMMENT ON COLUMN reactions.removed_at IS 'Position of the reaction.removed; null while the reaction is there.';
CREATE UNIQUE INDEX reactions_open ON reactions (message_id, emoji, user_id) WHERE removed_at IS NULL;
