use super::secret::Secret;
use clap::Args;
use std::path::{Path, PathBuf};

/// Which PostgreSQL to use: that of a URL, or the embedded one.
#[derive(Args, Clone, Debug)]
pub struct DatabaseConfig {
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

impl DatabaseConfig {
    /// The directory of the embedded PostgreSQL.
    pub fn data_dir(&self) -> PathBuf {
        // Under root, PostgreSQL runs as an unprivileged user, who cannot pass through /root.
        let default = if rustix::process::geteuid().is_root() { "/var/lib/longwave" } else { "./longwave-data" };
        self.data_dir.clone().unwrap_or_else(|| Path::new(default).to_owned())
    }
}

fn database_url(text: &str) -> Result<Secret, String> {
    text.parse::<tokio_postgres::Config>().map(|_| Secret::new(text)).map_err(|error| {
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
        format!("{error}{cause}")
    })
}
