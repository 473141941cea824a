//! Muennighoff et al. 2023 (arXiv:2305.16264): the value of repeated tokens and excess parameters.

use laws::{Fit, FitOptions, Objective, Setting, Warning, catalogue, fit};
use runs::{Asked, Observations, Request};

use crate::reference::{near, point, table};

fn request() -> Request {
    Request::new(Asked::positive("loss"), ["N", "D", "U"].map(Asked::positive))
}

fn of(what: &str, request: &Request, bounds: &[(&str, (f64, f64))]) -> Option<Fit> {
    let runs = table("datablations/runs.csv", what)?;
    let observations = Observations::from_table(&runs, request).unwrap();
    let law = catalogue::find("data-constrained").unwrap();
    let options = FitOptions {
        bounds: bounds.iter().map(|(name, range)| ((*name).to_owned(), *range)).collect(),
        ..point(Objective::huber(1e-3))
    };
    Some(fit(&law, &observations, &options).unwrap())
}

fn used() -> Request {
    request().filter("used_in_published_fit=1".parse().unwrap())
}

#[test]
fn the_published_constants_of_repetition_are_a_minimum_of_the_182_runs() {
    let near_theirs = [("R_D_star", (5.0, 30.0)), ("R_N_star", (4.0, 30.0))];
    let Some(fit) = of("repeated tokens on 182 runs", &used(), &near_theirs) else { return };
    assert_eq!(fit.data.rows, 182);
    near("objective", fit.value, 0.015_825_932_07, 1e-9);
    // The authors' point, found in single precision, misses the minimum in the eighth digit.
    assert!(fit.value < 0.015_825_935_26);
    near("R_D*", fit.value_of("R_D_star").unwrap(), 15.3718, 1e-5);
    near("R_N*", fit.value_of("R_N_star").unwrap(), 5.3151, 2e-5);
    assert!(fit.certificate.converged && fit.certificate.at_bound.is_empty());
    let loss = |n: f64, d: f64| {
        let setting = Setting::new().with("N", n).with("D", d).with("U", 25e9);
        fit.predict(&setting, 0.9, 0).unwrap()[0].value
    };
    // The paper's own example, whose losses hang on the constants' last digits.
    near("4 passes", loss(6.34e9, 242e9), 2.225_644, 1e-4);
    assert!(loss(6.34e9, 242e9) < loss(8.67e9, 178e9));
}

#[test]
fn the_182_runs_have_a_lower_minimum_than_the_published_one() {
    let Some(fit) = of("lower minimum on 182 runs", &used(), &[]) else { return };
    eprintln!("datablations: {:?} {} {:?}", fit.estimates, fit.value, fit.certificate);
    // 0.1 % below the published minimum, with three times the R_D* and under half the R_N*: the
    // runs hardly tell the two apart.
    assert!(fit.value < 0.015_808, "{}", fit.value);
    near("R_D*", fit.value_of("R_D_star").unwrap(), 46.990, 1e-4);
    near("R_N*", fit.value_of("R_N_star").unwrap(), 2.32958, 1e-4);
    assert!(fit.certificate.converged);
    assert!(fit.certificate.starts_at_minimum + 2 >= fit.certificate.starts);
}

#[test]
fn on_all_296_runs_the_fit_runs_away_and_says_so() {
    let Some(fit) = of("repeated tokens on all 296 runs", &request(), &[]) else { return };
    assert_eq!(fit.data.rows, 296);
    eprintln!("all 296: {:?} {} {:?}", fit.estimates, fit.value, fit.warnings);
    assert!(fit.value < 0.0296, "{}", fit.value);
    assert!(fit.certificate.at_bound.iter().any(|name| name == "R_D_star"));
    let stuck = |warning: &Warning| matches!(warning, Warning::AtBound { parameter, .. } if parameter == "R_D_star");
    assert!(fit.warnings.iter().any(stuck), "{:?}", fit.warnings);
}
