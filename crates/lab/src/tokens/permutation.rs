//! A pseudo-random order of `0..length`, computed place by place without a table.

/// A bijection of `0..length` onto itself.
///
/// A balanced Feistel network permutes the smallest power of four that holds `length`; values
/// beyond it are sent through again until they fall inside ("cycle walking", Black and Rogaway
/// 2002, *Ciphers with arbitrary finite domains*), fewer than four times on average.
#[derive(Debug, Clone)]
pub(super) struct Permutation {
    keys: [u64; 8],
    half_bits: u32,
    length: u64,
}

impl Permutation {
    /// The order that `keys` choose; `length` is at least 1.
    pub(super) fn new(length: u64, keys: [u64; 8]) -> Self {
        let bits = u64::BITS - length.saturating_sub(1).leading_zeros();
        Self { keys, half_bits: bits.div_ceil(2).max(1), length }
    }

    /// What stands at `place`, which is below `length`.
    pub(super) fn at(&self, place: u64) -> u64 {
        debug_assert!(place < self.length);
        let mut value = place;
        loop {
            value = self.encrypt(value);
            if value < self.length {
                return value;
            }
        }
    }

    fn encrypt(&self, value: u64) -> u64 {
        let mask = (1 << self.half_bits) - 1;
        let (mut left, mut right) = (value >> self.half_bits, value & mask);
        for key in self.keys {
            (left, right) = (right, left ^ (mix(right ^ key) & mask));
        }
        left << self.half_bits | right
    }
}

/// The finalizer of `SplitMix64` (Steele, Lea, Flood 2014): every output bit depends on every
/// input bit.
fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_number_comes_once(length in 1_u64..3_000, keys: [u64; 8]) {
            let permutation = Permutation::new(length, keys);
            let mut seen = vec![false; length as usize];
            for place in 0..length {
                let value = permutation.at(place) as usize;
                prop_assert!(!std::mem::replace(&mut seen[value], true));
            }
        }

        #[test]
        fn lengths_up_to_the_largest_are_served(length in 1_u64.., place: u64, keys: [u64; 8]) {
            let permutation = Permutation::new(length, keys);
            prop_assert!(permutation.at(place % length) < length);
        }
    }

    #[test]
    fn neighbours_are_scattered_and_keys_matter() {
        let one = Permutation::new(100_000, [1, 2, 3, 4, 5, 6, 7, 8]);
        let two = Permutation::new(100_000, [9, 2, 3, 4, 5, 6, 7, 8]);
        let n = 20_000;
        let values: Vec<f64> = (0..n).map(|place| one.at(place) as f64).collect();
        let mean = values.iter().sum::<f64>() / n as f64;
        // uniform: mean 50000, standard error 204
        assert!((mean - 50_000.0).abs() < 1_000.0, "{mean}");
        let rising = values.windows(2).filter(|pair| pair[0] < pair[1]).count();
        // half of 20000, standard deviation 41
        assert!((9_800..10_200).contains(&rising), "{rising}");
        let equal = (0..n).filter(|&place| one.at(place) == two.at(place)).count();
        assert!(equal < 10, "{equal}");
    }
}
