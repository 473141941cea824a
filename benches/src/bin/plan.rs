//! Times the planner against a scipy program that solves the same problems.
//!
//! `cargo run --release -p benches --bin plan`
//!
//! The law is Chinchilla's with draws scattered about the constants of Besiroglu et al. 2024. The
//! peer, `benches/scipy/plan.py`, is run on the same draws when `$ISOFLOP_PYTHON` names a Python
//! with scipy.

#![expect(clippy::print_stdout, reason = "a program that prints its measurements")]

use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use cpu_time::ProcessTime;
use formula::Columns;
use laws::{Setting, catalogue};
use plan::{
    Believed, Drawn, FlopText, Frontier, Limits, LongRun, Mistake, Question, Repetition, Rule,
    Serving,
};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use runs::{Flop, Parameters, Tokens};
use serde_json::Value;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

const DRAWS: usize = 4000;

/// Seconds within which a plan with 4,000 draws has to be there.
const LIMIT: f64 = 0.5;

fn main() -> Outcome<()> {
    let law = believed()?;
    let table = tempfile::NamedTempFile::new()?;
    write(&law, &table)?;
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    println!("{DRAWS} draws of Chinchilla's law, {threads} threads\n");
    println!("{:44} {:>8} {:>8} {:>10} {:>8}", "what", "CPU s", "wall s", "scipy CPU s", "ratio");
    let mut wall = 0.0;
    for (what, name, work) in parts() {
        let (begin, cpu) = (Instant::now(), ProcessTime::try_now()?);
        let answers = work(&law)?;
        let (took, cpu) = (begin.elapsed().as_secs_f64(), cpu.try_elapsed()?.as_secs_f64());
        wall += took;
        let peer = name.map(|name| peer(name, table.path())).transpose()?.flatten();
        let (theirs, ratio) = match &peer {
            Some(peer) => (format!("{:.1}", peer.seconds), format!("{:.0}", peer.seconds / cpu)),
            None => ("-".to_owned(), "-".to_owned()),
        };
        println!("{what:44} {cpu:8.3} {took:8.3} {theirs:>11} {ratio:>8}");
        if let Some(peer) = peer {
            let off = peer.off(&answers);
            println!("{:44} largest relative difference {off:.0e}", "");
        }
    }
    println!("\nall of it: {wall:.3} s, {:.2} of the limit of {LIMIT} s", wall / LIMIT);
    Ok(())
}

type Work = fn(&Believed) -> Outcome<Vec<f64>>;

/// What is timed, and the name of the peer's part that does the same.
fn parts() -> Vec<(&'static str, Option<&'static str>, Work)> {
    vec![
        ("best run of a budget, any law", Some("optimum"), optimum),
        ("best run with served tokens", Some("lifetime"), lifetime),
        ("best run on scarce text", None, scarce),
        ("cheapest run that reaches a loss", Some("target"), target),
        ("waste of 8 sizes", Some("waste"), waste),
        ("plan: limits, prices, rules, neighbours", None, whole),
        ("one size, 10 lengths of training", None, long),
    ]
}

const BUDGET: f64 = 1e24;

fn budget() -> Drawn<Flop> {
    Drawn::certain(Flop(BUDGET), 0)
}

/// Through the general engine: nothing served, but no closed form either.
fn any_law(law: &Believed) -> Outcome<Frontier> {
    let none = Serving::tokens(Tokens(0.0));
    Ok(Frontier::new(law.clone(), &FlopText::default(), &Setting::new(), None, Some(none))?)
}

fn plain(law: &Believed) -> Outcome<Frontier> {
    Ok(Frontier::new(law.clone(), &FlopText::default(), &Setting::new(), None, None)?)
}

fn optimum(law: &Believed) -> Outcome<Vec<f64>> {
    Ok(any_law(law)?.optimal(&budget())?.parameters.rows())
}

fn lifetime(law: &Believed) -> Outcome<Vec<f64>> {
    let serving = Serving::tokens(Tokens(1e13));
    let frontier =
        Frontier::new(law.clone(), &FlopText::default(), &Setting::new(), None, Some(serving))?;
    Ok(frontier.optimal(&budget())?.parameters.rows())
}

fn scarce(law: &Believed) -> Outcome<Vec<f64>> {
    let stock = Repetition::of_stock(Drawn::certain(Tokens(3e11), 0))?;
    let frontier =
        Frontier::new(law.clone(), &FlopText::default(), &Setting::new(), Some(&stock), None)?;
    Ok(frontier.optimal(&budget())?.parameters.rows())
}

fn target(law: &Believed) -> Outcome<Vec<f64>> {
    let frontier = any_law(law)?;
    Ok(frontier.reaching(&Drawn::certain(2.0, 0))?.budget.rows())
}

fn waste(law: &Believed) -> Outcome<Vec<f64>> {
    let frontier = any_law(law)?;
    let mut shares = Vec::new();
    for factor in [0.25, 0.5, 0.7, 0.9, 1.1, 1.4, 2.0, 4.0] {
        let size = Parameters(9.6e10 * factor);
        let tokens = Tokens(BUDGET / 6.0 / size.get());
        shares.extend(Mistake::of(&frontier, size, tokens, "")?.share.rows());
    }
    Ok(shares)
}

fn whole(law: &Believed) -> Outcome<Vec<f64>> {
    let frontier = plain(law)?;
    let flop = &FlopText::default();
    let limits = Limits { tokens: Some(Tokens(5e12)), ..Limits::default() };
    let question = Question { frontier: &frontier, flop, budget: budget(), limits };
    let plan = question.answer()?;
    let rules: Result<Vec<Rule>, _> =
        ["20:1", "8:1", "hoffmann-2022", "llama-3-2024"].map(Rule::parse).into_iter().collect();
    question.rules(&rules?, &Setting::new())?;
    for factor in [0.5, 2.0] {
        question.neighbour(factor)?;
    }
    Ok(plan.optimum.parameters.rows())
}

fn long(law: &Believed) -> Outcome<Vec<f64>> {
    let ends = (Tokens(2e11), Tokens(1e14));
    let run = LongRun::new(&plain(law)?, &FlopText::default(), Parameters(8e9), ends)?;
    Ok(run.optimal.rows())
}

/// The constants of Besiroglu et al. 2024 and draws about them: exponents and ln coefficients
/// scattered together, as fits scatter them.
fn believed() -> Outcome<Believed> {
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let mut columns: [Vec<f64>; 5] =
        [vec![1.8172], vec![482.01], vec![2085.43], vec![0.3478], vec![0.3658]];
    for _ in 0..DRAWS {
        let mut normal = || -> f64 { StandardNormal.sample(&mut random) };
        let (alpha, beta) = (0.3478 + 0.015 * normal(), 0.3658 + 0.02 * normal());
        // ln coefficients follow their exponents at the sizes and tokens of the runs.
        let a = 482.01 * ((alpha - 0.3478) * 18.0 + 0.02 * normal()).exp();
        let b = 2085.43 * ((beta - 0.3658) * 23.0 + 0.02 * normal()).exp();
        let e = 1.8172 + 0.3 * (alpha - 0.3478) + 0.5 * (beta - 0.3658);
        for (column, value) in columns.iter_mut().zip([e, a, b, alpha, beta]) {
            column.push(value);
        }
    }
    let mut values = Columns::new(DRAWS + 1);
    for (name, column) in ["E", "A", "B", "alpha", "beta"].into_iter().zip(columns) {
        values.set(name, column);
    }
    Ok(Believed::stated("draws", catalogue::find("chinchilla")?, values))
}

fn write(law: &Believed, table: &tempfile::NamedTempFile) -> Outcome<()> {
    let mut file = table.as_file();
    let names = ["E", "A", "B", "alpha", "beta"];
    writeln!(file, "{}", names.join(","))?;
    let columns = names.map(|name| law.values().get(name).unwrap_or_default());
    for row in 0..=DRAWS {
        let cells = columns.map(|column| format!("{:e}", column[row]));
        writeln!(file, "{}", cells.join(","))?;
    }
    Ok(())
}

/// The peer's time and answers.
struct Peer {
    /// CPU seconds for all draws.
    seconds: f64,
    /// Its answers to every so many draws.
    every: usize,
    rows: Vec<Vec<Option<f64>>>,
}

impl Peer {
    /// The largest relative difference of `ours`: all draws of the first answer, then of the next.
    fn off(&self, ours: &[f64]) -> f64 {
        let mut largest: f64 = 0.0;
        for (place, row) in self.rows.iter().enumerate() {
            for (column, theirs) in row.iter().enumerate() {
                let ours = ours[column * (DRAWS + 1) + place * self.every];
                match theirs {
                    Some(theirs) => largest = largest.max((ours / theirs - 1.0).abs()),
                    None if ours.is_nan() => {}
                    None => largest = f64::INFINITY,
                }
            }
        }
        largest
    }
}

/// What the peer makes of a part, where there is one. It works on every fortieth draw of what
/// would take it minutes, and its time is scaled up.
fn peer(part: &str, table: &Path) -> Outcome<Option<Peer>> {
    let Ok(python) = std::env::var("ISOFLOP_PYTHON") else { return Ok(None) };
    let every = if ["target", "waste"].contains(&part) { 40 } else { 1 };
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scipy/plan.py");
    let mut command = Command::new(python);
    let output = command.arg(script).arg(part).arg(table).arg(every.to_string()).output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    let answer: Value = serde_json::from_slice(&output.stdout)?;
    let seconds = answer["cpu_s"].as_f64().ok_or("the peer's answer has no cpu_s")?;
    let rows: Vec<Vec<Option<f64>>> = serde_json::from_value(answer["values"].clone())?;
    let share = rows.len() as f64 / (DRAWS + 1) as f64;
    Ok(Some(Peer { seconds: seconds / share, every, rows }))
}
