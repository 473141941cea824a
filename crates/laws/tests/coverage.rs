//! Intervals hold what they promise: measured on sweeps from a known law. The same on 1,000 sweeps
//! of each size, for all ways to make draws, is `benches/src/bin/coverage.rs`.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

use laws::{Chinchilla, Fit, FitOptions, Resampling, Setting, catalogue, fit};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal, StudentT};
use runs::{Flop, NatsPerToken, Observation, Observations, Parameters, Tokens};

const TRUTH: Chinchilla =
    Chinchilla { e: 1.8172, a: 482.01, b: 2085.43, alpha: 0.3478, beta: 0.3658 };

#[derive(Clone, Copy, PartialEq)]
enum Noise {
    /// One per cent, and one run in twenty 5 to 20 % too high.
    Outliers,
    /// Student's t with five degrees of freedom, scale one per cent.
    Student,
}

fn loss(n: Parameters, d: Tokens, noise: Noise, random: &mut ChaCha8Rng) -> NatsPerToken {
    let factor = match noise {
        Noise::Student => {
            let error: f64 = StudentT::new(5.0).unwrap().sample(random);
            (0.01 * error).exp()
        }
        Noise::Outliers => {
            let error: f64 = StandardNormal.sample(random);
            let wrong =
                if random.random::<f64>() < 0.05 { random.random_range(1.05..1.2) } else { 1.0 };
            (0.01 * error).exp() * wrong
        }
    };
    TRUTH.loss(n, d) * factor
}

/// Five budgets from 1e18 to 1e21 FLOP, sizes to four times either side of the optimum.
fn sweep(sizes: i32, noise: Noise, random: &mut ChaCha8Rng) -> Vec<Observation> {
    (0..5 * sizes)
        .map(|i| {
            let c = 1e18 * 1000_f64.powf(f64::from(i / sizes) / 4.0);
            let off = 2.0 * f64::from(i % sizes) / f64::from(sizes - 1) - 1.0;
            let n = TRUTH.optimal(Flop(c)).unwrap().parameters * 4_f64.powf(off);
            let d = Tokens(c / 6.0 / n.get());
            Observation {
                run: i.to_string(),
                parameters: n,
                tokens: d,
                loss: loss(n, d, noise, random),
            }
        })
        .collect()
}

fn fitted(rows: &[Observation], options: &FitOptions) -> Fit {
    let law = catalogue::find("chinchilla").unwrap();
    fit(&law, &Observations::new(rows.iter().cloned()), options).unwrap()
}

/// Shares of sweeps whose 90 % intervals held: alpha, beta, E, a, N* at ten and a thousand times
/// the largest budget, the law's loss there, and a new run's loss.
fn coverage(sizes: i32, noise: Noise, resampling: Resampling, sweeps: u64) -> [f64; 8] {
    let mut held = [0.0; 8];
    for seed in 0..sweeps {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let rows = sweep(sizes, noise, &mut random);
        let options = FitOptions { resampling, bootstrap: 150, seed, ..FitOptions::default() };
        let fit = fitted(&rows, &options);
        let target = TRUTH.optimal(Flop(1e22)).unwrap();
        let setting = Setting::run(target.parameters, target.tokens);
        let prediction = fit.predict(&setting, 0.9, seed).unwrap().remove(0);
        let new = prediction.new_run_interval.unwrap();
        let of = |name: &str, value: f64| fit.interval(name).unwrap().contains(value);
        let size = |c: f64| {
            let optimum = fit.optimum(Flop(c), &Setting::new(), 0.9).unwrap().remove(0);
            optimum.parameters.unwrap().contains(TRUTH.optimal(Flop(c)).unwrap().parameters.get())
        };
        for (held, is) in held.iter_mut().zip([
            of("alpha", TRUTH.alpha),
            of("beta", TRUTH.beta),
            of("E", TRUTH.e),
            of("a", TRUTH.model_exponent()),
            size(1e22),
            size(1e24),
            prediction.law_interval.unwrap().contains(target.loss),
        ]) {
            *held += f64::from(u8::from(is)) / sweeps as f64;
        }
        let inside = (0..20).filter(|_| {
            let loss = loss(target.parameters, target.tokens, noise, &mut random);
            new.contains(loss.get())
        });
        held[7] += inside.count() as f64 / 20.0 / sweeps as f64;
    }
    held
}

/// With 60 sweeps a share has a standard error of 4 points.
#[test]
fn default_intervals_of_sweeps_with_outliers_hold_about_nine_times_in_ten() {
    for (sizes, sweeps) in [(4, 60), (10, 40)] {
        let held = coverage(sizes, Noise::Outliers, Resampling::default(), sweeps);
        eprintln!("{} runs: {held:.2?}", 5 * sizes);
        let mean = held.iter().sum::<f64>() / 8.0;
        assert!((0.85..0.965).contains(&mean), "{} runs: {held:?}", 5 * sizes);
        assert!(held.iter().all(|share| *share > 0.78), "{} runs: {held:?}", 5 * sizes);
    }
}

#[test]
fn the_posterior_is_calibrated_on_scatter_of_its_own_kind() {
    let held = coverage(10, Noise::Student, Resampling::Posterior, 40);
    eprintln!("posterior: {held:.2?}");
    let mean = held.iter().sum::<f64>() / 8.0;
    assert!((0.83..0.965).contains(&mean), "{held:?}");
}

#[test]
fn draws_are_the_same_for_any_number_of_threads_and_others_for_another_seed() {
    let rows = sweep(5, Noise::Outliers, &mut ChaCha8Rng::seed_from_u64(1));
    for resampling in [Resampling::Tangent, Resampling::Posterior, Resampling::Runs] {
        let with = |threads: usize, seed: u64| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let options = FitOptions { resampling, bootstrap: 120, seed, ..FitOptions::default() };
            pool.install(|| fitted(&rows, &options))
        };
        let one = with(1, 7);
        assert_eq!(one.bootstrap.resampling, resampling);
        assert_eq!(one.draws, with(3, 7).draws);
        assert_ne!(one.draws, with(1, 8).draws);
    }
}

#[test]
fn checkpoints_of_one_run_do_not_narrow_the_intervals() {
    let once = sweep(5, Noise::Student, &mut ChaCha8Rng::seed_from_u64(2));
    let rows = |copies: usize, own: bool| -> Vec<Observation> {
        (0..once.len() * copies)
            .map(|i| {
                let row = once[i / copies].clone();
                let run = if own { format!("{} {i}", row.run) } else { row.run.clone() };
                Observation { run, ..row }
            })
            .collect()
    };
    let width = |rows: &[Observation]| {
        let options = FitOptions { bootstrap: 400, ..FitOptions::default() };
        let interval = fitted(rows, &options).interval("alpha").unwrap();
        interval.high - interval.low
    };
    let (single, kept_together, torn_apart) =
        (width(&once), width(&rows(9, false)), width(&rows(9, true)));
    // Copies of residuals that are met exactly are met exactly too, which narrows the scatter seen.
    assert!((0.6..1.5).contains(&(kept_together / single)), "{kept_together} {single}");
    assert!(torn_apart < 0.6 * kept_together, "{torn_apart} {kept_together}");
}
