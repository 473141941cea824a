use formula::{Environment, Program};

use super::*;

/// The one uncertain input of `x = text`.
fn input(text: &str) -> Result<Dist, String> {
    let program = Program::parse("<test>", &format!("x = {text}")).map_err(|e| e.to_string())?;
    let checked = program.check(&Environment::new()).map_err(|e| e.to_string())?;
    let mut all = uncertain_inputs(&checked).map_err(|misfit| misfit.problem.to_string())?;
    assert_eq!(all.len(), 1, "{text}");
    Ok(all.remove(0).dist)
}

fn close(a: f64, b: f64) -> bool {
    a == b || (a - b).abs() <= 1e-9 * a.abs().max(b.abs())
}

const YEAR: f64 = 31_557_600.0;

#[test]
fn every_family_has_the_quantiles_it_promises() {
    for (text, p, value) in [
        ("300 to 3000", 0.05, 300.0),
        ("300 to 3000", 0.5, 900_000_f64.sqrt()),
        ("-2 to 4", 0.5, 1.0),
        ("2 GW to 4 GW", 0.95, 4e9),
        ("q(10%: 1, 50%: 2, 90%: 5)", 0.9, 5.0),
        ("normal(3, 1)", 0.5, 3.0),
        ("normal(mean: 3 GW, sd: 1 GW)", 0.5, 3e9),
        ("normal(5%: 0.4, 95%: 1.1)", 0.5, 0.75),
        ("lognormal(0, 1)", 0.5, 1.0),
        ("lognormal(5%: 1, 95%: 4)", 0.5, 2.0),
        ("uniform(55%, 85%)", 0.5, 0.7),
        ("uniform(high: 4, low: 2)", 0.25, 2.5),
        ("loguniform(1, 100)", 0.5, 10.0),
        ("triangular(0, 1, 2)", 0.5, 1.0),
        ("tri(0, 1, 2)", 0.5, 1.0),
        ("pert(0, 1, 2)", 0.5, 1.0),
        ("beta(2, 2)", 0.5, 0.5),
        ("student(3, 5, 1)", 0.5, 5.0),
        ("poisson(3)", 0.5, 3.0),
        ("bernoulli(0.3)", 0.9, 1.0),
        ("mix(0.9: 1, 0.1: 2)", 0.95, 2.0),
        ("mix(1 to 1.5, 3 to 4)", 1.0 / 1024.0, 0.95),
        ("zero(40%, uniform(1, 2))", 0.3, 0.0),
        ("clip(normal(0, 1), 0, 1)", 0.2, 0.0),
        ("data(1, 2, 3)", 0.5, 2.0),
    ] {
        let found = input(text).unwrap_or_else(|e| panic!("{text}: {e}")).quantile(p);
        let wide = text.starts_with("mix(1 to");
        assert!(close(found, value) || wide && (found - value).abs() < 0.1, "{text}: {found}");
    }
}

#[test]
fn growth_is_normal_in_its_log_rate() {
    let dist = input("8x/yr to 40x/yr").unwrap();
    for (p, factor) in [(0.05, 8.0_f64), (0.5, 320_f64.sqrt()), (0.95, 40.0)] {
        assert!(close(dist.quantile(p), factor.ln() / YEAR), "{p}");
    }
    // A lognormal log-rate could not shrink.
    let dist = input("0.5x/yr to 2x/yr").unwrap();
    assert!(dist.quantile(0.5).abs() < 1e-12);
}

#[test]
fn dates_are_normal_and_never_is_a_part() {
    let dist = input("2030-01-01 to 2040-01-01").unwrap();
    assert!(close(dist.quantile(0.5), f64::midpoint(dist.quantile(0.05), dist.quantile(0.95))));
    let dist = input("mix(0.7: 2030-01-01 to 2040-01-01, 0.3: never)").unwrap();
    assert_eq!(dist.quantile(0.8), f64::INFINITY);
    assert!(input("loguniform(2030-01-01, 2040-01-01)").unwrap_err().contains("no logarithm"));
}

#[test]
fn what_cannot_be_drawn_is_said_in_the_units_written() {
    for (text, parts) in [
        ("9 GW to 3 GW", &["p5 (9 GW) must be below p95 (3 GW)", "lower one first"][..]),
        ("2040-01-01 to 2030-01-01", &["p5 (2040) must be below p95 (2030)"]),
        ("40x/yr to 8x/yr", &["p5 (40x/yr)"]),
        ("normal(1, -1)", &["standard deviation is -1,"]),
        ("normal(1 GW, -1 GW)", &["standard deviation is -1 GW,"]),
        ("uniform(10%: 1, 90%: 2)", &["`uniform` does not take quantiles"]),
        ("normal(mean: 1, width: 2)", &["`normal` has no `width`", "`normal(mean, sd)`"]),
        ("normal(mean: 1, mean: 2)", &["each once"]),
        ("q(10%: 3, 50%: 2, 90%: 5)", &["p10 (3) must be below p50 (2)"]),
        ("q(0%: 3, 50%: 5)", &["strictly between 0 and 1"]),
        ("bernoulli(1.5)", &["probability is 1.5"]),
        ("mix(0: 1, 0: 3)", &["sum of the weights is 0"]),
        ("fit(1)", &["draws of a fit"]),
        ("data(1, never)", &[]),
    ] {
        let shown = input(text).err().unwrap_or_default();
        for part in parts {
            assert!(shown.contains(part), "{text}\nexpected: {part}\n{shown}");
        }
    }
}
