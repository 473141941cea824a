//! The rows that were held out, and how the law predicted them.

use std::fmt::Write as _;

use laws::{Fit, ResidualScale, Side};

use super::super::holdout::{HeldOut, Holdout};
use super::super::words::{bold, level, outside, range, rounded};
use crate::table::table;

/// More rows than this are counted, not shown.
const MOST: usize = 12;

pub(super) fn about(text: &mut String, fit: &Fit, holdout: &Holdout, width: usize) {
    let count = holdout.rows.len();
    let _ = writeln!(
        text,
        "\n{} {count} {} where {}, predicted without them",
        bold("held out"),
        if count == 1 { "row" } else { "rows" },
        holdout.condition
    );
    if count == 0 {
        let _ = writeln!(text, "  none of them is of a group that was fitted");
        return;
    }
    let interval = match fit.options.bootstrap {
        0 => String::new(),
        _ => format!("{} interval", level(fit.options.level)),
    };
    let head = ["run", "measured", "predicted", &interval, "", "error"];
    let mut rows: Vec<Vec<String>> = vec![head.map(str::to_owned).into()];
    for row in holdout.rows.iter().take(MOST) {
        let ends = row.prediction.new_run_interval;
        let verdict = match row.inside() {
            Some(true) => "inside",
            Some(false) => "OUTSIDE",
            None => "",
        };
        let error = match fit.objective.residuals {
            ResidualScale::Log => format!("{:+.2} %", -100.0 * row.error),
            ResidualScale::Linear => format!("{:+.3e}", -row.error),
        };
        let far = outside(row.prediction.extrapolation_decades);
        rows.push(vec![
            row.run.clone(),
            rounded(row.measured, ends),
            rounded(row.prediction.value, ends),
            range(ends),
            verdict.to_owned(),
            format!("{error}{}", far.map_or(String::new(), |far| format!("  {far}"))),
        ]);
    }
    table(text, &rows, width);
    if count > MOST {
        let _ = writeln!(text, "  and {} more", count - MOST);
    }
    let side = if holdout.mean_error < 0.0 { Side::TooHigh } else { Side::TooLow };
    let (mean, root) = (holdout.mean_error.abs(), holdout.root_mean_square);
    let errors = match fit.objective.residuals {
        ResidualScale::Log => format!(
            "{:.2} % {side} on average, root mean square {:.2} %",
            100.0 * mean,
            100.0 * root
        ),
        ResidualScale::Linear => {
            format!("{mean:.2e} {side} on average, root mean square {root:.2e}")
        }
    };
    let inside: Vec<bool> = holdout.rows.iter().filter_map(HeldOut::inside).collect();
    let held = if inside.is_empty() {
        String::new()
    } else {
        let within = inside.iter().filter(|inside| **inside).count();
        format!("; {within} of {} inside their interval", inside.len())
    };
    let _ = writeln!(text, "  predicted {errors}{held}");
}
