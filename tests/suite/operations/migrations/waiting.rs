//! What `longwave migrate` says of others.

use std::process::Stdio;

use longwave::store::advisory_keys::MIGRATIONS_KEY;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use crate::support::{Database, SOON, within};

fn migrate(database: &Database) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_longwave"));
    command.args(["migrate", "--database-url", database.url()]).env_remove("DATABASE_URL").env_remove("RUST_LOG");
    command.stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

/// Runs a command until it ends or has said `text`; answers whether it has.
async fn says(child: &mut tokio::process::Child, text: &str) -> bool {
    let mut lines = BufReader::new(child.stderr.take().expect("a pipe")).lines();
    while let Some(line) = lines.next_line().await.expect("text") {
        if line.contains(text) {
            return true;
        }
    }
    false
}

#[tokio::test]
async fn wait_for_another_node_that_migrates_is_logged() {
    let database = Database::migrated().await;
    let sql = database.client().await;
    sql.execute("SELECT pg_advisory_lock($1)", &[&MIGRATIONS_KEY.0]).await.expect("the lock");
    let mut child = migrate(&database).spawn().expect("the program runs");
    assert!(within("it says so", SOON, says(&mut child, "waiting for another node that migrates")).await);
    sql.execute("SELECT pg_advisory_unlock($1)", &[&MIGRATIONS_KEY.0]).await.expect("no lock");
    assert!(within("it goes on", SOON, child.wait()).await.expect("an end").success());
}

#[tokio::test]
async fn schema_that_is_newer_than_the_program_is_logged() {
    let database = Database::migrated().await;
    let sql = database.client().await;
    let newer = "INSERT INTO schema_migrations (name, checksum) VALUES ('99_newer', '');
                 UPDATE schema_functions SET version = 1000000 WHERE name = 'log_append'";
    sql.batch_execute(newer).await.expect("a newer schema");
    for text in ["the schema is newer than this program", "the SQL functions are newer than this program"] {
        let mut child = migrate(&database).spawn().expect("the program runs");
        assert!(within("it says so", SOON, says(&mut child, text)).await, "{text}");
    }
}
