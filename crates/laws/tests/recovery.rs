//! A law that generated the runs comes back, whatever the units, the order of the rows and the
//! number of threads.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

mod synthetic;

use laws::{Chinchilla, Fit, FitOptions, catalogue, descend_from, fit};
use proptest::prelude::*;
use runs::{Asked, InMemory, NatsPerToken, Observation, Observations, Parameters, Rules, Tokens};

use synthetic::{HOFFMANN, fitted, no_draws, run, values};

/// Profiles of equal compute: per budget, 15 sizes around its optimum by factors up to `width`
/// either way, all shifted by `offset`.
fn profiles(law: &Chinchilla, budgets: &[f64], width: f64, offset: f64) -> Vec<Observation> {
    let mut rows = Vec::new();
    for &c in budgets {
        let best = law.optimal(runs::Flop(c)).unwrap().parameters.get();
        for k in 0..15 {
            let n = best * offset * width.powf(f64::from(k) / 7.0 - 1.0);
            rows.push(run(rows.len(), law, n, c / 6.0 / n, 1.0));
        }
    }
    rows
}

const BUDGETS: [f64; 5] = [1e17, 1e18, 1e19, 1e20, 1e21];

const SURFACES: [(&str, Chinchilla); 10] = [
    ("chinchilla", HOFFMANN),
    ("ratio 3", Chinchilla { alpha: 0.465, beta: 0.155, ..HOFFMANN }),
    ("symmetric", Chinchilla { alpha: 0.31, beta: 0.31, ..HOFFMANN }),
    ("soda", Chinchilla { e: 3.169, a: 215_886.0, b: 4750.0, alpha: 0.684, beta: 0.439 }),
    ("sparse", Chinchilla { e: 2.158, a: 381_773.0, b: 4659.0, alpha: 0.71, beta: 0.372 }),
    ("sardana", Chinchilla { e: 0.17, a: 7.199, b: 25.97, alpha: 0.08, beta: 0.13 }),
    ("besiroglu", Chinchilla { e: 1.8172, a: 477.84, b: 2143.86, alpha: 0.3473, beta: 0.3672 }),
    ("muennighoff", Chinchilla { e: 1.87, a: 521.0, b: 1488.0, alpha: 0.35266, beta: 0.35266 }),
    ("krajewski", Chinchilla { e: 0.47, a: 16.3, b: 26.7, alpha: 0.126, beta: 0.127 }),
    ("steep data", Chinchilla { e: 2.0, a: 100.0, b: 1e6, alpha: 0.3, beta: 0.6 }),
];

#[test]
fn sixty_exact_surfaces_come_back_to_a_millionth_of_their_exponents() {
    let mut worst: f64 = 0.0;
    let mut fits = 0;
    for (name, law) in SURFACES {
        for (width, offset) in
            [(2.0, 1.0), (4.0, 1.0), (8.0, 1.0), (16.0, 1.0), (4.0, 3.0), (4.0, 0.3)]
        {
            let fit = fitted(profiles(&law, &BUDGETS, width, offset), &no_draws());
            for (found, truth) in values(&fit)[3..].iter().zip(&law.values()[3..]) {
                let error = (found / truth - 1.0).abs();
                worst = worst.max(error);
                assert!(error < 1e-6, "{name}, width {width}, offset {offset}: {:?}", values(&fit));
            }
            assert!(fit.explained > 0.999_999, "{name}");
            assert!(fit.certificate.converged, "{name}: {:?}", fit.certificate);
            fits += 1;
        }
    }
    eprintln!("largest relative error of an exponent over {fits} fits: {worst:.1e}");
    assert_eq!(fits, 60);
}

/// A sweep of 5 x 15 with a fixed ripple in place of noise.
fn rippled() -> Vec<Observation> {
    let mut rows = profiles(&HOFFMANN, &[1e17, 3e17, 1e18, 3e18, 1e19], 4.0, 1.0);
    for (i, row) in rows.iter_mut().enumerate() {
        row.loss = row.loss * (1.0 + 0.01 * (7.3 * i as f64).sin());
    }
    rows
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 2e-6 * a.abs().max(b.abs())
}

/// Whether `scaled` is the same law after N, D and loss were measured in other units.
fn same_law(plain: &Fit, scaled: &Fit, n: f64, d: f64, unit: f64) -> Result<(), TestCaseError> {
    let ([e, a, b, alpha, beta], new) = (values(plain), values(scaled));
    prop_assert!(close(new[3], alpha) && close(new[4], beta), "{new:?}");
    prop_assert!(close(new[0], unit * e), "{new:?}");
    prop_assert!((new[1] / (unit * a * n.powf(alpha)) - 1.0).abs() < 1e-4, "{new:?}");
    prop_assert!((new[2] / (unit * b * d.powf(beta)) - 1.0).abs() < 1e-4, "{new:?}");
    Ok(())
}

#[test]
fn parameters_in_millions_and_tokens_in_billions_give_the_same_law_from_every_start() {
    let plain = fitted(rippled(), &no_draws());
    let scaled = rippled().into_iter().map(|row| Observation {
        parameters: row.parameters * 1e-6,
        tokens: row.tokens * 1e-9,
        ..row
    });
    let scaled = fitted(scaled, &no_draws());
    same_law(&plain, &scaled, 1e-6, 1e-9, 1.0).unwrap();
    for certificate in [&plain.certificate, &scaled.certificate] {
        assert_eq!(certificate.starts_at_minimum, certificate.starts, "{certificate:?}");
    }
}

#[test]
fn one_thread_and_several_give_the_same_bits() {
    let options = FitOptions { bootstrap: 100, ..no_draws() };
    let in_pool = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| fitted(rippled(), &options).to_json())
    };
    assert!(in_pool(1) == in_pool(3));
}

/// A saved fit is read back as it was; where it is not, the text around the last null is shown.
fn saved_and_read_again(fit: &Fit) -> Result<(), TestCaseError> {
    let json = fit.to_json();
    match Fit::from_json("x", &json) {
        Ok(read) => prop_assert_eq!(read.to_json(), json),
        Err(problem) => {
            let null = json.rfind("null").unwrap_or_default();
            let shown = &json[null.saturating_sub(300)..json.len().min(null + 100)];
            prop_assert!(false, "{}: {problem}\n{shown}", fit.law.name);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn the_order_of_the_rows_does_not_matter(rows in Just(rippled()).prop_shuffle()) {
        let (shuffled, straight) = (fitted(rows, &no_draws()), fitted(rippled(), &no_draws()));
        prop_assert!(close(shuffled.value, straight.value));
        for (a, b) in values(&shuffled).iter().zip(values(&straight)) {
            prop_assert!(close(*a, b), "{:?} {:?}", values(&shuffled), values(&straight));
        }
    }

    #[test]
    fn units_of_n_d_and_loss_change_only_their_coefficients(
        n in 1e-3..1e9_f64, d in 1e-3..1e9_f64, unit in 1e-2..1e2_f64,
    ) {
        let mut rows = rippled();
        for row in &mut rows {
            row.parameters = row.parameters * n;
            row.tokens = row.tokens * d;
            row.loss = row.loss * unit;
        }
        same_law(&fitted(rippled(), &no_draws()), &fitted(rows, &no_draws()), n, d, unit)?;
    }

    #[test]
    fn a_constant_added_to_exact_losses_is_added_to_e(constant in 0.1..3.0_f64) {
        let mut rows = profiles(&HOFFMANN, &[1e17, 1e18, 1e19], 4.0, 1.0);
        for row in &mut rows {
            row.loss = row.loss + NatsPerToken(constant);
        }
        let found = values(&fitted(rows, &no_draws()));
        prop_assert!((found[0] - HOFFMANN.e - constant).abs() < 1e-6, "{found:?}");
        prop_assert!((found[3] - HOFFMANN.alpha).abs() < 1e-6);
    }

    #[test]
    fn every_row_given_twice_doubles_the_objective_and_nothing_else(_case in 0..1) {
        let mut twice = rippled();
        twice.extend(rippled());
        let (twice, once) = (fitted(twice, &no_draws()), fitted(rippled(), &no_draws()));
        prop_assert!(close(twice.value, 2.0 * once.value));
        prop_assert!(close(values(&twice)[3], values(&once)[3]));
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
        let law = catalogue::find("chinchilla").unwrap();
        let options = FitOptions { bootstrap: 100, ..no_draws() };
        if let Ok(fit) = fit(&law, &Observations::new(rows), &options) {
            prop_assert!(fit.estimates.iter().all(|estimate| estimate.value.is_finite()));
            saved_and_read_again(&fit)?;
        }
    }

    #[test]
    fn no_table_makes_any_law_panic_or_give_a_number_that_is_none(
        law in prop::sample::select(catalogue::names().collect::<Vec<_>>()),
        cells in prop::collection::vec(-40.0..40.0_f64, 120),
        narrow in any::<bool>(),
        holes in prop::collection::vec(0..120_usize, 0..4),
    ) {
        let law = catalogue::find(law).unwrap();
        let factor = if narrow { 0.02 } else { 1.0 };
        let mut cells: Vec<f64> = cells.iter().map(|x| 10_f64.powf(x * factor)).collect();
        for hole in holes {
            cells[hole] = [f64::NAN, f64::INFINITY, 0.0, -1.0][hole % 4];
        }
        let rows = 120 / (law.variables.len() + 1);
        let mut columns = cells.chunks_exact(rows).map(<[f64]>::to_vec);
        let target = (Asked::positive(&law.target.name), columns.next().unwrap());
        let variables = law.variables.iter().map(|v| Asked::positive(&v.name)).zip(columns);
        let columns = InMemory::new(target, variables.collect());
        let Ok(observations) = Observations::from_columns("x", columns, Rules::default()) else {
            return Ok(());
        };
        let options = FitOptions { bootstrap: 0, ..FitOptions::default() };
        if let Ok(fit) = fit(&law, &observations, &options) {
            prop_assert!(fit.estimates.iter().all(|estimate| estimate.value.is_finite()));
            prop_assert!(fit.value.is_finite() && fit.spread.is_finite());
            saved_and_read_again(&fit)?;
        }
    }
}

#[test]
fn descents_from_starts_far_from_the_data_reach_the_minimum() {
    let mut rows = profiles(&HOFFMANN, &BUDGETS, 4.0, 1.0);
    for (i, row) in rows.iter_mut().enumerate() {
        // Errors of a few parts in a thousand, without a pattern.
        row.loss = row.loss * (0.004 * (1.7 * (i * i) as f64).sin()).exp();
    }
    let law = catalogue::find("chinchilla").unwrap();
    let runs = Observations::new(rows);
    let best = fit(&law, &runs, &no_draws()).unwrap().value;
    let mut starts = Vec::new();
    // Losses from a third to 1e10, terms from next to nothing on, exponents at their bounds.
    for e in [0.37, 2.7] {
        for a in [1.0, 2e4, 7e10] {
            for b in [1.0, 2e4, 7e10] {
                for (alpha, beta) in [(0.0, 0.0), (0.5, 1.0), (2.0, 0.0), (2.0, 2.0)] {
                    starts.push(vec![e, a, b, alpha, beta]);
                }
            }
        }
    }
    let stops = descend_from(&law, &runs, &no_draws(), &starts).unwrap();
    let reached = stops.iter().flatten().filter(|stop| stop.value < best * (1.0 + 1e-6)).count();
    assert!(stops.iter().flatten().all(|stop| stop.value >= best * (1.0 - 1e-9)));
    assert!(20 * reached >= 19 * starts.len(), "{reached} of {}", starts.len());
}
