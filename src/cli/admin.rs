//! `longwave admin`.

use super::database;
use crate::config::DatabaseConfig;
use crate::domain;
use crate::store::Pool;
use anyhow::Context;
use clap::Args;

#[derive(Args)]
pub struct AdminArgs {
    /// The user
    name: String,
    /// Make the admin a user again
    #[arg(long, env = "LONGWAVE_REVOKE")]
    revoke: bool,
    #[command(flatten)]
    database: DatabaseConfig,
}

/// Grants or revokes the role of a server admin, and prints the user's role.
///
/// # Errors
/// There is no such user, or PostgreSQL cannot be started, reached or written to.
pub async fn admin(args: &AdminArgs) -> anyhow::Result<()> {
    let server = database::open(&args.database).await?;
    let pool = Pool::new(server.url(), 1);
    let found = domain::set_admin(&pool, &args.name, !args.revoke).await;
    server.close().await?;
    anyhow::ensure!(found.context("cannot change the role")?, "there is no user {}", args.name);
    println!("{} is {}", args.name, if args.revoke { "a user" } else { "an admin" });
    Ok(())
}
