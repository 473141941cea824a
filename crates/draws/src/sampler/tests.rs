use super::*;
use crate::Level;

const DESIGNS: [Design; 2] = [Design::Plain, Design::SOBOL];

fn base() -> Inputs {
    let mut inputs = Inputs::new();
    inputs.add("gap", Dist::interval(300.0, 3000.0, Level::P90).unwrap()).unwrap();
    inputs.add("rate", Dist::uniform(0.0, 1.0).unwrap()).unwrap();
    inputs.add("share", Dist::beta(2.0, 5.0).unwrap()).unwrap();
    inputs
}

fn draw(inputs: &Inputs, design: Design, rows: usize) -> Draws {
    inputs.sampler(42, design).unwrap().draw(rows).unwrap()
}

#[test]
fn adding_an_input_changes_no_other() {
    for design in DESIGNS {
        let before = draw(&base(), design, 5000);
        let mut more = base();
        more.add("extra", Dist::normal(0.0, 1.0).unwrap()).unwrap();
        more.add("another", Dist::poisson(3.0).unwrap()).unwrap();
        more.correlate("extra", "another", 0.5).unwrap();
        let after = draw(&more, design, 5000);
        for name in before.names() {
            assert_eq!(before.column(name).unwrap(), after.column(name).unwrap(), "{name}");
        }
    }
}

#[test]
fn the_order_of_inputs_does_not_matter() {
    for design in DESIGNS {
        let forward = draw(&base(), design, 1000);
        let mut inputs = Inputs::new();
        let names: Vec<String> = base().names().iter().rev().cloned().collect();
        for name in &names {
            inputs.add(name.as_str(), base().dist(name).unwrap().clone()).unwrap();
        }
        let backward = draw(&inputs, design, 1000);
        for name in &names {
            assert_eq!(forward.column(name).unwrap(), backward.column(name).unwrap());
        }
    }
}

#[test]
fn a_longer_table_begins_with_the_shorter_one() {
    for design in DESIGNS {
        let (short, long) = (draw(&base(), design, 777), draw(&base(), design, 20_000));
        for name in short.names() {
            assert_eq!(short.column(name).unwrap(), &long.column(name).unwrap()[..777]);
        }
    }
}

#[test]
fn the_number_of_threads_does_not_matter() {
    let mut inputs = base();
    inputs.correlate("gap", "share", -0.4).unwrap();
    for design in DESIGNS {
        let on = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| draw(&inputs, design, 50_000))
        };
        assert_eq!(on(1), on(7));
    }
}

#[test]
fn another_seed_gives_other_draws() {
    for design in DESIGNS {
        let at = |seed| base().sampler(seed, design).unwrap().draw(10).unwrap();
        assert_ne!(at(1).column("gap").unwrap(), at(2).column("gap").unwrap());
    }
}

#[test]
fn sampled_quantiles_agree_with_the_closed_form_of_every_family() {
    let lognormal = Dist::interval(2.0, 50.0, Level::P90).unwrap();
    let normal = Dist::normal(-2.0, 0.5).unwrap();
    let families = [
        lognormal.clone(),
        normal.clone(),
        Dist::quantiles(&[(0.1, 1.0), (0.5, 3.0), (0.9, 40.0)]).unwrap(),
        Dist::lognormal(1.0, 2.0).unwrap(),
        Dist::uniform(-1.0, 4.0).unwrap(),
        Dist::loguniform(0.01, 100.0).unwrap(),
        Dist::triangular(0.0, 1.0, 5.0).unwrap(),
        Dist::beta(0.4, 2.5).unwrap(),
        Dist::pert(10.0, 12.0, 20.0).unwrap(),
        Dist::student(3.0, 5.0, 2.0).unwrap(),
        Dist::mix(vec![(0.8, lognormal.clone()), (0.2, normal.clone())]).unwrap(),
        Dist::zero(0.25, lognormal).unwrap(),
        Dist::clip(normal, -2.5, -1.0).unwrap(),
        Dist::poisson(30.0).unwrap(),
        Dist::bernoulli(0.3).unwrap(),
        Dist::data(vec![1.0, 5.0, 2.0, 8.0]).unwrap(),
        Dist::constant(3.0).unwrap(),
    ];
    for design in DESIGNS {
        for dist in &families {
            let mut inputs = Inputs::new();
            inputs.add("x", dist.clone()).unwrap();
            let draws = draw(&inputs, design, 16 * 1024);
            let x = draws.column("x").unwrap();
            assert!(x.iter().all(|x| x.is_finite()));
            for p in [0.05, 0.22, 0.5, 0.77, 0.95] {
                // Compared as probabilities, which does for atoms as well.
                let q = dist.quantile(p);
                let below = x.iter().filter(|&&x| x < q * (1.0 - 1e-9 * q.signum())).count() as f64
                    / 16384.0;
                let up_to = x.iter().filter(|&&x| x <= q * (1.0 + 1e-9 * q.signum())).count()
                    as f64
                    / 16384.0;
                let slack = 5.0 * (p * (1.0 - p) / 16384.0).sqrt();
                assert!(
                    below <= p + slack && up_to >= p - slack,
                    "{design:?} {dist} p{p}: {below} {up_to}"
                );
            }
        }
    }
}

#[test]
fn the_rank_correlation_asked_for_is_achieved() {
    for design in DESIGNS {
        for rho in [-0.95, -0.4, 0.3, 0.8, 1.0] {
            let mut inputs = base();
            inputs.correlate("gap", "share", rho).unwrap();
            // A perfect correlation leaves no room for a third input that only one of them knows.
            let other = if rho < 1.0 { 0.2 * rho } else { 0.0 };
            inputs.correlate("gap", "rate", other).unwrap();
            let draws = draw(&inputs, design, 40_000);
            let achieved = |a, b| {
                crate::sensitivity::spearman(draws.column(a).unwrap(), draws.column(b).unwrap())
            };
            assert!((achieved("gap", "share") - rho).abs() < 0.02, "{design:?} {rho}");
            assert!((achieved("gap", "rate") - other).abs() < 0.02, "{design:?} {rho}");
            // And each keeps its own distribution.
            let median = draws.quantile("gap", 0.5).unwrap();
            assert!((median.value / 948.683 - 1.0).abs() < 0.02);
        }
    }
}

#[test]
fn a_later_input_that_joins_a_correlation_leaves_the_earlier_ones_alone() {
    let mut two = base();
    two.correlate("gap", "rate", 0.5).unwrap();
    let mut three = two.clone();
    three.correlate("gap", "share", 0.3).unwrap();
    let (two, three) = (draw(&two, Design::Plain, 100), draw(&three, Design::Plain, 100));
    for name in ["gap", "rate"] {
        assert_eq!(two.column(name).unwrap(), three.column(name).unwrap());
    }
}

#[test]
fn imported_draws_keep_their_rows_together() {
    let mut fit = Draws::new(Design::Plain);
    fit.push("alpha", (0..100).map(f64::from).collect()).unwrap();
    fit.push("beta", (0..100).map(|i| f64::from(i) * 2.0 + 1.0).collect()).unwrap();
    let mut inputs = base();
    inputs.import("fit", Arc::new(fit)).unwrap();
    assert!(inputs.correlate("alpha", "gap", 0.5).is_err());
    for design in DESIGNS {
        let draws = draw(&inputs, design, 20_000);
        let (alpha, beta) = (draws.column("alpha").unwrap(), draws.column("beta").unwrap());
        assert!(alpha.iter().zip(beta).all(|(a, b)| 2.0 * a + 1.0 == *b));
        assert!((draws.mean("alpha").unwrap().value - 49.5).abs() < 1.0);
    }
}

#[test]
fn an_invalid_correlation_matrix_is_reported_with_how_far_it_moved() {
    let mut inputs = base();
    inputs.correlate("gap", "rate", 0.9).unwrap();
    inputs.correlate("rate", "share", 0.9).unwrap();
    inputs.correlate("gap", "share", 0.5).unwrap();
    let sampler = inputs.sampler(1, Design::Plain).unwrap();
    let worst = &sampler.moved()[0];
    assert!((worst.used - worst.asked).abs() > 0.01);
    assert!(worst.to_string().contains("instead of"), "{worst}");
}

#[test]
fn more_rows_than_memory_is_an_error() {
    for rows in [usize::MAX, usize::MAX / 64] {
        let error = base().sampler(1, Design::Plain).unwrap().draw(rows).unwrap_err();
        assert!(error.to_string().contains("fit in memory"), "{error}");
    }
    assert_eq!(draw(&base(), Design::SOBOL, 0).rows(), 0);
}
