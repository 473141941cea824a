//! The loop, closed: a sweep, the next runs, those runs, and the law of all.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

fn isoflop(folder: &Path, arguments: &[&str]) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_isoflop"))
        .args(arguments)
        .arg("--json")
        .current_dir(folder)
        .env("ISOFLOP_CACHE", folder.join("cache"))
        .output()
        .expect("the command starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {said}");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

#[test]
fn what_next_proposes_the_lab_makes_and_the_fit_takes() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    let text: Vec<String> =
        (0..40_000_u64).map(|i| format!("{i} squared ends in {}\n", i * i % 9973)).collect();
    std::fs::write(path.join("book.txt"), text.concat()).expect("a file");
    let sweep = "name = \"first\"\n[[group]]\nname = \"first\"\ncompute = [2e9, 6e9]\n\
                 depths = [1, 2, 3]\nseeds = [0, 1]\n";
    std::fs::write(path.join("sweep.toml"), sweep).expect("a file");
    let make = |sweep: &str, out: &str| {
        isoflop(path, &["lab", "sweep", sweep, "--out", out, "--corpus", "book.txt"])
    };
    make("sweep.toml", "first");
    let next = isoflop(
        path,
        &[
            &["next", "first/runs.csv", "--budget", "8e9 FLOP", "--target", "2e10"][..],
            &["--hold", "E=0", "--depths", "1..4", "--bootstrap", "200", "--max-runs", "6"],
            &["--sweep", "next.toml", "--csv", "next.csv"],
        ]
        .concat(),
    );
    let times = |run: &Value| run["times"].as_u64().expect("a count");
    let proposed: u64 = next["runs"].as_array().expect("runs").iter().map(times).sum();
    let second = make("next.toml", "second");
    let made = second["rows"].as_array().expect("rows").len() as u64;
    assert!(proposed > 0 && made == proposed, "{next:#}");
    let both = ["fit", "first/runs.csv", "second/runs.csv", "--hold", "E=0", "--bootstrap", "0"];
    let fit = isoflop(path, &both);
    assert_eq!(fit["data"]["rows"].as_u64(), Some(12 + made));
}
