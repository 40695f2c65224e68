//! `longwave retention`.

use super::database;
use super::duration::parse_duration;
use crate::config::DatabaseConfig;
use crate::log::retention::{RetentionProgress, Retired, retire};
use anyhow::Context;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use std::time::Duration;

#[derive(Args)]
pub struct RetentionArgs {
    /// How old an event may become: seconds, or a number with s, m, h or d
    // No default, because what is dropped cannot be brought back.
    #[arg(long, env = "LONGWAVE_KEEP", value_name = "TIME", value_parser = parse_duration)]
    keep: Duration,
    #[command(flatten)]
    database: DatabaseConfig,
}

/// Drops the partitions of the log whose events are all older than `--keep`, and prints their names.
///
/// # Errors
/// Another run is at work, or PostgreSQL cannot be started, reached or written to.
pub async fn retention(args: &RetentionArgs) -> anyhow::Result<()> {
    let server = database::open(&args.database).await?;
    let bound = chrono::Utc::now() - args.keep;
    let retired = retire(server.url(), bound, progress_reporter()).await;
    server.close().await?;
    let Retired { partitions, oldest } = retired.context("cannot drop old events")?;
    match partitions.as_slice() {
        [] => println!("nothing to drop: no whole partition is older; kept from position {}", oldest.0),
        names => println!("dropped {}; kept from position {}", names.join(", "), oldest.0),
    }
    Ok(())
}

/// Returns a function that shows progress on stderr: a bar on a terminal, and a line before each wait for long queries.
fn progress_reporter() -> impl FnMut(RetentionProgress) {
    // The template is a constant, so this cannot fail.
    let style = ProgressStyle::with_template("{msg} {wide_bar} {percent}% {eta}");
    let bar = ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    move |progress| match progress {
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
