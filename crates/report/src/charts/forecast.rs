//! Figures of forecasts.

use super::{axis, interval_name, words_axis};
use crate::figure::{Axis, Figure, Panel, Scale};
use crate::frame::Frame;
use crate::mark::{Hue, Mark, Stroke};

/// A quantity over time: history, the median, and an inner and an outer band.
///
/// `history`: `year`, `value`. `path`: `year`, `median`, `inner_low`, `inner_high`, `low`, `high`.
/// `levels` are those of the inner and the outer band.
pub fn fan(history: Frame, path: Frame, label: &str, log: bool, levels: (f64, f64)) -> Figure {
    let scale = if log { Scale::Log } else { Scale::Linear };
    let panel = Panel::new(Axis::date(""), axis(label, &path, "median", scale))
        .mark(
            Mark::band(&path.name, "year", "low", "high")
                .name(interval_name(levels.1))
                .hue(Hue::Nth(0)),
        )
        .mark(
            Mark::band(&path.name, "year", "inner_low", "inner_high")
                .name(interval_name(levels.0))
                .hue(Hue::Nth(0)),
        )
        .mark(
            Mark::line(&path.name, "year", "median")
                .name("median")
                .hue(Hue::Nth(0))
                .stroke(Stroke::Dashed),
        )
        .mark(Mark::points(&history.name, "year", "value").name("history").hue(Hue::Ink));
    Figure::new("fan", "").frame(history).frame(path).panel(panel)
}

/// What earlier forecasts said against what came: each made with data up to a cut.
///
/// `history`: `year`, `value`. `forecasts`: `year`, `value`, `low`, `high`, words `cut`.
pub fn backtest(history: Frame, forecasts: Frame, label: &str, log: bool, level: f64) -> Figure {
    let scale = if log { Scale::Log } else { Scale::Linear };
    let panel = Panel::new(Axis::date(""), axis(label, &history, "value", scale))
        .mark(Mark::line(&history.name, "year", "value").name("what came").hue(Hue::Ink))
        .mark(Mark::points(&forecasts.name, "year", "value").ends("low", "high").by("cut"));
    Figure::new("backtest", "")
        .subtitle(format!("whiskers: {}", interval_name(level)))
        .frame(history)
        .frame(forecasts)
        .panel(panel)
}

/// How probable it is that something has happened by a date.
///
/// `path`: `year`, `probability`, words `event`. `marked`: `year`, words `words`.
pub fn probability_of_date(path: Frame, marked: Frame) -> Figure {
    let panel = Panel::new(Axis::date(""), Axis::percent("Probability").within(0.0, 1.0))
        .mark(Mark::line(&path.name, "year", "probability").by("event"))
        .mark(
            Mark::rule_x(&marked.name, "year").text("words").hue(Hue::Quiet).stroke(Stroke::Dotted),
        );
    Figure::new("probability-of-date", "").frame(path).frame(marked).panel(panel)
}

/// What each input moves by itself.
///
/// `swings`: words `input`, the largest first; `base`; `at_low`, `at_high` (the answer with the
/// input at its low and high quantile); words `low`, `high` (those inputs, written at the ends).
pub fn tornado(swings: Frame, label: &str) -> Figure {
    let panel =
        Panel::new(axis(label, &swings, "base", Scale::Linear), words_axis("", &swings, "input"))
            .mark(
                Mark::span(&swings.name, "input", "base", "at_low")
                    .text("low")
                    .name("input at its 5% quantile")
                    .hue(Hue::Nth(0)),
            )
            .mark(
                Mark::span(&swings.name, "input", "base", "at_high")
                    .text("high")
                    .name("input at its 95% quantile")
                    .hue(Hue::Nth(1)),
            );
    Figure::new("tornado", "").frame(swings).panel(panel)
}

/// First-order and total Sobol indices.
///
/// `indices`: words `input`, words `order` ("first order", "total"), `share`, `low`, `high`.
pub fn sobol(indices: Frame, level: f64) -> Figure {
    let panel = Panel::new(
        Axis::percent("Share of the variance").within(0.0, 1.0),
        words_axis("", &indices, "input"),
    )
    .mark(Mark::lying_bars(&indices.name, "share", "input").by("order").ends("low", "high"));
    Figure::new("sobol", "")
        .subtitle(format!("whiskers: {}", interval_name(level)))
        .frame(indices)
        .panel(panel)
}

/// A table of two bets: what each pair of outcomes is worth.
///
/// `cells`: words `across`, words `down`, `value`, words `words` (written in the cell).
pub fn bets(cells: Frame, across: &str, down: &str) -> Figure {
    let panel = Panel::new(words_axis(across, &cells, "across"), words_axis(down, &cells, "down"))
        .mark(Mark::cells(&cells.name, "across", "down", "value").text("words"));
    Figure::new("bets", "").frame(cells).panel(panel)
}

/// Published claims: stated against recomputed.
///
/// `claims`: words `claim`, `stated` (as a multiple of the recomputed median), `low`, `middle`,
/// `high` (the recomputed interval over its median).
pub fn claims(claims: Frame, level: f64) -> Figure {
    let panel =
        Panel::new(Axis::log("Over the recomputed median", ""), words_axis("", &claims, "claim"))
            .mark(
                Mark {
                    x: Some("middle".into()),
                    ..Mark::span(&claims.name, "claim", "low", "high")
                }
                .name(format!("recomputed, {}", interval_name(level)))
                .hue(Hue::Nth(0)),
            )
            .mark(Mark::points(&claims.name, "stated", "claim").name("stated").hue(Hue::Nth(1)));
    Figure::new("claims", "").frame(claims).panel(panel)
}
