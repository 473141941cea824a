//! Bhagia et al. 2024 (arXiv:2412.04403): accuracy of a 7B model from models up to 1.3B, over the
//! loss on the tasks.

use std::collections::BTreeMap;

use laws::{Fit, Objective, ResidualScale, Setting, catalogue, fit};
use runs::RunTable;

use crate::reference::{huber_sum, numbers, observe, point, table, words};

/// Task, its column, the published law of its loss (A, alpha, B, beta, E), the sigmoid (a, k, L0,
/// b), and the predicted accuracy of the 7B in per cent.
type Task = (&'static str, &'static str, [f64; 5], [f64; 4], f64);

const TASKS: [Task; 8] = [
    ("MMLU", "mmlu_avg_test", [38.07, 0.23, 100.09, 0.24, 0.45], [-0.74, 4.83, 0.62, 1.00], 48.4),
    (
        "HellaSwag",
        "hellaswag_val",
        [11.23, 0.20, 60.37, 0.26, 0.50],
        [-0.73, 12.74, 0.77, 0.99],
        82.5,
    ),
    (
        "ARC-C",
        "arc_challenge_test",
        [702_975.0, 0.79, 38.45, 0.20, 0.65],
        [-0.78, 5.91, 0.71, 1.00],
        51.5,
    ),
    (
        "ARC-E",
        "arc_easy_test",
        [79412.0, 0.66, 3957.51, 0.42, 0.56],
        [-0.65, 4.13, 0.74, 1.00],
        76.6,
    ),
    ("PIQA", "piqa_val", [405.66, 0.40, 10.16, 0.15, 0.72], [-0.46, 5.03, 0.96, 1.00], 81.2),
    ("CSQA", "csqa_val", [56.86, 0.23, 10.91, 0.11, 0.00], [-0.86, 2.21, 1.13, 1.00], 75.7),
    (
        "SocialIQA",
        "socialiqa_val",
        [1200.94, 0.45, 7897.19, 0.48, 0.95],
        [-0.60, 7.16, 0.89, 1.00],
        58.7,
    ),
    (
        "OpenBookQA",
        "openbookqa_test",
        [86346.0, 0.69, 137.35, 0.26, 1.20],
        [-0.79, 4.31, 1.08, 1.00],
        44.2,
    ),
];

/// The rows of each run, in the order of its steps.
fn by_run(table: &RunTable) -> Vec<Vec<usize>> {
    let (run, step) = (words(table, "run"), numbers(table, "step"));
    let mut runs: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (row, run) in run.into_iter().enumerate() {
        runs.entry(run).or_default().push(row);
    }
    for rows in runs.values_mut() {
        rows.sort_by(|&a, &b| step[a].total_cmp(&step[b]));
    }
    runs.into_values().collect()
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len() as f64;
    values.sum::<f64>() / count
}

/// Step 1: N, D and the mean loss of the last five checkpoints of every run.
fn ends(table: &RunTable, task: &str) -> [Vec<f64>; 3] {
    let (n, d) = (numbers(table, "n_params"), numbers(table, "tokens"));
    let loss = numbers(table, &format!("bpb_{task}"));
    let mut out = [vec![], vec![], vec![]];
    for rows in by_run(table) {
        let last = rows[rows.len() - 1];
        out[0].push(n[last]);
        out[1].push(d[last]);
        out[2].push(mean(rows[rows.len() - 5..].iter().map(|&row| loss[row])));
    }
    out
}

/// Step 2: losses and accuracies after the first tenth of every run, averaged over five
/// checkpoints; and, as the authors' code adds it, one point that no model made: right answers only
/// at (next to) no loss.
fn paths(table: &RunTable, task: &str) -> [Vec<f64>; 2] {
    let columns = [numbers(table, &format!("bpb_{task}")), numbers(table, &format!("acc_{task}"))];
    let mut out = [vec![], vec![]];
    for rows in by_run(table) {
        let late = &rows[rows.len().div_ceil(10)..];
        for (out, column) in out.iter_mut().zip(&columns) {
            for end in 0..late.len() {
                let window = &late[(end + 1).saturating_sub(5)..=end];
                out.push(mean(window.iter().map(|&row| column[row])));
            }
        }
    }
    out[0].push(1e-9);
    out[1].push(1.0);
    out
}

fn at(fit: &Fit, setting: &Setting) -> f64 {
    fit.predict(setting, 0.9, 0).unwrap()[0].value
}

#[test]
fn two_steps_from_small_models_predict_the_7b_as_published() {
    let Some(ladder) = table("downstream_olmo_ladder/ladder_190M_1B.csv", "accuracy of a 7B model")
    else {
        return;
    };
    let target = table("downstream_olmo_ladder/target_7B_4T.csv", "").unwrap();
    let large = Setting::new()
        .with("N", numbers(&target, "n_params")[0])
        .with("D", numbers(&target, "tokens")[0]);
    let (first, second) =
        (catalogue::find("chinchilla").unwrap(), catalogue::find("loss-to-accuracy").unwrap());
    for (name, task, [a, alpha, b, beta, floor], sigmoid, published) in TASKS {
        let [n, d, loss] = ends(&ladder, task);
        assert_eq!(n.len(), 16);
        let law = |n: f64, d: f64| floor + a / n.powf(alpha) + b / d.powf(beta);
        let residuals = n.iter().zip(&d).zip(&loss).map(|((n, d), y)| (y / law(*n, *d)).ln());
        let theirs = huber_sum(residuals, 1e-3);
        let runs = observe([("loss", loss), ("N", n), ("D", d)]);
        let step1 = fit(&first, &runs, &point(Objective::huber(1e-3))).unwrap();
        let [x, y] = paths(&ladder, task);
        let [height, k, middle, top] = sigmoid;
        let curve = |x: f64| top + height / (1.0 + (-k * (x - middle)).exp());
        let squares: f64 = x.iter().zip(&y).map(|(x, y)| (y - curve(*x)).powi(2)).sum();
        let points = observe([("accuracy", y), ("loss", x)]);
        let step2 =
            fit(&second, &points, &point(Objective::squares(ResidualScale::Linear))).unwrap();
        let loss = at(&step1, &large);
        let accuracy = 100.0 * at(&step2, &Setting::new().with("loss", loss));
        let actual = 100.0 * numbers(&target, &format!("acc_{task}"))[0];
        eprintln!(
            "{name}: actual {actual:.1}, published {published}, ours {accuracy:.1}; step 1 \
            {:.4e} (as printed {theirs:.4e}), step 2 {:.4e} ({squares:.4e})",
            step1.value, step2.value
        );
        // To the printed digits, half a unit each.
        for (parameter, value, digits) in [
            ("A", a, 1e-3 * a),
            ("alpha", alpha, 0.005),
            ("B", b, 1e-3 * b),
            ("beta", beta, 0.005),
            ("E", floor, 0.005),
        ] {
            let found = step1.value_of(parameter).unwrap();
            assert!((found - value).abs() <= digits, "{name} {parameter}: {found}, not {value}");
        }
        for (parameter, value) in [("a", height), ("k", k), ("L0", middle), ("b", top)] {
            let found = step2.value_of(parameter).unwrap();
            assert!((found - value).abs() <= 0.0051, "{name} {parameter}: {found}, not {value}");
        }
        for certificate in [&step1.certificate, &step2.certificate] {
            assert!(certificate.starts_at_minimum + 2 >= certificate.starts, "{certificate:?}");
        }
        assert!(step1.value <= theirs && step2.value <= squares, "{name}");
        assert!(step1.certificate.converged && step2.certificate.converged, "{name}");
        assert!((accuracy - published).abs() < 0.06, "{name}: {accuracy}, published {published}");
    }
}
