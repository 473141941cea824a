//! Scenario files: overlays, settings, data, priors, and errors that point at their place.

#![expect(clippy::unwrap_used, reason = "a test: what is missing should fail it")]

use std::io;

use forecast::{Column, Model, Scenario, Settings};
use proptest::prelude::*;

/// Files by name, as if they lay beside each other.
fn read(files: &[(&str, &str)], name: &str) -> Result<Scenario, String> {
    let find = |wanted: &str| {
        let found = files.iter().find(|(known, _)| *known == wanted);
        found.map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
    };
    let (origin, text) = find(name).unwrap();
    let reader = |_: &str, wanted: &str| find(wanted).ok_or(io::ErrorKind::NotFound.into());
    Scenario::from_toml_with(&origin, &text, &reader).map_err(|problem| problem.to_string())
}

fn refusal(text: &str) -> String {
    match Scenario::from_toml("x.toml", text) {
        Err(problem) => problem.to_string(),
        Ok(scenario) => match Model::new(&scenario) {
            Err(problem) => problem.to_string(),
            Ok(model) => panic!("accepted: {text}\n{:?}", model.inputs().names()),
        },
    }
}

fn first(scenario: &Scenario, output: &str) -> f64 {
    let model = Model::new(scenario).unwrap_or_else(|problem| panic!("{problem}"));
    let run = model.run_with(Settings { samples: 2000, seed: 3 }).unwrap();
    run.cases[0].output(output).unwrap().quantiles(0, &[0.5]).unwrap()[0].value
}

const BASE: &str = "
[scenario]
title = \"base\"
samples = 5000
[inputs]
a = 2
b = 3
[model]
sum = \"a + b\"
[outputs]
out = \"sum * 10\"
";

#[test]
fn an_overlay_changes_what_it_names_and_keeps_the_rest() {
    let overlay = "base = \"base.toml\"\n[inputs]\na = 5\n[outputs]\ntwice = \"2 * out\"";
    let files = [("base.toml", BASE), ("over.toml", overlay)];
    let scenario = read(&files, "over.toml").unwrap();
    assert_eq!((scenario.title.as_str(), scenario.samples()), ("base", 5000));
    assert_eq!(first(&scenario, "out"), 80.0);
    assert_eq!(first(&scenario, "twice"), 160.0);
    assert_eq!(first(&read(&files, "base.toml").unwrap(), "out"), 50.0);
}

#[test]
fn a_file_based_on_itself_is_refused_with_the_way_there() {
    let files = [("a.toml", "base = \"b.toml\""), ("b.toml", "base = \"a.toml\"")];
    let shown = read(&files, "a.toml").unwrap_err();
    let way = "a.toml is based on b.toml is based on a.toml";
    assert!(shown.contains("cannot be based on itself") && shown.contains(way), "{shown}");
    let shown = read(&[("a.toml", "base = \"nix.toml\"")], "a.toml").unwrap_err();
    assert!(shown.contains("a.toml:1:8") && shown.contains("cannot be read"), "{shown}");
}

#[test]
fn settings_change_inputs_definitions_choices_and_the_run() {
    let mut scenario = Scenario::from_toml("x.toml", BASE).unwrap();
    scenario.set("a=7").unwrap();
    assert_eq!(first(&scenario, "out"), 100.0);
    scenario.set("sum = a * b").unwrap();
    assert_eq!(first(&scenario, "out"), 210.0);
    scenario.set("samples=1k").unwrap();
    scenario.set("seed=9").unwrap();
    assert_eq!((scenario.samples(), scenario.seed()), (1000, 9));
    for (change, expected) in [
        ("nothing", "sets nothing"),
        ("c=3", "there is no name `c`"),
        ("summ=3", "did you mean `sum`?"),
        ("samples=1.5", "expected a number of samples"),
        ("seed=-1", "expected a seed"),
    ] {
        let shown = scenario.set(change).unwrap_err().to_string();
        assert!(shown.contains(expected), "{change}: {shown}");
    }
    let choice = "[choice]\nbet = { holds = 1, fails = 0.5 }\n[outputs]\nout = \"bet\"";
    let mut scenario = Scenario::from_toml("x.toml", choice).unwrap();
    assert_eq!(Model::new(&scenario).unwrap().run().unwrap().cases.len(), 2);
    scenario.set("bet=fails").unwrap();
    let run = Model::new(&scenario).unwrap().run().unwrap();
    assert_eq!((run.cases.len(), run.cases[0].label.as_str()), (1, "bet fails"));
    scenario.set("bet=0.25").unwrap();
    assert_eq!(first(&scenario, "out"), 0.25);
}

#[test]
fn a_set_input_drops_out_of_its_correlations() {
    let text = "[inputs]\na = \"1 to 2\"\nb = \"1 to 2\"\n[correlate]\n\"a, b\" = 0.9\n[outputs]\nout = \"a * b\"";
    let mut scenario = Scenario::from_toml("x.toml", text).unwrap();
    let run = Model::new(&scenario).unwrap().run().unwrap();
    let (a, b) = (run.inputs.column("a").unwrap(), run.inputs.column("b").unwrap());
    assert!((draws::sensitivity::spearman(a, b) - 0.9).abs() < 0.01);
    scenario.set("a=3").unwrap();
    Model::new(&scenario).unwrap().run().unwrap();
}

#[test]
fn errors_point_at_their_place_and_say_what_to_do() {
    let mut wrong = Vec::new();
    for (text, parts) in [
        ("[inputs]\na = \"1 to\"", &["x.toml:2:"][..]),
        (
            "[inputs]\na = \"9 GW to 3 GW\"\n[outputs]\no = \"a\"",
            &["x.toml:2:5", "p5 (9 GW) must be below"],
        ),
        ("[inputs]\na = 1\n[outputs]\no = \"aa\"", &["x.toml:4:6", "aa"]),
        (
            "[model]\na = \"b\"\nb = \"c + 1\"\nc = \"2 * a\"\n[outputs]\no = \"a\"",
            &["x.toml:4:", "definitions go in a circle", "a -> b -> c -> a"],
        ),
        (
            "[inputs]\na = 1\n[model]\na = \"2\"",
            &["`a` is defined twice", "x.toml:4:1", "x.toml:2:1"],
        ),
        ("[inputs]\na = { note = \"x\" }", &["either `value` or `trend`", "x.toml:2:1"]),
        ("[inputs]\na = { valu = 1 }", &["valu", "x.toml:2:7"]),
        ("[series]\nx = { start = 1 }", &["a series needs `at`, or `start` and `next`"]),
        ("[scenario]\nfrom = 2026", &["a time axis needs `from` and `to`"]),
        ("[scenario]\nsamples = 1", &["samples must be from 2"]),
        ("[scenario]\nseed = -1", &["a seed is not negative"]),
        ("[scenario]\nlevel = \"190%\"", &["a level lies between 0 and 1"]),
        ("[scenario]\nuse = [\"priors:economy\"]", &["there are: economics"]),
        ("[scenario]\nuse = [\"economics\"]", &["write `priors:NAME`"]),
        ("[correlate]\n\"a\" = 0.3", &["between two inputs"]),
        (
            "[inputs]\na = \"1 to 2\"\nb = \"1 to 2\"\n[correlate]\n\"a, bb\" = 0.3",
            &["there is no input `bb`", "did you mean `b`?"],
        ),
        (
            "[inputs]\na = \"1 to 2\"\nb = \"1 to 2\"\n[correlate]\n\"a, b\" = 1.3",
            &["must lie between -1 and 1", "x.toml:5:"],
        ),
        (
            "[inputs]\na = \"1 to 2\"\nb = \"1 to 2\"\nc = \"1 to 2\"\n[correlate]\n\"a, b\" = 1\n\"b, c\" = 1\n\"a, c\" = -1",
            &["contradict one another"],
        ),
        (
            "[outputs]\no = { expr = \"1 GW\", in = \"yr\" }",
            &["x.toml:2:", "cannot be shown in yr"],
        ),
        (
            "[choice]\nc = { x = \"1 GW\", y = \"1 yr\" }\n[outputs]\no = \"c + 1 GW\"",
            &["cannot add"],
        ),
        (
            "[sensitivity]\nof = [\"a\"]\nmethod = \"sobl\"",
            &["there is no sensitivity method `sobl`"],
        ),
        (
            "[inputs]\na = \"1 to 2\"\n[[check]]\nclaim = \"c\"\nwith = { b = 1 }\nexpr = \"a\"\nstated = 2",
            &["there is no name `b`"],
        ),
        (
            "[inputs]\na = 1\n[[check]]\nclaim = \"c\"\nexpr = \"a\"\nstated = \"2 yr\"",
            &["the claim is a plain number, not time", "x.toml:6:"],
        ),
        ("[data]\nd = { unit = \"GW\" }", &["a `file` or from `points`"]),
        ("[data]\nd = { points = [[\"soon\", 1]] }", &["expected a date"]),
        ("[data]\nd = { points = [] }", &["no observations"]),
        ("[data]\nd = { file = \"d.csv\", value = \"v\" }", &["the data cannot be read"]),
        ("a = = 1", &["x.toml:1:5"]),
    ] {
        let shown = refusal(text);
        let missing: Vec<&&str> = parts.iter().filter(|part| !shown.contains(**part)).collect();
        if !missing.is_empty() {
            wrong.push(format!("{text}\nexpected: {missing:?}\n{shown}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn data_are_read_from_tables_with_filters_and_units() {
    let table =
        "company,date,tokens\nG,2024-04-15,3\nM,2024-05-01,9\nG,2025-04-30,150\nG,2025-06-30,\n";
    let text = "[data]\nseries = { file = \"t.csv\", where = \"company == 'G'\", value = \"tokens token/day\" }";
    let scenario = read(&[("s.toml", text), ("t.csv", table)], "s.toml").unwrap();
    let data = &scenario.data[0];
    assert_eq!((data.points.len(), data.unit.as_str()), (2, "token/day"));
    assert_eq!(data.points[1].value, 150.0);
    let (from, to) = data.window();
    assert!((from - 2024.287).abs() < 0.001 && (to - 2025.326).abs() < 0.001);
    for (change, expected) in [
        (("tokens token/day", "tokns token/day"), "did you mean `tokens`?"),
        (("company ==", "compny =="), "did you mean `company`?"),
        (("company == 'G'", "company is G"), "no comparison"),
    ] {
        let shown =
            read(&[("s.toml", &text.replace(change.0, change.1)), ("t.csv", table)], "s.toml");
        let shown = shown.unwrap_err();
        assert!(shown.contains(expected) && shown.contains("s.toml:2"), "{shown}");
    }
}

#[test]
fn priors_fill_names_that_are_not_defined_and_may_be_overridden() {
    let text = "[scenario]\nuse = [\"priors:economics\"]\n[outputs]\nout = \"wacc * 1 yr\"\nline = \"capex * 1 GW\"";
    let scenario = Scenario::from_toml("x.toml", text).unwrap();
    let model = Model::new(&scenario).unwrap();
    assert_eq!(model.inputs().names(), ["wacc", "capex"]);
    let input = model.scenario().input("wacc").unwrap();
    assert!(input.source.contains("Epoch") && input.date == "2026-11-01");
    assert!((first(&scenario, "out") - 0.1).abs() < 0.001);
    let own = format!("{text}\n[inputs]\nwacc = \"9 %/yr\"");
    assert!((first(&Scenario::from_toml("x.toml", &own).unwrap(), "out") - 0.09).abs() < 1e-12);
}

#[test]
fn the_same_seed_gives_the_same_numbers_whatever_else_changes() {
    let text = "[inputs]\na = \"1 to 2\"\nb = \"3 to 4\"\n[outputs]\nout = \"a + b\"";
    let more = "[inputs]\nz = \"5 to 6\"\nb = \"3 to 4\"\na = \"1 to 2\"\n[outputs]\nother = \"z\"\nout = \"a + b\"";
    let run = |text: &str| {
        let scenario = Scenario::from_toml("x.toml", text).unwrap();
        Model::new(&scenario).unwrap().run_with(Settings { samples: 500, seed: 5 }).unwrap()
    };
    let (one, two) = (run(text), run(more));
    let Column::Drawn(a) = &one.cases[0].output("out").unwrap().columns[0] else { panic!() };
    let Column::Drawn(b) = &two.cases[0].output("out").unwrap().columns[0] else { panic!() };
    assert_eq!(a, b);
}

#[test]
fn the_scenario_of_the_guide_runs() {
    let guide = include_str!("../../../docs/src/scenarios.md");
    let (_, rest) = guide.split_once("```toml\n").unwrap();
    let (text, _) = rest.split_once("```").unwrap();
    let scenario = Scenario::from_toml("guide.toml", text).unwrap();
    let model = Model::new(&scenario).unwrap_or_else(|problem| panic!("{problem}"));
    let run = model.run_with(Settings { samples: 2000, seed: 1 }).unwrap();
    assert_eq!(run.cases.len(), 2);
    let by_2030 = |case: usize| {
        run.cases[case].output("by_2030").unwrap().quantiles(0, &[0.5]).unwrap()[0].value
    };
    assert!(by_2030(0) > by_2030(1));
    // Two questions in two cases.
    assert_eq!(model.sensitivities(draws::Level::P90, 256).unwrap().len(), 4);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_text_panics(lines in prop::collection::vec(
        prop::sample::select(vec![
            "[inputs]", "[outputs]", "[model]", "[series]", "[[check]]", "[choice]", "[scenario]",
            "a = 1", "b = \"1 to 2\"", "c = \"a / b\"", "x = { start = \"1\", next = \"x * b\" }",
            "from = 2020", "to = 2030", "step = \"1 yr\"", "d = \"first(x > 3)\"", "\"f(x)\" = \"x\"",
            "e = \"never\"", "k = { p = 1, q = \"a\" }", "claim = \"c\"", "expr = \"a\"", "stated = 1",
            "g = \"1 / 0\"", "h = \"prob(b > 1)\"", "i = \"nan\"", "\"\" = \"\"", "step = \"-1 yr\"",
        ]), 0..14,
    )) {
        let text = lines.join("\n");
        if let Ok(scenario) = Scenario::from_toml("x.toml", &text)
            && let Ok(model) = Model::new(&scenario)
        {
            let settings = Settings { samples: 20, seed: 1 };
            let _ = model.run_with(settings);
            let _ = model.trace(draws::Level::P90);
            let _ = scenario.check_claims();
        }
    }
}
