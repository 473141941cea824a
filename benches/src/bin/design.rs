//! The search for the next runs against its limit of 5 s for 10,000 candidates on two cores.
//!
//! ```text
//! cargo run --release -p benches --bin design [-- CANDIDATES]
//! ```
//!
//! Knowledge is a prior, so that only the search is measured and no fit.
#![expect(clippy::print_stdout, reason = "a program that prints its measurements")]

use std::time::Instant;

use cpu_time::ProcessTime;
use diagnostic::Diagnostic;
use laws::Setting;
use plan::design::{Goal, Knowledge, Limits, Prior, Question, design};
use runs::{Flop, Parameters, Tokens};

/// Seconds that a search over 10,000 candidates may take.
const LIMIT: f64 = 5.0;

fn main() -> Result<(), Diagnostic> {
    let candidates = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(10_000);
    let known = Knowledge::of_prior("besiroglu-2024", &Prior::default())?;
    println!(
        "goal             candidates  runs  FLOP, share of the grid's  wall s  CPU s  limit / wall"
    );
    for (name, goal) in [
        ("N* of 1e22", Goal::Size(Flop(1e22))),
        ("loss of 1e22", Goal::LossAtBest(Flop(1e22))),
        ("loss of one run", Goal::Loss(Setting::run(Parameters(7e9), Tokens(2e12)))),
    ] {
        let question = Question {
            goal,
            budget: Flop(1e20),
            batches: 1,
            runs: 20,
            repeats: 3,
            bend: 0.01,
            limits: Limits {
                parameters: (Parameters(1e7), Parameters(1e10)),
                tokens: (Tokens(1e8), Tokens(1e13)),
                tokens_per_parameter: (2.0, 200.0),
                run: (Flop(1e17), Flop(1e20)),
                sizes: Vec::new(),
            },
            candidates,
            grid: (4, 5),
            given: Setting::new(),
            level: 0.9,
        };
        let (started, spent) = (Instant::now(), ProcessTime::now());
        let found = design(&known, None, &question)?;
        let (wall, cpu) = (started.elapsed().as_secs_f64(), spent.elapsed().as_secs_f64());
        let runs: usize = found.runs.iter().map(|run| run.times).sum();
        let same = found.usual.as_ref().and_then(|usual| usual.same_certainty);
        let share = same.map_or("-".to_owned(), |same| format!("{:.2}", found.spent() / same));
        println!(
            "{name:15}  {:>10}  {runs:>4}  {share:>25}  {wall:>6.2}  {cpu:>5.2}  {:>12.1}",
            found.candidates,
            LIMIT / wall
        );
    }
    Ok(())
}
