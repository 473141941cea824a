//! Audits: a peer shows its state before one inner step, and the step is repeated here.
//!
//! A peer commits to its state before each inner step when it delivers. The one it is asked for it
//! cannot choose, so each step that was not trained as given is found with the same probability.
//! The state after the last step is compared with the change that was sent.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::Coordinator;
use super::book::Standing;
use crate::swarm::learner::Learner;
use crate::swarm::machine::Effect;
use crate::swarm::message::{Assignment, Hash, Message, PeerId, Update, hash_of, hash_of_state};
use crate::swarm::outer::{shared_by, split_at_parameters};
use crate::swarm::robust::{cosine, norm};
use crate::swarm::settings::Method;
use crate::swarm::time::Time;

/// What a peer was asked to show.
pub(super) struct Challenge {
    assignment: Assignment,
    step: u32,
    commitments: Vec<Hash>,
    /// The shared parameters that the round began from.
    began: Vec<f32>,
    /// What it said had changed.
    change: Vec<f32>,
    /// Rounds that may pass before silence counts as refusal.
    patience: u32,
}

impl<L: Learner> Coordinator<L> {
    /// Whether updates are audited at all.
    pub(super) fn audits(&self) -> bool {
        self.settings.audit.share > 0.0
            && self.settings.overlap() == 0
            && matches!(self.settings.method, Method::Diloco(_))
    }

    /// Asks for one state, now and then.
    pub(super) fn challenge(
        &mut self,
        peer: PeerId,
        update: &Update,
        change: &[f32],
        out: &mut Vec<Effect>,
    ) {
        let audit = self.settings.audit;
        if !self.audits() || update.round != self.book.round {
            return;
        }
        if let Some(open) = self.challenges.get_mut(&peer) {
            open.patience = open.patience.saturating_sub(1);
            if open.patience == 0 {
                self.evict(peer, "evicted: an audit was not answered", out);
            }
            return;
        }
        let suspicious = self.book.peers.get(&peer).is_some_and(|peer| peer.reputation < 0.45);
        let share = if suspicious { audit.suspicious_share.max(audit.share) } else { audit.share };
        let mut random = ChaCha8Rng::seed_from_u64(self.settings.run.seed ^ 0x5EED_0A0D_1700_0000);
        random.set_stream((update.round << 20) | u64::from(peer.0));
        if random.random::<f64>() >= share {
            return;
        }
        let given = self.book.given.iter().find(|a| a.peer == peer && a.round == update.round);
        let Some(assignment) = given.cloned() else { return };
        if update.commitments.len() != assignment.steps as usize + 1 {
            self.evict(peer, "evicted: its commitments are missing", out);
            return;
        }
        // Half of the audits look at what was sent, which is the cheapest place to lie.
        let step = if random.random::<bool>() {
            assignment.steps
        } else {
            random.random_range(0..assignment.steps.max(1))
        };
        out.push(Effect::Send(peer, Message::Challenge { round: update.round, step }));
        let challenge = Challenge {
            assignment,
            step,
            commitments: update.commitments.clone(),
            began: self.shared().to_vec(),
            change: change.to_vec(),
            patience: 4,
        };
        self.challenges.insert(peer, challenge);
    }

    #[expect(clippy::too_many_arguments, reason = "the fields of one message")]
    pub(super) fn proof(
        &mut self,
        peer: PeerId,
        round: u64,
        step: u32,
        updates: u64,
        state: &[f32],
        now: Time,
        out: &mut Vec<Effect>,
    ) {
        let fits = |c: &Challenge| c.assignment.round == round && c.step == step;
        if !self.challenges.get(&peer).is_some_and(fits) {
            return;
        }
        let Some(challenge) = self.challenges.remove(&peer) else { return };
        match self.verdict(&challenge, updates, state) {
            None => {
                if let Some(known) = self.book.peers.get_mut(&peer) {
                    known.reputation = (known.reputation + 0.1).min(1.0);
                }
            }
            Some(problem) => {
                self.evict(peer, &format!("evicted: {problem}"), out);
                self.close_if_all(now, out);
            }
        }
    }

    /// What is wrong with what a peer showed, if anything.
    fn verdict(&mut self, challenge: &Challenge, updates: u64, state: &[f32]) -> Option<String> {
        let step = challenge.step as usize;
        if hash_of_state(state, updates) != challenge.commitments[step] {
            return Some(format!("the state before step {step} is not the one it committed to"));
        }
        if !self.learner.restore(state, updates) {
            return Some("the state it showed belongs to another model".to_owned());
        }
        let n = self.learner.parameters().len();
        if step == 0 && hash_of(&[self.learner.parameters()]) != hash_of(&[&challenge.began[..n]]) {
            return Some("its round did not begin from the shared parameters".to_owned());
        }
        if step < challenge.assignment.steps as usize {
            let windows = challenge.assignment.batch(challenge.step);
            if !windows.is_empty() {
                let position = challenge.assignment.position_at(challenge.step);
                self.learner.train(&windows, self.settings.schedule(position));
            }
            let (after, updates) = self.learner.state();
            return (hash_of_state(&after, updates) != challenge.commitments[step + 1])
                .then(|| format!("step {step}, repeated, gives another state"));
        }
        let range = self.fragment(challenge.assignment.round);
        let shown = shared_by(&self.settings, &self.learner);
        let pairs = challenge.began[range.clone()].iter().zip(&shown[range.clone()]);
        let true_change: Vec<f32> = pairs.map(|(before, after)| before - after).collect();
        let (stepped, _) = split_at_parameters(range, n);
        let (sent, sent_means) = challenge.change.split_at(stepped.len());
        let (real, real_means) = true_change.split_at(stepped.len());
        // A lossy codec with memory changes what is sent, but not where it points nor how long
        // it is by much.
        let same = |sent: &[f32], real: &[f32]| {
            norm(real) <= 0.0 || (cosine(sent, real) > 0.1 && norm(sent) < 4.0 * norm(real))
        };
        (!same(sent, real) || !same(sent_means, real_means))
            .then(|| "what it sent is not what it trained".to_owned())
    }

    fn evict(&mut self, peer: PeerId, why: &str, out: &mut Vec<Effect>) {
        self.drop_peer(peer, Standing::Evicted, why, out);
        out.push(Effect::Send(peer, Message::Evicted));
    }
}
