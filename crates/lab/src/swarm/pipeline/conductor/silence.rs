//! What happens when nothing is heard for too long.

use std::collections::BTreeSet;

use super::super::message::Say;
use super::super::model::Model;
use super::super::stage::say_to;
use super::Conductor;
use crate::swarm::machine::Effect;
use crate::swarm::message::PeerId;
use crate::swarm::time::Time;

impl<M: Model> Conductor<M> {
    /// A step takes long: ask all stages, then go on without those that are silent. When all
    /// answer and none computes, something was lost on the way, and all begin again.
    pub(super) fn woke(&mut self, now: Time, out: &mut Vec<Effect>) {
        let running = self.posts.iter().all(Option::is_some);
        if self.book.finished || !self.book.started || !running || self.problem.is_some() {
            return;
        }
        let posts: Vec<PeerId> = self.posts.iter().copied().flatten().collect();
        let now_done = std::mem::take(&mut self.progress);
        if let Some((heard, before)) = self.asked.take() {
            for (stage, peer) in posts.iter().enumerate() {
                let (late, heard) = (self.is_overdue(stage, now), heard.contains(peer));
                if heard && late {
                    self.withholds(stage, now, out);
                    return;
                }
                // Evidence may be on its way, and take longer than a word.
                if !heard && (late || !self.audits.wait_for(stage)) {
                    self.vacate(*peer, "gone", out);
                }
            }
            if self.posts.iter().any(Option::is_none) {
                self.begin(now, out);
                return;
            }
            if now_done == before && !self.audits.wait() {
                self.again(now, out);
                return;
            }
        }
        self.asked = Some((BTreeSet::new(), now_done));
        let attempt = self.book.attempt;
        out.extend(posts.iter().map(|peer| say_to(*peer, Say::Check { attempt })));
        self.ask_again(now, out);
        self.arm(out);
    }
}
