use std::f64::consts::PI;
use std::sync::Arc;

use super::*;
use crate::{Design, Dist, Draws};

fn uniforms(names: &[&str], low: f64, high: f64) -> Inputs {
    let mut inputs = Inputs::new();
    for name in names {
        inputs.add(*name, Dist::uniform(low, high).unwrap()).unwrap();
    }
    inputs
}

fn rowwise(
    f: impl Fn(&dyn Fn(usize) -> f64) -> f64 + Clone + Send,
) -> impl FnMut(&[&[f64]], &mut [f64]) + Clone + Send {
    move |x: &[&[f64]], out: &mut [f64]| {
        for (i, out) in out.iter_mut().enumerate() {
            *out = f(&|j| x[j][i]);
        }
    }
}

fn assert_close(found: &SobolIndices, first: &[f64], total: &[f64], tolerance: f64) {
    for ((index, first), total) in found.indices.iter().zip(first).zip(total) {
        assert!((index.first.value - first).abs() < tolerance, "{} {first}", index.first.value);
        assert!((index.total.value - total).abs() < tolerance, "{} {total}", index.total.value);
        assert!(index.first.low <= *first + 0.002 && *first - 0.002 <= index.first.high);
        assert!(index.total.low <= *total + 0.002 && *total - 0.002 <= index.total.high);
    }
}

/// Ishigami and Homma (1990); closed form in Sobol and Levitan (1999).
#[test]
fn ishigami_comes_out() {
    let (a, b) = (7.0, 0.1);
    let model =
        rowwise(move |x| x(0).sin() + a * x(1).sin().powi(2) + b * x(2).powi(4) * x(0).sin());
    let inputs = uniforms(&["x1", "x2", "x3"], -PI, PI);
    let found = sobol_indices(&inputs, &model, &SobolPlan::default()).unwrap();
    let v1 = 0.5 * (1.0 + b * PI.powi(4) / 5.0).powi(2);
    let v2 = a * a / 8.0;
    let v13 = b * b * PI.powi(8) * (1.0 / 18.0 - 1.0 / 50.0);
    let v = v1 + v2 + v13;
    assert!((found.variance / v - 1.0).abs() < 0.005);
    assert_eq!(found.evaluations, 5 << 14);
    assert_close(&found, &[v1 / v, v2 / v, 0.0], &[(v1 + v13) / v, v2 / v, v13 / v], 0.01);
}

/// Sobol's g-function, from Saltelli and Sobol (1995).
#[test]
fn the_g_function_comes_out() {
    let a = [0.0, 1.0, 4.5, 9.0, 99.0, 99.0, 99.0, 99.0];
    let model = rowwise(move |x| {
        a.iter().enumerate().map(|(i, a)| ((4.0 * x(i) - 2.0).abs() + a) / (1.0 + a)).product()
    });
    let names = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let found = sobol_indices(&uniforms(&names, 0.0, 1.0), &model, &SobolPlan::default()).unwrap();
    let part = a.map(|a| 1.0 / (3.0 * (1.0 + a) * (1.0 + a)));
    let all: f64 = part.iter().map(|v| 1.0 + v).product();
    let v = all - 1.0;
    let first = part.map(|p| p / v);
    let total = part.map(|p| p * all / (1.0 + p) / v);
    assert_close(&found, &first, &total, 0.01);
}

#[test]
fn intervals_hold_the_truth_at_least_as_often_as_they_say() {
    let mut inputs = Inputs::new();
    for (name, sd) in [("a", 2.0), ("b", 1.0)] {
        inputs.add(name, Dist::normal(1.0, sd).unwrap()).unwrap();
    }
    // Var(ab) = 4 + 1 + 4 with means 1: first 4/9 and 1/9, total 8/9 and 5/9.
    let model = rowwise(|x| x(0) * x(1));
    let (mut first, mut total) = (0, 0);
    for seed in 0..100 {
        let plan = SobolPlan { rows: 1024, seed, ..SobolPlan::default() };
        let found = sobol_indices(&inputs, &model, &plan).unwrap();
        let inside =
            |share: Share, truth: f64| i32::from(share.low <= truth && truth <= share.high);
        first += inside(found.indices[0].first, 4.0 / 9.0);
        total += inside(found.indices[1].total, 5.0 / 9.0);
    }
    assert!(first >= 88 && total >= 85, "{first} {total} of 100 at 90 %");
}

#[test]
fn correlated_and_imported_inputs_are_one_group_each() {
    let mut inputs = Inputs::new();
    for name in ["a", "b", "c"] {
        inputs.add(name, Dist::normal(0.0, 1.0).unwrap()).unwrap();
    }
    inputs.correlate("a", "b", 0.5).unwrap();
    let mut fit = Draws::new(Design::Plain);
    let alpha: Vec<f64> = (0..1000).map(|i| f64::from(i) / 500.0 - 1.0).collect();
    fit.push("e", alpha.iter().map(|v| -v).collect()).unwrap();
    fit.push("d", alpha).unwrap();
    inputs.import("fit", Arc::new(fit)).unwrap();
    let model = rowwise(|x| x(0) + x(1) + x(2) + x(4) - x(3));
    let found = sobol_indices(&inputs, &model, &SobolPlan::default()).unwrap();
    let names: Vec<&str> = found.indices.iter().map(|index| index.name.as_str()).collect();
    assert_eq!(names, ["a + b", "c", "fit"]);
    assert_eq!(found.indices[2].inputs, ["e", "d"]);
    // Var(a + b) = 2 + 2 r with r = 2 sin(pi/12); the fit adds 4 Var(uniform(-1, 1)) = 4/3.
    let ab = 2.0 + 4.0 * (PI / 12.0).sin();
    let v = ab + 1.0 + 4.0 / 3.0;
    let shares = [ab / v, 1.0 / v, 4.0 / 3.0 / v];
    assert_close(&found, &shares, &shares, 0.01);
}

#[test]
fn a_group_asked_for_may_not_split_dependent_inputs() {
    let mut inputs = uniforms(&["a", "b", "c"], 0.0, 1.0);
    inputs.correlate("a", "b", 0.5).unwrap();
    let model = rowwise(|x| x(0) + x(1) * x(2));
    let with = |members: &[&str]| {
        let members = members.iter().map(|&name| name.into()).collect();
        let plan = SobolPlan { groups: vec![("g".into(), members)], ..SobolPlan::default() };
        sobol_indices(&inputs, &model, &plan)
    };
    assert!(matches!(with(&["a", "c"]), Err(Error::Group { .. })));
    assert!(matches!(with(&["a", "nobody"]), Err(Error::Unknown { .. })));
    let all = with(&["c", "b", "a"]).unwrap();
    assert!((all.indices[0].first.value - 1.0).abs() < 0.01 && all.indices.len() == 1);
}

#[test]
fn dates_with_never_are_explained_by_rank_or_as_yes_or_no() {
    let inputs = uniforms(&["gate", "when", "idle"], 0.0, 1.0);
    let date = rowwise(|x| if x(0) < 0.3 { f64::INFINITY } else { 2026.0 + 10.0 * x(1) });
    let explain = |aspect| {
        let plan = SobolPlan { aspect, ..SobolPlan::default() };
        sobol_indices(&inputs, &date, &plan)
    };
    let refused = explain(Aspect::Value).unwrap_err();
    assert!(refused.to_string().starts_with("the model's output is never in "), "{refused}");
    let never = explain(Aspect::Never).unwrap();
    assert_close(&never, &[1.0, 0.0, 0.0], &[1.0, 0.0, 0.0], 0.01);
    // Ranks: uniform on 0..0.7 where there is a date, 0.85 where there is none.
    let rank = explain(Aspect::Rank).unwrap();
    let within = 0.7_f64.powi(3) / 12.0;
    let between = 0.7 * 0.3 * 0.5_f64.powi(2);
    let v = within + between;
    let when = 0.7 * within;
    let first = [between / v, when / v, 0.0];
    let total = [1.0 - first[1], 1.0 - first[0], 0.0];
    assert_close(&rank, &first, &total, 0.012);
}

#[test]
fn outputs_that_cannot_be_explained_are_refused_with_the_row() {
    let inputs = uniforms(&["a", "b"], 0.0, 1.0);
    let plan = SobolPlan { rows: 256, ..SobolPlan::default() };
    let bad = sobol_indices(&inputs, &rowwise(|x| (x(0) - 0.5).sqrt()), &plan).unwrap_err();
    assert!(bad.to_string().contains("undefined in 128 of 256 rows (first where a = 0."), "{bad}");
    let flat = sobol_indices(&inputs, &rowwise(|_| 3.0), &plan).unwrap_err();
    assert!(flat.to_string().contains("the same in 512 of 512"), "{flat}");
    let none = SobolPlan { rows: 0, ..SobolPlan::default() };
    assert!(sobol_indices(&inputs, &rowwise(|x| x(0)), &none).is_err());
}

#[test]
fn the_number_of_threads_does_not_matter() {
    let inputs = uniforms(&["a", "b"], 0.0, 1.0);
    let model = rowwise(|x| x(0) * x(1).exp());
    let plan = SobolPlan { aspect: Aspect::Rank, ..SobolPlan::default() };
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| sobol_indices(&inputs, &model, &plan).unwrap())
    };
    assert_eq!(on(1), on(5));
}
