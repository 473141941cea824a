//! `isoflop next` as a user meets it: tables in, text and files out.

use std::fmt::Write as _;
use std::path::Path;

use clap::Parser;
use lab::sweep::Sweep;
use laws::{Chinchilla, FitOptions};
use runs::{NatsPerToken, Parameters, Tokens};
use serde_json::Value;

use super::*;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    next: NextArgs,
}

/// 20 runs of the lab's sizes with 1 % of ripple for noise.
fn table() -> String {
    let law = Chinchilla { e: 0.6, a: 44.0, b: 104.0, alpha: 0.417, beta: 0.38 };
    let mut text = "run,status,params_with_head,tokens,loss\n".to_owned();
    for i in 0..20_i32 {
        let n = [7168.0, 32768.0, 95232.0, 212_992.0][i as usize % 4];
        let d = (n * 4.0 * 2.5_f64.powi(i / 4)).round();
        let NatsPerToken(loss) = law.loss(Parameters(n), Tokens(d));
        let loss = loss * (1.0 + 0.01 * (f64::from(i) * 7.3).sin());
        let _ = writeln!(text, "r{i},done,{n},{d},{loss:.4}");
    }
    text
}

/// What the command prints for `text` as its table (none if empty), or the problem, without
/// colours.
fn answer_in(folder: &Path, text: &str, options: &[&str]) -> String {
    let path = folder.join("runs.csv");
    std::fs::write(&path, text).unwrap();
    let path = path.to_str().unwrap();
    let mut words = vec!["next"];
    if !text.is_empty() {
        words.push(path);
    }
    words.extend(options);
    let args = match Line::try_parse_from(words) {
        Ok(line) => line.next,
        Err(problem) => return problem.to_string(),
    };
    let shown = respond(&args, 100).unwrap_or_else(|problem| problem.to_string());
    let shown = shown.replace(&format!("{}/", folder.display()), "");
    anstream::adapter::strip_str(&shown).to_string()
}

fn answer(text: &str, options: &[&str]) -> String {
    answer_in(tempfile::tempdir().unwrap().path(), text, options)
}

#[test]
fn a_design_for_people() {
    let words = ["--budget", "2e13 FLOP", "--target", "1e15 FLOP", "--bootstrap", "200"];
    insta::assert_snapshot!(answer(&table(), &words));
}

#[test]
fn a_design_of_sizes_in_batches_with_real_models() {
    let words = ["--budget", "2e13", "--target", "1e15", "--goal", "size", "--batches", "2"];
    let more = ["--family", "lab", "--max-parameters", "500k", "--no-plot", "--bootstrap", "200"];
    insta::assert_snapshot!(answer(&table(), &[&words[..], &more].concat()));
}

#[test]
fn a_choice_between_two_laws() {
    let words =
        ["--budget", "2e13", "--against", "kaplan-joint", "--no-plot", "--bootstrap", "200"];
    insta::assert_snapshot!(answer(&table(), &words));
}

#[test]
fn before_the_first_run_published_constants_stand_in() {
    let words = ["--law", "besiroglu-2024", "--budget", "1e19 FLOP", "--target", "1e21 FLOP"];
    let more = ["--goal", "size", "--prior", "alpha=0.3..0.4", "--nanochat", "--no-plot"];
    insta::assert_snapshot!(answer("", &[&words[..], &more].concat()));
}

#[test]
fn files_hold_the_runs_that_are_shown_and_are_not_replaced_unasked() {
    let folder = tempfile::tempdir().unwrap();
    let (sweep, csv) = (folder.path().join("next.toml"), folder.path().join("next.csv"));
    let (sweep, csv) = (sweep.to_str().unwrap(), csv.to_str().unwrap());
    let words = ["--budget", "2e13", "--target", "1e15", "--json", "--batches", "2"];
    let more = ["--sweep", sweep, "--csv", csv, "--bootstrap", "200"];
    let words = [&words[..], &more].concat();
    let shown = answer_in(folder.path(), &table(), &words);
    let value: Value = serde_json::from_str(&shown).unwrap_or_else(|_| panic!("{shown}"));
    let runs = value["runs"].as_array().unwrap();
    let total: u64 = runs.iter().map(|run| run["times"].as_u64().unwrap()).sum();
    assert!(total > 5, "{shown}");

    let plan = Sweep::read(Path::new(sweep)).unwrap().plan(256).unwrap();
    assert_eq!(plan.len() as u64, total);
    let first = plan.iter().filter(|run| run.group == "batch-1");
    let spent: f64 = first.map(|run| run.config.compute_6nd()).sum();
    // Tokens are rounded to whole steps.
    assert!(spent < 1.02e13 && spent > 0.3e13, "{spent:e}");

    let rows = std::fs::read_to_string(csv).unwrap();
    assert_eq!(rows.lines().count() as u64, 1 + total, "{rows}");
    assert!(rows.starts_with("run,batch,seed,N,D,tokens_per_parameter,flop_6nd,depth\n"), "{rows}");
    let names: std::collections::HashSet<&str> =
        rows.lines().map(|line| line.split(',').next().unwrap()).collect();
    assert_eq!(names.len() as u64, 1 + total, "{rows}");

    let again = answer_in(folder.path(), &table(), &words);
    assert!(again.contains("is there already") && again.contains("--force"), "{again}");
    let forced = answer_in(folder.path(), &table(), &[&words[..], &["--force"]].concat());
    assert_eq!(serde_json::from_str::<Value>(&forced).unwrap(), value);
}

#[test]
fn json_is_one_object_with_its_conventions() {
    let words = ["--budget", "2e13", "--target", "N=2M,D=80M", "--json", "--bootstrap", "200"];
    let shown = answer(&table(), &words);
    let value: Value = serde_json::from_str(&shown).unwrap_or_else(|_| panic!("{shown}"));
    for key in ["schema_version", "version", "compute_convention", "seed", "level", "noise", "goal"]
    {
        assert!(!value[key].is_null(), "{key}: {shown}");
    }
    let deviation = |place: &Value| place["law_holds"]["standard_deviation"].as_f64().unwrap();
    assert!(deviation(&value["after"][0]) < deviation(&value["now"]));
    assert!(value["isoflop_grid"]["share_of_its_compute"].as_f64().unwrap() < 1.0, "{shown}");
    assert!(value["now"]["law_holds"]["interval"]["low"].is_number());
}

#[test]
fn a_saved_fit_gives_the_design_of_its_runs() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("runs.csv");
    std::fs::write(&path, table()).unwrap();
    let table_read = runs::RunTable::read(&path).unwrap();
    let observations = Observations::from_table(&table_read, &runs::Request::default()).unwrap();
    let options = FitOptions { bootstrap: 200, ..FitOptions::default() };
    let law = laws::catalogue::find("chinchilla").unwrap();
    let fit = laws::fit(&law, &observations, &options).unwrap();
    let saved = folder.path().join("fit.json");
    std::fs::write(&saved, fit.to_json()).unwrap();
    let words = ["--budget", "2e13", "--target", "1e15", "--no-plot", "--bootstrap", "200"];
    let fresh = answer_in(folder.path(), &table(), &words);
    let words = [&words[..], &["--fit", saved.to_str().unwrap()]].concat();
    assert_eq!(answer_in(folder.path(), &table(), &words), fresh);
    let fewer = table().lines().take(15).collect::<Vec<_>>().join("\n");
    let refused = answer_in(folder.path(), &fewer, &words);
    assert!(refused.contains("20 rows") && refused.contains("14"), "{refused}");
}

#[test]
fn questions_that_make_no_sense() {
    let good = ["--budget", "1e14", "--target", "1e15"];
    let with = |more: &[&'static str]| [&good[..], more].concat();
    let shown: Vec<String> = [
        vec!["--budget", "1e14"],
        vec!["--budget", "lots", "--target", "1e15"],
        vec!["--budget", "5 GB", "--target", "1e15"],
        vec!["--budget", "1e14", "--target", "N=1M"],
        vec!["--budget", "1e14", "--goal", "size", "--target", "N=1M,D=20M"],
        vec!["--budget", "1e14", "--against", "loss-to-accuracy"],
        vec!["--budget", "1e14", "--goal", "choice", "--target", "1e15"],
        with(&["--law", "kaplan-parameters"]),
        with(&["--max-parameters", "1k", "--min-parameters", "1M"]),
        with(&["--max-run", "1e3"]),
        with(&["--ratio", "5"]),
        with(&["--grid", "0x4"]),
        with(&["--bend", "much"]),
        with(&["--depths", "1..4"]),
        with(&["--family", "lab", "--depths", "4..1"]),
        with(&["--family", "lab", "--sizes", "1M"]),
        with(&["--family", "nanochat", "--sweep", "x.toml"]),
        with(&["--prior", "alpha=0.3..0.4"]),
        with(&["--bootstrap", "0"]),
        with(&["--level", "2"]),
        with(&["--batches", "0"]),
        with(&["--fit", "absent.json"]),
    ]
    .into_iter()
    .map(|options| format!("$ {}\n{}", options.join(" "), answer(&table(), &options).trim_end()))
    .collect();
    insta::assert_snapshot!(shown.join("\n\n"));
}

#[test]
fn without_runs_constants_are_needed_and_too_few_runs_say_so() {
    let good = ["--budget", "1e14", "--target", "1e15"];
    let few = table().lines().take(4).collect::<Vec<_>>().join("\n");
    let shown = [
        answer("", &good),
        answer("", &[&good[..], &["--law", "besirolgu-2024"]].concat()),
        answer("", &[&good[..], &["--law", "besiroglu-2024", "--prior", "beta=2..1"]].concat()),
        answer("", &["--budget", "1e14", "--law", "besiroglu-2024", "--against", "kaplan-joint"]),
        answer(&few, &good),
    ];
    insta::assert_snapshot!(shown.map(|text| text.trim_end().to_owned()).join("\n\n"));
}
