//! A fit says what it cannot know.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

use laws::{Chinchilla, Fit, FitError, FitOptions, Verdict, Warning, fit};
use runs::{Flop, Observation, Observations, Parameters, Tokens};

const LAW: Chinchilla = Chinchilla { e: 1.69, a: 406.4, b: 410.7, alpha: 0.34, beta: 0.28 };

/// Runs at these (N, D), their losses off the law by up to 1 %.
fn runs(settings: &[(f64, f64)], law: &Chinchilla) -> Observations {
    Observations::new(settings.iter().enumerate().map(|(i, &(n, d))| {
        let (parameters, tokens) = (Parameters(n), Tokens(d));
        let loss = law.loss(parameters, tokens) * (1.0 + 0.01 * (9.7 * i as f64).sin());
        Observation { run: i.to_string(), parameters, tokens, loss }
    }))
}

fn grid(sizes: &[f64], tokens: &[f64]) -> Vec<(f64, f64)> {
    sizes.iter().flat_map(|&n| tokens.iter().map(move |&d| (n, d))).collect()
}

fn fitted(observations: &Observations) -> Fit {
    let options = FitOptions { bootstrap: 200, ..FitOptions::default() };
    fit(observations, &options).unwrap()
}

const SIZES: [f64; 5] = [1e7, 3e7, 1e8, 3e8, 1e9];
const TOKENS: [f64; 5] = [2e8, 1e9, 5e9, 2e10, 1e11];

#[test]
fn a_full_grid_of_runs_is_sound() {
    let fit = fitted(&runs(&grid(&SIZES, &TOKENS), &LAW));
    assert_eq!(fit.warnings, []);
    assert_eq!(fit.verdict(), Verdict::Sound);
}

#[test]
fn too_few_settings_or_runs_are_refused_in_words() {
    let few = runs(&[(1e7, 1e9), (1e8, 1e9), (1e7, 1e10), (1e8, 1e10), (1e9, 1e11)], &LAW);
    let refusal = fit(&few, &FitOptions::default()).unwrap_err();
    assert_eq!(refusal, FitError::TooFewSettings { settings: 5, needed: 6 });
    assert!(refusal.to_string().contains("at least 6"));

    let checkpoints = Observations::new((1..50).map(|i| Observation {
        run: if i % 2 == 0 { "a" } else { "b" }.to_owned(),
        parameters: Parameters(1e8),
        tokens: Tokens(1e9 * f64::from(i)),
        loss: LAW.loss(Parameters(1e8), Tokens(1e9 * f64::from(i))),
    }));
    let refusal = fit(&checkpoints, &FitOptions::default()).unwrap_err();
    assert_eq!(refusal, FitError::TooFewRuns { runs: 2, needed: 6 });
    assert!(fit(&Observations::default(), &FitOptions::default()).is_err());
}

#[test]
fn options_out_of_range_are_refused() {
    let observations = runs(&grid(&SIZES, &TOKENS), &LAW);
    let base = FitOptions::default();
    for options in [
        FitOptions { huber_delta: 0.0, ..base },
        FitOptions { huber_delta: f64::NAN, ..base },
        FitOptions { level: 1.0, ..base },
        FitOptions { level: 90.0, ..base },
        FitOptions { bootstrap: 7, ..base },
    ] {
        let refusal = fit(&observations, &options).unwrap_err();
        assert!(matches!(refusal, FitError::Option { .. }), "{refusal}");
    }
}

#[test]
fn seven_runs_warn_that_they_are_few() {
    let settings = &grid(&SIZES, &TOKENS)[..];
    let few: Vec<_> = settings.iter().copied().step_by(4).collect();
    let fit = fitted(&runs(&few, &LAW));
    assert!(fit.warnings.contains(&Warning::FewRuns { settings: 7 }), "{:?}", fit.warnings);
    assert_ne!(fit.verdict(), Verdict::Sound);
}

#[test]
fn parameters_in_millions_are_doubted() {
    let settings = grid(&SIZES, &TOKENS);
    assert_eq!(fitted(&runs(&settings, &LAW)).warnings, []);
    let millions: Vec<_> = settings.iter().map(|&(n, d)| (n / 1e6, d)).collect();
    let fit = fitted(&runs(&millions, &LAW));
    let warning = fit.warnings.iter().find(|w| matches!(w, Warning::UnlikelyUnits { .. }));
    assert!(warning.unwrap().to_string().contains("plain counts"));
    assert_ne!(fit.verdict(), Verdict::Sound);
}

#[test]
fn one_ratio_of_tokens_to_parameters_is_called_not_identified() {
    let diagonal: Vec<_> = (0..12).map(|i| 10_f64.powf(6.0 + 0.25 * f64::from(i))).collect();
    let fit = fitted(&runs(&diagonal.iter().map(|&n| (n, 20.0 * n)).collect::<Vec<_>>(), &LAW));
    let warning = fit.warnings.iter().find(|w| matches!(w, Warning::Collinear { .. }));
    assert!(warning.unwrap().to_string().contains("cannot be told apart"));
    assert_eq!(fit.verdict(), Verdict::NotIdentified);
}

#[test]
fn one_size_or_one_token_count_is_called_not_identified() {
    for (settings, of) in [
        (grid(&[1e8], &[1e9, 2e9, 4e9, 8e9, 1.6e10, 3.2e10, 6.4e10]), "N"),
        (grid(&[1e7, 2e7, 4e7, 8e7, 1.6e8, 3.2e8, 6.4e8], &[1e10]), "D"),
    ] {
        let fit = fitted(&runs(&settings, &LAW));
        let expected = Warning::TooFewLevels { of: of.to_owned(), levels: 1 };
        assert!(fit.warnings.contains(&expected), "{:?}", fit.warnings);
        assert_eq!(fit.verdict(), Verdict::NotIdentified);
        // Near the runs the law still holds.
        let (n, d) = (Parameters(settings[3].0), Tokens(settings[3].1));
        assert!((fit.law.loss(n, d) / LAW.loss(n, d) - 1.0).abs() < 0.02);
    }
}

#[test]
fn runs_without_a_floor_warn_that_e_is_zero() {
    let law = Chinchilla { e: 0.0, ..LAW };
    // Losses that fall faster than any power at the end pull E below zero, where it is held.
    let observations = Observations::new(grid(&SIZES, &TOKENS).into_iter().map(|(n, d)| {
        let (parameters, tokens) = (Parameters(n), Tokens(d));
        let loss = law.loss(parameters, tokens) * (1.0 - 0.02 * (n * d / 2e15).ln() / 10.0);
        Observation { run: format!("{n} {d}"), parameters, tokens, loss }
    }));
    let fit = fitted(&observations);
    assert!(fit.warnings.contains(&Warning::NoIrreducibleLoss), "{:?} {:?}", fit.law, fit.warnings);
}

#[test]
fn losses_that_do_not_follow_the_law_are_called_a_poor_fit() {
    let observations =
        Observations::new(grid(&SIZES, &TOKENS).into_iter().enumerate().map(|(i, (n, d))| {
            Observation {
                run: i.to_string(),
                parameters: Parameters(n),
                tokens: Tokens(d),
                loss: runs::NatsPerToken(3.0 + (17.3 * i as f64).sin()),
            }
        }));
    let fit = fitted(&observations);
    assert!(fit.warnings.iter().any(|w| matches!(w, Warning::PoorFit { .. })));
    assert_ne!(fit.verdict(), Verdict::Sound);
}

#[test]
fn the_distance_of_a_prediction_is_counted_in_factors_of_ten_of_compute() {
    let fit = fitted(&runs(&grid(&SIZES, &TOKENS), &LAW));
    let (low, high) = fit.data.compute;
    assert!((fit.extrapolation_decades(high * 100.0) - 2.0).abs() < 1e-12);
    assert!((fit.extrapolation_decades(low / 10.0) - 1.0).abs() < 1e-12);
    assert!(fit.extrapolation_decades(Flop((low.get() * high.get()).sqrt())) < 1e-300);
}

#[test]
fn hostile_predictions_have_no_interval_and_do_not_panic() {
    let fit = fitted(&runs(&grid(&SIZES, &TOKENS), &LAW));
    for (n, d, level) in [(0.0, 1e9, 0.9), (-1.0, 1e9, 0.9), (f64::NAN, 1e9, 0.9), (1e9, 1e9, 2.0)]
    {
        let prediction = fit.predict(Parameters(n), Tokens(d), level, 0);
        assert_eq!(prediction.new_run_interval, None);
    }
    assert_eq!(fit.optimum(Flop(f64::NAN), 0.9), None);
}

#[test]
fn a_saved_fit_predicts_to_the_last_bit_and_damage_is_refused() {
    let fit = fitted(&runs(&grid(&SIZES, &TOKENS), &LAW));
    let json = fit.to_json();
    let read = Fit::from_json("fit.json", &json).unwrap();
    assert_eq!(read, fit);
    let (n, d) = (Parameters(7e9), Tokens(2e11));
    assert_eq!(read.predict(n, d, 0.9, 1), fit.predict(n, d, 0.9, 1));
    for (text, expected) in [
        (String::new(), "is not a saved fit"),
        ("{}".to_owned(), "JSON but not a saved fit"),
        (json[..json.len() / 2].to_owned(), "is not a saved fit"),
        (json.replace("\"schema_version\":1", "\"schema_version\":9"), "version 9"),
        (json.replacen("\"E\":[", "\"E\":[1.0,", 1), "columns of draws"),
        (json.replacen("\"law\":{\"E\":", "\"law\":{\"E\":-", 1), "no fit has"),
    ] {
        let shown = Fit::from_json("fit.json", &text).unwrap_err().to_string();
        assert!(shown.contains(expected), "{expected}: {shown}");
    }
}
