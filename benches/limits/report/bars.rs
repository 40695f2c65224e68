//! Horizontal bars.

use crate::servers::Who;
use anyhow::anyhow;
use plotters::prelude::*;
use std::path::Path;

/// Pixels.
const WIDTH: u32 = 900;
const LABELS: i32 = 420;
const VALUES: i32 = 90;
const TITLE: i32 = 44;
const ROW: i32 = 26;
const BAR: i32 = 16;

/// One bar.
pub struct Bar {
    pub label: String,
    pub who: Who,
    pub value: f64,
    /// How the value is written.
    pub shown: String,
    /// Where the value must end, and should.
    pub marks: Option<(f64, f64)>,
}

/// How long a bar is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    Linear,
    /// From a hundredth to a hundred.
    Logarithmic,
}

impl Scale {
    /// A value's place, as a part of the width.
    fn place(self, value: f64, most: f64) -> f64 {
        match self {
            Self::Linear => value / most,
            Self::Logarithmic => ((value.log10() + 2.0) / 4.0).clamp(0.0, 1.0),
        }
    }
}

/// Everybody's colour.
pub fn colour(who: Who) -> RGBColor {
    match who {
        Who::Longwave => RGBColor(31, 104, 178),
        Who::Floor => RGBColor(140, 140, 140),
        Who::Durable => RGBColor(222, 125, 44),
        Who::Nchan => RGBColor(76, 150, 90),
    }
}

/// Draws bars, the marks of what must be in red, of what should be in black.
pub fn draw(path: &Path, title: &str, scale: Scale, bars: &[Bar]) -> anyhow::Result<()> {
    let height = TITLE + ROW * bars.len() as i32 + ROW / 2;
    let root = SVGBackend::new(path, (WIDTH, height as u32)).into_drawing_area();
    let wrong = |error| anyhow!("cannot draw: {error}");
    root.fill(&WHITE).map_err(|error| wrong(error.to_string()))?;
    let text = |text: &str, place: (i32, i32), size: f64| {
        root.draw(&Text::new(text.to_owned(), place, ("sans-serif", size))).map_err(|error| wrong(error.to_string()))
    };
    text(title, (10, 12), 17.0)?;
    let marks = bars.iter().filter_map(|bar| bar.marks).flat_map(|(must, stretch)| [must, stretch]);
    let most = bars.iter().map(|bar| bar.value).chain(marks).fold(0.0, f64::max);
    let width = f64::from(WIDTH as i32 - LABELS - VALUES);
    let place = |value| LABELS + (scale.place(value, most) * width) as i32;
    for (bar, row) in bars.iter().zip(0..) {
        let top = TITLE + ROW * row;
        text(&bar.label, (10, top + 2), 13.0)?;
        let shape = [(LABELS, top), (place(bar.value), top + BAR)];
        let draw = |shape, style: ShapeStyle| {
            root.draw(&Rectangle::new(shape, style)).map_err(|error| wrong(error.to_string()))
        };
        draw(shape, colour(bar.who).filled())?;
        for (mark, colour) in bar.marks.iter().flat_map(|(must, stretch)| [(*stretch, BLACK), (*must, RED)]) {
            draw([(place(mark) - 1, top - 3), (place(mark) + 1, top + BAR + 3)], colour.filled())?;
        }
        let end = bar.marks.map_or(bar.value, |(must, stretch)| bar.value.max(must).max(stretch));
        text(&bar.shown, (place(end) + 6, top + 2), 13.0)?;
    }
    root.present().map_err(|error| wrong(error.to_string()))
}
