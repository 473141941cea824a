//! Published results on the runs of Hoffmann et al. 2022, figure 4, as digitised by Besiroglu et
//! al. 2024 (arXiv:2404.10102). Needs the table: `ISOFLOP_REFERENCE` names the folder it is in.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::io::Write as _;

use laws::{Fit, FitOptions, fit};
use runs::{Flop, Observations, Request, RunTable};

/// The fit of the 240 runs, or of all 245; `None` where the table is not at hand.
fn epoch(what: &str, without_outliers: bool, options: &FitOptions) -> Option<Fit> {
    let Some(folder) = std::env::var_os("ISOFLOP_REFERENCE") else {
        // Not `eprintln!`: the test harness would keep that to itself.
        let _ = writeln!(std::io::stderr(), "left out (ISOFLOP_REFERENCE is not set): {what}");
        return None;
    };
    let path = std::path::Path::new(&folder).join("chinchilla_epoch/runs.csv");
    let table = RunTable::read(path).unwrap();
    let mut request = Request::default();
    if without_outliers {
        request = request.filter("epoch_outlier=0".parse().unwrap());
    }
    let observations = Observations::from_table(&table, &request).unwrap();
    Some(fit(&observations, options).unwrap())
}

fn near(what: &str, found: f64, expected: f64, tolerance: f64) {
    let error = (found / expected - 1.0).abs();
    assert!(error <= tolerance, "{what}: {found} is {error:.2e} from {expected}");
}

const NO_DRAWS: FitOptions = FitOptions { huber_delta: 1e-3, bootstrap: 0, level: 0.9, seed: 0 };

#[test]
fn the_best_known_minimum_on_240_runs_is_reached_and_certified() {
    let Some(fit) = epoch("best known minimum on 240 runs", true, &NO_DRAWS) else { return };
    assert_eq!(fit.data.rows, 240);
    near("objective", fit.objective, 0.001_018_274_017_800_6, 1e-9);
    near("E", fit.law.e, 1.817_218_1, 1e-7);
    near("A", fit.law.a, 477.826, 2e-6);
    near("B", fit.law.b, 2143.417, 2e-6);
    near("alpha", fit.law.alpha, 0.347_310_5, 1e-7);
    near("beta", fit.law.beta, 0.367_172_4, 2e-7);
    assert!(fit.certificate.converged);
    assert!(fit.certificate.improvement_left < 1e-12, "{:?}", fit.certificate);
    assert!(fit.certificate.starts_at_minimum >= 12, "{:?}", fit.certificate);
    let best = fit.law.optimal(Flop(5.76e23)).unwrap();
    near("N*", best.parameters.get(), 7.22e10, 0.02);
    near("D*/N*", best.tokens_per_parameter(), 18.4, 0.03);
}

#[test]
fn the_five_highest_losses_move_the_minimum_as_published() {
    let Some(fit) = epoch("minimum on 245 runs", false, &NO_DRAWS) else { return };
    assert_eq!(fit.data.rows, 245);
    near("objective", fit.objective, 0.001_826_01, 1e-6);
    near("E", fit.law.e, 1.8914, 1e-4);
    near("A", fit.law.a, 495.7, 1e-3);
    near("B", fit.law.b, 12846.0, 1e-3);
    near("alpha", fit.law.alpha, 0.3493, 2e-4);
    near("beta", fit.law.beta, 0.4530, 2e-4);
}

#[test]
fn standard_errors_and_intervals_are_the_published_ones_within_monte_carlo_error() {
    let options = FitOptions { bootstrap: 4000, level: 0.95, ..NO_DRAWS };
    let Some(fit) = epoch("standard errors of 4000 resamples", true, &options) else { return };
    let a: Vec<f64> = fit.draws.laws().map(|law| law.model_exponent()).collect();
    // Name, standard error, 95 % interval; the tolerances are about three Monte Carlo errors of
    // 4000 draws, which are larger for the skewed A and B. Over seeds ours of A and alpha are two
    // to three per cent below the published ones, which come from one BFGS start per resample.
    for (name, error, tolerance, low, high, edge) in [
        ("E", 0.02566, 0.05, 1.769, 1.871, 0.003),
        ("A", 124.52, 0.12, 285.2, 743.6, 0.06),
        ("B", 1293.3, 0.12, 1042.4, 5810.3, 0.10),
        ("alpha", 0.0154, 0.06, 0.317, 0.373, 0.01),
        ("beta", 0.0206, 0.06, 0.331, 0.415, 0.01),
        ("a", 0.01998, 0.06, 0.4807, 0.5561, 0.01),
    ] {
        let values = if name == "a" { &a } else { fit.draws.column(name).unwrap() };
        let mean = values.iter().sum::<f64>() / 4000.0;
        let variance = values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 4000.0;
        let interval = fit.interval(name).unwrap();
        eprintln!("{name}: standard error {:.5}, {interval:?}", variance.sqrt());
        near(name, variance.sqrt(), error, tolerance);
        near(name, interval.low, low, edge);
        near(name, interval.high, high, edge);
    }
    assert_eq!((fit.bootstrap.failed, fit.bootstrap.not_certified), (0, 0));
    let band = fit.optimum(Flop(1e26), 0.8).unwrap().tokens_per_parameter.unwrap();
    assert!((2.5..7.0).contains(&band.low) && (30.0..55.0).contains(&band.high), "{band:?}");
}

#[test]
fn least_squares_of_log_loss_differs_from_the_robust_fit_as_it_should() {
    let least_squares = FitOptions { huber_delta: 1.0, ..NO_DRAWS };
    let Some(fit) = epoch("least squares on 240 runs", true, &least_squares) else { return };
    // The linear least squares fit of the same runs is published as alpha .3576, beta .4276; the
    // logarithm weighs low losses more, so beta falls between that and the robust .3672.
    assert!((0.37..0.46).contains(&fit.law.beta), "{:?}", fit.law);
    assert!(fit.certificate.converged);
}
