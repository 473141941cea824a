//! What makes an analysis by parabolas worth a second look.

use super::frontier::Frontier;
use super::profile::Profile;
use super::{Approach2Options, Sweep, Warning};

/// Doubts about single budgets, of each kind one.
pub(super) fn about_budgets(profiles: &[Profile]) -> Vec<Warning> {
    let used: Vec<&Profile> = profiles.iter().filter(|p| p.refused.is_none()).collect();
    let c = |profile: &Profile| profile.compute.get();
    let mut warnings = Vec::new();

    let uneven = used.iter().filter(|profile| profile.spread > 1.02);
    if let Some(worst) = uneven.clone().max_by(|a, b| a.spread.total_cmp(&b.spread)) {
        warnings.push(Warning::UnevenBudgets {
            budgets: uneven.count(),
            compute: c(worst),
            spread: worst.spread,
            moved_along: worst.moved_along,
        });
    }
    let merged = |profile: &Profile| profile.sizes.iter().any(|size| size.spread > 1.0 + 1e-9);
    let at: Vec<f64> = used.iter().filter(|p| merged(p)).map(|p| c(p)).collect();
    if !at.is_empty() {
        warnings.push(Warning::MergedSizes { at });
    }
    for smallest in [true, false] {
        let at_edge = |profile: &Profile| {
            let loss = |index: &usize| profile.sizes[*index].loss;
            let best =
                (0..profile.sizes.len()).min_by(|a, b| loss(a).total_cmp(&loss(b))).unwrap_or(1);
            if smallest { best == 0 } else { best + 1 == profile.sizes.len() }
        };
        let at: Vec<f64> = used.iter().filter(|p| at_edge(p)).map(|p| c(p)).collect();
        if !at.is_empty() {
            warnings.push(Warning::BestAtEdge { at, smallest });
        }
    }
    let bend = |profile: &Profile| {
        let parabola = profile.parabola?;
        Some(parabola.curvature / parabola.curvature_error?)
    };
    let flat: Vec<(f64, f64)> = used
        .iter()
        .filter_map(|profile| Some((c(profile), bend(profile)?)))
        .filter(|(_, ratio)| *ratio < 2.0)
        .collect();
    if let Some(&(_, ratio)) = flat.iter().min_by(|a, b| a.1.total_cmp(&b.1)) {
        warnings.push(Warning::Flat { at: flat.iter().map(|(c, _)| *c).collect(), ratio });
    }
    warnings
}

/// Doubts about the sweep and the lines.
pub(super) fn about_all(
    sweep: &Sweep,
    profiles: &[Profile],
    frontier: Option<&Frontier>,
    options: &Approach2Options,
) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let used = profiles.iter().filter(|profile| profile.refused.is_none()).count();
    if used < 4 {
        warnings.push(Warning::FewBudgets { used, of: profiles.len() });
    }
    let (low, high) = sweep.compute_per_6nd();
    if low < 0.98 || high > 1.02 {
        warnings.push(Warning::NotSixNd { low, high });
    }
    let mut rows = vec![0_usize; sweep.runs];
    for &run in &sweep.run {
        rows[run] += 1;
    }
    let runs = rows.into_iter().filter(|&rows| rows > 1).count();
    if runs > 0 {
        warnings.push(Warning::RepeatedRuns { runs });
    }
    if let Some(frontier) = frontier
        && 20 * frontier.failed > options.resamples
    {
        let (failed, of) = (frontier.failed, options.resamples);
        warnings.push(Warning::FailedResamples { failed, of });
    }
    warnings
}
