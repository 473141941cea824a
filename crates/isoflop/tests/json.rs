//! Every answer in JSON has the keys that the book documents, and no other.

mod documented;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// Asked elsewhere: `quickstart` in `commands.rs`; a swarm that is started answers with the code
/// of one that is rehearsed.
const ELSEWHERE: [&str; 2] = ["quickstart", "lab swarm start"];

/// What is asked, as the page says it, with the arguments that ask it.
const ASKED: [(&str, &str); 41] = [
    ("run", "run study.toml"),
    ("report", "report study.toml"),
    ("report --figure", "report study.toml --figure coverage"),
    ("diff", "diff study.toml study.toml"),
    ("fit", "fit RUNS --bootstrap 100 --out fit.json"),
    ("fit", "fit RUNS --bootstrap 100 --holdout 0.5_decade --robust --predict-compute 1e15"),
    ("fit --approach", "fit RUNS --bootstrap 100 --approach 1"),
    ("fit --approach", "fit RUNS --bootstrap 100 --approach 2 --predict-compute 1e15"),
    ("compare", "compare RUNS --laws chinchilla,kaplan-joint"),
    ("pass-at-k", "pass-at-k counts.csv --target 0.9"),
    ("plan", "plan --law hoffmann-2022 --budget 1e21_FLOP"),
    ("plan", "plan --law RUNS --budget 10_USD --serve 1e9_token --compare besiroglu-2024"),
    ("next", "next RUNS --budget 1e16_FLOP --target 1e17 --bootstrap 200"),
    ("split", "split maths-rl-samples --budget 1e24_FLOP"),
    ("portfolio family", "portfolio family --budget 1e21_FLOP --count 3 --ratio 20 --spread 16"),
    ("portfolio bets", "portfolio bets --budget 1e21_FLOP"),
    ("portfolio learn", "portfolio learn --law fit.json --budget 1e17_FLOP --worlds 100"),
    ("simulate", "simulate dgx-h100 --model llama3-8b"),
    ("simulate", "simulate dgx-h100 --model llama3-8b --tokens 1_T_token --events"),
    (
        "simulate, sites unlike each other",
        "simulate EXAMPLES/gigawatt/two-sites.toml --model llama3-405b",
    ),
    ("simulate SWARM", "simulate homes-1000 --time 90_day"),
    ("simulate --power", "simulate --power 1_GW --accelerator h100 --model llama3-405b"),
    ("forecast", "forecast gap"),
    ("trend", "trend dated.csv --value power"),
    ("claims", "claims MGW-01"),
    ("eval", "eval 300_to_3000"),
    ("lab train", "lab train --depth 1 --tokens 1e4 --corpus book.txt --out train"),
    ("lab train --dry-run", "lab train --depth 1 --tokens 1e4 --dry-run"),
    ("lab sweep", "lab sweep sweep.toml --corpus book.txt --out sweep"),
    ("lab sweep --dry-run", "lab sweep sweep.toml --dry-run"),
    ("lab swarm rehearse", "lab swarm rehearse EXAMPLES/lab-swarm/four.toml"),
    (
        "lab swarm sweep",
        "lab swarm sweep swarm.toml --peers 1 --inner-steps 1 --codec int4 --corpus book.txt",
    ),
    ("list laws", "list laws"),
    ("list laws NAME", "list laws chinchilla"),
    ("list capabilities NAME", "list capabilities maths-rl-samples"),
    ("list accelerators NAME", "list accelerators h100"),
    ("list accelerators NAME", "list accelerators rtx-4090"),
    ("list models NAME", "list models mixtral-8x7b"),
    ("list clusters NAME", "list clusters dgx-h100"),
    ("list clusters NAME", "list clusters homes-1000"),
    ("list scenarios NAME", "list scenarios gap"),
];

/// Files that the commands read.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("a file");
    let book: Vec<String> =
        (0..25_000_u64).map(|i| format!("{i} squared ends in {}\n", i * i % 9973)).collect();
    write("book.txt", &book.concat());
    let mut dated = String::from("date,power\n");
    for (half, wobble) in [1.0, 1.2, 0.9, 1.1].iter().cycle().take(16).enumerate() {
        let (year, month) = (2016 + half / 2, 1 + half % 2 * 6);
        let value = 2_f64.powf(half as f64 / 2.0) * wobble;
        let _ = writeln!(dated, "{year}-{month:02}-01,{value:.4}");
    }
    write("dated.csv", &dated);
    write(
        "counts.csv",
        "problem,n_samples,n_correct\na,100,3\nb,100,40\nc,100,9\nd,100,1\ne,100,70\n",
    );
    write("study.toml", "title = \"x\"\ndraws = 100\n[pass-at-k]\ncounts = \"counts.csv\"\n");
    write("sweep.toml", "name = \"s\"\n[[group]]\nname = \"a\"\ncompute = [2e9]\ndepths = [1]\n");
    write(
        "swarm.toml",
        "name = \"two\"\ndepth = 1\ntokens = 8192\n[recipe]\ncontext = 64\nbatch_tokens = 512\n\
         validation_tokens = 65536\n[[peer]]\nname = \"peer\"\nspeed = 20e3\nup = 50e6\ndown = 50e6\n\
         delay = 0.02\n",
    );
    folder
}

#[test]
fn every_answer_has_the_keys_that_are_documented_and_no_other() {
    let folder = folder();
    let root =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the root");
    let examples = root.join("examples").display().to_string();
    let lists = ["capabilities", "accelerators", "models", "clusters", "scenarios"];
    let lists = lists.map(|what| (format!("list {what}"), format!("list {what}")));
    let asked = ASKED.map(|(asked, arguments)| (asked.to_owned(), arguments.to_owned()));
    for (asked, arguments) in asked.into_iter().chain(lists) {
        let words = arguments.split(' ').map(|word| {
            word.replace('_', " ")
                .replace("RUNS", &format!("{examples}/miniseries/runs.csv"))
                .replace("EXAMPLES", &examples)
        });
        let output = Command::new(env!("CARGO_BIN_EXE_isoflop"))
            .args(words)
            .arg("--json")
            .current_dir(folder.path())
            .env("ISOFLOP_CACHE", folder.path().join("cache"))
            .output()
            .expect("the command starts");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code().is_some_and(|code| code < 2), "{arguments}: {said}");
        let answer: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|problem| panic!("{arguments}: {problem}"));
        documented::compare(&asked, &answer);
    }
}

#[test]
fn every_command_that_answers_in_json_is_documented_and_every_row_is_asked() {
    let output = Command::new(env!("CARGO_BIN_EXE_isoflop")).args(["man", "--markdown"]).output();
    let text = String::from_utf8(output.expect("the command starts").stdout).expect("text");
    let documented = documented::answers();
    let mut with_json = 0;
    for chapter in text.split("\n## `isoflop ").skip(1) {
        let command = chapter.split('`').next().expect("a name");
        if chapter.contains("\n      --json\n") {
            with_json += 1;
            assert!(documented.contains_key(command), "docs/src/json.md lacks `{command}`");
        }
    }
    assert!(with_json > 25, "{with_json} commands with --json");
    for row in documented.keys() {
        let asked = ASKED.iter().any(|(asked, _)| asked == row)
            || ELSEWHERE.contains(&row.as_str())
            || row.starts_with("list ") && !row.ends_with("NAME");
        assert!(asked, "no test asks for `{row}`");
    }
}
