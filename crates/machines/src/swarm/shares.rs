//! Who should own which share of a sum over unlike links.

use runs::Seconds;

use crate::{Bytes, BytesPerSecond};

/// Shares of a sum and the time it takes with them.
#[derive(Debug, Clone, PartialEq)]
pub struct Shares {
    /// The part of the vector that each peer sums and hands out; they add up to one.
    pub shares: Vec<f64>,
    /// Time of the whole exchange.
    pub time: Seconds,
}

/// The quickest split of an all-reduce of `bytes` over peers that send at `up`.
///
/// A peer that owns the share x sends everything else once, V(1-x), and its sum to all others,
/// (n-1) V x; it receives as much. The least time is that of a linear programme whose solution is
/// `T = max(V / min w, T*)`, with T* where the shares that the peers can serve in time T,
/// `(T w / V - 1) / (n - 2)`, reach one in sum (hivemind solves the same one). With all links well
/// above the slowest, that is `2 V (n-1) / sum w`; slow peers own nothing.
///
/// Returns `None` for fewer than two peers, or a rate or size that is not above zero.
pub fn best_shares(bytes: Bytes, up: &[BytesPerSecond]) -> Option<Shares> {
    let each: Vec<(BytesPerSecond, f64)> = up.iter().map(|rate| (*rate, 1.0)).collect();
    best_shares_of(bytes, &each)
}

/// The same with so many peers at each rate, on average: shares are those of all peers of a rate together.
pub fn best_shares_of(bytes: Bytes, up: &[(BytesPerSecond, f64)]) -> Option<Shares> {
    let positive = |value: f64| value.is_finite() && value > 0.0;
    let usable = up.iter().all(|(rate, count)| positive(rate.get()) && positive(*count));
    let n: f64 = up.iter().map(|(_, count)| count).sum();
    if n <= 1.0 || !usable || bytes.get().is_nan() || bytes.get() <= 0.0 {
        return None;
    }
    let total = bytes.get();
    let slowest = up.iter().map(|(rate, _)| rate.get()).fold(f64::INFINITY, f64::min);
    if n <= 2.0 {
        // Whatever the split, each of two sends all of it once; of one and a half on average, less.
        let shares = up.iter().map(|(_, count)| count / n).collect();
        return Some(Shares { shares, time: Seconds(2.0 * (n - 1.0) / n * total / slowest) });
    }
    // Served share in sum, rising in T: the peers above V/w, from the quickest on. Among peers of
    // one rate the time goes one way, so that its ends are enough.
    let mut rates: Vec<(f64, f64)> = up.iter().map(|(rate, count)| (rate.get(), *count)).collect();
    rates.sort_by(|a, b| b.0.total_cmp(&a.0));
    let (mut sum, mut owners, mut best) = (0.0, 0.0, f64::INFINITY);
    for (rate, count) in rates {
        sum += rate * count;
        owners += count;
        // T sum / V - owners = n - 2.
        best = best.min(total * (n - 2.0 + owners) / sum);
    }
    let time = best.max(total / slowest);
    let able: Vec<f64> = (up.iter())
        .map(|(rate, count)| count * ((time * rate.get() / total - 1.0) / (n - 2.0)).max(0.0))
        .collect();
    let all: f64 = able.iter().sum();
    Some(Shares { shares: able.iter().map(|share| share / all).collect(), time: Seconds(time) })
}

/// A ring through all: everybody at the pace of the slowest link.
pub fn ring(bytes: Bytes, up: &[BytesPerSecond]) -> Seconds {
    let n = up.len() as f64;
    let slowest = up.iter().map(|rate| rate.get()).fold(f64::INFINITY, f64::min);
    Seconds(2.0 * (n - 1.0) / n * bytes.get() / slowest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn mbit(rates: &[f64]) -> Vec<BytesPerSecond> {
        rates.iter().map(|rate| BytesPerSecond(rate * 1e6 / 8.0)).collect()
    }

    #[test]
    fn one_slow_node_drags_a_ring_but_not_a_split() {
        let up = mbit(&[50.0, 50.0, 10.0, 50.0]);
        assert!((ring(Bytes(8e6), &up).get() - 9.6).abs() < 1e-9);
        let split = best_shares(Bytes(8e6), &up).unwrap();
        assert!((split.time.get() - 6.4).abs() < 1e-9);
        assert_eq!(split.shares[2], 0.0);
    }

    #[test]
    fn equal_links_give_equal_shares_and_the_bandwidth_bound() {
        let up = mbit(&[80.0; 8]);
        let split = best_shares(Bytes(8e6), &up).unwrap();
        assert!((split.time.get() - ring(Bytes(8e6), &up).get()).abs() < 1e-9);
        assert!(split.shares.iter().all(|share| (share - 0.125).abs() < 1e-12));
    }

    #[test]
    fn nobody_and_dead_links_have_no_split() {
        assert_eq!(best_shares(Bytes(1.0), &[]), None);
        assert_eq!(best_shares(Bytes(1.0), &mbit(&[1.0])), None);
        assert_eq!(best_shares(Bytes(1.0), &mbit(&[1.0, 0.0, 2.0])), None);
        assert_eq!(best_shares(Bytes(f64::NAN), &mbit(&[1.0, 1.0])), None);
    }

    proptest! {
        #[test]
        fn the_split_is_feasible_complete_and_never_slower_than_the_ring(
            rates in proptest::collection::vec(1.0..1000.0f64, 3..20),
        ) {
            let up = mbit(&rates);
            let (v, n) = (8e6, up.len() as f64);
            let split = best_shares(Bytes(v), &up).unwrap();
            let sum: f64 = split.shares.iter().sum();
            prop_assert!((sum - 1.0).abs() < 1e-9);
            for (share, rate) in split.shares.iter().zip(&up) {
                let sent = v * (1.0 - share) + (n - 1.0) * v * share;
                prop_assert!(sent <= split.time.get() * rate.get() * (1.0 + 1e-9));
            }
            prop_assert!(split.time.get() <= ring(Bytes(v), &up).get() * (1.0 + 1e-9));
            // Two of each are one rate with a count of two.
            let twice: Vec<BytesPerSecond> = up.iter().flat_map(|rate| [*rate, *rate]).collect();
            let counted: Vec<_> = up.iter().map(|rate| (*rate, 2.0)).collect();
            let (each, together) = (best_shares(Bytes(v), &twice), best_shares_of(Bytes(v), &counted));
            let (each, together) = (each.unwrap().time.get(), together.unwrap().time.get());
            prop_assert!((each / together - 1.0).abs() < 1e-9);
            let bound = 2.0 * v * (n - 1.0) / up.iter().map(|rate| rate.get()).sum::<f64>();
            prop_assert!(split.time.get() >= bound * (1.0 - 1e-9));
        }
    }
}
