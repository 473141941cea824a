//! The runs that are made: the family, and the one that is predicted.

use diagnostic::Diagnostic;
use lab::recipe::RunConfig;
use lab::sweep::{PlannedRun, Sweep};
use laws::Fit;

use super::super::lab::VOCABULARY;
use super::law::{setting, unpredicted};
use super::{QuickstartArgs, REACH, TARGET};

/// The family, as a sweep file that can also be run by itself.
const SWEEP: &str = include_str!("../../../../../examples/quickstart/sweep.toml");
/// Depths that the predicted run may have.
const DEPTHS: std::ops::RangeInclusive<usize> = 1..=12;

/// The runs the law is fitted to.
pub(super) fn family(args: &QuickstartArgs) -> Result<Vec<PlannedRun>, Diagnostic> {
    if !(args.compute_scale > 0.0 && args.compute_scale <= 1e6) {
        return Err(Diagnostic::error(format!(
            "--compute-scale takes a number above 0, not {}",
            args.compute_scale
        )));
    }
    let mut sweep = Sweep::parse("the quickstart's sweep", SWEEP)?;
    for group in &mut sweep.group {
        group.compute.iter_mut().for_each(|compute| *compute *= args.compute_scale);
        group.seeds = vec![args.seed];
        // The window moves along, so that the scaled grid has the same models.
        if let Some(window) = &mut group.within_tokens_per_parameter {
            *window = window.map(|ratio| ratio * args.compute_scale);
        }
    }
    sweep.plan(VOCABULARY)
}

/// The run of [`REACH`] times the compute whose depth the law likes best.
pub(super) fn target(
    args: &QuickstartArgs,
    fit: &Fit,
    most: f64,
) -> Result<PlannedRun, Diagnostic> {
    let recipe = Sweep::parse("the quickstart's sweep", SWEEP)?.recipe;
    let runs = DEPTHS.map(|depth| {
        let run = recipe.run_at_compute(depth, VOCABULARY, REACH * most, args.seed);
        let loss = fit
            .law
            .values(fit.best_and_draws(None), &setting(&run))
            .map_err(|problem| unpredicted(&problem))?;
        Ok((loss.first().copied().unwrap_or(f64::INFINITY), run))
    });
    let runs = runs.collect::<Result<Vec<(f64, RunConfig)>, Diagnostic>>()?;
    runs.into_iter()
        .min_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, config)| PlannedRun { name: TARGET.into(), group: TARGET.into(), config })
        .ok_or_else(|| Diagnostic::error("there is no model to predict"))
}
