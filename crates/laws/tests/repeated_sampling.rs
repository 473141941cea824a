//! Repeated sampling of 128 MATH problems, 10,000 samples each, by four Pythia models (Schaeffer et
//! al. 2025, arXiv:2502.17578, from Brown et al. 2024, arXiv:2407.21787). Needs the table:
//! `ISOFLOP_REFERENCE` names the folder it is in.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::io::Write as _;

use laws::sampling::{BetaFit, Counts, PowerLaw, log_spaced, pass_at};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use runs::RunTable;

const MODELS: [&str; 4] = ["Pythia 160M", "Pythia 410M", "Pythia 1B", "Pythia 2.8B"];

/// The counts of each model; `None` where the table is not at hand.
fn pythia(what: &str) -> Option<[Counts; 4]> {
    let Some(folder) = std::env::var_os("ISOFLOP_REFERENCE") else {
        // Not `eprintln!`: the test harness would keep that to itself.
        let _ = writeln!(std::io::stderr(), "left out (ISOFLOP_REFERENCE is not set): {what}");
        return None;
    };
    let path = std::path::Path::new(&folder);
    let table = RunTable::read(path.join("inference_repeated_sampling/pythia_math_counts.csv"));
    let table = table.unwrap();
    assert!(Counts::from_table(&table, &[]).is_err(), "four models are not one");
    Some(MODELS.map(|model| {
        let filter = format!("model={model}").parse().unwrap();
        Counts::from_table(&table, &[filter]).unwrap()
    }))
}

fn near(what: &str, found: f64, expected: f64, tolerance: f64) {
    assert!((found - expected).abs() <= tolerance, "{what}: {found}, expected {expected}");
}

#[test]
fn pass_at_k_of_four_models_comes_out() {
    let Some(models) = pythia("pass@k of four Pythia models") else { return };
    let expected = [
        [0.00267, 0.1619, 0.4102, 0.5703],
        [0.00622, 0.2272, 0.4818, 0.6562],
        [0.00833, 0.2745, 0.5462, 0.7422],
        [0.02031, 0.4220, 0.6778, 0.8125],
    ];
    for (counts, expected) in models.iter().zip(expected) {
        for (k, expected) in [1, 100, 1000, 10_000].into_iter().zip(expected) {
            let rounding = if k == 1 { 5.1e-6 } else { 5.1e-5 };
            near("pass@k", pass_at(counts, k).unwrap().value, expected, rounding);
        }
    }
}

#[test]
fn the_power_law_and_the_rates_of_four_models_come_out() {
    let Some(models) = pythia("power law and Beta rates of four Pythia models") else { return };
    let expected = [
        (6.589, 0.279, 0.176, 65.6, 0.587),
        (5.504, 0.286, 0.180, 28.7, 0.653),
        (5.337, 0.311, 0.216, 25.5, 0.725),
        (4.160, 0.337, 0.246, 11.7, 0.812),
    ];
    for (counts, (a, b, alpha, beta, at_ten_thousand)) in models.iter().zip(expected) {
        let law = PowerLaw::to_counts(counts, 10_000).unwrap();
        near("a", law.a, a, 5.1e-4);
        near("b", law.b, b, 5.1e-4);
        let fit = BetaFit::to_counts(counts, 0, 0).unwrap();
        near("alpha", fit.rates.alpha, alpha, 5.1e-4);
        near("beta", fit.rates.beta, beta, 0.051);
        near("rates at 10,000", fit.rates.pass_at(10_000.0), at_ten_thousand, 5.1e-4);
    }
}

#[test]
fn the_power_law_extrapolated_from_a_hundred_samples_comes_out() {
    let Some(models) = pythia("extrapolation from k <= 100 of four Pythia models") else { return };
    for (counts, expected) in models.iter().zip([0.552, 0.643, 0.697, 0.821]) {
        // Those of 25 values up to 10,000 that are at most 100: 12 different ones.
        let ks = log_spaced(10_000, 25).into_iter().filter(|&k| k <= 100);
        let points: Vec<_> = ks.map(|k| (k as f64, pass_at(counts, k).unwrap().value)).collect();
        assert_eq!(points.len(), 12);
        let law = PowerLaw::through(&points).unwrap();
        near("pass@10000", law.pass_at(10_000.0), expected, 5.1e-4);
    }
}

/// The first `n` of each problem's samples, had they been drawn in random order.
fn thinned(counts: &Counts, n: u64, seed: u64) -> Counts {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    Counts::new(counts.iter().map(|(all, mut correct)| {
        let mut seen = 0;
        for left in ((all - n + 1)..=all).rev() {
            if random.random_range(0..left) < correct {
                seen += 1;
                correct -= 1;
            }
        }
        (n, seen)
    }))
    .unwrap()
}

/// Which of the two predicts better is not settled here: with 200 samples the power law is nearer
/// on these four models, but only the rates come with an interval, and it holds.
#[test]
fn rates_fitted_to_few_samples_hold_ten_thousand_in_their_interval() {
    let Some(models) = pythia("intervals from 200 samples of four Pythia models") else { return };
    let (mut held, mut beta_error, mut power_error) = (0, 0.0, 0.0);
    for counts in &models {
        let truth = pass_at(counts, 10_000).unwrap().value;
        for seed in 0..5 {
            let few = thinned(counts, 200, seed);
            let told = BetaFit::to_counts(&few, 200, seed).unwrap().pass_at(10_000.0, 0.9);
            let law = PowerLaw::to_counts(&few, 200).unwrap();
            held += usize::from(told.interval.unwrap().contains(truth));
            beta_error += (told.value - truth).abs() / 20.0;
            power_error += (law.pass_at(10_000.0) - truth).abs() / 20.0;
        }
    }
    // 18 of 20; the five thinnings of a model are not independent.
    assert!(held >= 16, "{held} of 20");
    // 0.056 and 0.024.
    assert!(beta_error < 0.07 && power_error < 0.04, "{beta_error} {power_error}");
}

#[test]
fn nine_in_ten_of_the_ninety_per_cent_intervals_hold_where_rates_are_beta() {
    // Rates from Beta(1/2, 8): a squared normal over the sum of itself and 16 others.
    let mut random = ChaCha8Rng::seed_from_u64(11);
    let truth = laws::sampling::Beta { alpha: 0.5, beta: 8.0 };
    let mut gamma_twice = |halves: u32| -> f64 {
        // A chi-square of `halves` degrees: Gamma(halves / 2) times two.
        let normal = |u: f64, v: f64| (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos();
        (0..halves).map(|_| normal(1.0 - random.random::<f64>(), random.random()).powi(2)).sum()
    };
    let mut rates = Vec::new();
    for _ in 0..120 * 100 {
        let (x, y) = (gamma_twice(1), gamma_twice(16));
        rates.push(x / (x + y));
    }
    let mut held = [0; 2];
    for (set, rates) in rates.chunks(100).enumerate() {
        let counts = rates
            .iter()
            .map(|p| (50, (0..50).map(|_| u64::from(random.random::<f64>() < *p)).sum::<u64>()));
        let fit = BetaFit::to_counts(&Counts::new(counts).unwrap(), 200, set as u64).unwrap();
        assert_eq!(fit.failed, 0);
        for (held, k) in held.iter_mut().zip([20.0, 5000.0]) {
            *held += usize::from(fit.pass_at(k, 0.9).interval.unwrap().contains(truth.pass_at(k)));
        }
    }
    // 120 sets: 90 % is 108, and two standard errors are 6.6.
    assert!(held.iter().all(|&held| (100..=117).contains(&held)), "{held:?} of 120");
}
