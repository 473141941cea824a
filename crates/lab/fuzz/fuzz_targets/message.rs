//! Any bytes are a message or are refused, and a message that was read is written and read the same.
#![no_main]

use lab::swarm::message::Message;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(message) = Message::from_bytes(bytes) else { return };
    let written = message.to_bytes();
    let again = Message::from_bytes(&written).expect("what was written is read");
    // Compared as bytes: a number may be none.
    assert_eq!(again.to_bytes(), written);
});
