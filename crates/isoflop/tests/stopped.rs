//! Studies that are stopped: killed at any moment, or by Ctrl-C.
#![cfg(unix)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

mod known_law;

/// Runs of a known law in `folder`, and a study of them whose parts take a moment each.
fn study(folder: &Path) {
    fs::write(folder.join("runs.csv"), known_law::runs()).expect("a file");
    fs::write(folder.join("study.toml"), text("1e19")).expect("a file");
}

fn text(budget: &str) -> String {
    format!(
        "title = \"What next?\"\ndraws = 200\n[runs]\nfiles = \"runs.csv\"\n\
         [plan]\nbudget = \"{budget} FLOP\"\n"
    )
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_isoflop"));
    command.args(arguments).current_dir(folder).stdin(Stdio::null());
    command
}

fn isoflop(folder: &Path, arguments: &[&str]) -> (i32, String) {
    let output = command(folder, arguments).output().expect("the command starts");
    let said = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&said).into_owned())
}

fn start(folder: &Path) -> Child {
    let mut command = command(folder, &["run", "study.toml"]);
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the command starts")
}

/// Waits until `sign` is there, or the command ended.
fn wait_for(child: &mut Child, sign: &Path) {
    let begun = Instant::now();
    while !sign.exists()
        && child.try_wait().expect("a state").is_none()
        && begun.elapsed() < Duration::from_secs(60)
    {
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Every file under `folder`, from there.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Results that a kill left: `report` refuses them, or they are whole; `run` mends them to those
/// in `whole`, and nothing of the kill stays.
fn refused_or_right_then_mended(folder: &Path, whole: &Path, moment: &str) -> bool {
    let results = folder.join("isoflop-out/study");
    let (code, said) = isoflop(folder, &["report", "study.toml"]);
    let refused = code == 2;
    if refused {
        let told = said.contains("half written") || said.contains("there are no results");
        assert!(
            told && said.contains("isoflop run") | said.contains("run the study again"),
            "{moment}: {said}"
        );
    } else {
        assert_eq!(code, 0, "{moment}: {said}");
        assert!(
            results.join("manifest.json").exists() && said.contains("frontier"),
            "{moment}: {said}"
        );
    }
    let (code, said) = isoflop(folder, &["run", "study.toml"]);
    assert_eq!(code, 0, "{moment}: {said}");
    let (code, said) = isoflop(folder, &["diff", whole.to_str().expect("a path"), "study.toml"]);
    assert_eq!(code, 0, "{moment}: {said}");
    let names = |folder: &Path| -> Vec<PathBuf> {
        let strip = |path: PathBuf| path.strip_prefix(folder).expect("inside").to_owned();
        files(folder).into_iter().map(strip).collect()
    };
    assert_eq!(names(&results), names(whole), "{moment}");
    refused
}

#[test]
fn a_kill_at_any_moment_leaves_results_that_are_refused_and_then_mended() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    study(path);
    let begun = Instant::now();
    let (code, said) = isoflop(path, &["run", "study.toml", "--out", "whole"]);
    assert_eq!(code, 0, "{said}");
    let (lasts, whole) = (begun.elapsed(), path.join("whole"));
    let results = path.join("isoflop-out/study");

    let mut refused = 0;
    for sign in ["draws/fit.parquet", "steps/fit.json", "report.json", "report.html"] {
        let _ = fs::remove_dir_all(&results);
        let mut child = start(path);
        wait_for(&mut child, &results.join(sign));
        child.kill().expect("a kill");
        child.wait().expect("the end");
        refused += u32::from(refused_or_right_then_mended(path, &whole, sign));
    }
    // Most signs come well before the end.
    assert!(refused >= 2, "{refused} kills came in time");

    // Over results that are there: another study, killed at some moment, and the first one again.
    for quarter in 0..4 {
        fs::write(path.join("study.toml"), text("3e19")).expect("a file");
        let mut child = start(path);
        std::thread::sleep(lasts * quarter / 4);
        child.kill().expect("a kill");
        child.wait().expect("the end");
        fs::write(path.join("study.toml"), text("1e19")).expect("a file");
        refused_or_right_then_mended(path, &whole, &format!("after {quarter} quarters"));
    }
}

#[test]
fn an_interrupt_leaves_whole_files_and_code_3() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    study(path);
    let (code, said) = isoflop(path, &["run", "study.toml", "--out", "whole"]);
    assert_eq!(code, 0, "{said}");
    let results = path.join("isoflop-out/study");
    for sign in ["answers/fit.json", "steps/fit.json", "report.json"] {
        let _ = fs::remove_dir_all(&results);
        let mut child = start(path);
        wait_for(&mut child, &results.join(sign));
        let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
        assert!(sent.expect("kill starts").success());
        assert_eq!(child.wait().expect("the end").code(), Some(3), "{sign}");
        for file in files(&results) {
            let content = fs::read(&file).expect("a file");
            let name = file.display();
            match file.extension().and_then(|end| end.to_str()) {
                Some("json") => {
                    serde_json::from_slice::<serde_json::Value>(&content)
                        .unwrap_or_else(|problem| panic!("{name}: {problem}"));
                }
                Some("html") => assert!(content.ends_with(b"</html>\n"), "{name}"),
                Some("svg") => assert!(content.trim_ascii_end().ends_with(b"</svg>"), "{name}"),
                Some("parquet") => assert!(content.ends_with(b"PAR1"), "{name}"),
                // The lock, and what was being written.
                _ => assert!(
                    file.file_name().is_some_and(|name| name.as_encoded_bytes()[0] == b'.'),
                    "{name}"
                ),
            }
        }
        refused_or_right_then_mended(path, &path.join("whole"), sign);
    }
}

#[test]
fn a_second_run_does_not_write_into_results_that_another_one_writes() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    study(path);
    let (code, said) = isoflop(path, &["run", "study.toml"]);
    assert_eq!(code, 0, "{said}");
    let lock = fs::File::create(path.join("isoflop-out/study/.lock")).expect("a lock");
    lock.try_lock().expect("nobody writes");
    let (code, said) = isoflop(path, &["run", "study.toml"]);
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("another run writes") && said.contains("--out"), "{said}");
    // What is there can be read, and is written again when the other one is done.
    assert_eq!(isoflop(path, &["report", "study.toml"]).0, 0);
    drop(lock);
    assert_eq!(isoflop(path, &["run", "study.toml"]).0, 0);
}

#[test]
fn a_step_that_fails_leaves_the_results_as_they_were() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    study(path);
    let (code, said) = isoflop(path, &["run", "study.toml"]);
    assert_eq!(code, 0, "{said}");
    fs::write(path.join("study.toml"), format!("{}size = \"no size\"\n", text("1e19")))
        .expect("a file");
    let (code, said) = isoflop(path, &["run", "study.toml"]);
    assert_eq!(code, 2, "{said}");
    let (code, said) = isoflop(path, &["report", "study.toml"]);
    assert!(code == 0 && said.contains("frontier"), "{said}");
}
