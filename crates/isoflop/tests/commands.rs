//! The commands as a user meets them: exit codes, files, messages.

mod documented;

use std::path::Path;
use std::process::{Command, Output};

fn isoflop(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_isoflop"))
        .args(arguments)
        .current_dir(folder)
        .env("ISOFLOP_CACHE", folder.join("cache"))
        .env("NO_COLOR", "1")
        .output()
        .expect("the command starts")
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A text that a small model can learn something from.
fn book(folder: &Path) {
    let text: Vec<String> =
        (0..25_000_u64).map(|i| format!("{i} squared ends in {}\n", i * i % 9973)).collect();
    std::fs::write(folder.join("book.txt"), text.concat()).expect("a file");
}

#[test]
fn the_standard_input_is_one_text_and_an_empty_scenario_asks_nothing() {
    for (arguments, expected) in [
        (&["simulate", "-", "--model", "-"][..], "cannot be both cluster and model"),
        (&["simulate", "dgx-h100", "--model", "llama3-8b", "--tp-rows", "0"], "--tp-rows"),
        (&["forecast", "-"], "`-` asks nothing"),
    ] {
        let found = Command::new(env!("CARGO_BIN_EXE_isoflop"))
            .args(arguments)
            .stdin(std::process::Stdio::null())
            .output()
            .expect("the command starts");
        let said = String::from_utf8_lossy(&found.stderr);
        assert_eq!(found.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(said.contains(expected), "{arguments:?}: {said}");
    }
}

#[test]
fn quickstart_predicts_before_it_trains_and_repeats_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    book(path);
    let common = ["quickstart", "--corpus", "book.txt", "--compute-scale", "0.003"];
    let common: Vec<&str> = common.into_iter().chain(["--bootstrap", "100"]).collect();

    let first = isoflop(path, &[&common[..], &["--skip-target"]].concat());
    assert_eq!(first.status.code(), Some(0), "{}", stderr(&first));
    let out = path.join("isoflop-out/quickstart");
    let rows = |name: &str| std::fs::read_to_string(out.join(name)).expect("a file");
    let before = rows("prediction.json");
    assert!(!rows("runs.csv").contains("target"));

    let second = isoflop(path, &common);
    assert_eq!(second.status.code(), Some(0), "{}", stderr(&second));
    assert!(stdout(&second).contains("measured"), "{}", stdout(&second));
    assert_eq!(rows("prediction.json"), before, "the prediction keeps its date");
    let table = rows("runs.csv");
    assert!(table.lines().last().expect("rows").starts_with("target,"));

    let third = isoflop(path, &[&common[..], &["--json"]].concat());
    let answer: serde_json::Value = serde_json::from_slice(&third.stdout).expect("JSON");
    assert!(answer["measured"]["loss"].as_f64().is_some_and(|loss| loss > 0.5), "{answer}");
    documented::compare("quickstart", &answer);
    assert_eq!(rows("runs.csv"), table, "nothing was trained again");
}

#[test]
fn bad_input_ends_with_code_2_and_says_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    let nul = path.join("binary.txt");
    std::fs::write(&nul, b"\0\0\0\0").expect("a file");
    std::fs::write(path.join("empty.txt"), "").expect("a file");
    std::fs::write(path.join("short.txt"), "too short to learn from\n").expect("a file");
    std::fs::write(path.join("bad.toml"), "name = \"x\"\n[[group]]\nnaem = \"y\"\n")
        .expect("a file");
    let train = ["lab", "train", "--depth", "1", "--tokens", "1e4"];
    for (arguments, words) in [
        (&["lab", "sweep", "bad.toml"][..], &["bad.toml:3", "naem"][..]),
        (&["lab", "sweep", "absent.toml"], &["absent.toml", "--example"]),
        (&["lab", "train", "--depth", "0", "--tokens", "1e4"], &["depth 0"]),
        (&["lab", "train", "--depth", "2", "--tokens", "nan"], &["above 0"]),
        (&["lab", "train", "--depth", "900", "--tokens", "1e4"], &["parameters"]),
        (&["lab", "train", "--depth", "2"], &["--tokens"]),
        (&[&train[..], &["--corpus", "binary.txt"]].concat(), &["binary.txt"]),
        (&[&train[..], &["--corpus", "empty.txt"]].concat(), &["empty"]),
        (&[&train[..], &["--corpus", "short.txt"]].concat(), &["too small"]),
        (&[&train[..], &["--corpus", "absent"]].concat(), &["absent"]),
        (&["quickstart", "--compute-scale", "-1"], &["--compute-scale"]),
        (&["quickstart", "--bootstrap", "7"], &["bootstrap", "100"]),
        (&["fit", "absent.csv"], &["absent.csv"]),
        (&["fit", "empty.txt"], &["empty"]),
        (&["fit", "binary.txt"], &["binary.txt"]),
        (&["fit", "short.txt"], &["no runs"]),
        (&["compare", "short.txt", "--laws", "chinchilla"], &["at least two"]),
    ] {
        let output = isoflop(path, arguments);
        let message = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {message}");
        for word in words {
            assert!(message.contains(word), "{arguments:?} does not mention `{word}`: {message}");
        }
        assert!(!message.contains("panicked"), "{arguments:?}: {message}");
    }
}

#[cfg(unix)]
#[test]
fn an_interrupt_ends_with_code_3_and_the_same_command_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    book(path);
    let arguments =
        ["lab", "train", "--depth", "2", "--tokens", "3e5", "--corpus", "book.txt", "--json"];
    let mut child = Command::new(env!("CARGO_BIN_EXE_isoflop"))
        .args(arguments)
        .current_dir(path)
        .env("ISOFLOP_CACHE", path.join("cache"))
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("the command starts");
    // The folder appears when training begins.
    let out = path.join("isoflop-out/train");
    for _ in 0..2000 {
        if out.join(".lock").exists() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    std::thread::sleep(std::time::Duration::from_millis(100));
    let kill = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(kill.expect("kill starts").success());
    assert_eq!(child.wait().expect("it ends").code(), Some(3));
    assert!(!out.join("runs.csv").exists(), "the run was not finished");

    let whole = isoflop(path, &[&arguments[..], &["--out", "whole"]].concat());
    let resumed = isoflop(path, &arguments);
    let loss = |output: &Output| {
        let answer: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
        answer["rows"][0]["loss"].as_f64().expect("a loss")
    };
    assert_eq!(loss(&whole), loss(&resumed));
}

/// A table of 30 runs around a law.
fn runs(from: i32, to: i32) -> String {
    (from..to).fold("run,params,tokens,loss\n".to_owned(), |text, i| {
        let (n, d) = (1e6 * 2_f64.powi(i % 6), 1e7 * 3_f64.powi(i / 6));
        let loss = 1.7 + 120.0 / n.powf(0.33) + 300.0 / d.powf(0.30);
        let ripple = 1.0 + 0.004 * (f64::from(i) * 7.3).sin();
        text + &format!("r{i},{n},{d},{:.4}\n", loss * ripple)
    })
}

#[test]
fn several_files_a_folder_and_the_standard_input_are_one_table() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    std::fs::create_dir(path.join("sweeps")).expect("a folder");
    std::fs::write(path.join("whole.csv"), runs(0, 30)).expect("a file");
    std::fs::write(path.join("sweeps/runs.csv"), runs(0, 12)).expect("a file");
    std::fs::write(path.join("b.csv"), runs(12, 20)).expect("a file");
    let options = ["--json", "--bootstrap", "0"];
    let whole = isoflop(path, &[&["fit", "whole.csv"][..], &options].concat());
    let mut child = Command::new(env!("CARGO_BIN_EXE_isoflop"))
        .args([&["fit", "sweeps", "b.csv", "-"][..], &options].concat())
        .current_dir(path)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("the command starts");
    let input = child.stdin.take().expect("a pipe");
    std::io::Write::write_all(&mut { input }, runs(20, 30).as_bytes()).expect("the pipe takes it");
    let parts = child.wait_with_output().expect("it ends");
    let value = |output: &Output| -> serde_json::Value {
        serde_json::from_slice(&output.stdout).expect("JSON")
    };
    assert_eq!(value(&whole)["data"]["rows"], 30, "{}", stderr(&whole));
    assert_eq!(value(&whole)["parameters"], value(&parts)["parameters"]);
}

#[cfg(unix)]
#[test]
fn an_interrupted_fit_ends_with_code_3_and_leaves_no_part_of_a_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    std::fs::write(path.join("runs.csv"), runs(0, 30)).expect("a file");
    let mut child = Command::new(env!("CARGO_BIN_EXE_isoflop"))
        .args(["fit", "runs.csv", "--bootstrap", "1000000", "--out", "fit.json", "--progress"])
        .current_dir(path)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("the command starts");
    std::thread::sleep(std::time::Duration::from_millis(700));
    let kill = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(kill.expect("kill starts").success());
    assert_eq!(child.wait().expect("it ends").code(), Some(3));
    let left: Vec<_> = std::fs::read_dir(path).expect("the folder").collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

#[test]
fn help_and_completions_are_there_for_every_command() {
    let folder = tempfile::tempdir().expect("a folder");
    for command in [
        &["quickstart"][..],
        &["fit"],
        &["compare"],
        &["split"],
        &["portfolio", "family"],
        &["portfolio", "bets"],
        &["portfolio", "learn"],
        &["lab", "train"],
        &["lab", "sweep"],
    ] {
        let output = isoflop(folder.path(), &[command, &["--help"]].concat());
        assert_eq!(output.status.code(), Some(0));
        assert!(stdout(&output).contains("Examples:"), "{command:?} has no examples");
    }
    let output = isoflop(folder.path(), &["completions", "bash"]);
    assert!(stdout(&output).contains("quickstart"));
    let output = isoflop(folder.path(), &["lab", "sweep", "--example"]);
    assert!(stdout(&output).contains("[[group]]"));
}
