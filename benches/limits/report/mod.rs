//! What is told of the figures: tables, pages and plots.

mod text;

pub use text::print;

use crate::scratch::Scratch;

/// What was measured where.
pub fn machine(scratch: &Scratch) -> anyhow::Result<String> {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let sync_ms = scratch.sync_time()?.as_secs_f64() * 1e3;
    Ok(format!("{cores} cores, loopback, a disk that syncs a page in {sync_ms:.2} ms"))
}
