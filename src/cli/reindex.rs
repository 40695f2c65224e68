//! `longwave reindex`.

use super::database;
use crate::config::DatabaseConfig;
use crate::domain::{self, REBUILD_STATEMENT_TIMEOUT, ReindexProgress};
use crate::store::{self, Pool, StoreError};
use anyhow::Context;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// How often a line of progress is written when stderr is no terminal.
const PROGRESS_LINE_INTERVAL: Duration = Duration::from_secs(5);

/// Builds the search index anew, or continues an interrupted run.
///
/// # Errors
/// PostgreSQL cannot be started, reached, migrated or written to.
pub async fn reindex(config: &DatabaseConfig) -> anyhow::Result<()> {
    let server = database::open(config).await?;
    let migrated = store::migrate(server.url()).await.context("cannot bring the schema up to date");
    let done = match migrated {
        Ok(()) => rebuild(&Pool::with_query_timeout(server.url(), 1, REBUILD_STATEMENT_TIMEOUT))
            .await
            .context("cannot make the index, run it again to go on"),
        Err(error) => Err(error),
    };
    server.close().await?;
    done
}

/// Builds the index and shows progress on stderr: a bar on a terminal, else a line every few seconds.
async fn rebuild(pool: &Pool) -> Result<(), StoreError> {
    let bar = ProgressBar::new(0).with_style(style());
    let is_terminal = std::io::stderr().is_terminal();
    let mut last_line = None;
    let done = domain::reindex(pool, |progress| {
        if last_line.is_none() && progress.resumed {
            bar.suspend(|| eprintln!("going on where an earlier run was interrupted"));
        }
        bar.set_length(progress.all);
        bar.set_position(progress.done);
        if !is_terminal && last_line.is_none_or(|at: Instant| at.elapsed() >= PROGRESS_LINE_INTERVAL) {
            eprintln!("{}", line(progress));
        }
        if is_terminal || last_line.is_none_or(|at| at.elapsed() >= PROGRESS_LINE_INTERVAL) {
            last_line = Some(Instant::now());
        }
    })
    .await?;
    bar.finish_and_clear();
    eprintln!("{}, the index is complete", line(done));
    Ok(())
}

fn line(progress: ReindexProgress) -> String {
    let percent = (progress.done * 100).checked_div(progress.all).unwrap_or(100);
    format!("{} of {} events ({percent} %)", progress.done, progress.all)
}

fn style() -> ProgressStyle {
    let template = "{wide_bar} {human_pos} of {human_len} events, {per_sec}, {eta} left";
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
