//! Audits: a peer shows its state before one inner step, and the step is repeated here.
//!
//! A peer commits to its state before each inner step when it delivers. The one it is asked for it
//! cannot choose, so each step that was not trained as given is found with the same probability.
//! The state after the last step is compared with the change that was sent.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::book::Standing;
use super::{Coordinator, fragment};
use crate::swarm::learner::Learner;
use crate::swarm::machine::Effect;
use crate::swarm::message::{Assignment, Hash, Message, PeerId, Update, hash_of, hash_of_state};
use crate::swarm::robust::{cosine, norm};
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
        self.settings.audits_updates()
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
            began: self.shared_parameters().to_vec(),
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
        let n = challenge.began.len();
        if hash_of_state(state, updates) != challenge.commitments[step] || state.len() < n {
            return Some(format!("the state before step {step} is not the one it committed to"));
        }
        if step == 0 && hash_of(&[&state[..n]]) != hash_of(&[&challenge.began]) {
            return Some("its round did not begin from the shared parameters".to_owned());
        }
        if step < challenge.assignment.steps as usize {
            if !self.learner.restore(state, updates) {
                return Some("the state it showed belongs to another model".to_owned());
            }
            let windows = challenge.assignment.batch(challenge.step);
            if !windows.is_empty() {
                let position = challenge.assignment.position_at(challenge.step);
                self.learner.train(&windows, self.settings.schedule(position));
            }
            let (after, updates) = self.learner.state();
            return (hash_of_state(&after, updates) != challenge.commitments[step + 1])
                .then(|| format!("step {step}, repeated, gives another state"));
        }
        let fragments = self.settings.fragments();
        let range = fragment(n, fragments, challenge.assignment.round % fragments);
        let true_change: Vec<f32> = challenge.began[range.clone()]
            .iter()
            .zip(&state[range])
            .map(|(before, after)| before - after)
            .collect();
        // A lossy codec with memory changes what is sent, but not where it points nor how long
        // it is by much.
        let (sent, real) = (norm(&challenge.change), norm(&true_change));
        let same = cosine(&challenge.change, &true_change) > 0.1 && sent < 4.0 * real;
        (real > 0.0 && !same).then(|| "what it sent is not what it trained".to_owned())
    }

    fn evict(&mut self, peer: PeerId, why: &str, out: &mut Vec<Effect>) {
        self.drop_peer(peer, Standing::Evicted, why, out);
        out.push(Effect::Send(peer, Message::Evicted));
    }
}
