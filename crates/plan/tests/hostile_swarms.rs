//! Swarm files with mistakes in them end in a number or a diagnostic, never in a panic; and odd
//! swarms in a number that is one.

use std::fmt::Write as _;

use laws::Setting;
use machines::Cluster;
use plan::Believed;
use plan::swarm::{Goal, Peers, Space, SwarmPlan, SwarmQuestion};
use proptest::prelude::*;
use runs::Seconds;

/// Numbers that no swarm has.
const NUMBERS: [&str; 9] =
    ["0", "-3", "1e300", "1e-300", "4294967295", "99999999999999999999", "nan", "inf", "0.5"];

fn file(peers: u32, up: &str, round_trip: &str, more: &str) -> String {
    let mut text =
        String::from("name = \"x\"\ntitle = \"Hostile\"\nsource = \"nowhere\"\n\n[[peers]]\n");
    let _ = write!(
        text,
        "name = \"p\"\ncount = {peers}\naccelerator = \"rtx-4090\"\nup = \"{up}\"\n\
         down = \"50 Mbit/s\"\nround_trip = \"{round_trip}\"\n{more}"
    );
    text
}

fn answer(text: &str, goal: Goal) -> Result<SwarmPlan, String> {
    let cluster = Cluster::from_toml("x.toml", text).map_err(|problem| problem.to_string())?;
    let asked = SwarmQuestion {
        peers: Peers::of(&cluster).map_err(|problem| problem.to_string())?,
        believed: Believed::published("besiroglu-2024").expect("in the catalogue"),
        given: Setting::new(),
        goal,
        size: None,
        space: Space::default(),
        adversaries: 0.0,
        audit: 0.0,
        campus: None,
        patience: Seconds(3e7),
        seed: 1,
        draws: 2,
    };
    let plan = asked.answer().map_err(|problem| problem.to_string())?;
    let _ = plan.play(3, 1);
    Ok(plan)
}

const ASKED: Goal = Goal::Loss(2.7);

proptest! {
    #![proptest_config(ProptestConfig { cases: 120, max_shrink_iters: 20, ..ProptestConfig::default() })]

    #[test]
    fn mutated_swarms_are_answered_or_refused(
        slips in proptest::collection::vec((0_usize..3, 0.0..1.0f64, 0..NUMBERS.len(), any::<char>()), 1..4),
    ) {
        let more = "loss = 0.001\navailability = 0.8\nsession = \"8 h\"\n\
                    place = { peers = 2, bandwidth = \"1 Gbit/s\" }\n";
        let mut text: Vec<char> = file(20, "20 Mbit/s", "40 ms", more).chars().collect();
        for (what, at, number, letter) in slips {
            let place = ((text.len() as f64 * at) as usize).min(text.len() - 1);
            match what {
                0 => { text.remove(place); }
                1 => text.insert(place, letter),
                _ => {
                    let digit = |c: char| c.is_ascii_digit() || c == '.';
                    let Some(start) = (place..text.len()).find(|&i| digit(text[i])) else { continue };
                    let end = (start..text.len()).find(|&i| !digit(text[i])).unwrap_or(text.len());
                    text.splice(start..end, NUMBERS[number].chars());
                }
            }
        }
        let text: String = text.into_iter().collect();
        match answer(&text, ASKED) {
            Ok(plan) => prop_assert!(plan.time.best.get() > 0.0, "{:?}", plan.time.best),
            Err(problem) => prop_assert!(!problem.is_empty()),
        }
    }
}

#[test]
fn one_peer_two_and_a_hundred_thousand_are_swarms_too() {
    let loss = |peers| {
        let plan = answer(&file(peers, "20 Mbit/s", "40 ms", ""), Goal::Time(Seconds(1e7)));
        plan.unwrap_or_else(|problem| panic!("{peers}: {problem}")).loss
    };
    let found = [1, 2, 1000, 100_000].map(loss);
    // A part of the peers may take part, in halves, so that more are never worse by much.
    assert!(found.is_sorted_by(|few, many| *many <= few + 0.003), "{found:?}");
    assert!(found[3] < found[0] - 0.1, "{found:?}");
    // Alone, nothing is sent and nobody is waited for.
    let alone = answer(&file(1, "20 Mbit/s", "40 ms", ""), ASKED).unwrap();
    assert_eq!(alone.delivered.waiting, Seconds(0.0));
    assert_eq!(alone.delivered.copies, 1.0);
}

#[test]
fn what_no_swarm_can_be_is_refused_where_it_stands() {
    for (text, expected) in [
        (file(0, "20 Mbit/s", "40 ms", ""), "at least one"),
        (file(9, "0 Mbit/s", "40 ms", ""), "more than zero"),
        (file(9, "nan Mbit/s", "40 ms", ""), "x.toml:9"),
        (file(9, "20 Mbit/s", "-40 ms", ""), "zero or more"),
        (file(9, "20 Mbit/s", "40 ms", "loss = 1.0\n"), "expected 0 to 0.5"),
        (file(9, "20 Mbit/s", "40 ms", "loss = nan\n"), "expected 0 to 0.5"),
        (file(9, "20 Mbit/s", "40 ms", "availability = 0\n"), "expected 0.001 to 1"),
        ("name='x'\ntitle=''\nsource=''\n".into(), "neither sites nor peers"),
    ] {
        let problem = answer(&text, ASKED).unwrap_err();
        assert!(problem.contains(expected), "{problem}");
    }
    // Lines of a bit a century: one peer trains alone.
    let slow = answer(&file(9, "1e-9 bit/s", "40 ms", ""), ASKED).unwrap();
    assert_eq!(slow.delivered.copies, 1.0);
}
