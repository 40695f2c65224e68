DROP INDEX users_disabled_at;
CREATE INDEX users_disabled_at ON users (disabled_at) WHERE disabled_at IS NOT NULL;
ALTER TABLE users DROP COLUMN deleted_at, DROP COLUMN erased_at, DROP COLUMN freed_at;
