//! What more runs that narrow the law are worth before the large run is sized.
//!
//! The draws of the law are the worlds that may be true. Now: the size of the large run with the
//! least mean waste over all of them, where the waste of a size is the share of the compute that
//! the best size would not have needed for the same loss (deadweight). After: in each of some
//! worlds the runs are simulated with their scatter, the worlds are weighed by how likely they make
//! what was seen, and the size is chosen again. The difference of the mean wastes is what the runs
//! teach; it is set against their own compute.

use diagnostic::Diagnostic;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use rayon::prelude::*;
use runs::{Flop, Parameters, Tokens};

use super::family::above_zero;
use super::frontier::{Table, optimum, plain};
use crate::{Believed, Drawn, Frontier};

/// Runs to learn from, before a large run.
#[derive(Debug, Clone, PartialEq)]
pub struct Learn {
    /// Compute of the large run if nothing is tried before it.
    pub budget: Flop,
    /// The runs: N and D of each.
    pub runs: Vec<(Parameters, Tokens)>,
    /// The standard deviation of ln loss between a run and the law.
    pub scatter: f64,
    /// Worlds in which the runs are simulated.
    pub worlds: usize,
    /// The seed.
    pub seed: u64,
}

/// What the runs teach.
#[derive(Debug, Clone, PartialEq)]
pub struct Learned {
    /// The size that is best to choose now.
    pub size_now: Parameters,
    /// The waste of that size in every draw, as a share of the compute.
    pub waste_now: Drawn<f64>,
    /// The mean waste now.
    pub now: f64,
    /// The mean waste after the runs, of a large run as large as before.
    pub after: f64,
    /// Standard error of `now - after` over the simulated worlds.
    pub standard_error: f64,
    /// The mean waste if the law were known.
    pub known: f64,
    /// Compute of the runs.
    pub price: Flop,
    /// Compute saved on average, less the price of the runs.
    pub net: Flop,
    /// The sizes chosen after the runs, one a simulated world.
    pub sizes_after: Vec<f64>,
    /// How many draws still carry weight after the runs, in the median world. Where few do, the
    /// runs teach more than so few draws can show.
    pub effective_draws: f64,
}

/// Sizes among which the large run is chosen.
const SIZES: usize = 161;
/// From so many e-folds below the best size to as many above.
const REACH: f64 = 2.0;

impl Learn {
    /// Runs of `compute` each at `count` sizes, a factor of `spread` from the smallest to the
    /// largest around the best size of that compute under the best values.
    ///
    /// # Errors
    /// A law without an optimum there.
    pub fn profile(
        law: &Believed,
        compute: Flop,
        count: usize,
        spread: f64,
    ) -> Result<Vec<(Parameters, Tokens)>, Diagnostic> {
        above_zero("compute of a run", compute.get())?;
        if !(1..=1000).contains(&count) || !(1.0..=1e6).contains(&spread) {
            return Err(Diagnostic::error(format!("{count} runs over a factor of {spread}"))
                .help("give 1 to 1000 runs, over a factor of 1 to 1e6"));
        }
        let middle = optimum(&plain(law)?, compute)?.0;
        let steps = (count as f64 - 1.0).max(1.0);
        Ok((0..count)
            .map(|i| {
                let offset = if count == 1 { 0.0 } else { i as f64 / steps - 0.5 };
                let n = middle * spread.powf(offset);
                (Parameters(n), Tokens(compute.get() / (6.0 * n)))
            })
            .collect())
    }

    /// What the runs teach about the size of the large run.
    ///
    /// # Errors
    /// A law without draws or with more than N and D, and numbers out of range.
    pub fn answer(&self, law: &Believed) -> Result<Learned, Diagnostic> {
        let budget = self.budget.get();
        above_zero("budget", budget)?;
        if law.draws() < 100 {
            return Err(Diagnostic::error(format!(
                "`{}` has {} draws, too few to learn from",
                law.name,
                law.draws()
            ))
            .note("published constants are one point: nothing is left to learn about them")
            .help("give a fit of your own runs with at least 100 draws"));
        }
        if !(self.scatter > 0.0 && self.scatter < 1.0) {
            return Err(Diagnostic::error(format!("a scatter of {} in ln loss", self.scatter))
                .help("give a number above 0 and below 1, such as 0.005"));
        }
        if self.worlds < 2 || self.worlds > 1_000_000 {
            return Err(Diagnostic::error(format!("{} worlds", self.worlds))
                .help("give from 2 to 1,000,000"));
        }
        let frontier = plain(law)?;
        let sizes = self.sizes(&frontier)?;
        let waste = self.wastes(&frontier, &sizes)?;
        let draws = law.draws();
        let mut seen = Vec::with_capacity(self.runs.len());
        let mut price = 0.0;
        for (n, d) in &self.runs {
            above_zero("size of a run", n.get())?;
            above_zero("number of tokens of a run", d.get())?;
            price += 6.0 * n.get() * d.get();
            let losses = frontier.run(*n, *d)?.loss.draws;
            seen.push(losses.iter().map(|loss| loss.ln()).collect::<Vec<f64>>());
        }
        let even = vec![1.0 / draws as f64; draws];
        let (place, now) = choose(&waste, &even);
        let known = (0..draws)
            .map(|draw| waste.iter().map(|w| w[1 + draw]).fold(f64::INFINITY, f64::min))
            .sum::<f64>()
            / draws as f64;
        let worlds = self.worlds.min(draws);
        let results: Vec<(f64, usize, f64)> = (0..worlds)
            .into_par_iter()
            .map(|world| self.world(world * draws / worlds, &seen, &waste))
            .collect();
        let after = results.iter().map(|(waste, ..)| waste).sum::<f64>() / worlds as f64;
        // Against the waste of today's choice in the same worlds.
        let gains: Vec<f64> = (results.iter().enumerate())
            .map(|(world, (after, ..))| waste[place][1 + world * draws / worlds] - after)
            .collect();
        let gain = gains.iter().sum::<f64>() / worlds as f64;
        let variance =
            gains.iter().map(|g| (g - gain).powi(2)).sum::<f64>() / (worlds as f64 - 1.0);
        let mut effective: Vec<f64> = results.iter().map(|(.., effective)| *effective).collect();
        effective.sort_by(f64::total_cmp);
        Ok(Learned {
            size_now: Parameters(sizes[place]),
            waste_now: Drawn::from_rows(&waste[place]),
            now,
            after: if self.runs.is_empty() { now } else { after.min(now) },
            standard_error: (variance / worlds as f64).sqrt(),
            known,
            price: Flop(price),
            net: Flop((now - after.min(now)) * budget - price),
            sizes_after: results.iter().map(|(_, place, _)| sizes[*place]).collect(),
            effective_draws: effective[worlds / 2],
        })
    }

    fn sizes(&self, frontier: &Frontier) -> Result<Vec<f64>, Diagnostic> {
        let middle = optimum(frontier, self.budget)?.0.ln();
        let step = 2.0 * REACH / (SIZES as f64 - 1.0);
        Ok((0..SIZES).map(|i| (middle - REACH + step * i as f64).exp()).collect())
    }

    /// By size and row: the share of the budget that the best size would not have needed.
    fn wastes(&self, frontier: &Frontier, sizes: &[f64]) -> Result<Vec<Vec<f64>>, Diagnostic> {
        let budget = self.budget.get();
        let table = Table::new(frontier, Flop(budget * 1e-3), Flop(budget * 1.2))?;
        let mut wastes = Vec::with_capacity(sizes.len());
        for &n in sizes {
            let run = frontier.run(Parameters(n), Tokens(budget / (6.0 * n)))?;
            let reached = run.loss.rows();
            let waste = |(row, loss): (usize, &f64)| {
                let needed = table.ln_compute(row, *loss);
                // Beyond the table nearly all is wasted.
                if needed.is_nan() { 0.999 } else { (1.0 - (needed - budget.ln()).exp()).max(0.0) }
            };
            wastes.push(reached.iter().enumerate().map(waste).collect());
        }
        Ok(wastes)
    }

    /// The waste after the runs in the world of one draw, the size chosen, and how many draws
    /// still carry weight.
    fn world(&self, truth: usize, seen: &[Vec<f64>], waste: &[Vec<f64>]) -> (f64, usize, f64) {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream(truth as u64);
        let draws = waste[0].len() - 1;
        let mut log_weights = vec![0.0; draws];
        for losses in seen {
            let noise: f64 = rng.sample(StandardNormal);
            let measured = losses[truth] + self.scatter * noise;
            for (weight, loss) in log_weights.iter_mut().zip(losses) {
                *weight -= 0.5 * ((measured - loss) / self.scatter).powi(2);
            }
        }
        let most = log_weights.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let mut weights: Vec<f64> = log_weights.iter().map(|w| (w - most).exp()).collect();
        let sum: f64 = weights.iter().sum();
        for weight in &mut weights {
            *weight /= sum;
        }
        let effective = 1.0 / weights.iter().map(|w| w * w).sum::<f64>();
        let (place, _) = choose(waste, &weights);
        (waste[place][1 + truth], place, effective)
    }
}

/// The size with the least mean waste.
fn choose(waste: &[Vec<f64>], weights: &[f64]) -> (usize, f64) {
    let mean =
        |row: &Vec<f64>| row[1..].iter().zip(weights).map(|(waste, w)| waste * w).sum::<f64>();
    waste.iter().map(mean).enumerate().fold((0, f64::INFINITY), |best, (place, mean)| {
        if mean < best.1 { (place, mean) } else { best }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A law whose exponents are unsure.
    fn law() -> Believed {
        let base = Believed::published("besiroglu-2024").unwrap();
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let mut columns = formula::Columns::new(2001);
        let shifts: Vec<f64> = (0..2000).map(|_| rng.sample::<f64, _>(StandardNormal)).collect();
        for (name, column) in base.values().clone().into_columns() {
            // A and alpha move together, so that losses near 1e9 parameters stay as they are.
            let moved = |shift: &f64| match name.as_str() {
                "alpha" => column[0] + 0.04 * shift,
                "A" => column[0] * (0.04 * shift * 1e9_f64.ln()).exp(),
                _ => column[0],
            };
            let draws = shifts.iter().map(moved);
            columns.set(name.as_str(), std::iter::once(column[0]).chain(draws).collect());
        }
        Believed::stated("unsure", base.law, columns)
    }

    fn learn(runs: Vec<(Parameters, Tokens)>, scatter: f64) -> Learned {
        Learn { budget: Flop(1e24), runs, scatter, worlds: 300, seed: 1 }.answer(&law()).unwrap()
    }

    #[test]
    fn sharper_runs_teach_more_and_no_runs_teach_nothing() {
        let runs = |compute| Learn::profile(&law(), Flop(compute), 5, 16.0).unwrap();
        let none = learn(Vec::new(), 0.005);
        assert_eq!((none.after, none.price, none.net), (none.now, Flop(0.0), Flop(0.0)));
        assert!(none.known < 1e-3 && none.now > 0.002, "{} {}", none.known, none.now);
        let blurred = learn(runs(1e22), 0.05);
        let sharp = learn(runs(1e22), 0.002);
        assert!(sharp.after < blurred.after && blurred.after <= none.now);
        assert!(sharp.after < 0.3 * none.now, "{} {}", sharp.after, none.now);
        let many = Learn::profile(&law(), Flop(1e22), 20, 16.0).unwrap();
        assert!(learn(many, 0.05).after < blurred.after);
        assert!((sharp.price.get() / 5e22 - 1.0).abs() < 1e-9);
        assert!(sharp.effective_draws < none.effective_draws);
    }

    #[test]
    fn the_waste_of_a_wrong_size_is_the_closed_form_of_chinchilla() {
        let law = law();
        let question =
            Learn { budget: Flop(1e24), runs: Vec::new(), scatter: 0.01, worlds: 2, seed: 0 };
        let frontier = plain(&law).unwrap();
        let best = optimum(&frontier, Flop(1e24)).unwrap().0;
        let waste = question.wastes(&frontier, &[best, 2.0 * best]).unwrap();
        assert!(waste[0][0] < 1e-3);
        // L - E over the least L - E, to the power 1 / gamma.
        let (alpha, beta): (f64, f64) = (0.3478, 0.3658);
        let gamma = alpha * beta / (alpha + beta);
        let ratio = (beta * 2_f64.powf(-alpha) + alpha * 2_f64.powf(beta)) / (alpha + beta);
        let expected = 1.0 - ratio.powf(-1.0 / gamma);
        assert!((waste[1][0] - expected).abs() < 1e-3, "{} {expected}", waste[1][0]);
    }

    #[test]
    fn what_cannot_be_learnt_from_is_refused() {
        let point = Believed::published("besiroglu-2024").unwrap();
        let good =
            Learn { budget: Flop(1e24), runs: Vec::new(), scatter: 0.01, worlds: 9, seed: 0 };
        assert!(good.answer(&point).unwrap_err().to_string().contains("one point"));
        for bad in [
            Learn { budget: Flop(0.0), ..good.clone() },
            Learn { scatter: 0.0, ..good.clone() },
            Learn { worlds: 0, ..good.clone() },
            Learn { runs: vec![(Parameters(-1.0), Tokens(1.0))], ..good.clone() },
        ] {
            assert!(bad.answer(&law()).is_err(), "{bad:?}");
        }
        assert!(Learn::profile(&law(), Flop(1e20), 0, 4.0).is_err());
    }
}
