//! A plot of the terminal as a figure of the report.

use report::{Axis, Figure, Frame, Hue, Mark, Panel};

use crate::terminal_plot::{Plot, Scale};

/// The same points and lines, with the same words.
pub(crate) fn figure(name: &str, title: &str, plot: &Plot) -> Figure {
    let axis = |label: &str, scale: Scale| match scale {
        Scale::Log => Axis::log(label, ""),
        Scale::Linear => Axis::new(label, ""),
    };
    let mut panel =
        Panel::new(axis(&plot.x_label, plot.x_scale), axis(&plot.y_label, plot.y_scale));
    let mut figure = Figure::new(name, title);
    for (kind, series) in [("points", &plot.series), ("lines", &plot.lines)] {
        if series.is_empty() {
            continue;
        }
        let (mut x, mut y, mut of) = (vec![], vec![], vec![]);
        for one in series {
            for point in &one.points {
                x.push(point.0);
                y.push(point.1);
                of.push(one.label.clone());
            }
        }
        let frame = Frame::new(kind).numbers("x", "", x).numbers("y", "", y).words("series", of);
        let mark = if kind == "points" {
            Mark::points(kind, "x", "y")
        } else {
            Mark::line(kind, "x", "y")
        };
        panel = panel.mark(mark.by("series"));
        figure = figure.frame(frame);
    }
    if !plot.highlights.is_empty() {
        let ends = plot.highlights.iter().map(|one| one.interval.unwrap_or((f64::NAN, f64::NAN)));
        let (low, high) = ends.unzip();
        let frame = Frame::new("marked")
            .numbers("x", "", plot.highlights.iter().map(|one| one.at.0).collect())
            .numbers("y", "", plot.highlights.iter().map(|one| one.at.1).collect())
            .numbers("low", "", low)
            .numbers("high", "", high)
            .words("words", plot.highlights.iter().map(|one| one.label.clone()));
        panel = panel.mark(
            Mark::points("marked", "x", "y")
                .ends("low", "high")
                .text("words")
                .hue(Hue::Ink)
                .name("marked"),
        );
        figure = figure.frame(frame);
    }
    figure.panel(panel)
}
