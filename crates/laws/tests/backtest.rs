//! The backtest holds out the largest runs, whatever the order of the table, and its errors count
//! only outside the runs.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

mod synthetic;

use laws::{Fit, FitOptions, Setting, Side, Warning};
use runs::{Flop, Observation, Tokens};

use synthetic::{HOFFMANN as LAW, run};

/// Five half-decade budgets from 1e17 FLOP, five sizes each, off the law by up to `noise`, and
/// lower by `bend` per squared decade of C.
fn sweep(noise: f64, bend: f64) -> Vec<Observation> {
    (0..25_u32)
        .map(|i| {
            let decades = f64::from(i / 5) / 2.0;
            let c = 1e17 * 10_f64.powf(decades);
            let best = LAW.optimal(Flop(c)).unwrap().parameters.get();
            let n = best * 2_f64.powf(f64::from(i % 5) - 2.0);
            let off = noise * (9.7 * f64::from(i)).sin() - bend * decades * decades;
            run(i as usize, &LAW, n, c / 6.0 / n, off.exp())
        })
        .collect()
}

fn fitted(rows: Vec<Observation>, bootstrap: usize) -> Fit {
    synthetic::fitted(rows, &FitOptions { bootstrap, ..FitOptions::default() })
}

#[test]
fn cuts_fall_between_budgets_and_leave_enough_on_both_sides() {
    let backtest = fitted(sweep(0.005, 0.0), 0).backtest.unwrap();
    let counts: Vec<(usize, usize)> =
        backtest.cuts.iter().map(|cut| (cut.fitted, cut.held_out)).collect();
    assert_eq!(counts, [(20, 5), (15, 10), (10, 15)]);
    for (cut, (c, decades)) in backtest.cuts.iter().zip([
        (1e17 * 10_f64.powf(1.5), 0.5),
        (1e18, 0.75),
        (10_f64.powf(17.5), 1.0),
    ]) {
        assert!((cut.at / c - 1.0).abs() < 1e-9, "{cut:?}");
        assert!((cut.decades - decades).abs() < 1e-9, "{cut:?}");
        assert!(cut.within <= cut.held_out);
    }
}

#[test]
fn a_table_without_room_for_a_cut_has_no_backtest() {
    let nine: Vec<Observation> = sweep(0.005, 0.0).into_iter().take(9).collect();
    assert_eq!(fitted(nine, 0).backtest, None);
    // All runs at one compute: there is nothing larger to hold out.
    let flat = (0..12).map(|i| {
        let n = 1e8 * 1.5_f64.powf(i as f64);
        run(i, &LAW, n, 1e19 / 6.0 / n, 1.0)
    });
    assert_eq!(fitted(flat.collect(), 0).backtest, None);
}

#[test]
fn the_order_of_the_rows_does_not_matter() {
    let rows = sweep(0.01, 0.01);
    let forward = fitted(rows.clone(), 0).backtest.unwrap();
    let backward = fitted(rows.into_iter().rev().collect(), 0).backtest.unwrap();
    assert_eq!(forward.cuts.len(), backward.cuts.len());
    for (a, b) in forward.cuts.iter().zip(&backward.cuts) {
        assert_eq!((a.fitted, a.held_out, a.within), (b.fitted, b.held_out, b.within));
        assert!((a.error - b.error).abs() < 1e-9 && (a.at / b.at - 1.0).abs() < 1e-12);
    }
    assert!((forward.error_per_decade - backward.error_per_decade).abs() < 1e-9);
}

#[test]
fn a_run_is_held_out_with_all_its_checkpoints() {
    let rows: Vec<Observation> = sweep(0.005, 0.0)
        .into_iter()
        .flat_map(|row| {
            [0.25, 0.5, 1.0].map(|part| {
                let tokens = Tokens(part * row.tokens.get());
                let loss = LAW.loss(row.parameters, tokens) * (1.0 + 0.004 * (9e9 * part).sin());
                Observation { run: row.run.clone(), parameters: row.parameters, tokens, loss }
            })
        })
        .collect();
    let cut = fitted(rows, 0).backtest.unwrap().cuts[0];
    assert_eq!((cut.fitted, cut.held_out), (20, 5));
    assert!((cut.decades - 0.5).abs() < 1e-9);
}

#[test]
fn a_one_sided_backtest_warns_in_words_and_asks_for_caution() {
    let fit = fitted(sweep(0.001, 0.015), 200);
    let warning = fit
        .warnings
        .iter()
        .find(|warning| matches!(warning, Warning::ExtrapolationBias { side: Side::TooHigh, .. }))
        .unwrap_or_else(|| panic!("{:?} {:?}", fit.backtest, fit.warnings));
    assert!(warning.to_string().contains("5 largest runs"), "{warning}");
    assert!(warning.to_string().contains("extrapolations to be too high as well"), "{warning}");
    assert!(warning.is_serious());
    assert!(fit.backtest.unwrap().error_per_decade > 0.01);
}

#[test]
fn runs_without_noise_leave_nothing_to_warn_of() {
    let fit = fitted(sweep(0.0, 0.0), 0);
    let backtest = fit.backtest.unwrap();
    assert!(backtest.error_per_decade < 1e-6, "{backtest:?}");
    assert_eq!(backtest.one_sided(), None);
}

#[test]
fn the_error_of_extrapolation_counts_outside_the_runs_only_and_grows_with_distance() {
    let fit = fitted(sweep(0.002, 0.03), 200);
    let without = Fit { backtest: None, ..fit.clone() };
    let widths = [1e18, 1e20, 1e21].map(|c| {
        let best = LAW.optimal(Flop(c)).unwrap();
        [&fit, &without].map(|fit| {
            let prediction = fit.predict(&Setting::run(best.parameters, best.tokens), 0.9, 1);
            let interval = prediction.unwrap()[0].new_run_interval.unwrap();
            (interval.high / interval.low).ln()
        })
    });
    assert_eq!(widths[0][0].to_bits(), widths[0][1].to_bits());
    let added = |i: usize| (widths[i][0].powi(2) - widths[i][1].powi(2)).sqrt();
    assert!(added(1) > 0.02 && (added(2) / added(1) - 2.0).abs() < 0.4, "{widths:?}");
}
