//! `isoflop watch`: the open page follows the study and its inputs, problems included.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(60);

/// The command at work, with the lines that it says.
struct Watch {
    child: Child,
    lines: Receiver<String>,
    /// `127.0.0.1:PORT`.
    address: String,
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Watch {
    fn start(folder: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_isoflop"))
            .args(["watch", "study.toml"])
            .current_dir(folder)
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the command starts");
        let (send, lines) = channel();
        let out = child.stdout.take().map(|out| Box::new(out) as Box<dyn std::io::Read + Send>);
        let err = child.stderr.take().map(|err| Box::new(err) as Box<dyn std::io::Read + Send>);
        for stream in [out, err].into_iter().flatten() {
            let send = send.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(stream).lines().map_while(Result::ok) {
                    let _ = send.send(line);
                }
            });
        }
        let mut watch = Self { child, lines, address: String::new() };
        let line = watch.says("page    http://");
        let address = line.split("http://").nth(1).and_then(|rest| rest.split('/').next());
        address.expect("an address").clone_into(&mut watch.address);
        watch
    }

    /// Waits for a line that holds `words`.
    fn says(&self, words: &str) -> String {
        let begun = Instant::now();
        let mut heard = String::new();
        while let Some(left) = PATIENCE.checked_sub(begun.elapsed()) {
            match self.lines.recv_timeout(left) {
                Ok(line) if line.contains(words) => return line,
                Ok(line) => heard += &(line + "\n"),
                Err(_) => break,
            }
        }
        panic!("it never said `{words}`, but\n{heard}");
    }

    fn ask(&self, path: &str) -> TcpStream {
        let mut stream = TcpStream::connect(&self.address).expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", self.address).expect("a request");
        stream
    }

    fn page(&self) -> String {
        let mut page = String::new();
        self.ask("/").read_to_string(&mut page).expect("a page");
        page
    }
}

/// What an open page listens to.
struct Events(BufReader<TcpStream>);

impl Events {
    fn of(watch: &Watch) -> Self {
        let mut stream = BufReader::new(watch.ask("/events"));
        let mut line = String::new();
        while stream.read_line(&mut line).expect("a head") > 2 {
            line.clear();
        }
        Self(stream)
    }

    /// Waits until the page would load itself anew.
    fn next(&mut self) {
        let mut line = String::new();
        while line.trim() != "data: new" {
            line.clear();
            assert!(self.0.read_line(&mut line).expect("an event") > 0, "the events ended");
        }
    }
}

#[test]
fn the_open_page_follows_the_study_its_inputs_and_its_problems() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    let counts = "problem,n_samples,n_correct\na,100,3\nb,100,40\nc,100,9\nd,100,1\ne,100,70\n";
    fs::write(path.join("counts.csv"), counts).expect("a file");
    let text = |title: &str| {
        format!("title = \"{title}\"\ndraws = 100\n[pass-at-k]\ncounts = \"counts.csv\"\n")
    };
    fs::write(path.join("study.toml"), text("First question")).expect("a file");
    let watch = Watch::start(path);
    let page = watch.page();
    assert!(page.contains("First question"), "{page}");
    let events = format!("new EventSource(\"http://{}/events\")", watch.address);
    assert!(page.contains(&events), "the page listens to its own address");
    // The file needs no server.
    let file = fs::read_to_string(path.join("isoflop-out/study/report.html")).expect("a page");
    assert!(!file.contains("EventSource("));

    let mut open = Events::of(&watch);
    fs::write(path.join("study.toml"), text("Second question")).expect("a file");
    open.next();
    assert!(watch.page().contains("Second question"));

    // Another problem is another input.
    fs::write(path.join("counts.csv"), format!("{counts}f,100,20\n")).expect("a file");
    open.next();
    assert!(watch.says("pass-at-k").contains("changed"));
    assert!(watch.page().contains("6 problems"), "{}", watch.page());

    // A study that is none: the terminal and the page say so, and the next one is taken.
    fs::write(path.join("study.toml"), text("<b>Third").replace("counts =", "cuonts ="))
        .expect("a file");
    open.next();
    watch.says("did you mean `counts`?");
    let page = watch.page();
    assert!(page.contains("The study has a problem") && page.contains("study.toml:4"), "{page}");
    assert!(!page.contains("<b>Third") && page.contains(&events));
    fs::write(path.join("study.toml"), text("Third question")).expect("a file");
    open.next();
    assert!(watch.page().contains("Third question"));

    // So is an input that is gone and comes back.
    fs::remove_file(path.join("counts.csv")).expect("no file");
    open.next();
    watch.says("counts.csv");
    fs::write(path.join("counts.csv"), counts).expect("a file");
    open.next();
    assert!(watch.page().contains("5 problems"));
}

#[test]
fn a_study_that_is_none_at_the_start_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("study.toml"), "titel = 1\n").expect("a file");
    let output = Command::new(env!("CARGO_BIN_EXE_isoflop"))
        .args(["watch", "study.toml"])
        .current_dir(folder.path())
        .output()
        .expect("the command starts");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("did you mean `title`?"));
}
