//! The shipped scenarios give the numbers that an independent program gave for the same models.
//!
//! The reference numbers come from a numpy program of a million draws, written apart from this
//! crate; they are rounded to the digits given, which bounds how close agreement can be.

#![expect(clippy::unwrap_used, reason = "a test: what is missing should fail it")]

use forecast::{Case, Model, Run, Settings, Verdict, catalogue};

const YEAR: f64 = 31_557_600.0;

fn run(name: &str) -> Run {
    let model = Model::new(&catalogue::find(name).unwrap()).unwrap();
    model.run_with(Settings { samples: 1 << 16, seed: 7 }).unwrap()
}

fn quantiles(case: &Case, output: &str, year: f64, factor: f64) -> Vec<f64> {
    let output = case.output(output).unwrap();
    let found = output.quantiles(output.time(year), &[0.05, 0.5, 0.95]).unwrap();
    found.iter().map(|estimate| estimate.value * factor).collect()
}

fn number(case: &Case, output: &str, year: f64) -> f64 {
    let output = case.output(output).unwrap();
    output.quantiles(output.time(year), &[0.5]).unwrap()[0].value
}

fn assert_close(found: &[f64], expected: &[f64], tolerance: f64) {
    for (found, expected) in found.iter().zip(expected) {
        assert!((found / expected - 1.0).abs() < tolerance, "{found} instead of {expected}");
    }
}

#[test]
fn the_gap_closes_when_the_reference_says() {
    let run = run("gap");
    let case = &run.cases[0];
    assert_close(&quantiles(case, "naive", 0.0, 1.0), &[3.0, 4.8, 10.6], 0.02);
    for (output, expected) in [("by_mid_2031", 0.112), ("by_2036", 0.351), ("never", 0.502)] {
        let found = number(case, output, 0.0);
        assert!((found - expected).abs() < 0.003, "{output}: {found} instead of {expected}");
    }
    // The date is the fan's: half of the draws never close.
    let closes = case.output("closes").unwrap();
    assert_eq!(closes.quantiles(0, &[0.6]).unwrap()[0].value, f64::INFINITY);
    let first = closes.quantiles(0, &[0.05]).unwrap()[0].value / YEAR;
    assert!((2029.0..2031.5).contains(&first), "{first}");
}

#[test]
fn supply_meets_demand_when_the_reference_says() {
    let run = run("supply-demand");
    let case = &run.cases[0];
    for (year, expected, tolerance) in [
        (2026.0, [17.0, 20.0, 22.0], 0.03),
        (2030.0, [53.0, 78.0, 119.0], 0.02),
        (2035.0, [102.0, 202.0, 469.0], 0.02),
    ] {
        assert_close(&quantiles(case, "installed", year, 1.0), &expected, tolerance);
    }
    assert_close(&quantiles(case, "multiple", 2030.0, 1.0), &[9.2, 17.5, 35.0], 0.02);
    assert_close(&quantiles(case, "ratio", 2026.0, 1.0), &[0.44, 1.99, 9.0], 0.03);
    for (year, expected) in [(2026.0, 0.77), (2028.0, 0.46), (2030.0, 0.28), (2035.0, 0.13)] {
        let found = number(case, "short", year);
        assert!((found - expected).abs() < 0.008, "{year}: {found} instead of {expected}");
    }
    for (output, expected) in [("by_2027", 0.40), ("by_2030", 0.72), ("not_by_2035", 0.13)] {
        let found = number(case, output, 0.0);
        assert!((found - expected).abs() < 0.015, "{output}: {found} instead of {expected}");
    }
}

#[test]
fn the_marginal_gigawatt_costs_and_earns_what_the_reference_says() {
    let run = run("marginal-gw");
    assert_eq!(run.cases.len(), 4);
    let case = |variants: [&str; 2]| run.case(&variants).unwrap();
    let both = case(["holds", "holds"]);
    assert_close(&quantiles(both, "cost", 0.0, 1.0), &[6.9, 10.6, 16.7], 0.01);
    for (variants, expected) in [
        (["holds", "holds"], 0.106),
        (["fails", "holds"], 0.015),
        (["holds", "fails"], 0.028),
        (["fails", "fails"], 0.002),
    ] {
        let found = number(case(variants), "earns", 0.0);
        assert!((found - expected).abs() < 0.003, "{variants:?}: {found} instead of {expected}");
    }
    // The bets are run on the same draws: what a failing bet takes, it takes draw by draw.
    let value = |variants| case(variants).draws(run.settings).unwrap();
    let (holds, fails) = (value(["holds", "holds"]), value(["holds", "fails"]));
    let pairs = holds.column("value").unwrap().iter().zip(fails.column("value").unwrap());
    assert!(pairs.take(1000).all(|(all, part)| (all * 0.7 - part).abs() <= 1e-9 * all));
}

#[test]
fn the_claims_of_the_scenarios_stand_as_the_reference_says() {
    let gap = &catalogue::find("gap").unwrap().check_claims().unwrap()[0];
    assert_eq!(gap.verdict, Verdict::No);
    assert!((gap.found / YEAR - 4.983).abs() < 0.001);
    let needed =
        |name: &str| gap.needs.iter().find(|need| need.input == name).unwrap().needed.unwrap();
    assert!((needed("gap") - 2048.0).abs() < 0.5);
    assert!(((needed("fast") * YEAR).exp() - 17.55).abs() < 0.02);

    let cost = &catalogue::find("marginal-gw").unwrap().check_claims().unwrap()[0];
    assert_eq!(cost.verdict, Verdict::Agrees);
    // 8.44 against 8.5.
    assert!((cost.ratio().unwrap() - 8.44 / 8.5).abs() < 0.001, "{:?}", cost.ratio());
}

#[test]
fn the_compute_of_the_laboratories_comes_out() {
    let run = run("lab-compute");
    let case = &run.cases[0];
    // Published by Epoch AI (September 2026) from 5,000 samples, and an independent program's
    // numbers from two million draws of the same ranges.
    for (lab, published, independent) in [
        ("anthropic", [842e3, 1.190e6, 1.717e6], [837e3, 1.194e6, 1.705e6]),
        ("deepmind", [1.008e6, 1.583e6, 2.549e6], [1.003e6, 1.590e6, 2.530e6]),
        ("meta", [606e3, 996e3, 1.638e6], [598e3, 991e3, 1.607e6]),
        ("openai", [1441.0, 1950.0, 2291.0], [1443.0, 1948.0, 2288.0]),
    ] {
        let found = quantiles(case, lab, 0.0, 1.0);
        assert_close(&found, &independent, 0.005);
        // The upper end for Meta is 2.0 % off, as is the independent one: 5,000 samples allow that.
        assert_close(&found, &published, 0.021);
    }
}

#[test]
fn the_constraints_of_2030_come_out() {
    let run = run("constraints-2030");
    let case = &run.cases[0];
    // An independent program's p10, p50 and p90 of the same ranges.
    for (output, expected) in [
        ("local", [1.1e28, 5.6e28, 2.5e29]),
        ("distributed_power", [2.4, 9.6, 42.0]),
        ("distributed", [3.3e28, 2.4e29, 1.6e30]),
        ("tokens", [4.9e14, 2.7e15, 2e16]),
        ("data", [7.3e28, 2.2e30, 1.2e32]),
    ] {
        let found = case.output(output).unwrap().quantiles(0, &[0.1, 0.5, 0.9]).unwrap();
        let found: Vec<f64> = found.iter().map(|estimate| estimate.value).collect();
        // Two digits are published, and the upper end of the data has a heavy tail.
        assert_close(&found, &expected, 0.06);
    }
    // Power binds more often than chips, and both more often than data.
    let binds = |what: &str| number(case, what, 0.0);
    assert!(
        binds("power_binds") > binds("chips_bind") && binds("chips_bind") > binds("data_binds")
    );
}

#[test]
fn shipped_claims_with_numbers_from_elsewhere_agree() {
    for name in ["marginal-gw", "longest-run"] {
        for claim in catalogue::find(name).unwrap().check_claims().unwrap() {
            assert_eq!(claim.verdict, Verdict::Agrees, "{name}: {} {}", claim.claim, claim.found);
        }
    }
    // Three slopes of Wright's law that were fitted apart: 163 d over 0.79 against 204 d.
    let text = "[[check]]\nclaim = \"wright\"\ngiven = { horizon = \"163 d\", slope = 0.79 }\n\
        expr = \"horizon / slope\"\nstated = \"204 d\"\nwithin = \"2%\"";
    let file = forecast::Scenario::from_toml("x.toml", text).unwrap();
    assert_eq!(file.check_claims().unwrap()[0].verdict, Verdict::Agrees);
}

#[test]
fn the_chain_of_the_marginal_gigawatt_comes_out() {
    let run = run("marginal-gw-chain");
    let both = run.case(&["holds", "holds"]).unwrap();
    // An independent program's numbers of the same ranges: 0.79, 0.96, 1.16 million H100e and a
    // cost of 6.9, 10.6, 16.7 billion a year.
    assert_close(&quantiles(both, "H100_equivalents", 0.0, 1.0), &[0.79e6, 0.96e6, 1.16e6], 0.02);
    assert_close(&quantiles(both, "cost", 0.0, 1.0), &[6.9, 10.6, 16.7], 0.01);
    assert_close(&[number(both, "cut_by_doubling", 0.0)], &[0.116], 0.01);
    // Each bet that fails takes something, draw by draw.
    let surplus = |variants: [&str; 2]| {
        let draws = run.case(&variants).unwrap().draws(run.settings).unwrap();
        draws.column("surplus").unwrap().to_vec()
    };
    let [all, one, none] =
        [["holds", "holds"], ["fails", "holds"], ["fails", "fails"]].map(surplus);
    assert!(all.iter().zip(&one).all(|(all, one)| all >= one));
    assert!(one.iter().zip(&none).all(|(one, none)| one >= none));
    // To know everything is worth at least as much as to know one bet, and nothing is below zero.
    let worth = |output: &str| number(both, output, 0.0);
    for bet in ["worth_capability", "worth_locality"] {
        assert!(worth(bet) >= 0.0 && worth(bet) <= worth("worth_everything"), "{bet}");
    }
}

#[test]
fn knowing_a_bet_is_worth_what_decision_theory_says() {
    // A gain of 2 or a loss of 1 at even odds: unknown it is taken for 0.5, known for 1.
    let text = "[inputs]\nbet = \"bernoulli(50%)\"\n[model]\ngain = \"3 * bet - 1\"\n\
        \"worth(b)\" = \"max(mean(b * gain), 0) + max(mean((1 - b) * gain), 0) - max(mean(gain), 0)\"\n\
        [outputs]\nknowing = \"worth(bet)\"";
    let scenario = forecast::Scenario::from_toml("x.toml", text).unwrap();
    let run = Model::new(&scenario).unwrap().run().unwrap();
    assert!((number(&run.cases[0], "knowing", 0.0) - 0.5).abs() < 0.01);
}

#[test]
fn links_set_the_penalty_of_the_gap_by_the_square_cube_law() {
    let at = |width: &str| {
        let mut scenario = catalogue::find("gap-square-cube").unwrap();
        for change in [format!("width={width}"), "link=20 Mbit/s".to_owned()] {
            scenario.set(&change).unwrap();
        }
        let run = Model::new(&scenario).unwrap().run_with(Settings { samples: 4096, seed: 7 });
        let run = run.unwrap();
        let case = |name: &str| number(run.case(&[name]).unwrap(), "intensity", 0.0);
        (case("activations"), case("gradients"))
    };
    // A pipeline's compute for each byte grows with the width, a replica's does not.
    let (narrow, wide) = (at("4096"), at("16384"));
    assert!((wide.0 / narrow.0 - 4.0).abs() < 1e-9, "{narrow:?} {wide:?}");
    assert!((wide.1 / narrow.1 - 1.0).abs() < 1e-9, "{narrow:?} {wide:?}");
}

#[test]
fn accelerator_power_was_forecast_better_than_by_a_ruler() {
    let past = catalogue::find("chip-power").unwrap().as_of(2024.0).unwrap();
    let model = Model::new(&past).unwrap();
    let run = model.run_with(Settings { samples: 1 << 14, seed: 7 }).unwrap();
    let found = model.hindcasts(&run, draws::Level::P90).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].truths.len(), 6);
    for naive in &found[0].naive {
        assert!(found[0].crps() < naive.crps, "{:?}", naive.forecaster);
    }
}

#[test]
fn every_check_of_a_shipped_scenario_passes() {
    for name in catalogue::names() {
        let scenario = catalogue::find(name).unwrap();
        for claim in forecast::claims(std::slice::from_ref(&scenario)).unwrap() {
            let found: Vec<f64> = claim.statements.iter().map(|one| one.found).collect();
            assert!(claim.passes(), "{name}: {} {:?} {found:?}", claim.id, claim.verdict());
        }
    }
}

#[test]
fn every_shipped_scenario_is_sound() {
    for name in catalogue::names() {
        let scenario = catalogue::find(name).unwrap();
        let model = Model::new(&scenario).unwrap_or_else(|problem| panic!("{name}: {problem}"));
        let run = model.run_with(Settings { samples: 2000, seed: 1 }).unwrap();
        assert!(!scenario.title.is_empty() && !scenario.notes.is_empty(), "{name}");
        for input in &model.scenario().inputs {
            let drawn = run.inputs.names().iter().any(|column| column == input.name.text());
            let sourced = !input.source.is_empty() || input.trend.is_some();
            assert!(sourced || !drawn, "{name}: whose range is `{}`?", input.name.text());
        }
    }
}
