//! The same machines in virtual time and over real sockets: the same weights, bit for bit.

#![expect(clippy::unwrap_used, reason = "a test: what is missing should fail it")]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use lab::corpus::CorpusSource;
use lab::recipe::{Recipe, RunConfig};
use lab::swarm::codec::Codec;
use lab::swarm::coordinator::{Coordinator, Standing};
use lab::swarm::learner::EngineLearner;
use lab::swarm::machine::Note;
use lab::swarm::message::Message;
use lab::swarm::pipeline::{Conductor, EngineModel, Pipeline, Stage};
use lab::swarm::real_time::{Happening, drive};
use lab::swarm::robust::Aggregation;
use lab::swarm::roles::InStages;
use lab::swarm::settings::{Audit, Diloco, Method, Settings, Share};
use lab::swarm::site::SiteSay;
use lab::swarm::transport::{JoinAddress, Role, Tcp, TcpSettings};
use lab::swarm::virtual_time::{Act, Line, VirtualPeer, VirtualSwarm};
use lab::swarm::wire::{PeerId, RunId, Signer};
use lab::swarm::worker::Worker;
use lab::swarm::{Time, habit::Habit};
use lab::tokens::{TokenFile, open_or_build};

fn text(folder: &Path) -> Arc<TokenFile> {
    let lines: Vec<String> =
        (0..20_000_u64).map(|i| format!("{i} squared is {}\n", i * i % 997)).collect();
    let path = folder.join("squares.txt");
    std::fs::write(&path, lines.concat()).unwrap();
    let source = CorpusSource::Paths(vec![path]);
    Arc::new(open_or_build(&source, &folder.join("cache"), &mut |_| {}).unwrap())
}

fn settings(method: Method) -> Settings {
    let recipe = Recipe {
        context: 32,
        batch_tokens: Some(256),
        validation_tokens: 512,
        ..Recipe::default()
    };
    Settings {
        run: RunConfig { steps: 24, ..recipe.run(1, 256, 40_000.0, 3) },
        corpus: String::new(),
        method,
        up: Codec::INT8,
        down: Codec::INT8,
        aggregation: Aggregation::Mean,
        share: Share::Even,
        inner_windows: 2,
        peers: 3,
        quorum: 0.5,
        patience: 20.0,
        audit: Audit::default(),
        check_every: 1,
    }
}

fn learner(settings: &Settings, tokens: &Arc<TokenFile>) -> EngineLearner {
    EngineLearner::new(&settings.run, tokens, lab::Threads::new(1)).unwrap()
}

fn in_virtual_time(settings: &Settings, tokens: &Arc<TokenFile>) -> Vec<f32> {
    let mut swarm =
        VirtualSwarm::new(settings.clone(), Line::default(), || learner(settings, tokens));
    for peer in 1..=3 {
        let line = Line::new(20e6, 50e6, 0.01);
        let peer_settings = VirtualPeer { speed: 5e4, line, habit: Habit::Honest };
        swarm.act(Time::ZERO, Act::Join(PeerId(peer), peer_settings));
    }
    assert!(swarm.run(Time::from_seconds(1e4)));
    swarm.coordinator().unwrap().shared_parameters().to_vec()
}

fn tcp(role: Role, seed: u8) -> Tcp {
    tcp_in(role, seed, None)
}

/// The same in a site, whose peers reach each other directly.
fn tcp_in(role: Role, seed: u8, site: Option<&str>) -> Tcp {
    let listens = matches!(role, Role::Coordinator) || site.is_some();
    let listen = listens.then(|| "127.0.0.1:0".to_owned());
    let settings = TcpSettings {
        run: RunId(7),
        name: format!("peer {seed}"),
        site: site.map(str::to_owned),
        role,
        listen,
        reachable: None,
        up: lab::swarm::link::LinkSettings::default(),
        down: lab::swarm::link::LinkSettings::default(),
        seed: 0,
        largest_message: 16 << 20,
        members: Vec::new(),
        keep_members: None,
    };
    Tcp::open(settings, Signer::from_seed([seed; 32])).unwrap()
}

fn over_sockets(settings: &Settings, tokens: &Arc<TokenFile>) -> Vec<f32> {
    let mut hub = tcp(Role::Coordinator, 1);
    let join = JoinAddress { address: hub.address().unwrap().to_string(), key: Some(hub.key()) };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (2..=4_u8)
            .map(|seed| {
                let join = join.clone();
                scope.spawn(move || {
                    let mut wire = tcp(Role::Worker(join), seed);
                    let me = wire.joined(Duration::from_secs(20)).unwrap();
                    let mut worker =
                        Worker::new(me, settings.clone(), learner(settings, tokens), 5e4);
                    let clock = wire.clock();
                    assert!(drive(&mut worker, &mut wire, &clock, None, &mut |_, _, _| true));
                    assert!(wire.flush(Duration::from_secs(20)));
                    worker.shared_parameters().to_vec()
                })
            })
            .collect();
        let mut coordinator = Coordinator::new(settings.clone(), learner(settings, tokens));
        let clock = hub.clock();
        let mut rounds = 0;
        let over = drive(&mut coordinator, &mut hub, &clock, None, &mut |_, now, what| {
            rounds += u64::from(matches!(what, Happening::Persist));
            now.seconds() < 120.0
        });
        assert!(over, "the run ends within two minutes");
        assert!(hub.flush(Duration::from_secs(20)));
        let shared = coordinator.shared_parameters().to_vec();
        for worker in workers {
            assert!(worker.join().unwrap() == shared);
        }
        assert!(rounds > 3);
        shared
    })
}

#[test]
fn sockets_and_virtual_time_give_the_same_weights_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    let tokens = text(folder.path());
    let diloco = Diloco { inner_steps: 6, ..Diloco::default() };
    let streaming = Diloco { inner_steps: 8, fragments: 2, overlap: 2, ..Diloco::default() };
    for method in [Method::Synchronous, Method::Diloco(diloco), Method::Diloco(streaming)] {
        let settings = settings(method);
        let (played, real) =
            (in_virtual_time(&settings, &tokens), over_sockets(&settings, &tokens));
        assert!(played == real, "{method:?}");
    }
}

/// Three stages; the run begins when `peers` are there.
fn in_stages(peers: u32, audit: f64) -> Settings {
    let run = Recipe { context: 32, batch_tokens: Some(256), ..Recipe::default() };
    let run = RunConfig { steps: 12, validation_tokens: 512, ..run.run(3, 256, 40_000.0, 3) };
    let pipeline = Pipeline { stages: 3, micro_windows: 2, checkpoint_every: 5 };
    let audit = Audit { share: audit, ..Audit::default() };
    Settings {
        method: Method::Pipeline(pipeline),
        run,
        peers,
        audit,
        ..settings(Method::Synchronous)
    }
}

fn stages_in_virtual_time(settings: &Settings, tokens: &Arc<TokenFile>) -> Vec<f32> {
    let mut swarm = VirtualSwarm::new(settings.clone(), Line::default(), || {
        InStages(EngineModel::new(&settings.run, tokens, lab::Threads::new(1)).unwrap())
    });
    for peer in 1..=settings.peers {
        let line = Line::new(20e6, 50e6, 0.01);
        let peer_settings = VirtualPeer { speed: 5e4, line, habit: Habit::Honest };
        swarm.act(Time::ZERO, Act::Join(PeerId(peer), peer_settings));
    }
    assert!(swarm.run(Time::from_seconds(1e4)));
    swarm.coordinator().unwrap().kept_parameters()
}

/// The parameters, and how many were evicted of peers with these habits.
fn stages_over_sockets(
    settings: &Settings,
    tokens: &Arc<TokenFile>,
    habits: &[Habit],
) -> (Vec<f32>, usize) {
    let model = || EngineModel::new(&settings.run, tokens, lab::Threads::new(1)).unwrap();
    let mut hub = tcp(Role::Coordinator, 1);
    let join = JoinAddress { address: hub.address().unwrap().to_string(), key: Some(hub.key()) };
    // What is on its way to an evicted peer does not arrive.
    let lies = habits.iter().any(|habit| *habit != Habit::Honest);
    let patience = Duration::from_secs(if lies { 2 } else { 20 });
    // In this order, for numbers in this order.
    let wires: Vec<Tcp> = (2..)
        .zip(habits)
        .map(|(seed, _)| {
            let wire = tcp(Role::Worker(join.clone()), seed);
            wire.joined(Duration::from_secs(20)).unwrap();
            wire
        })
        .collect();
    std::thread::scope(|scope| {
        for (mut wire, habit) in wires.into_iter().zip(habits) {
            let model = &model;
            scope.spawn(move || {
                let stage = Stage::new(settings.clone(), model(), 5e4);
                let mut stage = stage.with_habit(habit.clone());
                let clock = wire.clock();
                assert!(drive(&mut stage, &mut wire, &clock, None, &mut |_, _, _| true));
                assert!(stage.is_evicted() || wire.flush(patience) || lies);
            });
        }
        let mut conductor = Conductor::new(settings.clone(), model());
        let clock = hub.clock();
        let over =
            drive(&mut conductor, &mut hub, &clock, None, &mut |_, now, _| now.seconds() < 120.0);
        assert!(over && conductor.is_finished(), "{:?}", conductor.problem());
        assert!(hub.flush(patience) || lies);
        let standings = conductor.attendance().into_values();
        let evicted = standings.filter(|peer| peer.standing == Standing::Evicted).count();
        (conductor.kept_parameters(), evicted)
    })
}

#[test]
fn stages_over_sockets_and_in_virtual_time_give_the_same_weights_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    let tokens = text(folder.path());
    let settings = in_stages(3, 0.0);
    let played = stages_in_virtual_time(&settings, &tokens);
    let honest = [Habit::Honest, Habit::Honest, Habit::Honest];
    assert!(stages_over_sockets(&settings, &tokens, &honest) == (played, 0));
}

#[test]
fn audits_over_sockets_evict_a_stage_that_lies_and_leave_the_same_weights_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    let tokens = text(folder.path());
    let settings = in_stages(4, 1.0);
    let played = stages_in_virtual_time(&settings, &tokens);
    for liar in [Habit::SignFlip { size: 1.0 }, Habit::Garbage] {
        let habits = [Habit::Honest, liar, Habit::Honest, Habit::Honest];
        let (real, evicted) = stages_over_sockets(&settings, &tokens, &habits);
        assert_eq!(evicted, 1, "{habits:?}");
        assert!(real == played, "{habits:?}");
    }
}

#[test]
fn a_site_over_sockets_and_in_virtual_time_gives_the_same_weights_bit_for_bit() {
    site_both_ways(0.5, &Habit::Honest);
}

#[test]
fn a_site_that_finds_a_liar_over_sockets_and_in_virtual_time_gives_the_same_weights() {
    site_both_ways(1.0, &Habit::SignFlip { size: 1.0 });
}

/// Peers 1 to 3 are one site, which audits a share of its members' gradients; 3 has a habit, and 4
/// is alone.
fn site_both_ways(share: f64, habit: &Habit) {
    let folder = tempfile::tempdir().unwrap();
    let tokens = text(folder.path());
    let diloco = Diloco { inner_steps: 6, ..Diloco::default() };
    let audit = Audit { share, sites: true, ..Audit::default() };
    let base = settings(Method::Diloco(diloco));
    let settings = Settings { peers: 2, inner_windows: 4, audit, ..base };
    let habit_of = |peer: PeerId| if peer == PeerId(3) { habit.clone() } else { Habit::Honest };
    let site = [PeerId(1), PeerId(2), PeerId(3)];
    let mut swarm =
        VirtualSwarm::new(settings.clone(), Line::default(), || learner(&settings, &tokens))
            .with_site(&site, Line::new(1e9, 1e9, 1e-4));
    for peer in (1..=4).map(PeerId) {
        let line = Line::new(20e6, 50e6, 0.01);
        let peer_settings = VirtualPeer { speed: 5e4, line, habit: habit_of(peer) };
        swarm.act(Time::ZERO, Act::Join(peer, peer_settings));
    }
    assert!(swarm.run(Time::from_seconds(1e4)));
    let played = swarm.coordinator().unwrap().shared_parameters().to_vec();
    let within: u64 = (swarm.bytes().iter())
        .filter(|((from, to), _)| site.contains(from) && site.contains(to))
        .map(|(_, bytes)| bytes)
        .sum();

    let mut hub = tcp(Role::Coordinator, 1);
    let join = JoinAddress { address: hub.address().unwrap().to_string(), key: Some(hub.key()) };
    // In this order, for the same numbers.
    let wires = [(2, true), (3, true), (4, true), (5, false)].map(|(seed, in_site)| {
        let wire = tcp_in(Role::Worker(join.clone()), seed, in_site.then_some("home"));
        wire.joined(Duration::from_secs(20)).unwrap();
        wire
    });
    let welcome = AtomicUsize::new(0);
    let (real, crossed, found) = std::thread::scope(|scope| {
        for mut wire in wires {
            let (settings, tokens, welcome, habit_of) = (&settings, &tokens, &welcome, &habit_of);
            scope.spawn(move || {
                let me = wire.me().unwrap();
                let mut worker = Worker::new(me, settings.clone(), learner(settings, tokens), 5e4)
                    .with_habit(habit_of(me));
                if wire.is_in_site() {
                    until(|| wire.head_of_site().is_some());
                    worker = worker.in_site(wire.head_of_site().unwrap());
                } else {
                    // The run begins with this one: the site is whole by then.
                    until(|| welcome.load(Ordering::Acquire) == 2);
                }
                let clock = wire.clock();
                assert!(drive(&mut worker, &mut wire, &clock, None, &mut |_, _, what| {
                    if let Happening::Received(_, Message::Site(SiteSay::Welcome), _) = what {
                        welcome.fetch_add(1, Ordering::AcqRel);
                    }
                    true
                }));
                assert!(wire.flush(Duration::from_secs(20)));
                let lied = habit_of(me) != Habit::Honest;
                assert_eq!(worker.is_evicted(), lied, "{me}");
            });
        }
        let mut coordinator = Coordinator::new(settings.clone(), learner(&settings, &tokens));
        let (clock, mut crossed, mut found) = (hub.clock(), 0, Vec::new());
        let over = drive(&mut coordinator, &mut hub, &clock, None, &mut |_, now, what| {
            match what {
                Happening::Received(_, Message::Update(update), _) => crossed += update.near,
                Happening::Note(Note::Peer { peer, what }) if what.starts_with("refused") => {
                    found.push(*peer);
                }
                _ => {}
            }
            now.seconds() < 120.0
        });
        assert!(over, "the run ends within two minutes");
        assert!(hub.flush(Duration::from_secs(20)));
        (coordinator.shared_parameters().to_vec(), crossed, found)
    });
    assert!(played == real);
    let liars: Vec<PeerId> =
        (1..=4).map(PeerId).filter(|peer| habit_of(*peer) != Habit::Honest).collect();
    assert_eq!(found, liars);
    // All but what ends the run is told.
    assert!(crossed < within && within - crossed < 1000, "{crossed} of {within}");
}

fn until(condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(20), "waited in vain");
        std::thread::sleep(Duration::from_millis(5));
    }
}
