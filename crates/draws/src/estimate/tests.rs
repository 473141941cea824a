use super::*;
use crate::{Dist, Inputs};

#[test]
fn digits_follow_the_standard_error() {
    let shown = |value, standard_error| Estimate { value, standard_error }.to_string();
    assert_eq!(shown(4.98123, 0.03), "5.0");
    assert_eq!(shown(4.98123, 0.1), "5.0");
    assert_eq!(shown(4.98123, 0.11), "5");
    assert_eq!(shown(12345.0, 40.0), "12300");
    assert_eq!(shown(2.34e29, 2e27), "2.3e29");
    assert_eq!(shown(-0.001_234_5, 0.000_001), "-0.001234");
    assert_eq!(shown(0.3, 2.0), "~0.3");
    assert_eq!(shown(0.0, 0.1), "~0");
    assert_eq!(shown(2.5, 0.0), "2.5");
    assert_eq!(shown(f64::INFINITY, f64::INFINITY), "never");
    assert_eq!(shown(f64::NAN, 0.0), "undefined");
}

/// How often the truth lies within two standard errors, over many seeds.
fn coverage(design: Design, rows: usize, seeds: u64) -> [f64; 3] {
    let dist = Dist::lognormal(0.0, 1.0).unwrap();
    let truth = [1.0_f64.exp().sqrt(), dist.quantile(0.9), 0.5];
    let mut inside = [0; 3];
    for seed in 0..seeds {
        let mut inputs = Inputs::new();
        inputs.add("x", Dist::lognormal(0.0, 0.6).unwrap()).unwrap();
        inputs.add("y", Dist::lognormal(0.0, 0.8).unwrap()).unwrap();
        let draws = inputs.sampler(seed, design).unwrap().draw(rows).unwrap();
        let (x, y) = (draws.column("x").unwrap(), draws.column("y").unwrap());
        // A product of two lognormals is one lognormal: 0.6^2 + 0.8^2 = 1.
        let product: Vec<f64> = x.iter().zip(y).map(|(x, y)| x * y).collect();
        let found = [
            mean(&product, design),
            quantiles(&product, design, &[0.9])[0],
            probability(&product, design, |v| v < 1.0),
        ];
        for ((hit, found), truth) in inside.iter_mut().zip(found).zip(truth) {
            *hit += u32::from((found.value - truth).abs() <= 2.0 * found.standard_error);
        }
    }
    inside.map(|hits| f64::from(hits) / seeds as f64)
}

#[test]
fn two_standard_errors_cover_the_truth_as_often_as_they_should() {
    // 95.4 % for a normal error; the mean of a skewed column and 15 degrees of freedom give less.
    for (design, rows, low) in [(Design::Plain, 4000, 0.92), (Design::SOBOL, 4096, 0.89)] {
        for (what, share) in ["mean", "p90", "probability"].iter().zip(coverage(design, rows, 400))
        {
            assert!((low..0.99).contains(&share), "{design:?} {what}: covered {share}");
        }
    }
}

#[test]
fn quasi_random_rows_have_a_smaller_error_and_know_it() {
    let mut inputs = Inputs::new();
    for name in ["a", "b", "c"] {
        inputs.add(name, Dist::normal(1.0, 0.3).unwrap()).unwrap();
    }
    let error = |design| {
        let draws = inputs.sampler(3, design).unwrap().draw(16 * 1024).unwrap();
        let columns: Vec<&[f64]> =
            ["a", "b", "c"].iter().map(|name| draws.column(name).unwrap()).collect();
        let product: Vec<f64> =
            (0..draws.rows()).map(|i| columns.iter().map(|c| c[i]).product()).collect();
        let found = mean(&product, design);
        assert!((found.value - 1.0).abs() < 4.0 * found.standard_error);
        found.standard_error
    };
    let gain = error(Design::Plain) / error(Design::SOBOL);
    assert!(gain > 4.0, "{gain}");
}

#[test]
fn zero_of_many_is_not_certainty() {
    for design in [Design::Plain, Design::SOBOL] {
        let none = probability(&vec![1.0; 1600], design, |v| v < 0.0);
        assert_eq!(none.value, 0.0);
        assert!(none.standard_error > 5e-4 && none.standard_error < 2e-3);
    }
}

#[test]
fn a_quantile_next_to_never_does_not_claim_to_be_known() {
    let mut dates: Vec<f64> = (0..500).map(|i| 2026.0 + f64::from(i) / 100.0).collect();
    dates.extend([f64::INFINITY; 500]);
    let middle = quantiles(&dates, Design::Plain, &[0.25, 0.499, 0.9]);
    assert!(middle[0].standard_error < 0.2);
    assert_eq!(middle[1].standard_error, f64::INFINITY);
    assert_eq!(middle[2], Estimate { value: f64::INFINITY, standard_error: 0.0 });
}

#[test]
fn empty_single_and_undefined_columns_give_answers_without_panic() {
    let odd = [0, 1, 7].map(|replicates| Design::Sobol { replicates });
    for design in [Design::Plain, Design::SOBOL].into_iter().chain(odd) {
        for column in
            [&[][..], &[1.0], &[f64::NAN, f64::NAN], &[f64::INFINITY, 1.0], &[1e308, -1e308]]
        {
            let _ = mean(column, design).to_string();
            let _ = probability(column, design, |v| v > 0.0).to_string();
            for q in quantiles(column, design, &[0.0, 0.05, 0.5, 1.0]) {
                assert!(!q.standard_error.is_nan(), "{column:?} {q:?}");
                let _ = q.to_string();
            }
        }
    }
}
