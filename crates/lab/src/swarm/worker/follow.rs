//! How a worker follows the state that all share: it fetches it, and takes outcome after outcome.

use super::{MOST_WAITING, Worker};
use crate::swarm::learner::Learner;
use crate::swarm::machine::Effect;
use crate::swarm::message::{Keep, Message, Outcome, PeerId};
use crate::swarm::outer::{Outer, fragment};
use crate::swarm::settings::Method;
use crate::swarm::time::Time;

impl<L: Learner> Worker<L> {
    pub(super) fn outcome(&mut self, mut outcome: Outcome, now: Time, out: &mut Vec<Effect>) {
        if outcome.round < self.version {
            return;
        }
        self.keep_assignments(std::mem::take(&mut outcome.assignments));
        if outcome.round == self.version
            && let Some(since) = self.waiting_since.take()
        {
            self.patience.saw(now.since(since));
            self.asked = 0;
        }
        let room = MOST_WAITING * 4 * self.learner.parameters().len();
        if self.bytes_waiting() + 64 * self.outcomes.len() < room || outcome.round == self.version {
            self.outcomes.insert(outcome.round, outcome);
        }
        // One is missing in between: it was lost.
        if self.fetching.is_none()
            && !self.lost
            && self.training.is_none()
            && !self.outcomes.contains_key(&self.version)
        {
            out.push(Effect::Send(PeerId::COORDINATOR, Message::Ask { version: self.version }));
        }
        // The round in training was given up by the others: so is it here.
        let given_up = self.training.as_ref().is_some_and(|training| {
            let last = self.outcomes.keys().next_back().copied().unwrap_or(0);
            last > training.assignment.round + 1
        });
        if given_up {
            self.training = None;
        }
    }

    pub(super) fn part(
        &mut self,
        from: PeerId,
        version: u64,
        part: u32,
        parts: u32,
        values: Vec<f32>,
        out: &mut Vec<Effect>,
    ) {
        let Some(fetching) = &mut self.fetching else { return };
        out.extend(fetching.received(from, version, part, parts, values));
        if let Some(state) = fetching.whole() {
            let version = fetching.version();
            if self.install(&state, version) {
                self.fetching = None;
                self.apply_all();
                out.push(Effect::Send(
                    PeerId::COORDINATOR,
                    Message::Ready { version: self.version },
                ));
            } else {
                // Of another length: those peers hold another model.
                self.start_over(out);
            }
        }
    }

    /// Forgets what it holds of the run, and asks to be welcomed.
    pub(super) fn start_over(&mut self, out: &mut Vec<Effect>) {
        self.fetching = None;
        self.training = None;
        self.unanswered = None;
        self.assignments.clear();
        self.outcomes.clear();
        self.joined = false;
        self.lost = true;
        self.hello(out);
    }

    pub(super) fn install(&mut self, state: &[f32], version: u64) -> bool {
        let whole = match &mut self.outer {
            Some(outer) => outer.restore(state),
            None => self.learner.restore(state, self.updates),
        };
        if !whole {
            return false;
        }
        if let Some(outer) = &self.outer {
            self.learner.set_parameters(&outer.parameters);
        }
        self.version = version;
        self.round = version;
        self.lost = false;
        true
    }

    /// Everything that came while the state was fetched.
    pub(super) fn apply_all(&mut self) {
        while let Some(outcome) = self.outcomes.remove(&self.version) {
            self.apply(outcome);
        }
        self.round = self.round.max(self.version);
    }

    /// Takes the shared state one version on.
    pub(super) fn apply(&mut self, outcome: Outcome) {
        let round = outcome.round;
        let (n, fragments) = (self.learner.parameters().len(), self.settings.fragments());
        let range = fragment(n, fragments, round % fragments);
        if !outcome.body.is_empty()
            && let Ok(change) = self.settings.down.decode(&outcome.body, range.len())
        {
            if let Some(outer) = &mut self.outer {
                outer.apply(range.clone(), &change);
                let keep = match self.settings.method {
                    Method::Diloco(diloco) if diloco.overlap > 0 => diloco.mix,
                    _ => 0.0,
                };
                let mut mine = self.learner.parameters().to_vec();
                for (own, shared) in mine[range.clone()].iter_mut().zip(&outer.parameters[range]) {
                    *own = keep * *own + (1.0 - keep) * shared;
                }
                self.learner.set_parameters(&mine);
            } else {
                self.learner.apply(change, self.settings.schedule(outcome.position));
            }
        }
        self.version = round + 1;
        match outcome.keep {
            Keep::Same => {}
            Keep::Copy => self.copy = Some((self.version, self.shared_state())),
            Keep::Nothing => self.copy = None,
        }
        if let Some(update) = &self.unanswered
            && outcome.included.contains(&(self.id, update.round))
        {
            self.unanswered = None;
        }
        self.account = (outcome.next, outcome.open);
        self.assignments.retain(|assigned, _| *assigned >= round);
        if outcome.finished {
            self.stopped = true;
        }
    }

    pub(super) fn merge_next(&mut self) -> bool {
        let next = self.outcomes.remove(&self.version);
        next.is_some_and(|outcome| {
            self.apply(outcome);
            true
        })
    }

    pub(super) fn shared_state(&self) -> Vec<f32> {
        self.outer.as_ref().map_or_else(|| self.learner.state().0, Outer::state)
    }
}
