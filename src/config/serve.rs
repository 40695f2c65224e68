use super::attachment_storage::AttachmentStorage;
use super::database::DatabaseConfig;
use super::origins::{AllowedOrigins, parse_origin};
use super::switch::Switch;
use super::tokens::TokenConfig;
use clap::{Args, Parser};
use std::net::SocketAddr;

/// Settings of `longwave serve`.
#[derive(Args, Clone, Debug)]
pub struct Config {
    /// Address to listen on; port 0 takes a free one
    #[arg(long, env = "LONGWAVE_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,

    #[command(flatten)]
    pub database: DatabaseConfig,

    /// Where attachments are kept: a directory, or s3://BUCKET/PREFIX [default: attachments in the --data-dir]
    // All nodes need the same one. Endpoint, region and keys of a bucket come from the AWS_… variables that every S3 tool
    // reads: so roles of the machine work too, and no key is shown in a list of processes.
    #[arg(long, env = "LONGWAVE_ATTACHMENTS", value_name = "PLACE", value_parser = AttachmentStorage::parse)]
    pub attachments: Option<AttachmentStorage>,

    /// Leave the schema as it is; without this, pending migrations run at start
    #[arg(long, env = "LONGWAVE_NO_MIGRATE")]
    pub no_migrate: bool,

    #[command(flatten)]
    pub tokens: TokenConfig,

    /// Whether anybody may register; off: users come by tokens of an app's backend or by `longwave token`
    // External tokens identify users by name. With registration on, somebody could register such a name first.
    #[arg(long, env = "LONGWAVE_REGISTRATION", value_enum, default_value_t = Switch::On)]
    pub registration: Switch,

    /// Connections to PostgreSQL for everything but the log's own three and the two of webhooks
    // Twice the cores of a usual server: more connections would only queue inside PostgreSQL.
    #[arg(long, env = "LONGWAVE_POOL_SIZE", value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..))]
    pub pool_size: u16,

    /// Members a conversation may have, at most 10000
    #[arg(long, env = "LONGWAVE_MAX_MEMBERS", value_name = "N", default_value_t = 5_000, value_parser = clap::value_parser!(u32).range(2..=10_000))]
    pub max_members: u32,

    /// Streams a user may hold on one node; one more ends the oldest
    #[arg(long, env = "LONGWAVE_STREAMS_PER_USER", value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    pub streams_per_user: u32,

    /// Whether webhooks may post to private addresses and any port
    // Off by default: otherwise every user could make the server send requests into its private network (SSRF).
    #[arg(long, env = "LONGWAVE_WEBHOOK_PRIVATE_TARGETS", value_name = "SWITCH", value_enum, default_value_t = Switch::Off)]
    pub webhook_private_targets: Switch,

    /// Origins whose web pages may call the server, with commas between them, or * for all [default: loopback, any port]
    // Pages send tokens by themselves, and never cookies: an allowed origin gets nothing that it does not have.
    #[arg(long, env = "LONGWAVE_ALLOWED_ORIGINS", value_name = "ORIGINS", value_delimiter = ',', value_parser = parse_origin)]
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
    pub fn attachments(&self) -> AttachmentStorage {
        let default = || AttachmentStorage::Directory(self.database.data_dir().join("attachments"));
        self.attachments.clone().unwrap_or_else(default)
    }

    /// Parses the arguments of `serve`. A flag that is missing is taken from its environment variable.
    ///
    /// # Errors
    /// An argument is unknown or has an invalid value; the error is clap's.
    pub fn try_from_args<'a>(args: impl IntoIterator<Item = &'a str>) -> Result<Self, clap::Error> {
        #[derive(Parser)]
        struct ServeOnly {
            #[command(flatten)]
            config: Config,
        }
        ServeOnly::try_parse_from(std::iter::once("longwave").chain(args)).map(|parsed| parsed.config)
    }
}
