//! Muennighoff et al. 2023 (arXiv:2305.16264): the value of repeated tokens and excess parameters.

use laws::{Fit, Objective, Setting, Warning, catalogue, fit};
use runs::{Asked, Observations, Request};

use crate::reference::{near, point, table};

fn request() -> Request {
    Request::new(Asked::positive("loss"), ["N", "D", "U"].map(Asked::positive))
}

fn of(what: &str, request: &Request) -> Option<Fit> {
    let runs = table("datablations/runs.csv", what)?;
    let observations = Observations::from_table(&runs, request).unwrap();
    let law = catalogue::find("data-constrained").unwrap();
    Some(fit(&law, &observations, &point(Objective::huber(1e-3))).unwrap())
}

#[test]
fn the_two_constants_of_repetition_are_those_of_a_polished_fit_of_the_182_runs() {
    let used = request().filter("used_in_published_fit=1".parse().unwrap());
    let Some(fit) = of("repeated tokens on 182 runs", &used) else { return };
    assert_eq!(fit.data.rows, 182);
    near("objective", fit.value, 0.015_825_932_07, 1e-9);
    // The authors' point, found in single precision, misses the minimum in the eighth digit.
    assert!(fit.value < 0.015_825_935_26);
    near("R_D*", fit.value_of("R_D_star").unwrap(), 15.3718, 1e-5);
    near("R_N*", fit.value_of("R_N_star").unwrap(), 5.3151, 2e-5);
    assert!(fit.certificate.converged, "{:?}", fit.certificate);
    eprintln!("datablations: {:?}", fit.certificate);
    let loss = |n: f64, d: f64| {
        let setting = Setting::new().with("N", n).with("D", d).with("U", 25e9);
        fit.predict(&setting, 0.9, 0).unwrap()[0].value
    };
    // The paper's own example, whose losses hang on the constants' last digits.
    near("4 passes", loss(6.34e9, 242e9), 2.225_644, 1e-4);
    assert!(loss(6.34e9, 242e9) < loss(8.67e9, 178e9));
}

#[test]
fn on_all_296_runs_the_fit_runs_away_and_says_so() {
    let Some(fit) = of("repeated tokens on all 296 runs", &request()) else { return };
    assert_eq!(fit.data.rows, 296);
    eprintln!(
        "all 296: {:?} {} {:?} {:?}",
        fit.estimates, fit.value, fit.certificate, fit.warnings
    );
    near("objective", fit.value, 0.0296, 3e-3);
    assert_eq!(fit.certificate.at_bound, ["R_D_star"]);
    let stuck = |warning: &Warning| matches!(warning, Warning::AtBound { parameter, .. } if parameter == "R_D_star");
    assert!(fit.warnings.iter().any(stuck), "{:?}", fit.warnings);
}
