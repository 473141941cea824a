//! `isoflop watch`: runs a study whenever its files change, and has the open page load itself anew.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use clap::Args;
use diagnostic::Diagnostic;
use report::{Document, PageOptions};

use super::Outcome;
use super::open::{has_display, open_address};
use super::report::document;
use crate::study::{self, Options, State, Study};
use crate::text::{complain, say};
use crate::{interrupt, terminal_plot};

const EXAMPLES: &str = "\
Examples:
  isoflop watch study.toml
      edit the study or its runs; the page that is open follows
  isoflop watch study.toml --port 8000 --open";

/// Run a study whenever its files change, and reload the open page
///
/// The page is served on this machine only, at the address that is printed; the report.html in the
/// results stays a file that needs no server. Ctrl-C ends it.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = EXAMPLES, after_help = "Use --help for examples.")]
pub(crate) struct WatchArgs {
    /// The study's file
    #[arg(value_name = "STUDY.toml")]
    study: PathBuf,
    /// The folder of results [default: isoflop-out/NAME beside the study]
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// The port of the page; 0 takes a free one
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Open the page in the browser
    #[arg(long)]
    open: bool,
}

/// How often files are looked at.
const EVERY: Duration = Duration::from_millis(300);

/// Bytes of a request that are read.
const MOST_REQUEST: u64 = 1 << 16;

/// What is served, and who waits for the next.
#[derive(Default)]
struct Served {
    page: String,
    waiting: Vec<TcpStream>,
}

/// Runs, serves and waits.
///
/// # Errors
/// A study that cannot be read the first time; later problems are shown and waited out.
pub(crate) fn run(args: &WatchArgs, out: &mut dyn Write) -> Result<Outcome, Diagnostic> {
    let stop = interrupt::watch()?;
    let listener = TcpListener::bind(("127.0.0.1", args.port)).map_err(|problem| {
        Diagnostic::error(format!("port {} cannot be listened on: {problem}", args.port))
            .help("leave out --port to take a free one")
    })?;
    let address = listener
        .local_addr()
        .map_err(|problem| Diagnostic::error(format!("the page has no address: {problem}")))?;
    let served = Arc::new(Mutex::new(Served::default()));
    let mut seen = BTreeMap::new();
    let mut first = true;
    while !stop.load(Ordering::Relaxed) {
        let now = stamps(&args.study);
        if now != seen {
            seen = now;
            match once(args, &format!("http://{address}/events"), out) {
                Ok(page) => {
                    let mut served = served.lock().unwrap_or_else(PoisonError::into_inner);
                    served.page = page;
                    // A reader who left does not answer, and is forgotten.
                    served.waiting.retain_mut(|reader| {
                        reader.write_all(b"data: new\n\n").and_then(|()| reader.flush()).is_ok()
                    });
                }
                Err(problem) if first => return Err(problem),
                Err(problem) => complain(&problem),
            }
            if std::mem::take(&mut first) {
                serve(&listener, &served)?;
                say(out, &format!("page    http://{address}/ (follows changes; Ctrl-C ends)\n"))?;
                if args.open && has_display() {
                    open_address(&format!("http://{address}/"))?;
                }
            }
        }
        std::thread::sleep(EVERY);
    }
    Ok(Outcome::Interrupted)
}

/// Runs the study once; the page that loads itself anew.
fn once(args: &WatchArgs, events: &str, out: &mut dyn Write) -> Result<String, Diagnostic> {
    let study = Study::read(&args.study)?;
    let options = Options { out: args.out.clone(), ..Options::default() };
    let ran = study::run(&study, &options, &mut |step| match &step.state {
        State::Computed(seconds, why) => {
            say(out, &format!("  {}  {seconds:.1} s ({why})\n", step.name))
        }
        _ => Ok(()),
    })?;
    if let Some(page) = &ran.page {
        say(out, &super::run::told(&ran, page, terminal_plot::width()))?;
    }
    let document: Document = document(&ran.results)?;
    document.to_html(&PageOptions { reload: Some(events.to_owned()) })
}

/// When the study and the files beside it were last written. Results are not looked at.
fn stamps(study: &Path) -> BTreeMap<PathBuf, (Option<SystemTime>, u64)> {
    let mut stamps = BTreeMap::new();
    let mut look = |path: &Path| {
        let about = std::fs::metadata(path).ok();
        let stamp = about.as_ref().and_then(|about| about.modified().ok());
        stamps.insert(path.to_owned(), (stamp, about.map_or(0, |about| about.len())));
    };
    look(study);
    if let Ok(study) = Study::read(study) {
        for path in study.watched() {
            look(&path);
        }
    }
    stamps
}

/// Answers on the address until the program ends.
fn serve(listener: &TcpListener, served: &Arc<Mutex<Served>>) -> Result<(), Diagnostic> {
    let listener = listener
        .try_clone()
        .map_err(|problem| Diagnostic::error(format!("the page cannot be served: {problem}")))?;
    let served = Arc::clone(served);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let served = Arc::clone(&served);
            // One that sends nothing must not hold up the others.
            std::thread::spawn(move || {
                let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
                // A reader who leaves early misses nothing.
                let _ = respond(stream, &served);
            });
        }
    });
    Ok(())
}

fn respond(mut stream: TcpStream, served: &Mutex<Served>) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?.take(MOST_REQUEST)).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    let mut host = String::new();
    for line in lines.by_ref() {
        let line = line?;
        if line.is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("host")
        {
            value.trim().clone_into(&mut host);
        }
    }
    // Another site's script that found the port gets nothing.
    let local = ["127.0.0.1", "localhost"].iter().any(|name| host.split(':').next() == Some(name));
    let mut words = request.split(' ');
    match (words.next(), words.next(), local) {
        (Some("GET"), Some("/events"), true) => {
            stream.write_all(
                b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\n\r\n",
            )?;
            stream.flush()?;
            served.lock().unwrap_or_else(PoisonError::into_inner).waiting.push(stream);
            Ok(())
        }
        (Some("GET"), Some("/"), true) => {
            let page = served.lock().unwrap_or_else(PoisonError::into_inner).page.clone();
            write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nCache-Control: no-store\r\n\
                 Content-Length: {}\r\nConnection: close\r\n\r\n",
                page.len()
            )?;
            stream.write_all(page.as_bytes())
        }
        _ => stream
            .write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"),
    }
}
