//! RESULTS.md.

use super::Machine;
use super::plots::Plot;
use super::text::{bound, range};
use crate::figures::{Figures, Load, What, median, shown};
use crate::goals::goals;
use crate::options::Options;
use crate::servers::Who;
use std::collections::BTreeMap;
use std::fmt::Write;

/// How each thing was measured, and what to make of it.
const NOTES: &str = include_str!("notes.md");

/// The columns of the large table.
const COLUMNS: [What; 13] = [
    What::MemoryKib,
    What::CpuUs,
    What::PostgresUs,
    What::Rate,
    What::Seconds,
    What::P50Ms,
    What::P99Ms,
    What::LateMs,
    What::Cut,
    What::ReadEvents,
    What::CoresPercent,
    What::GeneratorPercent,
    What::OthersPercent,
];

/// The whole page.
pub fn page(options: &Options, machine: &Machine, figures: &Figures, plots: &[Plot]) -> anyhow::Result<String> {
    let mut page = String::from("# What Longwave costs at its limits\n\n");
    let (rounds, seconds) = (options.rounds(), options.window().as_secs());
    writeln!(
        page,
        "Written by `cargo bench --bench limits`. Rounds: {rounds}, of which these are the medians. Seconds a load: {seconds}.\n"
    )?;
    writeln!(page, "- Machine: {}.", machine.line())?;
    writeln!(page, "- Driven in turn with the same loads: {}.", machine.versions.join(", "))?;
    if let Some(generator) = generator(figures) {
        writeln!(page, "- {generator}")?;
    }
    page.push_str("\n## Goals\n\nRatios are of medians of this run. \"Must\" is what is promised, \"stretch\" what is aimed at.\n\n");
    page.push_str(
        "| load | figure | measured | must | stretch | verdict |\n| --- | --- | ---: | ---: | ---: | --- |\n",
    );
    for goal in goals(figures) {
        let value = goal.value.map_or_else(|| "–".to_owned(), shown);
        let (must, stretch) = (bound(goal.must), bound(goal.stretch));
        writeln!(page, "| {} | {} | {value} | {must} | {stretch} | {} |", goal.load, goal.figure, goal.verdict())?;
    }
    page.push_str("\n## Plots\n\nRed marks are what must be, black ones what is aimed at.\n\n");
    for plot in plots {
        writeln!(page, "![{}](results/{})\n", plot.title, plot.file)?;
    }
    page.push_str("## All figures\n\nMedian, and in parentheses the lowest and the highest of the rounds.\n\n");
    table(&mut page, figures)?;
    page.push('\n');
    page.push_str(NOTES);
    Ok(page)
}

/// What the load generator took at most.
fn generator(figures: &Figures) -> Option<String> {
    let shares =
        figures.all().filter(|(load, _, what, _)| *what == What::GeneratorPercent && !matches!(load, Load::Closed(_)));
    let (load, who, _, values) = shares.max_by(|a, b| median(a.3).total_cmp(&median(b.3)))?;
    let most = shown(median(values));
    Some(format!(
        "The load generator took at most {most} % of the machine in the loads that are given at a rate ({load}: {who})."
    ))
}

fn table(page: &mut String, figures: &Figures) -> anyhow::Result<()> {
    let mut rows: BTreeMap<(Load, Who), BTreeMap<What, &[f64]>> = BTreeMap::new();
    for (load, who, what, values) in figures.all() {
        rows.entry((load, who)).or_default().insert(what, values);
    }
    let names: Vec<String> = COLUMNS.iter().map(What::to_string).collect();
    writeln!(page, "| load | server | {} |", names.join(" | "))?;
    writeln!(page, "| --- | --- |{}", " ---: |".repeat(COLUMNS.len()))?;
    for ((load, who), cells) in rows {
        let cells: Vec<String> =
            COLUMNS.iter().map(|what| cells.get(what).map_or_else(String::new, |values| cell(values))).collect();
        writeln!(page, "| {load} | {who} | {} |", cells.join(" | "))?;
    }
    Ok(())
}

fn cell(values: &[f64]) -> String {
    let [lowest, highest] = range(values).map(shown);
    format!("{} ({lowest}–{highest})", shown(median(values)))
}
