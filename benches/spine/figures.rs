//! What was measured, and its table.

use super::usage::Spent;
use std::fmt;
use std::time::Duration;

/// What a reader of the table must know.
const NOTES: &str = "
Load generator and others: shares of the machine's CPU that this process, and everything that is neither it nor the
server nor its PostgreSQL, took meanwhile. Rates and delays of loads that fill the machine (sends, catch-up) are partly
of the load generator's making; CPU per send, delivery or event, and memory, are not. Delays end when this process has
read the event, its own waiting for a core included. The p99 of fewer than 100 deliveries is the longest of them.
";

/// All figures, in the order in which they came first.
#[derive(Default)]
pub struct Figures(Vec<Row>);

struct Row {
    part: String,
    name: String,
    /// One a round.
    values: Vec<f64>,
}

/// The figures of one part.
pub struct Part<'a> {
    figures: &'a mut Figures,
    name: String,
}

impl Figures {
    /// Takes figures of a part.
    pub fn part(&mut self, name: String) -> Part<'_> {
        Part { figures: self, name }
    }
}

impl Part<'_> {
    /// Adds this round's value of a figure.
    pub fn add(&mut self, name: impl Into<String>, value: f64) {
        let name = name.into();
        let rows = &mut self.figures.0;
        match rows.iter_mut().find(|row| row.part == self.name && row.name == name) {
            Some(row) => row.values.push(value),
            None => rows.push(Row { part: self.name.clone(), name, values: vec![value] }),
        }
    }

    /// Adds who took how much CPU for `count` of something.
    pub fn add_cpu(&mut self, what: &str, count: u64, spent: &Spent) {
        let each_us = |time: Duration| time.as_secs_f64() * 1e6 / count as f64;
        self.add(format!("server's CPU per {what}, µs"), each_us(spent.server));
        self.add(format!("PostgreSQL's CPU per {what}, µs"), each_us(spent.postgres));
        self.add_shares(spent);
    }

    /// Adds who else took CPU.
    pub fn add_shares(&mut self, spent: &Spent) {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let share = |time: Duration| 100.0 * time.as_secs_f64() / spent.elapsed.as_secs_f64() / cores as f64;
        self.add("load generator, % of the machine", share(spent.generator));
        self.add("others, % of the machine", share(spent.others));
    }

    /// Adds the median and the 99th percentile of delays, the shortest first.
    pub fn add_delays(&mut self, delays: &[Duration]) {
        for percent in [50, 99] {
            let rank = (delays.len() * percent).div_ceil(100);
            if let Some(delay) = rank.checked_sub(1).and_then(|index| delays.get(index)) {
                self.add(format!("send to delivery, p{percent}, ms"), delay.as_secs_f64() * 1e3);
            }
        }
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n{:48}{:>10}{:>10}{:>10}", "", "median", "lowest", "highest")?;
        let mut part = "";
        for row in &self.0 {
            if row.part != part {
                part = &row.part;
                writeln!(f, "{part}")?;
            }
            let mut values = row.values.clone();
            values.sort_by(f64::total_cmp);
            let (lowest, highest) = (values[0], values[values.len() - 1]);
            let middle = (values[(values.len() - 1) / 2] + values[values.len() / 2]) / 2.0;
            writeln!(f, "  {:46}{:>10}{:>10}{:>10}", row.name, shown(middle), shown(lowest), shown(highest))?;
        }
        f.write_str(NOTES)
    }
}

/// Three digits or more, so that a difference that can be seen is one that was measured.
fn shown(value: f64) -> String {
    match value.abs() {
        size if size < 10.0 => format!("{value:.2}"),
        size if size < 100.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}
