//! Gadre et al. 2024 (arXiv:2403.08540): over-trained models, and downstream error from loss.

use laws::{Fit, FitOptions, Law, Objective, ResidualScale, Setting, Warning, catalogue, fit};
use runs::RunTable;

use crate::reference::{near, numbers, observe, pick, point, table, words};

/// The numbers of the rows of one training set that `keep` says to take, by N and the multiple of
/// 20 tokens per parameter.
fn rows(table: &RunTable, set: &str, keep: impl Fn(f64, f64) -> bool) -> Vec<usize> {
    let (of, n, multiple) =
        (words(table, "train_dataset"), numbers(table, "N"), numbers(table, "cc_mult"));
    (0..table.len()).filter(|&row| of[row] == set && keep(n[row], multiple[row])).collect()
}

/// The authors' five: 20 tokens per parameter up to 411M parameters, and the smallest at 320.
fn five(n: f64, multiple: f64) -> bool {
    n < 5e8 && (multiple - 1.0).abs() < 0.01 || n < 2e7 && (multiple - 16.0).abs() < 0.01
}

fn loss_fit(table: &RunTable, rows: &[usize], options: &FitOptions) -> Fit {
    let column = |name| pick(&numbers(table, name), rows);
    let observations =
        observe([("loss", column("loss_c4_val")), ("N", column("N")), ("D", column("D"))]);
    fit(&catalogue::find("overtraining").unwrap(), &observations, options).unwrap()
}

/// Relative errors of the predictions of the runs that were held out: measured, predicted.
fn targets(table: &RunTable, set: &str, fit: &Fit) -> Vec<(String, f64, f64)> {
    let (n, d, loss) = (numbers(table, "N"), numbers(table, "D"), numbers(table, "loss_c4_val"));
    rows(table, set, |n, _| n > 5e8)
        .into_iter()
        .map(|row| {
            let setting = Setting::new().with("N", n[row]).with("D", d[row]);
            let value = fit.predict(&setting, 0.9, 0).unwrap()[0].value;
            (format!("{:.1e} x {:.0}", n[row], d[row] / n[row]), loss[row], value)
        })
        .collect()
}

#[test]
fn four_parameters_on_five_points_are_found_as_published_and_warned_about() {
    let Some(table) = table("gadre_overtraining/runs.csv", "over-trained models, 5 runs") else {
        return;
    };
    let options = point(Objective::squares(ResidualScale::Linear));
    for (set, alpha_c, beta_c, exponent, floor) in [
        ("c4_original", 113.69, 189.52, 0.24247, 1.50826),
        ("rpj", 166.21, 366.69, 0.27285, 1.83665),
    ] {
        let fit = loss_fit(&table, &rows(&table, set, five), &options);
        assert_eq!(fit.data.rows, 5, "{set}");
        near("exponent", 2.0 * fit.value_of("eta").unwrap(), exponent, 2e-4);
        near("E", fit.value_of("E").unwrap(), floor, 2e-4);
        // Their coefficients belong to N^-p and 6^(-p/2) D^-p; those of the paper's form to C.
        let six = 6_f64.powf(0.5 * exponent);
        near("a", fit.value_of("a").unwrap() / six, alpha_c, 2e-3);
        near("b", fit.value_of("b").unwrap(), beta_c, 2e-3);
        let few = Warning::FewRuns { settings: 5, parameters: 4 };
        assert!(fit.warnings.contains(&few), "{:?}", fit.warnings);
        for (what, measured, predicted) in targets(&table, set, &fit) {
            eprintln!("{set}, 5 runs: {what} measured {measured:.5}, predicted {predicted:.5}");
        }
    }
}

#[test]
fn five_points_are_refused_to_the_law_of_five_parameters() {
    let Some(table) = table("gadre_overtraining/runs.csv", "refusal of 5 runs") else { return };
    let rows = rows(&table, "rpj", five);
    let column = |name| pick(&numbers(&table, name), &rows);
    let observations =
        observe([("loss", column("loss_c4_val")), ("N", column("N")), ("D", column("D"))]);
    let law = catalogue::find("chinchilla").unwrap();
    let problem = fit(&law, &observations, &FitOptions::default()).unwrap_err().to_string();
    assert!(problem.contains("5 distinct settings") && problem.contains("at least 6"), "{problem}");
}

#[test]
fn all_small_runs_predict_the_large_ones_better_than_five_of_them() {
    let Some(table) = table("gadre_overtraining/runs.csv", "over-trained models, small runs")
    else {
        return;
    };
    // The authors' predictions from five runs, of the runs whose results they quote.
    for (set, quoted) in [
        ("rpj", vec![(1.44e9, 640.0, 0.0071), (6.89e9, 20.0, 0.0073)]),
        ("c4_original", vec![(6.89e9, 20.0, 0.043)]),
    ] {
        // Five and ten tokens per parameter are below what the law describes.
        let small = rows(&table, set, |n, multiple| n < 5e8 && multiple >= 0.99);
        let fit = loss_fit(&table, &small, &point(Objective::huber(1e-3)));
        eprintln!("{set}: {:?} {:?}", fit.estimates, fit.warnings);
        let found = targets(&table, set, &fit);
        for (what, measured, predicted) in &found {
            eprintln!(
                "{set}, {} runs: {what} measured {measured:.5}, predicted {predicted:.5}, {:.2} %",
                small.len(),
                100.0 * (predicted / measured - 1.0)
            );
        }
        let n = numbers(&table, "N");
        let d = numbers(&table, "D");
        for (size, ratio, theirs) in quoted {
            let row = rows(&table, set, |_, _| true)
                .into_iter()
                .find(|&row| {
                    (n[row] / size - 1.0).abs() < 0.01
                        && (d[row] / n[row] / ratio - 1.0).abs() < 0.01
                })
                .unwrap();
            let name = format!("{:.1e} x {:.0}", n[row], d[row] / n[row]);
            let (_, measured, predicted) = found.iter().find(|(what, ..)| *what == name).unwrap();
            let error = (predicted / measured - 1.0).abs();
            assert!(error < theirs, "{set} {name}: {error:.4}, from five runs {theirs}");
        }
    }
}

#[test]
fn the_error_over_tasks_falls_with_the_loss_as_published() {
    let Some(table) = table("gadre_overtraining/runs.csv", "downstream error from loss") else {
        return;
    };
    let law: Law = catalogue::find("downstream-error").unwrap();
    for (set, column, k, gamma, eps) in [
        ("c4_original", "err_avg", 1.2885, 0.9722, 0.7589),
        ("c4_original", "err_avg_subset", 2.0789, 0.7561, 0.8497),
        ("rpj", "err_avg", 1.3229, 0.8907, 0.7608),
        ("rpj", "err_avg_subset", 2.2065, 0.7146, 0.8570),
    ] {
        let six = rows(&table, set, |n, multiple| {
            five(n, multiple) || (n - 1.44e9).abs() < 1e8 && (multiple - 1.0).abs() < 0.01
        });
        assert_eq!(six.len(), 6);
        let pick = |name| pick(&numbers(&table, name), &six);
        let observations = observe([("err", pick(column)), ("loss", pick("loss_c4_val"))]);
        let fit =
            fit(&law, &observations, &point(Objective::squares(ResidualScale::Linear))).unwrap();
        let found = ["k", "gamma", "eps"].map(|name| fit.value_of(name).unwrap());
        eprintln!("{set} {column}: {found:?}, published {k} {gamma} {eps}");
        near("k", found[0], k, 2e-3);
        near("gamma", found[1], gamma, 1e-3);
        near("eps", found[2], eps, 2e-4);
    }
}
