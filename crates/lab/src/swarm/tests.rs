//! The machines in virtual time: methods against each other, and what happens to peers.

use std::sync::Arc;
use std::time::Duration;

use super::codec::Codec;
use super::coordinator::Standing;
use super::habit::Habit;
use super::learner::{EngineLearner, Learner};
use super::machine::Note;
use super::message::PeerId;
use super::robust::Aggregation;
use super::settings::{Audit, Diloco, Method, Settings, Share};
use super::time::Time;
use super::toy::Toy;
use super::virtual_time::{Act, Line, VirtualPeer, VirtualSwarm};
use crate::recipe::{Recipe, RunConfig};
use crate::threads::Threads;
use crate::tokens::TokenFile;
use crate::train::{Ended, Execution, train};

pub(super) fn settings(peers: u32, method: Method, steps: u64) -> Settings {
    let recipe = Recipe {
        context: 32,
        batch_tokens: Some(256),
        validation_tokens: 2048,
        ..Recipe::default()
    };
    let run = RunConfig { steps, ..recipe.run(1, 256, 40_000.0, 3) };
    Settings {
        run,
        corpus: String::new(),
        method,
        up: Codec::F32,
        down: Codec::F32,
        aggregation: Aggregation::Mean,
        share: Share::Even,
        inner_windows: (8 / peers).max(1),
        peers,
        quorum: 0.5,
        patience: 3.0,
        audit: Audit::default(),
        check_every: 1,
    }
}

pub(super) fn diloco(inner_steps: u32) -> Method {
    Method::Diloco(Diloco { inner_steps, ..Diloco::default() })
}

fn peer(speed: f64) -> VirtualPeer {
    VirtualPeer { speed, line: Line::new(1e6, 4e6, 0.03), habit: Habit::Honest }
}

pub(super) fn toys(settings: &Settings, speeds: &[f64]) -> VirtualSwarm<'static, Toy> {
    let mut swarm = VirtualSwarm::new(settings.clone(), Line::default(), Toy::new);
    for (i, speed) in speeds.iter().enumerate() {
        swarm.act(Time::ZERO, Act::Join(PeerId(i as u32 + 1), peer(*speed)));
    }
    swarm
}

fn hour(hours: u64) -> Time {
    Time::ZERO + Duration::from_secs(3600 * hours)
}

/// Runs to the end; all who are left hold the same parameters, and no window is lost.
pub(super) fn finish<L: Learner>(swarm: &mut VirtualSwarm<'_, L>) -> f64 {
    let over = swarm.run(hour(1000));
    let notes = swarm.notes().len();
    let now = swarm.now();
    let coordinator = swarm.coordinator().unwrap();
    assert!(coordinator.balances());
    assert!(
        over,
        "not finished at {now}: {} of windows, round {}, {notes} notes, {:?}",
        coordinator.trained(),
        coordinator.version(),
        coordinator.peers()
    );
    let shared = coordinator.shared_parameters().to_vec();
    let version = coordinator.version();
    let loss = coordinator.validate().loss.get();
    for (rank, worker) in swarm.workers() {
        if worker.version() == version {
            assert_eq!(worker.shared_parameters(), shared, "{rank}");
        }
    }
    loss
}

pub(super) fn plain(config: &RunConfig, tokens: &TokenFile) -> (f64, f64) {
    let stop = std::sync::atomic::AtomicBool::new(false);
    let execution = Execution {
        checkpoint: None,
        interval: Duration::from_secs(3600),
        threads: Threads::new(1),
        stop: &stop,
    };
    let run = train(config, tokens, &execution, &mut |_| {}).unwrap();
    let Ended::Finished { validation, .. } = run.ended else { panic!("{run:?}") };
    (validation.loss.get(), validation.standard_error.get())
}

fn engines<'a>(
    settings: &Settings,
    tokens: &'a Arc<TokenFile>,
    peers: &[VirtualPeer],
) -> VirtualSwarm<'a, EngineLearner> {
    let run = settings.run.clone();
    let mut swarm = VirtualSwarm::new(settings.clone(), Line::default(), move || {
        EngineLearner::new(&run, tokens, Threads::new(1)).unwrap()
    });
    for (i, peer) in peers.iter().enumerate() {
        swarm.act(Time::ZERO, Act::Join(PeerId(i as u32 + 1), peer.clone()));
    }
    swarm
}

#[test]
fn one_synchronous_peer_is_plain_training_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    let tokens = Arc::new(crate::example_text::squares(folder.path()));
    let settings = settings(1, Method::Synchronous, 40);
    let mut swarm = engines(&settings, &tokens, &[peer(1e4)]);
    assert_eq!(finish(&mut swarm), plain(&settings.run, &tokens).0);
}

#[test]
fn synchronous_peers_train_as_one_does_on_the_same_tokens() {
    let folder = tempfile::tempdir().unwrap();
    let tokens = Arc::new(crate::example_text::squares(folder.path()));
    let settings = Settings { share: Share::BySpeed, ..settings(3, Method::Synchronous, 60) };
    let mut swarm = engines(&settings, &tokens, &[peer(1e4), peer(3e4), peer(1e4)]);
    let (loss, _) = plain(&settings.run, &tokens);
    let swarm_loss = finish(&mut swarm);
    assert!((swarm_loss / loss - 1.0).abs() < 0.005, "{swarm_loss} against {loss}");
}

#[test]
fn diloco_reaches_the_synchronous_loss_with_a_hundredth_of_the_traffic() {
    let folder = tempfile::tempdir().unwrap();
    let tokens = Arc::new(crate::example_text::squares(folder.path()));
    let bytes = |swarm: &VirtualSwarm<'_, EngineLearner>| swarm.bytes().values().sum::<u64>();
    // With the published outer rate and momentum (0.7, 0.9) so short a run does not settle.
    let outer = Diloco { outer_learning_rate: 0.5, outer_momentum: 0.8, ..Diloco::default() };
    let base = settings(2, Method::Synchronous, 960);
    let mut synchronous = engines(&base, &tokens, &vec![peer(1e4); 2]);
    let target = finish(&mut synchronous);
    let four_bits = Codec::INT4;
    let settings =
        Settings { up: four_bits, down: four_bits, ..settings(2, Method::Diloco(outer), 960) };
    let mut swarm = engines(&settings, &tokens, &vec![peer(1e4); 2]);
    let loss = finish(&mut swarm);
    assert!(loss < 1.05 * target, "{loss} against {target}");
    let ratio = bytes(&swarm) as f64 / bytes(&synchronous) as f64;
    assert!(ratio < 0.01, "{ratio}");
}

#[test]
fn the_same_seed_gives_the_same_run_and_another_order_of_messages_the_same_weights() {
    let settings = Settings { share: Share::Even, ..settings(3, diloco(5), 100) };
    let run = |speeds: &[f64]| {
        let mut swarm = toys(&settings, speeds);
        finish(&mut swarm);
        let shared = swarm.coordinator().unwrap().shared_parameters().to_vec();
        (shared, swarm.finished(), swarm.traffic().to_vec())
    };
    let first = run(&[1e4, 1e4, 1e4]);
    assert_eq!(first, run(&[1e4, 1e4, 1e4]));
    let shuffled = run(&[1.1e4, 1.5e4, 1.0e4]);
    assert_eq!(first.0, shuffled.0);
    assert_ne!(first.2, shuffled.2);
}

#[test]
fn work_by_speed_ends_sooner_than_even_work() {
    let speeds = [4e3, 1e4, 2e4];
    let time = |share| {
        let mut swarm = toys(&Settings { share, ..settings(3, diloco(20), 200) }, &speeds);
        finish(&mut swarm);
        swarm.finished().unwrap().seconds()
    };
    let (even, by_speed) = (time(Share::Even), time(Share::BySpeed));
    assert!(by_speed < 0.6 * even, "{by_speed} s against {even} s");
}

#[test]
fn overlapping_fragments_hide_the_exchange() {
    let plain = settings(2, diloco(20), 200);
    let streaming =
        Method::Diloco(Diloco { inner_steps: 20, fragments: 2, overlap: 5, ..Diloco::default() });
    let time = |settings: &Settings| {
        let mut swarm = toys(settings, &[1e4, 1e4]);
        let loss = finish(&mut swarm);
        (swarm.finished().unwrap().seconds(), loss)
    };
    let (waits, loss) = time(&plain);
    let (hides, streamed) = time(&Settings { method: streaming, ..plain.clone() });
    let computing = 200.0 * 256.0 / 2e4;
    assert!(hides < computing + 0.4 * (waits - computing), "{hides} s, {waits} s, {computing} s");
    assert!(streamed < 1.1 * loss, "{streamed} against {loss}");
}

#[test]
fn a_peer_that_dies_loses_nothing_and_one_that_joins_helps() {
    for method in [Method::Synchronous, diloco(10)] {
        let settings = settings(3, method, 400);
        let mut swarm = toys(&settings, &[1e4, 1e4, 1e4]);
        let at = |seconds: f64| Time::from_seconds(seconds);
        swarm.act(at(1.0), Act::Kill(PeerId(2)));
        swarm.act(at(2.0), Act::Join(PeerId(9), peer(1e4)));
        let loss = finish(&mut swarm);
        let peers = swarm.coordinator().unwrap().peers().clone();
        assert_eq!(peers[&PeerId(2)].standing, Standing::Gone, "{peers:?}");
        assert!(peers[&PeerId(9)].windows > 100, "{peers:?}");
        let fetched = swarm.traffic().iter().filter(|sent| sent.kind == "part");
        assert!(fetched.count() > 0);
        let mut calm = toys(&settings, &[1e4, 1e4, 1e4]);
        let calm = finish(&mut calm);
        assert!((loss / calm - 1.0).abs() < 0.02, "{method:?}: {loss} against {calm}");
    }
}

#[test]
fn a_late_update_is_used_one_round_later_and_a_stalled_peer_comes_back() {
    let mut swarm = toys(&settings(3, diloco(10), 600), &[1e4, 1e4, 1e4]);
    swarm.act(Time::from_seconds(3.0), Act::Stall(PeerId(3), Duration::from_secs(3)));
    finish(&mut swarm);
    let late: usize = swarm
        .notes()
        .iter()
        .filter_map(|(_, note)| match note {
            Note::Round(round) => Some(round.late),
            Note::Peer { .. } => None,
        })
        .sum();
    assert_eq!(late, 1);
    let peers = swarm.coordinator().unwrap().peers().clone();
    assert_eq!(peers[&PeerId(3)].standing, Standing::Active);
}

#[test]
fn a_restarted_coordinator_goes_on_to_the_same_weights() {
    for method in [Method::Synchronous, diloco(10)] {
        let settings = Settings { up: Codec::INT8, down: Codec::TOP_K, ..settings(3, method, 300) };
        let weights = |restarts: &[f64]| {
            let mut swarm = toys(&settings, &[1e4, 1e4, 1e4]);
            for at in restarts {
                let down = Duration::from_millis(500);
                swarm.act(Time::from_seconds(*at), Act::RestartCoordinator(down));
            }
            finish(&mut swarm);
            swarm.coordinator().unwrap().shared_parameters().to_vec()
        };
        assert_eq!(weights(&[]), weights(&[1.0, 1.77, 2.9]), "{method:?}");
    }
}

#[test]
fn any_peers_checkpoint_is_enough_for_a_new_coordinator() {
    for method in [Method::Synchronous, diloco(10)] {
        let settings = settings(2, method, 300);
        let mut swarm = toys(&settings, &[1e4, 1e4]);
        swarm.run(Time::from_seconds(2.0));
        let checkpoint = swarm.worker(PeerId(2)).unwrap().checkpoint().unwrap();
        assert!(checkpoint.version > 2);
        let coordinator = super::coordinator::Coordinator::from_checkpoint(
            settings.clone(),
            Toy::new(),
            &checkpoint,
        )
        .unwrap();
        assert!(coordinator.balances());
        assert!(coordinator.trained() > 0 && !coordinator.is_finished());
        let mut anew = toys(&settings, &[1e4, 1e4]).with_coordinator(coordinator);
        let loss = finish(&mut anew);
        let calm = finish(&mut toys(&settings, &[1e4, 1e4]));
        assert!((loss / calm - 1.0).abs() < 0.02, "{method:?}: {loss} against {calm}");
    }
}

#[test]
fn hostile_peers_are_found_by_audits_and_the_run_ends_as_if_they_had_not_been() {
    let honest = settings(4, diloco(10), 400);
    let calm = finish(&mut toys(&honest, &[1e4; 4]));
    for habit in Habit::hostile(3.0) {
        let settings = Settings {
            audit: Audit { share: 0.3, suspicious_share: 1.0, ..Audit::default() },
            aggregation: Aggregation::ClipToMedian { factor: 1.0 },
            ..honest.clone()
        };
        let mut swarm = toys(&settings, &[1e4; 4]);
        let hostile = VirtualPeer { habit: habit.clone(), ..peer(1e4) };
        swarm.act(Time::ZERO, Act::Join(PeerId(5), hostile));
        let loss = finish(&mut swarm);
        let peers = swarm.coordinator().unwrap().peers().clone();
        for (rank, peer) in &peers {
            let evicted = peer.standing == Standing::Evicted;
            assert_eq!(evicted, *rank == PeerId(5), "{habit:?}: {rank} {peers:?}");
        }
        assert!((loss / calm - 1.0).abs() < 0.03, "{habit:?}: {loss} against {calm}");
    }
}

#[test]
fn engines_replay_a_step_bit_for_bit_so_honest_peers_pass_every_audit() {
    let folder = tempfile::tempdir().unwrap();
    let tokens = Arc::new(crate::example_text::squares(folder.path()));
    let settings = Settings {
        audit: Audit { share: 1.0, suspicious_share: 1.0, ..Audit::default() },
        up: Codec::INT4,
        down: Codec::INT4,
        ..settings(2, diloco(4), 80)
    };
    let liar = VirtualPeer { habit: Habit::SignFlip { size: 1.0 }, ..peer(1e4) };
    let mut swarm = engines(&settings, &tokens, &[peer(1e4), peer(1e4), liar]);
    finish(&mut swarm);
    let proofs = swarm.traffic().iter().filter(|sent| sent.kind == "proof").count();
    assert!(proofs >= 8, "{proofs}");
    let peers = swarm.coordinator().unwrap().peers();
    assert!(peers.values().take(2).all(|peer| peer.standing == Standing::Active), "{peers:?}");
    assert_eq!(peers[&PeerId(3)].standing, Standing::Evicted, "{peers:?}");
}
