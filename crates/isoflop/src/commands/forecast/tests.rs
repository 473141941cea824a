use std::fmt::Write as _;

use clap::Parser;
use serde_json::Value;

use super::*;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    args: ForecastArgs,
}

fn parsed(options: &[&str]) -> ForecastArgs {
    let line = ["forecast"].into_iter().chain(options.iter().copied());
    Line::try_parse_from(line).unwrap_or_else(|problem| panic!("{problem}")).args
}

/// What the command says, or the problem, without colours.
fn said_at(width: usize, options: &[&str]) -> String {
    let mut args = parsed(options);
    args.today.get_or_insert_with(|| "2026-11-01".to_owned());
    let text = match answer(&args) {
        Ok(answer) => said(&args, &answer, width),
        Err(problem) => problem.to_string(),
    };
    anstream::adapter::strip_str(&text).to_string()
}

fn said_of(options: &[&str]) -> String {
    said_at(100, options)
}

/// A file of this text, in a folder that goes with the first value.
fn file(text: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("scenario.toml");
    std::fs::write(&path, text).unwrap();
    let name = path.display().to_string();
    (folder, name)
}

/// Eight years of observations; their growth is fitted and carried on.
const FITTED: &str = r#"
[scenario]
title = "How much power is in place?"
from = 2024
to = 2030
samples = 4096

[data.seen]
unit = "GW"
output = "power"
points = [["2016", 1], ["2017", 1.8], ["2018", 2.7], ["2019", 4.9], ["2020", 7.2], ["2021", 12.4],
          ["2022", 19.5], ["2023", 33]]

[trend.past]
data = "seen"

[inputs]
growth = { trend = "past.growth" }

[outputs]
power = { expr = "7.3 GW * exp(growth * (t - 2020))", in = "GW" }
"#;

#[test]
fn a_scenario_for_people() {
    insta::assert_snapshot!(said_of(&["gap", "--samples", "8192"]));
}

#[test]
fn choices_are_set_side_by_side() {
    insta::assert_snapshot!(said_of(&["marginal-gw", "--samples", "4096"]));
}

#[test]
fn what_an_answer_hangs_on_and_what_would_change_it() {
    insta::assert_snapshot!(said_of(&[
        "gap",
        "--samples",
        "4096",
        "--no-plot",
        "--output",
        "naive",
        "--output",
        "by_2036",
        "--set",
        "fast=20x/yr to 60x/yr",
        "--against",
        "gap",
        "--tornado",
        "naive",
        "--sobol",
        "naive",
        "--elasticity",
        "remaining@2030",
        "--break-even",
        "prob(closes <= 2031) = 50%",
        "--vary",
        "gap",
        "--vary",
        "slow",
    ]));
}

#[test]
fn every_step_is_traced() {
    insta::assert_snapshot!(said_of(&[
        "marginal-gw",
        "--samples",
        "4096",
        "--choice",
        "capability=holds",
        "--choice",
        "locality=fails",
        "--output",
        "surplus",
        "--tornado",
        "surplus",
        "--trace",
    ]));
}

#[test]
fn what_came_is_laid_on_the_fan() {
    let (_folder, name) = file(FITTED);
    let text = said_of(&[&name, "--backtest", "2020"]);
    insta::assert_snapshot!(text);
    let by_default = said_of(&[&name]);
    assert!(by_default.contains("as of 2021"), "{by_default}");
    assert!(!said_of(&[&name, "--no-backtest"]).contains("as of"));
}

#[test]
fn narrow_terminals_keep_every_line_short_but_excerpts_of_files() {
    let text = said_at(60, &["supply-demand", "--samples", "1024", "--output", "installed"]);
    let answer = text.split("\nwarnings\n").next().unwrap_or_default();
    let long: Vec<&str> = answer.lines().filter(|line| line.chars().count() > 60).collect();
    assert!(long.is_empty(), "{long:#?}");
}

#[test]
fn problems_name_their_place_and_the_remedy() {
    let (_folder, broken) = file("[inputs]\na = \"1 to\"\n[outputs]\nb = \"a + 1\"\n");
    let (_other, units) = file("[outputs]\nodd = \"8 GW + 1 yr\"\n");
    let (_third, no_toml) = file("[outputs\nb = 3\n");
    let (_fourth, cycle) = file("[model]\na = \"b + 1\"\nb = \"a\"\n[outputs]\nc = \"a\"\n");
    let cases: [(&str, Vec<&str>); 15] = [
        ("a distribution that ends early", vec![&broken]),
        ("units", vec![&units]),
        ("no TOML", vec![&no_toml]),
        ("a cycle", vec![&cycle]),
        ("a name", vec!["gapp"]),
        ("a file", vec!["no-such.toml"]),
        ("a change", vec!["gap", "--set", "fats=3"]),
        ("a formula", vec!["gap", "--set", "fast=20x/yr +"]),
        ("an output", vec!["gap", "--output", "clozes"]),
        ("a level", vec!["gap", "--level", "90"]),
        ("samples", vec!["gap", "--samples", "200M"]),
        ("a choice", vec!["marginal-gw", "--choice", "luck=good"]),
        ("an equation", vec!["gap", "--break-even", "closes"]),
        ("a path", vec!["gap", "--samples", "64", "--tornado", "remaining"]),
        ("no data", vec!["gap", "--samples", "64", "--backtest", "2020"]),
    ];
    let mut text = String::new();
    for (what, options) in cases {
        let _ = writeln!(text, "# {what}\n{}", said_of(&options));
    }
    for (number, name) in [&broken, &units, &no_toml, &cycle].into_iter().enumerate() {
        text = text.replace(name.as_str(), &format!("file-{number}.toml"));
    }
    insta::assert_snapshot!(text);
}

#[test]
fn a_check_that_fails_is_the_answer_no_unless_the_file_says_so() {
    let check = "[inputs]\na = 3\n[outputs]\nb = \"a\"\n[[check]]\nclaim = \"c\"\nexpr = \"a\"\n";
    let outcome = |rest: &str| {
        let (_folder, name) = file(&format!("{check}{rest}"));
        answer(&parsed(&[&name])).map(|answer| answer.outcome())
    };
    assert_eq!(outcome("stated = 3").unwrap(), Outcome::Done);
    assert_eq!(outcome("stated = 4").unwrap(), Outcome::No);
    assert_eq!(outcome("stated = 4\nverdict = \"no\"").unwrap(), Outcome::Done);
    assert_eq!(outcome("stated = 3\nverdict = \"no\"").unwrap(), Outcome::No);
    let problem = outcome("stated = 3\nverdict = \"noo\"").unwrap_err().to_string();
    assert!(problem.contains("did you mean `no`?"), "{problem}");
}

#[test]
fn overlays_and_bases_change_what_they_name() {
    let (_folder, overlay) = file("[inputs]\ngap = 10\n");
    let gap = |options: &[&str]| {
        let options = [&["gap", "--samples", "64", "--json"], options].concat();
        let found: Value = serde_json::from_str(&said_of(&options)).unwrap();
        found["inputs"][0]["value"].as_str().unwrap().to_owned()
    };
    assert_eq!(gap(&[]), "300 to 3000");
    assert_eq!(gap(&["--overlay", &overlay]), "10");
    assert_eq!(gap(&["--overlay", &overlay, "--set", "gap=20"]), "20");
    let based = [&overlay, "--base", "gap", "--samples", "64", "--json"];
    let based: Value = serde_json::from_str(&said_of(&based)).unwrap();
    assert_eq!(based["inputs"][0]["value"], "10");
}

#[test]
fn json_holds_every_part_and_the_same_for_the_same_seed() {
    let options =
        ["gap", "--samples", "2048", "--seed", "3", "--trace", "--json", "--against", "gap"];
    let text = said_of(&options);
    assert_eq!(text, said_of(&options));
    let found: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&found["schema_version"], &found["seed"]), (&1.into(), &3.into()));
    let outputs = found["cases"][0]["outputs"].as_array().unwrap();
    let by_name = |name: &str| outputs.iter().find(|one| one["name"] == name).unwrap();
    let values = by_name("remaining")["values"].as_array().unwrap();
    assert_eq!(values.len(), 81);
    let median = by_name("remaining")["probabilities"].as_array().unwrap().len() / 2;
    assert!(values[0]["quantiles"][median].as_f64().unwrap() > 1000.0);
    let dates = &by_name("closes")["by_year"];
    let never = dates["never"].as_f64().unwrap();
    let whole = by_name("never")["values"][0]["value"].as_f64().unwrap();
    assert!((never - whole).abs() < 1e-12);
    assert_eq!(by_name("closes")["values"][0]["quantiles"][6], "never");
    assert_eq!(found["checks"][0]["verdict"], "no");
    assert_eq!(found["passes"], true);
    assert!(found["trace"][0]["steps"].as_array().unwrap().len() > 10);
    let changes = &found["against"]["outputs"][0]["changes"];
    assert_eq!(changes.as_array().unwrap().len(), 0);
}

#[test]
fn every_scenario_of_the_catalogue_runs_and_reads() {
    for name in catalogue::names() {
        let text = said_of(&[name, "--samples", "256"]);
        assert!(!text.contains("error"), "{text}");
        assert!(text.contains("256 draws"), "{text}");
    }
}

#[cfg(feature = "parquet")]
#[test]
fn draws_are_kept_with_inputs_and_outputs_of_every_case() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("draws.parquet");
    let answer = answer(&parsed(&["marginal-gw", "--samples", "64"])).unwrap();
    asked::save(&answer, &path).unwrap();
    let draws = draws::Draws::load(&path).unwrap();
    assert_eq!(draws.rows(), 64);
    draws.column("capex").unwrap();
    let column = "surplus where capability holds, locality fails";
    let kept = draws.column(column).unwrap();
    let output = answer.run.cases[1].output("surplus").unwrap();
    let forecast::Column::Drawn(run) = &output.columns[0] else { panic!("not drawn") };
    assert!(kept.iter().zip(run).all(|(kept, run)| (kept / run - 1.0).abs() < 1e-12));
    assert_eq!(draws.unit(column).unwrap(), output.unit);
}

#[test]
fn a_change_that_does_not_fit_is_named_with_what_it_replaced() {
    let problem = said_at(100, &["gap", "--set", "fast=3"]);
    assert!(problem.contains("`--set fast=3` replaces `8x/yr to 40x/yr`"), "{problem}");
}
