//! `longwave reindex`: what it shows while it works.

use crate::domain::{ReindexProgress, reindex};
use crate::store::{Pool, StoreError};
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// How often a line is written where nobody watches a bar.
const LINE: Duration = Duration::from_secs(5);

/// Makes the index of texts anew, with a bar on a terminal, and now and then a line elsewhere: both on stderr.
pub async fn run(pool: &Pool) -> Result<(), StoreError> {
    let bar = ProgressBar::new(0).with_style(style());
    let watched = std::io::stderr().is_terminal();
    let mut told = None;
    let done = reindex(pool, |advance| {
        if told.is_none() && advance.resumed {
            bar.suspend(|| eprintln!("going on where an earlier run was interrupted"));
        }
        bar.set_length(advance.all);
        bar.set_position(advance.done);
        if !watched && told.is_none_or(|at: Instant| at.elapsed() >= LINE) {
            eprintln!("{}", line(advance));
        }
        if watched || told.is_none_or(|at| at.elapsed() >= LINE) {
            told = Some(Instant::now());
        }
    })
    .await?;
    bar.finish_and_clear();
    eprintln!("{}, the index is complete", line(done));
    Ok(())
}

fn line(advance: ReindexProgress) -> String {
    let percent = (advance.done * 100).checked_div(advance.all).unwrap_or(100);
    format!("{} of {} events ({percent} %)", advance.done, advance.all)
}

fn style() -> ProgressStyle {
    let template = "{wide_bar} {human_pos} of {human_len} events, {per_sec}, {eta} left";
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
