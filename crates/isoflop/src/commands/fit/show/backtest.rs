//! The law without its largest runs, tried on them.

use std::fmt::Write as _;

use laws::{Cut, Fit, ResidualScale, Side};

use super::super::words::{bold, rounded};
use crate::table::table;
use crate::text::hanging;

/// Why a fit has no backtest.
pub(in super::super) const NO_BACKTEST: &str = "it needs a cut, up to two decades below the largest run, with half as many runs again as \
     parameters below and 2 runs above";

pub(super) fn about(text: &mut String, fit: &Fit, width: usize) {
    let Some(backtest) = &fit.backtest else {
        text.push('\n');
        hanging(text, (0, 2), &format!("{}: none; {NO_BACKTEST}", bold("backtest")), width);
        return;
    };
    text.push('\n');
    let how = format!(
        "{} the law refitted without the runs above {}, and tried on them",
        bold("backtest"),
        backtest.axis
    );
    hanging(text, (0, 2), &how, width);
    let axis = if backtest.axis == "C" { "C, FLOP" } else { backtest.axis.as_str() };
    let head = [axis, "fitted", "held out", "decades above", "mean error", "within 90 %"];
    let mut rows: Vec<Vec<String>> = vec![head.map(str::to_owned).into()];
    for cut in &backtest.cuts {
        rows.push(vec![
            format!("{:.1e}", cut.at),
            cut.fitted.to_string(),
            cut.held_out.to_string(),
            format!("{:.1}", cut.decades),
            error(fit, cut),
            format!("{} of {}", cut.within, cut.held_out),
        ]);
    }
    table(text, &rows, width);
    if backtest.error_per_decade == 0.0 {
        let _ = writeln!(text, "  beyond noise: nothing");
        return;
    }
    let size = match fit.objective.residuals {
        ResidualScale::Log => format!("{:.1} %", 100.0 * backtest.error_per_decade),
        ResidualScale::Linear => rounded(backtest.error_per_decade, None),
    };
    let added = format!(
        "beyond noise: {size} per decade of extrapolation, added to the intervals for a new run"
    );
    hanging(text, (2, 4), &added, width);
}

fn error(fit: &Fit, cut: &Cut) -> String {
    let side = if cut.error < 0.0 { Side::TooHigh } else { Side::TooLow };
    match fit.objective.residuals {
        ResidualScale::Log => format!(
            "{:.1} % {side}, standard error {:.1} %",
            100.0 * cut.predicted_too_high().abs(),
            100.0 * cut.standard_error
        ),
        ResidualScale::Linear => {
            format!("{:.2e} {side}, standard error {:.1e}", cut.error.abs(), cut.standard_error)
        }
    }
}
