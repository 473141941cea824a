//! Any bytes are a vector of numbers in every codec, or are refused.
#![no_main]

use lab::swarm::codec::{Codec, Encoder};
use libfuzzer_sys::fuzz_target;

const NAMES: [&str; 9] = [
    "fp32",
    "bf16",
    "int8 16",
    "int4 7",
    "fp4 5",
    "top-k 3/10",
    "top-k 64/4096",
    "dct-sign 4/8x8",
    "dct-sign 32/64x64",
];

fuzz_target!(|input: (u8, u16, &[u8])| {
    let (name, len, bytes) = input;
    let name = NAMES[usize::from(name) % NAMES.len()];
    let codec: Codec = name.parse().expect("a name of a codec");
    // As many values as these bytes can be, so that the decoder gets past the size.
    let (mut len, mut most) = (0, usize::from(len));
    while len < most {
        let more = (len + most).div_ceil(2);
        if codec.bytes(more) <= bytes.len() {
            len = more;
        } else {
            most = more - 1;
        }
    }
    let Ok(values) = codec.decode(&bytes[..codec.bytes(len)], len) else { return };
    assert!(values.len() == len && values.iter().all(|x| x.is_finite()));
    let _ = Encoder::new(codec, len).encode(&values);
    // A name, too, is read or refused.
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Ok(codec) = text.parse::<Codec>()
    {
        assert_eq!(codec.to_string().parse::<Codec>().expect("as it was printed"), codec);
    }
});
