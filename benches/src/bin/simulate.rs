//! Times simulated steps, searches and swarms, beside llm-analysis where that is installed.
//!
//! `cargo run --release -p benches --bin simulate`
//!
//! The peer, `benches/llm_analysis/speed.py`, is run when `$ISOFLOP_PYTHON` names a Python with
//! `llm-analysis` (from `PyPI`). Figures of Calculon and of Epoch's program are those that were
//! measured once on two cores of 2.7 GHz.

#![expect(clippy::print_stdout, reason = "a program that prints its measurements")]

use std::process::Command;
use std::time::Instant;

use cpu_time::ProcessTime;
use laws::Setting;
use machines::events::{Unlike, play};
use machines::swarm::events::{Late, Peer, Rules, simulate};
use machines::{
    Accelerator, Batch, Bytes, Found, Layout, Machine, Model, Precision, Recompute, Schedule,
    Space, Stack, Stragglers, Zero, search, step,
};
use plan::Believed;
use plan::swarm::{Goal, Peers, SwarmQuestion};
use runs::Seconds;
use serde_json::Value;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// Layouts a second that one core has to compute.
const LAYOUTS: f64 = 1e6;
/// Points of Calculon's search for GPT-3 175B on 512 accelerators, batch 1,536, and the seconds that
/// so many may take here on two cores.
const POINTS: u64 = 13_165_632;
const SEARCH: f64 = 10.0;
/// Seconds for one step of 4,096 ranks, event by event.
const EVENTS: f64 = 0.1;
/// Seconds for 1,000 peers over 10,000 rounds.
const SWARM: f64 = 5.0;
/// Seconds for the least loss of a swarm in a time.
const ANSWER: f64 = 3.0;

fn main() -> Outcome<()> {
    let device = machines::accelerator("a100-80gb")?;
    let model = machines::model("gpt3-175b")?;
    let machine = Machine::new(&device, 512, Precision::Bf16, None, &[])?;
    let batch = Batch { sequences: 1536, sequence: 2048 };
    alone(&machine, &model, batch)?;
    exhaustive(&machine, &model, batch)?;
    by_events(&device, &model)?;
    swarm()
}

/// A step of 4,096 ranks: with like ranks, and with every replica and every pass unlike.
fn by_events(device: &Accelerator, model: &Model) -> Outcome<()> {
    let machine = Machine::new(device, 4096, Precision::Bf16, None, &[])?;
    let batch = Batch { sequences: 1536, sequence: 2048 };
    println!();
    for (what, interleave, slow, jitter) in [
        ("like ranks", 1, 0.0, 0.0),
        ("slow hosts", 1, 0.01, 0.0),
        ("every pass unlike", 1, 0.01, 0.05),
        ("every pass unlike, interleaved", 6, 0.01, 0.05),
    ] {
        let layout = Layout {
            tp: 8,
            pp: 16,
            dp: 32,
            interleave,
            zero: Zero::Optimizer,
            sequence_parallel: true,
            ..Layout::default()
        };
        let slow = (slow > 0.0).then_some(Stragglers { share: slow, slower: 0.1 });
        let unlike = Unlike { slow, host: 8, jitter, seed: 1 };
        let begin = Instant::now();
        let played = play(&machine, model, batch, &layout, &Stack::MODERN, &unlike)?;
        let took = begin.elapsed().as_secs_f64();
        println!(
            "GPT-3 175B on 4,096 A100 by events, {what}: {took:.4} s ({} events, step {})",
            played.events, played.time
        );
        println!("  limit {EVENTS} s: {}", verdict(took <= EVENTS));
    }
    Ok(())
}

fn verdict(holds: bool) -> &'static str {
    if holds { "holds" } else { "MISSED" }
}

/// Layouts of every sort that fit 512 accelerators.
fn layouts() -> Vec<Layout> {
    let mut all = Vec::new();
    for tp in [1, 2, 4, 8] {
        for pp in [1, 2, 4, 8, 16, 32] {
            for micro_batch in [1, 2, 4] {
                for recompute in [Recompute::None, Recompute::Full] {
                    for zero in [Zero::Optimizer, Zero::Parameters] {
                        all.push(Layout {
                            tp,
                            pp,
                            dp: 512 / tp / pp,
                            micro_batch,
                            recompute,
                            zero,
                            schedule: Schedule::OneForwardOneBackward,
                            ..Layout::default()
                        });
                    }
                }
            }
        }
    }
    all
}

/// One layout after the other on one core, nothing shared between them.
fn alone(machine: &Machine, model: &Model, batch: Batch) -> Outcome<()> {
    let (layouts, stack) = (layouts(), Stack::MODERN);
    let (begin, mut steps, mut sum) = (ProcessTime::try_now()?, 0_u32, 0.0);
    let cpu = loop {
        for layout in &layouts {
            if let Ok(step) = step(machine, model, batch, layout, &stack) {
                sum += step.time().get();
                steps += 1;
            }
        }
        let cpu = begin.try_elapsed()?.as_secs_f64();
        if cpu > 2.0 {
            break cpu;
        }
    };
    let rate = f64::from(steps) / cpu;
    println!("one layout at a time, one core: {rate:.3e} a second (mean step {:.2} s)", {
        sum / f64::from(steps)
    });
    println!("  limit {LAYOUTS:.0e}: {}", verdict(rate >= LAYOUTS));
    match peer()? {
        Some(theirs) => {
            println!("  llm-analysis, same go: {theirs:.0} a second, ratio {:.0}", rate / theirs);
        }
        None => println!("  llm-analysis: $ISOFLOP_PYTHON names no Python that has it"),
    }
    for (name, theirs) in [("Calculon", 60.0), ("Epoch's program", 27_000.0)] {
        println!("  {name}, cited: {theirs:.0} a second, ratio {:.0}", rate / theirs);
    }
    Ok(())
}

/// What llm-analysis does in a second.
fn peer() -> Outcome<Option<f64>> {
    let Ok(python) = std::env::var("ISOFLOP_PYTHON") else { return Ok(None) };
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/llm_analysis/speed.py");
    let output = Command::new(python).arg(script).output()?;
    if !output.status.success() {
        return Ok(None);
    }
    let answer: Value = serde_json::from_slice(&output.stdout)?;
    let number = |name: &str| answer[name].as_f64().ok_or("the peer's answer lacks a number");
    Ok(Some(number("steps")? / number("cpu_s")?))
}

/// The switches of the software that Calculon's search tries too, in all their combinations.
fn stacks() -> impl Iterator<Item = Stack> + Clone {
    (0..1_u32 << 7).map(|bits| {
        let on = |bit: u32| bits & (1 << bit) != 0;
        Stack {
            overlap_data: !on(0),
            overlap_tensor: !on(1),
            overlap_pipeline: !on(2),
            fused_kernels: !on(3),
            fused_attention: !on(4),
            wide_gradients: !on(5),
            tuned_attention: !on(6),
            ..Stack::MODERN
        }
    })
}

/// Layouts times switches of the software until there are as many points as Calculon tries.
fn exhaustive(machine: &Machine, model: &Model, batch: Batch) -> Outcome<()> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(2);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
    for without_pruning in [true, false] {
        let space = Space {
            zero: vec![Zero::None, Zero::Optimizer, Zero::Gradients, Zero::Parameters],
            without_pruning,
            ..Space::default()
        };
        let (begin, mut points, mut evaluated) = (Instant::now(), 0, 0);
        let mut best: Option<Found> = None;
        let mut stacks = stacks().cycle();
        let mut rounds = 0_u32;
        while points < POINTS {
            let Some(stack) = stacks.next() else { break };
            let found = pool.install(|| search(machine, model, batch, &stack, &space));
            (points, evaluated) = (points + found.looked_at(), evaluated + found.evaluated);
            rounds += 1;
            let quicker =
                |one: &Found| best.as_ref().is_none_or(|known| one.step.time() < known.step.time());
            best = found.best.filter(quicker).or(best);
        }
        let took = begin.elapsed().as_secs_f64();
        let how = if without_pruning { "every layout computed" } else { "with pruning" };
        println!("\nGPT-3 175B on 512 A100, {how}, {threads} threads: {took:.2} s");
        println!(
            "  {points} points ({rounds} stacks), {evaluated} computed, {:.2e} points a second",
            points as f64 / took
        );
        println!("  limit {SEARCH} s for {POINTS} points: {}", verdict(took <= SEARCH));
        if let Some(best) = best {
            println!("  best: {}, {}", best.step.time(), best.layout);
        }
    }
    Ok(())
}

/// A thousand peers that come and go.
fn swarm() -> Outcome<()> {
    let peer = Peer {
        speed: 1e3,
        exchange: Seconds(60.0),
        join: Seconds(600.0),
        session: Some(Seconds(28_800.0)),
        availability: 0.8,
    };
    let rules = Rules {
        rounds: 10_000,
        compute: Seconds(600.0),
        quorum: 0.9,
        patience: 2.0,
        late: Late::NextRound,
        jitter: 0.2,
        update: Bytes(1e8),
        seed: 1,
        adversaries: 0.0,
        audit: 0.0,
    };
    let begin = Instant::now();
    let out = simulate(&vec![peer; 1_000], &rules)?;
    let took = begin.elapsed().as_secs_f64();
    println!("\n1,000 peers, 10,000 rounds with churn: {took:.2} s ({} of virtual time)", out.time);
    println!("  limit {SWARM} s: {}", verdict(took <= SWARM));
    let again = simulate(&vec![peer; 1_000], &rules)?;
    println!("  same seed, same bytes: {}", verdict(out == again));
    question()
}

/// What `isoflop simulate homes-1000 --time "90 day"` answers.
fn question() -> Outcome<()> {
    let asked = SwarmQuestion {
        peers: Peers::of(&machines::cluster("homes-1000")?)?,
        believed: Believed::published("besiroglu-2024")?,
        given: Setting::new(),
        goal: Goal::Time(Seconds(90.0 * 86_400.0)),
        size: None,
        space: plan::swarm::Space::default(),
        adversaries: 0.0,
        audit: 0.0,
        campus: Some("llama3-24k".into()),
        patience: Seconds(365.25 * 86_400.0),
        seed: 0,
        draws: 200,
    };
    let begin = ProcessTime::try_now()?;
    let plan = asked.answer()?;
    let cpu = begin.try_elapsed()?.as_secs_f64();
    println!("\nthe best of {} designs of a swarm: {cpu:.2} CPU s", plan.counts.evaluated);
    println!("  limit {ANSWER} s: {}", verdict(cpu <= ANSWER));
    Ok(())
}
