//! Times a training step against `PyTorch` on the same model, and its memory against paper.
//!
//! `cargo run --release -p benches --bin training_step`
//!
//! The peer is `benches/torch`, run by `$ISOFLOP_PYTHON` (default `python3`) if that has torch.
//! Both sides take turns, and the fastest step of each counts. Without torch only our own
//! figures are printed.

#![expect(clippy::print_stdout, reason = "a program that prints its measurements")]

use std::process::Command;
use std::time::Instant;

use lab::engine::{CpuEngine, Engine};
use lab::machine::matmul_peak;
use lab::optimiser::{Method, OptimiserSettings};
use lab::shape::{Head, Mlp, Shape};
use lab::{Sequences, Threads};

/// What a step must reach against `PyTorch` eager f32, by threads.
const LIMITS: [(usize, f64); 2] = [(1, 1.0), (2, 1.3)];
/// Resident memory over parameters + optimiser + gradient + activations on paper.
const MEMORY_LIMIT: f64 = 1.3;
const SEQUENCES: usize = 16;
/// Turns of each side, and steps in a turn.
const TURNS: usize = 3;
const STEPS: usize = 12;

fn main() {
    if std::env::args().nth(1).as_deref() == Some("memory") {
        return memory_here();
    }
    println!("matmul peak, f32: {:.0} GFLOP/s on one core", matmul_peak(1) / 1e9);
    println!(
        "{:22} {:>7} {:>9} {:>9} {:>7} {:>9} {:>6} {:>6}",
        "model", "threads", "ms", "GFLOP/s", "peak", "torch ms", "ratio", "limit"
    );
    for shape in shapes() {
        for (threads, limit) in LIMITS {
            compare(shape, threads, limit);
        }
    }
    println!("\nmemory of a training process after {STEPS} steps on 2 threads");
    for (index, shape) in shapes().into_iter().enumerate() {
        memory(index, &shape);
    }
}

/// 1.4 M and 5.2 M parameters.
fn shapes() -> [Shape; 2] {
    let shape = |depth, width, heads| Shape {
        depth,
        width,
        heads,
        context: 256,
        vocab: 4096,
        mlp: Mlp::SquaredRelu,
        head: Head::Untied,
    };
    [shape(2, 128, 2), shape(4, 256, 4)]
}

fn settings() -> OptimiserSettings {
    OptimiserSettings {
        method: Method::AdamW,
        matrix_learning_rate: 1e-3,
        embedding_learning_rate: 1e-3,
        head_learning_rate: 1e-3,
        weight_decay: 0.1,
        clip: 0.0,
    }
}

/// The fastest of `steps` steps, in seconds.
fn fastest(engine: &mut CpuEngine, steps: usize) -> f64 {
    let shape = *engine.shape();
    let tokens: Vec<u32> = (0..=SEQUENCES * shape.context)
        .map(|i| ((i * 7919 + i / 3) % shape.vocab) as u32)
        .collect();
    let batch = Sequences { inputs: &tokens[..tokens.len() - 1], targets: &tokens[1..] };
    let mut best = f64::INFINITY;
    for _ in 0..steps {
        let start = Instant::now();
        engine.train(batch, 1.0);
        best = best.min(start.elapsed().as_secs_f64());
    }
    best
}

fn compare(shape: Shape, threads: usize, limit: f64) {
    let mut engine = CpuEngine::new(shape, settings(), 0, Threads::new(threads));
    let (mut ours, mut peer) = (f64::INFINITY, None::<f64>);
    for _ in 0..TURNS {
        ours = ours.min(fastest(&mut engine, STEPS));
        if let Some(seconds) = torch(&shape, threads) {
            peer = Some(peer.map_or(seconds, |best| best.min(seconds)));
        }
    }
    let flop = shape.flop_per_token() * (SEQUENCES * shape.context) as f64;
    let (torch_ms, ratio) = peer.map_or(("-".to_owned(), "-".to_owned()), |peer| {
        (format!("{:.1}", peer * 1e3), format!("{:.2}", peer / ours))
    });
    println!(
        "{:22} {threads:>7} {:>9.1} {:>9.0} {:>6.0}% {torch_ms:>9} {ratio:>6} {limit:>6}",
        format!("depth {} width {}", shape.depth, shape.width),
        ours * 1e3,
        flop / ours / 1e9,
        100.0 * flop / ours / matmul_peak(threads),
    );
}

/// The fastest step of the peer, if it is there.
fn torch(shape: &Shape, threads: usize) -> Option<f64> {
    let python = std::env::var("ISOFLOP_PYTHON").unwrap_or_else(|_| "python3".into());
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/torch/training_step.py");
    let Shape { depth, width, heads, context, vocab, .. } = *shape;
    let numbers = [depth, width, heads, context, vocab, SEQUENCES, threads, STEPS];
    let output = Command::new(python)
        .arg(script)
        .args(numbers.map(|number| number.to_string()))
        .output()
        .ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}

/// A fresh process for each shape, since a process never gives all its memory back.
fn memory(index: usize, shape: &Shape) {
    let measured = std::env::current_exe()
        .and_then(|program| Command::new(program).args(["memory", &index.to_string()]).output())
        .ok()
        .and_then(|output| String::from_utf8(output.stdout).ok()?.trim().parse::<f64>().ok());
    let Some(measured) = measured else {
        println!("  cannot be read on this system");
        return;
    };
    let paper = CpuEngine::bytes_on_paper(shape, &settings(), SEQUENCES * shape.context, 2) as f64;
    println!(
        "  depth {} width {}: {:.0} MB resident, {:.0} MB on paper, ratio {:.2}, limit {MEMORY_LIMIT}",
        shape.depth,
        shape.width,
        measured / 1e6,
        paper / 1e6,
        measured / paper
    );
}

/// Trains, then prints this process's peak resident bytes (Linux).
fn memory_here() {
    let index = std::env::args().nth(2).and_then(|text| text.parse::<usize>().ok()).unwrap_or(0);
    let mut engine = CpuEngine::new(shapes()[index % 2], settings(), 0, Threads::new(2));
    fastest(&mut engine, STEPS);
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    if let Some(kilobytes) =
        peak.and_then(|text| text.trim().trim_end_matches(" kB").parse::<f64>().ok())
    {
        println!("{}", kilobytes * 1024.0);
    }
}
