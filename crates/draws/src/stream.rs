//! Reproducible streams of uniforms, one per name.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A 256-bit key that depends on the seed, on what the stream is for, and on its name, and on
/// nothing else: neither on the other names nor on how many threads there are.
pub(crate) fn key(seed: u64, purpose: &str, name: &str) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key("isoflop draws 2026-11 stream key v1");
    hasher.update(&seed.to_le_bytes());
    hasher.update(&(purpose.len() as u64).to_le_bytes());
    hasher.update(purpose.as_bytes());
    hasher.update(name.as_bytes());
    *hasher.finalize().as_bytes()
}

/// A uniform in the open interval (0, 1) from the top 52 bits: never 0, never 1.
#[inline]
pub(crate) fn open_uniform(bits: u64) -> f64 {
    const HALF_STEP: f64 = f64::EPSILON / 2.0;
    // 52 bits below a leading 1 make a number in [1, 2); the offset centres the steps.
    f64::from_bits((bits >> 12) | 1.0_f64.to_bits()) - (1.0 - HALF_STEP)
}

/// Fills `out` with the uniforms of rows `first`, `first + 1`, ... of the stream with this key.
pub(crate) fn fill_plain(key: &[u8; 32], first: u64, out: &mut [f64]) {
    let mut rng = ChaCha8Rng::from_seed(*key);
    rng.set_word_pos(u128::from(first) * 2);
    for value in out {
        *value = open_uniform(rng.next_u64());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uniforms_stay_inside_the_open_interval() {
        assert_eq!(open_uniform(0), f64::EPSILON / 2.0);
        assert_eq!(open_uniform(u64::MAX), 1.0 - f64::EPSILON / 2.0);
        assert_eq!(open_uniform(1 << 63), 0.5 + f64::EPSILON / 2.0);
    }

    #[test]
    fn a_stream_can_be_entered_anywhere() {
        let key = key(7, "plain", "gap");
        let mut whole = vec![0.0; 1000];
        fill_plain(&key, 0, &mut whole);
        let mut part = vec![0.0; 77];
        fill_plain(&key, 333, &mut part);
        assert_eq!(part, whole[333..410]);
    }

    #[test]
    fn seed_purpose_and_name_each_make_another_key() {
        let keys = [key(1, "a", "b"), key(2, "a", "b"), key(1, "ab", ""), key(1, "", "ab")];
        for (i, one) in keys.iter().enumerate() {
            assert!(keys[i + 1..].iter().all(|other| other != one));
        }
    }
}
