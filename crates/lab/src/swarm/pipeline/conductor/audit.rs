//! Audits: a stage shows what one of its steps was made of, and the step is repeated here.
//!
//! At the end of a step every stage reports hashes of its state and of all that it sent and read.
//! What one says it sent is compared with what the other says it read. Then some of the stages are
//! asked for their evidence, which fits nothing but the hashes, and the step, repeated, must give the
//! same hashes again. Who is asked depends on all reports of the step, so nobody knows before.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::message::{Evidence, Report, Say};
use super::super::model::{Model, Part};
use super::super::stage::say_to;
use super::super::work::Work;
use super::witness::Fault;
use super::{Conductor, Done};
use crate::swarm::coordinator::Standing;
use crate::swarm::machine::Effect;
use crate::swarm::message::{Hash, Message, PeerId, hash_of_state};
use crate::swarm::time::Time;

/// Bits a second at which a line counts as too slow to show evidence, times the patience.
const SLOWEST: f64 = 1e6;
/// Posts that a peer may lose with an audit open.
const DODGES: u32 = 3;

/// The audits of an attempt.
#[derive(Default)]
pub(super) struct Audits {
    /// What each stage's state hashes to after so many steps.
    states: BTreeMap<u64, Vec<Hash>>,
    /// By step and stage.
    open: BTreeMap<(u64, usize), Challenge>,
    /// Steps before this one are audited.
    settled: u64,
}

/// What a stage was asked to show.
#[derive(Clone, Copy)]
struct Challenge {
    report: Report,
    loss: f64,
    asked: Time,
    /// It may have been lost: whether it was asked again.
    again: bool,
}

impl Audits {
    /// After `step` steps, with these states.
    pub(super) fn new(step: u64, states: Vec<Hash>) -> Self {
        Self { states: BTreeMap::from([(step, states)]), open: BTreeMap::new(), settled: step }
    }

    pub(super) fn settled(&self) -> u64 {
        self.settled
    }

    /// Whether any is open.
    pub(super) fn wait(&self) -> bool {
        !self.open.is_empty()
    }

    /// Whether one of this stage is.
    pub(super) fn wait_for(&self, stage: usize) -> bool {
        self.open.keys().any(|(_, of)| *of == stage)
    }

    /// The stage whose part is not what it reported after so many steps, if there is one.
    pub(super) fn forged(&self, step: u64, parts: &BTreeMap<usize, Vec<f32>>) -> Option<usize> {
        let reported = self.states.get(&step);
        let is_right = |stage: usize, state: &[f32]| {
            let hash = reported.and_then(|states| states.get(stage));
            hash == Some(&hash_of_state(state, step))
        };
        parts.iter().find(|(stage, state)| !is_right(**stage, state)).map(|(stage, _)| *stage)
    }

    /// Forgets states that nothing is compared with any more.
    pub(super) fn forget(&mut self, keep: impl Fn(u64) -> bool) {
        let settled = self.settled;
        self.states.retain(|step, _| *step >= settled || keep(*step));
    }
}

impl<M: Model> Conductor<M> {
    /// Whether steps are audited at all.
    pub(super) fn audits(&self) -> bool {
        self.settings.audit.share > 0.0
    }

    /// The hashes of the states that an attempt begins from.
    pub(super) fn first_audits(&self) -> Audits {
        if !self.audits() {
            return Audits::default();
        }
        let (step, kept) = &self.book.kept;
        let state = |stage: usize| match kept.get(stage) {
            Some(state) => hash_of_state(state, *step),
            None => hash_of_state(&self.model.part(self.book.cut[stage].clone()).state(), *step),
        };
        Audits::new(*step, (0..self.book.cut.len()).map(state).collect())
    }

    /// Compares the reports of a step that all stages are done with; false when the step is void.
    pub(super) fn agree(
        &mut self,
        parts: &BTreeMap<usize, Done>,
        now: Time,
        out: &mut Vec<Effect>,
    ) -> bool {
        if !self.audits() {
            return true;
        }
        let reports: Vec<Report> = parts.values().filter_map(|done| done.report).collect();
        let fault = match parts.iter().find(|(_, done)| done.report.is_none()) {
            Some((stage, _)) => Some(Fault::Lie(*stage, "its report is missing".to_owned())),
            None => self.fault(&reports),
        };
        match fault {
            None => true,
            Some(fault) => {
                self.settle_fault(fault, now, out);
                false
            }
        }
    }

    /// Takes note of a step's reports, and asks some stages for their evidence.
    pub(super) fn draw(
        &mut self,
        step: u64,
        parts: &BTreeMap<usize, Done>,
        now: Time,
        out: &mut Vec<Effect>,
    ) {
        if !self.audits() {
            return;
        }
        let reports: Vec<Report> = parts.values().filter_map(|done| done.report).collect();
        self.audits.states.insert(step + 1, reports.iter().map(|report| report.state).collect());
        for (stage, (done, report)) in parts.values().zip(&reports).enumerate() {
            if lot(self.settings.run.seed, step, stage, &reports) < self.settings.audit.share {
                let challenge =
                    Challenge { report: *report, loss: done.loss, asked: now, again: false };
                self.audits.open.insert((step, stage), challenge);
            }
        }
        let attempt = self.book.attempt;
        let open = self.audits.open.range((step, 0)..(step + 1, 0));
        out.extend(open.filter_map(|((step, stage), _)| {
            self.posts[*stage].map(|peer| say_to(peer, Say::Challenge { attempt, step: *step }))
        }));
    }

    /// Asks once more for evidence that takes long: the word may be lost, or the answer.
    pub(super) fn ask_again(&mut self, now: Time, out: &mut Vec<Effect>) {
        let attempt = self.book.attempt;
        for stage in 0..self.posts.len() {
            let half = self.allowance(stage) / 2;
            let open = self.audits.open.iter_mut().filter(|((_, of), challenge)| {
                *of == stage && !challenge.again && now.since(challenge.asked) > half
            });
            for ((step, _), challenge) in open {
                challenge.again = true;
                let ask = Say::Challenge { attempt, step: *step };
                out.extend(self.posts[stage].map(|peer| say_to(peer, ask)));
            }
        }
    }

    pub(super) fn proof(
        &mut self,
        stage: usize,
        step: u64,
        evidence: &Evidence,
        now: Time,
        out: &mut Vec<Effect>,
    ) {
        let Some(challenge) = self.audits.open.get(&(step, stage)).copied() else { return };
        match self.verdict(stage, step, challenge, evidence) {
            None => {
                self.audits.open.remove(&(step, stage));
                self.settle(out);
            }
            Some(problem) => self.evict(stage, &problem, now, out),
        }
    }

    /// What is wrong with what a stage showed, if anything.
    fn verdict(
        &self,
        stage: usize,
        step: u64,
        challenge: Challenge,
        evidence: &Evidence,
    ) -> Option<String> {
        let before = self.audits.states.get(&step).and_then(|states| states.get(stage));
        let mut part = self.model.part(self.book.cut.get(stage)?.clone());
        if before != Some(&hash_of_state(&evidence.state, step))
            || !part.restore(&evidence.state, step)
        {
            return Some(format!("its state before step {step} is not the one it reported"));
        }
        let work = Work::new(&self.settings, stage, self.posts.len(), part, step);
        let ended = work.repeat(&self.settings, evidence);
        let same = ended.is_some_and(|ended| {
            ended.loss.to_bits() == challenge.loss.to_bits()
                && ended.audit.is_some_and(|(report, _)| report == challenge.report)
        });
        (!same).then(|| format!("step {step}, repeated, gives something else"))
    }

    /// Tells all stages which steps are audited.
    pub(super) fn settle(&mut self, out: &mut Vec<Effect>) {
        if !self.audits() {
            return;
        }
        let first = self.audits.open.keys().next().map_or(self.book.step, |(step, _)| *step);
        if first > self.audits.settled {
            self.audits.settled = first;
            let (pipeline, steps) = (self.pipeline, self.settings.run.steps);
            self.audits.forget(|step| pipeline.keeps(step, steps));
            let settled = Say::Settled { attempt: self.book.attempt, step: first };
            out.extend(self.posts.iter().flatten().map(|peer| say_to(*peer, settled.clone())));
        }
    }

    /// The time that a stage has to show its evidence.
    fn allowance(&self, stage: usize) -> Duration {
        let bytes = self.pipeline.evidence(&self.settings) + 4 * self.numbers(stage);
        let sends = self.settings.patience * 8.0 * bytes as f64 / SLOWEST;
        let sends = Duration::try_from_secs_f64(sends).unwrap_or(Duration::MAX);
        self.span().saturating_add(sends)
    }

    /// Whether a stage has had all of it.
    pub(super) fn is_overdue(&self, stage: usize, now: Time) -> bool {
        let mut open = self.audits.open.iter().filter(|((_, of), _)| *of == stage);
        open.any(|(_, challenge)| now.since(challenge.asked) > self.allowance(stage))
    }

    /// A stage that works but shows no evidence.
    pub(super) fn withholds(&mut self, stage: usize, now: Time, out: &mut Vec<Effect>) {
        self.evict(stage, "an audit was not answered", now, out);
    }

    /// A peer that loses its post with an audit open; true when it was once too often.
    pub(super) fn dodges(&mut self, peer: PeerId, stage: usize) -> bool {
        if !self.audits.wait_for(stage) {
            return false;
        }
        let known = self.peers.get_mut(&peer);
        known.is_some_and(|known| {
            known.dodges += 1;
            known.dodges >= DODGES
        })
    }

    /// Never listens to `peer` again.
    pub(super) fn expel(&mut self, peer: PeerId, why: &str, out: &mut Vec<Effect>) {
        self.book.evicted.insert(peer);
        self.stand(peer, Standing::Evicted, &format!("evicted: {why}"), out);
        out.push(Effect::Persist);
        out.push(Effect::Send(peer, Message::Evicted));
    }

    /// Takes a stage from a peer that lied, and gives it to one that waits.
    pub(super) fn evict(&mut self, stage: usize, why: &str, now: Time, out: &mut Vec<Effect>) {
        let Some(peer) = self.posts.get_mut(stage).and_then(Option::take) else { return };
        self.expel(peer, why, out);
        self.begin(now, out);
    }
}

/// A number from 0 to 1 that nobody knows before all reports of the step are there.
fn lot(seed: u64, step: u64, stage: usize, reports: &[Report]) -> f64 {
    let mut hasher = blake3::Hasher::new();
    // Numbers and hashes always serialise.
    let said = postcard::to_allocvec(&(seed, step, stage as u64, reports)).unwrap_or_default();
    hasher.update(b"isoflop pipeline audit").update(&said);
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
    (u64::from_le_bytes(bytes) >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_asked_depends_on_every_report_of_the_step() {
        let report = |state: u8| Report {
            state: [state; 16],
            read: [[1; 16]; 2],
            sent: [[2; 16]; 2],
            norm: 0,
        };
        let lots = |reports: [Report; 2]| (0..2000).map(move |step| lot(7, step, 0, &reports));
        let mean = lots([report(1), report(2)]).sum::<f64>() / 2000.0;
        assert!((mean - 0.5).abs() < 0.03, "{mean}");
        let others = lots([report(1), report(3)]);
        assert!(lots([report(1), report(2)]).zip(others).all(|(one, other)| one != other));
    }
}
