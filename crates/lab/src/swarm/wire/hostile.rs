//! Whatever arrives, the decoder returns.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

fn members() -> impl Strategy<Value = Vec<Member>> {
    let member = (any::<u32>(), any::<[u8; 32]>(), ".{0,20}", any::<Option<u16>>()).prop_map(
        |(peer, key, name, port)| Member {
            peer: PeerId(peer),
            key,
            name,
            address: port.map(|port| format!("host:{port}")),
            site: port.map(u32::from),
        },
    );
    vec(member, 0..8)
}

fn packet() -> impl Strategy<Value = Packet> {
    prop_oneof![
        (any::<[u8; 32]>(), ".{0,20}", proptest::option::of(".{0,20}"), any::<Option<u32>>())
            .prop_map(|(challenge, name, address, you)| {
                Packet::Hello(Hello { challenge, name, address, you: you.map(PeerId), site: you })
            }),
        ".{0,40}".prop_map(|reason| Packet::Refuse { reason }),
        members().prop_map(Packet::Members),
        (any::<u64>(), any::<u64>(), any::<u64>(), any::<u64>(), vec(any::<u8>(), 0..2000))
            .prop_map(|(epoch, number, total, offset, bytes)| {
                Packet::Piece(Piece { epoch, number, total, offset, bytes })
            }),
        (any::<u64>(), any::<u64>(), any::<u64>(), any::<bool>()).prop_map(
            |(epoch, number, offset, again)| {
                Packet::Acknowledge(Acknowledge { epoch, number, offset, again })
            }
        ),
        Just(Packet::Ping),
    ]
}

fn signer() -> Signer {
    Signer::from_seed([42; 32])
}

fn frame() -> impl Strategy<Value = Frame> {
    (any::<u64>(), any::<u32>(), any::<u32>(), packet()).prop_map(
        |(run, sender, receiver, packet)| Frame {
            run: RunId(run),
            sender: PeerId(sender),
            receiver: PeerId(receiver),
            packet,
        },
    )
}

fn bytes_of(frame: &Frame) -> Vec<u8> {
    if frame.packet.announces() { frame.signed(&mut signer(), 5) } else { frame.to_bytes() }
}

fn frame_of(packet: Packet) -> Frame {
    Frame { run: RunId(0), sender: PeerId(1), receiver: PeerId(0), packet }
}

/// A frame whose header is right for whatever follows: what a peer with our code can send.
fn sealed(frame: &Frame, payload: &[u8]) -> Vec<u8> {
    let mut bytes = frame.to_bytes();
    bytes.truncate(HEADER);
    bytes.extend_from_slice(payload);
    bytes[24..28].copy_from_slice(&(payload.len() as u32).to_le_bytes());
    super::frame::seal(&mut bytes);
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn frames_come_back_as_they_were_sent(frame in frame()) {
        let received = Frame::from_bytes(&bytes_of(&frame), &Limits::default()).unwrap();
        prop_assert_eq!(received.signed.is_some(), frame.packet.announces());
        prop_assert_eq!(received.frame, frame);
    }

    #[test]
    fn a_changed_byte_anywhere_is_noticed(
        frame in frame(),
        place in any::<proptest::sample::Index>(),
        change in 1_u8..,
    ) {
        let mut bytes = bytes_of(&frame);
        let at = place.index(bytes.len());
        bytes[at] ^= change;
        prop_assert!(Frame::from_bytes(&bytes, &Limits::default()).is_err());
    }

    #[test]
    fn a_frame_cut_short_or_with_more_after_it_is_noticed(
        frame in frame(),
        place in any::<proptest::sample::Index>(),
        more in vec(any::<u8>(), 1..100),
    ) {
        let bytes = bytes_of(&frame);
        prop_assert!(Frame::from_bytes(&bytes[..place.index(bytes.len())], &Limits::default()).is_err());
        let longer = [&bytes[..], &more[..]].concat();
        prop_assert!(Frame::from_bytes(&longer, &Limits::default()).is_err());
    }

    #[test]
    fn payloads_of_a_peer_that_means_harm_are_read_or_refused(
        frame in frame(),
        changes in vec((any::<proptest::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<proptest::sample::Index>(),
    ) {
        let whole = frame.to_bytes();
        let mut payload = whole[HEADER..].to_vec();
        for (place, byte) in changes {
            let at = place.index(payload.len());
            payload[at] = byte;
        }
        payload.truncate(cut.index(payload.len()) + 1);
        // Whatever is read is a message: written and read again, it is the same one.
        if let Ok(received) = Frame::from_bytes(&sealed(&frame, &payload), &Limits::default()) {
            let again = Frame::from_bytes(&bytes_of(&received.frame), &Limits::default()).unwrap();
            prop_assert_eq!(again.frame, received.frame);
        }
    }

    #[test]
    fn noise_is_refused(bytes in vec(any::<u8>(), 0..400), payload in vec(any::<u8>(), 0..400)) {
        prop_assert!(Frame::from_bytes(&bytes, &Limits::default()).is_err());
        let frame = frame_of(Packet::Ping);
        let _ = Frame::from_bytes(&sealed(&frame, &payload), &Limits::default());
    }
}

#[test]
fn a_list_that_claims_to_be_endless_costs_nothing() {
    // The variants `Members` and `Piece`, and lengths of nearly 2^63.
    let endless = [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F];
    for payload in [[&[2], &endless[..]].concat(), [&[3, 0, 0, 0, 0], &endless[..]].concat()] {
        let bytes = sealed(&frame_of(Packet::Ping), &payload);
        let problem = Frame::from_bytes(&bytes, &Limits::default()).unwrap_err();
        assert!(problem.message().contains("no packet"), "{problem}");
    }
}

#[test]
fn a_signature_belongs_to_one_frame() {
    let refuse =
        |run| Frame { run: RunId(run), ..frame_of(Packet::Refuse { reason: String::new() }) };
    let mut signer = signer();
    let mut bytes = refuse(1).signed(&mut signer, 1);
    let other = refuse(2).signed(&mut signer, 1);
    let at = bytes.len() - 64;
    bytes[at..].copy_from_slice(&other[other.len() - 64..]);
    super::frame::seal(&mut bytes);
    let problem = Frame::from_bytes(&bytes, &Limits::default()).unwrap_err();
    assert!(problem.message().contains("its signature is wrong"), "{problem}");

    let mut unsigned = refuse(1).to_bytes();
    let problem = Frame::from_bytes(&unsigned, &Limits::default()).unwrap_err();
    assert!(problem.message().contains("not signed"), "{problem}");
    unsigned[5] = 1;
    assert!(Frame::from_bytes(&unsigned, &Limits::default()).is_err());
}

#[test]
fn counters_of_a_signer_rise_even_if_its_clock_does_not() {
    let mut signer = signer();
    let frame = frame_of(Packet::Members(Vec::new()));
    let mut count = |now| {
        let bytes = frame.signed(&mut signer, now);
        Frame::from_bytes(&bytes, &Limits::default()).unwrap().signed.unwrap().counter
    };
    assert_eq!([count(10), count(10), count(3), count(20)], [10, 11, 12, 20]);
}

#[test]
fn the_size_on_the_wire_is_known_before_a_message_is_sent() {
    for len in [0, 1, 100, PIECE - 1, PIECE, PIECE + 1, 5 * PIECE + 77] {
        let count = len.div_ceil(PIECE).max(1);
        let real: usize = (0..count)
            .map(|index| {
                let offset = index * PIECE;
                let bytes = vec![7; (len - offset).min(PIECE)];
                let (epoch, number) = (1 << 62, 1_000_000);
                let (total, offset) = (len as u64, offset as u64);
                frame_of(Packet::Piece(Piece { epoch, number, total, offset, bytes }))
                    .to_bytes()
                    .len()
            })
            .sum();
        let said = bytes_on_wire(len);
        assert!(real <= said && said - real <= 16 * count, "{len}: {real}, said {said}");
    }
}
