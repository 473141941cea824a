//! Many small bets against one large run: how many ideas to try, at which scale, before the rest
//! of the budget goes to the best of them.
//!
//! An idea has a true effect e at the scale of the large run, drawn from the prior. Tried at a
//! scale d decades below, it shows an effect that is correlated with e by transfer^d and follows
//! the same prior, plus noise: y = m + rho (e - m) + sqrt(1 - rho^2) (u - m) + noise, with m the
//! prior's mean and u another draw of the prior. The idea with the largest y is taken where its
//! best linear estimate m + rho V / (V + noise^2) (y - m), V the prior's variance, is above zero;
//! otherwise the large run goes without. Every number of ideas and every scale meets the same
//! worlds, so that they differ by the choice and not by luck.

use diagnostic::Diagnostic;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use rayon::prelude::*;
use runs::Flop;

use super::family::above_zero;
use super::frontier::{Table, plain};
use super::odds::Odds;
use super::prior::Prior;
use crate::{Believed, Drawn};

/// What the effect of an idea is measured in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// ln of the compute-equivalent gain: 0.1 is as good as 10.5 % more compute.
    Compute,
    /// Loss saved, in the unit of the law.
    Loss,
}

/// The worlds that draws of the odds meet; the best values meet [`Bets::worlds`].
const WORLDS_PER_DRAW: usize = 1000;
/// Worlds that one task simulates; results do not depend on it.
const CHUNK: usize = 250;
/// The most simulated experiments: some ten seconds.
const MOST_LOOKS: f64 = 3e9;
/// The most ideas.
const MOST_IDEAS: usize = 4096;

/// The question.
#[derive(Debug, Clone)]
pub struct Bets {
    /// Compute of experiments and large run together.
    pub budget: Flop,
    /// What ideas are worth.
    pub prior: Prior,
    /// What that is measured in.
    pub effect: Effect,
    /// How well experiments tell.
    pub odds: Odds,
    /// The compute of one experiment, at each scale that is considered.
    pub scales: Vec<Flop>,
    /// How many ideas there are at most.
    pub ideas: usize,
    /// Simulated worlds.
    pub worlds: usize,
    /// The seed.
    pub seed: u64,
}

/// One way to go about it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bet {
    /// Experiments.
    pub k: usize,
    /// Compute of one of them.
    pub scale: Flop,
    /// The mean gain over one large run alone: ln of effective compute, or loss saved.
    pub gain: f64,
}

/// What comes out.
#[derive(Debug, Clone, PartialEq)]
pub struct BetsAnswer {
    /// Every number of ideas (0 first) at every scale, under the best values.
    pub table: Vec<Bet>,
    /// The best of them.
    pub best: Bet,
    /// Standard error of the best one's gain over the simulated worlds.
    pub standard_error: f64,
    /// The best number of experiments, under the best values and every draw of the odds.
    pub k: Drawn<f64>,
    /// Their share of the budget.
    pub share: Drawn<f64>,
    /// The compute of one of them; NaN where none is best.
    pub scale: Drawn<f64>,
    /// The gain of the best way of each draw.
    pub gain: Drawn<f64>,
    /// The final loss of one large run alone, under every draw of the law.
    pub loss_alone: Drawn<f64>,
    /// The mean final loss of the best way, with the best values of the odds.
    pub loss: Drawn<f64>,
    /// In each world, the gain of the best way: luck, under the best values.
    pub luck: Vec<f64>,
    /// Share of the worlds in which an idea is taken.
    pub taken: f64,
}

/// What one row of the odds makes of one scale.
#[derive(Clone, Copy)]
struct Telling {
    rho: f64,
    rest: f64,
    noise: f64,
    /// An idea is taken where its measured effect is above this.
    threshold: f64,
}

impl Bets {
    /// Scales from a tenth of the budget down to a millionth, two a decade.
    pub fn usual_scales(budget: Flop) -> Vec<Flop> {
        (2..=12).map(|half| Flop(budget.get() * 10_f64.powf(-0.5 * f64::from(half)))).collect()
    }

    /// The numbers of ideas considered: 1, 2, 3, 4, 6, 8, 12, ... up to all.
    fn counts(&self) -> Vec<usize> {
        let steps = (0..usize::BITS - 2).flat_map(|power| [2_usize << power, 3_usize << power]);
        let mut counts: Vec<usize> = steps.filter(|count| *count < self.ideas).collect();
        counts.push(1);
        counts.push(self.ideas);
        counts.sort_unstable();
        counts.dedup();
        counts
    }

    /// The best way to spend the budget, with `law` saying what effective compute is worth.
    ///
    /// # Errors
    /// Numbers out of range, and a law that takes more than N and D.
    pub fn answer(&self, law: &Believed) -> Result<BetsAnswer, Diagnostic> {
        let budget = self.budget.get();
        above_zero("budget", budget)?;
        if !(1..=MOST_IDEAS).contains(&self.ideas) {
            return Err(Diagnostic::error(format!("{} ideas", self.ideas))
                .help(format!("give from 1 to {MOST_IDEAS}")));
        }
        if !(100..=10_000_000).contains(&self.worlds) {
            return Err(Diagnostic::error(format!("{} worlds", self.worlds))
                .help("give from 100 to 10,000,000"));
        }
        let drawn = self.worlds.min(WORLDS_PER_DRAW) * self.odds.rows();
        let looks = (self.worlds + drawn) as f64 * (self.ideas * self.scales.len()) as f64;
        if looks > MOST_LOOKS {
            return Err(Diagnostic::error(format!(
                "{looks:.0e} simulated experiments would take minutes"
            ))
            .help("take fewer worlds, ideas, scales or draws"));
        }
        for scale in &self.scales {
            if !(scale.get() > 0.0 && scale.get() < budget) {
                return Err(Diagnostic::error(format!(
                    "an experiment of {:e} FLOP is not below the budget of {budget:e}",
                    scale.get()
                )));
            }
        }
        let frontier = Table::new(&plain(law)?, Flop(budget * 1e-3), Flop(budget * 1e3))?;
        let counts = self.counts();
        let sums = self.simulate(&counts);
        let rows = self.odds.rows();
        let gains: Vec<Vec<Bet>> = (0..rows)
            .map(|row| self.table(row, &counts, &sums, &frontier, row % frontier.rows()))
            .collect();
        let best_of = |table: &[Bet]| {
            let first = table[0];
            table.iter().fold(first, |best, bet| if bet.gain > best.gain { *bet } else { best })
        };
        let bests: Vec<Bet> = gains.iter().map(|table| best_of(table)).collect();
        let column = |of: fn(&Bet, f64) -> f64| {
            Drawn::from_rows(&bests.iter().map(|bet| of(bet, budget)).collect::<Vec<f64>>())
        };
        let best = bests[0];
        let (luck, taken, mean_effect) = self.luck(&best, &frontier);
        let losses: Vec<f64> = (0..frontier.rows())
            .map(|row| self.final_loss(&best, mean_effect, &frontier, row, &luck))
            .collect();
        let alone: Vec<f64> =
            (0..frontier.rows()).map(|row| frontier.loss(row, budget.ln())).collect();
        let variance = {
            let count = luck.len() as f64;
            let mean = luck.iter().sum::<f64>() / count;
            luck.iter().map(|gain| (gain - mean).powi(2)).sum::<f64>() / (count - 1.0)
        };
        Ok(BetsAnswer {
            best,
            standard_error: (variance / luck.len() as f64).sqrt(),
            k: column(|bet, _| bet.k as f64),
            share: column(|bet, budget| bet.k as f64 * bet.scale.get() / budget),
            scale: column(|bet, _| if bet.k == 0 { f64::NAN } else { bet.scale.get() }),
            gain: column(|bet, _| bet.gain),
            loss_alone: Drawn::from_rows(&alone),
            loss: Drawn::from_rows(&losses),
            table: gains.into_iter().next().unwrap_or_default(),
            luck,
            taken,
        })
    }

    fn telling(&self, row: usize, scale: Flop) -> Telling {
        let noise = self.odds.noise[row];
        let decades = (self.budget.get() / scale.get()).log10();
        let rho = self.odds.transfer[row].powf(decades);
        let variance = self.prior.spread().powi(2);
        let weight = rho * variance / (variance + noise * noise);
        let mean = self.prior.mean();
        // mean + weight (y - mean) > 0
        let threshold = if weight > 0.0 {
            mean - mean / weight
        } else if mean > 0.0 {
            f64::NEG_INFINITY
        } else {
            f64::INFINITY
        };
        Telling { rho, rest: (1.0 - rho * rho).max(0.0).sqrt(), noise, threshold }
    }

    /// Fills the ideas of world `world`: true effect, the part that small scales alone have, noise.
    fn ideas(&self, world: usize, ideas: &mut Vec<[f64; 3]>, count: usize) {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream(world as u64);
        ideas.clear();
        for _ in 0..count {
            let effect = self.prior.value(rng.random::<u32>());
            let other = self.prior.value(rng.random::<u32>());
            ideas.push([effect, other, rng.sample(StandardNormal)]);
        }
    }

    /// The effect of the idea that looks best among each of the first `counts`; 0 where none is
    /// taken.
    fn picked(
        &self,
        telling: &Telling,
        ideas: &[[f64; 3]],
        counts: &[usize],
        mut take: impl FnMut(usize, f64),
    ) {
        let mean = self.prior.mean();
        let (mut seen, mut best) = (f64::NEG_INFINITY, 0.0);
        let mut next = 0;
        for (i, [effect, other, noise]) in ideas.iter().enumerate() {
            let shown = mean
                + telling.rho * (effect - mean)
                + telling.rest * (other - mean)
                + telling.noise * noise;
            if shown > seen {
                (seen, best) = (shown, *effect);
            }
            if counts.get(next) == Some(&(i + 1)) {
                take(next, if seen > telling.threshold { best } else { 0.0 });
                next += 1;
            }
        }
    }

    /// Sums of effects over worlds, by row of the odds, scale and number of ideas.
    fn simulate(&self, counts: &[usize]) -> Vec<f64> {
        let rows = self.odds.rows();
        let scales = self.scales.len();
        let tellings: Vec<Telling> = (0..rows)
            .flat_map(|row| self.scales.iter().map(move |scale| (row, *scale)))
            .map(|(row, scale)| self.telling(row, scale))
            .collect();
        let cells = tellings.len() * counts.len();
        let of_chunk = |chunk: usize| {
            let mut sums = vec![0.0; cells];
            let mut ideas = Vec::new();
            for world in chunk * CHUNK..self.worlds.min((chunk + 1) * CHUNK) {
                self.ideas(world, &mut ideas, self.ideas);
                let met = if world < WORLDS_PER_DRAW { rows } else { 1 };
                for (place, telling) in tellings.iter().enumerate().take(met * scales) {
                    self.picked(telling, &ideas, counts, |count, effect| {
                        sums[place * counts.len() + count] += effect;
                    });
                }
            }
            sums
        };
        let chunks: Vec<Vec<f64>> =
            (0..self.worlds.div_ceil(CHUNK)).into_par_iter().map(of_chunk).collect();
        let mut total = vec![0.0; cells];
        for chunk in &chunks {
            for (sum, part) in total.iter_mut().zip(chunk) {
                *sum += part;
            }
        }
        total
    }

    /// The gain of every way under one row of the odds and of the law.
    fn table(
        &self,
        row: usize,
        counts: &[usize],
        sums: &[f64],
        frontier: &Table,
        law_row: usize,
    ) -> Vec<Bet> {
        let budget = self.budget.get();
        // Without an experiment an idea is taken only if it helps on average.
        let blind = self.prior.mean().max(0.0);
        let scale = self.scales.first().copied().unwrap_or(Flop(f64::NAN));
        let mut table = vec![Bet { k: 0, scale, gain: blind }];
        let worlds = if row == 0 { self.worlds } else { self.worlds.min(WORLDS_PER_DRAW) } as f64;
        for (s, &scale) in self.scales.iter().enumerate() {
            for (c, &k) in counts.iter().enumerate() {
                let left = budget - k as f64 * scale.get();
                if left <= 0.0 {
                    continue;
                }
                let place = (row * self.scales.len() + s) * counts.len() + c;
                let effect = sums[place] / worlds;
                let gain = effect - self.price(left, frontier, law_row);
                table.push(Bet { k, scale, gain });
            }
        }
        table
    }

    /// What is lost by a large run of `left` FLOP instead of the whole budget.
    fn price(&self, left: f64, frontier: &Table, row: usize) -> f64 {
        let budget = self.budget.get();
        match self.effect {
            Effect::Compute => (budget / left).ln(),
            Effect::Loss => frontier.loss(row, left.ln()) - frontier.loss(row, budget.ln()),
        }
    }

    /// The gain of a way in every world, the share of worlds in which an idea is taken, and the
    /// mean effect.
    fn luck(&self, bet: &Bet, frontier: &Table) -> (Vec<f64>, f64, f64) {
        let price = self.price(self.budget.get() - bet.k as f64 * bet.scale.get(), frontier, 0);
        if bet.k == 0 {
            return (vec![bet.gain; self.worlds], 0.0, bet.gain);
        }
        let telling = self.telling(0, bet.scale);
        let of_world = |world: usize| {
            let mut ideas = Vec::with_capacity(bet.k);
            self.ideas(world, &mut ideas, bet.k);
            let mut effect = 0.0;
            self.picked(&telling, &ideas, &[bet.k], |_, taken| effect = taken);
            effect
        };
        let effects: Vec<f64> = (0..self.worlds).into_par_iter().map(of_world).collect();
        let taken = effects.iter().filter(|effect| **effect != 0.0).count();
        let mean = effects.iter().sum::<f64>() / effects.len() as f64;
        let luck = effects.iter().map(|effect| effect - price).collect();
        (luck, taken as f64 / self.worlds as f64, mean)
    }

    /// The mean final loss under one row of the law.
    fn final_loss(
        &self,
        bet: &Bet,
        mean_effect: f64,
        frontier: &Table,
        row: usize,
        luck: &[f64],
    ) -> f64 {
        let budget = self.budget.get();
        match self.effect {
            Effect::Compute => {
                // A tenth of the worlds is plenty for a mean of smooth losses.
                let some = luck.iter().step_by(10);
                let count = some.len() as f64;
                some.map(|gain| frontier.loss(row, budget.ln() + gain)).sum::<f64>() / count
            }
            Effect::Loss => {
                let left = budget - bet.k as f64 * bet.scale.get();
                frontier.loss(row, left.ln()) - mean_effect
            }
        }
    }
}

#[cfg(test)]
#[path = "bets_tests.rs"]
mod tests;
