//! Churn in virtual time: joins, deaths, stalls, partitions, jumping clocks, restarts.

use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::codec::Codec;
use super::habit::Habit;
use super::message::PeerId;
use super::settings::{Diloco, Method, Settings, Share};
use super::tests::{diloco, settings};
use super::time::Time;
use super::toy::Toy;
use super::virtual_time::{Act, Line, VirtualPeer, VirtualSwarm};

fn peer(speed: f64) -> VirtualPeer {
    VirtualPeer { speed, line: Line::new(1e6, 4e6, 0.03), habit: Habit::Honest }
}

/// One act of a schedule: when (s), to whom, which, how long (s).
type Entry = (f64, u32, u8, f64);

fn act(entry: Entry, peers: u32, speed: f64) -> (Time, Act) {
    let (at, who, which, long) = entry;
    let who = PeerId(1 + who % peers);
    let span = Duration::from_secs_f64(long);
    let act = match which % 8 {
        0 | 1 => Act::Join(who, peer(speed * (0.5 + 0.1 * f64::from(who.0)))),
        2 => Act::Kill(who),
        3 => Act::Leave(who),
        4 => Act::Stall(who, span),
        5 => Act::Partition(vec![who, PeerId(1 + (who.0 + 1) % peers)], span),
        6 => Act::ClockJump(who, if long > 5.0 { 1 } else { -1 } * (long * 1e11) as i64),
        _ => Act::RestartCoordinator(span.min(Duration::from_secs(3))),
    };
    (Time::from_seconds(at), act)
}

/// Many times what a run needs that goes on; a run that does not ends here, and fails.
const EVENTS: u32 = 200_000;

/// Plays a schedule; afterwards two peers stay and the world is calm, so the run must end.
fn survives(settings: &Settings, schedule: &[Entry], peers: u32) -> Result<(), String> {
    let mut swarm =
        VirtualSwarm::new(settings.clone(), Line::default(), Toy::new).without_traffic_log();
    for who in 1..=settings.peers {
        swarm.act(Time::ZERO, Act::Join(PeerId(who), peer(1e4)));
    }
    let mut last = 0.0_f64;
    for entry in schedule {
        let (at, act) = act(*entry, peers, 1e4);
        last = last.max(entry.0 + entry.3);
        swarm.act(at, act);
    }
    // Two that nothing happens to.
    for who in [peers + 1, peers + 2] {
        swarm.act(Time::from_seconds(last + 5.0), Act::Join(PeerId(who), peer(1e4)));
    }
    let end = Time::from_seconds(last + 3600.0);
    let mut events = 0_u32;
    while swarm.next(end) && events < EVENTS {
        events += 1;
    }
    let over = swarm.finished().is_some();
    let now = swarm.now();
    let waiting = swarm.waiting();
    let Some(coordinator) = swarm.coordinator() else { return Err("no coordinator".to_owned()) };
    if !coordinator.balances() {
        return Err("the ledger does not balance".to_owned());
    }
    if !over {
        return Err(format!(
            "after {events} events, at {now}, {} of {} windows, round {}, {waiting} events wait, {:?}",
            coordinator.trained(),
            settings.windows(),
            coordinator.version(),
            coordinator.peers()
        ));
    }
    if coordinator.trained() != settings.windows() {
        return Err("finished without all windows".to_owned());
    }
    let shared = coordinator.shared_parameters().to_vec();
    let version = coordinator.version();
    for (who, worker) in swarm.workers() {
        if worker.holds() == Some(version) && worker.shared_parameters() != shared {
            return Err(format!("{who} holds other parameters"));
        }
    }
    Ok(())
}

fn streaming() -> Method {
    Method::Diloco(Diloco { inner_steps: 8, fragments: 2, overlap: 2, ..Diloco::default() })
}

fn coded(method: Method, share: Share) -> Settings {
    Settings { share, up: Codec::INT8, down: Codec::INT8, ..settings(2, method, 300) }
}

fn methods() -> impl Strategy<Value = Settings> {
    (
        prop_oneof![Just(Method::Synchronous), Just(diloco(6)), Just(streaming())],
        prop_oneof![Just(Share::Even), Just(Share::BySpeed)],
    )
        .prop_map(|(method, share)| coded(method, share))
}

/// The same schedules every time, unless `PROPTEST_RNG_SEED` says others.
fn seed() -> RngSeed {
    match ProptestConfig::default().rng_seed {
        RngSeed::Random => RngSeed::Fixed(1),
        given @ RngSeed::Fixed(_) => given,
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 192,
        max_shrink_iters: 500,
        rng_seed: seed(),
        ..ProptestConfig::default()
    })]
    #[test]
    fn any_schedule_of_trouble_ends_with_every_window_trained_on_once(
        settings in methods(),
        schedule in proptest::collection::vec((0.0..25.0, 0_u32..5, 0_u8..8, 0.0..10.0), 0..30),
    ) {
        let outcome = survives(&settings, &schedule, 5);
        prop_assert!(outcome.is_ok(), "{}", outcome.unwrap_err());
    }
}

/// The last window went to a peer without weight, was thrown away, and went to the same peer again,
/// for ever.
#[test]
fn a_peer_without_weight_does_not_keep_the_last_window() {
    survives(&coded(diloco(6), Share::Even), &[], 5).unwrap();
    let restarts = [
        (9.0, 3, 1, 0.9),
        (15.6, 2, 7, 6.5),
        (21.3, 0, 1, 6.1),
        (5.7, 1, 5, 9.8),
        (4.4, 4, 1, 0.7),
        (2.8, 1, 7, 2.0),
    ];
    survives(&coded(streaming(), Share::BySpeed), &restarts, 5).unwrap();
    let deaths = [(1.3, 2, 7, 1.3), (18.9, 1, 1, 7.6), (1.2, 0, 2, 4.1), (2.2, 2, 0, 3.8)];
    survives(&coded(diloco(6), Share::Even), &deaths, 5).unwrap();
}

/// A coordinator that dies after the last round comes back, and a peer that was fetching then
/// does not count as holding what it did not get.
#[test]
fn a_restart_after_the_last_round_is_waited_for() {
    let schedule = [
        (1.6, 0, 4, 7.9),
        (0.3, 2, 1, 6.9),
        (2.9, 4, 0, 3.4),
        (19.0, 4, 2, 7.5),
        (18.5, 0, 7, 8.6),
    ];
    survives(&coded(streaming(), Share::Even), &schedule, 5).unwrap();
    let fetching = [(6.5, 2, 0, 2.1), (13.5, 0, 7, 6.8)];
    survives(&coded(streaming(), Share::Even), &fetching, 5).unwrap();
}

/// An hour of churn: about three thousand acts on twelve peers.
#[test]
fn an_hour_of_churn_loses_nothing_and_memory_stays_flat() {
    let settings = Settings { share: Share::BySpeed, ..settings(4, diloco(10), 120_000) };
    let mut swarm =
        VirtualSwarm::new(settings.clone(), Line::default(), Toy::new).without_traffic_log();
    for who in 1..=4 {
        swarm.act(Time::ZERO, Act::Join(PeerId(who), peer(1e3)));
    }
    let mut acts = 0;
    let mut random = 1_u64;
    let mut draw = |n: u64| {
        random =
            random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % n
    };
    let mut at = 1.0;
    while at < 3600.0 {
        let entry = (at, draw(12) as u32, draw(8) as u8, draw(100) as f64 / 20.0);
        let (time, act) = act(entry, 12, 1e3);
        swarm.act(time, act);
        acts += 1;
        at += 0.2 + draw(2000) as f64 / 1000.0;
    }
    assert!(acts > 2500, "{acts}");
    let (mut most, mut early) = (0, 0);
    for minute in 1..=60 {
        swarm.run(Time::from_seconds(60.0 * f64::from(minute)));
        let held: usize = swarm.workers().map(|(_, worker)| worker.bytes_waiting()).sum();
        let held = held + swarm.coordinator().map_or(0, |coordinator| coordinator.bytes_waiting());
        if minute <= 10 {
            early = early.max(held);
        }
        most = most.max(held);
        if let Some(coordinator) = swarm.coordinator() {
            assert!(coordinator.balances());
        }
    }
    assert!(swarm.finished().is_none(), "there was work for the whole hour");
    assert!(most <= 2 * early.max(1), "{most} bytes at most, {early} in the first ten minutes");
    for who in [20, 21] {
        swarm.act(Time::from_seconds(3700.0), Act::Join(PeerId(who), peer(5e4)));
    }
    assert!(swarm.run(Time::from_seconds(48.0 * 3600.0)));
    let coordinator = swarm.coordinator().unwrap();
    assert_eq!(coordinator.trained(), settings.windows());
    assert!(coordinator.balances());
}
