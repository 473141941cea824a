//! The objective over a plane: minimised over the linear parameters at every point of a grid of
//! two others.
//!
//! ```text
//!  axis 1 ──▶ columns of the terms that it moves ──┐
//!  axis 2 ──▶ columns of the terms that it moves ──┴─▶ per grid point, from its neighbour's
//!             (computed once per value)                solution: Newton steps inside the bounds
//! ```
//!
//! This is the picture behind a fit: the valley, second basins, and how sharp the minimum is. It
//! looks everywhere and knows nothing of the search, so it also checks it.

use diagnostic::Diagnostic;
use runs::Observations;

use crate::Law;
use crate::fit::check_size;
use crate::objective::Objective;
use crate::problem::Problem;
use crate::{FitError, FitOptions};

mod pass;
mod solve;
mod terms;

use terms::Terms;

/// Most linear parameters that are solved for.
const MOST_LINEAR: usize = 6;

/// Values of the first axis that one thread walks before it starts afresh. Fixed, so that the
/// answer does not depend on the number of threads.
const STRIP: usize = 16;

/// Newton steps stop where they promise less than this share of the objective.
const TOLERANCE: f64 = 1e-8;

/// The most numbers held in columns (2^26 of them are half a gigabyte), and grid points.
const MOST_ENTRIES: usize = 1 << 26;

/// A nonlinear parameter and the values it takes on a grid.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    /// The parameter's name.
    pub parameter: String,
    /// Its values, in the order in which the grid is walked: neighbours should be close.
    pub values: Vec<f64>,
}

impl Axis {
    /// `count` values in equal steps from `low` to `high`, both included.
    pub fn even(parameter: &str, low: f64, high: f64, count: usize) -> Self {
        let step = (high - low) / count.saturating_sub(1).max(1) as f64;
        let values = (0..count).map(|i| low + step * i as f64).collect();
        Self { parameter: parameter.to_owned(), values }
    }
}

/// The least objective at every point of a grid.
#[derive(Debug, Clone, PartialEq)]
pub struct Surface {
    /// The two parameters of the grid.
    pub axes: [Axis; 2],
    /// What was made small.
    pub objective: Objective,
    /// Its value (a sum over rows, right to about eight digits), the values of the second axis
    /// side by side for each of the first; infinite where the law has no value.
    pub values: Vec<f64>,
    /// The lowest point of the grid: every free parameter of the law, in its order.
    pub best: Vec<(String, f64)>,
    /// The objective there.
    pub best_value: f64,
    /// Passes over the rows in all, a measure of the work.
    pub passes: usize,
}

impl Surface {
    /// The objective at the `i`-th value of the first axis and the `j`-th of the second.
    pub fn value(&self, i: usize, j: usize) -> f64 {
        self.values[i * self.axes[1].values.len() + j]
    }

    /// The grid points that lie below all their neighbours, lowest first: one for every basin
    /// that the grid can tell apart.
    pub fn minima(&self) -> Vec<(usize, usize)> {
        let (rows, columns) = (self.axes[0].values.len(), self.axes[1].values.len());
        let mut minima: Vec<(usize, usize)> = (0..rows)
            .flat_map(|i| (0..columns).map(move |j| (i, j)))
            .filter(|&(i, j)| {
                let own = self.value(i, j);
                own.is_finite()
                    && (i.saturating_sub(1)..rows.min(i + 2)).all(|k| {
                        (j.saturating_sub(1)..columns.min(j + 2))
                            .all(|l| (k, l) == (i, j) || self.value(k, l) > own)
                    })
            })
            .collect();
        minima.sort_by(|a, b| self.value(a.0, a.1).total_cmp(&self.value(b.0, b.1)));
        minima
    }
}

/// Minimises the objective over the law's linear parameters, inside their bounds, at every point
/// of the grid of two others. Further nonlinear parameters have to be held
/// ([`FitOptions::held`]); of the options the resampling is not used.
///
/// ```
/// use laws::{Axis, FitOptions, catalogue, surface};
/// use runs::{NatsPerToken, Observation, Observations, Parameters, Tokens};
///
/// let law = catalogue::find("chinchilla")?;
/// let rows = [1e6, 3e6, 1e7, 3e7].into_iter().flat_map(|n: f64| {
///     [5.0, 20.0, 80.0].map(|ratio: f64| Observation {
///         run: format!("{n:e}/{ratio}"),
///         parameters: Parameters(n),
///         tokens: Tokens(ratio * n),
///         loss: NatsPerToken(1.69 + 406.4 / n.powf(0.34) + 410.7 / (ratio * n).powf(0.28)),
///     })
/// });
/// let axes = ["alpha", "beta"].map(|name| Axis::even(name, 0.2, 0.4, 101));
/// let surface = surface(&law, &Observations::new(rows), &FitOptions::default(), axes)?;
/// assert!((surface.best[3].1 - 0.34).abs() < 1e-9 && (surface.best[4].1 - 0.28).abs() < 1e-9);
/// assert_eq!(surface.minima(), [(70, 40)]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// Options out of range, names that the law does not have, parameters that are neither linear nor
/// on an axis nor held, a term that both axes move, and penalties other than Huber's and squares.
pub fn surface(
    law: &Law,
    observations: &Observations,
    options: &FitOptions,
    axes: [Axis; 2],
) -> Result<Surface, FitError> {
    let objective = options.objective.unwrap_or(Objective::standard(law.residuals));
    let (law, rows, model, shared) = options.prepare(law, observations)?;
    let problem = Problem::new(&law, &model, &rows, &shared)?;
    check_size(&law, &problem)?;
    let terms = Terms::new(&law, &problem, objective, axes)?;
    match model.linear.len() {
        1 => terms.walk::<1>(),
        2 => terms.walk::<2>(),
        3 => terms.walk::<3>(),
        4 => terms.walk::<4>(),
        5 => terms.walk::<5>(),
        MOST_LINEAR => terms.walk::<MOST_LINEAR>(),
        count => Err(refuse(format!(
            "a surface is drawn for 1 to {MOST_LINEAR} linear parameters, and `{}` has {count}",
            law.name
        ))),
    }
}

fn refuse(problem: String) -> FitError {
    FitError::Input(Diagnostic::error(problem))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ResidualScale;
    use crate::objective::Loss;
    use crate::{catalogue, fit};
    use runs::{NatsPerToken, Observation, Parameters, Tokens};

    /// 48 runs about Besiroglu's law with errors of a few parts in a thousand, some of them large.
    fn runs() -> Observations {
        Observations::new((0..48_u32).map(|i| {
            let n = 6e7 * 1.12_f64.powf(f64::from(i));
            let d = 20.0 * n * [0.2, 0.7, 2.0, 9.0][i as usize % 4];
            let error =
                0.004 * (f64::from(i * i) * 0.7).sin() * f64::from(1 + 6 * u32::from(i % 11 == 3));
            let law = 1.8172 + 482.01 / n.powf(0.3478) + 2085.43 / d.powf(0.3658);
            Observation {
                run: i.to_string(),
                parameters: Parameters(n),
                tokens: Tokens(d),
                loss: NatsPerToken(law * error.exp()),
            }
        }))
    }

    fn exponents(count: usize) -> [Axis; 2] {
        ["alpha", "beta"].map(|name| Axis::even(name, 0.05, 0.95, count))
    }

    const LINEAR: Objective =
        Objective { residuals: ResidualScale::Linear, loss: Loss::Huber { delta: 1e-3 } };

    fn options(objective: Objective) -> FitOptions {
        FitOptions {
            objective: Some(objective),
            bootstrap: 0,
            backtest: false,
            ..FitOptions::default()
        }
    }

    #[test]
    fn every_point_is_what_a_fit_with_these_exponents_finds() {
        let (law, runs) = (catalogue::find("chinchilla").unwrap(), runs());
        let squares = Objective::squares(ResidualScale::Log);
        for objective in [LINEAR, Objective::huber(1e-3), squares] {
            let picture = surface(&law, &runs, &options(objective), exponents(91)).unwrap();
            for (i, j) in [(0, 0), (30, 30), (5, 80), (80, 5), (90, 90), (29, 32), (60, 45)] {
                let place = [("alpha", 0, i), ("beta", 1, j)];
                let held = place
                    .map(|(name, axis, at)| (name.to_owned(), picture.axes[axis].values[at]))
                    .to_vec();
                let one = fit(&law, &runs, &FitOptions { held, ..options(objective) }).unwrap();
                let ratio = picture.value(i, j) / one.value;
                assert!((0.999_999..1.000_001).contains(&ratio), "{objective} {i} {j}: {ratio}");
            }
        }
    }

    #[test]
    fn the_lowest_point_lies_beside_the_minimum_that_the_search_finds() {
        let (law, runs) = (catalogue::find("chinchilla").unwrap(), runs());
        for objective in [LINEAR, Objective::huber(1e-3)] {
            let picture = surface(&law, &runs, &options(objective), exponents(181)).unwrap();
            let one = fit(&law, &runs, &options(objective)).unwrap();
            for (name, value) in &picture.best[3..] {
                let away = (value - one.value_of(name).unwrap()).abs();
                assert!(away <= 0.005 + 1e-12, "{name} {value} {away}");
            }
            assert!(picture.best_value >= one.value && picture.best_value < 1.1 * one.value);
            let (i, j) = picture.minima()[0];
            assert_eq!(picture.value(i, j), picture.best_value);
        }
    }

    #[test]
    fn the_number_of_threads_changes_no_bit() {
        let (law, runs) = (catalogue::find("chinchilla").unwrap(), runs());
        let on = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| surface(&law, &runs, &options(LINEAR), exponents(60)).unwrap())
        };
        assert_eq!(on(1), on(3));
    }

    #[test]
    fn what_cannot_be_drawn_is_said() {
        let (law, runs) = (catalogue::find("chinchilla").unwrap(), runs());
        let said = |law: &Law, options: &FitOptions, axes: [Axis; 2]| {
            surface(law, &runs, options, axes).unwrap_err().to_string()
        };
        let plain = options(LINEAR);
        let axis = |name: &str, count| Axis::even(name, 0.1, 0.9, count);
        assert!(said(&law, &plain, [axis("alpha", 9), axis("E", 9)]).contains("linearly"));
        assert!(said(&law, &plain, [axis("alpha", 9), axis("gamma", 9)]).contains("neither"));
        assert!(said(&law, &plain, [axis("alpha", 9), axis("beta", 0)]).contains("finite values"));
        assert!(said(&law, &plain, exponents(1 << 15)).contains("limit"));
        let student = Objective { loss: Loss::StudentT { degrees: 4.0 }, ..LINEAR };
        assert!(said(&law, &options(student), exponents(9)).contains("Huber"));
        let known = |name: &str| ["N", "D"].contains(&name);
        let joint = Law::typed("loss = E + A / (N^alpha * D^beta)", known).unwrap();
        assert!(said(&joint, &plain, exponents(9)).contains("same term"));
    }
}
