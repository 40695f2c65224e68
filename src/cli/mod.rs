//! The command line: `serve`, which is also what happens without a command, and the commands of operators.
//!
//! A file a command. Each command opens the database that the settings name: that of `DATABASE_URL`, or the embedded
//! one, also while a server runs it. `main` calls [`parse`] and [`Cli::run`].

mod admin;
mod database;
mod duration;
mod error_line;
mod migrate;
mod new_epoch;
mod reindex;
mod retention;
mod serve;
mod startup_text;
mod token;

use crate::config::{Config, DatabaseConfig};
use crate::{http, telemetry};
use clap::{Parser, Subcommand};

/// Messaging over plain HTTP: a REST API takes messages in, clients get them by Server-Sent Events or long polling.
#[derive(Parser)]
#[command(name = "longwave", version, args_conflicts_with_subcommands = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<CliCommand>,
    #[command(flatten)]
    serve: Config,
}

#[derive(Subcommand)]
enum CliCommand {
    /// Serve; also what happens without a command
    Serve(Box<Config>),
    /// Bring the database's schema up to date, and end
    Migrate(DatabaseConfig),
    /// Print the OpenAPI document
    Openapi,
    /// Print an access token of a user, who is made if need be
    Token(token::TokenArgs),
    /// Make the index of texts anew, or go on with what was interrupted; servers may run meanwhile
    Reindex(DatabaseConfig),
    /// Declare that the database was restored from a snapshot: cursors beyond it are then refused
    NewEpoch(DatabaseConfig),
    /// Make a user an admin of the server, who may see its statistics
    Admin(admin::AdminArgs),
    /// Drop old events for good, in whole partitions of the log; beside running servers, too
    Retention(retention::RetentionArgs),
}

/// Parses the command line. An invalid one ends the process with exit code 2, after one line on stderr.
pub fn parse() -> Cli {
    Cli::try_parse().unwrap_or_else(|error| match error_line::of_invalid_value(&error) {
        Some(line) => {
            eprintln!("{line}");
            std::process::exit(2);
        }
        None => error.exit(),
    })
}

impl Cli {
    /// Runs the command.
    ///
    /// # Errors
    /// The command failed; the error has its causes as context, for one line on stderr.
    pub async fn run(self) -> anyhow::Result<()> {
        telemetry::init();
        match self.command {
            None => serve::serve(self.serve).await,
            Some(CliCommand::Serve(config)) => serve::serve(*config).await,
            Some(CliCommand::Migrate(database)) => migrate::migrate(&database).await,
            Some(CliCommand::Openapi) => {
                print!("{}", http::openapi_json());
                Ok(())
            }
            Some(CliCommand::Token(args)) => token::token(&args).await,
            Some(CliCommand::Reindex(database)) => reindex::reindex(&database).await,
            Some(CliCommand::NewEpoch(database)) => new_epoch::new_epoch(&database).await,
            Some(CliCommand::Admin(args)) => admin::admin(&args).await,
            Some(CliCommand::Retention(args)) => retention::retention(&args).await,
        }
    }
}
