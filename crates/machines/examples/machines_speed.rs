//! How quick: layouts a second alone and searched (GPT-3 175B on 512 A100), and a swarm of 1,000
//! peers over 10,000 rounds with churn. One core.
#![expect(clippy::print_stdout, reason = "a program that prints its measurement")]

use std::time::Instant;

use machines::swarm::events::{Late, Peer, Rules, simulate};
use machines::{Batch, Bytes, Layout, Machine, Precision, Space, Stack, Zero};
use runs::Seconds;

fn main() -> Result<(), diagnostic::Diagnostic> {
    let device = machines::accelerator("a100-80gb")?;
    let model = machines::model("gpt3-175b")?;
    let machine = Machine::new(&device, 512, Precision::Bf16, None, &[])?;
    let batch = Batch { sequences: 1536, sequence: 2048 };
    let stack = Stack::MODERN;

    let start = Instant::now();
    let (mut steps, mut sum) = (0_u32, 0.0);
    for _ in 0..2000 {
        for tp in [1, 2, 4, 8] {
            for pp in [1, 2, 4, 8, 16, 32] {
                for micro_batch in [1, 2, 4] {
                    let layout = Layout {
                        tp,
                        pp,
                        dp: 512 / tp / pp,
                        micro_batch,
                        zero: Zero::Optimizer,
                        ..Layout::default()
                    };
                    if let Ok(step) = machines::step(&machine, &model, batch, &layout, &stack) {
                        sum += step.time().get();
                        steps += 1;
                    }
                }
            }
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "alone: {:.0} layouts a second ({steps} steps, sum {sum:.0} s)",
        f64::from(steps) / seconds
    );

    let start = Instant::now();
    let found = machines::search(&machine, &model, batch, &stack, &Space::default());
    let seconds = start.elapsed().as_secs_f64();
    let refused: u64 = found.refused.iter().sum();
    println!(
        "search: {} evaluated, {} pruned, {refused} refused in {seconds:.3} s: {:.0} a second",
        found.evaluated,
        found.pruned,
        (found.evaluated + found.pruned + refused) as f64 / seconds
    );
    if let Some(best) = found.best {
        println!("best: {} {}; binds: {:?}", best.layout, best.step.time(), found.binding());
    }

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
        adversaries: 0.0,
        audit: 0.0,
        seed: 1,
    };
    let start = Instant::now();
    let out = simulate(&vec![peer; 1_000], &rules)?;
    println!("swarm: {:.2} s, {} of virtual time", start.elapsed().as_secs_f64(), out.time);
    Ok(())
}
