//! The report of the figures: the tables on stdout, and RESULTS.md with its plots.

mod bars;
mod lines;
mod machine;
mod page;
mod plots;
mod text;

pub use machine::Machine;
pub use text::print;

use crate::figures::Figures;
use crate::options::Options;
use anyhow::Context;
use std::path::Path;

/// Writes RESULTS.md and the plots beside it.
pub fn write(options: &Options, machine: &Machine, figures: &Figures) -> anyhow::Result<()> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches");
    let plots = dir.join("results");
    std::fs::create_dir_all(&plots)?;
    let drawn = plots::draw(&plots, figures)?;
    std::fs::write(dir.join("RESULTS.md"), page::page(options, machine, figures, &drawn)?)
        .context("cannot write RESULTS.md")
}
