//! Every law of the catalogue comes back from exact values of its own published constants, found
//! from nothing but its bounds.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

use formula::Columns;
use laws::catalogue::{self, Published};
use laws::{Fit, FitOptions, Law, Objective, Parameter, Quantity, ResidualScale, fit};
use runs::{Asked, InMemory, Observations, Rules};

/// The `index`-th number of Halton's sequence in `base`.
fn halton(mut index: usize, base: usize) -> f64 {
    let (mut share, mut digit) = (0.0, 1.0 / base as f64);
    while index > 0 {
        share += digit * (index % base) as f64;
        index /= base;
        digit /= base as f64;
    }
    share
}

/// The range of a variable whose constants come without one.
fn usual(variable: &Quantity) -> (f64, f64) {
    match (variable.name.as_str(), variable.unit.as_str()) {
        ("S", _) => (0.1, 0.98),
        (_, "nat/token" | "bit/B") => (0.4, 4.0),
        (_, "bit") => (3.0, 16.0),
        (_, "GPU h") => (1e2, 1e5),
        _ => (1e6, 1e9),
    }
}

/// 80 settings spread over the domain of the constants, evenly in logarithms.
fn settings(law: &Law, published: &Published) -> Vec<Vec<f64>> {
    law.variables
        .iter()
        .zip([2, 3, 5, 7, 11, 13, 17, 19])
        .map(|(variable, base)| {
            let known = published.domain.iter().find(|(name, _)| *name == variable.name);
            let (low, high) = known.map_or_else(|| usual(variable), |(_, range)| *range);
            (1..=80).map(|i| low * (high / low).powf(halton(i, base))).collect()
        })
        .collect()
}

/// The constant of a parameter: published, or the law's own.
fn truth(parameter: &Parameter, published: &Published) -> f64 {
    // A paper that prints no pass rate before training leaves it to each run.
    let start = (parameter.name == "R0").then_some(0.2);
    published.value(&parameter.name).or(parameter.fixed).or(start).unwrap_or(f64::NAN)
}

/// The law's values at `settings`; NaN where it has none.
fn values(law: &Law, published: &Published, settings: &[Vec<f64>]) -> Vec<f64> {
    let target = law.target.name.as_str();
    let mut columns = Columns::new(settings[0].len());
    for (variable, column) in law.variables.iter().zip(settings) {
        columns.set(&variable.name, column.clone());
    }
    for parameter in &law.parameters {
        columns.set_number(&parameter.name, truth(parameter, published));
    }
    let compiled = law.checked().compile(&[target]).unwrap();
    compiled.evaluate(&columns).unwrap().get(target).unwrap().to_vec()
}

/// The law fitted to exact values of its constants, with every parameter that it holds held.
fn refitted(law: &Law, published: &Published) -> Fit {
    let settings = settings(law, published);
    let target = values(law, published, &settings);
    let variables = law.variables.iter().zip(settings);
    let columns = InMemory::new(
        (Asked::positive(&law.target.name), target),
        variables.map(|(variable, column)| (Asked::positive(&variable.name), column)).collect(),
    );
    let observations = Observations::from_columns("exact", columns, Rules::default()).unwrap();
    let fixed = law.parameters.iter().filter(|parameter| parameter.fixed.is_some());
    let options = FitOptions {
        objective: Some(Objective::squares(ResidualScale::Log)),
        bootstrap: 0,
        held: fixed.map(|known| (known.name.clone(), truth(known, published))).collect(),
        ..FitOptions::default()
    };
    fit(law, &observations, &options).unwrap_or_else(|problem| panic!("{}: {problem}", law.name))
}

#[test]
fn every_law_comes_back_from_its_published_constants() {
    let mut laws = 0;
    for law in catalogue::all().unwrap() {
        let complete = law.published.iter().find(|published| {
            law.parameters.iter().all(|parameter| truth(parameter, published).is_finite())
        });
        let Some(published) = complete else {
            eprintln!("{}: no complete set of constants", law.name);
            continue;
        };
        let fit = refitted(&law, published);
        let off = (fit.value / fit.data.rows as f64).sqrt();
        let error = |estimate: &laws::Estimate| {
            let truth = truth(law.parameter(&estimate.name).unwrap(), published);
            (estimate.value - truth).abs() / truth.abs().max(1e-9)
        };
        let furthest = fit.estimates.iter().map(error).fold(0.0, f64::max);
        let certificate = &fit.certificate;
        eprintln!(
            "{}: {} rows, residuals {off:.0e}, parameters within {furthest:.0e}, {} of {} starts, \
             condition {:.0e}",
            law.name,
            fit.data.rows,
            certificate.starts_at_minimum,
            certificate.starts,
            certificate.condition()
        );
        assert!(off < 1e-9, "{}: {:?}", law.name, fit.estimates);
        assert!(certificate.converged, "{}: {certificate:?}", law.name);
        // Constants of the distillation law hang together so closely that rounding hides them.
        let flat = certificate.condition() > 1e10;
        assert!(furthest < 1e-6 || flat, "{}: {:?}", law.name, fit.estimates);
        laws += 1;
    }
    assert!(laws >= 30, "{laws}");
}
