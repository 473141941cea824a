//! Rows that are kept out of the fit and then predicted.

use diagnostic::Diagnostic;
use laws::{Fit, FitError, Interval, Law, Prediction, ResidualScale, Setting};
use rayon::prelude::*;
use runs::{Comparison, Filter, Observations, Request, RunTable};

use super::amount::number;

/// The rows that were held out, as the law predicts them.
#[derive(Debug)]
pub(super) struct Holdout {
    /// The condition that they meet.
    pub(super) condition: String,
    pub(super) rows: Vec<HeldOut>,
    /// Mean of measured - law on the residual scale.
    pub(super) mean_error: f64,
    pub(super) root_mean_square: f64,
}

/// One row.
#[derive(Debug)]
pub(super) struct HeldOut {
    pub(super) line: usize,
    pub(super) run: String,
    pub(super) measured: f64,
    pub(super) prediction: Prediction,
    /// Measured - law on the residual scale.
    pub(super) error: f64,
}

impl HeldOut {
    /// Whether the interval for a new run holds what was measured.
    pub(super) fn inside(&self) -> Option<bool> {
        self.prediction.new_run_interval.map(|interval: Interval| interval.contains(self.measured))
    }
}

/// The rows to fit and the rows that are held out by `text`.
pub(super) fn split(
    text: &str,
    law: &Law,
    table: &RunTable,
    request: &Request,
) -> Result<(Observations, Observations, Filter), Diagnostic> {
    let condition = condition(text, law, table, request)?;
    let opposite = Filter { comparison: opposite(condition.comparison), ..condition.clone() };
    let take = |filter: Filter| Observations::from_table(table, &request.clone().filter(filter));
    let none = |which: &str, problem: Diagnostic| {
        if !problem.message().starts_with("no row of") {
            return problem;
        }
        Diagnostic::error(format!("`--holdout {text}` leaves no row {which}"))
            .note(format!("it holds out the rows where {condition}"))
            .help("choose another condition, share or distance")
    };
    let fitted = take(opposite).map_err(|problem| none("to fit", problem))?;
    let held = take(condition.clone()).map_err(|problem| none("to predict", problem))?;
    Ok((fitted, held, condition))
}

/// The condition that `text` stands for.
fn condition(
    text: &str,
    law: &Law,
    table: &RunTable,
    request: &Request,
) -> Result<Filter, Diagnostic> {
    if text.contains(['<', '>', '=']) {
        return text.parse();
    }
    let refuse = || {
        Diagnostic::error(format!("`--holdout {text}` is no condition, share or distance")).help(
            "write `C>1e20`, a share of the rows such as 0.2, or a distance such as `1 decade`",
        )
    };
    let (column, mut values) = extent(law, &Observations::from_table(table, request)?);
    values.sort_by(f64::total_cmp);
    let largest = values.last().copied().unwrap_or(f64::NAN);
    let words: Vec<&str> = text.split_whitespace().collect();
    let above = match words.as_slice() {
        [share] => {
            let share = number(share).filter(|s| *s > 0.0 && *s < 1.0).ok_or_else(refuse)?;
            let held = ((share * values.len() as f64).round() as usize).clamp(1, values.len());
            // With none left to fit the caller says so.
            values.len().checked_sub(held + 1).map_or(f64::NEG_INFINITY, |place| values[place])
        }
        [decades, "decade" | "decades"] => {
            let decades = number(decades).filter(|d| *d > 0.0).ok_or_else(refuse)?;
            largest / 10_f64.powf(decades)
        }
        _ => return Err(refuse()),
    };
    let next = values.iter().copied().find(|value| *value > above);
    let below = values.iter().copied().rfind(|value| *value <= above);
    let value = match (below, next) {
        (Some(below), Some(next)) => between(below, next),
        _ => format!("{above:e}"),
    };
    Ok(Filter { column, comparison: Comparison::More, value })
}

/// The shortest number that is at least `low` and below `high`.
fn between(low: f64, high: f64) -> String {
    let middle = if low > 0.0 { (low * high).sqrt() } else { 0.5 * (low + high) };
    (0..=15)
        .map(|digits| format!("{middle:.digits$e}"))
        .find(|text| text.parse().is_ok_and(|x: f64| x >= low && x < high))
        .unwrap_or_else(|| format!("{low:e}"))
}

/// What rows are ordered by, as an expression, and its value for every row: compute, where the
/// law has it, else the law's first variable.
fn extent(law: &Law, observations: &Observations) -> (String, Vec<f64>) {
    if law.splits_compute() {
        let pairs = observations.parameters().zip(observations.tokens());
        return ("6*N*D".to_owned(), pairs.map(|(n, d)| 6.0 * n.get() * d.get()).collect());
    }
    let name = match law.variables.iter().find(|variable| variable.name == "C") {
        Some(_) => "C",
        None => law.variables.first().map_or("", |variable| variable.name.as_str()),
    };
    (name.to_owned(), observations.variable(name).unwrap_or_default().to_vec())
}

const fn opposite(comparison: Comparison) -> Comparison {
    match comparison {
        Comparison::Equal => Comparison::NotEqual,
        Comparison::NotEqual => Comparison::Equal,
        Comparison::Less => Comparison::AtLeast,
        Comparison::AtLeast => Comparison::Less,
        Comparison::More => Comparison::AtMost,
        Comparison::AtMost => Comparison::More,
    }
}

impl Holdout {
    /// Predicts every held-out row with `fit`.
    pub(super) fn new(
        fit: &Fit,
        held: &Observations,
        condition: &Filter,
    ) -> Result<Self, FitError> {
        let names: Vec<String> = held.run_names().map(std::borrow::Cow::into_owned).collect();
        let group =
            |row: usize| Some(held.group_names().get(*held.group_index()?.get(row)?)?.clone());
        let rows: Vec<HeldOut> = (0..held.len())
            .into_par_iter()
            .map(|row| {
                let mut setting =
                    held.variables().fold(Setting::new(), |setting, (name, column)| {
                        setting.with(name, column[row])
                    });
                if let Some(c) = held.compute().get(row).filter(|_| setting.compute().is_none()) {
                    setting = setting.with("C", c.get());
                }
                let all = fit.predict(&setting, fit.options.level, fit.options.seed)?;
                let group = group(row);
                // A group that the fit has not seen has no law of its own.
                let Some(prediction) =
                    all.into_iter().find(|one| one.group.is_none() || one.group == group)
                else {
                    return Ok(None);
                };
                let measured = held.target()[row];
                let error = match fit.objective.residuals {
                    ResidualScale::Log => (measured / prediction.value).ln(),
                    ResidualScale::Linear => measured - prediction.value,
                };
                Ok(Some(HeldOut {
                    line: held.lines()[row],
                    run: names[held.run_index()[row]].clone(),
                    measured,
                    prediction,
                    error,
                }))
            })
            .collect::<Result<Vec<_>, FitError>>()?
            .into_iter()
            .flatten()
            .collect();
        let mean = |of: fn(f64) -> f64| {
            rows.iter().map(|row| of(row.error)).sum::<f64>() / rows.len().max(1) as f64
        };
        let (mean_error, root_mean_square) = (mean(|x| x), mean(|x| x * x).sqrt());
        Ok(Self { condition: condition.to_string(), rows, mean_error, root_mean_square })
    }
}
