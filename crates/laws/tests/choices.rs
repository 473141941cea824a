//! Laws compared beyond their runs, choices varied, groups that share parameters.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

use laws::{
    Chinchilla, FitOptions, Follow, Law, catalogue, compare, fit, robustness, test_sharing,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use runs::{Asked, Flop, InMemory, Observations, Parameters, Rules, Tokens};

const LAW: Chinchilla = Chinchilla { e: 1.69, a: 406.4, b: 410.7, alpha: 0.34, beta: 0.28 };

/// N, D and loss of seven half-decade budgets of five sizes each.
fn sweep(law: Chinchilla, noise: f64, seed: u64) -> [Vec<f64>; 3] {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let [mut n, mut d, mut loss] = [const { Vec::new() }; 3];
    for i in 0..35_i32 {
        let c = 1e17 * 10_f64.powf(f64::from(i / 5) / 2.0);
        let best = LAW.optimal(Flop(c)).unwrap().parameters.get();
        n.push(best * 2_f64.powi(i % 5 - 2));
        d.push(c / 6.0 / n[n.len() - 1]);
        let at = law.loss(Parameters(n[n.len() - 1]), Tokens(d[d.len() - 1])).get();
        loss.push(at * (noise * random.sample::<f64, _>(StandardNormal)).exp());
    }
    [n, d, loss]
}

fn observed([n, d, loss]: [Vec<f64>; 3], group: Option<Vec<String>>) -> Observations {
    let variables = vec![(Asked::positive("N"), n), (Asked::positive("D"), d)];
    let columns = InMemory { group, ..InMemory::new((Asked::positive("loss"), loss), variables) };
    Observations::from_columns("<memory>", columns, Rules::default()).unwrap()
}

fn options(bootstrap: usize) -> FitOptions {
    FitOptions { bootstrap, ..FitOptions::default() }
}

#[test]
fn the_law_that_made_the_runs_extrapolates_better_than_one_without_a_floor() {
    let observations = observed(sweep(LAW, 0.003, 1), None);
    let without = Law::typed("loss = A / N^alpha + B / D^beta", |name| ["N", "D"].contains(&name));
    let laws = [without.unwrap(), catalogue::find("chinchilla").unwrap()];
    let comparison = compare(&laws, &observations, &options(100)).unwrap();
    assert_eq!(comparison.axis, "C");
    assert!(comparison.cuts.len() >= 3, "{comparison:?}");
    let [best, other] = comparison.contenders.as_slice() else { panic!("{comparison:?}") };
    assert_eq!((best.law.as_str(), best.parameters), ("chinchilla", 5));
    assert!(best.overall.error < other.overall.error && best.overall.runs == other.overall.runs);
    assert!(best.overall.interval_score < other.overall.interval_score, "{comparison:?}");
    assert!(best.overall.covered > 0.7 && best.aicc < other.aicc, "{comparison:?}");
    let pair = &comparison.pairs[0];
    assert!(pair.difference > 0.0 && pair.wins > 0.9, "{pair:?}");
    assert!(pair.interval.unwrap().contains(pair.difference));
}

#[test]
fn a_law_that_cannot_be_fitted_is_listed_last_with_its_reason() {
    let observations = observed(sweep(LAW, 0.003, 2), None);
    let repeated = Law::typed("loss = E + A / U^alpha", |name| name == "U").unwrap();
    let laws = [repeated, catalogue::find("chinchilla").unwrap()];
    let comparison = compare(&laws, &observations, &options(0)).unwrap();
    let [first, last] = comparison.contenders.as_slice() else { panic!("{comparison:?}") };
    assert_eq!((first.law.as_str(), first.refused.as_ref()), ("chinchilla", None));
    assert!(last.refused.as_ref().unwrap().contains("no column `U`"), "{last:?}");
    assert!(comparison.pairs.is_empty());
}

#[test]
fn runs_that_cannot_be_cut_are_refused() {
    let [n, d, loss] = sweep(LAW, 0.003, 2).map(|column| column[..9].to_vec());
    let laws = [catalogue::find("chinchilla").unwrap(), catalogue::find("kaplan-joint").unwrap()];
    let problem = compare(&laws, &observed([n, d, loss], None), &options(0)).unwrap_err();
    assert_eq!(problem, laws::FitError::NoCut { runs: 9 });
}

#[test]
fn other_choices_move_a_sound_fit_little_and_each_is_named() {
    let observations = observed(sweep(LAW, 0.003, 3), None);
    let follow = Follow {
        budgets: vec![Flop(1e21)],
        settings: vec![laws::Setting::run(Parameters(1e9), Tokens(2e10))],
        conventions: vec![("half the parameters".to_owned(), {
            let [n, d, loss] = sweep(LAW, 0.003, 3);
            observed([n.iter().map(|n| n / 2.0).collect(), d, loss], None)
        })],
    };
    let law = catalogue::find("chinchilla").unwrap();
    let variants = robustness(&law, &observations, &options(0), &follow).unwrap();
    let changes: Vec<&str> = variants.iter().map(|variant| variant.change.as_str()).collect();
    for expected in ["as asked", "Huber delta 0.1", "least squares", "linear residuals"] {
        assert!(changes.contains(&expected), "{changes:?}");
    }
    assert!(changes.contains(&"without the 8 smallest runs"), "{changes:?}");
    let base = &variants[0];
    for variant in &variants {
        assert_eq!(variant.refused, None, "{variant:?}");
        let n = |of: &laws::Variant| of.optima[0].unwrap().parameters.get();
        let expected = if variant.change == "half the parameters" { 0.707 } else { 1.0 };
        let moved = n(variant) / n(base) / expected;
        assert!((0.6..1.7).contains(&moved), "{}: {moved}", variant.change);
        // At half the count the same N is another model.
        let same = if variant.change == "half the parameters" { 0.05 } else { 0.01 };
        assert!((variant.predictions[0] / base.predictions[0] - 1.0).abs() < same);
    }
}

/// Two groups; the second has its own coefficients and `alpha`.
fn groups(alpha: f64) -> Observations {
    let other = Chinchilla { e: 1.8, a: 300.0, b: 500.0, alpha, ..LAW };
    let (first, second) = (sweep(LAW, 0.003, 4), sweep(other, 0.003, 5));
    let names = std::iter::repeat_n("adamw", 35).chain(std::iter::repeat_n("muon", 35));
    let mut second = second.into_iter();
    let both = first.map(|column| [column, second.next().unwrap()].concat());
    observed(both, Some(names.map(str::to_owned).collect()))
}

fn sharing() -> FitOptions {
    FitOptions {
        shared: Some(vec!["alpha".to_owned(), "beta".to_owned()]),
        backtest: false,
        ..options(0)
    }
}

#[test]
fn shared_exponents_are_fitted_once_and_coefficients_per_group() {
    let law = catalogue::find("chinchilla").unwrap();
    let fit = fit(&law, &groups(0.34), &sharing()).unwrap();
    let names: Vec<&str> = fit.estimates.iter().map(|e| e.name.as_str()).collect();
    assert_eq!(
        names,
        ["E[adamw]", "E[muon]", "A[adamw]", "A[muon]", "B[adamw]", "B[muon]", "alpha", "beta"]
    );
    assert!((fit.value_of("alpha").unwrap() - 0.34).abs() < 0.02, "{:?}", fit.estimates);
    assert!((fit.value_of("E[muon]").unwrap() - 1.8).abs() < 0.05, "{:?}", fit.estimates);
}

#[test]
fn sharing_is_accepted_where_it_holds_and_refuted_where_it_does_not() {
    let law = catalogue::find("chinchilla").unwrap();
    let holds = test_sharing(&law, &groups(0.34), &sharing()).unwrap();
    assert_eq!((holds.groups, holds.saved), (2, 2));
    assert!(holds.p > 0.05, "{holds:?}");
    let fails = test_sharing(&law, &groups(0.30), &sharing()).unwrap();
    assert!(fails.p < 0.02, "{fails:?}");
}
