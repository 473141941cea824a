//! Sobol indices: the share of an output's variance that each input explains.

use std::fmt;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::sampler::{Sampler, empty_columns};
use crate::{Error, Inputs, Level, normal, stream};

use super::{describe_row, run};

/// Which aspect of an output is explained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Aspect {
    /// The value itself. Every value must be finite.
    #[default]
    Value,
    /// The value's rank among all values, from 0 to 1: what decides whether it is early or late,
    /// high or low, whatever the scale. `never` is the latest of all dates, tied with itself. The
    /// choice for dates, and for quantities that spread over orders of magnitude.
    Rank,
    /// Whether the value is `never` at all.
    Never,
}

/// What to compute.
#[derive(Debug, Clone, PartialEq)]
pub struct SobolPlan {
    /// Rows of each of the two independent samples: the model runs `rows * (groups + 2)` times.
    /// Best a power of two.
    pub rows: usize,
    /// Bootstrap resamples behind the intervals.
    pub bootstraps: usize,
    /// The level of the intervals.
    pub level: Level,
    /// Which aspect of the output is explained.
    pub aspect: Aspect,
    /// Inputs to be treated as one, by name: `(group name, its inputs)`. Inputs that depend on
    /// each other (declared correlations, imported draws) form a group of themselves.
    pub groups: Vec<(String, Vec<String>)>,
    /// The seed of samples and bootstrap.
    pub seed: u64,
}

impl Default for SobolPlan {
    fn default() -> Self {
        Self {
            rows: 1 << 14,
            bootstraps: 100,
            level: Level::P90,
            aspect: Aspect::Value,
            groups: Vec::new(),
            seed: 0,
        }
    }
}

/// A share of the variance, with its bootstrap interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Share {
    /// The estimate; near zero it may fall slightly below it.
    pub value: f64,
    /// The interval's lower end.
    pub low: f64,
    /// The interval's upper end.
    pub high: f64,
}

/// What one input, or one group of inputs, explains.
#[derive(Debug, Clone, PartialEq)]
pub struct Index {
    /// The input's or the group's name.
    pub name: String,
    /// The inputs in it.
    pub inputs: Vec<String>,
    /// The share of the variance that would go if this were known (first order).
    pub first: Share,
    /// The share that would remain if all else were known: its own and its interactions (total).
    pub total: Share,
}

/// First-order and total Sobol indices of a model's output.
#[derive(Debug, Clone, PartialEq)]
pub struct SobolIndices {
    /// One entry per input or group, in order of declaration.
    pub indices: Vec<Index>,
    /// Which aspect of the output they explain.
    pub aspect: Aspect,
    /// The level of the intervals.
    pub level: Level,
    /// The variance they are shares of.
    pub variance: f64,
    /// How many rows the model was run on.
    pub evaluations: usize,
}

/// First-order and total Sobol indices of `model` under `inputs`.
///
/// First order by Saltelli et al. (Comput. Phys. Commun. 181, 2010, eq. b of table 2) on centred
/// outputs, total by Jansen (Comput. Phys. Commun. 117, 1999), over the two halves of one scrambled
/// Sobol sequence. The intervals are the estimate plus and minus the normal quantile times the
/// bootstrap standard deviation; they treat quasi-random rows as independent, so they are rather
/// too wide than too narrow.
///
/// Inputs that depend on each other have an index together, as one group: the variance cannot be
/// divided between them without a further convention.
///
/// ```
/// use draws::{Dist, Inputs, sensitivity::{self, SobolPlan}};
///
/// let mut inputs = Inputs::new();
/// inputs.add("a", Dist::normal(0.0, 3.0)?)?;
/// inputs.add("b", Dist::normal(0.0, 1.0)?)?;
/// let sum = |x: &[&[f64]], out: &mut [f64]| {
///     for i in 0..out.len() {
///         out[i] = x[0][i] + x[1][i];
///     }
/// };
/// let found = sensitivity::sobol_indices(&inputs, &sum, &SobolPlan::default())?;
/// assert!((found.indices[0].first.value - 0.9).abs() < 0.01);
/// # Ok::<(), draws::Error>(())
/// ```
pub fn sobol_indices<M>(inputs: &Inputs, model: &M, plan: &SobolPlan) -> Result<SobolIndices, Error>
where
    M: FnMut(&[&[f64]], &mut [f64]) + Clone + Send,
{
    if plan.rows < 2 {
        let what = "a Sobol analysis".into();
        return Err(Error::Rows { what, given: plan.rows, expected: "2 or more".into() });
    }
    let n = plan.rows;
    let (first, second) = Sampler::pair(inputs, plan.seed)?;
    let groups = grouped(inputs, &first, &plan.groups)?;
    let sample = |sampler: &Sampler| {
        let mut columns = empty_columns(inputs.names().len(), n)?;
        sampler.fill(0, &mut columns);
        Ok::<_, Error>(columns)
    };
    let (a, b) = (sample(&first)?, sample(&second)?);

    let outputs = |columns: &[&[f64]]| {
        let output = run(model, columns, n);
        check(&output, plan.aspect, inputs.names(), columns)?;
        Ok::<_, Error>(output)
    };
    let of_a: Vec<&[f64]> = a.iter().map(Vec::as_slice).collect();
    let of_b: Vec<&[f64]> = b.iter().map(Vec::as_slice).collect();
    let (mut y_a, mut y_b) = (outputs(&of_a)?, outputs(&of_b)?);
    let view = View::new(plan.aspect, &y_a, &y_b);
    view.apply(&mut y_a);
    view.apply(&mut y_b);

    // Per group and row, the terms whose means are the partial variances.
    let mut terms = Vec::new();
    for (_, members) in &groups {
        let mut mixed = of_a.clone();
        for &member in members {
            mixed[member] = of_b[member];
        }
        let mut y = outputs(&mixed)?;
        view.apply(&mut y);
        let first: Vec<f64> = (0..n).map(|i| y_b[i] * (y[i] - y_a[i])).collect();
        for (value, a) in y.iter_mut().zip(&y_a) {
            *value = 0.5 * (a - *value) * (a - *value);
        }
        terms.push([first, y]);
    }
    let sums: Vec<f64> = y_a.iter().zip(&y_b).map(|(a, b)| a + b).collect();
    let squares: Vec<f64> = y_a.iter().zip(&y_b).map(|(a, b)| a * a + b * b).collect();

    let shares = |mean: &dyn Fn(&[f64]) -> f64| {
        let centre = mean(&sums) / 2.0;
        let variance = mean(&squares) / 2.0 - centre * centre;
        let of: Vec<[f64; 2]> = terms
            .iter()
            .map(|pair| [mean(&pair[0]) / variance, mean(&pair[1]) / variance])
            .collect();
        (variance, of)
    };
    let (variance, point) = shares(&|column| column.iter().sum::<f64>() / n as f64);
    if variance <= 0.0 {
        return Err(Error::Output {
            kind: "the same",
            count: 2 * n,
            total: 2 * n,
            first: describe_row(inputs.names(), &of_a, 0),
            help: "an output that does not vary has no variance to explain",
        });
    }
    let resampled: Vec<Vec<[f64; 2]>> = (0..plan.bootstraps)
        .into_par_iter()
        .map(|round| {
            let weights = bootstrap_weights(plan.seed, round, n);
            shares(&|column| weighted_sum(&weights, column) / n as f64).1
        })
        .collect();

    let reach = normal::quantile(plan.level.upper());
    let share = |group: usize, which: usize| {
        let value = point[group][which];
        let around = crate::estimate::Moments::of(resampled.iter().map(|r| r[group][which]));
        let half = reach * around.variance.sqrt();
        Share { value, low: value - half, high: value + half }
    };
    let indices = groups
        .iter()
        .enumerate()
        .map(|(i, (name, members))| Index {
            name: name.clone(),
            inputs: members.iter().map(|&member| inputs.names()[member].clone()).collect(),
            first: share(i, 0),
            total: share(i, 1),
        })
        .collect();
    let evaluations = n * (groups.len() + 2);
    Ok(SobolIndices { indices, aspect: plan.aspect, level: plan.level, variance, evaluations })
}

/// How often each row is drawn in one bootstrap resample.
fn bootstrap_weights(seed: u64, round: usize, n: usize) -> Vec<f64> {
    let key = stream::key(seed, "sobol bootstrap", &round.to_string());
    let mut rng = ChaCha8Rng::from_seed(key);
    let mut weights = vec![0.0; n];
    for _ in 0..n {
        // The high half of a product maps 64 random bits onto 0..n without division.
        let row = (u128::from(rng.next_u64()) * n as u128) >> 64;
        weights[row as usize] += 1.0;
    }
    weights
}

/// The sum of products, in eight lanes so that it becomes vector code with a fixed order.
fn weighted_sum(weights: &[f64], values: &[f64]) -> f64 {
    const LANES: usize = 8;
    let mut lanes = [0.0; LANES];
    let (w, v) = (weights.chunks_exact(LANES), values.chunks_exact(LANES));
    let rest: f64 = w.remainder().iter().zip(v.remainder()).map(|(w, v)| w * v).sum();
    for (w, v) in w.zip(v) {
        for lane in 0..LANES {
            lanes[lane] += w[lane] * v[lane];
        }
    }
    lanes.iter().sum::<f64>() + rest
}

/// The groups to swap: those asked for, then the rest as they depend on each other.
fn grouped(
    inputs: &Inputs,
    sampler: &Sampler,
    asked: &[(String, Vec<String>)],
) -> Result<Vec<(String, Vec<usize>)>, Error> {
    let names = inputs.names();
    let mut taken = vec![false; names.len()];
    let mut groups = Vec::new();
    for (name, members) in asked {
        let mut places = Vec::new();
        for member in members {
            let place = inputs.index(member)?;
            if std::mem::replace(&mut taken[place], true) {
                return Err(Error::Duplicate(member.clone()));
            }
            places.push(place);
        }
        for bound in sampler.groups() {
            let (inside, outside): (Vec<usize>, Vec<usize>) =
                bound.members.iter().partition(|member| places.contains(member));
            if let (Some(&inside), Some(&outside)) = (inside.first(), outside.first()) {
                return Err(Error::Group {
                    group: name.clone(),
                    inside: names[inside].clone(),
                    outside: names[outside].clone(),
                });
            }
        }
        places.sort_unstable();
        if !places.is_empty() {
            groups.push((name.clone(), places));
        }
    }
    for bound in sampler.groups() {
        if !taken[bound.members[0]] {
            groups.push((bound.name.clone(), bound.members.clone()));
        }
    }
    groups.sort_by_key(|(_, members)| members[0]);
    Ok(groups)
}

/// Refuses values that the analysis cannot use, with the first row that gives one.
fn check(
    output: &[f64],
    aspect: Aspect,
    names: &[String],
    columns: &[&[f64]],
) -> Result<(), Error> {
    let report = |kind, help, bad: &dyn Fn(&f64) -> bool| match output.iter().position(bad) {
        None => Ok(()),
        Some(row) => Err(Error::Output {
            kind,
            count: output.iter().filter(|value| bad(value)).count(),
            total: output.len(),
            first: describe_row(names, columns, row),
            help,
        }),
    };
    report("undefined", "make the model give a number, or `never`, there", &|v| v.is_nan())?;
    if aspect == Aspect::Value {
        let help = "analyse its rank, or whether it is never, instead of its value";
        report("never", help, &|v| v.is_infinite())?;
    }
    Ok(())
}

/// How outputs become the numbers whose variance is explained.
enum View {
    /// Moved to mean zero, which lowers the noise of the first-order estimate.
    Centred(f64),
    /// Mid-rank among these sorted values, moved to mean zero.
    Rank(Vec<f64>),
    Never,
}

impl View {
    fn new(aspect: Aspect, a: &[f64], b: &[f64]) -> Self {
        match aspect {
            Aspect::Value => {
                let n = (a.len() + b.len()) as f64;
                Self::Centred(a.iter().chain(b).map(|v| v / n).sum())
            }
            Aspect::Rank => {
                let mut sorted = [a, b].concat();
                sorted.par_sort_unstable_by(f64::total_cmp);
                Self::Rank(sorted)
            }
            Aspect::Never => Self::Never,
        }
    }

    fn apply(&self, values: &mut [f64]) {
        match self {
            Self::Centred(mean) => values.iter_mut().for_each(|value| *value -= mean),
            Self::Rank(sorted) => values.par_iter_mut().for_each(|value| {
                let below = sorted.partition_point(|v| v < value);
                let up_to = sorted.partition_point(|v| v <= value);
                *value = (below + up_to) as f64 / (2 * sorted.len()) as f64 - 0.5;
            }),
            Self::Never => values
                .iter_mut()
                .for_each(|value| *value = f64::from(u8::from(*value == f64::INFINITY))),
        }
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |share: f64| (share * 100.0).round() + 0.0;
        let (low, high) = (percent(self.low.max(0.0)), percent(self.high));
        write!(f, "{}% ({low}% to {high}%)", percent(self.value.max(0.0)))
    }
}

#[cfg(test)]
#[path = "indices_tests.rs"]
mod tests;
