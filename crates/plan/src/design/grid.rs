//! The usual way to spend a budget on experiments: an IsoFLOP grid.

use diagnostic::Diagnostic;
use laws::{Setting, optimal};
use runs::{Flop, Parameters, Tokens, flop_6nd};

use super::beliefs::{Beliefs, State};
use super::candidates::Limits;
use super::goal::explained;
use super::knowledge::Knowledge;
use super::tangents::Points;

/// Neighbouring budgets differ by this factor: half a decade.
const BUDGET_STEP: f64 = 3.162_277_660_168_379_5;
/// The sizes of a budget reach from N* over this to N* times this.
const SIZE_REACH: f64 = 4.0;

/// An IsoFLOP grid: budgets half a decade apart, and at each of them models from a quarter of the
/// best size to four times it, as in Hoffmann et al. 2022 (arXiv:2203.15556, section 3.2).
#[derive(Debug, Clone, PartialEq)]
pub struct Grid {
    /// Its runs.
    pub runs: Vec<(Parameters, Tokens)>,
    /// How often all of it is run: above 1 where the limits cut runs off.
    pub times: f64,
}

impl Grid {
    /// The grid of `budgets` and `sizes` that spends `spend` FLOP, within `limits`; sizes are
    /// chosen by the best values of `known`.
    pub(crate) fn new(
        known: &Knowledge,
        others: &Setting,
        limits: &Limits,
        (budgets, sizes): (usize, usize),
        spend: Flop,
    ) -> Result<Self, Diagnostic> {
        let shares: Vec<f64> = std::iter::successors(Some(1.0), |share| Some(share / BUDGET_STEP))
            .take(budgets)
            .collect();
        let top = spend.get() / (sizes as f64 * shares.iter().sum::<f64>());
        let top = top.min(limits.run.1.get());
        let theta = known.point(0);
        let mut runs = Vec::with_capacity(budgets * sizes);
        for share in shares {
            let compute = top * share;
            if compute <= 6.0 {
                break;
            }
            let best = optimal(&known.law, &theta, Flop(compute), others).map_err(explained)?;
            // A law without a best size has no centre: twenty tokens per parameter will do.
            let centre = best.map_or((compute / 120.0).sqrt(), |best| best.parameters.get());
            for j in 0..sizes {
                let place = if sizes > 1 { 2.0 * j as f64 / (sizes - 1) as f64 - 1.0 } else { 0.0 };
                let n = limits.size(centre * SIZE_REACH.powf(place));
                let (n, d) = (Parameters(n), Tokens(compute / (6.0 * n)));
                if limits.allow(n, d) {
                    runs.push((n, d));
                }
            }
        }
        let cost: f64 = runs.iter().map(|&(n, d)| flop_6nd(n, d).get()).sum();
        Ok(Self { runs, times: if cost > 0.0 { spend.get() / cost } else { 0.0 } })
    }

    /// The state of a fit to the runs made and to the grid's.
    pub(crate) fn made(
        &self,
        beliefs: &Beliefs<'_>,
        others: &Setting,
        bends: bool,
    ) -> Result<State, Diagnostic> {
        let (n, d) = self.runs.iter().map(|(n, d)| (n.get(), d.get())).unzip();
        let mut state = beliefs.state_of_fit(&Points::new(n, d, others), bends)?;
        for run in 0..self.runs.len() {
            state.run(run, self.times);
        }
        Ok(state)
    }
}

/// Factors of the budget between which a grid as good as the design is looked for.
const REACH: (f64, f64) = (1e-3, 1e4);

/// The FLOP at which the grid is as sure as `sureness`; `None` where even 10,000 times `budget` does
/// not do.
pub(crate) fn same_certainty(
    of_grid: impl Fn(Flop) -> Result<f64, Diagnostic>,
    sureness: f64,
    budget: Flop,
) -> Result<Option<Flop>, Diagnostic> {
    let (mut low, mut high) = ((budget * REACH.0).get(), budget.get());
    while of_grid(Flop(high))? < sureness {
        low = high;
        high *= 10.0;
        if high > budget.get() * REACH.1 * 1.1 {
            return Ok(None);
        }
    }
    for _ in 0..20 {
        let middle = (low * high).sqrt();
        if of_grid(Flop(middle))? < sureness {
            low = middle;
        } else {
            high = middle;
        }
    }
    Ok(Some(Flop(high)))
}
