//! The posterior of a law under Student's t, as draws.
//!
//! ```text
//!  step in the tangent plane ──▶ law ──▶ weight: posterior / density it was proposed with
//!   (Student's t)                          │ Pareto-smoothed, k
//!                          k <= 0.7: drawn by weight      k > 0.7: a random walk in the plane
//! ```

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::bootstrap::{Plan, Resamples, at_bound};
use crate::newton::Walk;
use crate::objective::{Loss, student_scale};
use crate::pareto::{Smoothed, smooth};
use crate::problem::Problem;
use crate::scatter::{chi_square, design, design_effect, standard_normal};
use crate::search::minimise;
use crate::tangent::Tangent;

/// Degrees of freedom of the scatter, each as likely as the others before the rows are seen: from
/// heavy tails to nearly normal.
const DEGREES: [f64; 5] = [3.0, 5.0, 10.0, 30.0, 100.0];

/// Degrees of freedom of the proposals, whose tails have to be heavier than the posterior's.
const PROPOSAL: usize = 7;

/// Proposals per draw that is asked for.
const PROPOSALS_PER_DRAW: usize = 4;

/// Above this k the weights of importance sampling have too heavy a tail (Vehtari et al. 2024,
/// "Pareto smoothed importance sampling").
pub(crate) const GREATEST_K: f64 = 0.7;

/// A law with its scatter.
#[derive(Debug, Clone)]
struct State {
    /// Place in the tangent plane, in units of the residual.
    plane: Vec<f64>,
    ln_scale: f64,
    /// Which of [`DEGREES`].
    degrees: usize,
    point: Vec<f64>,
    /// Logarithm of the posterior density by place in the plane and ln scale.
    ln_density: f64,
}

/// What every thread reads.
struct Target<'a> {
    tangent: Tangent<'a>,
    problem: &'a Problem<'a>,
    /// By which the likelihood of rows that err together is overstated.
    effect: f64,
    /// The most likely scale by degrees of freedom.
    scales: [f64; DEGREES.len()],
    /// Runs less parameters, after the design effect.
    freedom: f64,
}

/// Draws, and how they were made.
pub(crate) struct Posterior {
    pub(crate) resamples: Resamples,
    pub(crate) pareto_k: f64,
    /// Whether a random walk made them, since k was above its limit.
    pub(crate) walked: bool,
}

/// Draws from the posterior: Student's t likelihood of the residuals, its scale and degrees of
/// freedom drawn too; prior flat in ln scale, and over laws proportional to the square root of
/// the determinant of J' W J (Jeffreys: equal weight for equal changes of the law's values on the
/// rows, whatever the parameters are called), inside the bounds of the parameters. `None` where
/// the rows do not fix every parameter near the best fit.
pub(crate) fn posterior(
    plan: &Plan<'_>,
    problem: &Problem<'_>,
    count: usize,
    tick: &(dyn Fn() + Sync),
) -> Option<Posterior> {
    let target = Target::new(plan, problem)?;
    let proposals: Vec<Option<(f64, State)>> = (0..PROPOSALS_PER_DRAW * count)
        .into_par_iter()
        .map_init(
            || (target.tangent.clone(), Walk::default()),
            |(tangent, walk), index| {
                if index % PROPOSALS_PER_DRAW == 0 {
                    tick();
                }
                target.propose(&mut stream(plan.seed, index as u64), tangent, walk)
            },
        )
        .collect();
    let (mut weights, states): (Vec<f64>, Vec<State>) = proposals.into_iter().flatten().unzip();
    if weights.is_empty() {
        return None;
    }
    let Smoothed { k } = smooth(&mut weights);
    let walked = k.is_nan() || k > GREATEST_K;
    let points = if walked {
        let best = (0..weights.len())
            .max_by(|&a, &b| states[a].ln_density.total_cmp(&states[b].ln_density))?;
        target.walk(&states[best], plan.seed, count)
    } else {
        let offset: f64 = stream(plan.seed, u64::MAX).random();
        systematic(&weights, count, offset)
            .into_iter()
            .map(|index| states[index].point.clone())
            .collect()
    };
    let on_bound = |point: &&Vec<f64>| !at_bound(problem, point).is_empty();
    let resamples = Resamples {
        at_bound: points.iter().filter(on_bound).count(),
        failed: count - points.len(),
        points,
        ..Resamples::default()
    };
    Some(Posterior { resamples, pareto_k: k, walked })
}

fn stream(seed: u64, number: u64) -> ChaCha8Rng {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    random.set_stream(number);
    random
}

/// `count` indices, each as often as its weight says, give or take one (Kitagawa's systematic
/// resampling).
fn systematic(weights: &[f64], count: usize, offset: f64) -> Vec<usize> {
    let total: f64 = weights.iter().sum();
    let (mut sum, mut chosen) = (0.0, Vec::with_capacity(count));
    for (index, weight) in weights.iter().enumerate() {
        sum += weight / total * count as f64;
        while chosen.len() < count && sum > chosen.len() as f64 + offset {
            chosen.push(index);
        }
    }
    // Rounding may leave the last one out.
    while chosen.len() < count {
        chosen.push(weights.len() - 1);
    }
    chosen
}

impl<'a> Target<'a> {
    fn new(plan: &Plan<'_>, problem: &'a Problem<'a>) -> Option<Self> {
        let weights = &problem.rows.weight;
        let (best, spread) = (&plan.full.best, plan.full.spread);
        let loss = Loss::StudentT { degrees: 4.0 };
        let mut walk = Walk::default();
        let mode = minimise(problem, &best.point, spread, loss, weights, 1e-10, &mut walk)?;
        let tangent = Tangent::new(problem, &mode.point)?;
        let size = problem.size();
        if tangent.dimensions < size {
            return None;
        }
        let effect = design_effect(design(&mode, problem, &tangent.gram).as_ref());
        let residuals = problem.residuals(&mode.point);
        let total: f64 = weights.iter().sum();
        let freedom = (total / effect - size as f64).max(1.0);
        let correction = (1.0 + size as f64 / freedom).sqrt();
        let scales =
            DEGREES.map(|degrees| correction * student_scale(&residuals, weights, degrees, spread));
        let sound = scales.iter().all(|scale| *scale > 1e-12 && scale.is_finite());
        sound.then_some(Self { tangent, problem, effect, scales, freedom })
    }

    /// The spread of ln scale, and of a coordinate of the plane, for the degrees of freedom with
    /// this number: the inverse root of their Fisher information.
    fn spreads(&self, which: usize) -> (f64, f64) {
        let degrees = DEGREES[which];
        let of_scale = (0.5 * (degrees + 3.0) / degrees / self.freedom).sqrt();
        let information = (degrees + 1.0) / (degrees + 3.0);
        let of_plane = self.scales[which] * (self.effect / information).sqrt();
        (1.1 * of_scale, of_plane)
    }

    /// The state at a place of the plane; `None` where no law inside the bounds lies there.
    fn state(
        &self,
        plane: Vec<f64>,
        ln_scale: f64,
        degrees: usize,
        tangent: &mut Tangent<'_>,
        walk: &mut Walk,
    ) -> Option<State> {
        let point = tangent.law_at(&plane, false, walk)?;
        let measure = tangent.measure(&point)?;
        let nu = DEGREES[degrees];
        let scale = ln_scale.exp();
        let constant = libm::lgamma(0.5 * (nu + 1.0))
            - libm::lgamma(0.5 * nu)
            - 0.5 * (nu * std::f64::consts::PI).ln()
            - ln_scale;
        let residuals = self.problem.residuals(&point);
        let likelihood: f64 = residuals
            .iter()
            .zip(&self.problem.rows.weight)
            .map(|(r, w)| {
                let unit = r / scale;
                w * (constant - 0.5 * (nu + 1.0) * (unit * unit / nu).ln_1p())
            })
            .sum();
        let ln_density = likelihood / self.effect + measure.metric - measure.density;
        ln_density.is_finite().then_some(State { plane, ln_scale, degrees, point, ln_density })
    }

    /// A state and the logarithm of its weight.
    fn propose(
        &self,
        random: &mut ChaCha8Rng,
        tangent: &mut Tangent<'_>,
        walk: &mut Walk,
    ) -> Option<(f64, State)> {
        let which = random.random_range(0..DEGREES.len());
        let (of_scale, of_plane) = self.spreads(which);
        let degrees = PROPOSAL as f64;
        let student = |random: &mut ChaCha8Rng| (degrees / chi_square(random, PROPOSAL)).sqrt();
        let off = student(random) * standard_normal(random);
        let stretch = student(random);
        let size = self.problem.size();
        let steps: Vec<f64> = (0..size).map(|_| stretch * standard_normal(random)).collect();
        let square: f64 = steps.iter().map(|z| z * z).sum();
        let plane = steps.iter().map(|z| of_plane * z).collect();
        let ln_scale = self.scales[which].ln() + of_scale * off;
        let state = self.state(plane, ln_scale, which, tangent, walk)?;
        let dimensions = size as f64;
        let proposed = -0.5 * (degrees + dimensions) * (square / degrees).ln_1p()
            - dimensions * of_plane.ln()
            - 0.5 * (degrees + 1.0) * (off * off / degrees).ln_1p()
            - of_scale.ln();
        let weight = state.ln_density - proposed;
        weight.is_finite().then_some((weight, state))
    }

    /// Draws by random walks in the plane, which is straight where parameters are not: several
    /// chains from the same start, their step lengths tuned while they warm up, every so many
    /// steps a draw.
    fn walk(&self, start: &State, seed: u64, count: usize) -> Vec<Vec<f64>> {
        const CHAINS: usize = 8;
        const WARM_UP: usize = 600;
        const STEPS_PER_DRAW: usize = 25;
        let per_chain = count.div_ceil(CHAINS);
        let mut points: Vec<Vec<f64>> = (0..CHAINS)
            .into_par_iter()
            .flat_map_iter(|chain| {
                // Numbers that no proposal uses.
                let mut random = stream(seed, u64::MAX - 1 - chain as u64);
                let (mut tangent, mut walk) = (self.tangent.clone(), Walk::default());
                let size = start.plane.len();
                let mut ln_step = (2.38 / (size as f64 + 1.0).sqrt()).ln();
                let mut here = start.clone();
                let mut out = Vec::with_capacity(per_chain);
                for turn in 0..WARM_UP + per_chain * STEPS_PER_DRAW {
                    let which = if random.random_range(0..4) == 0 {
                        random.random_range(0..DEGREES.len())
                    } else {
                        here.degrees
                    };
                    let of_scale = self.spreads(0).0;
                    let of_plane = self.scales[2];
                    let step = ln_step.exp();
                    let plane = here
                        .plane
                        .iter()
                        .map(|z| z + step * of_plane * standard_normal(&mut random))
                        .collect();
                    // A change of degrees keeps the place relative to their own best scale.
                    let shift = (self.scales[which] / self.scales[here.degrees]).ln();
                    let wide = 0.5 * step * of_scale;
                    let ln_scale = here.ln_scale + shift + wide * standard_normal(&mut random);
                    let next = self.state(plane, ln_scale, which, &mut tangent, &mut walk);
                    let chance = next
                        .as_ref()
                        .map_or(0.0, |next| (next.ln_density - here.ln_density).exp().min(1.0));
                    if random.random::<f64>() < chance
                        && let Some(next) = next
                    {
                        here = next;
                    }
                    if turn < WARM_UP {
                        ln_step += (chance - 0.25) / (1.0 + turn as f64 / 20.0);
                    } else if (turn - WARM_UP) % STEPS_PER_DRAW == STEPS_PER_DRAW - 1 {
                        out.push(here.point.clone());
                    }
                }
                out
            })
            .collect();
        points.truncate(count);
        points
    }
}
