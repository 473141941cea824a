//! Li et al. 2025 (arXiv:2503.04715, `StepLaw`): best learning rate and batch size.

use std::collections::BTreeMap;

use laws::{FitOptions, Objective, Resampling, ResidualScale, catalogue, fit};

use crate::reference::{near, numbers, observe, pick, table};

/// Mean and standard deviation.
fn moments(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    (mean, (values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n).sqrt())
}

#[test]
fn runs_near_the_best_of_their_cell_give_the_published_exponents_and_their_spread() {
    let Some(runs) = table("steplaw_dense/runs.csv", "learning rate and batch size") else {
        return;
    };
    let bootstrap = table("steplaw_dense/bootstrap_params.csv", "").unwrap();
    let (n, d, loss) = (numbers(&runs, "N"), numbers(&runs, "D"), numbers(&runs, "smooth loss"));
    let mut best: BTreeMap<(u64, u64), f64> = BTreeMap::new();
    let cell = |row: usize| (n[row] as u64, d[row] as u64);
    for row in 0..runs.len() {
        let least = best.entry(cell(row)).or_insert(f64::INFINITY);
        *least = least.min(loss[row]);
    }
    let near_best: Vec<usize> =
        (0..runs.len()).filter(|&row| loss[row] <= 1.0025 * best[&cell(row)]).collect();
    eprintln!("{} runs within 0.25 % of the best of {} cells", near_best.len(), best.len());
    let options = FitOptions {
        objective: Some(Objective::squares(ResidualScale::Log)),
        resampling: Resampling::Rows,
        bootstrap: 1000,
        ..FitOptions::default()
    };
    let column = |values: &[f64]| pick(values, &near_best);
    let rate = observe([
        ("learning_rate", column(&numbers(&runs, "lr"))),
        ("N", column(&n)),
        ("D", column(&d)),
    ]);
    let rate = fit(&catalogue::find("steplaw-learning-rate").unwrap(), &rate, &options).unwrap();
    let tokens: Vec<f64> =
        numbers(&runs, "bs").iter().map(|sequences| 2048.0 * sequences).collect();
    let batch = observe([("batch", column(&tokens)), ("D", column(&d))]);
    let batch = fit(&catalogue::find("steplaw-batch").unwrap(), &batch, &options).unwrap();
    for (name, column, fit, parameter) in [
        ("a of N", "lr_coefN", &rate, "a"),
        ("b of D", "lr_coefD", &rate, "b"),
        ("batch, b of D", "bs_coefD", &batch, "b"),
    ] {
        let (mean, deviation) = moments(&numbers(&bootstrap, column));
        let value = fit.value_of(parameter).unwrap();
        let (ours, spread) = moments(&fit.draws_of(parameter).unwrap());
        eprintln!(
            "{name}: {value:.4}, draws {ours:.4} +- {spread:.4}; theirs {mean:.4} +- {deviation:.4}"
        );
        assert!(
            (value - mean).abs() < 0.25 * deviation,
            "{name}: {value}, theirs {mean} +- {deviation}"
        );
        near(name, spread, deviation, 0.25);
    }
    assert!(rate.certificate.converged && batch.certificate.converged);
    let predicted = |fit: &laws::Fit| {
        let setting = laws::Setting::new().with("N", 7e9).with("D", 1.4e12);
        fit.predict(&setting, 0.9, 0).unwrap()[0].value
    };
    near("learning rate of 7B, 1.4T tokens", predicted(&rate), 9.2e-4, 0.05);
    near("batch of 7B, 1.4T tokens", predicted(&batch), 5.9e6, 0.2);
}
