/// Why the schema could not be brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum MigrationError {
    /// The text of an applied migration is not what it was.
    #[error(
        "migration {0} was edited after this database had applied it: restore its text, and make the change in a new migration"
    )]
    Edited(String),
    /// The database has this table, and no record of the migration that made it.
    #[error(
        "the database has a table {0} that this program did not make, nor any build of it that can be brought up to \
         date: use an empty database, or another --data-dir"
    )]
    Occupied(String),
    /// PostgreSQL refused the text of a migration or of a function.
    #[error("cannot apply {name}")]
    Refused {
        name: String,
        #[source]
        source: tokio_postgres::Error,
    },
    /// PostgreSQL failed besides: the connection broke, or it refused the bookkeeping.
    #[error(transparent)]
    Postgres(#[from] tokio_postgres::Error),
}
