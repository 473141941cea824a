//! Best points and targets along paths.

use super::*;
use crate::catalogue;

const PATH: &str = "N = exp(x)\nD = exp(ln_budget - x) / 6";

fn besiroglu(rows: usize) -> Columns {
    let mut given = Columns::new(rows);
    for (name, value) in
        [("E", 1.8172), ("A", 482.01), ("B", 2085.43), ("alpha", 0.3478), ("beta", 0.3658)]
    {
        given.set(name, vec![value; rows]);
    }
    given
}

fn closed(budget: f64) -> f64 {
    let (a, b, alpha, beta): (f64, f64, f64, f64) = (482.01, 2085.43, 0.3478, 0.3658);
    let g = (alpha * a / (beta * b)).powf(1.0 / (alpha + beta));
    g * (budget / 6.0).powf(beta / (alpha + beta))
}

#[test]
fn the_best_point_is_the_closed_form_for_every_row() {
    let law = catalogue::find("chinchilla").unwrap();
    let rows = 2 * CHUNK + 7;
    let along = Along::new(&law, &besiroglu(rows), PATH, (0.0, 110.0)).unwrap();
    let budgets: Vec<f64> = (0..rows).map(|i| 30.0 + 0.03 * i as f64).collect();
    for (x, budget) in along.best(&budgets).unwrap().iter().zip(&budgets) {
        assert!((x - closed(budget.exp()).ln()).abs() < 1e-9);
    }
}

#[test]
fn a_target_is_reached_by_the_budget_whose_best_point_has_it() {
    let law = catalogue::find("chinchilla").unwrap();
    let along = Along::new(&law, &besiroglu(5), PATH, (0.0, 110.0)).unwrap();
    let budgets = [20.0, 40.0, 48.0, 55.0, 80.0];
    let x = along.best(&budgets).unwrap();
    let target = along.slope(&x, &budgets).unwrap()[0].clone();
    let afar = along.reach(&target, None).unwrap();
    let near = Reached { x: vec![x[2]; 5], ln_budget: vec![budgets[2]; 5] };
    let near = along.reach(&target, Some(&near)).unwrap();
    for (row, budget) in budgets.iter().enumerate() {
        assert!((afar.ln_budget[row] - budget).abs() < 1e-6, "{afar:?}");
        assert!((near.ln_budget[row] - budget).abs() < 1e-6, "{near:?}");
    }
}

#[test]
fn a_loss_below_the_irreducible_one_is_never_reached() {
    let law = catalogue::find("chinchilla").unwrap();
    let along = Along::new(&law, &besiroglu(2), PATH, (0.0, 110.0)).unwrap();
    let reached = along.reach(&[1.8, 2.2], None).unwrap();
    assert!(reached.ln_budget[0].is_nan() && reached.ln_budget[1].is_finite());
}

#[test]
fn where_a_term_is_missing_there_is_no_best_point() {
    let law = catalogue::find("chinchilla").unwrap();
    let given = besiroglu(3).with("B", vec![0.0, 2085.43, f64::NAN]);
    let along = Along::new(&law, &given, PATH, (0.0, 110.0)).unwrap();
    let x = along.best(&[48.0; 3]).unwrap();
    assert!(x[0].is_nan() && x[1].is_finite() && x[2].is_nan());
}

#[test]
fn a_path_that_leaves_a_variable_open_is_refused() {
    let law = catalogue::find("chinchilla").unwrap();
    assert!(Along::new(&law, &besiroglu(1), "N = exp(x)", (0.0, 110.0)).is_err());
}
