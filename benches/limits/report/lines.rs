//! What a request costs as the log grows.

use crate::figures::{Figures, Load, Request, What};
use crate::goals::{LARGE, SMALL};
use crate::servers::Who;
use anyhow::anyhow;
use plotters::prelude::*;
use std::path::Path;

const SIZE: (u32, u32) = (900, 420);
const REQUESTS: [(Request, RGBColor); 4] = [
    (Request::Send, RGBColor(31, 104, 178)),
    (Request::History, RGBColor(222, 125, 44)),
    (Request::CatchUp, RGBColor(76, 150, 90)),
    (Request::List, RGBColor(130, 90, 160)),
];

/// Draws the lines; answers whether there was anything to draw.
pub fn draw(path: &Path, title: &str, figures: &Figures) -> anyhow::Result<bool> {
    let cost = |request, events| figures.median(Load::Grown(request, events), Who::Longwave, What::CpuUs);
    let line = |request| {
        let first = cost(request, SMALL)?;
        let logs = figures.all().filter_map(|(load, ..)| match load {
            Load::Grown(_, events) => Some(events),
            _ => None,
        });
        let mut logs: Vec<u64> = logs.collect();
        logs.sort_unstable();
        logs.dedup();
        let line: Option<Vec<_>> =
            logs.into_iter().map(|log| Some((log as f64, cost(request, log)? / first))).collect();
        line.filter(|line| line.len() > 1)
    };
    let lines: Vec<_> =
        REQUESTS.iter().filter_map(|(request, colour)| Some((*request, *colour, line(*request)?))).collect();
    if lines.is_empty() {
        return Ok(false);
    }
    let most = lines.iter().flat_map(|(.., line)| line).map(|(_, cost)| *cost).fold(1.5, f64::max);
    draw_lines(path, title, most, &lines).map_err(|error| anyhow!("cannot draw: {error}"))?;
    Ok(true)
}

type Line = (Request, RGBColor, Vec<(f64, f64)>);

fn draw_lines(path: &Path, title: &str, most: f64, lines: &[Line]) -> Result<(), Box<dyn std::error::Error>> {
    let root = SVGBackend::new(path, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&root)
        .caption(title, ("sans-serif", 17))
        .margin(12)
        .x_label_area_size(40)
        .y_label_area_size(50)
        .build_cartesian_2d((SMALL as f64..LARGE as f64).log_scale(), 0.0..most * 1.1)?;
    let power = |events: &f64| format!("10^{:.0}", events.log10());
    chart.configure_mesh().x_desc("events in the log").x_label_formatter(&power).x_labels(4).draw()?;
    for (bound, colour) in [(1.3, RED), (1.1, BLACK)] {
        chart.draw_series(LineSeries::new([(SMALL as f64, bound), (LARGE as f64, bound)], colour.mix(0.5)))?;
    }
    for (request, colour, line) in lines {
        let (colour, points) = (*colour, line.iter().copied());
        chart
            .draw_series(LineSeries::new(points.clone(), colour.stroke_width(2)))?
            .label(request.to_string())
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
        chart.draw_series(points.map(|point| Circle::new(point, 4, colour.filled())))?;
    }
    chart.configure_series_labels().position(SeriesLabelPosition::LowerRight).background_style(WHITE).draw()?;
    root.present()?;
    Ok(())
}
