//! The verdict says the worst that holds, with its evidence.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

use laws::trend::Category;
use laws::{Chinchilla, Fit, FitOptions, Judgement, Law, Verdict, catalogue, fit};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use runs::{Asked, Domain, Flop, InMemory, Observation, Observations, Parameters, Rules, Tokens};

const LAW: Chinchilla = Chinchilla { e: 1.69, a: 406.4, b: 410.7, alpha: 0.34, beta: 0.28 };

fn run(i: usize, n: f64, d: f64) -> Observation {
    let (parameters, tokens) = (Parameters(n), Tokens(d));
    let mut random = ChaCha8Rng::seed_from_u64(i as u64);
    let noise = (0.003 * random.sample::<f64, _>(StandardNormal)).exp();
    let loss = LAW.loss(parameters, tokens) * noise;
    Observation { run: i.to_string(), parameters, tokens, loss }
}

/// Seven half-decade budgets of `sizes` sizes.
fn sweep(sizes: usize) -> Vec<Observation> {
    (0..7 * sizes)
        .map(|i| {
            let c = 1e17 * 10_f64.powf((i / sizes) as f64 / 2.0);
            let best = LAW.optimal(Flop(c)).unwrap().parameters.get();
            let n = best * 2_f64.powf((i % sizes) as f64 - (sizes - 1) as f64 / 2.0);
            run(i, n, c / 6.0 / n)
        })
        .collect()
}

fn fitted(rows: Vec<Observation>) -> Fit {
    let law = catalogue::find("chinchilla").unwrap();
    let options = FitOptions { bootstrap: 200, ..FitOptions::default() };
    fit(&law, &Observations::new(rows), &options).unwrap()
}

#[test]
fn a_sweep_that_the_law_describes_is_trustworthy_among_its_runs_and_not_far_beyond() {
    let fit = fitted(sweep(6));
    let near = fit.judge(&[1e21]);
    assert_eq!(near.verdict, Verdict::Trustworthy, "{near:?}");
    assert!(near.evidence.is_empty());
    let far = fit.judge(&[1e21, 1e26]);
    assert_eq!(far.verdict, Verdict::ExtrapolatingTooFar, "{far:?}");
    assert!(far.evidence[0].contains("6.0 decades outside the runs, which span 3.0"), "{far:?}");
}

#[test]
fn runs_of_one_ratio_do_not_identify_the_law() {
    let rows = (0..30).map(|i| {
        let n = 1e7 * 1.3_f64.powf(i as f64);
        run(i, n, 20.0 * n)
    });
    let judgement = fitted(rows.collect()).judge(&[]);
    assert_eq!(judgement.verdict, Verdict::NotIdentified);
    assert!(judgement.evidence[0].contains("N and D move together"), "{judgement:?}");
}

#[test]
fn few_runs_identify_it_weakly_at_best() {
    let judgement = fitted(sweep(1)).judge(&[]);
    let weak = [Verdict::WeaklyIdentified, Verdict::NotIdentified];
    assert!(weak.contains(&judgement.verdict), "{judgement:?}");
    assert!(!judgement.evidence.is_empty() && !judgement.advice.is_empty());
}

/// A downstream accuracy against compute under a law typed by hand.
fn downstream(accuracy: impl Fn(f64) -> f64) -> Judgement {
    let c: Vec<f64> = (0..40).map(|i| 1e18 * 10_f64.powf(f64::from(i) / 10.0)).collect();
    let y = c
        .iter()
        .enumerate()
        .map(|(i, &c)| accuracy((c / 1e18).log10()) + 0.01 * (9.1 * i as f64).sin());
    let columns = InMemory::new(
        (Asked::new("accuracy", Domain::Finite), y.collect()),
        vec![(Asked::positive("C"), c)],
    );
    let observations = Observations::from_columns("<memory>", columns, Rules::default()).unwrap();
    let mut law = Law::typed("accuracy = a + b * log10(C)", |name| name == "C").unwrap();
    law.residuals = laws::ResidualScale::Linear;
    let options = FitOptions { bootstrap: 100, ..FitOptions::default() };
    fit(&law, &observations, &options).unwrap().judge(&[])
}

#[test]
fn downstream_metrics_that_misbehave_are_called_what_they_are() {
    for (name, accuracy, category) in [
        ("worsens", (|t| 0.5 - 0.08 * t) as fn(f64) -> f64, Category::Inverse),
        ("turns", |t| 0.4 + 0.12 * t - 0.06 * t * t, Category::NonMonotone),
        ("rests", |_| 0.25, Category::Trendless),
    ] {
        let judgement = downstream(accuracy);
        assert_eq!(judgement.verdict, Verdict::Misbehaves(category), "{name}: {judgement:?}");
    }
    let steady = downstream(|t| 0.3 + 0.1 * t);
    assert!(!matches!(steady.verdict, Verdict::Misbehaves(_)), "{steady:?}");
}
