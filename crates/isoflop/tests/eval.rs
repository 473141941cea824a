//! `isoflop eval` as a user meets it: the standard input, exit codes, colours.

use std::io::Write;
use std::process::{Command, Output, Stdio};

fn eval(arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_isoflop"))
        .arg("eval")
        .args(arguments)
        .env("NO_COLOR", "1")
        .env("COLUMNS", "80")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command starts");
    // A command that does not read its input may be gone already.
    let _ = child.stdin.take().expect("a pipe").write_all(input.as_bytes());
    child.wait_with_output().expect("the command ends")
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn an_expression_is_answered_and_options_may_follow_it() {
    let answer = eval(&["ln(1000)/(20x/yr - 5x/yr)"], "");
    assert_eq!((answer.status.code(), &*stdout(&answer)), (Some(0), "4.98 yr\n"));
    let answer = eval(&["ln(1000)/(20x/yr - 5x/yr)", "--in", "mo", "--digits", "4"], "");
    assert_eq!(stdout(&answer), "59.79 mo\n");
}

#[test]
fn bare_without_a_terminal_reads_the_standard_input() {
    for arguments in [&[][..], &["-"], &["--file", "-"]] {
        let answer = eval(arguments, "a = 3 GW\nb = a * 2 h\n");
        assert_eq!(stdout(&answer), "a  3 GW\nb  6 GW h\n", "{arguments:?}");
    }
    let answer = eval(&["--file", "-", "a * 2"], "a = 3 GW\n");
    assert_eq!(stdout(&answer), "6 GW\n");
}

#[test]
fn bad_input_ends_with_code_2_and_points_at_the_characters() {
    let answer = eval(&[], "a = 1 yr\n8 GW + a\n");
    assert_eq!(answer.status.code(), Some(2));
    let shown = String::from_utf8_lossy(&answer.stderr);
    assert!(shown.contains("<stdin>:2:6") && shown.contains("cannot add"), "{shown}");
    assert!(answer.stdout.is_empty());
    assert_eq!(eval(&["1", "--samples", "none"], "").status.code(), Some(2));
    assert_eq!(eval(&[], "").status.code(), Some(2));
}

#[test]
fn a_histogram_is_plain_where_colour_is_not_wanted() {
    let answer = stdout(&eval(&["300 to 3000"], ""));
    assert!(answer.contains('█') && !answer.contains('\u{1b}'), "{answer}");
    assert!(answer.contains("90% (p5 to p95)") && answer.contains("100,000 draws, seed 0"));
}
