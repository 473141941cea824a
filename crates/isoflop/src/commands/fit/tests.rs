//! `isoflop fit` as a user meets it: tables in, text out.

use std::fmt::Write as _;

use clap::Parser;
use laws::{Chinchilla, Fit};
use runs::{Flop, NatsPerToken, Parameters, Tokens};
use serde_json::Value;

use super::*;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    fit: FitArgs,
}

/// A sweep of 5 budgets x 5 sizes as the lab would write it, with 1 % of ripple for noise and
/// two runs that failed.
fn table() -> String {
    let law = Chinchilla { e: 1.7, a: 120.0, b: 300.0, alpha: 0.33, beta: 0.30 };
    let mut text = "run,status,params_total,params_with_head,tokens,loss\n".to_owned();
    for i in 0..25_i32 {
        let c = 1e12 * 10_f64.powf(f64::from(i / 5) * 0.5);
        let best = law.optimal(Flop(c)).unwrap().parameters.get();
        let n = (best * 4_f64.powf(f64::from(i % 5) / 2.0 - 1.0)).round();
        let d = (c / 6.0 / n).round();
        let NatsPerToken(loss) = law.loss(Parameters(n), Tokens(d));
        let loss = loss * (1.0 + 0.01 * (f64::from(i) * 7.3).sin());
        let _ = writeln!(text, "c{}n{},done,{},{n},{d},{loss:.4}", i / 5, i % 5, n + 4096.0);
    }
    text + "c9n0,diverged,5000,4000,1e9,\nc9n1,diverged,9000,8000,1e9,nan\n"
}

/// What the command prints for `text` as its table, or the problem, without colours.
fn answer(text: &str, options: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("runs.csv");
    std::fs::write(&path, text).unwrap();
    let path = path.to_str().unwrap();
    let words = ["fit", path, "--no-plot"].into_iter().chain(options.iter().copied());
    let args = match Line::try_parse_from(words) {
        Ok(line) => line.fit,
        Err(problem) => return problem.to_string(),
    };
    let shown = respond(&args, 100).unwrap_or_else(|problem| problem.to_string());
    let shown = shown.replace(&format!("{}/", folder.path().display()), "");
    anstream::adapter::strip_str(&shown).to_string()
}

#[test]
fn a_fit_for_people() {
    let shown = answer(&table(), &["--predict-compute", "1e15", "--predict", "1M,20M"]);
    insta::assert_snapshot!(shown);
}

#[test]
fn a_fit_without_a_bootstrap_shows_no_intervals() {
    insta::assert_snapshot!(answer(&table(), &["--bootstrap", "0", "--where", "tokens<1e8"]));
}

#[test]
fn a_fit_that_cannot_be_identified() {
    let text: String = table()
        .lines()
        .enumerate()
        .filter(|(i, line)| *i == 0 || line.contains("n2,"))
        .flat_map(|(i, line)| {
            if i == 0 {
                vec![line.to_owned()]
            } else {
                vec![line.to_owned(), line.replace("n2,", "n7,")]
            }
        })
        .map(|line| line + "\n")
        .collect();
    let mut text = text;
    for i in 1..6_i32 {
        let (n, d) = (1e5 * 2_f64.powi(i), 2e6 * 2_f64.powi(i));
        let _ = writeln!(text, "x{i},done,9,{n},{d},{}", 5.0 - 0.2 * f64::from(i));
    }
    insta::assert_snapshot!(answer(&text, &["--bootstrap", "200"]));
}

#[test]
fn a_missing_column() {
    insta::assert_snapshot!(answer(&table().replace("tokens", "tokns"), &["--column", "D=tokens"]));
}

#[test]
fn a_cell_that_is_not_a_number() {
    insta::assert_snapshot!(answer(&table().replace("7.4772", "7.4772 nats"), &[]));
}

#[test]
fn too_few_runs() {
    let few = table().lines().take(5).collect::<Vec<_>>().join("\n");
    insta::assert_snapshot!(answer(&(few + "\nz,oom,1,1,1,\n"), &[]));
}

#[test]
fn options_that_make_no_sense() {
    let shown: Vec<String> = [
        &["--predict", "70B"][..],
        &["--predict-compute", "lots"],
        &["--column", "M=width"],
        &["--where", "group~main"],
        &["--level", "90"],
        &["--out", "/no/such/folder/fit.json"],
    ]
    .into_iter()
    .map(|options| answer(&table(), options))
    .collect();
    insta::assert_snapshot!(shown.join("\n\n"));
}

#[test]
fn tables_that_no_law_can_be_fitted_to() {
    let row = |i: u32, loss: &str| format!("r{i},{}e6,{}e7,{loss}\n", 1 + i % 5, 1 + i / 5);
    let rows = |count: u32, loss: &dyn Fn(u32) -> String| {
        (0..count).fold("run,params,tokens,loss\n".to_owned(), |text, i| text + &row(i, &loss(i)))
    };
    let varied = |i: u32| format!("{}", 4.0 - 0.05 * f64::from(i));
    let shown: Vec<String> = [
        String::new(),
        rows(0, &varied),
        rows(1, &varied),
        rows(2, &varied),
        rows(20, &|_| "3.0".to_owned()),
        rows(20, &|i| if i % 2 == 0 { "nan".to_owned() } else { "inf".to_owned() }),
        rows(20, &|i| if i == 11 { "three".to_owned() } else { varied(i) }),
        rows(20, &varied).replace("params", "blocks").replace("loss", "quality"),
        rows(20, &varied).replace(",tokens", ",params"),
    ]
    .iter()
    .map(|text| answer(text, &[]))
    .collect();
    insta::assert_snapshot!(shown.join("\n\n"));
}

#[test]
fn laws_and_options_that_make_no_sense() {
    let shown: Vec<String> = [
        &["--law", "chinchila"][..],
        &["--law", "no-such-law"],
        &["--law", "absent.toml"],
        &["--law", "absent.json"],
        &["--law", "loss-to-accuracy"],
        &["--formula", "loss = 2 * N + D"],
        &["--formula", "loss = a * (b + "],
        &["--formula", "loss = a + b"],
        &["--formula", "loss = a + b * N", "--law", "chinchilla"],
        &["--bound", "alpha=2..1"],
        &["--bound", "alpah=0..1"],
        &["--hold", "E"],
        &["--hold", "E=1.7", "--free", "E"],
        &["--objective", "squares", "--delta", "0.1"],
        &["--objective", "huber"],
        &["--degrees", "3"],
        &["--delta", "-1"],
        &["--resample", "days"],
        &["--bootstrap", "7"],
        &["--share", "alpha"],
        &["--group", "status", "--share", "gamma"],
        &["--group", "nobody", "--share", "alpha"],
        &["--weight", "heaviness"],
        &["--holdout", "all"],
        &["--holdout", "C>1e30"],
        &["--predict", "N=1e9"],
        &["--predict", "N=1e9,M=20"],
        &["--law", "kaplan-parameters", "--predict-compute", "1e20"],
        &["--approach", "2", "--predict", "1e9,2e10"],
        &["--approach", "1", "--law", "kaplan-parameters"],
        &["-"],
    ]
    .into_iter()
    .map(|options| format!("$ {}\n{}", options.join(" "), answer(&table(), options).trim_end()))
    .collect();
    insta::assert_snapshot!(shown.join("\n\n"));
}

#[test]
fn any_law_is_answered_in_its_own_terms() {
    let accuracy: String = (0..14_u32).fold("loss,accuracy\n".to_owned(), |text, i| {
        let loss = 0.5 + 0.07 * f64::from(i);
        let share = 0.97 - 0.7 / (1.0 + (-6.0 * (loss - 0.9)).exp());
        text + &format!("{loss},{:.4}\n", share + 0.004 * (f64::from(i) * 2.9).sin())
    });
    let words = ["--law", "loss-to-accuracy", "--predict", "loss=0.45", "--bootstrap", "200"];
    let shown = answer(&accuracy, &words);
    assert!(shown.contains("squares of measured - law"), "{shown}");
    assert!(!shown.contains("compute-optimal"), "{shown}");
    insta::assert_snapshot!(shown);
}

#[test]
fn a_typed_law_with_bounds_and_a_holdout() {
    insta::assert_snapshot!(answer(
        &table(),
        &[
            "--formula",
            "loss = E + A / N^alpha + B / D^beta",
            "--bound",
            "alpha=0..2",
            "--bound",
            "beta=0..2",
            "--bound",
            "E=0..",
            "--holdout",
            "0.4 decades",
            "--bootstrap",
            "200",
        ]
    ));
}

#[test]
fn approaches_1_and_2_answer_without_a_law() {
    let words = ["--bootstrap", "200", "--predict-compute", "1e15", "--approach"];
    let shown = ["1", "2"].map(|approach| answer(&table(), &[&words[..], &[approach]].concat()));
    insta::assert_snapshot!(shown.join("\n"));
    let json = answer(&table(), &["--approach", "2", "--json", "--bootstrap", "100"]);
    let value: Value = serde_json::from_str(&json).unwrap_or_else(|_| panic!("{json}"));
    assert_eq!(value["analysis"]["profiles"].as_array().map(Vec::len), Some(5));
}

#[test]
fn names_in_options_are_parameters_whatever_the_table_holds() {
    // The standard name E is the number of experts, and this table has it.
    let table: String = table().lines().enumerate().fold(String::new(), |text, (i, line)| {
        text + line + if i == 0 { ",experts\n" } else { ",1\n" }
    });
    let words = ["--formula", "loss = E + A / N^0.33 + B / D^0.3", "--json", "--bootstrap", "0"];
    let parameters = |extra: &[&str]| {
        let shown = answer(&table, &[&words[..], extra].concat());
        let value: Value = serde_json::from_str(&shown).unwrap_or_else(|_| panic!("{shown}"));
        value["parameters"].as_object().unwrap().keys().cloned().collect::<Vec<_>>()
    };
    assert_eq!(parameters(&[]), ["A", "B"]);
    assert_eq!(parameters(&["--bound", "E=0.."]), ["A", "B", "E"]);
}

#[test]
fn json_is_one_object_with_its_conventions_and_all_digits() {
    let shown = answer(&table(), &["--json", "--bootstrap", "100", "--predict", "1M,20M"]);
    let value: Value = serde_json::from_str(&shown).unwrap();
    for key in [
        "schema_version",
        "objective",
        "level",
        "seed",
        "version",
        "warnings",
        "law",
        "certificate",
    ] {
        assert!(!value[key].is_null(), "{key}: {shown}");
    }
    assert_eq!(value["data"]["rows"], 25);
    assert_eq!(value["data"]["excluded"][0], "2 rows with status `diverged`: lines 27-28");
    assert_eq!(value["predictions"].as_array().map(Vec::len), Some(1));
    assert!(value["parameters"]["alpha"]["interval"]["low"].is_number());
}

#[test]
fn a_saved_fit_is_the_fit_that_was_shown() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fit.json");
    let out = path.to_str().unwrap();
    let shown = answer(&table(), &["--json", "--bootstrap", "100", "--out", out]);
    let value: Value = serde_json::from_str(&shown).unwrap();
    let saved = Fit::from_json(out, &std::fs::read_to_string(&path).unwrap()).unwrap();
    assert_eq!(value["parameters"]["E"]["value"].as_f64(), saved.value_of("E"));
    assert_eq!(saved.draws.len(), 100);
}

#[test]
fn choices_behind_a_fit_and_how_far_they_move_it() {
    let shown = answer(&table(), &["--robust", "--bootstrap", "100", "--predict", "1M,20M"]);
    let from = shown.find("choices the fit").unwrap();
    insta::assert_snapshot!(&shown[from..]);
}

#[test]
fn groups_are_tested_for_what_they_share() {
    let mut text = String::new();
    for (i, line) in table().lines().enumerate() {
        let group = match i {
            0 => "optimizer",
            i if i % 2 == 0 => "muon",
            _ => "adamw",
        };
        let _ = writeln!(text, "{line},{group}");
    }
    let options = ["--group", "optimizer", "--share", "alpha,beta", "--bootstrap", "0"];
    let shown = answer(&text, &options);
    let from = shown.find("sharing of").unwrap();
    insta::assert_snapshot!(&shown[from..]);
}
