ALTER TABLE users
    ADD COLUMN deleted_at timestamptz,
    ADD COLUMN erased_at  timestamptz,
    ADD COLUMN freed_at   timestamptz;
COMMENT ON COLUMN users.deleted_at IS 'When the user deleted the account, which is disabled from then on.';
COMMENT ON COLUMN users.erased_at IS 'When the last text and the last membership of a deleted account were gone.';
COMMENT ON COLUMN users.freed_at IS 'When the name of a deleted account was given up, for somebody else to take.';

-- Whose tokens may still be good, and who is still to be erased or renamed: no more than a month of deleted accounts.
DROP INDEX users_disabled_at;
CREATE INDEX users_disabled_at ON users (disabled_at) WHERE disabled_at IS NOT NULL AND freed_at IS NULL;
