//! A worker's round: inner steps, what is sent of them, and what is shown when it is asked for.

use std::time::Duration;

use super::{SITE, Worker};
use crate::swarm::learner::Learner;
use crate::swarm::machine::Effect;
use crate::swarm::message::{Assignment, Hash, Message, PeerId, Update, hash_of, hash_of_state};
use crate::swarm::outer::fragment;
use crate::swarm::site::Place;
use crate::swarm::time::Time;

/// A round that is trained.
pub(super) struct Training {
    pub(super) assignment: Assignment,
    pub(super) done: u32,
    pub(super) loss: f64,
    busy: Duration,
    began: Hash,
    commitments: Vec<Hash>,
    gradient: Option<Vec<f32>>,
}

impl<L: Learner> Worker<L> {
    pub(super) fn begin(&mut self, assignment: Assignment) {
        let began = if self.settings.checks(assignment.round) && self.settings.overlap() == 0 {
            hash_of(&[self.shared_parameters()])
        } else {
            [0; 16]
        };
        let commitments = if self.audited() {
            let (state, updates) = self.learner.state();
            let first = hash_of_state(&state, updates);
            self.evidence = Some((assignment.clone(), state, updates));
            vec![first]
        } else {
            Vec::new()
        };
        self.training = Some(Training {
            assignment,
            done: 0,
            loss: 0.0,
            busy: Duration::ZERO,
            began,
            commitments,
            gradient: None,
        });
    }

    pub(super) fn audited(&self) -> bool {
        self.settings.audits_updates()
    }

    /// One inner step; its time passes before anything else happens.
    pub(super) fn compute(&mut self, now: Time, out: &mut Vec<Effect>) {
        let audited = self.audited();
        let Some(training) = &mut self.training else { return };
        let step = training.done;
        let windows = training.assignment.batch(step);
        let schedule = self.settings.schedule(training.assignment.position_at(step));
        if let Some(Place::Head(head)) = &mut self.site
            && !windows.is_empty()
        {
            let own = head.begin(&mut self.learner, &windows, schedule, now, out);
            self.working = true;
            out.push(Effect::Work { tokens: own * self.settings.context() as u64 });
            out.push(Effect::Wake(head.span(), SITE | head.tag()));
            return;
        }
        let share = windows.len() as f64;
        if !windows.is_empty() {
            let loss = if self.outer.is_some() {
                self.learner.train(&windows, schedule)
            } else {
                let (loss, gradient) = self.learner.gradient(&windows);
                training.gradient = Some(gradient);
                loss
            };
            training.loss += share * loss;
        }
        if audited {
            let (state, updates) = self.learner.state();
            training.commitments.push(hash_of_state(&state, updates));
        }
        training.done += 1;
        self.working = true;
        out.push(Effect::Work { tokens: (windows.len() * self.settings.context()) as u64 });
    }

    pub(super) fn worked(&mut self, took: Duration, out: &mut Vec<Effect>) {
        self.working = false;
        if let Some(training) = &mut self.training {
            training.busy = training.busy.saturating_add(took);
        }
        match &mut self.site {
            Some(Place::Head(head)) => {
                head.computed();
                self.site_step(out);
            }
            Some(Place::Member(member)) => {
                let answer = member.answer.take().map(Message::Site);
                out.extend(answer.map(|answer| Effect::Send(member.head, answer)));
            }
            None => {}
        }
    }

    pub(super) fn deliver(&mut self, out: &mut Vec<Effect>) {
        let Some(training) = self.training.take() else { return };
        let round = training.assignment.round;
        let fragments = self.settings.fragments();
        let index = round % fragments;
        let range = fragment(self.learner.parameters().len(), fragments, index);
        let change: Vec<f32> = match &self.outer {
            Some(outer) => {
                let pairs = outer.parameters[range.clone()].iter();
                pairs.zip(&self.learner.parameters()[range]).map(|(a, b)| a - b).collect()
            }
            None => training.gradient.unwrap_or_else(|| vec![0.0; range.len()]),
        };
        let change = self.habit.change(change, round);
        let body = self.encoders[index as usize].encode(&change);
        let body = self.habit.bytes(body, round);
        let windows = crate::swarm::ledger::count(&training.assignment.ranges);
        let update = Update {
            round,
            windows,
            loss: training.loss / (windows as f64).max(1.0),
            busy: training.busy,
            near: self.site.as_mut().map_or(0, Place::take_crossed),
            began: training.began,
            commitments: training.commitments,
            body,
        };
        out.push(Effect::Send(PeerId::COORDINATOR, Message::Update(update.clone())));
        self.unanswered = Some(update);
        self.round = round + 1;
    }

    /// Repeats the round up to the step that was asked for, and shows the state there.
    pub(super) fn challenge(&mut self, round: u64, step: u32, out: &mut Vec<Effect>) {
        let Some((assignment, start, updates)) = &self.evidence else { return };
        if assignment.round != round || step > assignment.steps {
            return;
        }
        let (now, now_updates) = self.learner.state();
        if !self.learner.restore(start, *updates) {
            return;
        }
        for earlier in 0..step {
            let windows = assignment.batch(earlier);
            if !windows.is_empty() {
                let schedule = self.settings.schedule(assignment.position_at(earlier));
                self.learner.train(&windows, schedule);
            }
        }
        let (state, updates) = self.learner.state();
        self.learner.restore(&now, now_updates);
        out.push(Effect::Send(PeerId::COORDINATOR, Message::Proof { round, step, updates, state }));
    }
}
