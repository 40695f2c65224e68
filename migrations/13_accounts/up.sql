ALTER TABLE users ADD COLUMN display_key text COLLATE "C" NOT NULL DEFAULT '';
UPDATE users SET display_key = lower(display_name);
COMMENT ON COLUMN users.display_key IS 'display_name as the directory compares it: normalised, without upper and lower case.';
CREATE INDEX users_display_key ON users (display_key, name);

-- A user's sessions in the order in which the list shows them.
CREATE INDEX sessions_user_id_id ON sessions (user_id, id);
DROP INDEX sessions_user_id;
