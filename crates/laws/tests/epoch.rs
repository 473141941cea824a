//! Published results on the runs of Hoffmann et al. 2022, figure 4, as digitised by Besiroglu et
//! al. 2024 (arXiv:2404.10102). Needs the table: `ISOFLOP_REFERENCE` names the folder it is in.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

mod reference;

use laws::{Fit, FitOptions, Objective, Resampling, ResidualScale, Setting, catalogue, fit};
use runs::{Flop, Observations, Request};

use reference::{near, table};

fn options(objective: Objective, bootstrap: usize) -> FitOptions {
    FitOptions {
        objective: Some(objective),
        bootstrap,
        resampling: Resampling::Runs,
        ..FitOptions::default()
    }
}

fn robust(bootstrap: usize) -> FitOptions {
    options(Objective::huber(1e-3), bootstrap)
}

/// The fit of the 240 runs, or of all 245; `None` where the table is not at hand.
fn epoch(what: &str, without_outliers: bool, options: &FitOptions) -> Option<Fit> {
    let table = table("chinchilla_epoch/runs.csv", what)?;
    let mut request = Request::default();
    if without_outliers {
        request = request.filter("epoch_outlier=0".parse().unwrap());
    }
    let observations = Observations::from_table(&table, &request).unwrap();
    Some(fit(&catalogue::find("chinchilla").unwrap(), &observations, options).unwrap())
}

#[test]
fn the_best_known_minimum_on_240_runs_is_reached_and_certified() {
    let Some(fit) = epoch("best known minimum on 240 runs", true, &robust(0)) else { return };
    assert_eq!(fit.data.rows, 240);
    near("objective", fit.value, 0.001_018_274_017_800_6, 1e-9);
    near("E", fit.value_of("E").unwrap(), 1.817_218_1, 1e-7);
    near("A", fit.value_of("A").unwrap(), 477.826, 2e-6);
    near("B", fit.value_of("B").unwrap(), 2143.417, 2e-6);
    near("alpha", fit.value_of("alpha").unwrap(), 0.347_310_5, 1e-7);
    near("beta", fit.value_of("beta").unwrap(), 0.367_172_4, 2e-7);
    assert!(fit.certificate.converged);
    assert!(fit.certificate.improvement_left < 1e-12, "{:?}", fit.certificate);
    assert_eq!(fit.certificate.starts_at_minimum, fit.certificate.starts);
    assert!(fit.certificate.eigenvalues.iter().all(|&x| x > 0.0), "{:?}", fit.certificate);
    let optimum = fit.optimum(Flop(5.76e23), &Setting::new(), 0.9).unwrap();
    near("N*", optimum[0].best.parameters.get(), 7.22e10, 0.02);
    near("D*/N*", optimum[0].best.tokens_per_parameter(), 18.4, 0.03);
}

#[test]
fn the_five_highest_losses_move_the_minimum_as_published() {
    let Some(fit) = epoch("minimum on 245 runs", false, &robust(0)) else { return };
    assert_eq!(fit.data.rows, 245);
    near("objective", fit.value, 0.001_826_01, 1e-6);
    near("E", fit.value_of("E").unwrap(), 1.8914, 1e-4);
    near("A", fit.value_of("A").unwrap(), 495.7, 1e-3);
    near("B", fit.value_of("B").unwrap(), 12846.0, 1e-3);
    near("alpha", fit.value_of("alpha").unwrap(), 0.3493, 2e-4);
    near("beta", fit.value_of("beta").unwrap(), 0.4530, 2e-4);
}

#[test]
fn standard_errors_and_intervals_are_the_published_ones_within_monte_carlo_error() {
    let options = FitOptions { level: 0.95, ..robust(4000) };
    let Some(fit) = epoch("standard errors of 4000 resamples", true, &options) else { return };
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
        let values = fit.draws_of(name).unwrap();
        let mean = values.iter().sum::<f64>() / 4000.0;
        let variance = values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 4000.0;
        let interval = fit.interval(name).unwrap();
        eprintln!("{name}: standard error {:.5}, {interval:?}", variance.sqrt());
        near(name, variance.sqrt(), error, tolerance);
        near(name, interval.low, low, edge);
        near(name, interval.high, high, edge);
    }
    assert_eq!((fit.bootstrap.failed, fit.bootstrap.not_certified), (0, 0));
    let optimum = fit.optimum(Flop(1e26), &Setting::new(), 0.8).unwrap();
    let band = optimum[0].tokens_per_parameter.unwrap();
    assert!((2.5..7.0).contains(&band.low) && (30.0..55.0).contains(&band.high), "{band:?}");
}

#[test]
fn least_squares_of_the_loss_gives_the_published_exponents() {
    let least_squares = options(Objective::squares(ResidualScale::Linear), 0);
    let Some(fit) = epoch("least squares on 240 runs", true, &least_squares) else { return };
    near("alpha", fit.value_of("alpha").unwrap(), 0.3576, 2e-4);
    near("beta", fit.value_of("beta").unwrap(), 0.4276, 2e-4);
    near("E", fit.value_of("E").unwrap(), 1.8828, 1e-4);
    assert!(fit.certificate.converged);
}
