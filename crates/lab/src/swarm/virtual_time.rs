//! The whole swarm in one process and in virtual time: the same machines, the same bytes, and a
//! clock that jumps from event to event. The same seed gives the same run, bit for bit.

mod queue;
mod world;

use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::time::Duration;

use self::queue::{Item, What};
pub use self::world::{Act, Line, Sent, VirtualPeer};
use super::habit::Habit;
use super::link::{Link, deliver};
use super::machine::{Effect, Event, Note};
use super::message::{Message, PeerId};
use super::real_time::Machine as _;
use super::roles::{Lead as _, Roles};
use super::settings::Settings;
use super::time::Time;
use super::wire::bytes_on_wire;

struct Node<M> {
    machine: M,
    peer: VirtualPeer,
    incarnation: u64,
    stalled: Time,
    offset: i64,
    stopped: bool,
}

/// A swarm in virtual time.
pub struct VirtualSwarm<'a, L: Roles> {
    settings: Settings,
    make: Box<dyn Fn() -> L + 'a>,
    coordinator: Option<Node<L::Coordinator>>,
    coordinators_line: Line,
    saved: Option<Vec<u8>>,
    workers: BTreeMap<PeerId, Node<L::Worker>>,
    queue: BinaryHeap<Item>,
    now: Time,
    order: u64,
    incarnations: u64,
    cut: Vec<(Time, BTreeSet<PeerId>)>,
    /// Each peer's line up and down.
    lines: BTreeMap<PeerId, (Link, Link)>,
    /// Of peers in sites: who speaks for the site, and the lines within it.
    heads: BTreeMap<PeerId, PeerId>,
    near: BTreeMap<PeerId, (Link, Link)>,
    /// Whether the coordinator keeps what it would need after a restart.
    persist: bool,
    notes: Vec<(Time, Note)>,
    traffic: Vec<Sent>,
    keep_traffic: bool,
    bytes: BTreeMap<(PeerId, PeerId), u64>,
    finished: Option<Time>,
}

impl<'a, L: Roles> VirtualSwarm<'a, L> {
    /// A swarm with nobody but the coordinator on `line`; `make` makes a fresh model.
    pub fn new(settings: Settings, line: Line, make: impl Fn() -> L + 'a) -> Self {
        let machine = make().coordinator(settings.clone());
        let peer = VirtualPeer { speed: f64::INFINITY, line, habit: Habit::Honest };
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
            lines: BTreeMap::new(),
            heads: BTreeMap::new(),
            near: BTreeMap::new(),
            persist: false,
            notes: Vec::new(),
            traffic: Vec::new(),
            keep_traffic: true,
            bytes: BTreeMap::new(),
            finished: None,
        };
        swarm.connect(PeerId::COORDINATOR, line);
        swarm.coordinator = Some(swarm.node(machine, peer));
        swarm.push(Time::ZERO, PeerId::COORDINATOR, What::Start);
        swarm
    }

    /// The same with a coordinator that goes on from somewhere.
    #[must_use]
    pub fn with_coordinator(mut self, machine: L::Coordinator) -> Self {
        if let Some(node) = &mut self.coordinator {
            node.machine = machine;
        }
        self
    }

    /// The same with a site: the first of `peers` speaks for all, and between them each has `line`.
    #[must_use]
    pub fn with_site(mut self, peers: &[PeerId], line: Line) -> Self {
        for peer in peers {
            let links = self.links(*peer, line);
            self.near.insert(*peer, links);
            self.heads.insert(*peer, peers[0]);
        }
        self
    }

    /// Whether two peers are in one site.
    pub fn are_near(&self, one: PeerId, other: PeerId) -> bool {
        self.heads.get(&one).is_some_and(|head| self.heads.get(&other) == Some(head))
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
        self.push(at, PeerId::COORDINATOR, What::Act(act));
    }

    fn node<M>(&mut self, machine: M, peer: VirtualPeer) -> Node<M> {
        self.incarnations += 1;
        Node {
            machine,
            peer,
            incarnation: self.incarnations,
            stalled: Time::ZERO,
            offset: 0,
            stopped: false,
        }
    }

    fn push(&mut self, at: Time, to: PeerId, what: What) {
        let incarnation = match (&what, to) {
            (What::Act(_) | What::Restart | What::Deliver { .. }, _) => 0,
            (_, PeerId::COORDINATOR) => {
                self.coordinator.as_ref().map_or(0, |node| node.incarnation)
            }
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
    pub fn coordinator(&mut self) -> Option<&mut L::Coordinator> {
        self.coordinator.as_mut().map(|node| &mut node.machine)
    }

    /// A worker that is switched on.
    pub fn worker(&self, rank: PeerId) -> Option<&L::Worker> {
        self.workers.get(&rank).map(|node| &node.machine)
    }

    /// Everybody who is switched on.
    pub fn workers(&self) -> impl Iterator<Item = (PeerId, &L::Worker)> {
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
    pub fn bytes(&self) -> &BTreeMap<(PeerId, PeerId), u64> {
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
        let all_know = self.finished.is_some()
            && self.coordinator.is_some()
            && self.workers.values().all(|node| node.stopped);
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

    fn give(&mut self, to: PeerId, incarnation: u64, what: What) {
        let now = self.now;
        let (stalled, current, offset) = if to == PeerId::COORDINATOR {
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
        let effects = if to == PeerId::COORDINATOR {
            self.coordinator.as_mut().map(|node| node.machine.step(clock, event))
        } else {
            self.workers.get_mut(&to).map(|node| node.machine.step(clock, event))
        };
        self.perform(to, effects.unwrap_or_default());
    }

    fn perform(&mut self, rank: PeerId, effects: Vec<Effect>) {
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
                Effect::Stop if rank == PeerId::COORDINATOR => {
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

    fn send(&mut self, from: PeerId, to: PeerId, message: &Message) {
        let bytes = message.to_bytes();
        let size = bytes_on_wire(bytes.len());
        *self.bytes.entry((from, to)).or_default() += size as u64;
        if self.keep_traffic {
            self.traffic.push(Sent {
                at: self.now,
                from,
                to,
                kind: message.kind().into(),
                bytes: size,
            });
        }
        let now = self.now;
        self.cut.retain(|(until, _)| *until > now);
        let apart = self.cut.iter().any(|(_, side)| side.contains(&from) != side.contains(&to));
        let near = self.are_near(from, to);
        let lines = if near { &mut self.near } else { &mut self.lines };
        // Two lines at once: take one out.
        let Some((mut up, down_of_sender)) = lines.remove(&from) else { return };
        let arrives = lines
            .get_mut(&to)
            .filter(|_| !apart)
            .map(|(_, down)| deliver(&mut up, down, now, bytes.len()));
        if arrives.is_none() {
            up.deliver(now, size);
        }
        lines.insert(from, (up, down_of_sender));
        if let Some(arrives) = arrives {
            self.push(arrives, to, What::Deliver { from, bytes });
        }
    }

    fn connect(&mut self, peer: PeerId, line: Line) {
        let links = self.links(peer, line);
        self.lines.insert(peer, links);
    }

    fn links(&self, peer: PeerId, line: Line) -> (Link, Link) {
        let seed = self.settings.run.seed ^ (u64::from(peer.0) << 32);
        (Link::new(line.up, seed), Link::new(line.down, seed ^ 1))
    }

    fn happen(&mut self, act: Act) {
        match act {
            Act::Join(rank, peer) if rank != PeerId::COORDINATOR => {
                let worker = (self.make)().worker(
                    self.settings.clone(),
                    rank,
                    &peer,
                    self.heads.get(&rank).copied(),
                );
                self.connect(rank, peer.line);
                let node = self.node(worker, peer);
                self.workers.insert(rank, node);
                self.push(self.now, rank, What::Start);
            }
            Act::Join(..) => {}
            Act::Leave(rank) => {
                let effects = self.workers.get_mut(&rank).map(|node| L::leave(&mut node.machine));
                self.perform(rank, effects.unwrap_or_default());
                self.workers.remove(&rank);
            }
            Act::Kill(rank) => {
                self.workers.remove(&rank);
            }
            Act::Stall(rank, span) => {
                let until = self.now + span;
                if rank == PeerId::COORDINATOR {
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
                if rank == PeerId::COORDINATOR {
                    if let Some(node) = &mut self.coordinator {
                        node.offset = node.offset.saturating_add(by);
                    }
                } else if let Some(node) = self.workers.get_mut(&rank) {
                    node.offset = node.offset.saturating_add(by);
                }
            }
            Act::RestartCoordinator(down) => {
                self.coordinator = None;
                self.push(self.now + down, PeerId::COORDINATOR, What::Restart);
            }
        }
    }

    fn restart(&mut self) {
        if self.coordinator.is_some() {
            return;
        }
        let model = (self.make)();
        let machine = match self.saved.as_deref() {
            Some(saved) => model.restored(self.settings.clone(), saved),
            None => Ok(model.coordinator(self.settings.clone())),
        };
        // What it saved itself it can read; `None` would show as a run that never ends.
        let Ok(machine) = machine else { return };
        let peer = VirtualPeer {
            speed: f64::INFINITY,
            line: self.coordinators_line,
            habit: Habit::Honest,
        };
        self.coordinator = Some(self.node(machine, peer));
        self.push(self.now, PeerId::COORDINATOR, What::Start);
    }
}

fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::ZERO)
}
