//! A fit says what it cannot know.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

mod synthetic;

use laws::{Chinchilla, Fit, FitError, FitOptions, Objective, Setting, Warning, catalogue, fit};
use runs::{Finding, Flop, NatsPerToken, Observation, Observations, Parameters, Tokens};

use synthetic::{HOFFMANN, run};

fn grid(sizes: &[f64], tokens: &[f64]) -> Vec<(f64, f64)> {
    sizes.iter().flat_map(|&n| tokens.iter().map(move |&d| (n, d))).collect()
}

/// Runs at these (N, D), their losses off the law by up to 1 %.
fn runs(settings: &[(f64, f64)], law: &Chinchilla) -> Vec<Observation> {
    let off = |i: usize| 1.0 + 0.01 * (9.7 * i as f64).sin();
    settings.iter().enumerate().map(|(i, &(n, d))| run(i, law, n, d, off(i))).collect()
}

fn fitted(rows: Vec<Observation>) -> Fit {
    synthetic::fitted(rows, &FitOptions { bootstrap: 200, ..FitOptions::default() })
}

fn refusal(rows: Vec<Observation>, options: &FitOptions) -> FitError {
    let law = catalogue::find("chinchilla").unwrap();
    fit(&law, &Observations::new(rows), options).unwrap_err()
}

fn full() -> Vec<Observation> {
    runs(&grid(&SIZES, &TOKENS), &HOFFMANN)
}

const SIZES: [f64; 5] = [1e7, 3e7, 1e8, 3e8, 1e9];
const TOKENS: [f64; 5] = [2e8, 1e9, 5e9, 2e10, 1e11];

#[test]
fn a_full_grid_of_runs_is_sound() {
    assert_eq!(fitted(full()).warnings, []);
}

#[test]
fn too_few_settings_or_runs_are_refused_in_words() {
    let few = runs(&[(1e7, 1e9), (1e8, 1e9), (1e7, 1e10), (1e8, 1e10), (1e9, 1e11)], &HOFFMANN);
    let problem = refusal(few, &FitOptions::default());
    let of = vec!["N".to_owned(), "D".to_owned()];
    assert_eq!(problem, FitError::TooFewSettings { of, settings: 5, parameters: 5, needed: 6 });
    assert!(problem.to_string().contains("at least 6"), "{problem}");

    let name = |i: usize| usize::from(i.is_multiple_of(2));
    let checkpoints = (1..50).map(|i| run(name(i), &HOFFMANN, 1e8, 1e9 * i as f64, 1.0)).collect();
    let problem = refusal(checkpoints, &FitOptions::default());
    assert_eq!(problem, FitError::TooFewRuns { runs: 2, needed: 6 });
    assert!(!refusal(Vec::new(), &FitOptions::default()).to_string().is_empty());
}

#[test]
fn measurements_that_are_all_alike_are_refused() {
    let flat = grid(&SIZES, &TOKENS)
        .into_iter()
        .enumerate()
        .map(|(i, (n, d))| Observation { loss: NatsPerToken(3.0), ..run(i, &HOFFMANN, n, d, 1.0) });
    let problem = refusal(flat.collect(), &FitOptions::default());
    assert_eq!(problem, FitError::NothingVaries { target: "loss".to_owned(), value: 3.0 });
}

#[test]
fn options_out_of_range_are_refused() {
    let base = FitOptions::default();
    let bound = |low, high| vec![("alpha".to_owned(), (low, high))];
    for options in [
        FitOptions { objective: Some(Objective::huber(0.0)), ..base.clone() },
        FitOptions { objective: Some(Objective::huber(f64::NAN)), ..base.clone() },
        FitOptions { level: 1.0, ..base.clone() },
        FitOptions { level: 90.0, ..base.clone() },
        FitOptions { bootstrap: 7, ..base.clone() },
        FitOptions { bounds: bound(1.0, 0.5), ..base.clone() },
        FitOptions { bounds: bound(f64::NAN, 0.5), ..base.clone() },
    ] {
        let problem = refusal(full(), &options);
        assert!(matches!(problem, FitError::Option { .. }), "{problem}");
    }
    let unknown = FitOptions { held: vec![("gamma".to_owned(), 1.0)], ..base };
    let problem = refusal(full(), &unknown);
    assert!(matches!(problem, FitError::NoParameter { .. }), "{problem}");
    assert!(problem.to_string().contains("E, A, B, alpha, beta"), "{problem}");
}

#[test]
fn seven_runs_warn_that_they_are_few() {
    let few: Vec<_> = grid(&SIZES, &TOKENS).into_iter().step_by(4).collect();
    let fit = fitted(runs(&few, &HOFFMANN));
    let expected = Warning::FewRuns { settings: 7, parameters: 5 };
    assert!(fit.warnings.contains(&expected), "{:?}", fit.warnings);
}

#[test]
fn parameters_in_millions_are_doubted() {
    let millions: Vec<_> = grid(&SIZES, &TOKENS).into_iter().map(|(n, d)| (n / 1e6, d)).collect();
    let fit = fitted(runs(&millions, &HOFFMANN));
    let doubted = |warning: &&Warning| matches!(warning, Warning::Rows { finding: Finding::SmallUnit { name, .. } } if name == "N");
    assert!(fit.warnings.iter().find(doubted).is_some(), "{:?}", fit.warnings);
}

#[test]
fn one_ratio_of_tokens_to_parameters_is_called_not_identified() {
    let diagonal: Vec<_> =
        (0..12).map(|i| 10_f64.powf(6.0 + 0.25 * f64::from(i))).map(|n| (n, 20.0 * n)).collect();
    let fit = fitted(runs(&diagonal, &HOFFMANN));
    let warning = fit.warnings.iter().find(|w| matches!(w, Warning::Collinear { .. })).unwrap();
    assert!(warning.to_string().contains("cannot be told apart"), "{warning}");
    assert!(warning.is_about_identification());
}

#[test]
fn one_size_or_one_token_count_is_called_not_identified() {
    for (settings, of) in [
        (grid(&[1e8], &[1e9, 2e9, 4e9, 8e9, 1.6e10, 3.2e10, 6.4e10]), "N"),
        (grid(&[1e7, 2e7, 4e7, 8e7, 1.6e8, 3.2e8, 6.4e8], &[1e10]), "D"),
    ] {
        let fit = fitted(runs(&settings, &HOFFMANN));
        let expected = Warning::TooFewLevels { of: of.to_owned(), levels: 1 };
        assert!(fit.warnings.contains(&expected), "{:?}", fit.warnings);
        assert!(expected.is_about_identification());
        // Near the runs the law still holds.
        let (n, d) = (Parameters(settings[3].0), Tokens(settings[3].1));
        let value = fit.predict(&Setting::run(n, d), 0.9, 0).unwrap()[0].value;
        assert!((value / HOFFMANN.loss(n, d).get() - 1.0).abs() < 0.02);
    }
}

#[test]
fn runs_without_a_floor_warn_that_e_is_zero() {
    let law = Chinchilla { e: 0.0, ..HOFFMANN };
    // Losses that fall faster than any power at the end pull E below zero, where it is held.
    let bent = |n: f64, d: f64| 1.0 - 0.02 * (n * d / 2e15).ln() / 10.0;
    let rows = grid(&SIZES, &TOKENS)
        .into_iter()
        .enumerate()
        .map(|(i, (n, d))| run(i, &law, n, d, bent(n, d)))
        .collect();
    let fit = fitted(rows);
    let warning = fit.warnings.iter().find(|w| matches!(w, Warning::Zero { .. })).unwrap();
    let expected = "E (irreducible loss) came out as zero";
    assert!(warning.to_string().contains(expected), "{warning}");
}

#[test]
fn losses_that_do_not_follow_the_law_are_called_a_poor_fit() {
    let rows = full()
        .into_iter()
        .enumerate()
        .map(|(i, row)| Observation { loss: NatsPerToken(3.0 + (17.3 * i as f64).sin()), ..row });
    let fit = fitted(rows.collect());
    assert!(fit.warnings.iter().any(|w| matches!(w, Warning::PoorFit { .. })));
}

#[test]
fn the_distance_of_a_prediction_is_counted_in_factors_of_ten_of_compute() {
    let fit = fitted(full());
    assert_eq!(fit.data.axis, "C");
    let (low, high) = fit.data.axis_range;
    assert!((fit.extrapolation_decades(high * 100.0) - 2.0).abs() < 1e-12);
    assert!((fit.extrapolation_decades(low / 10.0) - 1.0).abs() < 1e-12);
    assert!(fit.extrapolation_decades((low * high).sqrt()) < 1e-300);
}

#[test]
fn hostile_predictions_do_not_panic_and_missing_values_are_named() {
    let fit = fitted(full());
    for (n, d, level) in [(0.0, 1e9, 0.9), (-1.0, 1e9, 0.9), (f64::NAN, 1e9, 0.9), (1e9, 1e9, 2.0)]
    {
        let setting = Setting::new().with("N", n).with("D", d);
        let prediction = &fit.predict(&setting, level, 0).unwrap()[0];
        assert_eq!(prediction.new_run_interval, None, "N {n}, level {level}");
    }
    let problem = fit.predict(&Setting::new().with("N", 1e9), 0.9, 0).unwrap_err();
    assert_eq!(problem, FitError::NotGiven { name: "D".to_owned() });
    assert!(fit.optimum(Flop(f64::NAN), &Setting::new(), 0.9).is_err());
}

#[test]
fn a_saved_fit_predicts_to_the_last_bit_and_damage_is_refused() {
    let fit = fitted(full());
    let json = fit.to_json();
    let read = Fit::from_json("fit.json", &json).unwrap();
    assert!(read.to_json() == json);
    let setting = Setting::run(Parameters(7e9), Tokens(2e11));
    assert_eq!(read.predict(&setting, 0.9, 1), fit.predict(&setting, 0.9, 1));
    for (text, expected) in [
        (String::new(), "is not a saved fit"),
        ("{}".to_owned(), "JSON but not a saved fit"),
        (json[..json.len() / 2].to_owned(), "is not a saved fit"),
        (json.replace("\"schema_version\":2", "\"schema_version\":9"), "version 9"),
        (
            json.replacen(
                "\"name\":\"E\",\"parameter\":\"E\"",
                "\"name\":\"F\",\"parameter\":\"E\"",
                1,
            ),
            "no fit has",
        ),
    ] {
        assert!(text != json);
        let shown = Fit::from_json("fit.json", &text).unwrap_err().to_string();
        assert!(shown.contains(expected), "{expected}: {shown}");
    }
}

#[test]
fn a_fit_with_open_bounds_and_freed_parameters_is_saved_and_read() {
    let options = FitOptions {
        bounds: vec![("alpha".to_owned(), (0.1, f64::INFINITY))],
        held: vec![("beta".to_owned(), f64::NAN)],
        ..synthetic::no_draws()
    };
    let json = synthetic::fitted(full(), &options).to_json();
    let read = Fit::from_json("fit.json", &json).unwrap();
    assert_eq!(read.options.bounds, options.bounds);
    assert!(read.options.held[0].1.is_nan());
    assert!(read.to_json() == json);
}
