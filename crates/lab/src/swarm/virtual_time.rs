//! The whole swarm in one process and in virtual time: the same machines, the same bytes, and a
//! clock that jumps from event to event. The same seed gives the same run, bit for bit.

use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::coordinator::Coordinator;
use super::habit::Habit;
use super::learner::Learner;
use super::machine::{Effect, Event, Note};
use super::message::{COORDINATOR, Message, Rank};
use super::settings::Settings;
use super::time::Time;
use super::worker::Worker;

/// A peer's line to the internet.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Line {
    /// Bits a second up.
    pub up: f64,
    /// Bits a second down.
    pub down: f64,
    /// To the middle of the network, one way.
    pub delay: Duration,
    /// Share of messages that are lost.
    pub loss: f64,
}

impl Line {
    /// A line on which nothing takes time.
    pub const IDEAL: Self =
        Self { up: f64::INFINITY, down: f64::INFINITY, delay: Duration::ZERO, loss: 0.0 };
}

/// A peer as it is rehearsed.
#[derive(Debug, Clone, PartialEq)]
pub struct VirtualPeer {
    /// Tokens a second that it computes.
    pub speed: f64,
    /// Its line.
    pub line: Line,
    /// How it behaves.
    pub habit: Habit,
}

/// Something that happens to peers.
#[derive(Debug, Clone, PartialEq)]
pub enum Act {
    /// A peer is switched on; one that was here before has forgotten everything.
    Join(Rank, VirtualPeer),
    /// A peer says goodbye.
    Leave(Rank),
    /// A peer dies without a word.
    Kill(Rank),
    /// A peer does nothing for a while.
    Stall(Rank, Duration),
    /// Messages from and to these peers are lost for a while.
    Partition(Vec<Rank>, Duration),
    /// A peer's clock jumps by so many nanoseconds.
    ClockJump(Rank, i64),
    /// The coordinator dies, and is restarted from what it kept after a while.
    RestartCoordinator(Duration),
}

/// One message, for the traffic log.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sent {
    /// When it left.
    pub at: Time,
    /// From whom.
    pub from: Rank,
    /// To whom.
    pub to: Rank,
    /// What it was.
    pub kind: &'static str,
    /// With its frame.
    pub bytes: usize,
}

/// Bytes that a frame adds to a message.
pub const FRAME: usize = super::wire::HEADER;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Up,
    Down,
}

struct Node<M> {
    machine: M,
    peer: VirtualPeer,
    incarnation: u64,
    stalled: Time,
    offset: i64,
    up_free: Time,
    down_free: Time,
    stopped: bool,
}

enum What {
    Deliver { from: Rank, bytes: Vec<u8> },
    Worked(Duration),
    Woke(u64),
    Start,
    Act(Act),
    Restart,
}

struct Item {
    at: Time,
    order: u64,
    to: Rank,
    incarnation: u64,
    what: What,
}

impl PartialEq for Item {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Item {}

impl PartialOrd for Item {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Item {
    /// The earliest is the greatest: a heap gives it first.
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (other.at, other.order).cmp(&(self.at, self.order))
    }
}

/// A swarm in virtual time.
pub struct VirtualSwarm<'a, L> {
    settings: Settings,
    make: Box<dyn Fn() -> L + 'a>,
    coordinator: Option<Node<Coordinator<L>>>,
    coordinators_line: Line,
    saved: Option<Vec<u8>>,
    workers: BTreeMap<Rank, Node<Worker<L>>>,
    queue: BinaryHeap<Item>,
    now: Time,
    order: u64,
    incarnations: u64,
    cut: Vec<(Time, BTreeSet<Rank>)>,
    random: ChaCha8Rng,
    /// Whether the coordinator keeps what it would need after a restart.
    persist: bool,
    notes: Vec<(Time, Note)>,
    traffic: Vec<Sent>,
    keep_traffic: bool,
    bytes: BTreeMap<(Rank, Rank), u64>,
    finished: Option<Time>,
}

impl<'a, L: Learner> VirtualSwarm<'a, L> {
    /// A swarm with nobody but the coordinator on `line`; `make` makes a fresh model.
    pub fn new(settings: Settings, line: Line, make: impl Fn() -> L + 'a) -> Self {
        let machine = Coordinator::new(settings.clone(), make());
        let peer = VirtualPeer { speed: f64::INFINITY, line, habit: Habit::Honest };
        let random = ChaCha8Rng::seed_from_u64(settings.run.seed);
        let mut swarm = Self {
            settings,
            make: Box::new(make),
            coordinator: None,
            coordinators_line: line,
            saved: None,
            workers: BTreeMap::new(),
            queue: BinaryHeap::new(),
            now: Time::ZERO,
            order: 0,
            incarnations: 0,
            cut: Vec::new(),
            random,
            persist: false,
            notes: Vec::new(),
            traffic: Vec::new(),
            keep_traffic: true,
            bytes: BTreeMap::new(),
            finished: None,
        };
        swarm.coordinator = Some(swarm.node(machine, peer));
        swarm.push(Time::ZERO, COORDINATOR, What::Start);
        swarm
    }

    /// Forgets single messages; sums stay.
    #[must_use]
    pub fn without_traffic_log(mut self) -> Self {
        self.keep_traffic = false;
        self
    }

    /// Something happens at `at`.
    pub fn act(&mut self, at: Time, act: Act) {
        if matches!(act, Act::RestartCoordinator(_)) {
            self.persist = true;
        }
        self.push(at, COORDINATOR, What::Act(act));
    }

    fn node<M>(&mut self, machine: M, peer: VirtualPeer) -> Node<M> {
        self.incarnations += 1;
        Node {
            machine,
            peer,
            incarnation: self.incarnations,
            stalled: Time::ZERO,
            offset: 0,
            up_free: self.now,
            down_free: self.now,
            stopped: false,
        }
    }

    fn push(&mut self, at: Time, to: Rank, what: What) {
        let incarnation = match (&what, to) {
            (What::Act(_) | What::Restart | What::Deliver { .. }, _) => 0,
            (_, COORDINATOR) => self.coordinator.as_ref().map_or(0, |node| node.incarnation),
            _ => self.workers.get(&to).map_or(0, |node| node.incarnation),
        };
        self.order += 1;
        self.queue.push(Item { at, order: self.order, to, incarnation, what });
    }

    /// The clock.
    pub fn now(&self) -> Time {
        self.now
    }

    /// When every window was trained on.
    pub fn finished(&self) -> Option<Time> {
        self.finished
    }

    /// The coordinator, unless it is being restarted.
    pub fn coordinator(&mut self) -> Option<&mut Coordinator<L>> {
        self.coordinator.as_mut().map(|node| &mut node.machine)
    }

    /// A worker that is switched on.
    pub fn worker(&self, rank: Rank) -> Option<&Worker<L>> {
        self.workers.get(&rank).map(|node| &node.machine)
    }

    /// Everybody who is switched on.
    pub fn workers(&self) -> impl Iterator<Item = (Rank, &Worker<L>)> {
        self.workers.iter().map(|(rank, node)| (*rank, &node.machine))
    }

    /// What the coordinator noted.
    pub fn notes(&self) -> &[(Time, Note)] {
        &self.notes
    }

    /// Every message that was sent.
    pub fn traffic(&self) -> &[Sent] {
        &self.traffic
    }

    /// Bytes by sender and receiver.
    pub fn bytes(&self) -> &BTreeMap<(Rank, Rank), u64> {
        &self.bytes
    }

    /// Events that wait.
    pub fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// Goes on until the run is over and everybody knows, or until `until`, or until nothing
    /// happens any more. True when the run is over.
    pub fn run(&mut self, until: Time) -> bool {
        while self.next(until) {}
        self.finished.is_some()
    }

    /// One event; false when there is none before `until`.
    pub fn next(&mut self, until: Time) -> bool {
        let all_know = self.finished.is_some() && self.workers.values().all(|node| node.stopped);
        if all_know || self.queue.peek().is_none_or(|item| item.at > until) {
            return false;
        }
        let Some(item) = self.queue.pop() else { return false };
        self.now = self.now.max(item.at);
        match item.what {
            What::Act(act) => self.happen(act),
            What::Restart => self.restart(),
            what => self.give(item.to, item.incarnation, what),
        }
        true
    }

    fn give(&mut self, to: Rank, incarnation: u64, what: What) {
        let now = self.now;
        let (stalled, current, offset) = if to == COORDINATOR {
            let Some(node) = &self.coordinator else { return };
            (node.stalled, node.incarnation, node.offset)
        } else {
            let Some(node) = self.workers.get(&to) else { return };
            (node.stalled, node.incarnation, node.offset)
        };
        if incarnation != 0 && incarnation != current {
            return;
        }
        if stalled > now {
            self.order += 1;
            self.queue.push(Item { at: stalled, order: self.order, to, incarnation, what });
            return;
        }
        let event = match what {
            What::Deliver { from, bytes } => match Message::from_bytes(&bytes) {
                Ok(message) => Event::Received(from, message),
                Err(_) => return,
            },
            What::Worked(took) => Event::Worked(took),
            What::Woke(tag) => Event::Woke(tag),
            What::Start => Event::Start,
            What::Act(_) | What::Restart => return,
        };
        let clock = Time::from_nanoseconds(now.nanoseconds().saturating_add_signed(offset));
        let effects = if to == COORDINATOR {
            self.coordinator.as_mut().map(|node| node.machine.step(clock, event))
        } else {
            self.workers.get_mut(&to).map(|node| node.machine.step(clock, event))
        };
        self.perform(to, effects.unwrap_or_default());
    }

    fn perform(&mut self, rank: Rank, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Send(to, message) => self.send(rank, to, &message),
                Effect::Work { tokens } => {
                    let speed = self.workers.get(&rank).map_or(1.0, |node| node.peer.speed);
                    let took = seconds(tokens as f64 / speed);
                    self.push(self.now + took, rank, What::Worked(took));
                }
                Effect::Wake(after, tag) => self.push(self.now + after, rank, What::Woke(tag)),
                Effect::Persist => {
                    if self.persist {
                        self.saved = self.coordinator.as_ref().map(|node| node.machine.save());
                    }
                }
                Effect::Note(note) => self.notes.push((self.now, note)),
                Effect::Stop if rank == COORDINATOR => {
                    self.finished.get_or_insert(self.now);
                }
                Effect::Stop => {
                    if let Some(node) = self.workers.get_mut(&rank) {
                        node.stopped = true;
                    }
                }
            }
        }
    }

    fn send(&mut self, from: Rank, to: Rank, message: &Message) {
        let bytes = message.to_bytes();
        let size = bytes.len() + FRAME;
        *self.bytes.entry((from, to)).or_default() += size as u64;
        if self.keep_traffic {
            self.traffic.push(Sent { at: self.now, from, to, kind: message.kind(), bytes: size });
        }
        let now = self.now;
        let bits = 8.0 * size as f64;
        let Some((line, up_free)) = self.line(from, Way::Up) else { return };
        let up_start = now.max(*up_free);
        let up_end = up_start + seconds(bits / line.up);
        *up_free = up_end;
        let (delay, loss) = (line.delay, line.loss);
        self.cut.retain(|(until, _)| *until > now);
        let apart = self.cut.iter().any(|(_, side)| side.contains(&from) != side.contains(&to));
        let Some((line, down_free)) = self.line(to, Way::Down) else { return };
        // Bits flow through: the slower of the two lines sets the pace.
        let delay = delay + line.delay;
        let down_start = (up_start + delay).max(*down_free);
        let arrives = (up_end + delay).max(down_start + seconds(bits / line.down));
        let loss = 1.0 - (1.0 - loss) * (1.0 - line.loss);
        if !apart {
            *down_free = arrives;
        }
        let lost = loss > 0.0 && self.random.random::<f64>() < loss;
        if !apart && !lost {
            self.push(arrives, to, What::Deliver { from, bytes });
        }
    }

    /// A peer's line, and when it is free that way: lines are full duplex.
    fn line(&mut self, rank: Rank, way: Way) -> Option<(Line, &mut Time)> {
        let (line, up, down) = if rank == COORDINATOR {
            let node = self.coordinator.as_mut()?;
            (node.peer.line, &mut node.up_free, &mut node.down_free)
        } else {
            let node = self.workers.get_mut(&rank)?;
            (node.peer.line, &mut node.up_free, &mut node.down_free)
        };
        Some((line, if way == Way::Up { up } else { down }))
    }

    fn happen(&mut self, act: Act) {
        match act {
            Act::Join(rank, peer) if rank != COORDINATOR => {
                let worker = Worker::new(rank, self.settings.clone(), (self.make)(), peer.speed)
                    .with_habit(peer.habit.clone());
                let node = self.node(worker, peer);
                self.workers.insert(rank, node);
                self.push(self.now, rank, What::Start);
            }
            Act::Join(..) => {}
            Act::Leave(rank) => {
                let effects = self.workers.get_mut(&rank).map(|node| node.machine.leave());
                self.perform(rank, effects.unwrap_or_default());
                self.workers.remove(&rank);
            }
            Act::Kill(rank) => {
                self.workers.remove(&rank);
            }
            Act::Stall(rank, span) => {
                let until = self.now + span;
                if rank == COORDINATOR {
                    if let Some(node) = &mut self.coordinator {
                        node.stalled = until;
                    }
                } else if let Some(node) = self.workers.get_mut(&rank) {
                    node.stalled = until;
                }
            }
            Act::Partition(ranks, span) => {
                self.cut.push((self.now + span, ranks.into_iter().collect()));
            }
            Act::ClockJump(rank, by) => {
                if rank == COORDINATOR {
                    if let Some(node) = &mut self.coordinator {
                        node.offset = node.offset.saturating_add(by);
                    }
                } else if let Some(node) = self.workers.get_mut(&rank) {
                    node.offset = node.offset.saturating_add(by);
                }
            }
            Act::RestartCoordinator(down) => {
                self.coordinator = None;
                self.push(self.now + down, COORDINATOR, What::Restart);
            }
        }
    }

    fn restart(&mut self) {
        if self.coordinator.is_some() {
            return;
        }
        let learner = (self.make)();
        let machine = match self.saved.as_deref() {
            Some(saved) => Coordinator::restore(self.settings.clone(), learner, saved),
            None => Ok(Coordinator::new(self.settings.clone(), learner)),
        };
        // What it saved itself it can read; `None` would show as a run that never ends.
        let Ok(machine) = machine else { return };
        let peer = VirtualPeer {
            speed: f64::INFINITY,
            line: self.coordinators_line,
            habit: Habit::Honest,
        };
        self.coordinator = Some(self.node(machine, peer));
        self.push(self.now, COORDINATOR, What::Start);
    }
}

fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::ZERO)
}
