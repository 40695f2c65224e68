//! The command line.

mod reindex;

use crate::app::{self, Backend};
use crate::config::{Config, Database, Tokens};
use crate::log::retention::{RetentionProgress, Retired};
use crate::store::embedded::Embedded;
use crate::store::{self, Pool};
use crate::{domain, http, log, shutdown, telemetry};
use anyhow::Context;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Args, Parser, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use std::io::Write;
use std::net::SocketAddr;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Messaging over plain HTTP: a REST API takes messages in, clients get them by Server-Sent Events or long polling.
#[derive(Parser)]
#[command(name = "longwave", version, args_conflicts_with_subcommands = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: Config,
}

#[derive(Subcommand)]
enum Command {
    /// Serve; also what happens without a command
    Serve(Box<Config>),
    /// Bring the database's schema up to date, and end
    Migrate(Database),
    /// Print the OpenAPI document
    Openapi,
    /// Print an access token of a user, who is made if need be
    Token(TokenArgs),
    /// Make the index of texts anew, or go on with what was interrupted; servers may run meanwhile
    Reindex(Database),
    /// Declare that the database was restored from a snapshot: cursors beyond it are then refused
    NewEpoch(Database),
    /// Make a user an admin of the server, who may see its statistics
    Admin(AdminArgs),
    /// Drop old events for good, in whole partitions of the log; beside running servers, too
    Retention(RetentionArgs),
}

#[derive(Args)]
struct AdminArgs {
    /// The user
    name: String,
    /// Make the admin a user again
    #[arg(long, env = "LONGWAVE_REVOKE")]
    revoke: bool,
    #[command(flatten)]
    database: Database,
}

#[derive(Args)]
struct RetentionArgs {
    /// How old an event may become: seconds, or a number with s, m, h or d
    // No default: what is dropped is gone.
    #[arg(long, env = "LONGWAVE_KEEP", value_name = "TIME", value_parser = duration)]
    keep: Duration,
    #[command(flatten)]
    database: Database,
}

#[derive(Args)]
struct TokenArgs {
    /// The user
    name: String,
    /// How long the token lasts: seconds, or a number with s, m, h or d
    #[arg(long, env = "LONGWAVE_TTL", default_value = "24h", value_parser = duration)]
    ttl: Duration,
    #[command(flatten)]
    database: Database,
    #[command(flatten)]
    tokens: Tokens,
}

/// Reads the command line; ends the process with one line if it makes no sense.
pub fn parse() -> Cli {
    Cli::try_parse().unwrap_or_else(|error| match one_line(&error) {
        Some(line) => {
            eprintln!("{line}");
            std::process::exit(2);
        }
        None => error.exit(),
    })
}

/// A wrong value as one line that names its setting, without the value: it may be a key.
fn one_line(error: &clap::Error) -> Option<String> {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        _ => None,
    };
    match error.kind() {
        ErrorKind::ValueValidation | ErrorKind::InvalidValue => {
            let setting = text(ContextKind::InvalidArg)?;
            let cause = std::error::Error::source(error).map(ToString::to_string);
            let cause = cause.unwrap_or_else(|| "is not one of the possible values, see --help".into());
            Some(format!("error: {setting}: {cause}"))
        }
        _ => None,
    }
}

impl Cli {
    /// Does what was asked for.
    ///
    /// # Errors
    /// What went wrong, with its causes.
    pub async fn run(self) -> anyhow::Result<()> {
        telemetry::init();
        match self.command {
            None => serve(self.serve).await,
            Some(Command::Serve(config)) => serve(*config).await,
            Some(Command::Migrate(database)) => migrate(&database).await,
            Some(Command::Openapi) => {
                print!("{}", http::openapi_json());
                Ok(())
            }
            Some(Command::Token(args)) => token(&args).await,
            Some(Command::Reindex(database)) => reindex(&database).await,
            Some(Command::NewEpoch(database)) => new_epoch(&database).await,
            Some(Command::Admin(args)) => admin(&args).await,
            Some(Command::Retention(args)) => retention(&args).await,
        }
    }
}

async fn serve(config: Config) -> anyhow::Result<()> {
    let stop = CancellationToken::new();
    let signalled = stop.clone();
    tokio::spawn(async move {
        shutdown::signalled().await;
        signalled.cancel();
    });
    let listener = http::listen(config.listen).with_context(|| format!("cannot listen on {}", config.listen))?;
    let address = listener.local_addr()?;
    let database = config.database.clone();
    app::run(config, listener, stop, || greet(address, &database)).await
}

/// Tells where the server is, and three commands that show it at work, as often as they are pasted.
fn greet(address: SocketAddr, database: &Database) {
    let program = std::env::current_exe().map_or_else(|_| "longwave".into(), |path| path.display().to_string());
    let (place, hint) = match &database.database_url {
        // It may hold a password, which belongs in no terminal.
        Some(_) => (String::new(), "# each of these terminals needs the DATABASE_URL of this one\n"),
        None => {
            let dir = std::path::absolute(database.data_dir()).unwrap_or_else(|_| database.data_dir());
            (format!(" --data-dir '{}'", dir.display()), "")
        }
    };
    let curl =
        |user: &str, rest: &str| format!("curl -H \"Authorization: Bearer $('{program}' token{place} {user})\" {rest}");
    let text = format!(
        "listening on http://{address}

{hint}# anna listens, in a second terminal:
{}
# bert sends, in a third:
{}
# anna asks for what there was:
{}

",
        curl("anna", &format!("-N http://{address}/v1/stream")),
        curl("bert", &format!("-d '{{\"to\":[\"anna\"],\"text\":\"hello\"}}' http://{address}/v1/messages")),
        curl("anna", &format!("'http://{address}/v1/updates?after=start&wait=0'")),
    );
    let mut out = std::io::stdout().lock();
    // Nobody may be reading.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

async fn migrate(database: &Database) -> anyhow::Result<()> {
    let backend = reach(database).await?;
    let migrated = store::migrate(&backend.url).await;
    backend.close().await?;
    migrated.context("cannot bring the schema up to date")
}

async fn reindex(database: &Database) -> anyhow::Result<()> {
    let backend = reach(database).await?;
    let migrated = store::migrate(&backend.url).await.context("cannot bring the schema up to date");
    let done = match migrated {
        Ok(()) => {
            reindex::run(&Pool::new(&backend.url, 1)).await.context("cannot make the index, run it again to go on")
        }
        Err(error) => Err(error),
    };
    backend.close().await?;
    done
}

async fn new_epoch(database: &Database) -> anyhow::Result<()> {
    let backend = reach(database).await?;
    let begun = log::new_epoch(&backend.url).await;
    backend.close().await?;
    println!("new epoch {}", begun.context("cannot begin a new epoch")?.0);
    Ok(())
}

async fn admin(args: &AdminArgs) -> anyhow::Result<()> {
    let backend = reach(&args.database).await?;
    let pool = Pool::new(&backend.url, 1);
    let found = domain::set_admin(&pool, &args.name, !args.revoke).await;
    backend.close().await?;
    anyhow::ensure!(found.context("cannot change the role")?, "there is no user {}", args.name);
    println!("{} is {}", args.name, if args.revoke { "a user" } else { "an admin" });
    Ok(())
}

async fn retention(args: &RetentionArgs) -> anyhow::Result<()> {
    let backend = reach(&args.database).await?;
    let bound = chrono::Utc::now() - args.keep;
    let retired = log::retention::retire(&backend.url, bound, tell_step()).await;
    backend.close().await?;
    let Retired { partitions, oldest } = retired.context("cannot drop old events")?;
    match partitions.as_slice() {
        [] => println!("nothing to drop: no whole partition is older; kept from position {}", oldest.0),
        names => println!("dropped {}; kept from position {}", names.join(", "), oldest.0),
    }
    Ok(())
}

/// Shows how retention gets on: a bar on a terminal, and nothing elsewhere but what waits.
fn tell_step() -> impl FnMut(RetentionProgress) {
    // A template of ours: nothing that could fail.
    let style = ProgressStyle::with_template("{msg} {wide_bar} {percent}% {eta}");
    let bar = ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    move |step| match step {
        RetentionProgress::Swept { table, pages, of } => {
            bar.set_length(of as u64);
            bar.set_position(pages as u64);
            bar.set_message(format!("sweeping {table}"));
        }
        RetentionProgress::Dropping { partition } => {
            bar.finish_and_clear();
            eprintln!("dropping {partition}, once no query reads the log as it was");
        }
    }
}

async fn token(args: &TokenArgs) -> anyhow::Result<()> {
    let backend = reach(&args.database).await?;
    let minted = mint(&backend.url, args).await;
    backend.close().await?;
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

/// The database of the settings; the embedded one also while a server runs it.
async fn reach(database: &Database) -> anyhow::Result<Backend> {
    if database.database_url.is_none()
        && let Some(url) = Embedded::running(&database.data_dir())
    {
        return Ok(Backend::elsewhere(url));
    }
    Backend::open(database).await
}

fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|character: char| character.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        other => return Err(format!("has the unit {other}, needs s, m, h or d")),
    };
    let seconds = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(unit));
    // A hundred years: what a clock can still add up.
    match seconds {
        Some(seconds @ 1..=3_153_600_000) => Ok(Duration::from_secs(seconds)),
        _ => Err("needs a number of at least one second and at most a hundred years".into()),
    }
}
