//! Longwave: the release binary that was built with the benchmark.

use super::home::Home;
use super::process::Process;
use std::net::SocketAddr;
use std::process::Command;

/// The key of the tokens that the generator mints.
pub const EXTERNAL_SECRET: &str = "the secret of the benchmark's app backend";

/// Starts it with a PostgreSQL of its own, or with another's.
pub fn start(home: &Home, database_url: Option<&str>) -> anyhow::Result<(Process, SocketAddr)> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_longwave"));
    command
        .args(["serve", "--listen", "127.0.0.1:0", "--rate-limits", "off", "--data-dir"])
        .arg(home.data_dir())
        .env_remove("DATABASE_URL")
        .env("LONGWAVE_EXTERNAL_JWT_SECRET", EXTERNAL_SECRET);
    if let Some(url) = database_url {
        command.env("DATABASE_URL", url);
    }
    let mut process = Process::start(&mut command, &home.log())?;
    let address = process.address()?;
    Ok((process, address))
}
