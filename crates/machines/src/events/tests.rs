//! The play agrees with the closed form where both apply, and says what that cannot.

use super::times::spread;
use super::*;
use crate::{Precision, Recompute, Schedule, Stragglers, Zero};

fn machine(accelerators: u32) -> Machine {
    let device = crate::accelerator("h100").unwrap();
    Machine::new(&device, accelerators, Precision::Bf16, None, &[]).unwrap()
}

const BATCH: Batch = Batch { sequences: 256, sequence: 4096 };

/// Sizes, from small to large, of which every combination is a layout.
fn layouts(schedule: Schedule) -> Vec<Layout> {
    let mut layouts = Vec::new();
    for (tp, pp, dp) in sizes(&[1, 8], &[1, 2, 4, 16], &[1, 4, 32]) {
        for interleave in if schedule == Schedule::ZeroBubble { 1..=1 } else { 1..=2 } {
            let stages = [Zero::None, Zero::Optimizer, Zero::Gradients, Zero::Parameters];
            // Frameworks refuse the last two with pipelines.
            for zero in &stages[..if pp > 1 { 2 } else { 4 }] {
                let recompute = if dp == 4 { Recompute::Full } else { Recompute::None };
                let zero = *zero;
                layouts.push(Layout {
                    tp,
                    pp,
                    dp,
                    interleave,
                    zero,
                    schedule,
                    recompute,
                    ..Layout::default()
                });
            }
        }
    }
    layouts
}

fn sizes(a: &[u32], b: &[u32], c: &[u32]) -> Vec<(u32, u32, u32)> {
    let pairs = a.iter().flat_map(|a| b.iter().map(move |b| (*a, *b)));
    pairs.flat_map(|(a, b)| c.iter().map(move |c| (a, b, *c))).collect()
}

/// Played over closed form, of all layouts that divide the model's layers too.
fn ratios(schedule: Schedule) -> Vec<(f64, String)> {
    let mut found = Vec::new();
    for name in ["llama3-8b", "gpt3-175b", "qwen3-30b-a3b"] {
        let model = crate::model(name).unwrap();
        for layout in layouts(schedule) {
            let machine = machine(layout.ranks() as u32);
            for stack in [Stack::MODERN, Stack::EARLY] {
                let divides = model.layers.is_multiple_of(layout.pp * layout.interleave);
                let step = crate::step(&machine, &model, BATCH, &layout, &stack);
                let (Ok(step), true) = (step, divides) else { continue };
                let played = play(&machine, &model, BATCH, &layout, &stack, &Unlike::NOTHING);
                let played = played.unwrap();
                let path: f64 = played.path().map(|(_, time)| time.get()).sum();
                assert!((path / played.time.get() - 1.0).abs() < 1e-9, "{layout}");
                found.push((played.time / step.time(), format!("{name} {layout}")));
            }
        }
    }
    found.sort_by(|a, b| a.0.total_cmp(&b.0));
    found
}

#[test]
fn like_ranks_take_within_an_eighth_of_what_the_closed_form_says() {
    let found = ratios(Schedule::OneForwardOneBackward);
    assert!(found.len() > 350, "{}", found.len());
    for (ratio, which) in &found {
        assert!((ratio - 1.0).abs() < 0.12, "{ratio} {which}");
    }
    let near = found.iter().filter(|(ratio, _)| (ratio - 1.0).abs() < 0.03).count();
    assert!(near * 10 > found.len() * 9, "{near} of {}", found.len());
}

#[test]
fn zero_bubble_is_near_the_closed_form_but_where_gradients_come_too_late_to_hide() {
    let mut found = ratios(Schedule::ZeroBubble);
    found.retain(|(_, which)| !which.contains("PP 1 "));
    for (ratio, which) in &found {
        // The last weight gradients come at the end: what they send has nothing left to hide under.
        let alone = which.contains("DP 1 ");
        assert!((ratio - 1.0).abs() < if alone { 0.02 } else { 0.35 }, "{ratio} {which}");
    }
    assert!((found[found.len() / 2].0 - 1.0).abs() < 0.01);
}

#[test]
fn fewer_micro_batches_than_stages_leave_most_of_the_pipeline_empty() {
    let model = crate::model("gpt3-175b").unwrap();
    let layout = Layout { tp: 8, pp: 8, ..Layout::default() };
    let batch = Batch { sequences: 2, sequence: 2048 };
    let played = play(&machine(64), &model, batch, &layout, &Stack::MODERN, &Unlike::NOTHING);
    // Two of nine slots are work.
    for idle in played.unwrap().idle {
        assert!((idle - 7.0 / 9.0).abs() < 0.05, "{idle}");
    }
}

#[test]
fn one_slow_stage_holds_up_all_of_them_and_the_same_seed_draws_the_same_hosts() {
    let model = crate::model("gpt3-175b").unwrap();
    let layout = Layout { tp: 8, pp: 8, dp: 16, ..Layout::default() };
    let machine = machine(1024);
    let take = |share: f64, jitter: f64, seed: u64| {
        let slow = Some(Stragglers { share, slower: 0.1 });
        let unlike = Unlike { slow, host: 8, jitter, seed };
        play(&machine, &model, BATCH, &layout, &Stack::MODERN, &unlike).unwrap()
    };
    let (none, some, all) = (take(0.0, 0.0, 1), take(0.05, 0.0, 1), take(1.0, 0.0, 1));
    assert_eq!((none.slow_hosts, none.unlike_replicas), (0, 1));
    assert!((1..64).contains(&some.slow_hosts) && some.unlike_replicas > 1);
    assert_eq!(all.slow_hosts, 128);
    // Everybody waits for the slowest stage; the closed form takes the whole factor for that.
    let factor = |played: &Played| played.time / none.time;
    assert!(factor(&some) > 1.04 && factor(&some) < factor(&all), "{}", factor(&some));
    // All but traffic and the update, which waits for memory.
    assert!((1.07..1.1).contains(&factor(&all)), "{}", factor(&all));
    assert_eq!(some, take(0.05, 0.0, 1));
    assert_ne!(some.stages, take(0.05, 0.0, 2).stages);
    // Passes that vary cost more than their mean, and replicas are no longer alike.
    let varied = take(0.0, 0.1, 1);
    assert_eq!(varied.unlike_replicas, 16);
    assert!((1.03..1.3).contains(&factor(&varied)), "{}", factor(&varied));
    assert_eq!(varied, take(0.0, 0.1, 1));
}

#[test]
fn layers_that_do_not_divide_spare_the_first_and_the_last_stage() {
    let layout = Layout { pp: 16, ..Layout::default() };
    let held = spread(126, &layout);
    assert_eq!(held[0].iter().sum::<f64>(), 126.0);
    assert_eq!((held[0][0], held[0][1], held[0][15]), (7.0, 8.0, 7.0));
    let held = spread(48, &Layout { interleave: 2, ..layout });
    assert_eq!(held.iter().flatten().sum::<f64>(), 48.0);
}

#[test]
fn what_cannot_be_played_is_refused() {
    let model = crate::model("llama3-8b").unwrap();
    let machine = machine(8);
    let layout = Layout { dp: 8, ..Layout::default() };
    let take = |layout: &Layout, jitter: f64| {
        let unlike = Unlike { jitter, ..Unlike::NOTHING };
        play(&machine, &model, BATCH, layout, &Stack::MODERN, &unlike)
    };
    assert!(take(&Layout { tp: 3, ..layout }, 0.0).is_err());
    assert!(take(&layout, -1.0).is_err() && take(&layout, f64::NAN).is_err());
    let many = Batch { sequences: 1 << 24, sequence: 128 };
    let unlike = Unlike { jitter: 0.1, ..Unlike::NOTHING };
    let problem = play(&machine, &model, many, &layout, &Stack::MODERN, &unlike).unwrap_err();
    assert!(problem.to_string().contains("can be played"), "{problem}");
}
