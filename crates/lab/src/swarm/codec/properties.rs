//! What every codec promises.

use proptest::collection::vec;
use proptest::prelude::*;

use super::{Codec, Encoder, Format};

const NAMES: [&str; 16] = [
    "fp32",
    "bf16",
    "int8",
    "int8 7",
    "int8 64 feedback 0.5",
    "int4",
    "int4 1",
    "int4 33 feedback 1",
    "fp4",
    "fp4 5",
    "fp4 feedback 1",
    "top-k 64/4096",
    "top-k 3/10",
    "top-k 5/16 feedback 0",
    "dct-sign 32/64x64",
    "dct-sign 4/8x8 feedback 1",
];

fn codec() -> impl Strategy<Value = Codec> {
    proptest::sample::select(&NAMES[..]).prop_map(|name| name.parse().unwrap())
}

/// Numbers over many magnitudes, zeros among them.
fn values(most: usize) -> impl Strategy<Value = Vec<f32>> {
    let value = prop_oneof![
        1 => Just(0.0_f32),
        1 => Just(-0.0_f32),
        8 => -1.0_f32..1.0,
        2 => (-30_i32..30, -1.0_f32..1.0).prop_map(|(exponent, x)| x * 2.0_f32.powi(exponent)),
    ];
    vec(value, 0..most)
}

fn encode(codec: Codec, values: &[f32]) -> Vec<u8> {
    Encoder::new(codec, values.len()).encode(values)
}

/// The largest error that a format may make on `x`, in a block whose largest magnitude is `top`.
fn bound(format: Format, x: f32, top: f32) -> f32 {
    // Rounding of the scale, and of x against it.
    let slack = 1.0 + 1.0 / 128.0;
    match format {
        Format::F32 => 0.0,
        Format::Bf16 => x.abs() / 256.0 + 1e-40,
        Format::Int8 { .. } => top / 254.0 * slack,
        Format::Int4 { .. } => top / 14.0 * slack,
        Format::Fp4 { .. } => (x.abs() / 3.0).max(top / 128.0) * slack,
        Format::TopK { .. } | Format::DctSign { .. } => f32::INFINITY,
    }
}

fn block(format: Format) -> usize {
    match format {
        Format::Int8 { block } | Format::Int4 { block } | Format::Fp4 { block } => block,
        _ => 1,
    }
}

fn norm(values: &[f32]) -> f64 {
    values.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn sizes_are_what_bytes_says(codec in codec(), values in values(9000)) {
        prop_assert_eq!(encode(codec, &values).len(), codec.bytes(values.len()));
    }

    #[test]
    fn a_value_comes_back_within_the_bound_of_its_format(
        codec in codec(),
        values in values(600),
    ) {
        let back = codec.decode(&encode(codec, &values), values.len()).unwrap();
        let block = block(codec.format());
        for (values, back) in values.chunks(block).zip(back.chunks(block)) {
            let top = values.iter().fold(0.0_f32, |top, x| top.max(x.abs()));
            for (x, y) in values.iter().zip(back) {
                let bound = bound(codec.format(), *x, top) + 1e-30;
                prop_assert!((x - y).abs() <= bound, "{codec}: {x} came back as {y}, top {top}");
            }
        }
    }

    #[test]
    fn what_was_decoded_is_encoded_without_further_loss(
        codec in codec().prop_filter("a sum of cosines has other signs", |codec| {
            !matches!(codec.format(), Format::DctSign { .. })
        }),
        values in values(5000),
    ) {
        let once = codec.decode(&encode(codec, &values), values.len()).unwrap();
        let twice = codec.decode(&encode(codec, &once), values.len()).unwrap();
        prop_assert_eq!(once, twice);
    }

    #[test]
    fn sparse_codecs_never_leave_more_than_was_there(
        codec in proptest::sample::select(&["top-k 64/4096", "top-k 3/10", "dct-sign 32/64x64",
            "dct-sign 4/8x8"][..]),
        values in values(9000),
    ) {
        let codec: Codec = codec.parse().unwrap();
        let mut encoder = Encoder::new(codec, values.len());
        encoder.encode(&values);
        // The last, incomplete square of cosines is cut after decoding, which only removes error.
        prop_assert!(norm(encoder.residual()) <= norm(&values) * 1.0001);
    }

    #[test]
    fn nothing_is_lost_with_error_feedback(
        name in proptest::sample::select(&["top-k 3/10", "dct-sign 4/8x8", "int4", "fp4 5"][..]),
        decay in 0.05_f32..=1.0,
        vectors in vec(vec(-1.0_f32..1.0, 70), 1..8),
    ) {
        let codec: Codec = format!("{name} feedback {decay}").parse().unwrap();
        let mut encoder = Encoder::new(codec, 70);
        let mut kept = vec![0.0_f64; 70];
        let mut received = vec![0.0_f64; 70];
        for vector in &vectors {
            let sent = codec.decode(&encoder.encode(vector), 70).unwrap();
            for at in 0..70 {
                // Σ β^(n−i) x_i on one side, Σ β^(n−i) d_i + e_n on the other.
                kept[at] = f64::from(decay) * kept[at] + f64::from(vector[at]);
                received[at] = f64::from(decay) * received[at] + f64::from(sent[at]);
            }
        }
        for at in 0..70 {
            let sum = received[at] + f64::from(encoder.residual()[at]);
            prop_assert!((sum - kept[at]).abs() < 1e-5, "{codec}: {sum} for {}", kept[at]);
        }
    }

    #[test]
    fn an_encoder_goes_on_from_what_a_checkpoint_kept(
        codec in codec(),
        first in vec(-1.0_f32..1.0, 100),
        second in vec(-1.0_f32..1.0, 100),
    ) {
        let mut encoder = Encoder::new(codec, 100);
        encoder.encode(&first);
        let mut resumed = Encoder::new(codec, 100);
        resumed.restore(encoder.residual()).unwrap();
        prop_assert_eq!(resumed.encode(&second), encoder.encode(&second));
    }

    #[test]
    fn hostile_bytes_are_decoded_or_refused(
        codec in codec(),
        len in 0_usize..9000,
        seed in vec(any::<u8>(), 1..64),
        exact in any::<bool>(),
    ) {
        let size = if exact { codec.bytes(len) } else { seed.len() };
        let bytes: Vec<u8> = seed.iter().copied().cycle().take(size).collect();
        if let Ok(values) = codec.decode(&bytes, len) {
            prop_assert_eq!(values.len(), len);
            prop_assert!(values.iter().all(|x| x.is_finite()));
        }
    }

    #[test]
    fn one_changed_byte_is_decoded_or_refused(
        codec in codec(),
        values in values(5000),
        place in any::<proptest::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut bytes = encode(codec, &values);
        if bytes.is_empty() {
            return Ok(());
        }
        let at = place.index(bytes.len());
        bytes[at] = byte;
        if let Ok(values) = codec.decode(&bytes, values.len()) {
            prop_assert!(values.iter().all(|x| x.is_finite()));
        }
    }

    #[test]
    fn a_vector_that_is_no_number_anywhere_is_refused_by_all_and_forgotten(
        codec in codec(),
        place in any::<proptest::sample::Index>(),
        wrong in proptest::sample::select(&[f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e38][..]),
    ) {
        let mut values = vec![0.5; 5000];
        let mut encoder = Encoder::new(codec, values.len());
        encoder.encode(&values);
        let before = encoder.clone();
        values[place.index(5000)] = wrong;
        let bytes = encoder.encode(&values);
        prop_assert_eq!(bytes.len(), codec.bytes(values.len()));
        prop_assert!(codec.decode(&bytes, values.len()).is_err());
        prop_assert_eq!(encoder, before);
    }

    #[test]
    fn names_are_read_as_they_are_shown(codec in codec()) {
        prop_assert_eq!(codec.to_string().parse::<Codec>().unwrap(), codec);
        let json = serde_json::to_string(&codec).unwrap();
        prop_assert_eq!(serde_json::from_str::<Codec>(&json).unwrap(), codec);
    }
}

#[test]
fn bits_per_value_are_those_of_the_papers() {
    let bits = |name: &str| name.parse::<Codec>().unwrap().bits_per_value();
    assert_eq!(bits("fp32"), 32.0);
    assert_eq!(bits("bf16"), 16.0);
    assert_eq!(bits("int8"), 8.0 + 16.0 / 256.0);
    assert_eq!(bits("fp4"), 4.0 + 16.0 / 128.0);
    // Covenant-72B: 112 bytes for 4096 values, and here 4 more for the two magnitudes.
    assert_eq!(bits("top-k 64/4096"), 8.0 * 116.0 / 4096.0);
    assert_eq!(bits("dct-sign 32/64x64"), 8.0 * 54.0 / 4096.0);
}

#[test]
fn top_k_keeps_the_largest_at_the_best_two_magnitudes() {
    let mut values = vec![0.01; 100];
    for (at, x) in [(3, -8.0), (10, 1.0), (50, 1.0), (97, 8.0)] {
        values[at] = x;
    }
    let codec: Codec = "top-k 4/100".parse().unwrap();
    let back = codec.decode(&encode(codec, &values), 100).unwrap();
    for (at, x) in back.iter().enumerate() {
        assert_eq!(*x, if values[at] == 0.01 { 0.0 } else { values[at] }, "at {at}");
    }
}

#[test]
fn a_cosine_wave_is_one_coefficient_and_comes_back_whole() {
    let wave = |row: usize, column: usize| {
        let phase =
            |at: usize, k: f64| ((2 * at + 1) as f64 * k * std::f64::consts::PI / 128.0).cos();
        (phase(row, 3.0) * phase(column, 5.0)) as f32
    };
    let values: Vec<f32> = (0..4096).map(|at| wave(at / 64, at % 64)).collect();
    let codec: Codec = "dct-sign 1/64x64".parse().unwrap();
    let back = codec.decode(&encode(codec, &values), 4096).unwrap();
    let error = values.iter().zip(&back).fold(0.0_f32, |top, (x, y)| top.max((x - y).abs()));
    // The magnitude is a bf16.
    assert!(error < 1.0 / 256.0, "{error}");
}

#[test]
fn error_feedback_sends_a_constant_vector_in_the_long_run() {
    let vector: Vec<f32> = (0..256).map(|at| ((at * 37 % 101) as f32 - 50.0) / 50.0).collect();
    for name in ["top-k 16/256 feedback 1", "dct-sign 16/16x16 feedback 1", "fp4 feedback 1"] {
        let codec: Codec = name.parse().unwrap();
        let mut encoder = Encoder::new(codec, vector.len());
        let mut sum = vec![0.0_f32; vector.len()];
        let rounds = 400;
        for _ in 0..rounds {
            let sent = codec.decode(&encoder.encode(&vector), vector.len()).unwrap();
            sum.iter_mut().zip(sent).for_each(|(sum, x)| *sum += x);
        }
        let difference: Vec<f32> =
            sum.iter().zip(&vector).map(|(sum, x)| sum / rounds as f32 - x).collect();
        assert!(norm(&difference) < 0.1 * norm(&vector), "{name}: {}", norm(&difference));
    }
}

#[test]
fn bad_names_say_what_is_good() {
    let problem = |text: &str| text.parse::<Codec>().unwrap_err().to_string();
    assert!(problem("init8").contains("did you mean `int8`?"));
    assert!(problem("").contains("one of fp32, bf16"));
    assert!(problem("int8 0").contains("from 1 to 65536"));
    assert!(problem("bf16 8").contains("no blocks"));
    assert!(problem("top-k 9/8").contains("from 1 to 8"));
    assert!(problem("top-k 64").contains("for example `top-k 64/4096`"));
    assert!(problem("dct-sign 4/6x6").contains("side of 2, 4"));
    assert!(problem("dct-sign 4/8x16").contains("square"));
    assert!(problem("int8 feedback 2").contains("decay from 0 to 1"));
    assert!(problem("int8 feedback 1 more").contains("decay from 0 to 1"));
    assert!(problem("int8 often").contains("`often` is not understood"));
}
