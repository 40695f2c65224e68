//! `longwave token`.

use super::database;
use super::duration::parse_duration;
use crate::config::{DatabaseConfig, TokenConfig};
use crate::domain;
use crate::store::{self, Pool};
use anyhow::Context;
use clap::Args;
use std::time::Duration;

#[derive(Args)]
pub struct TokenArgs {
    /// The user
    name: String,
    /// How long the token lasts: seconds, or a number with s, m, h or d
    #[arg(long, env = "LONGWAVE_TTL", default_value = "24h", value_parser = parse_duration)]
    ttl: Duration,
    #[command(flatten)]
    database: DatabaseConfig,
    #[command(flatten)]
    tokens: TokenConfig,
}

/// Prints an access token of a user, and creates the user if there is none of that name.
///
/// # Errors
/// The name is invalid, or PostgreSQL cannot be started, reached, migrated or written to.
pub async fn token(args: &TokenArgs) -> anyhow::Result<()> {
    let server = database::open(&args.database).await?;
    let minted = mint(server.url(), args).await;
    server.close().await?;
    println!("{}", minted?);
    Ok(())
}

async fn mint(url: &str, args: &TokenArgs) -> anyhow::Result<String> {
    store::migrate(url).await.context("cannot bring the schema up to date")?;
    let pool = Pool::new(url, 1);
    domain::mint_token(&pool, &args.tokens, &args.name, args.ttl).await.map_err(|error| match error {
        domain::Error::Invalid(fields) => {
            anyhow::anyhow!(fields.iter().map(|field| format!("{} {}", field.field, field.detail)).collect::<String>())
        }
        other => other.into(),
    })
}
