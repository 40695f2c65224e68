CREATE TABLE cursors (
    user_id    uuid        NOT NULL REFERENCES users ON DELETE CASCADE,
    name       text        COLLATE "C" NOT NULL,
    epoch      bigint      NOT NULL,
    position   bigint      NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, name)
);
COMMENT ON TABLE cursors IS 'Stream cursors that clients store by name; they move only when told.';
