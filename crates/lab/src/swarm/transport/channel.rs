//! A transport within one process: channels with the links' law of time, on a real clock.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::super::link::{Link, deliver};
use super::super::time::{Clock, RealClock, Time};
use super::super::virtual_time::Line;
use super::super::wire::PeerId;
use super::Transport;

/// A message on its way: when it arrives, which of those that arrive then, from whom, and what.
type Parcel = (Time, u64, PeerId, Vec<u8>);

/// What all channels of a swarm hang on.
pub struct Exchange {
    clock: RealClock,
    ends: Mutex<Ends>,
}

#[derive(Default)]
struct Ends {
    order: u64,
    of: BTreeMap<PeerId, End>,
}

struct End {
    up: Link,
    down: Link,
    door: Sender<Parcel>,
    waiting: Arc<AtomicUsize>,
}

impl Exchange {
    /// An exchange to which nobody is connected. Its clock starts now.
    pub fn new() -> Arc<Self> {
        Arc::new(Self { clock: RealClock::new(), ends: Mutex::default() })
    }

    /// The clock by which its links run.
    pub fn clock(&self) -> RealClock {
        self.clock
    }

    /// Connects `peer` over `line`; the same seed loses the same packets.
    pub fn connect(self: &Arc<Self>, peer: PeerId, line: Line, seed: u64) -> Channel {
        let (door, inbox) = channel();
        let waiting = Arc::new(AtomicUsize::new(0));
        let end = End {
            up: Link::new(line.up, seed),
            down: Link::new(line.down, seed ^ 1),
            door,
            waiting: Arc::clone(&waiting),
        };
        self.ends().of.insert(peer, end);
        let exchange = Arc::clone(self);
        Channel { peer, exchange, inbox, arriving: BinaryHeap::new(), waiting }
    }

    fn ends(&self) -> MutexGuard<'_, Ends> {
        self.ends.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One peer's end. What is sent to a peer that is not connected is lost.
pub struct Channel {
    peer: PeerId,
    exchange: Arc<Exchange>,
    inbox: Receiver<Parcel>,
    arriving: BinaryHeap<Reverse<Parcel>>,
    waiting: Arc<AtomicUsize>,
}

impl Channel {
    /// Messages sent to this peer that it has not received.
    pub fn waiting(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.waiting)
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        self.exchange.ends().of.remove(&self.peer);
    }
}

impl Transport for Channel {
    fn send(&mut self, to: PeerId, bytes: Vec<u8>) {
        let mut ends = self.exchange.ends();
        // Under the lock: time on a link must not go back.
        let now = self.exchange.clock.now();
        ends.order += 1;
        let order = ends.order;
        // Two ends at once: take one out.
        let Some(mut mine) = ends.of.remove(&self.peer) else { return };
        if let Some(other) = ends.of.get_mut(&to) {
            let arrives = deliver(&mut mine.up, &mut other.down, now, bytes.len());
            other.waiting.fetch_add(1, Ordering::AcqRel);
            // Who hung up a moment ago gets nothing.
            let _ = other.door.send((arrives, order, self.peer, bytes));
        }
        ends.of.insert(self.peer, mine);
    }

    fn receive(&mut self, patience: Duration) -> Option<(PeerId, Vec<u8>)> {
        let until = self.exchange.clock.now() + patience;
        loop {
            self.arriving.extend(self.inbox.try_iter().map(Reverse));
            let now = self.exchange.clock.now();
            let next = self.arriving.peek().map(|Reverse((due, ..))| *due);
            if next.is_some_and(|due| due <= now) {
                let Reverse((_, _, from, bytes)) = self.arriving.pop()?;
                self.waiting.fetch_sub(1, Ordering::AcqRel);
                return Some((from, bytes));
            }
            if now >= until {
                return None;
            }
            let wait = next.map_or(until, |due| due.min(until)).since(now);
            if let Ok(parcel) = self.inbox.recv_timeout(wait) {
                self.arriving.push(Reverse(parcel));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_arrive_in_order_and_not_before_the_law_of_their_links_says() {
        let exchange = Exchange::new();
        let line = Line::new(8e6, 16e6, 0.02);
        let mut a = exchange.connect(PeerId(1), line, 0);
        let mut b = exchange.connect(PeerId(2), Line::default(), 0);
        let (mut up, mut down) = (Link::new(line.up, 0), Link::new(Line::default().down, 1));
        for salt in 0..3_u8 {
            let law = deliver(&mut up, &mut down, exchange.clock().now(), 20_000);
            a.send(PeerId(2), vec![salt; 20_000]);
            a.send(PeerId(9), vec![0; 10]); // to nobody: lost
            let (from, bytes) = b.receive(Duration::from_secs(10)).unwrap();
            assert!(from == PeerId(1) && bytes == vec![salt; 20_000]);
            assert!(exchange.clock().now() >= law, "20 ms of rate, 20 ms of delay");
        }
        a.send(PeerId(2), vec![1]);
        assert_eq!(b.receive(Duration::ZERO), None);
        assert_eq!(b.waiting().load(Ordering::Acquire), 1);
        drop(b);
        a.send(PeerId(2), vec![1]);
        assert_eq!(a.receive(Duration::from_millis(1)), None);
    }
}
