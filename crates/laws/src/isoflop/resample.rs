//! The analysis repeated on other losses: what the noise of the runs does to the optima.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::Approach2Options;
use super::parabola::Basis;
use super::profile::{Design, Vertex};

/// How a resample of the runs is made.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Resampling {
    /// The parabolas plus relative residuals drawn from all budgets together, each made as large
    /// as its error was before the fit (divided by the root of one minus its leverage). The
    /// design stays; the noise is taken as the same share of the loss everywhere, since one
    /// budget alone leaves too few to draw from.
    Residuals,
    /// Runs of each budget drawn with replacement, all rows of a run together.
    Runs,
    /// The measured losses plus normal noise of a known size, a share of the loss.
    Noise {
        /// Standard deviation of a run's loss over the loss: 0.004 for 0.4 %.
        relative_sd: f64,
    },
}

/// One budget that is resampled.
pub(super) struct Budget<'a> {
    pub(super) design: &'a Design,
    /// Measured losses.
    pub(super) loss: &'a [f64],
    /// The parabola at every row.
    pub(super) fitted: Vec<f64>,
}

impl<'a> Budget<'a> {
    pub(super) fn new(design: &'a Design, loss: &'a [f64]) -> Option<Self> {
        let basis = Basis::new(&design.ln_n, &vec![1.0; loss.len()])?;
        let parabola = basis.fit(&design.ln_n, &vec![1.0; loss.len()], loss)?;
        let fitted = design.ln_n.iter().map(|&x| parabola.at(x)).collect();
        Some(Self { design, loss, fitted })
    }
}

/// Residuals over the loss, each scaled to the size of its error, of mean zero.
pub(super) fn relative_residuals(budgets: &[Budget]) -> Vec<f64> {
    let mut residuals = Vec::new();
    for Budget { design, loss, fitted } in budgets {
        let Some(basis) = Basis::new(&design.ln_n, &vec![1.0; loss.len()]) else { continue };
        for ((&x, &y), &height) in design.ln_n.iter().zip(*loss).zip(fitted) {
            // A point that the parabola goes through by force says nothing.
            let left = 1.0 - basis.leverage(x);
            if left > 0.05 && height > 0.0 {
                residuals.push((y - height) / height / left.sqrt());
            }
        }
    }
    let mean = residuals.iter().sum::<f64>() / residuals.len().max(1) as f64;
    for residual in &mut residuals {
        *residual -= mean;
    }
    residuals
}

/// The optimum of every budget in every resample: `draws[resample][budget]`.
///
/// Each resample has its own random stream, so that the result does not depend on the number of
/// threads.
pub(super) fn resample(
    budgets: &[Budget],
    residuals: &[f64],
    options: &Approach2Options,
) -> Vec<Vec<Option<Vertex>>> {
    let most = budgets.iter().map(|budget| budget.loss.len()).max().unwrap_or(0);
    (0..options.resamples)
        .into_par_iter()
        .map_init(
            || (vec![1.0; most], vec![0.0; most]),
            |(weight, loss), index| {
                let mut random = ChaCha8Rng::seed_from_u64(options.seed);
                random.set_stream(index as u64);
                budgets
                    .iter()
                    .map(|budget| {
                        let rows = budget.loss.len();
                        let (weight, loss) = (&mut weight[..rows], &mut loss[..rows]);
                        draw(budget, residuals, options, &mut random, weight, loss)
                    })
                    .collect()
            },
        )
        .collect()
}

fn draw(
    budget: &Budget,
    residuals: &[f64],
    options: &Approach2Options,
    random: &mut ChaCha8Rng,
    weight: &mut [f64],
    loss: &mut [f64],
) -> Option<Vertex> {
    weight.fill(1.0);
    match options.resampling {
        Resampling::Residuals => {
            for (loss, fitted) in loss.iter_mut().zip(&budget.fitted) {
                *loss = fitted * (1.0 + residuals[random.random_range(0..residuals.len())]);
            }
        }
        Resampling::Noise { relative_sd } => {
            for (loss, measured) in loss.iter_mut().zip(budget.loss) {
                let noise: f64 = StandardNormal.sample(random);
                *loss = measured * (1.0 + relative_sd * noise);
            }
        }
        Resampling::Runs => {
            loss.copy_from_slice(budget.loss);
            weight.fill(0.0);
            let runs = &budget.design.runs;
            for _ in 0..runs.len() {
                for &row in &runs[random.random_range(0..runs.len())] {
                    weight[row] += 1.0;
                }
            }
        }
    }
    let seen = budget.design.look(weight, loss, options.tokens);
    match budget.design.judge(weight, seen.as_ref(), options) {
        None => seen.map(|seen| seen.vertex),
        Some(_) => None,
    }
}
