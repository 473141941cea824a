//! Figures of runs and the laws through them.

use super::{axis, extent, interval_name};
use crate::figure::{Axis, Figure, Panel, Scale};
use crate::frame::Frame;
use crate::mark::{Hue, Mark, Stroke};

/// Loss against compute: all runs, the frontier of the law, its band, and where it extrapolates.
///
/// `runs`: `compute`, `loss`, words `run`. `frontier`: `compute`, `loss`, `low`, `high`; the part
/// beyond the runs' largest compute is dashed. `level` is the band's. `budget`: a frame with
/// `compute` and words `budget`, drawn as upright lines.
pub fn frontier(runs: Frame, frontier: Frame, level: f64, budget: Option<Frame>) -> Figure {
    let mut panel = Panel::new(
        axis("Training compute", &runs, "compute", Scale::Log),
        axis("Loss", &runs, "loss", Scale::Log),
    );
    let (runs_name, name) = (runs.name.clone(), frontier.name.clone());
    let mut figure = Figure::new("frontier", "");
    if let (Some((_, last)), Some((_, end))) =
        (extent(&runs, "compute"), extent(&frontier, "compute"))
        && end > last
    {
        let region = Frame::new("extrapolated")
            .numbers("from", "", vec![last])
            .numbers("to", "", vec![end])
            .words("words", ["extrapolated"]);
        panel = panel.mark(Mark::region("extrapolated", "from", "to").text("words"));
        figure = figure.frame(region);
    }
    panel = panel
        .mark(
            Mark::band(&name, "compute", "low", "high").name(interval_name(level)).hue(Hue::Nth(0)),
        )
        .mark(Mark::points(&runs_name, "compute", "loss").name("runs").hue(Hue::Ink).text("run"))
        .mark(Mark::line(&name, "compute", "loss").name("compute-optimal loss").hue(Hue::Nth(0)));
    if let Some(budget) = budget {
        panel = panel.mark(
            Mark::rule_x(&budget.name, "compute")
                .text("budget")
                .hue(Hue::Nth(1))
                .stroke(Stroke::Dashed),
        );
        figure = figure.frame(budget);
    }
    figure.frame(runs).frame(frontier).panel(panel)
}

/// `IsoFLOP` profiles: loss against parameters, one curve a compute budget, with their optima.
///
/// `runs`: `params`, `loss`, words `budget`. `profiles`: the same columns, of the curves.
/// `optima`: `params`, `loss`, `low`, `high` (of `params`), words `budget`.
pub fn isoflop_profiles(runs: Frame, profiles: Frame, optima: Frame, level: f64) -> Figure {
    let panel = Panel::new(
        axis("Parameters", &runs, "params", Scale::Log),
        axis("Loss", &runs, "loss", Scale::Linear),
    )
    .mark(Mark::line(&profiles.name, "params", "loss").by("budget"))
    .mark(Mark::points(&runs.name, "params", "loss").by("budget"))
    .mark(
        Mark { lying: true, ..Mark::points(&optima.name, "params", "loss") }
            .ends("low", "high")
            .hue(Hue::Ink)
            .name(format!("optimum and {}", interval_name(level))),
    );
    Figure::new("isoflop-profiles", "").frame(runs).frame(profiles).frame(optima).panel(panel)
}

/// The law's loss over parameters and tokens, and where the runs are.
///
/// `surface`: `params`, `tokens`, `loss` on a regular grid. `runs`: `params`, `tokens`. `path`:
/// `params`, `tokens`, the compute-optimal path.
pub fn loss_surface(surface: Frame, runs: Frame, path: Frame) -> Figure {
    let panel = Panel::new(
        axis("Parameters", &surface, "params", Scale::Log),
        axis("Training tokens", &surface, "tokens", Scale::Log),
    )
    .mark(Mark::cells(&surface.name, "params", "tokens", "loss"))
    .mark(Mark::line(&path.name, "params", "tokens").name("compute-optimal").hue(Hue::Nth(1)))
    .mark(Mark::points(&runs.name, "params", "tokens").name("runs").hue(Hue::Nth(4)));
    Figure::new("loss-surface", "").frame(surface).frame(runs).frame(path).panel(panel)
}

/// Residuals against each of `variables`: column, label, and whether its axis is logarithmic.
///
/// `runs`: `residual` and the variables. `zero`: one row with a column `zero` is added.
pub fn residuals(runs: Frame, variables: &[(&str, &str, bool)]) -> Figure {
    let mut figure = Figure::new("residuals", "")
        .frame(Frame::new("zero").numbers("zero", "", vec![0.0]))
        .columns(variables.len().min(3));
    for &(column, label, log) in variables {
        let scale = if log { Scale::Log } else { Scale::Linear };
        let panel = Panel::new(
            axis(label, &runs, column, scale),
            axis("Residual", &runs, "residual", Scale::Linear),
        )
        .title(format!("against {label}"))
        .mark(Mark::rule_y("zero", "zero").hue(Hue::Quiet))
        .mark(Mark::points(&runs.name, column, "residual").hue(Hue::Nth(0)));
        figure = figure.panel(panel);
    }
    figure.frame(runs)
}

/// Fitted to small runs, asked about large ones: runs kept and held out, and the prediction.
///
/// `kept`, `held_out`: `compute`, `loss`, words `run`. `prediction`: `compute`, `loss`, `low`,
/// `high`.
pub fn extrapolation(kept: Frame, held_out: Frame, prediction: Frame, level: f64) -> Figure {
    let mut panel = Panel::new(
        axis("Training compute", &kept, "compute", Scale::Log),
        axis("Loss", &kept, "loss", Scale::Linear),
    );
    let mut figure = Figure::new("extrapolation", "");
    if let (Some((_, last)), Some((_, end))) =
        (extent(&kept, "compute"), extent(&prediction, "compute"))
    {
        let region = Frame::new("held-out-scales")
            .numbers("from", "", vec![last])
            .numbers("to", "", vec![end])
            .words("words", ["held out"]);
        panel = panel.mark(Mark::region("held-out-scales", "from", "to").text("words"));
        figure = figure.frame(region);
    }
    let panel = panel
        .mark(
            Mark::band(&prediction.name, "compute", "low", "high")
                .name(format!("{} of a new run", interval_name(level)))
                .hue(Hue::Nth(0)),
        )
        .mark(
            Mark::line(&prediction.name, "compute", "loss")
                .name("predicted from the kept runs")
                .hue(Hue::Nth(0)),
        )
        .mark(Mark::points(&kept.name, "compute", "loss").name("kept").hue(Hue::Ink).text("run"))
        .mark(
            Mark::points(&held_out.name, "compute", "loss")
                .name("held out")
                .hue(Hue::Nth(1))
                .text("run"),
        );
    figure.frame(kept).frame(held_out).frame(prediction).panel(panel)
}

/// A sigmoid of performance against RL compute, with its ceiling.
///
/// `runs`: `compute`, `score`. `curve`: `compute`, `score`, `low`, `high`. `ceiling`: `score`,
/// words `words`. Scores are shares.
pub fn sigmoid(runs: Frame, curve: Frame, ceiling: Frame, level: f64) -> Figure {
    let panel =
        Panel::new(axis("RL compute", &runs, "compute", Scale::Log), Axis::percent("Score"))
            .mark(
                Mark::band(&curve.name, "compute", "low", "high")
                    .name(interval_name(level))
                    .hue(Hue::Nth(2)),
            )
            .mark(Mark::line(&curve.name, "compute", "score").name("sigmoid").hue(Hue::Nth(2)))
            .mark(Mark::points(&runs.name, "compute", "score").name("measured").hue(Hue::Ink))
            .mark(
                Mark::rule_y(&ceiling.name, "score")
                    .text("words")
                    .hue(Hue::Quiet)
                    .stroke(Stroke::Dashed),
            );
    Figure::new("rl-sigmoid", "").frame(runs).frame(curve).frame(ceiling).panel(panel)
}

/// The share of problems solved against the number of samples.
///
/// `shown`: `samples`, `coverage`, words `series`.
pub fn coverage(shown: Frame) -> Figure {
    let panel =
        Panel::new(axis("Samples", &shown, "samples", Scale::Log), Axis::percent("Coverage"))
            .mark(Mark::line(&shown.name, "samples", "coverage").by("series"))
            .mark(Mark::points(&shown.name, "samples", "coverage").by("series"));
    Figure::new("coverage", "").frame(shown).panel(panel)
}
