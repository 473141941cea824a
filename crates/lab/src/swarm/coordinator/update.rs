//! An update comes in.

use super::{Contribution, Coordinator, Standing};
use crate::swarm::learner::Learner;
use crate::swarm::machine::Effect;
use crate::swarm::message::{Message, PeerId, Update, hash_of};
use crate::swarm::outer::fragment;
use crate::swarm::time::Time;

impl<L: Learner> Coordinator<L> {
    pub(super) fn update(
        &mut self,
        from: PeerId,
        update: &Update,
        now: Time,
        out: &mut Vec<Effect>,
    ) {
        if self.standing(from) != Some(Standing::Active) {
            if self.standing(from).is_none_or(|standing| standing == Standing::Gone) {
                out.push(Effect::Send(from, Message::Rejoin));
            }
            return;
        }
        let key = (from, update.round);
        if self.pending.contains_key(&key) {
            return;
        }
        let Some(windows) =
            self.book.ledger.windows(from, update.round).map(crate::swarm::ledger::count)
        else {
            return;
        };
        let (n, fragments) = (self.learner.parameters().len(), self.settings.fragments());
        let length = fragment(n, fragments, update.round % fragments).len();
        let change = self.settings.up.decode(&update.body, length);
        let sound = update.windows == windows && update.loss.is_finite();
        let Some(change) = change.ok().filter(|_| sound) else {
            self.strike(from, out);
            self.close_if_all(now, out);
            return;
        };
        if self.settings.checks(update.round)
            && update.round == self.book.round
            && self.settings.overlap() == 0
            && update.began != hash_of(&[self.shared_parameters()])
        {
            // It trained from something else: it fetches the state again.
            self.release(from);
            self.stand(from, Standing::Waiting, "held another state", out);
            self.welcome(from, out);
            self.close_if_all(now, out);
            return;
        }
        if let Some(peer) = self.book.peers.get_mut(&from) {
            peer.measured(windows * self.settings.run.shape.context as u64, update.busy);
        }
        self.challenge(from, update, &change, out);
        let (loss, busy) = (update.loss, update.busy);
        self.pending.insert(key, Contribution { windows, loss, busy, change });
        if update.round == self.book.round {
            self.delivered = now;
            self.expected.remove(&from);
        }
        self.close_if_all(now, out);
    }

    /// An update that nobody can use. The third one is the last.
    fn strike(&mut self, peer: PeerId, out: &mut Vec<Effect>) {
        let Some(known) = self.book.peers.get_mut(&peer) else { return };
        known.strikes += 1;
        if known.strikes >= 3 {
            self.drop_peer(
                peer,
                Standing::Evicted,
                "evicted: three updates could not be read",
                out,
            );
            out.push(Effect::Send(peer, Message::Evicted));
        } else {
            self.release(peer);
        }
    }
}
