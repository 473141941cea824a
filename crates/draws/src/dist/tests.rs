use proptest::prelude::*;

use super::*;

fn every_family() -> Vec<Dist> {
    let lognormal = Dist::interval(2.0, 50.0, Level::P90).unwrap();
    vec![
        lognormal.clone(),
        Dist::interval(-3.0, 50.0, Level::P80).unwrap(),
        Dist::quantiles(&[(0.1, 1.0), (0.5, 3.0), (0.9, 40.0)]).unwrap(),
        Dist::quantiles(&[(0.1, -1.0), (0.4, 3.0), (0.95, 4.0)]).unwrap(),
        Dist::normal(-2.0, 0.5).unwrap(),
        Dist::lognormal(1.0, 2.0).unwrap(),
        Dist::uniform(-1.0, 4.0).unwrap(),
        Dist::loguniform(0.01, 100.0).unwrap(),
        Dist::triangular(0.0, 1.0, 5.0).unwrap(),
        Dist::triangular(1.0, 1.0, 5.0).unwrap(),
        Dist::beta(0.4, 2.5).unwrap(),
        Dist::beta(60.0, 30.0).unwrap(),
        Dist::pert(10.0, 12.0, 20.0).unwrap(),
        Dist::student(3.0, 5.0, 2.0).unwrap(),
        Dist::mix(vec![(0.8, lognormal), (0.2, Dist::normal(100.0, 1.0).unwrap())]).unwrap(),
    ]
}

fn families_with_atoms() -> Vec<Dist> {
    let normal = Dist::normal(1.0, 2.0).unwrap();
    vec![
        Dist::constant(7.0).unwrap(),
        Dist::poisson(3.5).unwrap(),
        Dist::bernoulli(0.3).unwrap(),
        Dist::zero(0.25, normal.clone()).unwrap(),
        Dist::clip(normal.clone(), 0.0, 3.0).unwrap(),
        Dist::data(vec![3.0, 1.0, 2.0, 2.0]).unwrap(),
        Dist::mix(vec![(1.0, Dist::poisson(2.0).unwrap()), (3.0, normal)]).unwrap(),
    ]
}

#[test]
fn median_and_ends_follow_the_definition() {
    let two_piece = Dist::quantiles(&[(0.1, 2e28), (0.5, 2e29), (0.9, 2e30)]).unwrap();
    assert!((two_piece.quantile(0.1) / 2e28 - 1.0).abs() < 1e-12);
    assert!((two_piece.quantile(0.5) / 2e29 - 1.0).abs() < 1e-12);
    assert!((two_piece.quantile(0.9) / 2e30 - 1.0).abs() < 1e-12);
    // Each half is a lognormal of its own: at 2 sigma, twice as far on the log scale as at 1.
    let skewed = Dist::quantiles(&[(0.1, 5.0), (0.5, 10.0), (0.9, 80.0)]).unwrap();
    let z10 = normal::quantile(0.1);
    let p = normal::cdf(2.0 * z10);
    assert!((skewed.quantile(p) - 2.5).abs() < 1e-9);
    assert!((skewed.quantile(1.0 - p) - 640.0).abs() < 1e-6);
    let uniform = Dist::uniform(-1.0, 4.0).unwrap();
    assert_eq!((uniform.quantile(0.0), uniform.quantile(1.0)), (-1.0, 4.0));
    assert_eq!(Dist::normal(0.0, 1.0).unwrap().quantile(1.0), f64::INFINITY);
}

#[test]
fn lognormal_or_normal_is_chosen_by_the_sign_of_the_ends() {
    assert!(Dist::interval(1.0, 2.0, Level::P90).unwrap().to_string().starts_with("lognormal"));
    assert!(Dist::interval(0.0, 2.0, Level::P90).unwrap().to_string().starts_with("normal"));
    assert!(Dist::interval(-1.0, 2.0, Level::P90).unwrap().to_string().starts_with("normal"));
}

#[test]
fn the_family_can_be_stated_against_the_signs() {
    let growth = Dist::normal_through(&[(0.05, 8_f64.ln()), (0.95, 40_f64.ln())]).unwrap();
    let factor = Dist::interval(8.0, 40.0, Level::P90).unwrap();
    for p in [0.01, 0.3, 0.5, 0.99] {
        assert!((growth.quantile(p).exp() / factor.quantile(p) - 1.0).abs() < 1e-12);
    }
    let refused = Dist::lognormal_through(&[(0.1, 0.0), (0.9, 2.0)]).unwrap_err();
    assert_eq!(refused.to_string(), "lognormal: p10 is 0, but must be positive and finite");
}

#[test]
fn zero_keeps_its_share_and_clip_its_ends() {
    let zero = Dist::zero(0.4, Dist::interval(1.0, 10.0, Level::P90).unwrap()).unwrap();
    assert_eq!(zero.quantile(0.39), 0.0);
    let below = Dist::zero(0.0, Dist::constant(-5.0).unwrap()).unwrap();
    assert_eq!((below.quantile(0.0), below.quantile(1.0)), (-5.0, -5.0));
    assert!(zero.quantile(0.41) > 0.0);
    assert!((zero.quantile(0.4 + 0.6 * 0.95) - 10.0).abs() < 1e-9);
    let clip = Dist::clip(Dist::normal(0.0, 1.0).unwrap(), -1.0, f64::INFINITY).unwrap();
    assert_eq!(clip.quantile(0.01), -1.0);
    assert!(clip.quantile(0.99) > 2.0);
}

#[test]
fn a_mixture_returns_its_atoms_exactly() {
    let five = Dist::constant(5.0).unwrap();
    let mix = Dist::mix(vec![(0.5, five), (0.5, Dist::uniform(0.0, 10.0).unwrap())]).unwrap();
    assert_eq!(mix.quantile(0.5), 5.0);
    assert!((mix.quantile(0.1) - 2.0).abs() < 1e-12);
    assert!((mix.quantile(0.9) - 8.0).abs() < 1e-12);
    let counts = Dist::mix(vec![
        (0.3, Dist::poisson(2.0).unwrap()),
        (0.7, Dist::data(vec![0.5, 40.0]).unwrap()),
    ])
    .unwrap();
    for i in 1..100 {
        let x = counts.quantile(f64::from(i) / 100.0);
        assert!(x == x.round() || x == 0.5, "{x}");
    }
}

#[test]
fn endless_nesting_is_refused_before_it_costs_anything() {
    let mut dist = Dist::normal(0.0, 1.0).unwrap();
    let refused = loop {
        match Dist::zero(0.1, dist.clone()) {
            Ok(next) => dist = next,
            Err(error) => break error,
        }
    };
    assert!(refused.to_string().contains("at most 16 levels, but 17 given"), "{refused}");
    let mut mix = Dist::normal(0.0, 1.0).unwrap();
    let deepest = (0..9).take_while(|_| {
        let halves = vec![(1.0, mix.clone()), (1.0, Dist::constant(9.0).unwrap())];
        Dist::mix(halves).map(|next| mix = next).is_ok()
    });
    assert_eq!(deepest.count(), 2);
    assert!((mix.cdf(mix.quantile(0.1)) - 0.1).abs() < 1e-9);
    let many = (0..2000).map(|_| (1.0, Dist::constant(1.0).unwrap())).collect();
    assert!(Dist::mix(many).is_err());
}

#[test]
fn a_mixture_with_never_keeps_its_finite_quantiles() {
    // Seconds since the year 0: a narrow range of large numbers.
    for (low, high) in [(6.4e10, 6.5e10), (2.0, 3.0), (-5.0, -4.0), (1e-20, 2e-20)] {
        let part = Dist::uniform(low, high).unwrap();
        let never = Dist::data([f64::INFINITY]).unwrap();
        let dist = Dist::mix(vec![(0.75, part.clone()), (0.25, never)]).unwrap();
        for p in [0.01, 0.3, 0.6, 0.74] {
            let (found, expected) = (dist.quantile(p), part.quantile(p / 0.75));
            assert!((found - expected).abs() <= 1e-9 * expected.abs(), "{found} {expected}");
        }
        assert_eq!(dist.quantile(0.76), f64::INFINITY);
    }
}

#[test]
fn data_may_hold_never() {
    let dist = Dist::data(vec![2030.0, f64::INFINITY]).unwrap();
    assert_eq!(dist.quantile(0.5), 2030.0);
    assert_eq!(dist.quantile(0.51), f64::INFINITY);
}

#[test]
fn bad_parameters_are_named_with_their_value() {
    let errors = [
        (Dist::beta(-1.0, 2.0), "beta: a is -1"),
        (Dist::normal(0.0, 0.0), "normal: standard deviation is 0"),
        (Dist::uniform(2.0, 2.0), "uniform: low (2) must be below high (2)"),
        (Dist::loguniform(0.0, 2.0), "loguniform: low is 0"),
        (Dist::triangular(0.0, 9.0, 2.0), "triangular: mode is 9, but must be from 0 to 2"),
        (Dist::poisson(f64::NAN), "poisson: mean is NaN"),
        (Dist::mix(vec![]), "mix"),
        (Dist::data(vec![]), "data"),
        (Dist::data(vec![1.0, f64::NAN]), "data: value 2 is NaN"),
        (Dist::quantiles(&[(0.1, 1.0)]), "q(...)"),
        (Dist::quantiles(&[(0.1, 1.0), (0.1, 2.0)]), "q(...): probability is 0.1"),
        (Dist::quantiles(&[(0.1, 3.0), (0.5, 2.0)]), "p10 (3) must be below p50 (2)"),
        (Dist::quantiles(&[(0.0, 1.0), (0.5, 2.0)]), "q(...): probability is 0"),
        (Dist::interval(1e-300, 1e300, Level::P90), "overflow"),
        (Dist::constant(f64::INFINITY), "constant: value is inf"),
    ];
    for (made, expected) in errors {
        let message = made.unwrap_err().to_string();
        assert!(message.contains(expected), "{message:?} lacks {expected:?}");
    }
}

proptest! {
    #[test]
    fn quantiles_never_fall_as_the_probability_rises(p in 1e-12..1.0_f64, step in 0.0..0.5_f64) {
        let q = (p + step).min(1.0);
        for dist in every_family().iter().chain(&families_with_atoms()) {
            let (low, high) = (dist.quantile(p), dist.quantile(q));
            prop_assert!(low <= high * (1.0 + 1e-12 * high.signum()), "{dist}: {low} {high}");
        }
    }

    #[test]
    fn the_probability_below_a_quantile_is_the_one_asked(p in 1e-9..1.0_f64) {
        for dist in every_family() {
            let back = dist.cdf(dist.quantile(p));
            prop_assert!((back - p).abs() < 1e-9, "{dist}: {p} {back}");
        }
    }

    #[test]
    fn with_atoms_the_quantile_is_the_least_value_with_enough_below(p in 1e-6..1.0_f64) {
        for dist in families_with_atoms() {
            let x = dist.quantile(p);
            prop_assert!(dist.cdf(x) >= p - 1e-12, "{dist}: {p} {x}");
            let lower = x - 1e-9 * x.abs().max(1.0);
            prop_assert!(dist.cdf(lower) < p + 1e-9, "{dist}: {p} {x}");
        }
    }

    #[test]
    fn a_curve_passes_through_its_quantiles(
        p in 0.01..0.3_f64, q in 0.35..0.65_f64, r in 0.7..0.99_f64,
        start in -50.0..50.0_f64, first in 0.01..100.0_f64, second in 0.01..100.0_f64,
    ) {
        let points = [(p, start), (q, start + first), (r, start + first + second)];
        // A triple may be so skewed that its lognormal tail overflows: that is an error, not a draw.
        if let Ok(dist) = Dist::quantiles(&points) {
            for (p, x) in points {
                prop_assert!((dist.quantile(p) - x).abs() < 1e-9 * x.abs().max(1.0));
            }
        }
    }

    #[test]
    fn any_numbers_give_a_distribution_or_an_error(a in any::<f64>(), b in any::<f64>(), c in any::<f64>()) {
        let made = [
            Dist::interval(a, b, Level::P90), Dist::normal(a, b), Dist::lognormal(a, b),
            Dist::uniform(a, b), Dist::loguniform(a, b), Dist::triangular(a, b, c),
            Dist::pert(a, b, c), Dist::student(a, b, c), Dist::bernoulli(a), Dist::beta(a, b),
            Dist::quantiles(&[(0.1, a), (0.5, b), (0.9, c)]), Dist::data(vec![a, b, c]),
        ];
        for dist in made.into_iter().flatten() {
            for p in [0.0, 1e-9, 0.3, 0.999, 1.0] {
                prop_assert!(!dist.quantile(p).is_nan(), "{dist}");
            }
        }
    }
}
