CREATE INDEX sessions_user_id ON sessions (user_id);
DROP INDEX sessions_user_id_id;
ALTER TABLE users DROP COLUMN display_key;
