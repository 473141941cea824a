//! Figures of draws.

use super::{axis, extent};
use crate::figure::{Axis, Figure, Panel, Scale};
use crate::frame::{Frame, Values};
use crate::mark::{Hue, Mark};

/// Bars of a histogram: as many as show a shape at a few thousand draws.
const BINS: usize = 36;

/// Draws on a panel of pairs: more only blacken it.
const DOTS: usize = 350;

/// The distribution of each column: a small histogram each.
pub fn posteriors(draws: &Frame) -> Figure {
    let mut figure = Figure::new("posteriors", "").columns(draws.columns.len().min(3));
    for column in &draws.columns {
        let Some(bars) = histogram(draws, &column.name) else { continue };
        let panel = Panel::new(
            axis(&column.name, draws, &column.name, Scale::Linear),
            Axis::percent("Draws"),
        )
        .title(&column.name)
        .mark(Mark::bars(&bars.name, "value", "share").hue(Hue::Nth(0)));
        figure = figure.frame(bars).panel(panel);
    }
    figure
}

/// Each column against each other: which trade against which.
pub fn pairs(draws: Frame) -> Figure {
    let names: Vec<String> = draws.columns.iter().map(|column| column.name.clone()).collect();
    let shown = draws.sample(DOTS);
    let mut figure = Figure::new("pairs", "").columns(3);
    for (number, down) in names.iter().enumerate().skip(1) {
        for across in &names[..number] {
            let panel = Panel::new(
                axis(across, &shown, across, Scale::Linear),
                axis(down, &shown, down, Scale::Linear),
            )
            .title(format!("{down} against {across}"))
            .mark(Mark::points(&shown.name, across, down).hue(Hue::Nth(0)));
            figure = figure.panel(panel);
        }
    }
    figure.frame(shown)
}

/// The share of draws in bins of equal width.
fn histogram(draws: &Frame, name: &str) -> Option<Frame> {
    let column = draws.column(name)?;
    let Values::Numbers(values) = &column.values else { return None };
    let (low, high) = extent(draws, name)?;
    let width = if high > low { (high - low) / BINS as f64 } else { 1.0 };
    let mut counts = vec![0.0; BINS];
    for value in values.iter().filter(|value| value.is_finite()) {
        counts[(((value - low) / width) as usize).min(BINS - 1)] += 1.0;
    }
    let centres = (0..BINS).map(|bin| low + (bin as f64 + 0.5) * width).collect();
    let shares = counts.into_iter().map(|count: f64| count / values.len() as f64).collect();
    let frame: String = name.chars().map(|c| c.to_ascii_lowercase()).collect();
    Some(
        Frame::new(format!("histogram-{frame}"))
            .numbers("value", &column.unit, centres)
            .numbers("share", "", shares),
    )
}
