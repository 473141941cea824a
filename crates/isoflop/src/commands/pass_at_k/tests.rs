use std::fmt::Write as _;

use clap::Parser;

use super::*;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    args: PassAtKArgs,
}

/// What the command says of a table, or the problem, without colours.
fn said(table: &str, options: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("counts.csv");
    std::fs::write(&path, table).unwrap();
    let words = ["pass-at-k", path.to_str().unwrap()];
    let line = Line::try_parse_from(words.into_iter().chain(options.iter().copied()));
    let mut out = Vec::new();
    let said = match run(&line.unwrap().args, &mut out) {
        Ok(_) => String::from_utf8(out).unwrap(),
        Err(problem) => problem.to_string(),
    };
    let said = said.replace(&format!("{}/", folder.path().display()), "");
    anstream::adapter::strip_str(&said).to_string()
}

/// 40 problems of 200 samples, easy and hard ones.
fn counts() -> String {
    let mut text = "problem,n_samples,n_correct\n".to_owned();
    for problem in 0..40_u32 {
        let rate = (f64::from(problem) / 39.0).powi(6);
        let _ = writeln!(text, "{problem},200,{}", (200.0 * rate) as u32);
    }
    text
}

#[test]
fn coverage_for_people() {
    insta::assert_snapshot!(said(&counts(), &["--target", "0.9,0.99", "--draws", "200"]));
}

#[test]
fn problems_that_are_all_solved_have_no_rates_but_an_answer() {
    let text = "problem,n_samples,n_correct\na,10,10\nb,10,10\n";
    insta::assert_snapshot!(said(text, &["--no-plot"]));
}

#[test]
fn what_makes_no_sense_is_refused() {
    let shown = [
        said(&counts(), &["--k", "0.5"]),
        said(&counts(), &["--target", "1"]),
        said("problem,n_samples,n_correct\na,10,11\n", &[]),
        said("problem,score\na,10\n", &[]),
    ];
    insta::assert_snapshot!(shown.join("\n\n"));
}

#[test]
fn json_has_every_number_of_the_table() {
    let value: Value =
        serde_json::from_str(&said(&counts(), &["--json", "--k", "1,1000"])).unwrap();
    let rows = value["pass_at_k"].as_array().unwrap();
    assert!(rows[0]["counted"]["standard_error"].is_number());
    assert!(rows[1]["counted"].is_null() && rows[1]["beta"]["interval"]["low"].is_number());
    assert_eq!(value["samples"], 200);
}
