//! Learning curves: Alabdulmohsin et al. 2022 (arXiv:2209.06640), and those of GPT-3 as digitised.

use std::collections::BTreeMap;

use laws::{Objective, ResidualScale, Setting, catalogue, fit};

use crate::reference::{numbers, observe, pick, point, table, words};

#[test]
fn of_four_forms_the_most_flexible_extrapolates_best_as_published() {
    let Some(table) =
        table("learning_curves_alabdulmohsin2022/language.csv", "forms of learning curves")
    else {
        return;
    };
    let (domain, task, model) =
        (words(&table, "domain"), words(&table, "task"), words(&table, "model"));
    let (x, loss, train) =
        (numbers(&table, "seen_examples"), numbers(&table, "loss"), numbers(&table, "is_train"));
    let mut series: BTreeMap<(&str, &str, &str), Vec<usize>> = BTreeMap::new();
    for row in 0..table.len() {
        series.entry((domain[row], task[row], model[row])).or_default().push(row);
    }
    let mut converged = 0;
    let mut scores: BTreeMap<&str, [Vec<f64>; 4]> = BTreeMap::new();
    for (name, rows) in &series {
        let (fitted, beyond): (Vec<usize>, Vec<usize>) =
            rows.iter().partition(|&&row| train[row] > 0.5);
        let observations = observe([("e", pick(&loss, &fitted)), ("x", pick(&x, &fitted))]);
        let mut errors = [0.0; 4];
        for (error, law) in errors.iter_mut().zip([
            "learning-curve-m1",
            "learning-curve-m2",
            "learning-curve-m3",
            "learning-curve-m4",
        ]) {
            let law = catalogue::find(law).unwrap();
            let fit = fit(&law, &observations, &point(Objective::squares(ResidualScale::Log)))
                .unwrap_or_else(|problem| panic!("{name:?} {}: {problem}", law.name));
            converged += usize::from(fit.certificate.converged);
            let squares: f64 = beyond
                .iter()
                .map(|&row| {
                    let value =
                        fit.predict(&Setting::new().with("x", x[row]), 0.9, 0).unwrap()[0].value;
                    (loss[row] / value).ln().powi(2)
                })
                .sum();
            *error = (squares / beyond.len() as f64).sqrt();
        }
        let domain = scores.entry(name.0).or_default();
        for (scores, error) in domain.iter_mut().zip(errors) {
            scores.push(error);
        }
        eprintln!("{name:?}: {errors:.4?}");
    }
    let mut means = [0.0; 4];
    let mut count = 0.0;
    for (domain, errors) in &scores {
        let mean = errors.each_ref().map(|e| e.iter().sum::<f64>() / e.len() as f64);
        eprintln!(
            "{domain}, {} curves: mean RMSE of ln e beyond the fit, M1 to M4: {mean:.4?}",
            errors[0].len()
        );
        for (sum, errors) in means.iter_mut().zip(errors) {
            *sum += errors.iter().sum::<f64>();
        }
        count += errors[0].len() as f64;
    }
    let means = means.map(|sum| sum / count);
    eprintln!("all: {means:.4?}");
    assert!(means[3] < means[2] && means[2] < means[1] && means[1] < means[0], "{means:?}");
    assert!(converged >= 70, "{converged} of 80 fits converged");
}

#[test]
fn thousands_of_rows_of_gpt_3_are_searched_in_a_part_and_fitted_in_full() {
    let Some(table) = table("gpt3_curves/curves.csv", "training curves of GPT-3") else { return };
    let sizes = [
        ("small", 1.25e8),
        ("medium", 3.5e8),
        ("large", 7.6e8),
        ("xl", 1.3e9),
        ("2.7b", 2.7e9),
        ("6.7b", 6.7e9),
        ("13b", 1.3e10),
        ("175b", 1.75e11),
    ];
    let (model, step, loss) =
        (words(&table, "model"), numbers(&table, "step"), table.text("train_loss").unwrap());
    let (mut n, mut s, mut y) = (Vec::new(), Vec::new(), Vec::new());
    for row in 0..table.len() {
        let size = sizes.iter().find(|(name, _)| name.eq_ignore_ascii_case(model[row]));
        let Some((_, size)) = size else { panic!("{}", model[row]) };
        if let Ok(loss) = loss[row].parse::<f64>() {
            n.push(*size);
            s.push(step[row]);
            y.push(loss);
        }
    }
    let rows = n.len();
    let last = s.iter().copied().fold(0.0, f64::max);
    let observations = observe([("loss", y), ("N", n), ("S", s)]);
    let law = catalogue::find("kaplan-steps").unwrap();
    let fit = fit(&law, &observations, &point(Objective::huber(1e-3))).unwrap();
    eprintln!(
        "GPT-3, {rows} rows to step {last}: {:?} explained {} {:?}",
        fit.estimates, fit.explained, fit.certificate
    );
    // The horizontal axis of the figure is as extracted, in billions of tokens by its extent: this
    // only says that the search works on thousands of correlated rows.
    assert!(fit.certificate.converged && fit.certificate.starts_at_minimum >= 8);
    assert!(fit.explained > 0.85, "{}", fit.explained);
    for name in ["alpha_N", "alpha_S"] {
        assert!((0.05..0.4).contains(&fit.value_of(name).unwrap()), "{:?}", fit.estimates);
    }
}
