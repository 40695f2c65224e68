//! durable-streams: in its default mode, in which what is acknowledged is on the disk.

use super::process::Process;
use super::{await_listener, find_program, free_address};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

fn program() -> Option<PathBuf> {
    find_program(&["durable-streams-server", "durable-streams"])
}

/// It does not tell its version, but cargo does if it was installed that way.
pub fn version() -> Option<String> {
    program()?;
    let installed = Command::new("cargo").args(["install", "--list"]).output().ok()?;
    let installed = String::from_utf8(installed.stdout).ok()?;
    let line = installed.lines().find_map(|line| line.strip_prefix("durable-streams v"));
    Some(format!(
        "durable-streams {}",
        line.map_or("of a version that it does not tell", |line| line.trim_end_matches(':'))
    ))
}

pub fn start(dir: &Path) -> anyhow::Result<(Process, SocketAddr)> {
    let address = free_address()?;
    let program = program().unwrap_or_else(|| "durable-streams-server".into());
    let mut command = Command::new(program);
    command.arg("--port").arg(address.port().to_string()).arg("--data-dir").arg(dir.join("data"));
    let mut process = Process::start(&mut command, &dir.join("log"))?;
    await_listener(address, &mut process)?;
    Ok((process, address))
}
