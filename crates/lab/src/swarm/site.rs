//! Peers of one site act as one peer of the swarm: they share every step over the site's own line.
//!
//! ```text
//! coordinator ◀── slow line ──▶ head of a site: a worker like any other
//!                                 │  fast line: parameters and windows ─▶ ◀─ gradient
//!                               members
//! ```
//!
//! The site's first peer is its head. It cuts the text of a step among all by their speeds and
//! applies the mean of their gradients, weighted by windows, in the order of the peers' numbers,
//! as a synchronous swarm does. Members keep nothing between two steps: who is silent costs the
//! head its share of the work, and may come back at any step.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::coordinator::apportion;
use super::learner::Learner;
use super::machine::Effect;
use super::message::{Message, PeerId};
use super::patience::Patience;
use super::robust::{Aggregation, Weighted};
use super::time::Time;
use super::wire::bytes_on_wire;

/// What is said within a site. The order of variants is part of the format: add at the end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum SiteSay {
    /// Member: I am here, and compute so many tokens a second.
    Join {
        /// Tokens a second.
        speed: f64,
    },
    /// Head: you take part.
    Welcome,
    /// Head: the gradient at these parameters on these windows.
    Compute {
        /// Which step.
        tag: u64,
        /// The windows.
        windows: Vec<u64>,
        /// All parameters.
        parameters: Vec<f32>,
    },
    /// Member: the gradient.
    Gradient {
        /// Which step.
        tag: u64,
        /// Mean loss, nats per token.
        loss: f64,
        /// Mean gradient.
        gradient: Vec<f32>,
    },
    /// Head: the run is over.
    Over,
}

impl SiteSay {
    /// A word for logs.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Join { .. } => "site join",
            Self::Welcome => "site welcome",
            Self::Compute { .. } => "site compute",
            Self::Gradient { .. } => "site gradient",
            Self::Over => "site over",
        }
    }
}

/// A peer's place in its site.
pub(super) enum Place {
    /// Speaks for the site.
    Head(Head),
    /// Computes for the head.
    Member(Member),
}

impl Place {
    /// Bytes that crossed within the site since it was asked last.
    pub(super) fn take_crossed(&mut self) -> u64 {
        match self {
            Self::Head(head) => std::mem::take(&mut head.crossed),
            Self::Member(_) => 0,
        }
    }
}

/// What the head knows of its site.
pub(super) struct Head {
    me: PeerId,
    speed: f64,
    members: BTreeMap<PeerId, f64>,
    tag: u64,
    step: Option<Step>,
    /// Whether its own share is being computed.
    computing: bool,
    patience: Patience,
    /// Numbers of the model.
    parameters: usize,
    /// Bytes within the site since the last update.
    crossed: u64,
    /// Members whose gradient nobody could use.
    refused: BTreeSet<PeerId>,
}

/// A step that goes on.
struct Step {
    began: Time,
    /// Who computes which windows and has not delivered.
    out: BTreeMap<PeerId, Vec<u64>>,
    /// Windows, mean loss and mean gradient of those who have.
    parts: BTreeMap<PeerId, (u64, f64, Vec<f32>)>,
    schedule: f32,
}

/// A step that is whole: windows, mean loss, mean gradient, and the schedule.
pub(super) struct Whole {
    pub(super) windows: f64,
    pub(super) loss: f64,
    pub(super) gradient: Vec<f32>,
    pub(super) schedule: f32,
}

impl Head {
    pub(super) fn new(me: PeerId, speed: f64, patience: f64, parameters: usize) -> Self {
        let (first, least) = (Duration::from_secs(60), Duration::from_secs(2));
        let patience = Patience::new(first, least, 0.9, patience);
        Self {
            me,
            speed,
            members: BTreeMap::new(),
            tag: 0,
            step: None,
            computing: false,
            patience,
            parameters,
            crossed: 0,
            refused: BTreeSet::new(),
        }
    }

    /// A message that goes or came; those within the site are counted.
    pub(super) fn crosses(&mut self, message: &Message) {
        if let Message::Site(_) = message {
            self.crossed += bytes_on_wire(message.to_bytes().len()) as u64;
        }
    }

    /// Whether a step goes on.
    pub(super) fn is_busy(&self) -> bool {
        self.step.is_some()
    }

    /// What it computed itself is done.
    pub(super) fn computed(&mut self) {
        self.computing = false;
    }

    /// How long members may take.
    pub(super) fn span(&self) -> Duration {
        self.patience.span()
    }

    /// The step that goes on, to know it again.
    pub(super) fn tag(&self) -> u64 {
        self.tag
    }

    /// Gives the windows of a step out and computes its own; the windows of these.
    pub(super) fn begin<L: Learner>(
        &mut self,
        learner: &mut L,
        windows: &[u64],
        schedule: f32,
        now: Time,
        out: &mut Vec<Effect>,
    ) -> u64 {
        self.tag += 1;
        let mut all = self.members.clone();
        all.insert(self.me, self.speed);
        let speeds: Vec<f64> = all.values().map(|speed| speed.max(1e-3)).collect();
        let mut rest = windows;
        let mut step = Step { began: now, out: BTreeMap::new(), parts: BTreeMap::new(), schedule };
        let mut own: &[u64] = &[];
        for (peer, share) in all.keys().zip(apportion(windows.len() as u64, &speeds)) {
            let (part, after) = rest.split_at(share as usize);
            rest = after;
            if *peer == self.me {
                own = part;
            } else if !part.is_empty() {
                let compute = SiteSay::Compute {
                    tag: self.tag,
                    windows: part.to_vec(),
                    parameters: learner.parameters().to_vec(),
                };
                out.push(Effect::Send(*peer, Message::Site(compute)));
                step.out.insert(*peer, part.to_vec());
            }
        }
        if !own.is_empty() {
            let (loss, gradient) = learner.gradient(own);
            step.parts.insert(self.me, (own.len() as u64, loss, gradient));
        }
        (self.step, self.computing) = (Some(step), true);
        own.len() as u64
    }

    /// From a member.
    pub(super) fn heard(&mut self, from: PeerId, say: SiteSay, now: Time, out: &mut Vec<Effect>) {
        match say {
            SiteSay::Join { .. } if self.refused.contains(&from) => {}
            SiteSay::Join { speed } if speed.is_finite() && speed > 0.0 => {
                self.members.insert(from, speed);
                out.push(Effect::Send(from, Message::Site(SiteSay::Welcome)));
            }
            SiteSay::Gradient { tag, loss, gradient } => {
                let Some(step) = self.step.as_mut().filter(|_| tag == self.tag) else { return };
                let sound = gradient.len() == self.parameters
                    && loss.is_finite()
                    && gradient.iter().all(|x| x.is_finite());
                if !sound {
                    // Its windows stay out until it is given up; it gets no more.
                    self.refused.insert(from);
                    self.members.remove(&from);
                    return;
                }
                if let Some(windows) = step.out.remove(&from) {
                    step.parts.insert(from, (windows.len() as u64, loss, gradient));
                    self.patience.saw(now.since(step.began));
                }
            }
            _ => {}
        }
    }

    /// Members have taken too long: the head does what they were given; its windows.
    pub(super) fn give_up<L: Learner>(&mut self, learner: &mut L) -> u64 {
        let Some(step) = &mut self.step else { return 0 };
        if step.out.is_empty() {
            return 0;
        }
        self.computing = true;
        let mut windows = 0;
        for (peer, silent) in std::mem::take(&mut step.out) {
            self.members.remove(&peer);
            let (loss, gradient) = learner.gradient(&silent);
            windows += silent.len() as u64;
            step.parts.insert(peer, (silent.len() as u64, loss, gradient));
        }
        windows
    }

    /// The step, once every part is there.
    pub(super) fn whole(&mut self) -> Option<Whole> {
        let step = self.step.take_if(|step| step.out.is_empty() && !self.computing)?;
        let parts = || step.parts.values();
        let weighted: Vec<Weighted<'_>> =
            parts().map(|(windows, _, g)| (*windows as f64, g.as_slice())).collect();
        let all: f64 = weighted.iter().map(|(windows, _)| windows).sum();
        let loss = parts().map(|(windows, loss, _)| *windows as f64 * loss).sum::<f64>() / all;
        let gradient = Aggregation::Mean.combine(&weighted, self.parameters);
        Some(Whole { windows: all, loss, gradient, schedule: step.schedule })
    }

    /// Members are told that the run is over.
    pub(super) fn end(&self, out: &mut Vec<Effect>) {
        let over = |peer: &PeerId| Effect::Send(*peer, Message::Site(SiteSay::Over));
        out.extend(self.members.keys().map(over));
    }
}

/// What a member knows.
pub(super) struct Member {
    pub(super) head: PeerId,
    pub(super) welcome: bool,
    /// What it says when its computing is done.
    pub(super) answer: Option<SiteSay>,
}

impl Member {
    pub(super) fn new(head: PeerId) -> Self {
        Self { head, welcome: false, answer: None }
    }

    /// Computes what the head asks for; its windows. None that is out of order is computed.
    pub(super) fn compute<L: Learner>(&mut self, learner: &mut L, say: SiteSay) -> Option<u64> {
        let SiteSay::Compute { tag, windows, parameters } = say else { return None };
        if windows.is_empty() || parameters.len() != learner.parameters().len() {
            return None;
        }
        self.welcome = true;
        learner.set_parameters(&parameters);
        let (loss, gradient) = learner.gradient(&windows);
        self.answer = Some(SiteSay::Gradient { tag, loss, gradient });
        Some(windows.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::super::settings::{Diloco, Method, Settings};
    use super::super::tests::{diloco, finish, settings, toys};
    use super::super::toy::Toy;
    use super::super::virtual_time::{Act, Line, VirtualSwarm};
    use super::*;

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
    fn a_gradient_that_is_no_number_is_not_taken_and_its_sender_not_asked_again() {
        let (head, honest, hostile) = (PeerId(1), PeerId(2), PeerId(3));
        let mut learner = Toy::new();
        let mut site = Head::new(head, 1e4, 3.0, learner.parameters().len());
        let mut out = Vec::new();
        for peer in [honest, hostile] {
            site.heard(peer, SiteSay::Join { speed: 1e4 }, Time::ZERO, &mut out);
        }
        let windows: Vec<u64> = (0..9).collect();
        let step = |site: &mut Head, learner: &mut Toy, wrong: f32| {
            let mut out = Vec::new();
            site.begin(learner, &windows, 1.0, Time::ZERO, &mut out);
            site.computed();
            for effect in out {
                let Effect::Send(to, Message::Site(say)) = effect else { continue };
                let mut member = Member::new(head);
                member.compute(&mut learner.clone(), say);
                let Some(SiteSay::Gradient { tag, loss, mut gradient }) = member.answer else {
                    continue;
                };
                if to == hostile {
                    gradient[0] = wrong;
                }
                let answer = SiteSay::Gradient { tag, loss, gradient };
                site.heard(to, answer, Time::ZERO, &mut Vec::new());
            }
        };
        step(&mut site, &mut learner, f32::NAN);
        assert!(site.whole().is_none(), "its windows are still out");
        assert_eq!(site.give_up(&mut learner), 3);
        site.computed();
        let whole = site.whole().unwrap();
        assert!(whole.gradient.iter().all(|x| x.is_finite()));
        assert_eq!(whole.windows, 9.0);
        // It may ask again, and gets nothing.
        site.heard(hostile, SiteSay::Join { speed: 1e9 }, Time::ZERO, &mut out);
        step(&mut site, &mut learner, f32::NAN);
        assert_eq!(site.whole().unwrap().windows, 9.0);
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
}
