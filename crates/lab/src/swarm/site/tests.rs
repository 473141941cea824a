//! A head and its members, one by one and in a swarm.

use std::collections::BTreeMap;
use std::time::Duration;

use super::*;
use crate::swarm::coordinator::{Coordinator, Standing};
use crate::swarm::machine::{Effect, Event, Note};
use crate::swarm::message::Message;
use crate::swarm::rehearsal::play;
use crate::swarm::settings::{Audit, Diloco, Method, Settings};
use crate::swarm::spec::Swarm;
use crate::swarm::tests::{diloco, finish, settings, toys};
use crate::swarm::time::Time;
use crate::swarm::toy::Toy;
use crate::swarm::virtual_time::{Act, Line, VirtualPeer, VirtualSwarm};

const HEAD: PeerId = PeerId(1);
const HONEST: PeerId = PeerId(2);
const HOSTILE: PeerId = PeerId(3);

/// The steps of one site, without a swarm around it.
struct Steps {
    head: Head,
    learner: Toy,
    /// What the head said, but for the work it gave out.
    said: Vec<(PeerId, SiteSay)>,
    /// Parts that the head computed beside its own.
    repeated: u64,
}

impl Steps {
    fn new(audit: f64, seed: u64) -> Self {
        let mut settings = settings(1, diloco(10), 100);
        settings.audit = Audit { share: audit, sites: true, ..Audit::default() };
        settings.run.seed = seed;
        let learner = Toy::new();
        let head = Head::new(HEAD, 1e4, &settings, learner.parameters().len());
        let mut steps = Self { head, learner, said: Vec::new(), repeated: 0 };
        for peer in [HONEST, HOSTILE] {
            steps.hear(peer, SiteSay::Join { speed: 1e4 });
        }
        steps.said.clear();
        steps
    }

    fn hear(&mut self, from: PeerId, say: SiteSay) {
        let mut out = Vec::new();
        self.head.heard(from, say, Time::ZERO, &mut out);
        self.keep(out);
    }

    fn keep(&mut self, out: Vec<Effect>) {
        for effect in out {
            let Effect::Send(to, Message::Site(say)) = effect else { panic!("{effect:?}") };
            self.said.push((to, say));
        }
    }

    /// Gives out nine windows; what each member answers.
    fn begin(&mut self) -> BTreeMap<PeerId, SiteSay> {
        let (mut out, windows) = (Vec::new(), (0..9).collect::<Vec<u64>>());
        self.head.begin(&mut self.learner, &windows, 1.0, Time::ZERO, &mut out);
        let answer = |effect| {
            let Effect::Send(to, Message::Site(say)) = effect else { panic!("{effect:?}") };
            let mut member = Member::new(HEAD);
            member.compute(&mut self.learner.clone(), &mut Habit::Honest, say).unwrap();
            (to, member.answer.unwrap())
        };
        out.into_iter().map(answer).collect()
    }

    /// The windows of a part that the head computes now.
    fn catch_up(&mut self) -> Option<u64> {
        let mut out = Vec::new();
        let windows = self.head.catch_up(&mut self.learner, &mut out);
        self.repeated += u64::from(windows.is_some());
        self.keep(out);
        windows
    }

    /// A whole step in which the hostile member's gradient goes through `lie`.
    fn step(&mut self, lie: fn(Vec<f32>) -> Vec<f32>) {
        for (peer, mut answer) in self.begin() {
            if let SiteSay::Gradient { gradient, .. } = &mut answer
                && peer == HOSTILE
            {
                *gradient = lie(std::mem::take(gradient));
            }
            self.hear(peer, answer);
        }
        self.head.computed();
        while self.catch_up().is_some() {
            self.head.computed();
        }
        let whole = self.head.whole().unwrap();
        assert_eq!(whole.windows, 9.0);
        self.learner.apply(whole.gradient, whole.schedule);
    }
}

fn honest(gradient: Vec<f32>) -> Vec<f32> {
    gradient
}

/// As small as a lie can be.
fn last_bit(mut gradient: Vec<f32>) -> Vec<f32> {
    gradient[0] = f32::from_bits(gradient[0].to_bits() ^ 1);
    gradient
}

fn flipped(gradient: Vec<f32>) -> Vec<f32> {
    gradient.into_iter().map(|x| -x).collect()
}

fn no_number(mut gradient: Vec<f32>) -> Vec<f32> {
    gradient[0] = f32::NAN;
    gradient
}

fn too_short(mut gradient: Vec<f32>) -> Vec<f32> {
    gradient.truncate(3);
    gradient
}

fn refusal() -> [(PeerId, SiteSay); 2] {
    [HOSTILE, PeerId::COORDINATOR].map(|to| (to, SiteSay::Refused { peer: HOSTILE }))
}

#[test]
fn a_lie_that_is_audited_never_enters_and_the_liar_counts_as_absent_from_the_next_step_on() {
    for truthful in [0, 4] {
        let (mut site, mut calm) = (Steps::new(1.0, 0), Steps::new(0.0, 0));
        for step in 0..10 {
            site.step(if step < truthful { honest } else { last_bit });
            calm.step(honest);
            if step == truthful {
                assert_eq!(site.said, refusal());
                // In the other site it is only silent, and given up, before the next step.
                calm.begin();
                calm.head.give_up();
                calm.head.computed();
                while calm.catch_up().is_some() {
                    calm.head.computed();
                }
                calm.head.whole().unwrap();
                calm.hear(HONEST, SiteSay::Join { speed: 1e4 });
            }
            assert_eq!(site.learner, calm.learner, "step {step}");
        }
        assert_eq!(site.said.len(), 2, "it is refused once");
        // It may not join again.
        site.hear(HOSTILE, SiteSay::Join { speed: 1e9 });
        assert_eq!(site.said[2], refusal()[0]);
        assert!(!site.begin().contains_key(&HOSTILE));
    }
}

#[test]
fn without_an_audit_a_lie_enters() {
    let (mut site, mut calm) = (Steps::new(0.0, 0), Steps::new(0.0, 0));
    site.step(flipped);
    calm.step(honest);
    assert_ne!(site.learner, calm.learner);
    assert_eq!(site.said, []);
}

#[test]
fn a_gradient_that_is_no_number_is_made_up_for_and_its_sender_refused() {
    for lie in [no_number, too_short] {
        let (mut site, mut calm) = (Steps::new(0.0, 0), Steps::new(0.0, 0));
        site.step(lie);
        calm.step(honest);
        assert_eq!(site.learner, calm.learner);
        assert_eq!(site.said, refusal());
    }
}

#[test]
fn so_many_gradients_are_audited_as_the_share_says_and_which_differs_by_seed() {
    let mut found = Vec::new();
    for seed in 0..100 {
        let mut site = Steps::new(0.25, seed);
        let steps = (1_u64..1000).find(|_| {
            site.step(last_bit);
            !site.said.is_empty()
        });
        found.push(steps.unwrap());
    }
    // Four on average, one more or less being over two standard errors.
    let mean = found.iter().sum::<u64>() as f64 / 100.0;
    assert!((3.0..5.0).contains(&mean), "{mean}: {found:?}");

    let mut site = Steps::new(0.25, 0);
    for _ in 0..400 {
        site.step(honest);
    }
    assert!((170..230).contains(&site.repeated), "{}", site.repeated);
    assert_eq!(site.said, []);
}

#[test]
fn a_head_computes_one_thing_at_a_time() {
    let mut site = Steps::new(1.0, 0);
    for (peer, answer) in site.begin() {
        site.hear(peer, answer);
        assert_eq!(site.catch_up(), None, "its own part is not done");
    }
    for _ in [HONEST, HOSTILE] {
        site.head.computed();
        assert_eq!(site.catch_up(), Some(3));
        assert_eq!(site.catch_up(), None);
        assert!(site.head.whole().is_none());
    }
    site.head.computed();
    assert_eq!(site.catch_up(), None);
    assert!(site.head.whole().is_some());
}

/// Peers of these speeds, the first so many of them in one site each.
fn swarm(settings: &Settings, speeds: &[f64], sites: &[&[u32]]) -> VirtualSwarm<'static, Toy> {
    let mut swarm = toys(settings, speeds);
    for site in sites {
        let peers: Vec<PeerId> = site.iter().map(|peer| PeerId(*peer)).collect();
        swarm = swarm.with_site(&peers, Line::new(1e9, 1e9, 1e-4));
    }
    swarm
}

fn shared(swarm: &mut VirtualSwarm<'_, Toy>) -> Vec<f32> {
    finish(swarm);
    swarm.coordinator().unwrap().shared_parameters().to_vec()
}

fn audited(settings: &Settings, share: f64) -> Settings {
    let audit = Audit { share, sites: true, ..Audit::default() };
    Settings { audit, ..settings.clone() }
}

#[test]
fn audits_of_honest_sites_cost_time_and_change_no_bit() {
    let settings = Settings { inner_windows: 6, ..settings(3, diloco(10), 200) };
    let run = |share: f64| {
        // The last peer is alone, and nobody audits it: it could call itself a site.
        let sites: [&[u32]; 2] = [&[1, 2], &[3, 4, 5]];
        let speeds = [1e4, 1e4, 1e4, 1e4, 1e4, 1e5];
        let mut swarm = swarm(&audited(&settings, share), &speeds, &sites);
        let shared = shared(&mut swarm);
        assert!(swarm.traffic().iter().all(|sent| sent.kind != "challenge"));
        let mut peers = swarm.coordinator().unwrap().peers().values();
        assert!(peers.all(|peer| peer.standing == Standing::Active));
        (shared, swarm.finished().unwrap().seconds())
    };
    let (plain, some, all) = (run(0.0), run(0.3), run(1.0));
    assert!(plain.0 == some.0 && plain.0 == all.0);
    assert!(plain.1 < some.1 && some.1 < all.1, "{} {} {} s", plain.1, some.1, all.1);
}

#[test]
fn members_that_lie_are_found_and_told_and_the_run_ends_as_if_they_had_not_been() {
    let settings = settings(2, diloco(10), 400);
    let sites: [&[u32]; 2] = [&[1, 2], &[3, 4, 5]];
    let calm = finish(&mut swarm(&settings, &[1e4; 5], &sites));
    for habit in Habit::hostile(3.0) {
        let mut swarm = swarm(&audited(&settings, 1.0), &[1e4; 4], &sites);
        let line = Line::new(1e6, 4e6, 0.03);
        let hostile = VirtualPeer { speed: 1e4, line, habit: habit.clone() };
        swarm.act(Time::ZERO, Act::Join(PeerId(5), hostile));
        let loss = finish(&mut swarm);
        assert!((loss / calm - 1.0).abs() < 0.02, "{habit:?}: {loss} against {calm}");
        assert!(swarm.worker(PeerId(5)).unwrap().is_evicted(), "{habit:?}");
        let refused: Vec<_> = (swarm.notes().iter())
            .filter_map(|(_, note)| match note {
                Note::Peer { peer, what } if what.starts_with("refused") => Some((*peer, what)),
                _ => None,
            })
            .collect();
        let told = "refused by peer 3: its gradient was wrong".to_owned();
        assert_eq!(refused, [(PeerId(5), &told)], "{habit:?}");
    }
}

#[test]
fn what_a_peer_says_of_members_is_told_once_and_not_without_end() {
    let settings = settings(1, diloco(10), 400);
    let mut coordinator = Coordinator::new(settings, Toy::new());
    let hear = |coordinator: &mut Coordinator<Toy>, message| {
        let effects = coordinator.step(Time::ZERO, Event::Received(HEAD, message));
        effects.iter().filter(|effect| matches!(effect, Effect::Note(_))).count()
    };
    let refused = |peer| Message::Site(SiteSay::Refused { peer: PeerId(peer) });
    assert_eq!(hear(&mut coordinator, refused(9)), 0, "a stranger");
    hear(&mut coordinator, Message::Hello { speed: 1e4, holds: Some(0) });
    let mut told = |peer| hear(&mut coordinator, refused(peer));
    assert_eq!([told(9), told(9), told(HEAD.0)], [1, 0, 0]);
    assert!((100..10_000).map(told).sum::<usize>() < 100);
}

#[test]
fn a_files_audit_is_of_members_where_it_has_sites() {
    let text = r#"
        name = "home"
        depth = 1
        tokens = 40e3
        recipe = { context = 32, batch_tokens = 512 }
        rules = { audit = 1.0 }
        method = { inner_steps = 4 }
        site = [{ name = "here", up = 1e9, down = 1e9 }]
        peer = [
            { name = "alone", speed = 1e4, up = 1e6, down = 4e6 },
            { name = "desk", count = 2, site = "here", speed = 1e4, up = 1e6, down = 4e6 },
            { name = "liar", site = "here", habit = "zero", speed = 1e4, up = 1e6, down = 4e6 },
        ]
    "#;
    let file = Swarm::parse("home.toml", text).unwrap();
    let settings = file.settings(256, "").unwrap();
    assert!(settings.audits_members() == 1.0 && !settings.audits_updates());
    let played = play(&file, &settings, Toy::new, &mut |_| true).unwrap().unwrap();
    let standings = played.account.peers.iter().map(|peer| peer.standing.as_str());
    assert_eq!(
        standings.collect::<Vec<_>>(),
        ["active", "active", "with its site", "refused by its site"]
    );
}

#[test]
fn one_site_trains_as_synchronous_peers_do_up_to_the_rounding_of_one_outer_step() {
    // One round, so that the outer step only takes the mean change over.
    let whole = Diloco {
        inner_steps: 60,
        outer_learning_rate: 1.0,
        outer_momentum: 0.0,
        ..Diloco::default()
    };
    let alone = Settings { inner_windows: 8, ..settings(1, Method::Diloco(whole), 60) };
    let site = shared(&mut swarm(&alone, &[1e4; 3], &[&[1, 2, 3]]));
    let synchronous = shared(&mut toys(&settings(3, Method::Synchronous, 60), &[1e4; 3]));
    for (a, b) in site.iter().zip(&synchronous) {
        assert!((a - b).abs() <= 4.0 * f32::EPSILON, "{site:?} against {synchronous:?}");
    }
}

#[test]
fn sites_of_one_peer_are_diloco_bit_for_bit() {
    let settings = settings(2, diloco(10), 200);
    let mut apart = swarm(&settings, &[1e4, 2e4], &[&[1], &[2]]);
    let mut plain = toys(&settings, &[1e4, 2e4]);
    assert_eq!(shared(&mut apart), shared(&mut plain));
    assert_eq!(apart.bytes(), plain.bytes());
}

#[test]
fn sites_send_less_over_slow_lines_than_as_many_peers_and_end_at_the_same_loss() {
    let sites: [&[u32]; 2] = [&[1, 2, 3], &[4, 5, 6]];
    let mut in_sites = swarm(&settings(2, diloco(10), 400), &[1e4; 6], &sites);
    let mut apart = toys(&settings(6, diloco(10), 400), &[1e4; 6]);
    let (loss, plain) = (finish(&mut in_sites), finish(&mut apart));
    assert!((loss / plain - 1.0).abs() < 0.02, "{loss} against {plain}");
    let slow = |swarm: &VirtualSwarm<'_, Toy>| {
        let far = swarm.bytes().iter().filter(|((from, to), _)| !swarm.are_near(*from, *to));
        far.map(|(_, bytes)| bytes).sum::<u64>()
    };
    assert!(2 * slow(&in_sites) < slow(&apart));
}

#[test]
fn a_member_that_dies_or_stalls_costs_time_and_no_text() {
    let settings = settings(2, diloco(10), 400);
    let sites: [&[u32]; 2] = [&[1, 2], &[3, 4]];
    let calm = finish(&mut swarm(&settings, &[1e4; 4], &sites));
    for act in [Act::Kill(PeerId(2)), Act::Stall(PeerId(4), Duration::from_secs(100))] {
        let mut troubled = swarm(&settings, &[1e4; 4], &sites);
        troubled.act(Time::from_seconds(1.0), act.clone());
        let loss = finish(&mut troubled);
        assert!((loss / calm - 1.0).abs() < 0.02, "{act:?}: {loss} against {calm}");
    }
}
