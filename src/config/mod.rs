//! Every setting of the server: its flag, its environment name, its default and why.
//!
//! A setting that makes no sense stops the start with one line that names it. Called by `cli`; read by `app`, which
//! hands each room what it needs.

mod origins;
mod secret;
mod storage;

pub use origins::AllowedOrigins;
pub use secret::Secret;
pub use storage::Storage;

use clap::{Args, Parser, ValueEnum};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Where the data is: a database of one's own, or the embedded one.
#[derive(Args, Clone, Debug)]
pub struct Database {
    /// PostgreSQL to use (15 or newer); without it the server keeps a private one under --data-dir
    #[arg(long, env = "DATABASE_URL", value_name = "URL", hide_env_values = true, value_parser = database_url)]
    pub database_url: Option<Secret>,

    /// Directory of the embedded PostgreSQL [default: ./longwave-data, as root /var/lib/longwave]
    #[arg(long, env = "LONGWAVE_DATA_DIR", value_name = "DIR")]
    pub data_dir: Option<PathBuf>,

    /// Directory with PostgreSQL's server programs, if they are not where packages put them
    #[arg(long, env = "LONGWAVE_PG_BIN", value_name = "DIR")]
    pub pg_bin: Option<PathBuf>,
}

impl Database {
    /// The directory of the embedded PostgreSQL.
    pub fn data_dir(&self) -> PathBuf {
        // The unprivileged user that PostgreSQL then runs as cannot pass through /root.
        let default = if rustix::process::geteuid().is_root() { "/var/lib/longwave" } else { "./longwave-data" };
        self.data_dir.clone().unwrap_or_else(|| Path::new(default).to_owned())
    }
}

/// Settings of `longwave serve`.
#[derive(Args, Clone, Debug)]
pub struct Config {
    /// Address to listen on; port 0 takes a free one
    #[arg(long, env = "LONGWAVE_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,

    #[command(flatten)]
    pub database: Database,

    /// Where attachments are kept: a directory, or s3://BUCKET/PREFIX [default: attachments in the --data-dir]
    // All nodes need the same one. Endpoint, region and keys of a bucket come from the AWS_… variables that every tool for
    // S3 reads, so that roles of the machine work too and no key stands on a command line.
    #[arg(long, env = "LONGWAVE_ATTACHMENTS", value_name = "PLACE", value_parser = Storage::parse)]
    pub attachments: Option<Storage>,

    /// Leave the schema as it is; without this, pending migrations run at start
    #[arg(long, env = "LONGWAVE_NO_MIGRATE")]
    pub no_migrate: bool,

    #[command(flatten)]
    pub tokens: Tokens,

    /// Whether anybody may register; off: users come by tokens of an app's backend or by `longwave token`
    // Those tokens name users, and a name that somebody has registered before is theirs.
    #[arg(long, env = "LONGWAVE_REGISTRATION", value_enum, default_value_t = Switch::On)]
    pub registration: Switch,

    /// Connections to PostgreSQL for everything but the log's own three and the two of webhooks
    // Twice the cores of a usual server: more only queue inside PostgreSQL.
    #[arg(long, env = "LONGWAVE_POOL_SIZE", value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..))]
    pub pool_size: u16,

    /// Members a conversation may have, at most 10000
    #[arg(long, env = "LONGWAVE_MAX_MEMBERS", value_name = "N", default_value_t = 5_000, value_parser = clap::value_parser!(u32).range(2..=10_000))]
    pub max_members: u32,

    /// Streams a user may hold on one node; one more ends the oldest
    #[arg(long, env = "LONGWAVE_STREAMS_PER_USER", value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    pub streams_per_user: u32,

    /// Whether webhooks may post to private addresses and any port
    // Off: whoever may call this server could else reach what only this machine can.
    #[arg(long, env = "LONGWAVE_WEBHOOK_PRIVATE_TARGETS", value_name = "SWITCH", value_enum, default_value_t = Switch::Off)]
    pub webhook_private_targets: Switch,

    /// Origins whose web pages may call the server, with commas between them, or * for all [default: loopback, any port]
    // Pages send tokens by themselves, and never cookies: an origin that is let in gets nothing that it does not have.
    #[arg(long, env = "LONGWAVE_ALLOWED_ORIGINS", value_name = "ORIGINS", value_delimiter = ',', value_parser = origins::parse_origin)]
    pub allowed_origins: Vec<String>,

    /// Limits of requests per user and per address
    #[arg(long, env = "LONGWAVE_RATE_LIMITS", value_enum, default_value_t = Switch::On)]
    pub rate_limits: Switch,
}

impl Config {
    /// Origins whose web pages may call the server.
    pub fn allowed_origins(&self) -> AllowedOrigins {
        AllowedOrigins::of(&self.allowed_origins)
    }

    /// Where attachments are kept.
    pub fn attachments(&self) -> Storage {
        let beside = || Storage::Directory(self.database.data_dir().join("attachments"));
        self.attachments.clone().unwrap_or_else(beside)
    }

    /// Reads settings from arguments alone (flags first take the environment, as on the command line).
    ///
    /// # Errors
    /// What `--help` would say of the argument that does not fit.
    pub fn try_from_args<'a>(args: impl IntoIterator<Item = &'a str>) -> Result<Self, clap::Error> {
        #[derive(Parser)]
        struct Only {
            #[command(flatten)]
            config: Config,
        }
        Only::try_parse_from(std::iter::once("longwave").chain(args)).map(|only| only.config)
    }
}

/// How tokens are signed and checked.
#[derive(Args, Clone, Debug)]
pub struct Tokens {
    /// Key that signs access tokens, 32 bytes or more; without it one is made and kept in the database
    #[arg(long, env = "LONGWAVE_JWT_SECRET", value_name = "KEY", hide_env_values = true, value_parser = signing_key)]
    pub jwt_secret: Option<Secret>,

    /// Key of the tokens that an app's own backend mints (HS256, 32 bytes or more)
    #[arg(long, env = "LONGWAVE_EXTERNAL_JWT_SECRET", value_name = "KEY", hide_env_values = true, value_parser = signing_key)]
    pub external_jwt_secret: Option<Secret>,
}

/// A setting that is on or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    On,
    Off,
}

fn signing_key(text: &str) -> Result<Secret, String> {
    if text.len() < 32 {
        return Err(format!("has {} bytes, needs 32 or more", text.len()));
    }
    Ok(Secret::new(text))
}

fn database_url(text: &str) -> Result<Secret, String> {
    text.parse::<tokio_postgres::Config>().map(|_| Secret::new(text)).map_err(|error| {
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
        format!("{error}{cause}")
    })
}
