//! Gadre et al. 2024 (arXiv:2403.08540): over-trained models, and downstream error from loss.

use laws::{
    Fit, FitOptions, Interval, Law, Objective, ResidualScale, Setting, Warning, catalogue, fit,
};
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

/// The runs above 411M parameters: setting, measured, predicted, interval of a new run.
fn targets(table: &RunTable, set: &str, fit: &Fit) -> Vec<(Setting, f64, f64, Interval)> {
    let (n, d, loss) = (numbers(table, "N"), numbers(table, "D"), numbers(table, "loss_c4_val"));
    rows(table, set, |n, _| n > 5e8)
        .into_iter()
        .map(|row| {
            let setting = Setting::new().with("N", n[row]).with("D", d[row]);
            let predicted = fit.predict(&setting, 0.9, 0).unwrap().swap_remove(0);
            let point = Interval { low: predicted.value, high: predicted.value, level: 0.9 };
            let interval = predicted.new_run_interval.unwrap_or(point);
            (setting, loss[row], predicted.value, interval)
        })
        .collect()
}

fn shown(setting: &Setting) -> String {
    let (n, d) = (setting.get("N").unwrap(), setting.get("D").unwrap());
    format!("{:.1e} x {:.0}", n, d / n)
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
        for (setting, measured, predicted, _) in targets(&table, set, &fit) {
            let what = shown(&setting);
            eprintln!("{set}, 5 runs: {what} measured {measured:.5}, predicted {predicted:.5}");
            // Their predictions, where they quote them.
            for (quoted, value) in [(2.50205, 2.51983), (2.42499, 2.44275), (2.38222, 2.27990)] {
                if (measured - quoted).abs() < 1e-5 {
                    near("prediction from five runs", predicted, value, 1e-5);
                }
            }
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
    assert!(
        problem.contains("only 5 distinct (N, D)") && problem.contains("at least 6"),
        "{problem}"
    );
}

#[test]
fn all_small_runs_predict_the_large_ones_of_redpajama_better_than_five_of_them() {
    let Some(table) = table("gadre_overtraining/runs.csv", "over-trained models, small runs")
    else {
        return;
    };
    let options = FitOptions { bootstrap: 200, ..point(Objective::huber(1e-3)) };
    // Relative errors of the authors' predictions from five runs, in the order of the table; they
    // quote those of two runs of RedPajama and one of C4.
    for (set, quoted) in
        [("rpj", [None, Some(0.0071), Some(0.0073)]), ("c4_original", [None, None, Some(0.043)])]
    {
        let small = rows(&table, set, |n, _| n < 5e8);
        let fit = loss_fit(&table, &small, &options);
        let found = targets(&table, set, &fit);
        assert_eq!(found.len(), 3);
        for ((setting, measured, predicted, interval), quoted) in found.iter().zip(quoted) {
            let error = predicted / measured - 1.0;
            eprintln!(
                "{set}, {} runs: {} measured {measured:.5}, predicted {predicted:.5} ({:+.2} %), \
                90 % {:.4} to {:.4}; error from five runs {quoted:?}",
                small.len(),
                shown(setting),
                100.0 * error,
                interval.low,
                interval.high
            );
            assert!(interval.contains(*measured), "{set} {}", shown(setting));
            // From C4 the largest model is better than any law of the smaller ones says: from all
            // of them 5.2 % too low, from five 4.3 %.
            let allowed = if set == "rpj" { quoted.unwrap_or(0.0071) } else { 0.055 };
            assert!(error.abs() < allowed, "{set} {}: {error}", shown(setting));
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
