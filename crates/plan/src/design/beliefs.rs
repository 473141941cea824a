//! All laws that may be true, and how much runs would tell on average over them.

use diagnostic::Diagnostic;
use laws::Setting;
use rayon::prelude::*;

use super::bend::{Bend, TERMS};
use super::goal::Goal;
use super::knowledge::Knowledge;
use super::scenario::{Scenario, Wanted};
use super::tangents::{Points, Slopes, Tangents};

/// Laws that may be true, taken from the draws: a design is to be good for all of them, not only
/// for the best guess (Chaloner and Larntz 1989, J. Stat. Plan. Inference 21:191).
pub(crate) const SCENARIOS: usize = 32;

/// What is believed, asked and allowed, ready to judge runs.
#[derive(Debug)]
pub(crate) struct Beliefs<'a> {
    sides: Vec<Side<'a>>,
    bend: Bend,
    merit: Merit,
}

/// How runs are judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Merit {
    /// Nats of information on the goal: the mean over laws of half the logarithm of how far its
    /// variance falls (Lindley 1956, Ann. Math. Stat. 27:986).
    Information,
    /// A bound of the chance that the better fit to these runs is the true law's.
    RightChoice,
}

/// One law that may be true, with its plausible parameters, and what is compared with it.
#[derive(Debug)]
struct Side<'a> {
    /// The law whose parameters the runs are to fix: for a choice, the rival.
    fitted: &'a Knowledge,
    tangents: Tangents<'a>,
    /// The parameters at which it is taken, one for each scenario.
    thetas: Vec<Vec<f64>>,
    noise: f64,
    asked: Asked<'a>,
    made: Points,
    at_made: Vec<Slopes>,
}

#[derive(Debug)]
enum Asked<'a> {
    /// Slopes of the goal per scenario: without the bend's terms, and with them.
    Goal(Vec<[Vec<f64>; 2]>),
    /// The law that is true, with its parameters per scenario.
    Truth(Box<Tangents<'a>>, Vec<Vec<f64>>),
}

/// The state after some runs: one scenario per plausible law.
#[derive(Debug, Clone)]
pub(crate) struct State {
    pub(crate) scenarios: Vec<Scenario>,
    merit: Merit,
}

impl<'a> Beliefs<'a> {
    /// For a goal of one law.
    pub(crate) fn of_goal(
        known: &'a Knowledge,
        goal: &Goal,
        values: &[f64],
        others: &Setting,
        bend: Bend,
    ) -> Result<Self, Diagnostic> {
        let tangents = Tangents::new(known)?;
        let made = Points::made(&known.made);
        let rows = spread(values);
        let mut thetas: Vec<Vec<f64>> = rows.iter().map(|&row| known.point(row)).collect();
        let plain = goal.slopes(&tangents, known, &thetas, others, None)?;
        let bent = goal.slopes(&tangents, known, &thetas, others, Some(&bend))?;
        let mut slopes = Vec::with_capacity(thetas.len());
        let mut kept = Vec::with_capacity(thetas.len());
        for ((theta, plain), bent) in thetas.drain(..).zip(plain).zip(bent) {
            if let (Some(plain), Some(bent)) = (plain, bent) {
                slopes.push([plain, bent]);
                kept.push(theta);
            }
        }
        let asked = Asked::Goal(slopes);
        let side = Side::new(known, tangents, kept, known.noise, asked, made, &bend)?;
        Ok(Self { sides: vec![side], bend, merit: Merit::Information })
    }

    /// For the choice between two laws of the same runs.
    pub(crate) fn of_choice(
        one: &'a Knowledge,
        other: &'a Knowledge,
        bend: Bend,
    ) -> Result<Self, Diagnostic> {
        let side = |truth: &'a Knowledge, rival: &'a Knowledge| -> Result<Side<'a>, Diagnostic> {
            let count = (SCENARIOS / 2).min(1 + truth.draws());
            let truths: Vec<Vec<f64>> = (0..count).map(|row| truth.point(row)).collect();
            let made = Points::made(&rival.made);
            let asked = Asked::Truth(Box::new(Tangents::new(truth)?), truths);
            let thetas = vec![rival.point(0); count];
            Side::new(rival, Tangents::new(rival)?, thetas, truth.noise, asked, made, &bend)
        };
        let sides = vec![side(one, other)?, side(other, one)?];
        Ok(Self { sides, bend, merit: Merit::RightChoice })
    }

    /// Whether there is no law under which what is asked exists.
    pub(crate) fn is_empty(&self) -> bool {
        self.sides.iter().all(|side| side.thetas.is_empty())
    }

    /// The state before any of `candidates` was run; with the law able to bend, or as it is.
    pub(crate) fn state(&self, candidates: &Points, bends: bool) -> Result<State, Diagnostic> {
        self.state_with(candidates, bends, 1.0)
    }

    /// The same for a fit to the runs alone, which knows of no prior.
    pub(crate) fn state_of_fit(
        &self,
        candidates: &Points,
        bends: bool,
    ) -> Result<State, Diagnostic> {
        self.state_with(candidates, bends, FORGOTTEN)
    }

    fn state_with(
        &self,
        candidates: &Points,
        bends: bool,
        prior: f64,
    ) -> Result<State, Diagnostic> {
        let mut scenarios = Vec::new();
        for side in &self.sides {
            scenarios.extend(side.scenarios(candidates, bends.then_some(&self.bend), prior)?);
        }
        Ok(State { scenarios, merit: self.merit })
    }
}

/// What a prior's precision is multiplied with to leave nothing of it: deviations become a hundred
/// times as large. None at all would leave a law without runs without a covariance.
const FORGOTTEN: f64 = 1e-4;

impl<'a> Side<'a> {
    fn new(
        fitted: &'a Knowledge,
        tangents: Tangents<'a>,
        thetas: Vec<Vec<f64>>,
        noise: f64,
        asked: Asked<'a>,
        made: Points,
        bend: &Bend,
    ) -> Result<Self, Diagnostic> {
        let at_made: Result<Vec<Slopes>, Diagnostic> =
            thetas.par_iter().map(|theta| tangents.at(&made, theta, Some(bend))).collect();
        Ok(Self { fitted, thetas, noise, asked, made, at_made: at_made?, tangents })
    }

    fn scenarios(
        &self,
        candidates: &Points,
        bend: Option<&Bend>,
        prior: f64,
    ) -> Result<Vec<Scenario>, Diagnostic> {
        let known = self.fitted;
        let noise = self.noise * self.noise;
        let made: Result<Vec<Option<Scenario>>, Diagnostic> = (0..self.thetas.len())
            .into_par_iter()
            .map(|scenario| {
                let theta = &self.thetas[scenario];
                let mut precision: Vec<f64> = known
                    .free
                    .iter()
                    .zip(&known.prior)
                    .map(|(&i, sd)| prior * (sd * theta[i]).powi(-2))
                    .collect();
                if let Some(bend) = bend {
                    precision.extend([bend.scale.powi(-2); TERMS]);
                }
                let here = self.tangents.at(candidates, theta, bend)?;
                let wanted = match &self.asked {
                    Asked::Goal(slopes) => {
                        Wanted::Goal(slopes[scenario][usize::from(bend.is_some())].clone())
                    }
                    Asked::Truth(truth, truths) => {
                        let gap = |points: &Points, own: &[f64]| -> Result<Vec<f64>, Diagnostic> {
                            let true_values = truth.at(points, &truths[scenario], None)?.values;
                            Ok(true_values.iter().zip(own).map(|(t, own)| t - own).collect())
                        };
                        let at_made = gap(&self.made, &self.at_made[scenario].values)?;
                        Wanted::Difference(at_made, gap(candidates, &here.values)?)
                    }
                };
                let known = (&known.made, &self.at_made[scenario]);
                Ok(Scenario::new(&precision, known, here, noise, &wanted))
            })
            .collect();
        Ok(made?.into_iter().flatten().collect())
    }
}

impl State {
    /// Runs of a candidate that were made in thought; `-1` takes one back.
    pub(crate) fn run(&mut self, candidate: usize, times: f64) {
        self.scenarios.par_iter_mut().for_each(|scenario| scenario.run(candidate, times));
    }

    /// What all runs so far are worth.
    pub(crate) fn merit(&self) -> f64 {
        let count = self.scenarios.len() as f64;
        let each = self.scenarios.iter().map(|scenario| match self.merit {
            Merit::Information => {
                -0.5 * ((scenario.open - scenario.gained) / scenario.open).max(1e-12).ln()
            }
            Merit::RightChoice => bound(scenario.gained),
        });
        each.sum::<f64>() / count
    }

    /// What they would be worth with one more run of each candidate; NaN where the law has no
    /// value.
    pub(crate) fn merits(&self, out: &mut [f64]) {
        const PIECE: usize = 256;
        let count = self.scenarios.len() as f64;
        out.par_chunks_mut(PIECE).enumerate().for_each(|(piece, out)| {
            let first = piece * PIECE;
            match self.merit {
                Merit::Information => {
                    // One logarithm of a product instead of a sum of many logarithms.
                    let mut product = [1.0; PIECE];
                    let product = &mut product[..out.len()];
                    out.fill(0.0);
                    for scenarios in self.scenarios.chunks(16) {
                        product.fill(1.0);
                        for scenario in scenarios {
                            scenario.shares_left(first, product);
                        }
                        for (sum, product) in out.iter_mut().zip(product.iter()) {
                            *sum -= 0.5 * product.ln() / count;
                        }
                    }
                }
                Merit::RightChoice => {
                    for (i, out) in out.iter_mut().enumerate() {
                        let chances = self.scenarios.iter().map(|s| bound(s.distance(first + i)));
                        *out = chances.sum::<f64>() / count;
                    }
                }
            }
        });
    }

    /// How sure the goal is, on a scale on which designs and grids compare.
    pub(crate) fn sureness(&self) -> f64 {
        match self.merit {
            Merit::Information => -self.left().ln(),
            Merit::RightChoice => self.chance(),
        }
    }

    /// The chance that the better fit to these runs is the true law's, over laws.
    pub(crate) fn chance(&self) -> f64 {
        let chances = self.scenarios.iter().map(|scenario| chance(scenario.gained));
        chances.sum::<f64>() / self.scenarios.len() as f64
    }

    /// The standard deviation of the goal that is left, as a geometric mean over laws.
    pub(crate) fn left(&self) -> f64 {
        let ln = |s: &Scenario| 0.5 * (s.open - s.gained).max(1e-12 * s.open).ln();
        (self.scenarios.iter().map(ln).sum::<f64>() / self.scenarios.len() as f64).exp()
    }
}

/// The chance that the better fit is the true law's, from the squared distance between the laws:
/// the difference of the sums of squares is normal, of that mean and twice its root's deviation.
fn chance(distance: f64) -> f64 {
    0.5 * libm::erfc(-0.5 * distance.max(0.0).sqrt() * std::f64::consts::FRAC_1_SQRT_2)
}

/// Chernoff's lower bound of the [`chance`], which takes less time.
fn bound(distance: f64) -> f64 {
    1.0 - 0.5 * (-0.125 * distance.max(0.0)).exp()
}

/// Rows of draws whose goal exists, evenly spread over what it may be: middles of equal shares.
fn spread(values: &[f64]) -> Vec<usize> {
    let mut there: Vec<usize> = (1..values.len()).filter(|&row| values[row].is_finite()).collect();
    if there.is_empty() {
        return if values.first().is_some_and(|best| best.is_finite()) {
            vec![0]
        } else {
            Vec::new()
        };
    }
    there.sort_by(|&a, &b| values[a].total_cmp(&values[b]).then(a.cmp(&b)));
    let count = SCENARIOS.min(there.len());
    (0..count).map(|i| there[(2 * i + 1) * there.len() / (2 * count)]).collect()
}
