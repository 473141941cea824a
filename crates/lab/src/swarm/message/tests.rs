//! Messages as bytes: whole, cut, changed and made up.

use super::super::pipeline::{Evidence, Micro, Post, Report};
use super::*;
use crate::optimiser::RunningNorm;
use proptest::prelude::*;

fn assignment() -> Assignment {
    Assignment {
        peer: PeerId(3),
        round: 7,
        steps: 4,
        position: 100,
        round_windows: 40,
        ranges: vec![5..8, 90..97],
    }
}

fn all() -> Vec<Message> {
    let outcome = Outcome {
        round: 9,
        position: 12,
        included: vec![(PeerId(1), 9), (PeerId(2), 8)],
        body: vec![1, 2, 3],
        loss: 2.5,
        keep: Keep::Copy,
        assignments: vec![assignment(), assignment()],
        next: 40,
        open: vec![3..4, 6..9],
        finished: false,
    };
    let update = Update {
        round: 3,
        windows: 8,
        loss: 3.25,
        busy: Duration::from_nanos(5),
        near: 1000,
        began: [7; 16],
        commitments: vec![[1; 16], [2; 16]],
        body: vec![9; 40],
    };
    let (version, part, parts) = (4, 1, 3);
    vec![
        Message::Hello { speed: 100.0, holds: Some(4) },
        Message::Hello { speed: 100.0, holds: None },
        Message::Resume { version },
        Message::Welcome {
            version,
            sources: vec![PeerId(1), PeerId::COORDINATOR],
            hashes: vec![[4; 16]],
            updates: 3,
        },
        Message::Ready { version },
        Message::Work(vec![assignment()]),
        Message::Update(update),
        Message::Outcome(outcome),
        Message::Ask { version },
        Message::Rejoin,
        Message::Leave,
        Message::Fetch { version, part, parts },
        Message::Part { version, part, parts, values: vec![1.5, -0.0] },
        Message::Challenge { round: 3, step: 2 },
        Message::Proof { round: 3, step: 2, updates: 9, state: vec![0.25; 5] },
        Message::Evicted,
        Message::Knock,
        Message::Terms("{}".to_owned()),
        Message::Pipeline(Say::Wait),
        Message::Site(SiteSay::Join { speed: 100.0 }),
        Message::Site(SiteSay::Gradient { tag: 3, loss: 2.0, gradient: vec![0.25; 3] }),
        Message::Site(SiteSay::Refused { peer: PeerId(4) }),
        Message::Pipeline(Say::Activations(Micro {
            attempt: 1,
            step: 7,
            micro: 3,
            body: vec![5; 20],
        })),
        Message::Pipeline(Say::Begin(Post {
            attempt: 2,
            stage: 1,
            blocks: 2..4,
            peers: vec![PeerId(1), PeerId(4)],
            step: 64,
            state: vec![0.5; 4],
        })),
        Message::Pipeline(Say::Done {
            attempt: 2,
            step: 3,
            loss: 1.5,
            busy: Duration::from_nanos(7),
            sent: vec![(PeerId(2), 40)],
            report: Some(Report {
                state: [1; 16],
                read: [[2; 16], [3; 16]],
                sent: [[4; 16], [5; 16]],
                norm: 6,
            }),
        }),
        Message::Pipeline(Say::Proof {
            attempt: 2,
            step: 3,
            evidence: Evidence {
                state: vec![0.5; 4],
                activations: vec![1, 2, 3],
                gradients: vec![4],
                norm: Some(RunningNorm::default()),
                total: Some(1.5),
            },
        }),
    ]
}

#[test]
fn every_message_survives_the_wire_and_no_shortened_one_does() {
    for message in all() {
        let bytes = message.to_bytes();
        assert_eq!(Message::from_bytes(&bytes).unwrap(), message);
        for end in 0..bytes.len() {
            assert!(Message::from_bytes(&bytes[..end]).is_err(), "{message:?} cut at {end}");
        }
    }
}

#[test]
fn batches_of_an_assignment_hold_each_window_once_in_order() {
    let batches: Vec<Vec<u64>> = (0..4).map(|step| assignment().batch(step)).collect();
    assert_eq!(batches.concat(), [5, 6, 7, 90, 91, 92, 93, 94, 95, 96]);
    assert_eq!(batches.iter().map(Vec::len).collect::<Vec<_>>(), [2, 3, 2, 3]);
    assert_eq!(assignment().position_at(2), 120);
}

proptest! {
    #[test]
    fn any_bytes_are_a_message_or_an_error_and_never_a_panic(
        which in 0_u8..24,
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        // With and without a tag that there is, so that the decoder gets past it.
        for bytes in [&bytes[..], &[&[which][..], &bytes].concat()] {
            if let Ok(message) = Message::from_bytes(bytes) {
                prop_assert_eq!(Message::from_bytes(&message.to_bytes()).unwrap().kind(), message.kind());
            }
        }
    }

    #[test]
    fn changed_bytes_are_a_message_or_an_error_and_never_a_panic(
        which in 0_usize..26,
        changes in proptest::collection::vec((0_usize..400, 0_u8..), 1..6),
    ) {
        let mut bytes = all()[which].to_bytes();
        for (at, byte) in changes {
            let at = at % bytes.len();
            bytes[at] = byte;
        }
        if let Ok(message) = Message::from_bytes(&bytes) {
            prop_assert!(message.to_bytes().len() <= bytes.len());
        }
    }
}
