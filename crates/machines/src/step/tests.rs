//! What a step promises: parts that add up, published bubbles and traffic, no panic.

use super::*;
use crate::{BytesPerSecond, Network, Precision};
use proptest::prelude::*;

fn machine(accelerators: u32) -> Machine {
    let device = crate::accelerator("h100").unwrap();
    Machine::new(&device, accelerators, Precision::Bf16, None, &[]).unwrap()
}

fn layouts(numbers: impl Strategy<Value = u32> + Clone) -> impl Strategy<Value = Layout> {
    let zero =
        prop::sample::select(vec![Zero::None, Zero::Optimizer, Zero::Gradients, Zero::Parameters]);
    let recompute = prop::sample::select(vec![
        Recompute::None,
        Recompute::Selective,
        Recompute::Operators,
        Recompute::Full,
    ]);
    let schedule =
        prop::sample::select(vec![Schedule::OneForwardOneBackward, Schedule::ZeroBubble]);
    (prop::array::uniform7(numbers), zero, recompute, schedule, any::<bool>()).prop_map(
        |([tp, cp, pp, dp, ep, interleave, micro_batch], zero, recompute, schedule, sp)| Layout {
            tp,
            rows: 1,
            cp,
            pp,
            dp,
            ep,
            interleave,
            micro_batch,
            zero,
            shard: None,
            schedule,
            recompute,
            sequence_parallel: sp,
        },
    )
}

proptest! {
    #[test]
    fn parts_are_finite_and_add_up_exactly(
        layout in layouts(prop::sample::select(vec![1, 1, 1, 2, 4, 8])), early: bool,
        name in prop::sample::select(vec!["llama3-8b", "qwen3-30b-a3b", "deepseek-v3", "gpt2"]),
    ) {
        let model = crate::model(name).unwrap();
        let stack = if early { Stack::EARLY } else { Stack::MODERN };
        let batch = Batch { sequences: 512, sequence: 4096 };
        let machine = machine(layout.ranks() as u32);
        if let Ok(step) = step(&machine, &model, batch, &layout, &stack) {
            let sum: f64 = step.parts().map(|(_, time)| time.get()).sum();
            prop_assert_eq!(sum, step.time().get());
            for (part, time) in step.parts() {
                prop_assert!(time.get().is_finite() && time.get() >= 0.0, "{:?} {}", part, time);
            }
            prop_assert!(step.memory.total().get().is_finite());
            for convention in [FlopConvention::SixNd, FlopConvention::CausalAttention] {
                let mfu = step.mfu(&machine, &model, batch, convention);
                prop_assert!(mfu > 0.0 && mfu < 1.0, "{mfu}");
            }
        }
    }

    #[test]
    fn hostile_numbers_are_refused_not_met_with_a_panic(
        layout in layouts(any::<u32>()), sequences: u32, sequence: u32,
    ) {
        let model = crate::model("llama3-8b").unwrap();
        let machine = machine(8);
        let batch = Batch { sequences, sequence };
        if let Err(misfit) = step(&machine, &model, batch, &layout, &Stack::MODERN) {
            let shown = explain(misfit, &layout, &machine, &model).to_string();
            prop_assert!(shown.contains("the layout does not fit"), "{}", shown);
        }
    }

    #[test]
    fn a_faster_network_is_never_slower(
        layout in layouts(prop::sample::select(vec![1, 2, 4])), rate in 1e8..1e11f64,
    ) {
        let model = crate::model("qwen3-30b-a3b").unwrap();
        let batch = Batch { sequences: 256, sequence: 4096 };
        let mut slow = machine(layout.ranks() as u32);
        slow.network = Network::flat(BytesPerSecond(rate), Seconds(1e-5));
        let mut fast = slow;
        fast.network = Network::flat(BytesPerSecond(2.0 * rate), Seconds(1e-5));
        let time = |machine: &Machine| {
            step(machine, &model, batch, &layout, &Stack::MODERN).map(|step| step.time().get())
        };
        if let (Ok(slow), Ok(fast)) = (time(&slow), time(&fast)) {
            prop_assert!(fast <= slow * (1.0 + 1e-12), "{} {}", fast, slow);
        }
    }
}

#[test]
fn the_bubble_is_the_published_fraction_and_interleaving_divides_it() {
    let model = crate::model("megatron-175b").unwrap();
    let batch = Batch { sequences: 64, sequence: 2048 };
    let machine = machine(64);
    let bubble = |interleave, schedule| {
        let layout = Layout { tp: 8, pp: 8, interleave, schedule, ..Layout::default() };
        let step = step(&machine, &model, batch, &layout, &Stack::MODERN).unwrap();
        step.part(Part::Bubble).get()
    };
    let plain = Schedule::OneForwardOneBackward;
    // Narayanan et al. 2021: (p-1)/m of the work, and 1/v of that when interleaved; the head
    // on the last stage adds the same to each.
    let saved = (bubble(1, plain) - bubble(2, plain)) / (bubble(1, plain) - bubble(4, plain));
    assert!((saved - 0.5 / 0.75).abs() < 1e-9, "{saved}");
    let zero = (bubble(1, plain) - bubble(1, Schedule::ZeroBubble))
        / (bubble(1, plain) - bubble(2, plain));
    // Were all time in products, weight gradients would be a third of it and two thirds would go;
    // attention, traffic and what waits for memory have none.
    assert!((0.8..4.0 / 3.0).contains(&zero), "{zero}");
}

#[test]
fn zero_stages_hold_less_and_stage_three_moves_half_as_much_again() {
    let model = crate::model("llama3-8b").unwrap();
    let batch = Batch { sequences: 64, sequence: 2048 };
    let machine = machine(8);
    let stack = Stack { overlap_data: false, wide_gradients: false, ..Stack::MODERN };
    let run = |zero| {
        let layout = Layout { dp: 8, micro_batch: 8, zero, ..Layout::default() };
        step(&machine, &model, batch, &layout, &stack).unwrap()
    };
    let stages = [Zero::None, Zero::Optimizer, Zero::Gradients, Zero::Parameters].map(run);
    for pair in stages.windows(2) {
        assert!(pair[1].memory.total() < pair[0].memory.total());
    }
    // Rajbhandari et al. 2020: 2P without and with stages 1 and 2, 3P with stage 3, here with
    // one micro-batch.
    let data = |step: &Step| step.part(Part::Data).get();
    // The stages send a layer at a time, with its hops.
    assert!((data(&stages[1]) / data(&stages[0]) - 1.0).abs() < 0.05);
    assert!((data(&stages[3]) / data(&stages[1]) - 1.5).abs() < 0.02);
}

#[test]
fn a_step_shows_where_its_time_and_memory_go() {
    let model = crate::model("llama3-8b").unwrap();
    let layout = Layout { dp: 8, zero: Zero::Parameters, ..Layout::default() };
    let batch = Batch { sequences: 64, sequence: 8192 };
    let step = step(&machine(8), &model, batch, &layout, &Stack::MODERN).unwrap();
    let shown = step.to_string();
    assert!(shown.contains("linear layers") && shown.contains("optimiser"), "{shown}");
    assert!(shown.starts_with("step "), "{shown}");
}
