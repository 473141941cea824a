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
                self.site_step(out);
            }
            Some(Place::Member(member)) if member.head == from => match say {
                SiteSay::Welcome => member.welcome = true,
                SiteSay::Over => {
                    self.stopped = true;
                    out.push(Effect::Stop);
                }
                SiteSay::Refused { .. } => {
                    (self.evicted, self.stopped) = (true, true);
                    out.push(Effect::Stop);
                }
                say => {
                    let windows = member.compute(&mut self.learner, &mut self.habit, say);
                    if let Some(windows) = windows {
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
            head.give_up();
            self.site_step(out);
        }
    }

    /// Goes on with what the head has to make up for or to audit, and ends a step of the site once
    /// every part of it is there.
    pub(super) fn site_step(&mut self, out: &mut Vec<Effect>) {
        let Some(Place::Head(head)) = &mut self.site else { return };
        if let Some(windows) = head.catch_up(&mut self.learner, out) {
            let tokens = windows * self.settings.context() as u64;
            out.push(Effect::Work { tokens });
        }
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
