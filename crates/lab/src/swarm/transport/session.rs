//! Messages between two peers, in order and once, over connections that break.
//!
//! Each direction is a stream of messages, cut into pieces. The receiver takes pieces in order and
//! acknowledges each; the sender keeps a message until all of it arrived, has at most [`WINDOW`]
//! bytes on the way, and goes back to the first byte that did not arrive when a connection was
//! replaced, when the receiver says that something is missing, or after a long silence. It then sends
//! one piece, whose answer says what had arrived although nobody could tell. So a broken connection
//! costs what was on it, and a transfer goes on where it stopped.
//!
//! No sockets, no clock: packets and moments in, packets out.

use std::collections::VecDeque;
use std::time::Duration;

use super::super::Time;
use super::super::wire::{Acknowledge, PIECE, Packet, Piece};

/// Bytes on the way to a peer at once: 4 MiB, half a second at 64 Mbit/s.
pub(super) const WINDOW: u64 = 4 << 20;
/// Silence after which everything on the way counts as lost: this, and the time that it takes at
/// 1 Mbit/s. Twice as long after each time, so that slower links are not filled with repetition.
const SILENCE: Duration = Duration::from_secs(3);
const PER_BYTE: Duration = Duration::from_micros(8);
/// Doublings at most.
const MISSES: u32 = 6;

/// How much one peer may cost.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Bytes of one message from it.
    pub(super) message: u64,
    /// Bytes waiting for it.
    pub(super) waiting: usize,
}

/// Both directions between this peer and another.
#[derive(Debug)]
pub(super) struct Session {
    bounds: Bounds,
    outgoing: Outgoing,
    incoming: Incoming,
}

#[derive(Debug)]
struct Outgoing {
    epoch: u64,
    /// Messages that have not arrived whole; the first has number `first`.
    messages: VecDeque<Vec<u8>>,
    bytes: usize,
    first: u64,
    /// Bytes of the first message that have arrived.
    arrived: u64,
    /// The next piece to send: number of the message, and byte.
    next: (u64, u64),
    /// The furthest that was ever sent.
    furthest: (u64, u64),
    on_the_way: u64,
    /// How much may be on the way: [`WINDOW`], but after going back one piece, until its answer says
    /// what else had arrived.
    window: u64,
    heard: Time,
    /// Silences since something was heard.
    misses: u32,
    rewound_for: Option<(u64, u64)>,
}

#[derive(Debug, Default)]
struct Incoming {
    epoch: u64,
    number: u64,
    partial: Vec<u8>,
    complained: bool,
}

impl Session {
    /// A session that begins now; `epoch` is larger than that of any earlier one with this peer.
    pub(super) fn new(epoch: u64, bounds: Bounds, now: Time) -> Self {
        let outgoing = Outgoing {
            epoch,
            messages: VecDeque::new(),
            bytes: 0,
            first: 0,
            arrived: 0,
            next: (0, 0),
            furthest: (0, 0),
            on_the_way: 0,
            window: WINDOW,
            heard: now,
            misses: 0,
            rewound_for: None,
        };
        Self { bounds, outgoing, incoming: Incoming::default() }
    }

    /// Takes a message for the peer; false, and gone, if too much waits already.
    pub(super) fn send(&mut self, message: Vec<u8>) -> bool {
        let out = &mut self.outgoing;
        // One message always fits, however large.
        if !out.messages.is_empty() && out.bytes + message.len() > self.bounds.waiting {
            return false;
        }
        out.bytes += message.len();
        out.messages.push_back(message);
        true
    }

    /// The next piece to put on the wire, if any may go.
    pub(super) fn next(&mut self, now: Time) -> Option<Packet> {
        let out = &mut self.outgoing;
        if out.on_the_way == 0 {
            out.heard = now;
        } else if out.on_the_way >= out.window {
            return None;
        }
        let (number, offset) = out.next;
        let message = out.messages.get((number - out.first) as usize)?;
        let total = message.len() as u64;
        let start = offset as usize;
        let end = (start + PIECE).min(message.len());
        let bytes = message[start..end].to_vec();
        out.next = if end == message.len() { (number + 1, 0) } else { (number, end as u64) };
        out.furthest = out.furthest.max(out.next);
        out.on_the_way += cost(bytes.len());
        Some(Packet::Piece(Piece { epoch: out.epoch, number, total, offset, bytes }))
    }

    /// Everything on the way was lost: a connection was replaced.
    pub(super) fn rewind(&mut self) {
        let out = &mut self.outgoing;
        out.next = (out.first, out.arrived);
        out.on_the_way = 0;
        if out.next < out.furthest {
            out.window = 1;
        }
    }

    /// A new stream with what is left.
    fn begin_again(&mut self) {
        let out = &mut self.outgoing;
        out.epoch = out.epoch.saturating_add(1);
        (out.first, out.arrived, out.furthest, out.rewound_for) = (0, 0, (0, 0), None);
        self.rewind();
    }

    /// When [`Self::wake`] is due, if anything is on the way.
    pub(super) fn wakes(&self) -> Option<Time> {
        let out = &self.outgoing;
        let bytes = u32::try_from(out.on_the_way).unwrap_or(u32::MAX);
        let silence = (SILENCE + PER_BYTE * bytes) * (1 << out.misses);
        (bytes > 0).then(|| out.heard + silence)
    }

    /// Goes back if the peer was silent for long; waits twice as long the next time.
    pub(super) fn wake(&mut self, now: Time) {
        if self.wakes().is_some_and(|due| now >= due) {
            self.rewind();
            self.outgoing.heard = now;
            self.outgoing.misses = (self.outgoing.misses + 1).min(MISSES);
        }
    }

    /// A piece came: the message if it is the last one, and what to answer.
    ///
    /// # Errors
    /// If no peer that follows the protocol sends such a piece.
    pub(super) fn piece(
        &mut self,
        piece: &Piece,
    ) -> Result<(Option<Vec<u8>>, Option<Packet>), String> {
        if piece.total > self.bounds.message {
            return Err(format!(
                "it sends a message of {} bytes, at most {}",
                piece.total, self.bounds.message
            ));
        }
        let end = piece.offset.saturating_add(piece.bytes.len() as u64);
        if end > piece.total || (piece.bytes.len() < PIECE && end < piece.total) {
            return Err("it sends a piece that has not the size of one".to_owned());
        }
        let incoming = &mut self.incoming;
        if piece.epoch < incoming.epoch {
            // From before its sender started again; or its clock went back, and it must know.
            return Ok((None, Some(incoming.acknowledge(true))));
        }
        if piece.epoch > incoming.epoch {
            *incoming = Incoming { epoch: piece.epoch, ..Incoming::default() };
        }
        let expected = (incoming.number, incoming.partial.len() as u64);
        let came = (piece.number, piece.offset);
        if came > expected {
            let again = !std::mem::replace(&mut incoming.complained, true);
            return Ok((None, again.then(|| incoming.acknowledge(true))));
        }
        if came < expected {
            return Ok((None, Some(incoming.acknowledge(false))));
        }
        incoming.complained = false;
        incoming.partial.extend_from_slice(&piece.bytes);
        let message = (end == piece.total).then(|| {
            incoming.number += 1;
            std::mem::take(&mut incoming.partial)
        });
        Ok((message, Some(incoming.acknowledge(false))))
    }

    /// The peer says what arrived; how many messages that completes.
    pub(super) fn acknowledged(&mut self, said: &Acknowledge, now: Time) -> usize {
        let out = &mut self.outgoing;
        if said.again && said.epoch > out.epoch {
            out.epoch = said.epoch;
            self.begin_again();
            return 0;
        }
        let known = said.number.checked_sub(out.first);
        let message = known.and_then(|at| out.messages.get(usize::try_from(at).ok()?));
        let place = said.offset == 0
            || said.offset.is_multiple_of(PIECE as u64)
                && message.is_some_and(|message| said.offset < message.len() as u64);
        if said.epoch != out.epoch || !place {
            return 0;
        }
        if said.again && said.number < out.first {
            // The peer started again and knows nothing of what it acknowledged.
            self.begin_again();
            return 0;
        }
        let mut complete = 0;
        let arrived = (said.number, said.offset);
        if said.again && said.number == out.first && said.offset < out.arrived {
            out.arrived = said.offset; // the same, before the first message was whole
        }
        if arrived > (out.first, out.arrived) && arrived <= out.furthest {
            while out.first < said.number {
                let Some(message) = out.messages.pop_front() else { break };
                out.bytes -= message.len();
                out.first += 1;
                complete += 1;
            }
            out.arrived = said.offset;
            // After going back: the peer has more than was known.
            out.next = out.next.max(arrived);
            out.on_the_way = out.between();
            out.window = WINDOW;
            out.heard = now;
            out.misses = 0;
        }
        if said.again && out.rewound_for != Some(arrived) {
            out.rewound_for = Some(arrived);
            self.rewind();
        }
        complete
    }
}

/// What a piece counts for in the window; empty messages count too.
fn cost(bytes: usize) -> u64 {
    bytes as u64 + 64
}

impl Outgoing {
    /// Bytes between what arrived and what is next.
    fn between(&self) -> u64 {
        let (number, offset) = self.next;
        let before = self.messages.iter().take((number - self.first) as usize);
        let whole: u64 = before.map(|message| cost(message.len())).sum();
        (whole + offset).saturating_sub(self.arrived)
    }
}

impl Incoming {
    fn acknowledge(&self, again: bool) -> Packet {
        let (number, offset) = (self.number, self.partial.len() as u64);
        Packet::Acknowledge(Acknowledge { epoch: self.epoch, number, offset, again })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BOUNDS: Bounds = Bounds { message: 4 << 20, waiting: 64 << 20 };

    fn message(number: usize, len: usize) -> Vec<u8> {
        (0..len).map(|i| (i * 7 + number * 13) as u8).collect()
    }

    /// Both ends of a wire that loses everything on it now and then, or one packet.
    fn talk(lens: &[usize], faults: &[(usize, bool)], restart: Option<usize>) -> Vec<Vec<u8>> {
        let mut now = Time::ZERO;
        let mut sender = Session::new(1, BOUNDS, now);
        let mut receiver = Session::new(2, BOUNDS, now);
        for (number, len) in lens.iter().enumerate() {
            assert!(sender.send(message(number, *len)));
        }
        let (mut got, mut count, mut wire) = (Vec::new(), 0, VecDeque::new());
        for _ in 0..100_000 {
            if sender.outgoing.messages.is_empty() {
                return got;
            }
            while let Some(packet) = sender.next(now) {
                wire.push_back(packet);
            }
            if wire.is_empty() {
                now += Duration::from_secs(10);
                sender.wake(now);
                continue;
            }
            count += 1;
            if restart == Some(count) {
                receiver = Session::new(3, BOUNDS, now);
            }
            match faults.iter().find(|(at, _)| *at == count) {
                Some((_, true)) => {
                    // A connection broke and was replaced.
                    wire.clear();
                    sender.rewind();
                    continue;
                }
                Some((_, false)) => {
                    wire.pop_front(); // a relay had no room
                    continue;
                }
                None => {}
            }
            let Some(Packet::Piece(piece)) = wire.pop_front() else { panic!() };
            let (whole, answer) = receiver.piece(&piece).unwrap();
            got.extend(whole);
            if let Some(Packet::Acknowledge(said)) = answer {
                sender.acknowledged(&said, now);
            }
        }
        panic!("it never ended");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]

        #[test]
        fn messages_arrive_in_order_and_once_whatever_breaks(
            lens in proptest::collection::vec(
                prop_oneof![Just(0), 1_usize..1000, Just(PIECE), PIECE..3 * PIECE], 1..8),
            faults in proptest::collection::vec((1_usize..30, any::<bool>()), 0..12),
        ) {
            let got = talk(&lens, &faults, None);
            let sent: Vec<Vec<u8>> =
                lens.iter().enumerate().map(|(number, len)| message(number, *len)).collect();
            prop_assert!(got == sent);
        }

        #[test]
        fn a_receiver_that_starts_again_gets_what_it_had_not_acknowledged(
            lens in proptest::collection::vec(1_usize..2 * PIECE, 2..8),
            restart in 1_usize..10,
        ) {
            let got = talk(&lens, &[], Some(restart));
            // All of them over both lives of the receiver.
            let sent: Vec<Vec<u8>> =
                lens.iter().enumerate().map(|(number, len)| message(number, *len)).collect();
            prop_assert!(got == sent, "{} of {}", got.len(), sent.len());
        }

        #[test]
        fn any_pieces_and_answers_are_borne(
            pieces in proptest::collection::vec((0_u64..3, 0_u64..4, 0_u64..2000, 0_u64..2000, 0_usize..2000), 0..50),
            answers in proptest::collection::vec((0_u64..3, 0_u64..4, 0_u64..2000, any::<bool>()), 0..50),
        ) {
            let mut session = Session::new(1, BOUNDS, Time::ZERO);
            session.send(vec![1; 1500]);
            session.send(vec![2; 10]);
            session.next(Time::ZERO);
            for (epoch, number, total, offset, len) in pieces {
                let _ = session.piece(&Piece { epoch, number, total, offset, bytes: vec![0; len] });
            }
            for (epoch, number, offset, again) in answers {
                session.acknowledged(&Acknowledge { epoch, number, offset, again }, Time::ZERO);
                session.next(Time::ZERO);
            }
            prop_assert!(session.incoming.partial.len() <= 2000);
        }
    }

    #[test]
    fn a_sender_whose_clock_went_back_is_heard_again() {
        let mut receiver = Session::new(9, BOUNDS, Time::ZERO);
        for epoch in [50, 20] {
            let mut sender = Session::new(epoch, BOUNDS, Time::ZERO);
            sender.send(message(1, 300_000));
            let mut got = Vec::new();
            for _ in 0..10 {
                while let Some(Packet::Piece(piece)) = sender.next(Time::ZERO) {
                    let (whole, answer) = receiver.piece(&piece).unwrap();
                    got.extend(whole);
                    if let Some(Packet::Acknowledge(said)) = answer {
                        sender.acknowledged(&said, Time::ZERO);
                    }
                }
            }
            assert!(got == [message(1, 300_000)], "epoch {epoch}");
        }
    }

    #[test]
    fn no_more_than_a_window_is_on_the_way_and_no_more_than_the_bound_waits() {
        let bounds = Bounds { message: 100, waiting: 20 << 20 };
        let mut session = Session::new(1, bounds, Time::ZERO);
        assert!(session.send(vec![0; 15 << 20]));
        assert!(!session.send(vec![0; 6 << 20]));
        let mut sent = 0;
        while let Some(Packet::Piece(piece)) = session.next(Time::ZERO) {
            sent += piece.bytes.len() as u64;
        }
        assert!((WINDOW - PIECE as u64..WINDOW + PIECE as u64).contains(&sent), "{sent}");
        let large = Piece { epoch: 1, number: 0, total: 101, offset: 0, bytes: vec![0; 101] };
        assert!(session.piece(&large).unwrap_err().contains("at most 100"));
    }

    #[test]
    fn after_going_back_one_piece_finds_out_what_had_arrived() {
        let (mut sender, mut receiver) =
            (Session::new(1, BOUNDS, Time::ZERO), Session::new(1, BOUNDS, Time::ZERO));
        assert!(sender.send(message(1, 8 * PIECE)));
        let pieces: Vec<Packet> = std::iter::from_fn(|| sender.next(Time::ZERO)).collect();
        assert_eq!(pieces.len(), 8);
        // Six arrive; the connection breaks before their answers do.
        for packet in &pieces[..6] {
            let Packet::Piece(piece) = packet else { panic!("{packet:?}") };
            receiver.piece(piece).unwrap();
        }
        sender.rewind();
        let Some(Packet::Piece(probe)) = sender.next(Time::ZERO) else { panic!("nothing goes") };
        assert_eq!(sender.next(Time::ZERO), None);
        let Some(Packet::Acknowledge(said)) = receiver.piece(&probe).unwrap().1 else {
            panic!("no answer")
        };
        sender.acknowledged(&said, Time::ZERO);
        let rest: Vec<Packet> = std::iter::from_fn(|| sender.next(Time::ZERO)).collect();
        assert_eq!(rest, pieces[6..]);
    }
}
