//! wip
use lab::engine::{CpuEngine, Engine};
use lab::optimiser::{Method, OptimiserSettings};
use lab::shape::{Head, Mlp, Shape};
use lab::{Sequences, Threads};
fn main() {
    let a: Vec<usize> = std::env::args().skip(1).map(|s| s.parse().unwrap()).collect();
    let shape = Shape {
        depth: a[0],
        width: a[1],
        heads: a[2],
        context: a[3],
        vocab: a[4],
        mlp: Mlp::SquaredRelu,
        head: Head::Untied,
    };
    let method = if a[7] == 1 { Method::Muon } else { Method::AdamW };
    let s = OptimiserSettings {
        method,
        matrix_learning_rate: 0.001,
        embedding_learning_rate: 0.001,
        head_learning_rate: 0.001,
        weight_decay: 0.1,
        clip: 0.0,
    };
    let mut e = CpuEngine::new(shape, s, 1, Threads::new(a[6]));
    let n = a[5] * shape.context;
    let x: Vec<u32> = (0..n).map(|i| ((i * 7919 + i / 3) % shape.vocab) as u32).collect();
    let b = Sequences { inputs: &x, targets: &x };
    let mut best = 1e9f64;
    let steps = a[8];
    for _ in 0..steps {
        let t = std::time::Instant::now();
        e.train(b, 1.0);
        best = best.min(t.elapsed().as_secs_f64());
    }
    println!(
        "{:.2} ms, {:.0} tok/s, {:.1} GFLOP/s",
        best * 1e3,
        n as f64 / best,
        n as f64 * shape.flop_per_token() / best / 1e9
    );
}
