//! The engine against an independent implementation: losses over training steps, computed in f64
//! by PyTorch's automatic differentiation and optimisers (`benches/torch/oracle.py`).

use lab::engine::{CpuEngine, Engine};
use lab::optimiser::{Method, OptimiserSettings};
use lab::shape::{Head, Mlp, Shape};
use lab::{Sequences, Threads};
use serde::Deserialize;

#[derive(Deserialize)]
struct Oracle {
    case: Case,
    method: Method,
    losses: Vec<f64>,
}

#[derive(Deserialize)]
struct Case {
    depth: usize,
    width: usize,
    heads: usize,
    context: usize,
    vocab: usize,
    mlp: Mlp,
    tied: bool,
}

/// The formulas of the script.
fn parameter(index: u64) -> f32 {
    let share = ((index * 2_654_435_761 + 12_345) % (1 << 32)) as f64 / (1_u64 << 32) as f64;
    ((share - 0.5) * 0.5) as f32
}

fn token(index: u64, vocab: u64) -> u32 {
    ((index * index * 7 + index * 3 + index / 5) % vocab) as u32
}

#[test]
fn losses_over_training_agree_with_an_independent_implementation() {
    let cases: Vec<Oracle> = serde_json::from_str(include_str!("oracle.json")).unwrap();
    assert_eq!(cases.len(), 6);
    for Oracle { case, method, losses } in cases {
        let Case { depth, width, heads, context, vocab, mlp, tied } = case;
        let head = if tied { Head::Tied } else { Head::Untied };
        let shape = Shape { depth, width, heads, context, vocab, mlp, head };
        let settings = OptimiserSettings {
            method,
            matrix_learning_rate: 0.01,
            embedding_learning_rate: 0.01,
            head_learning_rate: 0.01,
            weight_decay: 0.1,
            clip: 0.0,
        };
        let mut engine = CpuEngine::new(shape, settings, 0, Threads::new(2));
        let mut first = true;
        engine
            .restore(0, &mut |numbers| {
                // The parameters come first; the optimiser's memory starts at zero.
                for (index, number) in numbers.iter_mut().enumerate() {
                    *number = if first { parameter(index as u64) } else { 0.0 };
                }
                first = false;
                Ok(())
            })
            .unwrap();
        let tokens: Vec<u32> = (0..=6 * context as u64).map(|i| token(i, vocab as u64)).collect();
        let (inputs, targets) = (&tokens[..6 * context], &tokens[1..]);
        for (step, want) in losses.into_iter().enumerate() {
            let got = engine.train(Sequences { inputs, targets }, 1.0).loss;
            assert!(
                (got - want).abs() < 1e-4,
                "{shape:?} {method:?} step {step}: {got}, the oracle has {want}"
            );
        }
    }
}
