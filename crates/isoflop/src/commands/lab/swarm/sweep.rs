//! `isoflop lab swarm sweep`: one swarm file over numbers of peers, H and codecs, in virtual time.

mod cells;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use clap::Args;
use diagnostic::Diagnostic;
use lab::swarm::codec::Codec;
use lab::swarm::learner::EngineLearner;
use lab::swarm::rehearsal::play;
use lab::swarm::row::{SwarmRow, config_hash};
use lab::swarm::settings::Settings;
use lab::swarm::spec::{MethodKind, Swarm};
use lab::table::{read_rows, write_rows};

use self::cells::{cells, people};
use super::live::Share;
use super::{folder, make_folder, read};
use crate::commands::Outcome;
use crate::commands::json::headed;
use crate::commands::lab::VOCABULARY;
use crate::commands::text_source::TextSource;
use crate::interrupt;
use crate::terminal_plot;
use crate::text::say;

const EXAMPLES: &str = "\
Examples:
  isoflop lab swarm sweep swarm.toml --peers 1,2,4,8 --inner-steps 1,10,30,100 --codec fp32,int4
      a synchronous run for each number of peers, and DiLoCo for each combination
  isoflop lab swarm sweep swarm.toml --peers 4 --inner-steps 30 --outer-learning-rate 0.4,0.7,1
  isoflop lab swarm sweep swarm.toml --inner-steps 30 --codec int4 --seeds 0,1,2,3
      how far one run differs from the next: means over four seeds, with standard errors";

/// Train a swarm over numbers of peers, H and codecs, in virtual time
///
/// Every run trains on the same number of tokens, with peers like the file's first. The rows of
/// runs.csv are what `isoflop fit` reads. Runs that are in the table already are not made again.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = EXAMPLES, after_help = "Use --help for examples.")]
pub(crate) struct SweepArgs {
    /// The swarm file, or `-` for the standard input
    #[arg(value_name = "SWARM")]
    swarm: PathBuf,
    /// Numbers of peers
    #[arg(long, value_name = "N,...", value_delimiter = ',', default_value = "1,2,4,8")]
    peers: Vec<u32>,
    /// H, inner steps between averages
    #[arg(long, value_name = "H,...", value_delimiter = ',', default_value = "1,10,30,100")]
    inner_steps: Vec<u32>,
    /// Codecs, both ways
    #[arg(long, value_name = "NAME,...", value_delimiter = ',', default_value = "fp32,int4")]
    codec: Vec<Codec>,
    /// Rates of the outer step [default: the file's]
    #[arg(long, value_name = "RATE,...", value_delimiter = ',')]
    outer_learning_rate: Vec<f32>,
    /// Depths of the model [default: the file's]
    #[arg(long, value_name = "DEPTH,...", value_delimiter = ',')]
    depths: Vec<usize>,
    /// Seeds: initial parameters and the order of the text; several give standard errors [default:
    /// the file's]
    #[arg(long, value_name = "SEED,...", value_delimiter = ',')]
    seeds: Vec<u64>,
    /// Holds runs.csv [default: isoflop-out/NAME-sweep]
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// List the runs, and train nothing
    #[arg(long)]
    dry_run: bool,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    source: TextSource,
}

/// Every combination once, each with its name.
fn grid(args: &SweepArgs, swarm: &Swarm) -> Vec<(String, Swarm)> {
    let depths = given_or(&args.depths, swarm.depth);
    let rates = given_or(&args.outer_learning_rate, swarm.method.outer_learning_rate);
    let seeds = given_or(&args.seeds, swarm.seed);
    let mut all: Vec<(String, Swarm)> = Vec::new();
    let mut add = |name: String, run: Swarm| {
        if all.iter().all(|(other, _)| *other != name) {
            all.push((name, run));
        }
    };
    for (depth, peers, seed) in triples(&depths, &args.peers, &seeds) {
        let mut one = swarm.clone();
        (one.depth, one.seed) = (depth, seed);
        one.peer.truncate(1);
        one.peer[0].count = peers;
        let start = format!("d{depth}-n{peers}");
        let end = if args.seeds.is_empty() { String::new() } else { format!("-s{seed}") };
        let mut synchronous = one.clone();
        synchronous.method.kind = MethodKind::Synchronous;
        synchronous.wire.up = Codec::F32;
        synchronous.wire.down = Codec::F32;
        add(format!("{start}-synchronous{end}"), synchronous);
        for (inner_steps, codec, rate) in triples(&args.inner_steps, &args.codec, &rates) {
            let mut diloco = one.clone();
            diloco.method.kind = MethodKind::Diloco;
            diloco.method.inner_steps = inner_steps;
            diloco.method.outer_learning_rate = rate;
            diloco.wire.up = codec;
            diloco.wire.down = codec;
            let codec = codec.to_string().replace([' ', '/'], "-");
            add(format!("{start}-H{inner_steps}-{codec}-o{rate}{end}"), diloco);
        }
    }
    all
}

fn given_or<T: Copy>(given: &[T], file: T) -> Vec<T> {
    if given.is_empty() { vec![file] } else { given.to_vec() }
}

/// All triples, the last changing fastest.
fn triples<A: Copy, B: Copy, C: Copy>(a: &[A], b: &[B], c: &[C]) -> Vec<(A, B, C)> {
    let mut all = Vec::with_capacity(a.len() * b.len() * c.len());
    for a in a {
        for b in b {
            all.extend(c.iter().map(|c| (*a, *b, *c)));
        }
    }
    all
}

pub(super) fn run(args: &SweepArgs, out: &mut dyn Write) -> Result<Outcome, Diagnostic> {
    let swarm = read(&args.swarm)?;
    if swarm.peer.is_empty() || args.peers.contains(&0) {
        return Err(Diagnostic::error("a sweep needs peers")
            .help("give the file a [[peer]], and --peers numbers from 1"));
    }
    let runs = grid(args, &swarm);
    for (name, run) in &runs {
        run.settings(VOCABULARY, "")
            .map_err(|problem| problem.note(format!("in the run {name}")))?;
    }
    if args.dry_run {
        let mut text = String::new();
        for (name, _) in &runs {
            let _ = writeln!(text, "  {name}");
        }
        let _ = writeln!(text, "{} runs of {} tokens", runs.len(), swarm.tokens);
        say(out, &text)?;
        return Ok(Outcome::Done);
    }
    let tokens = Arc::new(args.source.open()?);
    let place = folder(args.out.as_ref(), &format!("{}-sweep", swarm.name));
    make_folder(&place)?;
    let table = place.join("runs.csv");
    let rows: Vec<SwarmRow> = read_rows(&table)?;
    let known: BTreeSet<String> = rows.iter().map(|row| row.config_hash.clone()).collect();
    let corpus = &tokens.summary().hash[..16];
    let settings: Vec<Settings> =
        runs.iter().map(|(_, run)| run.settings(VOCABULARY, corpus)).collect::<Result<_, _>>()?;
    let hashes: Vec<String> = settings.iter().map(config_hash).collect();
    let rows = Mutex::new(rows);
    let stop = interrupt::watch()?;
    let work = Share::new("training");
    let done = Mutex::new(vec![0.0_f64; runs.len()]);
    let failure: Mutex<Option<Diagnostic>> = Mutex::new(None);
    let next = std::sync::atomic::AtomicUsize::new(0);
    let one = || {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some((name, run)) = runs.get(at) else { return Ok::<(), Diagnostic>(()) };
            let settings = &settings[at];
            EngineLearner::new(&settings.run, &tokens, lab::Threads::new(1))?;
            let make = || {
                EngineLearner::new(&settings.run, &tokens, lab::Threads::new(1))
                    .unwrap_or_else(|_| unreachable!("it could be made a moment ago"))
            };
            let mut progress = |share: f64| {
                let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
                done[at] = share;
                work.at(done.iter().sum::<f64>() / done.len() as f64);
                !stop.load(Ordering::Relaxed)
            };
            if known.contains(&hashes[at]) {
                progress(1.0);
                continue;
            }
            let Some(played) = play(run, settings, make, &mut progress)? else { return Ok(()) };
            progress(1.0);
            let row = SwarmRow::new(name, settings, &played.account);
            let mut rows = rows.lock().unwrap_or_else(PoisonError::into_inner);
            rows.push(row);
            write_rows(&table, &rows)?;
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..args.source.cores().min(runs.len()) {
            scope.spawn(|| {
                if let Err(problem) = one() {
                    failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(problem);
                }
            });
        }
    });
    drop(work);
    if let Some(problem) = failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(problem);
    }
    let rows = rows.into_inner().unwrap_or_else(PoisonError::into_inner);
    let mine: Vec<&SwarmRow> =
        hashes.iter().filter_map(|hash| rows.iter().find(|row| row.config_hash == *hash)).collect();
    let cells = cells(&mine);
    let shown = if args.json {
        let answer = serde_json::json!({ "folder": place, "rows": mine, "means": cells });
        format!("{:#}\n", headed("lab swarm sweep", 1, answer))
    } else {
        people(&cells, &table, terminal_plot::width())
    };
    say(out, &shown)?;
    Ok(if mine.len() < runs.len() { Outcome::Interrupted } else { Outcome::Done })
}
