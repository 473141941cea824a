//! How far the answers move when the choices behind a fit change.

use rayon::prelude::*;
use runs::{Flop, Observations};
use serde::{Deserialize, Serialize};

use crate::{
    Allocation, Fit, FitError, FitOptions, Law, Loss, Objective, ResidualScale, Setting, fit,
};

/// A fit made again under other choices.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Variant {
    /// What was changed, in words: `delta 0.01`, `without the 12 smallest runs`.
    pub change: String,
    /// Rows that were fitted.
    pub rows: usize,
    /// Why there is no fit.
    pub refused: Option<String>,
    /// The parameters, by name.
    pub values: Vec<(String, f64)>,
    /// The compute-optimal run of each budget asked for, where the law has one.
    pub optima: Vec<Option<Allocation>>,
    /// What the law gives at each setting asked for.
    pub predictions: Vec<f64>,
}

/// What to follow through the variants.
#[derive(Debug, Clone, Default)]
pub struct Follow {
    /// Budgets to split.
    pub budgets: Vec<Flop>,
    /// Runs to predict.
    pub settings: Vec<Setting>,
    /// The same runs counted in other ways (another parameter count, another FLOP convention),
    /// each with what to call it.
    pub conventions: Vec<(String, Observations)>,
}

/// Refits `law` over the width of Huber's loss, the scale of residuals, outlier rules, parts of
/// the scales and the conventions in `follow`; the first variant is the fit as asked for.
///
/// # Errors
/// Where the fit as asked for cannot be made; a variant that cannot be says so in its place.
pub fn robustness(
    law: &Law,
    observations: &Observations,
    options: &FitOptions,
    follow: &Follow,
) -> Result<Vec<Variant>, FitError> {
    let options = FitOptions { bootstrap: 0, ..options.clone() };
    let base = fit(law, observations, &options)?;
    let mut variants = vec![variant("as asked", observations, Ok(base.clone()), follow)];
    let scale = base.objective.residuals;
    let other = match scale {
        ResidualScale::Log => ResidualScale::Linear,
        ResidualScale::Linear => ResidualScale::Log,
    };
    let mut plans: Vec<(String, Observations, FitOptions)> = Vec::new();
    let mut objective = |change: String, objective: Objective| {
        if objective != base.objective {
            let options = FitOptions { objective: Some(objective), ..options.clone() };
            plans.push((change, observations.clone(), options));
        }
    };
    for delta in [1e-4, 1e-3, 1e-2, 1e-1] {
        let loss = Loss::Huber { delta };
        objective(format!("Huber delta {delta}"), Objective { residuals: scale, loss });
    }
    objective("least squares".to_owned(), Objective::squares(scale));
    let student = Loss::StudentT { degrees: 4.0 };
    objective("Student's t, 4 degrees".to_owned(), Objective { residuals: scale, loss: student });
    let name = if other == ResidualScale::Log { "log" } else { "linear" };
    objective(format!("{name} residuals"), Objective { residuals: other, ..base.objective });
    for (change, rows) in subsets(&base, observations) {
        plans.push((change, observations.select(&rows), options.clone()));
    }
    for (change, counted) in &follow.conventions {
        plans.push((change.clone(), counted.clone(), options.clone()));
    }
    let refitted: Vec<Variant> = plans
        .par_iter()
        .map(|(change, observations, options)| {
            variant(change, observations, fit(law, observations, options), follow)
        })
        .collect();
    variants.extend(refitted);
    Ok(variants)
}

/// Parts of the rows: without outliers by their residual, without the highest measurements (a
/// rule on the outcome, as the field applies it), without the smallest and the largest runs.
fn subsets(base: &Fit, observations: &Observations) -> Vec<(String, Vec<usize>)> {
    let mut subsets = Vec::new();
    let all = 0..observations.len();
    let mut keep = |change: String, rows: Vec<usize>| {
        if rows.len() < observations.len() {
            subsets.push((change, rows));
        }
    };
    for times in [3.0, 5.0] {
        let inside = |&row: &usize| base.residuals[row].abs() <= times * base.spread;
        let rows: Vec<usize> = all.clone().filter(inside).collect();
        let dropped = observations.len() - rows.len();
        keep(format!("without {dropped} residuals beyond {times} spreads"), rows);
    }
    let mut by_value: Vec<usize> = all.clone().collect();
    by_value.sort_by(|&a, &b| observations.target()[a].total_cmp(&observations.target()[b]));
    let high = (observations.len() / 50).max(1);
    let mut rows = by_value[..observations.len() - high].to_vec();
    rows.sort_unstable();
    keep(format!("without the {high} highest {}", observations.target_name()), rows);
    let extent = |row: usize| match observations.compute() {
        [] => observations.variables().next().map_or(0.0, |(_, column)| column[row]),
        compute => compute[row].get(),
    };
    let mut by_extent: Vec<usize> = all.collect();
    by_extent.sort_by(|&a, &b| extent(a).total_cmp(&extent(b)));
    let quarter = observations.len() / 4;
    for (change, rows) in [
        ("smallest", &by_extent[quarter..]),
        ("largest", &by_extent[..observations.len() - quarter]),
    ] {
        let mut rows = rows.to_vec();
        rows.sort_unstable();
        keep(format!("without the {quarter} {change} runs"), rows);
    }
    subsets
}

fn variant(
    change: &str,
    observations: &Observations,
    fitted: Result<Fit, FitError>,
    follow: &Follow,
) -> Variant {
    let mut variant = Variant {
        change: change.to_owned(),
        rows: observations.len(),
        refused: None,
        values: Vec::new(),
        optima: Vec::new(),
        predictions: Vec::new(),
    };
    let fit = match fitted {
        Ok(fit) => fit,
        Err(problem) => {
            variant.refused = Some(problem.to_string());
            return variant;
        }
    };
    variant.values = fit.estimates.iter().map(|e| (e.name.clone(), e.value)).collect();
    for &budget in &follow.budgets {
        let optimum = fit.optimum(budget, &Setting::new(), fit.options.level).ok();
        variant.optima.push(optimum.and_then(|optima| optima.first().map(|first| first.best)));
    }
    for setting in &follow.settings {
        let predicted = fit.predict(setting, fit.options.level, 0).ok();
        variant.predictions.push(
            predicted.and_then(|all| all.first().map(|first| first.value)).unwrap_or(f64::NAN),
        );
    }
    variant
}
