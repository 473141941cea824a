//! The one thread that decides: sessions, routes, and what the links do to frames.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender};
use std::time::Duration;

use super::super::Time;
use super::super::link::Link;
use super::super::time::Clock;
use super::super::wire::{Frame, Limits, Packet, PeerId, Received, ReplayGuard, route};
use super::connection;
use super::handshake::unix_time;
use super::roster::Roster;
use super::session::{Bounds, Session};
use super::tcp::{Role, Shared, lock};

/// Bytes that may wait for one connection; what is passed on beyond is dropped, and sent again by
/// the sessions at its ends.
const QUEUE: usize = 32 << 20;
/// Connections of one peer: its old one may not have noticed yet that it broke, and two may dial
/// each other at once.
const LINES: usize = 2;
const PING: Duration = Duration::from_secs(20);
/// How long a transport that ends lets what is on its link go out.
const DRAIN: Duration = Duration::from_secs(2);
/// Waits between attempts to reach a peer directly: they double up to a minute.
const DIAL_AGAIN: (Duration, u32) = (Duration::from_secs(1), 6);

/// What happens to the switchboard.
pub(super) enum Input {
    /// The driver sends a message.
    Send(PeerId, Vec<u8>),
    /// A connection is ready.
    Opened(u64, Line),
    /// A frame came on it, at this moment.
    Frame(u64, Time, Vec<u8>),
    /// It broke.
    Closed(u64),
    /// The transport ends.
    Stop,
}

/// A connection, as the switchboard sees it.
pub(super) struct Line {
    /// Who is at the other end.
    pub(super) peer: PeerId,
    /// To its writer.
    pub(super) frames: Sender<Vec<u8>>,
    /// Bytes that its writer has not written yet.
    pub(super) queued: Arc<AtomicUsize>,
    /// To close it.
    pub(super) control: TcpStream,
}

pub(super) struct Switchboard {
    shared: Arc<Shared>,
    input: SyncSender<Input>,
    deliver: Sender<(PeerId, Vec<u8>)>,
    lines: BTreeMap<u64, Line>,
    sessions: BTreeMap<PeerId, Session>,
    epoch: u64,
    bounds: Bounds,
    up: Link,
    down: Link,
    /// Frames on the link up, and to whom, by the time they leave.
    leaving: VecDeque<(Time, PeerId, Vec<u8>)>,
    /// Frames on the link down, and the connection they came on, by the time they are there.
    coming: VecDeque<(Time, u64, Vec<u8>)>,
    /// When peers were dialled last, and how often in vain.
    dialled: BTreeMap<PeerId, (Time, u32)>,
    replays: ReplayGuard,
    pinged: Time,
}

impl Switchboard {
    pub(super) fn new(
        shared: Arc<Shared>,
        input: SyncSender<Input>,
        deliver: Sender<(PeerId, Vec<u8>)>,
    ) -> Self {
        let settings = &shared.settings;
        let message = settings.largest_message;
        let bounds = Bounds { message: message as u64, waiting: message.saturating_mul(4) };
        Self {
            up: Link::new(settings.up, settings.seed.wrapping_mul(2)),
            down: Link::new(settings.down, settings.seed.wrapping_mul(2).wrapping_add(1)),
            shared,
            input,
            deliver,
            lines: BTreeMap::new(),
            sessions: BTreeMap::new(),
            epoch: unix_time(),
            bounds,
            leaving: VecDeque::new(),
            coming: VecDeque::new(),
            dialled: BTreeMap::new(),
            replays: ReplayGuard::new(1),
            pinged: Time::ZERO,
        }
    }

    /// Works until the transport ends.
    pub(super) fn run(mut self, inputs: &Receiver<Input>) {
        loop {
            let now = self.shared.clock.now();
            self.due(now);
            let input = match inputs.recv_timeout(self.next_due(now).since(now)) {
                Ok(input) => input,
                Err(RecvTimeoutError::Timeout) => continue,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            let now = self.shared.clock.now();
            match input {
                Input::Send(to, bytes) => self.send(to, bytes, now),
                Input::Opened(number, line) => self.opened(number, line, now),
                Input::Frame(number, at, bytes) => {
                    let there = self.down.deliver(at, bytes.len());
                    self.coming.push_back((there, number, bytes));
                }
                Input::Closed(number) => self.closed(number),
                Input::Stop => return self.drain(),
            }
        }
    }

    /// What was given to the link still leaves, answers above all: who waits for one would send
    /// everything again, to nobody.
    fn drain(&mut self) {
        let end = self.shared.clock.now() + DRAIN;
        loop {
            let now = self.shared.clock.now();
            while let Some((to, bytes)) = pop_due(&mut self.leaving, now) {
                self.write(to, bytes);
            }
            let written = self.lines.values().all(|line| line.queued.load(Ordering::Relaxed) == 0);
            if now >= end || written && self.leaving.is_empty() {
                return;
            }
            let next = self.leaving.front().map_or(end, |(at, ..)| *at);
            std::thread::sleep(next.since(now).min(Duration::from_millis(2)));
        }
    }

    fn next_due(&self, now: Time) -> Time {
        let queues = [self.leaving.front().map(|x| x.0), self.coming.front().map(|x| x.0)];
        let sessions = self.sessions.values().filter_map(Session::wakes);
        let others = queues.into_iter().flatten().chain(sessions);
        others.fold(self.pinged + PING, Time::min).max(now)
    }

    fn due(&mut self, now: Time) {
        while let Some((number, bytes)) = pop_due(&mut self.coming, now) {
            self.frame(number, bytes, now);
        }
        while let Some((to, bytes)) = pop_due(&mut self.leaving, now) {
            self.write(to, bytes);
        }
        let late: Vec<PeerId> = self
            .sessions
            .iter_mut()
            .filter(|(_, session)| session.wakes().is_some_and(|due| due <= now))
            .map(|(peer, session)| {
                session.wake(now);
                *peer
            })
            .collect();
        for peer in late {
            self.push(peer, now);
        }
        if now >= self.pinged + PING {
            self.pinged = now;
            for line in self.lines.values() {
                let bytes = self.frame_to(line.peer, Packet::Ping).to_bytes();
                line.queued.fetch_add(bytes.len(), Ordering::Relaxed);
                let _ = line.frames.send(bytes);
            }
        }
    }

    fn frame_to(&self, receiver: PeerId, packet: Packet) -> Frame {
        Frame { run: self.shared.settings.run, sender: self.shared.me(), receiver, packet }
    }

    /// The connection that leads to a peer: its own, the newest first, or the coordinator's.
    fn line(&self, to: PeerId) -> Option<u64> {
        let newest = |peer: PeerId| {
            self.lines.iter().rev().find(|(_, line)| line.peer == peer).map(|(number, _)| *number)
        };
        newest(to).or_else(|| newest(PeerId::COORDINATOR))
    }

    fn session(&mut self, peer: PeerId, now: Time) -> &mut Session {
        let (epoch, bounds) = (self.epoch, self.bounds);
        self.sessions.entry(peer).or_insert_with(|| Session::new(epoch, bounds, now))
    }

    fn send(&mut self, to: PeerId, bytes: Vec<u8>, now: Time) {
        let known = to == PeerId::COORDINATOR || lock(&self.shared.roster).get(to).is_some();
        if !known || to == self.shared.me() || !self.session(to, now).send(bytes) {
            self.shared.arrived(to, 1);
            return;
        }
        self.dial(to, now);
        self.push(to, now);
    }

    /// Tries to reach a peer directly, if that was not tried lately.
    fn dial(&mut self, to: PeerId, now: Time) {
        let worker = matches!(self.shared.settings.role, Role::Worker(_));
        let direct = self.lines.values().any(|line| line.peer == to);
        let (last, times) = self.dialled.get(&to).copied().unwrap_or_default();
        let wait = DIAL_AGAIN.0 * (1 << times.min(DIAL_AGAIN.1));
        if !worker || to == PeerId::COORDINATOR || direct || (times > 0 && now < last + wait) {
            return;
        }
        let member = lock(&self.shared.roster).get(to).cloned();
        if let Some(member) = member
            && let Some(address) = member.address
        {
            self.dialled.insert(to, (now, times + 1));
            let (shared, input) = (Arc::clone(&self.shared), self.input.clone());
            connection::reach(address, to, member.key, shared, input);
        }
    }

    /// Puts what may go to a peer on the link up.
    fn push(&mut self, to: PeerId, now: Time) {
        if self.line(to).is_none() {
            return;
        }
        while let Some(packet) = self.sessions.get_mut(&to).and_then(|session| session.next(now)) {
            self.leave(to, packet, now);
        }
    }

    fn leave(&mut self, to: PeerId, packet: Packet, now: Time) {
        let bytes = self.frame_to(to, packet).to_bytes();
        self.pass(to, bytes, now);
    }

    fn pass(&mut self, to: PeerId, bytes: Vec<u8>, now: Time) {
        let at = self.up.deliver(now, bytes.len());
        self.leaving.push_back((at, to, bytes));
    }

    /// Gives a frame to the writer of a connection; without one it is lost, as on any network.
    fn write(&mut self, to: PeerId, bytes: Vec<u8>) {
        let Some(line) = self.line(to).and_then(|number| self.lines.get(&number)) else { return };
        let len = bytes.len();
        if line.queued.load(Ordering::Relaxed) + len > QUEUE {
            return;
        }
        line.queued.fetch_add(len, Ordering::Relaxed);
        let _ = line.frames.send(bytes);
        lock(&self.shared.traffic).entry(to).or_default().sent += len as u64;
    }

    fn opened(&mut self, number: u64, line: Line, now: Time) {
        let peer = line.peer;
        self.lines.insert(number, line);
        self.dialled.remove(&peer);
        let own = self.lines.iter().filter(|(_, line)| line.peer == peer);
        let own: Vec<u64> = own.map(|(number, _)| *number).collect();
        for old in &own[..own.len().saturating_sub(LINES)] {
            self.closed(*old);
        }
        self.tell_connected();
        if matches!(self.shared.settings.role, Role::Coordinator) {
            self.tell_members(now);
        }
        let waiting: Vec<PeerId> = self.sessions.keys().copied().collect();
        for to in waiting {
            if to == peer || peer == PeerId::COORDINATOR {
                self.push(to, now);
            }
        }
    }

    fn tell_connected(&self) {
        let peers: BTreeSet<PeerId> = self.lines.values().map(|line| line.peer).collect();
        *lock(&self.shared.connected) = peers.into_iter().collect();
    }

    /// Tells everybody who takes part, and where.
    fn tell_members(&mut self, now: Time) {
        let members = lock(&self.shared.roster).members();
        let peers: BTreeSet<PeerId> = self.lines.values().map(|line| line.peer).collect();
        for peer in peers {
            let frame = self.frame_to(peer, Packet::Members(members.clone()));
            let bytes = frame.signed(&mut lock(&self.shared.signer), unix_time());
            self.pass(peer, bytes, now);
        }
    }

    fn closed(&mut self, number: u64) {
        let before: BTreeMap<PeerId, Option<u64>> =
            self.sessions.keys().map(|peer| (*peer, self.line(*peer))).collect();
        let Some(line) = self.lines.remove(&number) else { return };
        let _ = line.control.shutdown(Shutdown::Both);
        self.tell_connected();
        let now = self.shared.clock.now();
        for (peer, way) in before {
            if way == Some(number) {
                // What was on the connection is lost; it goes again, on the next way there is.
                self.leaving.retain(|(_, to, _)| *to != peer);
                if let Some(session) = self.sessions.get_mut(&peer) {
                    session.rewind();
                }
                self.push(peer, now);
            }
        }
    }

    fn frame(&mut self, number: u64, bytes: Vec<u8>, now: Time) {
        let Some(peer) = self.lines.get(&number).map(|line| line.peer) else { return };
        lock(&self.shared.traffic).entry(peer).or_default().received += bytes.len() as u64;
        if self.read(peer, bytes, now).is_err() {
            // Nobody who follows the protocol sends that.
            self.closed(number);
        }
    }

    fn read(&mut self, peer: PeerId, bytes: Vec<u8>, now: Time) -> Result<(), ()> {
        let (run, sender, receiver) = route(&bytes).ok_or(())?;
        let relays = peer == PeerId::COORDINATOR && sender != self.shared.me();
        if run != self.shared.settings.run || (sender != peer && !relays) {
            return Err(());
        }
        if receiver != self.shared.me() {
            let there = self.lines.values().any(|line| line.peer == receiver);
            if matches!(self.shared.settings.role, Role::Coordinator) && there {
                self.pass(receiver, bytes, now);
            }
            return Ok(());
        }
        let Received { frame, signed } =
            Frame::from_bytes(&bytes, &Limits::default()).map_err(|_| ())?;
        match frame.packet {
            Packet::Piece(piece) => {
                let untaken = lock(&self.shared.untaken).get(&sender).copied().unwrap_or(0);
                if untaken > self.bounds.waiting {
                    return Ok(()); // the driver is behind; it comes again
                }
                let (message, answer) = self.session(sender, now).piece(&piece).map_err(|_| ())?;
                if let Some(answer) = answer {
                    self.leave(sender, answer, now);
                }
                if let Some(message) = message {
                    *lock(&self.shared.untaken).entry(sender).or_default() += message.len();
                    let _ = self.deliver.send((sender, message));
                }
            }
            Packet::Acknowledge(said) => {
                let complete = self.session(sender, now).acknowledged(&said, now);
                self.shared.arrived(sender, complete);
                self.push(sender, now);
            }
            Packet::Members(members) => {
                let signed = signed.ok_or(())?;
                if Some(signed.key) != *lock(&self.shared.coordinator_key) {
                    return Err(());
                }
                if self.replays.accept(PeerId::COORDINATOR, &signed, unix_time()).is_ok() {
                    *lock(&self.shared.roster) = Roster::new(members);
                }
            }
            Packet::Ping => {}
            Packet::Hello(_) | Packet::Refuse { .. } => return Err(()),
        }
        Ok(())
    }
}

/// The first of a queue, if its time has come.
fn pop_due<T>(queue: &mut VecDeque<(Time, T, Vec<u8>)>, now: Time) -> Option<(T, Vec<u8>)> {
    queue.front().filter(|(at, ..)| *at <= now)?;
    queue.pop_front().map(|(_, what, bytes)| (what, bytes))
}

impl Drop for Switchboard {
    fn drop(&mut self) {
        for line in self.lines.values() {
            let _ = line.control.shutdown(Shutdown::Both);
        }
    }
}
