//! Stages that lie, in virtual time: who is found, and that nothing of it is left.

mod liar;

use std::sync::Arc;
use std::time::Duration;

use self::liar::{Hostile, LIES_FROM, Lie, added, done, kept, packed, reported, shown, summed};
use super::super::coordinator::Standing;
use super::super::habit::Habit;
use super::super::machine::Note;
use super::super::message::PeerId;
use super::super::settings::{Audit, Settings};
use super::super::time::Time;
use super::super::virtual_time::{Act, Line, VirtualPeer, VirtualSwarm};
use super::tests::{peer, short, swarm, weights};
use super::*;
use crate::example_text;
use crate::threads::Threads;
use crate::tokens::TokenFile;

/// Three stages, a copy every four of twelve steps, and norms that are told.
fn audited(share: f64) -> Settings {
    let mut settings = short(Codec::INT8, Codec::BF16);
    settings.run.optimiser.clip = 0.1;
    let Method::Pipeline(pipeline) = settings.method else { panic!("a pipeline") };
    settings.method = Method::Pipeline(Pipeline { stages: 3, ..pipeline });
    Settings { peers: 3, audit: Audit { share, ..Audit::default() }, ..settings }
}

fn hostile<'a>(
    settings: &Settings,
    tokens: &'a Arc<TokenFile>,
    peers: u32,
    liar: PeerId,
    lie: Lie,
) -> VirtualSwarm<'a, Hostile> {
    let run = settings.run.clone();
    let mut swarm = VirtualSwarm::new(settings.clone(), Line::default(), move || Hostile {
        model: EngineModel::new(&run, tokens, Threads::new(1)).unwrap(),
        liar,
        lie: lie.clone(),
    });
    for id in 1..=peers {
        swarm.act(Time::ZERO, Act::Join(PeerId(id), peer(1e4)));
    }
    swarm
}

/// Who was evicted, and why; with the steps that were done at the moment.
fn evicted(notes: &[(Time, Note)]) -> Vec<(PeerId, String, u64)> {
    let mut steps = 0;
    let mut found = Vec::new();
    for (_, note) in notes {
        match note {
            Note::Round(round) => steps = round.round + 1,
            Note::Peer { peer, what } => {
                let why = what.strip_prefix("evicted: ");
                found.extend(why.map(|why| (*peer, why.to_owned(), steps)));
            }
        }
    }
    found
}

#[test]
fn audits_of_honest_stages_change_no_bit_and_evict_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let tokens = Arc::new(example_text::squares(folder.path()));
    let calm = weights(swarm(&audited(0.0), &tokens, &[1e4; 3]));
    for share in [0.3, 1.0] {
        let mut swarm = swarm(&audited(share), &tokens, &[1e4; 3]);
        swarm.run(Time::from_seconds(1e5));
        let asked = swarm.traffic().iter().filter(|sent| sent.kind == "challenge").count();
        let shown = swarm.traffic().iter().filter(|sent| sent.kind == "proof").count();
        assert_eq!(asked, shown);
        assert!(if share < 1.0 { (3..20).contains(&asked) } else { asked == 36 }, "{asked}");
        assert!(evicted(swarm.notes()).is_empty());
        assert!(weights(swarm) == calm);
    }
}

#[test]
fn trouble_with_audits_costs_time_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let tokens = Arc::new(example_text::squares(folder.path()));
    let calm = weights(swarm(&audited(0.0), &tokens, &[1e4; 3]));
    let minute = Duration::from_secs(60);
    for act in [
        Act::Kill(PeerId(2)),
        Act::Stall(PeerId(1), minute),
        Act::Partition(vec![PeerId(2)], minute),
        Act::Partition(vec![PeerId(2), PeerId::COORDINATOR], Duration::from_millis(400)),
        Act::RestartCoordinator(Duration::from_secs(1)),
    ] {
        let mut troubled = swarm(&audited(1.0), &tokens, &[1e4; 4]);
        troubled.act(Time::from_seconds(1.4), act.clone());
        troubled.run(Time::from_seconds(1e5));
        assert_eq!(evicted(troubled.notes()), [], "{act:?}");
        assert!(weights(troubled) == calm, "{act:?}");
    }
}

#[test]
fn a_stage_with_any_habit_is_evicted_and_the_run_ends_as_without_it() {
    let folder = tempfile::tempdir().unwrap();
    let tokens = Arc::new(example_text::squares(folder.path()));
    let calm = weights(swarm(&audited(0.0), &tokens, &[1e4; 3]));
    for habit in Habit::hostile(1.0) {
        for liar in 1..=3 {
            let mut swarm = swarm(&audited(1.0), &tokens, &[]);
            for id in 1..=4 {
                let habit = if id == liar { habit.clone() } else { Habit::Honest };
                swarm.act(Time::ZERO, Act::Join(PeerId(id), VirtualPeer { habit, ..peer(1e4) }));
            }
            swarm.run(Time::from_seconds(1e5));
            let found = evicted(swarm.notes());
            assert!(
                matches!(&found[..], [(who, _, steps)] if *who == PeerId(liar) && *steps <= 3),
                "{habit:?} of {liar}: {found:?}"
            );
            let attendance = swarm.coordinator().unwrap().attendance();
            assert_eq!(attendance[&PeerId(liar)].standing, Standing::Evicted);
            assert!(swarm.worker(PeerId(liar)).unwrap().is_evicted());
            assert!(weights(swarm) == calm, "{habit:?} of {liar}");
        }
    }
}

#[test]
fn a_stage_that_lies_in_any_message_is_evicted_and_the_run_ends_as_without_it() {
    let folder = tempfile::tempdir().unwrap();
    let tokens = Arc::new(example_text::squares(folder.path()));
    let calm = weights(swarm(&audited(0.0), &tokens, &[1e4; 3]));
    let repeated = "repeated, gives something else";
    let sent = "it sent something else than it reported";
    let unreadable = "it sent what nobody can read";
    let lies: [(&str, u32, Lie, &str); 16] = [
        ("update", 2, Lie::Update, repeated),
        ("activations", 2, packed(true, |body| body[0] ^= 1), sent),
        ("gradients", 2, packed(false, |body| body[0] ^= 1), sent),
        ("too much", 1, packed(true, |body| body.push(0)), unreadable),
        ("norm", 1, added(|norm| norm.add(&[0.5])), sent),
        ("total", 3, summed(|norm| *norm *= 2.0), sent),
        ("loss", 3, done(|loss, _| *loss *= 0.5), repeated),
        ("state", 1, reported(|report| report.state[0] ^= 1), repeated),
        (
            "frames the one before",
            2,
            reported(|report| report.read[0][0] ^= 1),
            "it read something else than it reported",
        ),
        ("frames the next one", 2, reported(|report| report.sent[1][0] ^= 1), sent),
        ("no report", 2, done(|_, report| *report = None), "its report is missing"),
        (
            "copy",
            1,
            kept(|state| state[0] += 1.0),
            "the copy of its part is not the state it reported",
        ),
        ("no evidence", 1, Lie::Silence("proof"), "an audit was not answered"),
        (
            "another state",
            2,
            shown(|evidence| evidence.state.truncate(9)),
            "its state before step 5 is not the one it reported",
        ),
        ("no gradients", 2, shown(|evidence| evidence.gradients.clear()), repeated),
        ("long activations", 2, shown(|evidence| evidence.activations.push(1)), repeated),
    ];
    for (name, liar, lie, why) in lies {
        let mut swarm = hostile(&audited(1.0), &tokens, 4, PeerId(liar), lie);
        let over = swarm.run(Time::from_seconds(1e5));
        let found = evicted(swarm.notes());
        assert!(
            matches!(&found[..], [(who, what, _)] if *who == PeerId(liar) && what.contains(why)),
            "{name}: {found:?}"
        );
        let conductor = swarm.coordinator().unwrap();
        assert!(over && conductor.kept_parameters() == calm, "{name}");
    }
}

#[test]
fn audits_of_a_share_of_steps_find_a_stage_that_goes_on_lying() {
    let folder = tempfile::tempdir().unwrap();
    let tokens = Arc::new(example_text::squares(folder.path()));
    let mut settings = audited(0.25);
    settings.run.steps = 24;
    let mut swarm = hostile(&settings, &tokens, 4, PeerId(2), Lie::Update);
    assert!(swarm.run(Time::from_seconds(1e5)));
    let found = evicted(swarm.notes());
    assert!(matches!(&found[..], [(PeerId(2), _, LIES_FROM..=24)]), "{found:?}");
}

#[test]
fn an_honest_run_that_diverges_evicts_nobody_and_ends_with_the_stage_that_saw_it() {
    let folder = tempfile::tempdir().unwrap();
    let tokens = Arc::new(example_text::squares(folder.path()));
    let mut settings = audited(1.0);
    settings.run.optimiser.matrix_learning_rate = f32::INFINITY;
    // With and without a peer that waits.
    for peers in [3, 4] {
        let mut swarm = swarm(&settings, &tokens, &vec![1e4; peers]);
        swarm.run(Time::from_seconds(1e5));
        assert_eq!(evicted(swarm.notes()), []);
        let problem = swarm.coordinator().unwrap().problem().unwrap();
        assert!(problem.starts_with("stage 1 of 3 stopped at step 1: a vector"), "{problem}");
    }
}

#[test]
fn a_peer_that_leaves_its_post_whenever_it_is_asked_is_evicted_the_third_time() {
    let folder = tempfile::tempdir().unwrap();
    let tokens = Arc::new(example_text::squares(folder.path()));
    let mut swarm = hostile(&audited(1.0), &tokens, 3, PeerId(2), Lie::Silence("proof"));
    for at in 0..8 {
        swarm.act(Time::from_seconds(2.0 + f64::from(at) * 2.0), Act::Kill(PeerId(2)));
        swarm.act(Time::from_seconds(2.5 + f64::from(at) * 2.0), Act::Join(PeerId(2), peer(1e4)));
    }
    swarm.run(Time::from_seconds(1e5));
    let found = evicted(swarm.notes());
    let why = "it was gone with an audit open, once too often";
    assert!(matches!(&found[..], [(PeerId(2), what, _)] if what == why), "{found:?}");
}

#[test]
fn a_swarm_file_may_have_liars_where_there_is_somebody_to_lie_to() {
    let text = |count: u32| {
        format!(
            "name = \"lies\"\ndepth = 2\ntokens = 1e5\n[recipe]\nhead = \"untied\"\n[method]\n\
             kind = \"pipeline\"\n[rules]\naudit = 0.5\n[[peer]]\nname = \"liar\"\nspeed = 1e4\n\
             up = 1e6\ndown = 1e6\nhabit = \"zero\"\ncount = {count}\n"
        )
    };
    let settings = |count| {
        crate::swarm::spec::Swarm::parse("a", &text(count))
            .and_then(|swarm| swarm.settings(256, ""))
    };
    assert_eq!(settings(2).unwrap().audit.share, 0.5);
    let problem = settings(1).unwrap_err();
    assert!(problem.message().contains("here is one stage"), "{problem}");
}
