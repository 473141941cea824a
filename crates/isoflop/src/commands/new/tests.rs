use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::Parser;
use diagnostic::Diagnostic;
use plan::Budget;

use super::NewArgs;
use super::asking::Asking;
use super::compose::{New, compose, seen_from};

/// What is asked, and what comes of the answers in `typed`.
fn asked(arguments: &[&str], typed: &[u8]) -> (Result<New, Diagnostic>, String) {
    #[derive(Parser)]
    struct Of {
        #[command(flatten)]
        args: NewArgs,
    }
    let args = Of::parse_from([&["new"], arguments].concat()).args;
    let (mut out, mut input) = (Vec::new(), typed);
    let mut asking = Asking { out: &mut out, input: &mut input, asks: true };
    let new = compose(&args, &mut asking);
    (new, String::from_utf8(out).expect("text"))
}

/// A table with `rows` runs of a law of N and D.
fn table(folder: &Path, rows: usize) -> String {
    let mut text = String::from("N,D,loss\n");
    for row in 0..rows {
        let (size, ratio) = ((row / 3) as f64, (row % 3) as f64);
        let n = 1e6 * 2_f64.powf(size);
        let d = n * 5.0 * 3_f64.powf(ratio);
        let loss = 1.7 + 400.0 / n.powf(0.34) + 1200.0 / d.powf(0.36);
        let _ = writeln!(text, "{n},{d},{loss}");
    }
    let path = folder.join(format!("runs-{rows}.csv"));
    std::fs::write(&path, text).expect("a file");
    path.display().to_string()
}

#[test]
fn questions_are_put_again_until_the_answer_means_something() {
    let mut out = Vec::new();
    let mut input: &[u8] = b"many dollars\n\xff\xfe\n  2 M USD \n";
    let mut asking = Asking { out: &mut out, input: &mut input, asks: true };
    let found = asking.ask("budget?", "1e20 FLOP", |words| Budget::parse("it", words).map(drop));
    assert_eq!(found.unwrap(), "2 M USD");
    assert_eq!(String::from_utf8(out).unwrap().matches("budget? [1e20 FLOP]").count(), 3);
}

#[test]
fn where_nobody_answers_the_default_holds() {
    let mut out = Vec::new();
    let mut input: &[u8] = b"";
    let mut asking = Asking { out: &mut out, input: &mut input, asks: true };
    assert_eq!(asking.ask("law?", "chinchilla", |_| Ok(())).unwrap(), "chinchilla");
    assert!(!asking.asks);
}

#[test]
fn three_answers_make_a_study() {
    let folder = tempfile::tempdir().unwrap();
    let runs = table(folder.path(), 12);
    let (new, said) = asked(&[&runs], b"chinchila\nkaplan-joint\nHow \"far\"?\n5e18\n1e18 FLOP\n");
    let text = new.unwrap().text;
    assert!(said.contains("did you mean") && said.contains("chinchilla"), "{said}");
    assert_eq!(said.matches("which law?").count(), 2, "{said}");
    assert_eq!(said.matches("which budget").count(), 2, "{said}");
    let study: toml::Table = text.parse().unwrap();
    assert_eq!(study["title"].as_str(), Some("How \"far\"?"));
    assert_eq!(study["fit"]["law"].as_str(), Some("kaplan-joint"));
    assert_eq!(study["plan"]["budget"].as_str(), Some("1e18 FLOP"));
    // Enter takes what is proposed; `no` leaves the plan out.
    let (new, _) = asked(&[&runs], b"\n\nno\n");
    let study: toml::Table = new.unwrap().text.parse().unwrap();
    assert_eq!(study["title"].as_str(), Some("What should we train next?"));
    assert!(!study.contains_key("plan"));
}

#[test]
fn too_few_runs_for_the_law_are_told_before_anything_is_computed() {
    let folder = tempfile::tempdir().unwrap();
    let few = table(folder.path(), 4);
    let (new, _) = asked(&[&few], b"");
    let new = new.unwrap();
    let doubt = new.doubt.expect("a warning").to_string();
    assert!(doubt.contains("`chinchilla`") && doubt.contains("at least 6"), "{doubt}");
    assert!(doubt.contains("add runs"), "{doubt}");
    assert!(new.text.contains("# Not yet: the law `chinchilla` cannot be fitted"), "{}", new.text);
    // Rows of one run are one run.
    let path = folder.path().join("curve.csv");
    let rows = std::fs::read_to_string(table(folder.path(), 12)).unwrap();
    let curve: Vec<String> = (rows.lines().enumerate())
        .map(|(at, line)| {
            format!("{},{line}", if at == 0 { "run".to_owned() } else { format!("r{}", at % 2) })
        })
        .collect();
    std::fs::write(&path, curve.join("\n")).unwrap();
    let (new, _) = asked(&[path.to_str().unwrap()], b"");
    let doubt = new.unwrap().doubt.expect("a warning").to_string();
    assert!(doubt.contains("2 runs only"), "{doubt}");
    let (new, _) = asked(&[&table(folder.path(), 12)], b"");
    assert!(new.unwrap().doubt.is_none());
}

#[test]
fn the_law_that_is_proposed_is_one_whose_columns_are_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("runs.csv");
    let rows: Vec<String> =
        (0..8).map(|i| format!("{}e18,{}", i + 1, 4.0 - 0.1 * f64::from(i))).collect();
    std::fs::write(&path, format!("compute,loss\n{}\n", rows.join("\n"))).unwrap();
    let (new, said) = asked(&[path.to_str().unwrap()], b"");
    assert!(said.contains("[kaplan-compute]"), "{said}");
    let new = new.unwrap();
    assert!(new.doubt.is_none() && !new.text.contains("[plan]"), "{}", new.text);
    // And where there is none, what the usual one misses.
    std::fs::write(&path, "a,b\n1,2\n").unwrap();
    let (new, said) = asked(&[path.to_str().unwrap()], b"");
    let problem = new.err().expect("a problem").to_string();
    assert!(said.is_empty() && problem.contains("--column"), "{said}{problem}");
}

#[test]
fn paths_are_said_as_the_study_sees_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().canonicalize().unwrap();
    for inside in ["studies/deep", "data"] {
        std::fs::create_dir_all(path.join(inside)).unwrap();
    }
    std::fs::write(path.join("data/runs.csv"), "").unwrap();
    let runs = path.join("data/runs.csv");
    assert_eq!(seen_from(&path.join("data"), &runs), runs, "an absolute path stays one");
    assert_eq!(
        seen_from(Path::new(""), Path::new("data/runs.csv")),
        PathBuf::from("data/runs.csv")
    );
}
