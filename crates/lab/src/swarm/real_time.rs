//! A machine in the real world: a transport, a clock, and computing that takes the time it takes.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

use super::coordinator::Coordinator;
use super::learner::Learner;
use super::machine::{Effect, Event, Note};
use super::message::{Message, PeerId};
use super::time::{Clock, Time};
use super::transport::Transport;
use super::worker::Worker;

/// Something with a `step`.
pub trait Machine {
    /// One event, and what follows from it.
    fn step(&mut self, now: Time, event: Event) -> Vec<Effect>;
}

impl<L: Learner> Machine for Coordinator<L> {
    fn step(&mut self, now: Time, event: Event) -> Vec<Effect> {
        Coordinator::step(self, now, event)
    }
}

impl<L: Learner> Machine for Worker<L> {
    fn step(&mut self, now: Time, event: Event) -> Vec<Effect> {
        Worker::step(self, now, event)
    }
}

/// What a driver tells its owner.
#[derive(Debug, Clone, PartialEq)]
pub enum Happening<'a> {
    /// Keep what the machine saves now, before anything is sent.
    Persist,
    /// For logs.
    Note(&'a Note),
    /// A message went out.
    Sent(PeerId, &'a Message, usize),
    /// A message came in.
    Received(PeerId, &'a Message, usize),
    /// Several times a second.
    Tick,
}

/// Time between ticks.
const TICK: Duration = Duration::from_millis(50);

/// Drives `machine` until it stops, or until `owner` answers false. True when it stopped.
///
/// With `pace`, computing takes as long as at so many tokens a second, if the machine is as fast.
pub fn drive<M: Machine>(
    machine: &mut M,
    transport: &mut dyn Transport,
    clock: &dyn Clock,
    pace: Option<f64>,
    owner: &mut dyn FnMut(&mut M, Time, Happening<'_>) -> bool,
) -> bool {
    let mut ready = VecDeque::from([Event::Start]);
    let mut timers: BinaryHeap<Reverse<(Time, u64, Option<u64>)>> = BinaryHeap::new();
    let (mut order, mut last_due, mut took) = (0_u64, Time::ZERO, Duration::ZERO);
    loop {
        while let Some(event) = ready.pop_front() {
            let began = clock.now();
            // Work right after work goes on where that ended, however late this thread woke up: what
            // a busy machine took is not added to a declared speed. A wait for others is no
            // computing, however short.
            let from = if matches!(event, Event::Worked(_)) { last_due } else { began };
            let mut stop = false;
            for effect in machine.step(began, event) {
                order += 1;
                match effect {
                    Effect::Send(to, message) => {
                        let bytes = message.to_bytes();
                        if !owner(machine, clock.now(), Happening::Sent(to, &message, bytes.len()))
                        {
                            return false;
                        }
                        transport.send(to, bytes);
                    }
                    Effect::Work { tokens } => {
                        let done = clock.now();
                        let due = match pace {
                            Some(pace) => {
                                let span = Duration::try_from_secs_f64(tokens as f64 / pace)
                                    .unwrap_or_default();
                                (from + span).max(done)
                            }
                            None => done,
                        };
                        took = due.since(from);
                        last_due = due;
                        timers.push(Reverse((due, order, None)));
                    }
                    Effect::Wake(after, tag) => {
                        timers.push(Reverse((clock.now() + after, order, Some(tag))));
                    }
                    Effect::Persist => {
                        if !owner(machine, clock.now(), Happening::Persist) {
                            return false;
                        }
                    }
                    Effect::Note(note) => {
                        if !owner(machine, clock.now(), Happening::Note(&note)) {
                            return false;
                        }
                    }
                    Effect::Stop => stop = true,
                }
            }
            if stop {
                return true;
            }
        }
        if !owner(machine, clock.now(), Happening::Tick) {
            return false;
        }
        let now = clock.now();
        if let Some(Reverse((due, _, tag))) = timers.peek().copied()
            && due <= now
        {
            timers.pop();
            ready.push_back(tag.map_or(Event::Worked(took), Event::Woke));
        }
        let patience = if ready.is_empty() {
            timers.peek().map_or(TICK, |Reverse((due, _, _))| due.since(now).min(TICK))
        } else {
            Duration::ZERO
        };
        if let Some((from, bytes)) = transport.receive(patience)
            && let Ok(message) = Message::from_bytes(&bytes)
        {
            if !owner(machine, clock.now(), Happening::Received(from, &message, bytes.len())) {
                return false;
            }
            ready.push_back(Event::Received(from, message));
        }
    }
}
