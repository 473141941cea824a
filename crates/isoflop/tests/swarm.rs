//! A swarm as processes on this machine: who dies comes back, and who does not belong is told so.

#![cfg(unix)]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(60);

/// Two peers, 16 rounds.
const SWARM: &str = r#"
name = "pair"
depth = 1
tokens = 8192
[recipe]
context = 32
batch_tokens = 128
validation_tokens = 512
[method]
inner_steps = 4
share = "even"
[wire]
up = "int8"
down = "int8"
[[peer]]
name = "peer"
count = 2
speed = 8192
up = 1e8
down = 1e8
"#;

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let text: Vec<String> =
        (0..25_000_u64).map(|i| format!("{i} squared ends in {}\n", i * i % 997)).collect();
    std::fs::write(folder.path().join("book.txt"), text.concat()).expect("a file");
    std::fs::write(folder.path().join("swarm.toml"), SWARM).expect("a file");
    folder
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_isoflop"));
    command
        .args(["lab", "swarm"])
        .args(arguments)
        .args(["--corpus", "book.txt", "--cores", "1", "--no-progress"])
        .current_dir(folder)
        .env("ISOFLOP_CACHE", folder.join("cache"))
        .env("NO_COLOR", "1");
    command
}

/// What a command that ends by itself says: its exit code and all its words.
fn said(folder: &Path, arguments: &[&str]) -> (i32, String) {
    let output = command(folder, arguments).output().expect("the command starts");
    let words = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&words).into_owned())
}

/// A process that does not outlive its test.
struct Process {
    child: Child,
    out: BufReader<ChildStdout>,
    /// What a coordinator said up to its join line.
    said: String,
}

impl Process {
    fn start(folder: &Path, arguments: &[&str]) -> Self {
        let mut child = command(folder, arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the command starts");
        let out = BufReader::new(child.stdout.take().expect("a pipe"));
        Self { child, out, said: String::new() }
    }

    /// A coordinator, and the address that it prints.
    fn coordinator(folder: &Path, more: &[&str]) -> (Self, String) {
        let mut process =
            Self::start(folder, &[&["start", "swarm.toml", "--quiet"], more].concat());
        while process.out.read_line(&mut process.said).expect("a line") > 0 {
            if let Some((_, address)) = process.said.split_once("swarm join ") {
                let address = address.trim().to_owned();
                return (process, address);
            }
        }
        panic!("no join line: {}", process.ends().1);
    }

    fn worker(folder: &Path, address: &str, more: &[&str]) -> Self {
        let speed: &[&str] = if more.contains(&"--speed") { &[] } else { &["--speed", "8192"] };
        Self::start(folder, &[&["join", address], speed, more].concat())
    }

    /// Waits for its end: its exit code and all its words.
    fn ends(&mut self) -> (i32, String) {
        let start = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("a process") {
                break status;
            }
            assert!(start.elapsed() < PATIENCE, "the process does not end");
            std::thread::sleep(Duration::from_millis(5));
        };
        let mut words = String::new();
        self.out.read_to_string(&mut words).expect("text");
        let errors = self.child.stderr.as_mut().map(|errors| errors.read_to_string(&mut words));
        errors.transpose().expect("text");
        (status.code().unwrap_or(-1), words)
    }

    /// Ends it as a power cut would.
    fn kill(mut self) {
        self.child.kill().expect("a process");
        self.child.wait().expect("a process");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn wait_for(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < PATIENCE, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// A column of the last row of `runs.csv` in a folder of results.
fn column(place: &Path, name: &str) -> String {
    let table = std::fs::read_to_string(place.join("runs.csv")).expect("a table");
    let mut lines = table.lines();
    let head: Vec<&str> = lines.next().expect("a head").split(',').collect();
    let row: Vec<&str> = lines.next_back().expect("a row").split(',').collect();
    row[head.iter().position(|column| *column == name).expect("the column")].to_owned()
}

fn rounds(place: &Path) -> usize {
    let rounds = std::fs::read_to_string(place.join("pair.rounds.csv")).expect("rounds");
    rounds.lines().count() - 1
}

#[test]
fn a_coordinator_that_is_killed_goes_on_without_loss_as_if_nothing_had_been() {
    let folder = folder();
    let path = folder.path();
    let (code, words) = said(path, &["rehearse", "swarm.toml", "--train", "--out", "rehearsed"]);
    assert_eq!(code, 0, "{words}");

    let (first, address) = Process::coordinator(path, &["--out", "real"]);
    let mut workers = [0, 1].map(|_| Process::worker(path, &address, &[]));
    // One file a round: after three of them it is in the middle.
    let file = path.join("real/coordinator.swarm");
    for _ in 0..3 {
        let before = std::fs::metadata(&file).and_then(|about| about.modified()).ok();
        wait_for("the coordinator's file", || {
            let now = std::fs::metadata(&file).and_then(|about| about.modified()).ok();
            now.is_some() && now != before
        });
    }
    first.kill();
    assert!(!path.join("real/runs.csv").exists(), "it was over already");

    let listen = address.split('/').next().expect("an address");
    let again = ["--out", "real", "--listen", listen, "--resume"];
    let (mut second, same) = Process::coordinator(path, &again);
    assert_eq!(same, address, "the join line stays");
    let (code, words) = second.ends();
    assert_eq!(code, 0, "{words}");
    for worker in &mut workers {
        let (code, words) = worker.ends();
        assert!(code == 0 && words.contains("done: 16 averages"), "{code}: {words}");
    }
    let place = path.join("real");
    assert_eq!(column(&place, "tokens"), "8192");
    assert_eq!(column(&place, "loss"), column(&path.join("rehearsed"), "loss"));
    assert_eq!(rounds(&place), 16, "the rounds before the end are not forgotten");
}

#[test]
fn a_run_goes_on_from_what_one_peer_kept() {
    let folder = folder();
    let path = folder.path();
    let (first, address) = Process::coordinator(path, &["--out", "lost"]);
    let keeps = ["--checkpoint", "kept.swarm", "--checkpoint-every", "0"];
    let workers = [Process::worker(path, &address, &keeps), Process::worker(path, &address, &[])];
    let file = path.join("lost/coordinator.swarm");
    wait_for("a round", || file.exists() && path.join("kept.swarm").exists());
    let before = std::fs::metadata(&file).expect("a file").modified().expect("a time");
    wait_for("another", || {
        std::fs::metadata(&file).expect("a file").modified().expect("a time") != before
    });
    first.kill();
    workers.into_iter().for_each(Process::kill);

    let from = ["--out", "found", "--from", "kept.swarm"];
    let (mut second, address) = Process::coordinator(path, &from);
    let mut workers = [0, 1].map(|_| Process::worker(path, &address, &[]));
    let (code, words) = second.ends();
    assert_eq!(code, 0, "{words}");
    for worker in &mut workers {
        let (code, words) = worker.ends();
        assert!(code == 0 && words.contains("done: "), "{code}: {words}");
    }
    assert_eq!(column(&path.join("found"), "tokens"), "8192");
}

#[test]
fn who_joins_the_wrong_swarm_is_told_why() {
    let folder = folder();
    let path = folder.path();
    std::fs::write(path.join("other.txt"), "another text\n".repeat(50_000)).expect("a file");
    let (_coordinator, address) = Process::coordinator(path, &["--out", "real"]);
    let (place, key) = address.split_once('/').expect("a key");
    let other = |at: usize| {
        let digit = if key[at..].starts_with('0') { "1" } else { "0" };
        format!("{place}/{}{digit}{}", &key[..at], &key[at + 1..])
    };
    let (run, wrong) = (other(0), other(63));
    for (arguments, words) in [
        (&["join", place][..], &["no key", "HOST:PORT/KEY"][..]),
        (&["join", &run], &["it belongs to run"]),
        (&["join", &wrong], &["coordinator there has another key"]),
        (&["join", "127.0.0.1:1/00", "--wait", "0.1"], &["64 hexadecimal digits"]),
        (
            &["join", &format!("127.0.0.1:1/{key}"), "--wait", "0.1"],
            &["refused", "check the address"],
        ),
        (&["join", &format!("nowhere.invalid:1/{key}"), "--wait", "0.1"], &["check the address"]),
        (&["join", &address, "--speed=-1"], &["--speed"]),
        (&["join", &address, "--up", "nan"], &["--up", "bit/s"]),
        (&["join", &address, "--corpus", "other.txt", "--speed", "100"], &["the text here"]),
        (&["start", "swarm.toml", "--out", "real", "--listen", place], &["listen", "another port"]),
        (&["start", "swarm.toml", "--out", "new", "--resume"], &["coordinator.swarm", "leave out"]),
        (&["start", "swarm.toml", "--out", "new", "--from", "book.txt"], &["torn", "another peer"]),
        (&["start", "swarm.toml", "--out", "new", "--from", "absent"], &["absent", "--checkpoint"]),
    ] {
        let (code, message) = said(path, arguments);
        assert_eq!(code, 2, "{arguments:?}: {message}");
        for word in words {
            assert!(message.contains(word), "{arguments:?} does not mention `{word}`: {message}");
        }
        assert!(!message.contains("panicked"), "{arguments:?}: {message}");
    }
}

/// What a page of a run answers; none when it is served no more.
fn ask(url: &str, path: &str) -> Option<String> {
    let host = url.strip_prefix("http://")?.strip_suffix('/')?;
    let mut stream = TcpStream::connect(host).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    answer.split_once("\r\n\r\n").map(|(_, content)| content.to_owned())
}

#[test]
fn a_page_shows_the_run_while_it_goes_on() {
    let folder = folder();
    let path = folder.path();
    let (mut coordinator, address) = Process::coordinator(path, &["--out", "real", "--page"]);
    let url = coordinator.said.lines().find_map(|line| line.strip_prefix("page "));
    let url = url.expect("the page's address").trim().to_owned();
    assert!(ask(&url, "/").expect("a page").contains("<svg id=\"curve\""));
    let state =
        || -> Option<serde_json::Value> { serde_json::from_str(&ask(&url, "/state")?).ok() };
    assert_eq!(state().expect("a state")["tokens"], 0);

    let slow = ["--speed", "2000", "--name"];
    let names = ["desk \u{1b}[31m1", "desk 2"];
    let mut workers =
        names.map(|name| Process::worker(path, &address, &[&slow[..], &[name]].concat()));
    wait_for("two peers and a loss", || {
        state().is_some_and(|run| {
            let peers = run["peers"].as_array().map_or(0, Vec::len);
            peers == 2 && run["losses"].as_array().is_some_and(|curve| !curve.is_empty())
        })
    });
    let run = state().expect("it goes on");
    assert_eq!((&run["name"], &run["total_tokens"]), (&"pair".into(), &8192.into()));
    let mut shown: Vec<&str> =
        run["peers"].as_array().expect("peers").iter().filter_map(|p| p["name"].as_str()).collect();
    shown.sort_unstable();
    // What would colour a terminal is gone from the name.
    assert_eq!(shown, ["desk 2", "desk [31m1"]);
    for process in workers.iter_mut().chain([&mut coordinator]) {
        let (code, words) = process.ends();
        assert!(code == 0 && !words.contains('\u{1b}'), "{code}: {words}");
    }
    let (code, words) = said(path, &["start", "swarm.toml", "--out", "new", "--page=nowhere:1"]);
    assert!(code == 2 && words.contains("a page cannot be served"), "{code}: {words}");
}

#[test]
fn threads_refuse_what_only_virtual_time_has() {
    let folder = folder();
    let path = folder.path();
    let pipeline = SWARM
        .replace("inner_steps = 4\nshare = \"even\"", "kind = \"pipeline\"")
        .replace("depth = 1", "depth = 2");
    let site = SWARM.replace(
        "[[peer]]",
        "[[site]]\nname = \"here\"\nup = 1e9\ndown = 1e9\n[[peer]]\nsite = \"here\"",
    );
    for (text, words) in [(pipeline, "threads have no pipelines"), (site, "threads have no sites")]
    {
        std::fs::write(path.join("other.toml"), text).expect("a file");
        let (code, message) = said(path, &["rehearse", "other.toml", "--threads"]);
        assert!(code == 2 && message.contains(words), "{code}: {message}");
        let (code, message) = said(path, &["rehearse", "other.toml"]);
        assert_eq!(code, 0, "{message}");
    }
}

#[test]
fn a_sweep_shows_the_runs_of_its_file_and_not_those_that_an_earlier_file_left() {
    let folder = folder();
    let path = folder.path();
    let sweep = ["sweep", "swarm.toml", "--peers", "2", "--inner-steps", "4", "--codec", "int8"];
    let tokens = |more: &[&str]| {
        let (code, words) = said(path, &[&sweep[..], &["--out", "sweep", "--json"], more].concat());
        let answer: serde_json::Value = serde_json::from_str(&words).expect("an answer");
        assert_eq!(code, 0, "{words}");
        let rows = answer["rows"].as_array().expect("rows").clone();
        rows.iter().map(|row| row["tokens"].as_u64().expect("tokens")).collect::<Vec<_>>()
    };
    assert_eq!(tokens(&[]), [8192, 8192]);
    // Named twice is made once, and what was made is not made again.
    assert_eq!(tokens(&["--seeds", "0,1,1"]).len(), 4);
    let table = std::fs::read_to_string(path.join("sweep/runs.csv")).expect("a table");
    assert_eq!(table.lines().count(), 5, "{table}");
    std::fs::write(path.join("swarm.toml"), SWARM.replace("8192\n[recipe]", "4096\n[recipe]"))
        .expect("a file");
    assert_eq!(tokens(&[]), [4096, 4096]);
}

#[test]
fn a_sweep_refuses_what_no_swarm_file_may_say() {
    let folder = folder();
    for (option, value, words) in
        [("--peers", "4000000000", "more than 10000"), ("--depths", "1001", "not from 1 to 1000")]
    {
        let arguments = ["sweep", "swarm.toml", "--dry-run", option, value];
        let (code, message) = said(folder.path(), &arguments);
        assert!(code == 2 && message.contains(words), "{code}: {message}");
    }
}
