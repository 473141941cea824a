//! `isoflop compare` as a user meets it.

use std::fmt::Write as _;

use clap::Parser;
use laws::Chinchilla;
use runs::{Flop, Parameters, Tokens};

use super::*;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    compare: CompareArgs,
}

/// Six budgets of five sizes under Chinchilla's law, with half a per cent of ripple.
fn table() -> String {
    let law = Chinchilla { e: 1.7, a: 120.0, b: 300.0, alpha: 0.33, beta: 0.30 };
    let mut text = "run,params,tokens,loss\n".to_owned();
    for i in 0..30_i32 {
        let c = 1e12 * 10_f64.powf(f64::from(i / 5) * 0.5);
        let best = law.optimal(Flop(c)).unwrap().parameters.get();
        let n = (best * 4_f64.powf(f64::from(i % 5) / 2.0 - 1.0)).round();
        let d = (c / 6.0 / n).round();
        let loss = law.loss(Parameters(n), Tokens(d)).get();
        let _ =
            writeln!(text, "r{i},{n},{d},{:.4}", loss * (1.0 + 0.005 * (f64::from(i) * 7.3).sin()));
    }
    text
}

fn answer(options: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("runs.csv");
    std::fs::write(&path, table()).unwrap();
    let words = ["compare", path.to_str().unwrap()].into_iter().chain(options.iter().copied());
    let args = match Line::try_parse_from(words) {
        Ok(line) => line.compare,
        Err(problem) => return problem.to_string(),
    };
    let shown = respond(&args, 100).unwrap_or_else(|problem| problem.to_string());
    let shown = shown.replace(&format!("{}/", folder.path().display()), "");
    anstream::adapter::strip_str(&shown).to_string()
}

#[test]
fn the_law_that_made_the_runs_predicts_them_best() {
    let shown =
        answer(&["--laws", "chinchilla,kaplan-compute,kaplan-parameters", "--bootstrap", "100"]);
    assert!(shown.contains("`chinchilla` predicts these runs best, clearly ahead"), "{shown}");
    insta::assert_snapshot!(shown);
}

#[test]
fn laws_that_do_not_compare_are_refused() {
    let shown: Vec<String> = [
        &["--laws", "chinchilla"][..],
        &["--laws", "chinchilla,chinchilla"],
        &["--laws", "chinchilla,loss-to-accuracy"],
        &["--laws", "chinchilla,no-such-law"],
        &["--laws", "chinchilla", "--formula", "loss = 2 * N"],
    ]
    .into_iter()
    .map(answer)
    .collect();
    insta::assert_snapshot!(shown.join("\n"));
}

#[test]
fn json_holds_the_whole_comparison() {
    let options = ["--laws", "chinchilla", "--formula", "loss = a / C^b", "--json"];
    let shown = answer(&[&options[..], &["--bootstrap", "100"]].concat());
    let value: Value = serde_json::from_str(&shown).unwrap_or_else(|_| panic!("{shown}"));
    assert_eq!(value["comparison"]["contenders"][1]["law"], "loss = a / C^b");
    assert!(value["comparison"]["pairs"][0]["wins"].is_number(), "{shown}");
}
