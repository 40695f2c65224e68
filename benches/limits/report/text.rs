//! The tables on stdout.

use super::Machine;
use crate::figures::{Figures, median, shown};
use crate::goals::{Bound, goals};
use crate::options::Options;
use std::fmt::Write;

/// Prints everything.
pub fn print(options: &Options, machine: &Machine, figures: &Figures) -> anyhow::Result<()> {
    let (rounds, seconds) = (options.rounds(), options.window().as_secs());
    let mut text = format!("\n{}; rounds: {rounds}; seconds a load: {seconds}\n", machine.line());
    let mut last = String::new();
    for (load, who, what, values) in figures.all() {
        let title = format!("{load}: {who}");
        if title != last {
            writeln!(text, "{title:90}{:>11}{:>11}{:>11}", "median", "lowest", "highest")?;
            last = title;
        }
        let (middle, [lowest, highest]) = (shown(median(values)), range(values).map(shown));
        writeln!(text, "  {:88}{middle:>11}{lowest:>11}{highest:>11}", what.to_string())?;
    }
    writeln!(text, "\n{:84}  {:57}{:>10}{:>11}{:>11}", "load", "figure", "value", "must", "stretch")?;
    for goal in goals(figures).into_iter().filter(|goal| goal.value.is_some()) {
        let value = goal.value.map_or_else(String::new, shown);
        let (must, stretch) = (bound(goal.must), bound(goal.stretch));
        writeln!(text, "{:84}  {:57}{value:>10}{must:>11}{stretch:>11}  {}", goal.load, goal.figure, goal.verdict())?;
    }
    print!("{text}");
    Ok(())
}

/// The lowest and the highest.
pub fn range(values: &[f64]) -> [f64; 2] {
    values.iter().fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], value| [low.min(*value), high.max(*value)])
}

/// `≤ 1.50`
pub fn bound(bound: Bound) -> String {
    match bound {
        Bound::AtMost(value) => format!("≤ {}", shown(value)),
        Bound::AtLeast(value) => format!("≥ {}", shown(value)),
    }
}
