//! Intervals hold what they promise: measured on sweeps from a known law.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

use laws::{Chinchilla, FitOptions, Warning, fit};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal, StudentT};
use runs::{Flop, NatsPerToken, Observation, Observations, Parameters, Tokens, flop_6nd};

const TRUTH: Chinchilla = Chinchilla { e: 1.69, a: 406.4, b: 410.7, alpha: 0.34, beta: 0.28 };

#[derive(Clone, Copy)]
struct Sweep {
    budgets: usize,
    sizes: usize,
    /// Standard deviation of ln L, or the scale of Student's t with three degrees of freedom.
    noise: f64,
    heavy: bool,
    delta: f64,
    /// How far ln L falls below the law per squared decade of C above 1e17: what no law of this
    /// form can follow.
    bend: f64,
}

impl Sweep {
    /// Log-evenly spaced budgets from 1e17 to 1e19, and sizes to four times either side of the
    /// optimum.
    fn runs(self, random: &mut ChaCha8Rng) -> Observations {
        let mut rows = Vec::new();
        for b in 0..self.budgets {
            let c = 1e17 * 100_f64.powf(b as f64 / (self.budgets - 1) as f64);
            let best = TRUTH.optimal(Flop(c)).unwrap().parameters.get();
            for k in 0..self.sizes {
                let n = best * 4_f64.powf(2.0 * k as f64 / (self.sizes - 1) as f64 - 1.0);
                rows.push(self.run(Parameters(n), Tokens(c / 6.0 / n), random));
            }
        }
        Observations::new(rows)
    }

    fn run(self, parameters: Parameters, tokens: Tokens, random: &mut ChaCha8Rng) -> Observation {
        let error: f64 = if self.heavy {
            StudentT::new(3.0).unwrap().sample(random)
        } else {
            StandardNormal.sample(random)
        };
        let decades = (flop_6nd(parameters, tokens).get() / 1e17).log10();
        let ln_off = self.noise * error - self.bend * decades * decades;
        let loss = TRUTH.loss(parameters, tokens) * ln_off.exp();
        Observation { run: format!("{parameters} {tokens}"), parameters, tokens, loss }
    }
}

/// Shares of `trials` sweeps whose 90 % intervals held the loss of a new run, and the law's own
/// loss, at the optimum of ten times the largest budget; whose interval of alpha held it; that
/// held the new run's loss when the backtest is left out; and that warned of a one-sided backtest.
fn coverage(sweep: Sweep, trials: u64) -> [f64; 5] {
    let options = FitOptions { huber_delta: sweep.delta, bootstrap: 150, level: 0.9, seed: 0 };
    let mut held = [0.0; 5];
    for seed in 0..trials {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let observations = sweep.runs(&mut random);
        let mut fit = fit(&observations, &FitOptions { seed, ..options }).unwrap();
        let target = TRUTH.optimal(Flop(1e20)).unwrap();
        let NatsPerToken(new) = sweep.run(target.parameters, target.tokens, &mut random).loss;
        let prediction = fit.predict(target.parameters, target.tokens, 0.9, seed);
        assert!((prediction.extrapolation_decades - 1.0).abs() < 1e-9);
        let alpha = fit.interval("alpha").unwrap().contains(TRUTH.alpha);
        let warned =
            fit.warnings.iter().any(|warning| matches!(warning, Warning::ExtrapolationBias { .. }));
        fit.backtest = None;
        let without = fit.predict(target.parameters, target.tokens, 0.9, seed);
        for (held, is) in held.iter_mut().zip([
            prediction.new_run_interval.unwrap().contains(new),
            prediction.law_interval.unwrap().contains(target.loss.get()),
            alpha,
            without.new_run_interval.unwrap().contains(new),
            warned,
        ]) {
            *held += f64::from(u8::from(is)) / trials as f64;
        }
    }
    held
}

#[test]
fn intervals_ten_times_beyond_the_sweep_hold_about_nine_times_in_ten() {
    let sweep = |budgets, sizes, noise, heavy, delta| Sweep {
        budgets,
        sizes,
        noise,
        heavy,
        delta,
        bend: 0.0,
    };
    // With 100 sweeps the share itself has a standard error of 3 points.
    for (name, sweep, least) in [
        ("25 runs, 1 %", sweep(5, 5, 0.01, false, 1e-3), 0.85),
        ("25 runs, 1 %, least squares", sweep(5, 5, 0.01, false, 1.0), 0.82),
        ("25 runs, 0.3 %", sweep(5, 5, 0.003, false, 1e-3), 0.85),
        ("20 runs, 1 %", sweep(5, 4, 0.01, false, 1e-3), 0.85),
        ("25 runs, 1 % heavy tails", sweep(5, 5, 0.01, true, 1e-3), 0.82),
        ("9 runs, 1 %", sweep(3, 3, 0.01, false, 1e-3), 0.80),
        ("6 runs, 1 %", sweep(3, 2, 0.01, false, 1e-3), 0.60),
    ] {
        let [new, law, alpha, without, warned] = coverage(sweep, 100);
        eprintln!(
            "{name}: new run {new:.3} ({without:.3} without the backtest), law {law:.3}, alpha \
             {alpha:.3}, warned {warned:.3}"
        );
        assert!((least..=1.0).contains(&new), "{name}: {new}");
        assert!(new - without < 0.1 && warned < 0.1, "{name}: {new} {without} {warned}");
    }
}

#[test]
fn a_law_that_bends_is_noticed_and_widens_the_intervals() {
    for (bend, noise, least) in [(0.01, 0.01, 0.85), (0.02, 0.01, 0.80), (0.02, 0.003, 0.90)] {
        let sweep = Sweep { budgets: 5, sizes: 5, noise, heavy: false, delta: 1e-3, bend };
        let [new, _, _, without, warned] = coverage(sweep, 100);
        eprintln!("bend {bend}, noise {noise}: {new:.3}, {without:.3} without, warned {warned:.3}");
        assert!(warned > if noise < 0.01 { 0.5 } else { 0.02 }, "{bend}, {noise}: {warned}");
        assert!(new >= least && new > without, "{bend}, {noise}: {new} {without}");
    }
}

#[test]
fn a_fit_is_the_same_for_any_number_of_threads_and_another_for_another_seed() {
    let sweep = Sweep { budgets: 5, sizes: 5, noise: 0.01, heavy: false, delta: 1e-3, bend: 0.0 };
    let observations = sweep.runs(&mut ChaCha8Rng::seed_from_u64(1));
    let with = |threads: usize, seed: u64| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let options = FitOptions { bootstrap: 200, seed, ..FitOptions::default() };
        pool.install(|| fit(&observations, &options).unwrap())
    };
    let one = with(1, 7);
    assert_eq!(one, with(3, 7));
    assert_ne!(one.draws, with(1, 8).draws);
    let (n, d) = (Parameters(1e9), Tokens(2e10));
    assert_eq!(one.predict(n, d, 0.9, 3), one.predict(n, d, 0.9, 3));
}

#[test]
fn checkpoints_of_one_run_do_not_narrow_the_intervals() {
    let sweep = Sweep { budgets: 5, sizes: 5, noise: 0.01, heavy: false, delta: 1e-3, bend: 0.0 };
    let once = sweep.runs(&mut ChaCha8Rng::seed_from_u64(2));
    let values = once.parameters().zip(once.tokens()).zip(once.loss());
    let each: Vec<Observation> = once
        .run_names()
        .zip(values)
        .map(|(run, ((parameters, tokens), loss))| Observation {
            run: run.into_owned(),
            parameters,
            tokens,
            loss,
        })
        .collect();
    let rows = |copies: usize, own: bool| {
        Observations::new((0..once.len() * copies).map(|i| {
            let row = each[i / copies].clone();
            let run = if own { format!("{} {i}", row.run) } else { row.run };
            Observation { run, ..row }
        }))
    };
    let width = |observations: &Observations| {
        let options = FitOptions { bootstrap: 400, ..FitOptions::default() };
        let interval = fit(observations, &options).unwrap().interval("alpha").unwrap();
        interval.high - interval.low
    };
    let (single, kept_together, torn_apart) =
        (width(&once), width(&rows(9, false)), width(&rows(9, true)));
    assert!((kept_together / single - 1.0).abs() < 0.2, "{kept_together} {single}");
    assert!(torn_apart < 0.6 * single, "{torn_apart} {single}");
}
