//! Figures of plans.

use super::{axis, interval_name};
use crate::figure::{Figure, Panel, Scale};
use crate::frame::Frame;
use crate::mark::{Hue, Mark};

/// N\*, D\* and their ratio against the budget, for one or several laws.
///
/// `optima`: `compute`, `params`, `tokens`, `ratio`, words `law`. `bands`: frames with `compute`
/// and `params_low`, `params_high`, `tokens_low`, `tokens_high`, `ratio_low`, `ratio_high`.
pub fn allocation(optima: Frame, bands: Vec<Frame>, level: f64) -> Figure {
    let mut figure = Figure::new("allocation", "").columns(3);
    for (column, label) in
        [("params", "Parameters N*"), ("tokens", "Tokens D*"), ("ratio", "Tokens per parameter")]
    {
        let mut panel = Panel::new(
            axis("Training compute", &optima, "compute", Scale::Log),
            axis(label, &optima, column, Scale::Log),
        )
        .title(label);
        for (number, band) in bands.iter().enumerate() {
            let (low, high) = (format!("{column}_low"), format!("{column}_high"));
            let mark = Mark::band(&band.name, "compute", &low, &high).hue(Hue::Nth(number));
            panel = panel.mark(mark.name(if number == 0 {
                interval_name(level)
            } else {
                String::new()
            }));
        }
        figure = figure.panel(panel.mark(Mark::line(&optima.name, "compute", column).by("law")));
    }
    bands.into_iter().fold(figure.frame(optima), Figure::frame)
}

/// What a plan costs if the law is wrong: loss above the best, against the choice made.
///
/// `curve`: `choice` (such as tokens per parameter), `cost`, `low`, `high`. `chosen`: `choice`,
/// words `words`. `label` names the choice.
pub fn cost_of_being_wrong(curve: Frame, chosen: Frame, label: &str, level: f64) -> Figure {
    let panel = Panel::new(
        axis(label, &curve, "choice", Scale::Log),
        axis("Loss above the best", &curve, "cost", Scale::Linear),
    )
    .mark(
        Mark::band(&curve.name, "choice", "low", "high")
            .name(interval_name(level))
            .hue(Hue::Nth(1)),
    )
    .mark(Mark::line(&curve.name, "choice", "cost").name("median over draws").hue(Hue::Nth(1)))
    .mark(Mark::rule_x(&chosen.name, "choice").text("words").hue(Hue::Ink));
    Figure::new("cost-of-being-wrong", "").frame(curve).frame(chosen).panel(panel)
}
