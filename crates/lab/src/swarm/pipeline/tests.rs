//! Pipelines in virtual time: against plain training, and what happens to stages.

use std::sync::Arc;
use std::time::Duration;

use super::super::codec::Codec;
use super::super::habit::Habit;
use super::super::message::PeerId;
use super::super::roles::InStages;
use super::super::settings::{Method, Settings, Share};
use super::super::time::Time;
use super::super::virtual_time::{Act, Line, Sent, VirtualPeer, VirtualSwarm};
use super::{DummyModel, EngineModel, Pipeline};
use crate::engine::{CpuEngine, Engine};
use crate::optimiser::Method as Optimiser;
use crate::recipe::{Recipe, RunConfig};
use crate::threads::Threads;
use crate::tokens::TokenFile;
use crate::train::{Reader, TextOfRun};

/// A step has five micro-batches of the size that a core works on at once; the last is smaller.
fn settings(stages: u32, optimiser: Optimiser) -> Settings {
    let recipe = Recipe {
        context: 32,
        batch_tokens: Some(4 * 1024 + 96),
        validation_tokens: 512,
        method: optimiser,
        ..Recipe::default()
    };
    let run = RunConfig { steps: 6, ..recipe.run(3, 256, 40_000.0, 3) };
    let pipeline = Pipeline { checkpoint_every: 2, ..Pipeline::new(stages, &run) };
    assert_eq!(pipeline.micro_windows, 32);
    Settings {
        peers: stages,
        method: Method::Pipeline(pipeline),
        share: Share::BySpeed,
        run,
        ..super::super::tests::settings(1, Method::Synchronous, 1)
    }
}

/// Many steps of little text, for trouble.
pub(super) fn short(up: Codec, down: Codec) -> Settings {
    let mut settings = Settings { up, down, ..settings(2, Optimiser::AdamW) };
    (settings.run.steps, settings.run.batch_tokens) = (12, 256);
    let pipeline =
        Pipeline { micro_windows: 2, checkpoint_every: 4, ..Pipeline::new(2, &settings.run) };
    Settings { method: Method::Pipeline(pipeline), ..settings }
}

pub(super) fn peer(speed: f64) -> VirtualPeer {
    VirtualPeer { speed, line: Line::new(20e6, 20e6, 0.02), habit: Habit::Honest }
}

pub(super) fn swarm<'a>(
    settings: &Settings,
    tokens: &'a Arc<TokenFile>,
    speeds: &[f64],
) -> VirtualSwarm<'a, InStages<EngineModel>> {
    let run = settings.run.clone();
    let mut swarm = VirtualSwarm::new(settings.clone(), Line::default(), move || {
        InStages(EngineModel::new(&run, tokens, Threads::new(1)).unwrap())
    });
    for (i, speed) in speeds.iter().enumerate() {
        swarm.act(Time::ZERO, Act::Join(PeerId(i as u32 + 1), peer(*speed)));
    }
    swarm
}

pub(super) fn weights(mut swarm: VirtualSwarm<'_, InStages<EngineModel>>) -> Vec<f32> {
    let over = swarm.run(Time::from_seconds(1e5));
    let conductor = swarm.coordinator().unwrap();
    assert!(over && conductor.is_finished(), "{:?}", conductor.problem());
    conductor.kept_parameters()
}

fn plain(settings: &Settings, tokens: &TokenFile) -> Vec<f32> {
    let run = &settings.run;
    let text = TextOfRun::new(run, tokens).unwrap();
    let mut engine = CpuEngine::new(run.shape, run.optimiser, run.seed, Threads::new(1));
    let mut reader = Reader::new(run.shape.context);
    for step in 0..run.steps {
        let batch = reader.read(tokens, crate::corpus::Split::Train, text.sampler.batch(step));
        engine.train(batch, run.schedule.at(step, run.steps));
    }
    engine.parameters().to_vec()
}

#[test]
fn any_number_of_stages_trains_as_one_machine_does_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    let tokens = Arc::new(crate::example_text::squares(folder.path()));
    for (optimiser, clip) in [(Optimiser::AdamW, 0.1), (Optimiser::Muon, 0.0)] {
        let mut one = settings(1, optimiser);
        one.run.optimiser.clip = clip;
        let plain = plain(&one, &tokens);
        for speeds in [&[1e4][..], &[1e4, 3e4], &[2e4, 1e4, 1e4]] {
            let mut settings = settings(speeds.len() as u32, optimiser);
            settings.run.optimiser.clip = clip;
            assert!(
                weights(swarm(&settings, &tokens, speeds)) == plain,
                "{optimiser:?} {speeds:?}"
            );
        }
    }
}

#[test]
fn a_stage_that_dies_is_taken_by_a_peer_that_waits_and_nothing_changes() {
    let folder = tempfile::tempdir().unwrap();
    let tokens = Arc::new(crate::example_text::squares(folder.path()));
    let settings = short(Codec::INT8, Codec::BF16);
    let calm = weights(swarm(&settings, &tokens, &[1e4, 1e4]));
    for dies in [1, 2] {
        let mut troubled = swarm(&settings, &tokens, &[1e4, 1e4]);
        troubled.act(Time::from_seconds(1.4), Act::Kill(PeerId(dies)));
        troubled.act(Time::from_seconds(5.0), Act::Join(PeerId(3), peer(2e4)));
        troubled.run(Time::from_seconds(1e5));
        let begun =
            |sent: &&Sent| sent.kind == "begin" && sent.to == PeerId(3) && sent.bytes > 1000;
        assert_eq!(troubled.traffic().iter().filter(begun).count(), 1, "from a copy");
        assert!(weights(troubled) == calm, "stage {dies}");
    }
}

#[test]
fn stalls_partitions_and_a_restarted_coordinator_cost_time_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let tokens = Arc::new(crate::example_text::squares(folder.path()));
    let settings = short(Codec::F32, Codec::F32);
    let calm = weights(swarm(&settings, &tokens, &[1e4, 1e4]));
    let minute = Duration::from_secs(60);
    for act in [
        Act::Stall(PeerId(1), minute),
        Act::Partition(vec![PeerId(2)], minute),
        Act::Partition(vec![PeerId(2), PeerId::COORDINATOR], Duration::from_millis(400)),
        Act::RestartCoordinator(Duration::from_secs(1)),
    ] {
        let mut troubled = swarm(&settings, &tokens, &[1e4, 1e4]);
        troubled.act(Time::from_seconds(1.4), act.clone());
        assert!(weights(troubled) == calm, "{act:?}");
    }
}

#[test]
fn without_a_peer_for_a_stage_the_run_says_what_it_waits_for() {
    let settings = settings(2, Optimiser::AdamW);
    let make = || InStages(DummyModel::new(&settings.run));
    let mut swarm = VirtualSwarm::new(settings.clone(), Line::default(), make);
    for id in 1..=2 {
        swarm.act(Time::ZERO, Act::Join(PeerId(id), peer(1e4)));
    }
    swarm.act(Time::from_seconds(4.0), Act::Kill(PeerId(2)));
    assert!(!swarm.run(Time::from_seconds(1e7)));
    assert_eq!(
        swarm.coordinator().unwrap().problem().unwrap(),
        "stage 2 of 2 has no peer, and nobody waits to take it; 4 of 6 steps are kept"
    );
}

#[test]
fn a_run_that_diverges_ends_with_the_stage_that_saw_it() {
    let folder = tempfile::tempdir().unwrap();
    let tokens = Arc::new(crate::example_text::squares(folder.path()));
    let mut settings = settings(2, Optimiser::AdamW);
    settings.run.optimiser.matrix_learning_rate = f32::INFINITY;
    let mut swarm = swarm(&settings, &tokens, &[1e4, 1e4]);
    swarm.run(Time::from_seconds(1e5));
    let conductor = swarm.coordinator().unwrap();
    assert!(!conductor.is_finished());
    assert_eq!(
        conductor.problem().unwrap(),
        "stage 2 of 2 stopped at step 1: a vector encoded as fp32 is refused: a value is not a finite \
         number, or beyond 2^110"
    );
}

#[test]
fn a_rehearsal_without_training_takes_the_same_time_and_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let tokens = Arc::new(crate::example_text::squares(folder.path()));
    let settings = Settings { up: Codec::INT4, ..settings(2, Optimiser::Muon) };
    let mut real = swarm(&settings, &tokens, &[1e4, 1e4]);
    let mut dummy = VirtualSwarm::new(settings.clone(), Line::default(), || {
        InStages(DummyModel::new(&settings.run))
    });
    for id in 1..=2 {
        dummy.act(Time::ZERO, Act::Join(PeerId(id), peer(1e4)));
    }
    assert!(real.run(Time::from_seconds(1e5)) && dummy.run(Time::from_seconds(1e5)));
    let difference = real.finished().unwrap().seconds() / dummy.finished().unwrap().seconds() - 1.0;
    assert!(difference.abs() < 0.001, "{difference}");
    let bytes = |of: u64, to: u64| (of as f64 / to as f64 - 1.0).abs() < 0.001;
    assert!(bytes(real.bytes().values().sum(), dummy.bytes().values().sum()));
}

#[test]
fn a_copy_that_takes_longer_than_many_steps_does_get_whole() {
    let settings = Settings { peers: 1, ..short(Codec::F32, Codec::F32) };
    let pipeline =
        Pipeline { micro_windows: 2, checkpoint_every: 4, ..Pipeline::new(1, &settings.run) };
    let settings = Settings { method: Method::Pipeline(pipeline), ..settings };
    let run = settings.run.clone();
    let mut swarm =
        VirtualSwarm::new(settings, Line::default(), move || InStages(DummyModel::new(&run)));
    // A step takes a twentieth of a second, a copy half a minute.
    let slow = VirtualPeer { line: Line::new(4e5, 4e5, 0.02), ..peer(5e3) };
    swarm.act(Time::ZERO, Act::Join(PeerId(1), slow));
    assert!(swarm.run(Time::from_seconds(3600.0)) && swarm.coordinator().unwrap().is_finished());
}
