//! Approach 2: a parabola through each budget's runs, a line through the vertices.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::budgets::{Grouping, group};
use super::frontier::{Frontier, Lines, PowerLaw};
use super::parabola::Parabola;
use super::profile::{Design, Outside, Profile, Reason, TokensFrom, Vertex};
use super::resample::{Budget, Resampling, relative_residuals, resample};
use super::{Refusal, Sweep, Warning, check, doubts};
use crate::Interval;

/// What a budget counts for in the lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Weights {
    /// Every budget the same.
    Equal,
    /// By one over the squared error of its vertex, where a third of the step between sizes is
    /// the least error that is believed.
    Precision,
}

/// How to analyse.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Approach2Options {
    /// Which runs share a budget.
    pub grouping: Grouping,
    /// N within this factor are one size: they count once towards [`sizes`](Self::sizes).
    pub same_size: f64,
    /// Different N that a budget needs, three at least.
    pub sizes: usize,
    /// Whether runs whose C differs a little from their budget's are moved to it: D in proportion
    /// at the same N, the loss along the slope of the frontier. At the optimum the slope at fixed
    /// N is the frontier's (the envelope theorem), so this is exact to first order.
    pub even_out: bool,
    /// What to do with vertices outside the runs.
    pub outside: Outside,
    /// Where D* comes from.
    pub tokens: TokensFrom,
    /// What budgets count for.
    pub weights: Weights,
    /// How resamples are made.
    pub resampling: Resampling,
    /// How many; 0 for no intervals.
    pub resamples: usize,
    /// The level of the intervals.
    pub level: f64,
    /// The seed of the resamples.
    pub seed: u64,
}

impl Default for Approach2Options {
    /// Vertices outside refused, D* read off the runs, 1000 resamples of the residuals, 90 %.
    fn default() -> Self {
        Self {
            grouping: Grouping::default(),
            same_size: 1.05,
            sizes: 4,
            even_out: true,
            outside: Outside::Refuse,
            tokens: TokensFrom::Interpolation,
            weights: Weights::Equal,
            resampling: Resampling::Residuals,
            resamples: 1000,
            level: 0.9,
            seed: 0,
        }
    }
}

impl Approach2Options {
    /// As most published analyses are made: every parabola with a minimum counts, wherever its
    /// vertex lies, D* is the vertex of a parabola of its own, and losses stay as they are.
    #[must_use]
    pub fn as_published() -> Self {
        Self {
            outside: Outside::Accept,
            tokens: TokensFrom::Parabola,
            even_out: false,
            ..Self::default()
        }
    }

    fn check(&self) -> Result<(), Refusal> {
        let factor = "it is a factor of 1 or more";
        check("the gap between budgets", self.grouping.gap, factor, self.grouping.gap >= 1.0)?;
        check("the spread of a budget", self.grouping.spread, factor, self.grouping.spread >= 1.0)?;
        check("the factor of one size", self.same_size, factor, self.same_size >= 1.0)?;
        if let Resampling::Noise { relative_sd } = self.resampling {
            let good = (0.0..1.0).contains(&relative_sd);
            check("the noise", relative_sd, "it is a share of the loss, as in 0.004", good)?;
        }
        super::check_draws(self.resamples, self.level)
    }
}

/// The result of Approach 2.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Approach2 {
    /// How it was made.
    pub options: Approach2Options,
    /// Rows read.
    pub rows: usize,
    /// Different runs.
    pub runs: usize,
    /// The budgets, small to large.
    pub profiles: Vec<Profile>,
    /// The lines through the believed optima; `None` with fewer than two of them.
    pub frontier: Option<Frontier>,
    /// Scatter of a run around its budget's parabola, relative to the loss, each residual scaled
    /// to the size of its error; `None` where nothing is left over.
    pub scatter: Option<f64>,
    /// Scatter of repeats of one (N, D) in the same budget, relative to the loss.
    pub repeat_scatter: Option<f64>,
    /// Least and largest C / (6 N D).
    pub compute_per_6nd: (f64, f64),
    /// Reasons to look twice.
    pub warnings: Vec<Warning>,
}

/// IsoFLOP profiles and their optima (Hoffmann et al. 2022, arXiv:2203.15556, section 3.2).
///
/// C may be counted in any way: D* is read off the runs, never computed as C / 6 N*.
///
/// # Errors
/// Options that cannot be used. A sweep without a single believed optimum is no error: its
/// profiles say why.
pub fn approach2(sweep: &Sweep, options: &Approach2Options) -> Result<Approach2, Refusal> {
    options.check()?;
    let (smeared, designs) = designs(sweep, options);
    let slopes = slopes(sweep, &designs, options);
    let losses: Vec<Vec<f64>> =
        designs.iter().zip(&slopes).map(|(design, &slope)| losses(sweep, design, slope)).collect();
    let mut profiles: Vec<Profile> =
        designs.iter().zip(&losses).map(|(design, loss)| design.profile(loss, options)).collect();
    for (profile, slope) in profiles.iter_mut().zip(slopes) {
        profile.moved_along = slope;
    }

    let mut warnings = Vec::new();
    if let (Some(first), Some(last)) = (smeared.first(), smeared.last()) {
        let (low, high) = (first.0.exp(), last.1.exp());
        warnings.push(Warning::Smeared { stretches: smeared.len(), low, high });
    }
    let (scatter, drawn) = draw(&mut profiles, &designs, &losses, options);
    if options.resamples > 0 && !drawn && profiles.iter().any(|p| p.refused.is_none()) {
        warnings.push(Warning::NoScatter);
    }
    set_weights(&mut profiles, &designs, options.weights);
    let frontier = frontier(&profiles, options, if drawn { options.resamples } else { 0 });

    let compute_per_6nd = sweep.compute_per_6nd();
    warnings.extend(doubts::about_budgets(&profiles));
    warnings.extend(doubts::about_all(sweep, &profiles, frontier.as_ref(), options));
    Ok(Approach2 {
        options: options.clone(),
        rows: sweep.rows.len(),
        runs: sweep.runs,
        profiles,
        frontier,
        scatter,
        repeat_scatter: repeat_scatter(sweep, &designs),
        compute_per_6nd,
        warnings,
    })
}

/// The budgets, and the stretches of C that had to be cut.
pub(super) fn designs(sweep: &Sweep, options: &Approach2Options) -> (Vec<(f64, f64)>, Vec<Design>) {
    let groups = group(&sweep.ln_c, &options.grouping);
    let designs = groups
        .rows
        .into_par_iter()
        .map(|rows| Design::new(sweep, rows, options.same_size, options.even_out))
        .collect();
    (groups.smeared, designs)
}

/// The losses of a budget's rows, moved to its C along a slope.
pub(super) fn losses(sweep: &Sweep, design: &Design, slope: f64) -> Vec<f64> {
    let moved = |row: usize| (slope * (design.ln_c - sweep.ln_c[row])).exp();
    design.rows.iter().map(|&row| sweep.loss[row] * moved(row)).collect()
}

/// The slope of ln loss in ln C along the frontier at every budget, zero where nothing is to be
/// moved along it: from a parabola through the optima, since a floor of the loss bends it.
fn slopes(sweep: &Sweep, designs: &[Design], options: &Approach2Options) -> Vec<f64> {
    let none = vec![0.0; designs.len()];
    if !options.even_out || designs.iter().all(|design| design.spread < 1.0 + 1e-6) {
        return none;
    }
    let (mut ln_c, mut ln_loss) = (Vec::new(), Vec::new());
    for design in designs {
        let profile = design.profile(&losses(sweep, design, 0.0), options);
        if let (Some(optimum), None) = (profile.optimum, profile.refused) {
            ln_c.push(design.ln_c);
            ln_loss.push(optimum.loss.ln());
        }
    }
    let weight = vec![1.0; ln_c.len()];
    let bent = Parabola::fit(&ln_c, &weight, &ln_loss).filter(|_| ln_c.len() >= 4);
    let straight = PowerLaw::fit(&ln_c, &ln_loss);
    let slope = |ln_c: f64| match (bent, straight) {
        (Some(bent), _) => bent.slope + 2.0 * bent.curvature * (ln_c - bent.centre),
        (None, Some(straight)) => straight.exponent,
        (None, None) => 0.0,
    };
    // More compute does not hurt; a slope that says so, or that is steeper than any law, is noise.
    designs.iter().map(|design| slope(design.ln_c).clamp(-1.0, 0.0)).collect()
}

/// Resamples the believed budgets; gives the scatter and whether there are draws.
fn draw(
    profiles: &mut [Profile],
    designs: &[Design],
    losses: &[Vec<f64>],
    options: &Approach2Options,
) -> (Option<f64>, bool) {
    let (used, budgets): (Vec<usize>, Vec<Budget>) = (0..profiles.len())
        .filter(|&index| profiles[index].refused.is_none())
        .filter_map(|index| Some((index, Budget::new(&designs[index], &losses[index])?)))
        .unzip();
    let residuals = relative_residuals(&budgets);
    let scatter = (residuals.len() > 1).then(|| {
        (residuals.iter().map(|r| r * r).sum::<f64>() / (residuals.len() - 1) as f64).sqrt()
    });
    let needs_residuals = options.resampling == Resampling::Residuals;
    if options.resamples == 0 || used.is_empty() || (needs_residuals && scatter.is_none()) {
        return (scatter, false);
    }
    let draws = resample(&budgets, &residuals, options);
    for (place, &index) in used.iter().enumerate() {
        let profile = &mut profiles[index];
        profile.draws = draws.iter().map(|draw| draw[place]).collect();
        let share = profile.share_refused();
        if share > 0.5 {
            profile.refused = Some(Reason::Unsteady { share });
        }
        let interval = |of: fn(&Vertex) -> f64| {
            Interval::of(profile.draws.iter().flatten().map(of).collect(), options.level)
        };
        if let Some(optimum) = &mut profile.optimum {
            optimum.parameters_interval = interval(|v| v.ln_parameters.exp());
            optimum.tokens_interval = interval(|v| v.ln_tokens.exp());
            optimum.ratio_interval = interval(|v| (v.ln_tokens - v.ln_parameters).exp());
            optimum.loss_interval = interval(|v| v.loss);
        }
    }
    (scatter, true)
}

fn set_weights(profiles: &mut [Profile], designs: &[Design], weights: Weights) {
    let mut total = (0.0, 0.0);
    for (profile, design) in profiles.iter_mut().zip(designs) {
        if profile.refused.is_some() {
            continue;
        }
        profile.weight = match (weights, profile.optimum.and_then(|o| o.ln_parameters_error)) {
            (Weights::Precision, Some(error)) => {
                let least = design.step().max(1e-3) / 3.0;
                error.max(least).powi(-2)
            }
            (Weights::Precision, None) => design.step().max(1e-3).powi(-2),
            (Weights::Equal, _) => 1.0,
        };
        total = (total.0 + profile.weight, total.1 + 1.0);
    }
    for profile in profiles {
        profile.weight *= total.1 / f64::max(total.0, f64::MIN_POSITIVE);
    }
}

fn frontier(
    profiles: &[Profile],
    options: &Approach2Options,
    resamples: usize,
) -> Option<Frontier> {
    let used: Vec<&Profile> = profiles.iter().filter(|p| p.refused.is_none()).collect();
    let points: Vec<(f64, f64, Vertex)> = used
        .iter()
        .filter_map(|profile| {
            let optimum = profile.optimum?;
            let vertex = Vertex {
                ln_parameters: optimum.parameters.get().ln(),
                ln_tokens: optimum.tokens.get().ln(),
                loss: optimum.loss,
            };
            Some((profile.compute.get().ln(), profile.weight, vertex))
        })
        .collect();
    let draws = (0..resamples)
        .into_par_iter()
        .map(|index| {
            let drawn: Vec<(f64, f64, Vertex)> = used
                .iter()
                .zip(&points)
                .filter_map(|(profile, &(ln_c, weight, _))| {
                    Some((ln_c, weight, profile.draws.get(index).copied()??))
                })
                .collect();
            Lines::through(&drawn)
        })
        .collect();
    Frontier::new(&points, draws, options.level)
}

/// Pooled scatter of rows with the same N and D in a budget, relative to their mean loss.
fn repeat_scatter(sweep: &Sweep, designs: &[Design]) -> Option<f64> {
    let (mut squares, mut spare) = (0.0, 0.0);
    for design in designs {
        let mut rows = design.rows.clone();
        let key = |row: usize| (sweep.ln_n[row].to_bits(), sweep.ln_d[row].to_bits());
        rows.sort_by_key(|&row| key(row));
        for same in rows.chunk_by(|&a, &b| key(a) == key(b)) {
            let mean = same.iter().map(|&row| sweep.loss[row]).sum::<f64>() / same.len() as f64;
            squares += same.iter().map(|&row| (sweep.loss[row] / mean - 1.0).powi(2)).sum::<f64>();
            spare += (same.len() - 1) as f64;
        }
    }
    (spare > 0.0 && squares > 0.0).then(|| (squares / spare).sqrt())
}
