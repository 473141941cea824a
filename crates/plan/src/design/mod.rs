//! Which experiments to run next: the runs that tell most about what was asked, per FLOP.
//!
//! ```text
//!  Fit + its runs ──▶ Knowledge ──▶ 32 laws that may be true, each ──▶ search ──▶ Design
//!  or a prior           │           with exact slopes at every        greedy,      runs, batch by batch
//!                       │           candidate run (N, D)              exchange     interval now, after
//!  Goal ────────────────┘             ▲                                            the usual grid
//!  Limits ──▶ candidates ─────────────┘                                            doubts
//! ```
//!
//! A measurement near a law is linear in the law's parameters to first order, so what a run would
//! tell is known before it is made: its slopes say how much of the uncertainty of the goal it
//! removes. That uncertainty comes from the runs made (or from a prior), under the same slopes; it
//! is scaled so that before the first new run it is what the fit's own draws say. The average is
//! over laws spread over the draws by the goal, and over nothing else: the same input gives the
//! same design on any number of threads.
//!
//! Two things keep a design from trusting the law too much. The law may [bend](Question::bend): a
//! surface of second degree that its parameters cannot follow has a prior of its own, and runs have
//! to tell it apart. And a setting is repeated a limited number of times, where two settings within
//! a factor of 1.5 in both N and D count as one.
//!
//! ```
//! use laws::Setting;
//! use plan::design::{Goal, Knowledge, Limits, Prior, Question, design};
//! use runs::{Flop, Parameters, Tokens};
//!
//! // Before the first run: which sweep of 1e19 FLOP says most about the best size at 1e21?
//! let known = Knowledge::of_prior("besiroglu-2024", &Prior::default())?;
//! let question = Question {
//!     goal: Goal::Size(Flop(1e21)),
//!     budget: Flop(1e19),
//!     batches: 1,
//!     runs: 12,
//!     repeats: 2,
//!     bend: 0.01,
//!     limits: Limits {
//!         parameters: (Parameters(1e7), Parameters(1e9)),
//!         tokens: (Tokens(1e8), Tokens(1e11)),
//!         tokens_per_parameter: (2.0, 200.0),
//!         run: (Flop(1e16), Flop(5e18)),
//!         sizes: Vec::new(),
//!     },
//!     candidates: 400,
//!     grid: (4, 5),
//!     given: Setting::new(),
//!     level: 0.9,
//! };
//! let found = design(&known, None, &question)?;
//! assert!(found.spent() <= Flop(1e19 * 1.000001));
//! assert!(found.after[0].law_holds < 0.5 * found.now.law_holds);
//! # Ok::<(), diagnostic::Diagnostic>(())
//! ```

mod beliefs;
mod bend;
mod candidates;
mod doubt;
mod goal;
mod grid;
mod judge;
mod knowledge;
mod question;
mod scenario;
mod search;
mod tangents;
#[cfg(test)]
mod tests;

use diagnostic::Diagnostic;
use laws::Interval;
use runs::{Flop, Parameters, Tokens, flop_6nd};

use beliefs::Beliefs;
use bend::Bend;
use grid::same_certainty;
use judge::Judge;
use search::{Purse, Shop, search};
use tangents::Points;

pub use candidates::Limits;
pub use doubt::Doubt;
pub use goal::Goal;
pub use grid::Grid;
pub use knowledge::{Knowledge, Made, Prior};
pub use question::Question;

/// How sure something is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Certainty {
    /// If the law holds as written.
    pub law_holds: f64,
    /// If it may bend as far as was said.
    pub may_bend: f64,
}

/// Runs of one setting.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Proposal {
    /// The batch, from 0.
    pub batch: usize,
    /// N.
    pub parameters: Parameters,
    /// D.
    pub tokens: Tokens,
    /// How many runs, with different seeds.
    pub times: usize,
}

impl Proposal {
    /// FLOP of one of the runs, as 6 N D.
    pub fn cost(&self) -> Flop {
        flop_6nd(self.parameters, self.tokens)
    }
}

/// The IsoFLOP grid of the same budget.
#[derive(Debug, Clone, PartialEq)]
pub struct Usual {
    /// Its runs.
    pub grid: Grid,
    /// How sure it would make the goal.
    pub after: Certainty,
    /// What a grid takes to be as good as the design, as the design was chosen; `None` where ten
    /// thousand times the budget does not do.
    pub same_certainty: Option<Flop>,
}

/// What the runs would be if the law were trusted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trusting {
    /// Distinct settings.
    pub settings: usize,
    /// How sure they would make the goal.
    pub after: Certainty,
}

/// The runs to make, and what they promise.
#[derive(Debug, Clone, PartialEq)]
pub struct Design {
    /// What was asked.
    pub goal: Goal,
    /// The goal under the best values: a loss, or N*. NaN for a choice.
    pub best: f64,
    /// Its interval now, over the draws.
    pub interval: Option<Interval>,
    /// Standard deviation of the goal's logarithm now (of the goal itself for laws of shares), or
    /// the chance to choose the right law, which is a half before any new run.
    pub now: Certainty,
    /// The same after each batch.
    pub after: Vec<Certainty>,
    /// The runs, batch by batch, small ones first.
    pub runs: Vec<Proposal>,
    /// How many runs there were to choose from.
    pub candidates: usize,
    /// The usual grid; `None` where the limits allow none of its runs.
    pub usual: Option<Usual>,
    /// What would change if the law were trusted; `None` where it is.
    pub trusting: Option<Trusting>,
    /// Reasons to look twice.
    pub doubts: Vec<Doubt>,
    logarithmic: bool,
}

impl Design {
    /// FLOP of all runs, as 6 N D.
    pub fn spent(&self) -> Flop {
        self.runs.iter().map(|run| run.cost() * run.times as f64).sum()
    }

    /// Distinct settings.
    pub fn settings(&self) -> usize {
        let mut settings: Vec<(u64, u64)> = self
            .runs
            .iter()
            .map(|run| (run.parameters.get().to_bits(), run.tokens.get().to_bits()))
            .collect();
        settings.sort_unstable();
        settings.dedup();
        settings.len()
    }

    /// The interval of the goal when its deviation is `deviation`: the one of now, narrower or
    /// wider by the ratio of the two, around the best value.
    pub fn interval_at(&self, deviation: f64) -> Option<Interval> {
        let now = self.interval?;
        let share = deviation / self.now.law_holds;
        let end = |end: f64| {
            if self.logarithmic {
                self.best * (end / self.best).powf(share)
            } else {
                self.best + (end - self.best) * share
            }
        };
        share.is_finite().then(|| Interval { low: end(now.low), high: end(now.high), ..now })
    }
}

/// The runs to make next.
///
/// `rival` is the law to tell apart from `known`, for [`Goal::Choice`].
///
/// # Errors
/// Limits that leave no run, options out of range, a goal that the law does not have.
pub fn design(
    known: &Knowledge,
    rival: Option<&Knowledge>,
    asked: &Question,
) -> Result<Design, Diagnostic> {
    asked.check()?;
    let others = known.others(&asked.given)?;
    let (n, d) = asked.limits.candidates(asked.candidates)?;
    let costs: Vec<f64> = n.iter().zip(&d).map(|(n, d)| 6.0 * n * d).collect();
    let logarithms = |values: &[f64]| values.iter().map(|x| x.ln()).collect::<Vec<f64>>();
    let (ln_n, ln_d) = (logarithms(&n), logarithms(&d));
    let shop = Shop { costs: &costs, ln_n: &ln_n, ln_d: &ln_d };
    let points = Points::new(n.clone(), d.clone(), &others);
    let ends = |values: &[f64]| {
        values.iter().fold((f64::INFINITY, 0.0_f64), |(l, h), &x| (l.min(x), h.max(x)))
    };
    let bend = Bend::new(asked.bend, &known.made, [ends(&n), ends(&d)]);
    let values = asked.goal.values(known, &others)?;
    let beliefs = match (&asked.goal, rival) {
        (Goal::Choice, Some(rival)) => Beliefs::of_choice(known, rival, bend)?,
        (Goal::Choice, None) => {
            return Err(Diagnostic::error("a choice needs two laws, and there is one")
                .help("name the other with --against LAW"));
        }
        _ => Beliefs::of_goal(known, &asked.goal, &values, &others, bend)?,
    };
    if beliefs.is_empty() {
        return Err(Diagnostic::error("what is asked does not exist under the law")
            .note("of every budget, more of one of N and D never helps, or the target is out of range")
            .help("ask for the loss of a run, or for a smaller budget, or take another law"));
    }
    if let Some(best) = values.first() {
        if !best.is_finite() {
            return Err(Diagnostic::error("what is asked does not exist under the best law")
                .note("of its budget, more of one of N and D never helps, or the target is out of range")
                .help("ask for the loss of a run, or for another budget, or take another law"));
        }
        let open = values.iter().skip(1).any(|x| x.is_finite() && (x - best).abs() > 1e-12);
        if !open {
            return Err(Diagnostic::error(
                "nothing is open: every draw of the law gives the same answer",
            )
            .help("ask something else, or free parameters that the law holds with --free"));
        }
    }
    let plain = beliefs.state(&points, false)?;
    let bent = if asked.bend > 0.0 { beliefs.state(&points, true)? } else { plain.clone() };
    if plain.scenarios.is_empty() || bent.scenarios.is_empty() {
        return Err(Diagnostic::error("the law has no finite slopes at these runs")
            .help("narrow the limits to where the law has a value"));
    }
    let judge = Judge::new(&asked.goal, known, &values, &plain);

    let share = asked.budget / asked.batches as f64;
    let purse = Purse { budget: share.get(), runs: asked.runs, repeats: asked.repeats };
    let grid_limits = asked.limits.of_grid(share);
    let grid_of = |spend: Flop| Grid::new(known, &others, &grid_limits, asked.grid, spend);
    let starts = [nearest(&grid_of(share)?, &n, &d)];
    let bends = asked.bend > 0.0;
    // A prior helps to choose, but the fit to come will know only the runs.
    let fits = (beliefs.state_of_fit(&points, false)?, beliefs.state_of_fit(&points, bends)?);
    let (mut choosing, mut fitted) = (bent.clone(), fits.clone());
    let (mut runs, mut after) = (Vec::new(), Vec::new());
    for batch in 0..asked.batches {
        let chosen = search(&choosing, shop, purse, &starts);
        for &candidate in &chosen {
            choosing.run(candidate, 1.0);
            fitted.0.run(candidate, 1.0);
            fitted.1.run(candidate, 1.0);
        }
        runs.extend(proposals(batch, chosen, &n, &d, &costs));
        after.push(judge.certainty(&fitted.0, &fitted.1));
    }
    let trusting = bends.then(|| {
        let mut fitted = fits.clone();
        let purse = Purse { budget: asked.budget.get(), runs: asked.runs * asked.batches, ..purse };
        let chosen = search(&plain, shop, purse, &[]);
        for &candidate in &chosen {
            fitted.0.run(candidate, 1.0);
            fitted.1.run(candidate, 1.0);
        }
        let settings = proposals(0, chosen, &n, &d, &costs).len();
        Trusting { settings, after: judge.certainty(&fitted.0, &fitted.1) }
    });
    let grid = grid_of(asked.budget)?;
    let usual = if grid.runs.is_empty() {
        None
    } else {
        let made = |bends| grid.made(&beliefs, &others, bends);
        // More FLOP may make the grid's runs larger, or repeat them: whichever tells more.
        let sureness = |spend: Flop| {
            let more = spend / asked.budget;
            let repeated = Grid { times: grid.times * more, ..grid.clone() };
            let larger = grid_of(spend)?.made(&beliefs, &others, bends)?.sureness();
            Ok(larger.max(repeated.made(&beliefs, &others, bends)?.sureness()))
        };
        Some(Usual {
            after: judge.certainty(&made(false)?, &made(bends)?),
            same_certainty: same_certainty(sureness, fitted.1.sureness(), asked.budget)?,
            grid,
        })
    };
    let logarithmic = asked.goal.is_logarithmic(known);
    let natural = |x: f64| if logarithmic { x.exp() } else { x };
    let best = values.first().map_or(f64::NAN, |&best| natural(best));
    let there: Vec<f64> =
        values.iter().skip(1).filter(|x| x.is_finite()).map(|&x| natural(x)).collect();
    let mut design = Design {
        goal: asked.goal.clone(),
        best,
        interval: Interval::of(there, asked.level),
        now: judge.now(&plain, &bent),
        after,
        runs,
        candidates: costs.len(),
        usual,
        trusting,
        doubts: Vec::new(),
        logarithmic,
    };
    design.doubts = doubt::doubts(&design, known, asked, &values, judge.identified());
    Ok(design)
}

/// For every run of a grid the candidate nearest to it.
fn nearest(grid: &Grid, n: &[f64], d: &[f64]) -> Vec<usize> {
    let place = |run: &(Parameters, Tokens)| {
        let away =
            |i: &usize| (n[*i] / run.0.get()).ln().powi(2) + (d[*i] / run.1.get()).ln().powi(2);
        (0..n.len()).min_by(|a, b| away(a).total_cmp(&away(b)))
    };
    grid.runs.iter().filter_map(place).collect()
}

/// Candidates as proposals: equal ones together, cheap ones first.
fn proposals(
    batch: usize,
    mut chosen: Vec<usize>,
    n: &[f64],
    d: &[f64],
    costs: &[f64],
) -> Vec<Proposal> {
    chosen.sort_by(|&a, &b| costs[a].total_cmp(&costs[b]).then(a.cmp(&b)));
    let mut proposals: Vec<Proposal> = Vec::new();
    for candidate in chosen {
        let (parameters, tokens) = (Parameters(n[candidate]), Tokens(d[candidate]));
        match proposals.last_mut() {
            Some(last) if last.parameters == parameters && last.tokens == tokens => last.times += 1,
            _ => proposals.push(Proposal { batch, parameters, tokens, times: 1 }),
        }
    }
    proposals
}
