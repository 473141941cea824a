//! The peer that speaks for a site: it shares a step out, checks what comes back, and makes up for
//! what does not.
//!
//! An audit repeats a member's gradient at the same parameters on the same windows. Honest machines
//! of one type of processor compute the same bits, so a difference counts as a lie, and the head's
//! own gradient takes its place.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::SiteSay;
use crate::swarm::coordinator::apportion;
use crate::swarm::learner::Learner;
use crate::swarm::machine::Effect;
use crate::swarm::message::{Message, PeerId};
use crate::swarm::patience::Patience;
use crate::swarm::robust::{Aggregation, Weighted};
use crate::swarm::settings::Settings;
use crate::swarm::time::Time;
use crate::swarm::wire::bytes_on_wire;

/// What the head knows of its site.
pub(in crate::swarm) struct Head {
    me: PeerId,
    speed: f64,
    members: BTreeMap<PeerId, f64>,
    tag: u64,
    step: Option<Step>,
    /// Whether it computes.
    computing: bool,
    patience: Patience,
    /// Numbers of the model.
    parameters: usize,
    /// Bytes within the site since the last update.
    crossed: u64,
    /// Members whose gradient was wrong.
    refused: BTreeSet<PeerId>,
    /// Share of the members' gradients that are audited.
    audit: f64,
    seed: u64,
    /// Bits that no member foresees, in the draw of audits: of the last loss on the head's own part.
    unforeseen: u64,
}

/// A step that goes on.
struct Step {
    began: Time,
    /// Who computes which windows and has not delivered.
    out: BTreeMap<PeerId, Vec<u64>>,
    /// What the head has to compute beside its own part.
    left: VecDeque<Task>,
    /// Windows, mean loss and mean gradient of the parts that are there.
    parts: BTreeMap<PeerId, Part>,
    schedule: f32,
}

type Part = (u64, f64, Vec<f32>);

/// A member's part that the head computes.
struct Task {
    member: PeerId,
    windows: Vec<u64>,
    /// The loss and the gradient that the member sent, in an audit.
    claim: Option<(f64, Vec<f32>)>,
}

/// A step that is whole: windows, mean loss, mean gradient, and the schedule.
pub(in crate::swarm) struct Whole {
    pub(in crate::swarm) windows: f64,
    pub(in crate::swarm) loss: f64,
    pub(in crate::swarm) gradient: Vec<f32>,
    pub(in crate::swarm) schedule: f32,
}

impl Head {
    /// Of a model of so many `parameters`; it believes to compute `speed` tokens a second itself.
    pub(in crate::swarm) fn new(
        me: PeerId,
        speed: f64,
        settings: &Settings,
        parameters: usize,
    ) -> Self {
        let (first, least) = (Duration::from_secs(60), Duration::from_secs(2));
        Self {
            me,
            speed,
            members: BTreeMap::new(),
            tag: 0,
            step: None,
            computing: false,
            patience: Patience::new(first, least, 0.9, settings.patience),
            parameters,
            crossed: 0,
            refused: BTreeSet::new(),
            audit: settings.audits_members(),
            seed: settings.run.seed,
            unforeseen: 0,
        }
    }

    /// A message to or from `other`; those within the site are counted.
    pub(in crate::swarm) fn crosses(&mut self, other: PeerId, message: &Message) {
        if other != PeerId::COORDINATOR
            && let Message::Site(_) = message
        {
            self.crossed += bytes_on_wire(message.to_bytes().len()) as u64;
        }
    }

    /// Bytes that crossed within the site since it was asked last.
    pub(super) fn take_crossed(&mut self) -> u64 {
        std::mem::take(&mut self.crossed)
    }

    /// Whether a step goes on.
    pub(in crate::swarm) fn is_busy(&self) -> bool {
        self.step.is_some()
    }

    /// What it computed is done.
    pub(in crate::swarm) fn computed(&mut self) {
        self.computing = false;
    }

    /// How long members may take.
    pub(in crate::swarm) fn span(&self) -> Duration {
        self.patience.span()
    }

    /// The step that goes on, to know it again.
    pub(in crate::swarm) fn tag(&self) -> u64 {
        self.tag
    }

    /// Gives the windows of a step out and computes its own; the windows of these.
    pub(in crate::swarm) fn begin<L: Learner>(
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
        let mut step = Step {
            began: now,
            out: BTreeMap::new(),
            left: VecDeque::new(),
            parts: BTreeMap::new(),
            schedule,
        };
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
            self.unforeseen = loss.to_bits();
            step.parts.insert(self.me, (own.len() as u64, loss, gradient));
        }
        (self.step, self.computing) = (Some(step), true);
        own.len() as u64
    }

    /// From a member.
    pub(in crate::swarm) fn heard(
        &mut self,
        from: PeerId,
        say: SiteSay,
        now: Time,
        out: &mut Vec<Effect>,
    ) {
        match say {
            SiteSay::Join { .. } if self.refused.contains(&from) => {
                out.push(Effect::Send(from, Message::Site(SiteSay::Refused { peer: from })));
            }
            SiteSay::Join { speed } if speed.is_finite() && speed > 0.0 => {
                self.members.insert(from, speed);
                out.push(Effect::Send(from, Message::Site(SiteSay::Welcome)));
            }
            SiteSay::Gradient { tag, loss, gradient } if tag == self.tag => {
                self.delivered(from, loss, gradient, now, out);
            }
            _ => {}
        }
    }

    fn delivered(
        &mut self,
        from: PeerId,
        loss: f64,
        gradient: Vec<f32>,
        now: Time,
        out: &mut Vec<Effect>,
    ) {
        let Some(step) = &mut self.step else { return };
        let Some(windows) = step.out.remove(&from) else { return };
        let sound = gradient.len() == self.parameters
            && loss.is_finite()
            && gradient.iter().all(|x| x.is_finite());
        if !sound {
            step.left.push_back(Task { member: from, windows, claim: None });
            self.refuse(from, out);
            return;
        }
        self.patience.saw(now.since(step.began));
        if draws(self.audit, self.seed ^ self.unforeseen, self.tag, from) {
            step.left.push_back(Task { member: from, windows, claim: Some((loss, gradient)) });
        } else {
            step.parts.insert(from, (windows.len() as u64, loss, gradient));
        }
    }

    /// It gets no more work, and is told so; the coordinator hears of it for its log.
    fn refuse(&mut self, member: PeerId, out: &mut Vec<Effect>) {
        self.members.remove(&member);
        if self.refused.insert(member) {
            let refused = Message::Site(SiteSay::Refused { peer: member });
            out.push(Effect::Send(member, refused.clone()));
            out.push(Effect::Send(PeerId::COORDINATOR, refused));
        }
    }

    /// Members have taken too long: the head does what they were given.
    pub(in crate::swarm) fn give_up(&mut self) {
        let Some(step) = &mut self.step else { return };
        for (member, windows) in std::mem::take(&mut step.out) {
            self.members.remove(&member);
            step.left.push_back(Task { member, windows, claim: None });
        }
    }

    /// Computes one of the parts that are left to the head, if it is free; the windows of it.
    pub(in crate::swarm) fn catch_up<L: Learner>(
        &mut self,
        learner: &mut L,
        out: &mut Vec<Effect>,
    ) -> Option<u64> {
        let step = self.step.as_mut().filter(|_| !self.computing)?;
        let Task { member, windows, claim } = step.left.pop_front()?;
        let (loss, gradient) = learner.gradient(&windows);
        let lied = claim.is_some_and(|claim| !are_same(&claim, loss, &gradient));
        let windows = windows.len() as u64;
        step.parts.insert(member, (windows, loss, gradient));
        self.computing = true;
        if lied {
            self.refuse(member, out);
        }
        Some(windows)
    }

    /// The step, once every part is there.
    pub(in crate::swarm) fn whole(&mut self) -> Option<Whole> {
        let all_here = |step: &mut Step| step.out.is_empty() && step.left.is_empty();
        let step = self.step.take_if(|step| all_here(step) && !self.computing)?;
        let parts = || step.parts.values();
        let weighted: Vec<Weighted<'_>> =
            parts().map(|(windows, _, g)| (*windows as f64, g.as_slice())).collect();
        let all: f64 = weighted.iter().map(|(windows, _)| windows).sum();
        let loss = parts().map(|(windows, loss, _)| *windows as f64 * loss).sum::<f64>() / all;
        let gradient = Aggregation::Mean.combine(&weighted, self.parameters);
        Some(Whole { windows: all, loss, gradient, schedule: step.schedule })
    }

    /// Members are told that the run is over.
    pub(in crate::swarm) fn end(&self, out: &mut Vec<Effect>) {
        let over = |peer: &PeerId| Effect::Send(*peer, Message::Site(SiteSay::Over));
        out.extend(self.members.keys().map(over));
    }
}

/// Whether a member's gradient of step `tag` is among the `share` that are audited.
fn draws(share: f64, seed: u64, tag: u64, member: PeerId) -> bool {
    let mut random = ChaCha8Rng::seed_from_u64(seed ^ 0x5EED_0A0D_1751_7E00);
    random.set_stream((tag << 32) | u64::from(member.0));
    random.random::<f64>() < share
}

fn are_same((claimed, sent): &(f64, Vec<f32>), loss: f64, gradient: &[f32]) -> bool {
    claimed.to_bits() == loss.to_bits()
        && sent.iter().map(|x| x.to_bits()).eq(gradient.iter().map(|x| x.to_bits()))
}
