//! What a search promises: the quickest, the same for any number of threads, and why.

use super::*;
use crate::{FlopConvention, Precision};

fn machine(name: &str, accelerators: u32) -> Machine {
    let device = crate::accelerator(name).unwrap();
    Machine::new(&device, accelerators, Precision::Bf16, None, &[]).unwrap()
}

const BATCH: Batch = Batch { sequences: 64, sequence: 2048 };

#[test]
fn pruning_never_loses_the_quickest() {
    let model = crate::model("llama3-8b").unwrap();
    let machine = machine("h100", 16);
    let stack = Stack::MODERN;
    let space = Space::default();
    let found = search(&machine, &model, BATCH, &stack, &space);
    let best = found.best.expect("it fits");
    // Every layout again, without pruning.
    let mut least = f64::INFINITY;
    for tp in divisors(16, 64, None) {
        for cp in divisors(16 / tp, 64, None) {
            for pp in divisors(16 / tp / cp, 32, None) {
                for micro_batch in divisors(64, 64, None) {
                    for interleave in 1..=16 {
                        for zero in [Zero::Optimizer, Zero::Gradients, Zero::Parameters] {
                            for recompute in &space.recompute {
                                for schedule in &space.schedules {
                                    if pp > 1 && zero > Zero::Optimizer {
                                        continue;
                                    }
                                    let layout = Layout {
                                        tp,
                                        rows: 1,
                                        cp,
                                        pp,
                                        dp: 16 / tp / cp / pp,
                                        micro_batch,
                                        interleave,
                                        zero,
                                        recompute: *recompute,
                                        schedule: *schedule,
                                        sequence_parallel: true,
                                        ..Layout::default()
                                    };
                                    let Ok(step) =
                                        crate::step(&machine, &model, BATCH, &layout, &stack)
                                    else {
                                        continue;
                                    };
                                    let parts = model.layers.div_ceil(pp);
                                    if step.memory.total() <= machine.memory
                                        && parts.is_multiple_of(interleave)
                                    {
                                        least = least.min(step.time().get());
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
    assert!(best.step.time().get() <= least, "{} {least}", best.step.time().get());
    assert!(found.pruned > 0 && found.evaluated > 0);
    assert!(found.binding().is_some());
}

#[test]
fn any_number_of_threads_gives_the_same_answer_and_counts() {
    let model = crate::model("llama3-8b").unwrap();
    let machine = machine("h100", 64);
    let space = Space { runners_up: 5, ..Space::default() };
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| search(&machine, &model, BATCH, &Stack::MODERN, &space))
    };
    assert_eq!(on(1), on(3));
}

#[test]
fn runners_up_are_what_follows_without_pruning() {
    let model = crate::model("llama3-8b").unwrap();
    let machine = machine("h100", 16);
    let some = Space { runners_up: 6, ..Space::default() };
    let all = Space { without_pruning: true, ..some.clone() };
    let find = |space: &Space| search(&machine, &model, BATCH, &Stack::MODERN, space);
    let (some, all) = (find(&some), find(&all));
    assert_eq!((some.best, &some.runners_up), (all.best, &all.runners_up));
    assert!(all.pruned == 0 && some.pruned > 0);
    assert_eq!(some.looked_at(), all.looked_at());
    let times: Vec<f64> =
        all.best.iter().chain(&all.runners_up).map(|found| found.step.time().get()).collect();
    assert!(times.len() == 7 && times.is_sorted(), "{times:?}");
}

#[test]
fn settled_sizes_stay() {
    let model = crate::model("llama3-8b").unwrap();
    let machine = machine("h100", 16);
    let settled = Settled { tp: Some(4), pp: Some(2), ..Settled::default() };
    let space = Space { settled, zero: vec![Zero::Optimizer], ..Space::default() };
    let best = search(&machine, &model, BATCH, &Stack::MODERN, &space).best.unwrap().layout;
    assert_eq!((best.tp, best.pp, best.zero), (4, 2, Zero::Optimizer));
    let settled = Settled { tp: Some(5), ..Settled::default() };
    let space = Space { settled, ..Space::default() };
    assert_eq!(search(&machine, &model, BATCH, &Stack::MODERN, &space).best, None);
}

#[test]
fn where_nothing_fits_the_smallest_is_named() {
    let machine = machine("h100", 8);
    let huge = crate::model("llama3-405b").unwrap();
    let found = search(&machine, &huge, BATCH, &Stack::MODERN, &Space::default());
    assert_eq!(found.best, None);
    let problem = found.nothing_fits(&machine, &huge).unwrap().to_string();
    assert!(problem.contains("the smallest needs"), "{problem}");
}

#[test]
fn the_same_batch_on_a_larger_machine_computes_at_a_lower_share() {
    let model = crate::model("llama3-405b").unwrap();
    let batch = Batch { sequences: 2048, sequence: 8192 };
    let shares: Vec<f64> = [1024, 8192, 65_536, 524_288]
        .into_iter()
        .map(|accelerators| {
            let machine = machine("gb200", accelerators);
            let found = search(&machine, &model, batch, &Stack::MODERN, &Space::default());
            let best = found.best.expect("it fits");
            best.step.mfu(&machine, &model, batch, FlopConvention::CausalAttention)
        })
        .collect();
    assert!(shares.is_sorted_by(|a, b| a > b), "{shares:?}");
    // Half a million accelerators on one batch of 16.8 M tokens wait more than they compute.
    assert!(shares[3] < 0.5 * shares[0], "{shares:?}");
}

#[test]
fn divisors_are_those_of_the_definition() {
    for of in [1, 2, 12, 36, 97, 499_896] {
        let expected: Vec<u32> = (1..=100.min(of)).filter(|part| of % part == 0).collect();
        assert_eq!(divisors(of, 100, None), expected);
    }
    assert!(divisors(u32::MAX, u32::MAX, None).len() == 32);
}
