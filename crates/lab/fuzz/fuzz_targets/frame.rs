//! Any bytes are a frame or are refused, and a packet that was read is written and read the same.
#![no_main]

use lab::swarm::wire::{Frame, Limits, Packet, PeerId, RunId, Signer};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = Frame::from_bytes(bytes, &Limits::default());
    // Random bytes never have the right hash: as a payload, they get behind it.
    let Ok(packet) = Packet::from_bytes(bytes) else { return };
    let frame = Frame { run: RunId(1), sender: PeerId(2), receiver: PeerId(0), packet };
    let written = if frame.packet.announces() {
        frame.signed(&mut Signer::from_seed([0; 32]), 1)
    } else {
        frame.to_bytes()
    };
    let limits = Limits { payload: usize::MAX / 2 };
    let received = Frame::from_bytes(&written, &limits).expect("what was written is read");
    assert_eq!(received.frame, frame);
});
