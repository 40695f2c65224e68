//! The plots, and what each says.

use super::bars::{self, Bar, Scale};
use super::lines;
use crate::figures::{Figures, Load, What, shown};
use crate::goals::{Bound, goals};
use crate::servers::Who;
use std::path::Path;

const ALL: [Who; 4] = [Who::Longwave, Who::Floor, Who::Durable, Who::Nchan];

/// Characters of the longest label.
const LABEL: usize = 60;

/// A plot that was drawn.
pub struct Plot {
    pub file: &'static str,
    pub title: &'static str,
}

/// Draws all plots for which there are figures.
pub fn draw(dir: &Path, figures: &Figures) -> anyhow::Result<Vec<Plot>> {
    let mut drawn = Vec::new();
    let plots = [
        (
            "goals.svg",
            "All goals: what was measured, as a part of what must be (left of the red mark is held; logarithmic)",
        ),
        ("memory.svg", "User-space memory of one who waits, KiB"),
        ("fan-out.svg", "CPU of a delivery, one conversation with 1,000 streams, µs"),
        ("cost.svg", "CPU of a send and its delivery, 1,000 conversations, open loop, µs"),
        ("sends.svg", "Sends a second, 1,000 conversations, as fast as they are answered"),
        ("delays.svg", "From the scheduled send to the delivery, ms"),
    ];
    for (file, title) in plots {
        let (scale, bars) = match file {
            "goals.svg" => (Scale::Logarithmic, parts_of_must(figures)),
            "memory.svg" => (Scale::Linear, memory(figures)),
            "fan-out.svg" => (Scale::Linear, fan_out(figures)),
            "cost.svg" => (Scale::Linear, cost(figures)),
            "sends.svg" => (Scale::Linear, sends(figures)),
            _ => (Scale::Linear, delays(figures)),
        };
        if !bars.is_empty() {
            bars::draw(&dir.join(file), title, scale, &bars)?;
            drawn.push(Plot { file, title });
        }
    }
    let (file, title) = ("growth.svg", "CPU of a request as the log grows, with 10⁴ events as 1");
    if lines::draw(&dir.join(file), title, figures)? {
        drawn.push(Plot { file, title });
    }
    Ok(drawn)
}

fn bar(figures: &Figures, load: Load, who: Who, what: What, label: &str, marks: Option<(f64, f64)>) -> Option<Bar> {
    let value = figures.median(load, who, what)?;
    Some(Bar {
        label: format!("{who}: {label}"),
        who,
        value,
        shown: shown(value),
        marks: marks.filter(|_| who == Who::Longwave),
    })
}

fn parts_of_must(figures: &Figures) -> Vec<Bar> {
    let mut bars = Vec::new();
    for goal in goals(figures) {
        let Some(value) = goal.value else { continue };
        let stretch = match (goal.must, goal.stretch) {
            (Bound::AtMost(must), Bound::AtMost(stretch)) => stretch / must,
            (Bound::AtMost(must) | Bound::AtLeast(must), Bound::AtLeast(stretch) | Bound::AtMost(stretch)) => {
                must / stretch
            }
        };
        let name = if goal.load.is_empty() { goal.figure } else { goal.load };
        let label = match name.char_indices().nth(LABEL) {
            Some((end, _)) => format!("{}…", &name[..end]),
            None => name.to_owned(),
        };
        let (who, part) = (Who::Longwave, goal.must.missed(value));
        bars.push(Bar {
            label,
            who,
            value: part,
            shown: format!("{} {}", shown(value), unit(goal.figure)),
            marks: Some((1.0, stretch)),
        });
    }
    bars
}

/// What a figure is counted in.
fn unit(figure: &str) -> &str {
    if figure.contains('÷') || figure.contains("grows") {
        return "×";
    }
    figure.rsplit_once(", ").map_or(figure.split(' ').next().unwrap_or(""), |(_, unit)| unit)
}

fn memory(figures: &Figures) -> Vec<Bar> {
    let rows = [
        (Load::IdleStreams, "an idle stream", (1.2, 0.75)),
        (Load::IdleMembers, "an idle stream, its user in 50 conversations", (3.0, 1.5)),
        (Load::IdlePolls, "a waiting long poll", (2.5, 1.0)),
    ];
    let bars = rows.iter().flat_map(|(load, label, marks)| {
        ALL.into_iter().filter_map(|who| bar(figures, *load, who, What::MemoryKib, label, Some(*marks)))
    });
    bars.collect()
}

fn fan_out(figures: &Figures) -> Vec<Bar> {
    let rows = [
        (Load::FanOut, "50 messages/s, one by one", (1.5, 1.2)),
        (Load::Bursts, "50 messages/s in bursts of 10", (0.4, 0.2)),
    ];
    let bars = rows.iter().flat_map(|(load, label, (must, stretch))| {
        let floor = figures.median(*load, Who::Floor, What::CpuUs);
        let marks = floor.map(|floor| (must * floor, stretch * floor));
        ALL.into_iter().filter_map(move |who| bar(figures, *load, who, What::CpuUs, label, marks))
    });
    bars.collect()
}

fn cost(figures: &Figures) -> Vec<Bar> {
    let rows = [
        (Load::Open, "SSE receivers", Who::Durable, Load::Open, (1.5, 1.0)),
        (Load::OpenPolls, "long-poll receivers", Who::Longwave, Load::Open, (1.6, 1.3)),
    ];
    let bars = rows.iter().flat_map(|(load, label, rival, rivals, (must, stretch))| {
        let other = figures.median(*rivals, *rival, What::CpuUs);
        let marks = other.map(|other| (must * other, stretch * other));
        ALL.into_iter().filter_map(move |who| bar(figures, *load, who, What::CpuUs, label, marks))
    });
    bars.collect()
}

fn sends(figures: &Figures) -> Vec<Bar> {
    let bars = [32, 256].into_iter().flat_map(|senders| {
        let load = Load::Closed(senders);
        let marks = figures.median(load, Who::Durable, What::Rate).map(|other| (0.8 * other, 1.2 * other));
        let label = format!("{senders} senders");
        ALL.into_iter().filter_map(move |who| bar(figures, load, who, What::Rate, &label, marks))
    });
    bars.collect()
}

fn delays(figures: &Figures) -> Vec<Bar> {
    let rows = [
        (Load::Open, What::P50Ms, "open loop, p50", None),
        (Load::Open, What::P99Ms, "open loop, p99", Some((1.0, 0.8))),
        (Load::Slow, What::P50Ms, "10 sends/s, p50", Some((2.0, 1.2))),
    ];
    let bars = rows.iter().flat_map(|(load, what, label, part)| {
        let other = figures.median(*load, Who::Durable, *what);
        let marks = other.zip(*part).map(|(other, (must, stretch))| (must * other, stretch * other));
        ALL.into_iter().filter_map(move |who| bar(figures, *load, who, *what, label, marks))
    });
    bars.collect()
}
