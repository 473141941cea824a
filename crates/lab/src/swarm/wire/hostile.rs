//! Whatever arrives, the decoder returns.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

fn object() -> impl Strategy<Value = Object> {
    (any::<u32>(), any::<u64>(), 0..5).prop_map(|(n, tokens, kind)| match kind {
        0 => Object::Contribution { fragment: n, tokens },
        1 => Object::Average { fragment: n },
        2 => Object::Checkpoint { shard: n },
        3 => Object::Activations { micro_batch: n },
        _ => Object::Gradients { micro_batch: n },
    })
}

fn audit() -> impl Strategy<Value = Audit> {
    (any::<u64>(), any::<u64>(), any::<u32>()).prop_map(|(peer, round, inner_step)| Audit {
        peer: PeerId(peer),
        round,
        inner_step,
    })
}

fn members() -> impl Strategy<Value = Vec<Member>> {
    let member = (any::<u64>(), ".{0,20}", proptest::option::of(".{0,20}"))
        .prop_map(|(peer, name, address)| Member { peer: PeerId(peer), name, address });
    vec(member, 0..8)
}

fn message() -> impl Strategy<Value = Message> {
    let hash = any::<[u8; 32]>();
    prop_oneof![
        (".{0,40}", 0.0..1e12, proptest::option::of(".{0,40}"), any::<Option<u64>>()).prop_map(
            |(name, tokens_per_second, address, holds)| {
                Message::Join(Join { name, tokens_per_second, address, holds })
            }
        ),
        (".{0,200}", any::<u64>(), hash, any::<u64>(), members()).prop_map(
            |(configuration, enters, checkpoint, checkpoint_bytes, members)| {
                Message::Welcome(Welcome {
                    configuration,
                    enters,
                    checkpoint,
                    checkpoint_bytes,
                    members,
                })
            }
        ),
        ".{0,40}".prop_map(|reason| Message::Refuse { reason }),
        ".{0,40}".prop_map(|reason| Message::Leave { reason }),
        (any::<u32>(), any::<u32>(), any::<u64>(), any::<u64>()).prop_map(
            |(inner_steps, sequences, first_sequence, due)| {
                Message::Work(Work { inner_steps, sequences, first_sequence, due })
            }
        ),
        (any::<u32>(), any::<u64>(), -1e3..1e3).prop_map(|(inner_step, tokens, loss)| {
            Message::Heartbeat(Heartbeat { inner_step, tokens, loss })
        }),
        (object(), any::<[u8; 32]>(), any::<u64>(), any::<u64>(), vec(any::<u8>(), 0..2000))
            .prop_map(|(object, hash, total, offset, bytes)| {
                Message::Piece(Piece { object, hash, total, offset, bytes })
            }),
        (object(), any::<u64>(), any::<u64>())
            .prop_map(|(object, offset, length)| Message::Request { object, offset, length }),
        audit().prop_map(Message::Audit),
        (audit(), any::<[u8; 32]>())
            .prop_map(|(audit, parameters)| Message::AuditAnswer { audit, parameters }),
        members().prop_map(Message::Members),
    ]
}

fn signer() -> Signer {
    Signer::from_seed([42; 32])
}

fn frame() -> impl Strategy<Value = Frame> {
    (any::<u64>(), any::<u64>(), message()).prop_map(|(run, round, message)| Frame {
        run: RunId(run),
        round,
        sender: signer().peer(),
        message,
    })
}

fn bytes_of(frame: &Frame) -> Vec<u8> {
    if frame.message.announces() { frame.signed(&mut signer(), 5) } else { frame.to_bytes() }
}

/// A frame whose header is right for whatever follows: what a peer with our code can send.
fn sealed(frame: &Frame, payload: &[u8]) -> Vec<u8> {
    let mut bytes = frame.to_bytes();
    bytes.truncate(HEADER);
    bytes.extend_from_slice(payload);
    bytes[32..36].copy_from_slice(&(payload.len() as u32).to_le_bytes());
    super::frame::seal(&mut bytes);
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn frames_come_back_as_they_were_sent(frame in frame()) {
        let received = Frame::from_bytes(&bytes_of(&frame), &Limits::default()).unwrap();
        prop_assert_eq!(received.signed.is_some(), frame.message.announces());
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
        let frame = Frame {
            run: RunId(0),
            round: 0,
            sender: PeerId(0),
            message: Message::Members(Vec::new()),
        };
        let _ = Frame::from_bytes(&sealed(&frame, &payload), &Limits::default());
    }
}

#[test]
fn a_list_that_claims_to_be_endless_costs_nothing() {
    let frame =
        Frame { run: RunId(0), round: 0, sender: PeerId(0), message: Message::Members(Vec::new()) };
    // The variant of `Members`, and a length of 2^63.
    let payload = [10, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F];
    let problem = Frame::from_bytes(&sealed(&frame, &payload), &Limits::default()).unwrap_err();
    assert!(problem.message().contains("no message"), "{problem}");
}

#[test]
fn numbers_that_are_none_are_refused() {
    for loss in [f64::NAN, f64::INFINITY] {
        let message = Message::Heartbeat(Heartbeat { inner_step: 0, tokens: 0, loss });
        let frame = Frame { run: RunId(0), round: 0, sender: PeerId(0), message };
        let problem = Frame::from_bytes(&frame.to_bytes(), &Limits::default()).unwrap_err();
        assert!(problem.message().contains("a number in its message is none"), "{problem}");
    }
}

#[test]
fn nobody_announces_for_another() {
    let leave = |sender| Frame {
        run: RunId(0),
        round: 0,
        sender,
        message: Message::Leave { reason: String::new() },
    };
    let mut other = Signer::from_seed([1; 32]);
    let problem = |bytes: Vec<u8>| {
        Frame::from_bytes(&bytes, &Limits::default()).unwrap_err().message().to_owned()
    };
    let stolen = leave(signer().peer()).signed(&mut other, 1);
    assert!(problem(stolen).contains("signed by another than its sender"));
    assert!(problem(leave(other.peer()).to_bytes()).contains("not signed"));

    // A right signature of another frame, put under this one.
    let mut bytes = leave(other.peer()).signed(&mut other, 2);
    let mine = Frame { round: 9, ..leave(other.peer()) }.signed(&mut other, 2);
    let at = bytes.len() - 64;
    bytes[at..].copy_from_slice(&mine[mine.len() - 64..]);
    super::frame::seal(&mut bytes);
    assert!(problem(bytes).contains("its signature is wrong"));
}

#[test]
fn counters_of_a_signer_rise_even_if_its_clock_does_not() {
    let mut signer = signer();
    let frame = Frame {
        run: RunId(0),
        round: 0,
        sender: signer.peer(),
        message: Message::Leave { reason: String::new() },
    };
    let mut count = |now| {
        let bytes = frame.signed(&mut signer, now);
        Frame::from_bytes(&bytes, &Limits::default()).unwrap().signed.unwrap().counter
    };
    assert_eq!([count(10), count(10), count(3), count(20)], [10, 11, 12, 20]);
}
