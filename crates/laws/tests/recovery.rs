//! A law that generated the runs comes back.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

use laws::{Chinchilla, Fit, FitOptions, fit};
use proptest::prelude::*;
use runs::{NatsPerToken, Observation, Observations, Parameters, Tokens};

const NO_DRAWS: FitOptions = FitOptions { huber_delta: 1e-3, bootstrap: 0, level: 0.9, seed: 0 };

/// Profiles of equal compute: per budget, sizes around its optimum by factors up to `width` either way,
/// all shifted by `offset`.
fn profiles(law: &Chinchilla, budgets: &[f64], width: f64, offset: f64) -> Vec<Observation> {
    let mut rows = Vec::new();
    for &c in budgets {
        let best = law.optimal(runs::Flop(c)).unwrap();
        for k in 0..15 {
            let n = best.parameters.get() * offset * width.powf(f64::from(k) / 7.0 - 1.0);
            let (parameters, tokens) = (Parameters(n), Tokens(c / 6.0 / n));
            let loss = law.loss(parameters, tokens);
            rows.push(Observation { run: format!("{c:e} {k}"), parameters, tokens, loss });
        }
    }
    rows
}

fn fitted(rows: &[Observation]) -> Fit {
    fit(&Observations::new(rows.iter().cloned()), &NO_DRAWS).unwrap()
}

const SURFACES: [(&str, Chinchilla); 6] = [
    ("chinchilla", Chinchilla { e: 1.69, a: 406.4, b: 410.7, alpha: 0.34, beta: 0.28 }),
    ("ratio 3", Chinchilla { e: 1.69, a: 406.4, b: 410.7, alpha: 0.465, beta: 0.155 }),
    ("symmetric", Chinchilla { e: 1.69, a: 406.4, b: 410.7, alpha: 0.31, beta: 0.31 }),
    ("soda", Chinchilla { e: 3.169, a: 215_886.0, b: 4750.0, alpha: 0.684, beta: 0.439 }),
    ("sparse", Chinchilla { e: 2.158, a: 381_773.0, b: 4659.0, alpha: 0.71, beta: 0.372 }),
    ("sardana", Chinchilla { e: 0.17, a: 7.199, b: 25.97, alpha: 0.08, beta: 0.13 }),
];

#[test]
fn exact_surfaces_come_back_to_a_millionth_of_their_exponents() {
    let budgets = [1e17, 1e18, 1e19, 1e20, 1e21];
    for (name, law) in SURFACES {
        for (width, offset) in [(2.0, 1.0), (4.0, 1.0), (16.0, 1.0), (4.0, 3.0)] {
            let fit = fitted(&profiles(&law, &budgets, width, offset));
            for (found, true_value) in fit.law.values()[3..].iter().zip(&law.values()[3..]) {
                let error = (found / true_value - 1.0).abs();
                assert!(error < 1e-6, "{name} width {width} offset {offset}: {:?}", fit.law);
            }
            assert!(fit.explained > 0.999_999, "{name}");
        }
    }
}

/// A sweep of 5 x 5 with a fixed ripple in place of noise.
fn rippled() -> Vec<Observation> {
    let (_, law) = SURFACES[0];
    let mut rows = profiles(&law, &[1e17, 3e17, 1e18, 3e18, 1e19], 4.0, 1.0);
    for (i, row) in rows.iter_mut().enumerate() {
        row.loss = row.loss * (1.0 + 0.01 * (7.3 * i as f64).sin());
    }
    rows
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 2e-6 * a.abs().max(b.abs())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn the_order_of_the_rows_does_not_matter(rows in Just(rippled()).prop_shuffle()) {
        let (shuffled, straight) = (fitted(&rows), fitted(&rippled()));
        prop_assert!(close(shuffled.objective, straight.objective));
        for (a, b) in shuffled.law.values().iter().zip(straight.law.values()) {
            prop_assert!(close(*a, b), "{:?} {:?}", shuffled.law, straight.law);
        }
    }

    #[test]
    fn units_of_n_d_and_loss_change_only_their_coefficients(
        n in 1e-3..1e9_f64, d in 1e-3..1e9_f64, unit in 1e-2..1e2_f64,
    ) {
        let plain = fitted(&rippled()).law;
        let mut rows = rippled();
        for row in &mut rows {
            row.parameters = row.parameters * n;
            row.tokens = row.tokens * d;
            row.loss = row.loss * unit;
        }
        let scaled = fitted(&rows).law;
        prop_assert!(close(scaled.alpha, plain.alpha) && close(scaled.beta, plain.beta));
        prop_assert!(close(scaled.e, unit * plain.e));
        prop_assert!((scaled.a / (unit * plain.a * n.powf(plain.alpha)) - 1.0).abs() < 1e-4);
        prop_assert!((scaled.b / (unit * plain.b * d.powf(plain.beta)) - 1.0).abs() < 1e-4);
    }

    #[test]
    fn a_constant_added_to_exact_losses_is_added_to_e(constant in 0.1..3.0_f64) {
        let (_, law) = SURFACES[0];
        let mut rows = profiles(&law, &[1e17, 1e18, 1e19], 4.0, 1.0);
        for row in &mut rows {
            row.loss = row.loss + NatsPerToken(constant);
        }
        let found = fitted(&rows).law;
        prop_assert!((found.e - law.e - constant).abs() < 1e-6, "{found:?}");
        prop_assert!((found.alpha - law.alpha).abs() < 1e-6);
    }

    #[test]
    fn every_row_given_twice_doubles_the_objective_and_nothing_else(_case in 0..1) {
        let mut twice = rippled();
        twice.extend(rippled());
        let (twice, once) = (fitted(&twice), fitted(&rippled()));
        prop_assert!(close(twice.objective, 2.0 * once.objective));
        prop_assert!(close(twice.law.alpha, once.law.alpha));
    }

    #[test]
    fn no_table_makes_the_fit_panic(
        rows in prop::collection::vec(
            (-300.0..300.0_f64, -300.0..300.0_f64, -300.0..300.0_f64), 6..12),
        narrow in any::<bool>(),
    ) {
        let factor = if narrow { 0.01 } else { 1.0 };
        let rows = rows.iter().enumerate().map(|(i, &(n, d, loss))| Observation {
            run: i.to_string(),
            parameters: Parameters(10_f64.powf(n * factor)),
            tokens: Tokens(10_f64.powf(d * factor)),
            loss: NatsPerToken(10_f64.powf(loss * factor)),
        });
        let options = FitOptions { bootstrap: 100, ..NO_DRAWS };
        if let Ok(fit) = fit(&Observations::new(rows), &options) {
            prop_assert!(fit.law.values().iter().all(|x| x.is_finite()));
            let json = fit.to_json();
            match Fit::from_json("x", &json) {
                Ok(read) => prop_assert_eq!(read, fit),
                Err(problem) => prop_assert!(false, "{}\n{}", problem, &json[..900]),
            }
        }
    }
}
