use clap::Parser;
use serde_json::Value;

use super::*;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    args: SplitArgs,
}

/// What the command says, or the problem, without colours, 100 characters wide.
fn said(options: &[&str]) -> String {
    let line = Line::try_parse_from(["split"].into_iter().chain(options.iter().copied()));
    let args = match line {
        Ok(line) => line.args,
        Err(problem) => return problem.to_string(),
    };
    let said = match answer(&args) {
        Ok(answer) if args.json => format!("{:#}\n", json::json(&answer)),
        Ok(answer) if args.no_plot => show::for_people(&answer, 100),
        Ok(answer) => {
            format!("{}\n{}", show::for_people(&answer, 100), show::plot(&answer).render(100, 14))
        }
        Err(problem) => problem.to_string(),
    };
    anstream::adapter::strip_str(&said).to_string()
}

#[test]
fn three_dimensions_for_people() {
    insta::assert_snapshot!(said(&["maths-rl-samples", "--budget", "1e24 FLOP", "--draws", "400"]));
}

#[test]
fn limits_of_tokens_and_of_a_machine_for_people() {
    insta::assert_snapshot!(said(&[
        "aime-thinking",
        "--budget",
        "3e25 FLOP",
        "--draws",
        "400",
        "--tokens",
        "15 T",
        "--on",
        "8192 h100",
        "--days",
        "30",
        "--megawatts",
        "20",
        "--no-plot",
    ]));
}

#[test]
fn a_capability_to_reach_for_people() {
    insta::assert_snapshot!(said(&[
        "maths-rl-samples",
        "--reach",
        "0.8",
        "--queries",
        "1e6 to 1e8",
        "--draws",
        "200",
        "--no-plot",
    ]));
}

#[test]
fn json_holds_split_choices_limits_and_curves() {
    let text = said(&["aime-thinking", "--budget", "1e25", "--draws", "50", "--json"]);
    let answer: Value = serde_json::from_str(&text).unwrap();
    let sum: f64 = (answer["split"].as_array().unwrap().iter())
        .map(|part| part["flop"]["best"].as_f64().unwrap())
        .sum();
    assert!((sum / 1e25 - 1.0).abs() < 1e-6);
    assert_eq!(answer["choices"].as_array().unwrap().len(), 3);
    assert_eq!(answer["limits"][0]["limit"], "compute");
    assert_eq!(answer["curves"][0]["budget"].as_array().unwrap().len(), 33);
    let (half, double) = (&answer["half"]["capability"], &answer["double"]["capability"]);
    assert!(half["best"].as_f64().unwrap() < double["best"].as_f64().unwrap());
}

#[test]
fn laws_of_ones_own_take_part_and_the_wrong_ones_are_refused() {
    let other = said(&[
        "maths-rl-samples",
        "--budget",
        "1e24",
        "--draws",
        "0",
        "--law",
        "sardana-2024",
        "--law",
        "rl=scalerl-32k",
        "--no-plot",
    ]);
    assert!(other.contains("law pretraining: sardana-2024"), "{other}");
    assert!(other.contains("law rl: scalerl-32k"), "{other}");
    for (law, expected) in [
        ("besirolgu-2024", "did you mean `besiroglu-2024`?"),
        ("pythia-1b", "fits none of the roles"),
        ("thinking=besiroglu-2024", "has no law `thinking`"),
        ("rl=besiroglu-2024", "stands in the place of the law `rl`"),
        ("missing.json", "cannot read"),
    ] {
        let refused = said(&["maths-rl-samples", "--budget", "1e24", "--law", law]);
        assert!(refused.contains(expected), "{law}: {refused}");
    }
}

#[test]
fn bad_questions_are_refused() {
    for (options, expected) in [
        (&["maths", "--budget", "1e24"][..], "no capability `maths`"),
        (&["maths-rl-samples"], "--budget"),
        (&["maths-rl-samples", "--budget", "3 yr"], "how many accelerators"),
        (&["maths-rl-samples", "--budget", "3 kg"], "FLOP"),
        (&["maths-rl-samples", "--budget", "1e24", "--set", "answer"], "NAME=VALUE"),
        (&["maths-rl-samples", "--budget", "1e24", "--level", "2"], "out of range"),
        (&["maths-rl-samples", "--budget", "1e24", "--on", "10 h1000"], "h100"),
        (&["maths-rl-samples", "--budget", "1e24", "--on", "h100", "--days", "3"], "megawatts"),
        (&["maths-rl-samples", "--budget", "1e24", "--days", "3"], "--on"),
        (&["maths-rl-samples", "--budget", "1e24", "--draws", "200000"], "too many"),
    ] {
        let refused = said(options);
        assert!(refused.contains(expected), "{options:?}: {refused}");
    }
}
