//! The tables on stdout.

use crate::figures::{Figures, median, shown};
use crate::goals::{Bound, goals};
use crate::options::Options;
use std::fmt::Write;

/// Prints everything.
pub fn print(options: &Options, machine: &str, figures: &Figures) -> anyhow::Result<()> {
    let mut text =
        format!("\n{machine}; rounds: {}; seconds a load: {}\n", options.rounds(), options.window().as_secs());
    let mut last = String::new();
    for (load, who, what, values) in figures.all() {
        let title = format!("{load}: {who}");
        if title != last {
            writeln!(text, "{title:80}{:>11}{:>11}{:>11}", "median", "lowest", "highest")?;
            last = title;
        }
        let lowest = values.iter().copied().fold(f64::INFINITY, f64::min);
        let highest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        writeln!(
            text,
            "  {:78}{:>11}{:>11}{:>11}",
            what.to_string(),
            shown(median(values)),
            shown(lowest),
            shown(highest)
        )?;
    }
    writeln!(text, "\n{:92}{:>56}{:>11}{:>11}{:>11}", "load", "figure", "value", "must", "stretch")?;
    for goal in goals(figures) {
        let value = goal.value.map_or_else(|| "-".to_owned(), shown);
        let (must, stretch) = (bound(goal.must), bound(goal.stretch));
        let verdict = goal.value.map_or("", |value| match (goal.must.missed(value), goal.stretch.missed(value)) {
            (_, stretch) if stretch <= 1.0 => "stretch",
            (must, _) if must <= 1.0 => "must",
            _ => "missed",
        });
        writeln!(text, "{:92}{:>56}{value:>11}{must:>11}{stretch:>11}  {verdict}", goal.load, goal.figure)?;
    }
    print!("{text}");
    Ok(())
}

/// `≤ 1.50`
pub fn bound(bound: Bound) -> String {
    match bound {
        Bound::AtMost(value) => format!("≤ {}", shown(value)),
        Bound::AtLeast(value) => format!("≥ {}", shown(value)),
    }
}
