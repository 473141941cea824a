//! Steps that all stages are done with, and copies of all their parts.

use std::time::Duration;

use super::super::message::{Report, Say};
use super::super::model::Model;
use super::super::stage::say_to;
use super::Conductor;
use crate::optimiser::Optimiser;
use crate::parameters::Layout;
use crate::swarm::machine::{Effect, Note, RoundNote};
use crate::swarm::time::Time;

/// What a stage said of a step.
pub(super) struct Done {
    pub(super) loss: f64,
    pub(super) busy: Duration,
    pub(super) report: Option<Report>,
}

impl<M: Model> Conductor<M> {
    /// Books steps that all stages are done with.
    pub(super) fn close(&mut self, now: Time, out: &mut Vec<Effect>) {
        let step = |conductor: &Self| conductor.book.step;
        while self.posts.iter().all(Option::is_some)
            && self.done.get(&step(self)).is_some_and(|parts| parts.len() == self.posts.len())
            && let Some(parts) = self.done.remove(&step(self))
        {
            if !self.agree(&parts, now, out) {
                return;
            }
            self.draw(step(self), &parts, now, out);
            let busy: Vec<Duration> = parts.values().map(|done| done.busy).collect();
            let loss = parts.values().next_back().map_or(f64::NAN, |done| done.loss);
            let windows = self.settings.step_windows();
            let took = now.since(self.opened);
            let note = RoundNote {
                round: self.book.step,
                windows: self.trained() + windows,
                loss,
                included: self.posts.len(),
                late: 0,
                missing: 0,
                took,
                busy: busy.iter().sum(),
                slowest: busy.iter().max().copied().unwrap_or_default(),
            };
            self.book.step += 1;
            for peer in self.posts.iter().flatten() {
                if let Some(known) = self.peers.get_mut(peer) {
                    known.windows += windows;
                }
            }
            out.push(Effect::Note(Note::Round(note)));
            self.patience.saw(took);
            (self.opened, self.asked, self.progress) = (now, None, 0);
            self.witness.forget(self.book.step);
            self.arm(out);
            self.settle(out);
        }
        let late = (0..self.posts.len()).find(|stage| self.is_overdue(*stage, now));
        if let Some(stage) = late {
            self.withholds(stage, now, out);
        }
        self.take_copy(now, out);
    }

    /// A part of a copy.
    pub(super) fn keep(
        &mut self,
        stage: usize,
        step: u64,
        state: Vec<f32>,
        now: Time,
        out: &mut Vec<Effect>,
    ) {
        let steps = self.settings.run.steps;
        if !self.pipeline.keeps(step, steps) || step <= self.book.kept.0 || step > steps {
            return;
        }
        if state.len() != self.numbers(stage) {
            let why = "it sent a part of another size";
            if self.audits() {
                self.evict(stage, why, now, out);
            } else {
                self.give_up(stage, step, why, out);
            }
            return;
        }
        self.copies.entry(step).or_default().insert(stage, state);
        self.take_copy(now, out);
    }

    /// Takes the last copy of which all parts are here, and all audits before it settled.
    pub(super) fn take_copy(&mut self, now: Time, out: &mut Vec<Effect>) {
        let audited = |step: u64| !self.audits() || self.audits.settled() >= step;
        let stages = self.posts.len();
        let ready = self.copies.iter().rev().find(|(s, copy)| copy.len() == stages && audited(**s));
        let Some(step) = ready.map(|(step, _)| *step) else { return };
        let parts = self.copies.remove(&step).unwrap_or_default();
        if self.audits()
            && let Some(stage) = self.audits.forged(step, &parts)
        {
            self.evict(stage, "the copy of its part is not the state it reported", now, out);
            return;
        }
        self.copies.retain(|of, _| *of > step);
        self.book.kept = (step, parts.into_values().collect());
        self.book.finished = step == self.settings.run.steps;
        out.push(Effect::Persist);
        if self.book.finished {
            self.end(out);
        }
    }

    /// Numbers of a stage's state.
    pub(super) fn numbers(&self, stage: usize) -> usize {
        let whole = Layout::new(&self.settings.run.shape);
        let part = self.book.cut.get(stage).map(|blocks| whole.part(blocks.clone()).0);
        let memory = |part: &Layout| Optimiser::numbers(self.settings.run.optimiser.method, part);
        part.map_or(0, |part| part.len() + memory(&part))
    }

    pub(super) fn give_up(&mut self, stage: usize, step: u64, why: &str, out: &mut Vec<Effect>) {
        let (stage, stages) = (stage + 1, self.posts.len());
        self.problem
            .get_or_insert(format!("stage {stage} of {stages} stopped at step {step}: {why}"));
        self.end(out);
    }

    fn end(&mut self, out: &mut Vec<Effect>) {
        let here = self.peers.keys().filter(|peer| self.is_here(**peer));
        out.extend(here.map(|peer| say_to(*peer, Say::Over)));
        out.push(Effect::Stop);
    }
}
