-- What is applied. Made before the first migration; not a migration itself.
CREATE TABLE schema_migrations (
    name       text        PRIMARY KEY,
    checksum   bytea       NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE schema_migrations IS 'The migrations that are applied, one row each.';
COMMENT ON COLUMN schema_migrations.checksum IS 'SHA-256 of up.sql as it was applied: an applied migration is never edited.';

CREATE TABLE schema_functions (
    name       text        PRIMARY KEY,
    checksum   bytea       NOT NULL,
    version    integer     NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE schema_functions IS 'The SQL functions that are applied, one row each.';
COMMENT ON COLUMN schema_functions.checksum IS 'SHA-256 of the file as it was applied.';
COMMENT ON COLUMN schema_functions.version IS
    'Newest version of the set of functions that had this text: a program with an older set leaves the function as it is.';
