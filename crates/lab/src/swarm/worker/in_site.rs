//! A worker in a site: its head steps with the others' gradients, and a member computes for it.

use super::{SITE, Worker};
use crate::swarm::learner::Learner;
use crate::swarm::machine::Effect;
use crate::swarm::message::PeerId;
use crate::swarm::site::{Place, SiteSay};
use crate::swarm::time::Time;

impl<L: Learner> Worker<L> {
    pub(super) fn site_says(
        &mut self,
        from: PeerId,
        say: SiteSay,
        now: Time,
        out: &mut Vec<Effect>,
    ) {
        match &mut self.site {
            Some(Place::Head(head)) => {
                head.heard(from, say, now, out);
                self.site_step();
            }
            Some(Place::Member(member)) if member.head == from => match say {
                SiteSay::Welcome => member.welcome = true,
                SiteSay::Over => {
                    self.stopped = true;
                    out.push(Effect::Stop);
                }
                say => {
                    if let Some(windows) = member.compute(&mut self.learner, say) {
                        let tokens = windows * self.settings.context() as u64;
                        out.push(Effect::Work { tokens });
                    }
                }
            },
            _ => {}
        }
    }

    /// A step of the site has taken long.
    pub(super) fn site_woke(&mut self, tag: u64, out: &mut Vec<Effect>) {
        let Some(Place::Head(head)) = &mut self.site else { return };
        if tag == SITE | head.tag() {
            let windows = head.give_up(&mut self.learner);
            if windows > 0 {
                let tokens = windows * self.settings.context() as u64;
                out.push(Effect::Work { tokens });
            }
        }
    }

    /// Ends a step of the site once every part of it is there.
    pub(super) fn site_step(&mut self) {
        let Some(Place::Head(head)) = &mut self.site else { return };
        if let Some(whole) = head.whole() {
            self.learner.apply(whole.gradient, whole.schedule);
            self.working = false;
            if let Some(training) = &mut self.training {
                training.loss += whole.windows * whole.loss;
                training.done += 1;
            }
        } else {
            self.working = self.working || head.is_busy();
        }
    }
}
