//! The error that parabolas make by themselves: Approach 2 on a law without noise, on the very
//! grid of the runs, against the law's own optimum.

use runs::{Flop, Parameters, Tokens};
use serde::{Deserialize, Serialize};

use super::approach2::{designs, losses};
use super::frontier::{Frontier, Lines};
use super::parabola::Parabola;
use super::profile::{Design, Vertex};
use super::surface::{Deadweight, Surface, deadweight, minimum, optimum};
use super::{Approach2, Refusal, Sweep, Warning};
use crate::Interval;

/// A value from the runs, and what the grid and the parabola did to it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Shift {
    /// As Approach 2 has it.
    pub value: f64,
    /// Its interval.
    pub interval: Option<Interval>,
    /// What Approach 2 gets on the law without noise, over the law's optimum, minus one.
    pub error: f64,
    /// The value without that error.
    pub corrected: f64,
}

impl Shift {
    fn new(value: f64, interval: Option<Interval>, ln_error: f64) -> Self {
        Self { value, interval, error: ln_error.exp_m1(), corrected: value * (-ln_error).exp() }
    }

    /// Half the interval's width as a share of the value, taken in logs.
    pub fn half_width(&self) -> Option<f64> {
        let ends = self.interval.filter(|ends| ends.low > 0.0)?;
        Some((0.5 * (ends.high / ends.low).ln()).exp_m1())
    }

    /// Whether the error is larger than half the interval: then noise is the lesser worry.
    pub fn exceeds_interval(&self) -> bool {
        self.half_width().is_some_and(|half| self.error.ln_1p().abs() > half.ln_1p())
    }

    fn warning(&self, of: &str, compute: Flop, others: usize) -> Option<Warning> {
        let half_width = self.half_width().filter(|_| self.exceeds_interval())?;
        let (of, compute) = (of.to_owned(), compute.get());
        Some(Warning::Bias { of, compute, bias: self.error, half_width, others })
    }
}

/// The error at a budget that was trained.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BudgetBias {
    /// The budget.
    pub compute: Flop,
    /// N*.
    pub parameters: Shift,
    /// D*.
    pub tokens: Shift,
}

/// The error at a budget that the lines were asked about.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TargetBias {
    /// The budget.
    pub compute: Flop,
    /// N*.
    pub parameters: Shift,
    /// D*.
    pub tokens: Shift,
    /// What the error of D* costs under the law, where C is 6 N D.
    pub deadweight: Option<Deadweight>,
}

/// The errors of Approach 2 on its own grid under a law.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Bias {
    /// At every budget with a believed optimum.
    pub budgets: Vec<BudgetBias>,
    /// At every budget asked for.
    pub targets: Vec<TargetBias>,
    /// Error of the exponents of N* and D*: noise-free minus the law's.
    pub exponent_errors: Option<(f64, f64)>,
    /// Where the error exceeds the interval's half-width, and where it is unknown.
    pub warnings: Vec<Warning>,
}

/// Computes by how much `answer`, made from `sweep`, would be off if `surface` were the truth.
///
/// The losses of the runs are replaced by the law's at the same N and D, and the analysis is made
/// again with the same budgets and weights. The truth of a budget is the least loss along the
/// curve D(N) of its runs, so that C need not be 6 N D; the truth at a target is the law's optimum
/// for C = 6 N D where the runs follow that convention, else the line through the budgets' truths.
///
/// # Errors
/// A law that gives a loss that is not positive and finite at a run; rows that `answer` was not
/// made from.
pub fn bias(
    answer: &Approach2,
    sweep: &Sweep,
    surface: &Surface,
    targets: &[Flop],
) -> Result<Bias, Refusal> {
    let rows = sweep.rows().iter().map(|row| surface(row.parameters, row.tokens));
    let exact = sweep.with_losses(rows.collect())?;
    let (_, designs) = designs(&exact, &answer.options);
    let same = designs.iter().map(|design| &design.rows);
    if !same.eq(answer.profiles.iter().map(|profile| &profile.rows)) {
        return Err(Refusal::OtherRuns);
    }
    let mut bias = Bias {
        budgets: Vec::new(),
        targets: Vec::new(),
        exponent_errors: None,
        warnings: Vec::new(),
    };
    let (mut seen, mut truth) = (Vec::new(), Vec::new());
    for (design, profile) in designs.iter().zip(&answer.profiles) {
        let Some(optimum) = profile.optimum.filter(|_| profile.refused.is_none()) else { continue };
        let compute = profile.compute;
        let (Some(vertex), Some(best)) =
            (noise_free(design, &exact, profile.moved_along, answer), best_along(design, surface))
        else {
            bias.warnings.push(Warning::NoBias { compute: compute.get() });
            continue;
        };
        let shift = |value, interval, ln_error| Shift::new(value, interval, ln_error);
        let budget = BudgetBias {
            compute,
            parameters: shift(
                optimum.parameters.get(),
                optimum.parameters_interval,
                vertex.ln_parameters - best.ln_parameters,
            ),
            tokens: shift(
                optimum.tokens.get(),
                optimum.tokens_interval,
                vertex.ln_tokens - best.ln_tokens,
            ),
        };
        bias.budgets.push(budget);
        seen.push((design.ln_c, profile.weight, vertex));
        truth.push((design.ln_c, profile.weight, best));
    }
    for (of, shift) in
        [("N*", (|b| b.parameters) as fn(&BudgetBias) -> Shift), ("D*", |b| b.tokens)]
    {
        let exceeding = || bias.budgets.iter().filter(|budget| shift(budget).exceeds_interval());
        let size = |budget: &BudgetBias| shift(budget).error.abs();
        let worst = exceeding().max_by(|a, b| size(a).total_cmp(&size(b)));
        let others = exceeding().count().saturating_sub(1);
        let warning = worst.and_then(|worst| shift(worst).warning(of, worst.compute, others));
        bias.warnings.extend(warning);
    }
    let (Some(seen), Some(truth), Some(frontier)) =
        (Lines::through(&seen), Lines::through(&truth), &answer.frontier)
    else {
        return Ok(bias);
    };
    bias.exponent_errors = Some((
        seen.parameters.exponent - truth.parameters.exponent,
        seen.tokens.exponent - truth.tokens.exponent,
    ));
    let (low, high) = answer.compute_per_6nd;
    let is_6nd = low > 0.99 && high < 1.01;
    for &compute in targets {
        let best = if is_6nd {
            optimum(surface, compute)
        } else {
            let (n, d) = (truth.parameters.at(compute), truth.tokens.at(compute));
            Some((Parameters(n), Tokens(d))).filter(|_| n.is_normal() && d.is_normal())
        };
        match best.and_then(|best| target(frontier, &seen, best, compute)) {
            Some(mut target) => {
                if is_6nd {
                    target.deadweight =
                        deadweight(surface, compute, Tokens(seen.tokens.at(compute)));
                }
                bias.warnings.extend(target.parameters.warning("N*", compute, 0));
                bias.warnings.extend(target.tokens.warning("D*", compute, 0));
                bias.targets.push(target);
            }
            None => bias.warnings.push(Warning::NoBias { compute: compute.get() }),
        }
    }
    Ok(bias)
}

/// The vertex on the law's losses, wherever it lies; `None` where it is no minimum.
fn noise_free(design: &Design, exact: &Sweep, slope: f64, answer: &Approach2) -> Option<Vertex> {
    let loss = losses(exact, design, slope);
    let seen = design.look(&vec![1.0; loss.len()], &loss, answer.options.tokens)?;
    (seen.parabola.curvature > 0.0 && seen.vertex.is_usable()).then_some(seen.vertex)
}

/// The law's least loss along the curve D(N) of a budget, two decades around its runs.
fn best_along(design: &Design, surface: &Surface) -> Option<Vertex> {
    let curve = Parabola::fit(&design.ln_n, &vec![1.0; design.ln_n.len()], &design.ln_d);
    // Where C is 6 N D the curve is straight, and a bend that is only rounding may not be finite.
    let ln_tokens =
        |ln_n: f64| curve.map_or_else(|| design.ln_tokens_at(ln_n), |curve| curve.at(ln_n));
    let loss = |ln_n: f64| surface(Parameters(ln_n.exp()), Tokens(ln_tokens(ln_n).exp()));
    let ends = design.ln_n.iter();
    let (low, high) =
        ends.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), &x| (l.min(x), h.max(x)));
    let room = 100.0_f64.ln();
    let ln_parameters = minimum(low - room, high + room, loss)?;
    let best =
        Vertex { ln_parameters, ln_tokens: ln_tokens(ln_parameters), loss: loss(ln_parameters) };
    best.is_usable().then_some(best)
}

fn target(
    frontier: &Frontier,
    seen: &Lines,
    (n, d): (Parameters, Tokens),
    compute: Flop,
) -> Option<TargetBias> {
    let reading = frontier.at(compute)?;
    let ln_n_error = (seen.parameters.at(compute) / n.get()).ln();
    let ln_d_error = (seen.tokens.at(compute) / d.get()).ln();
    (ln_n_error.is_finite() && ln_d_error.is_finite()).then(|| TargetBias {
        compute,
        parameters: Shift::new(reading.parameters.get(), reading.parameters_interval, ln_n_error),
        tokens: Shift::new(reading.tokens.get(), reading.tokens_interval, ln_d_error),
        deadweight: None,
    })
}
