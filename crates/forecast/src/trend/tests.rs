use super::*;

fn points(f: impl Fn(f64) -> f64, noise: f64, count: u32) -> Vec<Point> {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    (0..count)
        .map(|i| {
            let date = 2010.0 + f64::from(i) / 4.0;
            Point { date, value: (f(date) + noise * normal(&mut rng)).exp(), range: None }
        })
        .collect()
}

fn fit(points: &[Point], shape: Shape) -> Trend {
    let bootstraps = if shape == Shape::Logistic { 0 } else { 50 };
    Trend::fit(points, TrendOptions { shape, bootstraps, ..TrendOptions::default() }).unwrap()
}

#[test]
fn every_shape_finds_its_own_parameters() {
    let kink = points(|t| 0.5 * (t - 2018.0).min(0.0) + 1.5 * (t - 2018.0).max(0.0), 0.02, 60);
    let trend = fit(&kink, Shape::Kink);
    assert!(
        (trend.growth() - 1.5).abs() < 0.02 && (trend.break_date().unwrap() - 2018.0).abs() < 0.1
    );

    let jump = points(|t| 0.7 * (t - 2018.0) + if t > 2016.1 { 2.0 } else { 0.0 }, 0.02, 60);
    let trend = fit(&jump, Shape::Jump);
    assert!(
        (trend.growth() - 0.7).abs() < 0.01 && (trend.break_date().unwrap() - 2016.1).abs() < 0.15
    );

    let hyperbolic = points(|t| -2.0 * (2027.0 - t).ln(), 0.01, 60);
    let trend = fit(&hyperbolic, Shape::Hyperbolic);
    assert!((trend.break_date().unwrap() - 2027.0).abs() < 0.6, "{:?}", trend.break_date());

    let logistic = points(|t| 3.0 - (1.0 + (-0.8 * (t - 2017.0)).exp()).ln(), 0.01, 60);
    let trend = fit(&logistic, Shape::Logistic);
    assert!((trend.break_date().unwrap() - 2017.0).abs() < 0.1, "{:?}", trend.break_date());
    assert!(trend.growth() < 0.05 && (trend.log_level(2040.0) - 3.0).abs() < 0.05);
}

#[test]
fn the_shape_that_made_the_data_has_the_lowest_criteria() {
    let line = points(|t| 1.2 * (t - 2015.0), 0.3, 60);
    assert_eq!(Trend::compare(&line)[0].shape, Shape::LogLinear);
    let kink = points(|t| 0.2 * (t - 2018.0).min(0.0) + 2.0 * (t - 2018.0).max(0.0), 0.2, 60);
    let found = Trend::compare(&kink);
    assert_eq!(found[0].shape, Shape::Kink);
    let of = |shape| found.iter().find(|quality| quality.shape == shape).unwrap();
    assert!(of(Shape::Kink).cross_validation < of(Shape::LogLinear).cross_validation);
}

#[test]
fn intervals_hold_the_truth_as_often_as_they_say() {
    let held = (0..200_u64)
        .filter(|seed| {
            let mut rng = ChaCha8Rng::seed_from_u64(1000 + seed);
            let points: Vec<Point> = (0..40)
                .map(|i| {
                    let date = 2015.0 + f64::from(i) / 4.0;
                    let value = (0.9 * (date - 2015.0) + 0.5 * normal(&mut rng)).exp();
                    Point { date, value, range: None }
                })
                .collect();
            let options = TrendOptions { bootstraps: 200, seed: *seed, ..TrendOptions::default() };
            let (low, high) = Trend::fit(&points, options).unwrap().growth_interval(Level::P90);
            low <= 0.9 && 0.9 <= high
        })
        .count();
    // 180 expected; the bootstrap over rows of 40 points is a little narrow.
    assert!((164..=194).contains(&held), "{held} of 200");
}

#[test]
fn the_points_own_ranges_widen_the_interval() {
    let exact = points(|t| t - 2015.0, 0.05, 30);
    let ranged: Vec<Point> =
        exact.iter().map(|p| Point { range: Some((p.value / 3.0, p.value * 3.0)), ..*p }).collect();
    let width = |points: &[Point]| {
        let (low, high) = fit(points, Shape::LogLinear).growth_interval(Level::P90);
        high - low
    };
    assert!(width(&ranged) > 3.0 * width(&exact));
}

#[test]
fn one_point_that_carries_the_trend_is_named() {
    let mut flat = points(|_| 0.0, 0.01, 20);
    flat.push(Point { date: 2025.0, value: 1000.0, range: None });
    let found = fit(&flat, Shape::LogLinear).fragility().unwrap();
    assert_eq!(found.most, 2025.0);
    assert!(found.lowest.abs() < 0.01 && found.highest > 0.1);
}

#[test]
fn points_that_cannot_be_fitted_are_refused() {
    let point = |date, value| Point { date, value, range: None };
    let few = [point(2020.0, 1.0), point(2021.0, -2.0), point(2022.0, f64::NAN)];
    let refused = Trend::fit(&few, TrendOptions::default()).unwrap_err();
    assert_eq!(refused, TrendError::TooFew { shape: Shape::LogLinear, given: 1, needed: 3 });
    let same = [point(2020.0, 1.0), point(2020.0, 2.0), point(2020.0, 3.0)];
    assert_eq!(Trend::fit(&same, TrendOptions::default()).unwrap_err(), TrendError::OneDate);
}

#[test]
fn the_same_seed_gives_the_same_interval() {
    let data = points(|t| t - 2015.0, 0.5, 30);
    let run = || fit(&data, Shape::Kink).break_interval(Level::P90);
    assert_eq!(run(), run());
}

#[test]
fn a_shape_that_passes_through_the_noise_of_few_points_is_not_chosen() {
    let point = |date, value| Point { date, value, range: None };
    let five = [
        point(2020.01, 1.0),
        point(2021.16, 3.0),
        point(2022.5, 9.0),
        point(2023.0, 20.0),
        point(2024.0, 70.0),
    ];
    let found = Trend::compare(&five);
    assert_eq!(found[0].shape, Shape::LogLinear);
    // By Schwarz's criterion alone the hyperbola would win.
    let hyperbola = found.iter().find(|one| one.shape == Shape::Hyperbolic).unwrap();
    assert!(hyperbola.bic < found[0].bic && hyperbola.aicc.is_infinite());
}
