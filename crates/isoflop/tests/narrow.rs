//! What people read on a terminal of sixty columns: no line is wider, nothing is cut.

use std::path::Path;
use std::process::Command;

const RUNS: &str = "examples/miniseries/runs.csv";
const WIDTH: usize = 60;

fn shown(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_isoflop"))
        .args(arguments)
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."))
        .env("COLUMNS", WIDTH.to_string())
        .env("NO_COLOR", "1")
        .output()
        .expect("the command starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {said}");
    let text = String::from_utf8(output.stdout).expect("text");
    for line in text.lines() {
        // An address or a formula is one word.
        let is_one_word = line.split_whitespace().any(|word| word.chars().count() > WIDTH / 2);
        let wide = line.chars().count();
        assert!(wide <= WIDTH || is_one_word, "{arguments:?}, {wide} characters:\n{line}");
    }
    text
}

#[test]
fn a_law() {
    insta::assert_snapshot!(shown(&["fit", RUNS, "--bootstrap", "200"]));
}

#[test]
fn a_plan() {
    insta::assert_snapshot!(shown(&["plan", "--law", RUNS, "--budget", "5e15 FLOP", "--no-plot"]));
}

#[test]
fn a_machine() {
    insta::assert_snapshot!(shown(&["simulate", "dgx-h100", "--model", "llama3-8b", "--no-plot"]));
}

#[test]
fn laws_side_by_side() {
    insta::assert_snapshot!(shown(&["compare", RUNS, "--laws", "chinchilla,kaplan-joint"]));
}

#[test]
fn a_split() {
    insta::assert_snapshot!(shown(&[
        "split",
        "maths-rl-samples",
        "--budget",
        "1e24 FLOP",
        "--no-plot"
    ]));
}

#[test]
fn everything_else_keeps_to_the_width() {
    for arguments in [
        &["fit", RUNS, "--approach", "2", "--bootstrap", "200"][..],
        &["simulate", "homes-1000", "--time", "90 day"],
        &["simulate", "--power", "1 GW", "--accelerator", "h100", "--model", "llama3-405b"],
        &["forecast", "gap"],
        &["claims"],
        &["next", RUNS, "--budget", "1e16 FLOP", "--target", "1e17", "--bootstrap", "200"],
        &["portfolio", "bets", "--budget", "1e21 FLOP"],
        &["portfolio", "family", "--budget", "1e21 FLOP", "--ratio", "20", "--spread", "16"],
        &["list", "laws"],
        &["list", "accelerators"],
        &["list", "models"],
        &["list", "clusters"],
        &["list", "scenarios"],
        &["list", "capabilities"],
        &["list", "scenarios", "gap"],
        &["list", "accelerators", "h100"],
    ] {
        shown(arguments);
    }
}
