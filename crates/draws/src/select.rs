//! Exact quantiles of a column without sorting it.

/// The quantiles of `values` at `probabilities`, in their order; NaN for an empty column.
///
/// Linear interpolation between order statistics (type 7 of Hyndman and Fan, The American
/// Statistician 50, 1996; numpy's default), except that nothing is interpolated towards an
/// infinity: such a quantile is `+inf`, never, as soon as any of its weight is. NaN values take no
/// part. Two passes over the column, about two nanoseconds a value.
pub fn quantiles(values: &[f64], probabilities: &[f64]) -> Vec<f64> {
    let defined;
    let values = if values.iter().any(|v| v.is_nan()) {
        defined = values.iter().copied().filter(|v| !v.is_nan()).collect::<Vec<f64>>();
        &defined
    } else {
        values
    };
    let Some(last) = values.len().checked_sub(1) else {
        return vec![f64::NAN; probabilities.len()];
    };
    let position = |p: f64| p.clamp(0.0, 1.0) * last as f64;
    let ranks: Vec<usize> = probabilities
        .iter()
        .flat_map(|&p| {
            let at = position(p);
            [at.floor() as usize, (at.ceil() as usize).min(last)]
        })
        .collect();
    let found = order_statistics(values, &ranks);
    probabilities
        .iter()
        .zip(found.chunks(2))
        .map(|(&p, pair)| if p.is_nan() { p } else { between(pair[0], pair[1], position(p)) })
        .collect()
}

/// The value a fraction of the way from one order statistic to the next.
fn between(low: f64, high: f64, position: f64) -> f64 {
    let fraction = position.fract();
    if fraction == 0.0 || low.to_bits() == high.to_bits() {
        low
    } else if low.is_finite() {
        low + fraction * (high - low)
    } else {
        high
    }
}

/// The values at these ranks (0 is the least), in the order asked. No value may be NaN; ranks past
/// the end give the greatest value.
///
/// The bits of a float, read as an integer, are in the order of the floats. A histogram over
/// their leading bits tells which bins hold the ranks; a second pass gathers those bins alone.
pub(crate) fn order_statistics(values: &[f64], ranks: &[usize]) -> Vec<f64> {
    const SMALL: usize = 2048;
    if values.len() <= SMALL || u32::try_from(values.len()).is_err() {
        let mut sorted = values.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        return ranks
            .iter()
            .map(|&rank| sorted.get(rank).or(sorted.last()).copied().unwrap_or(f64::NAN))
            .collect();
    }
    let (least, greatest) = extremes(values);
    let base = sortable(least);
    let span = sortable(greatest) - base;
    if span == 0 {
        return vec![least; ranks.len()];
    }
    let shift = (64 - span.leading_zeros()).saturating_sub(BIN_BITS);
    let bin_of = |value: f64| ((sortable(value) - base) >> shift) as usize & (BINS - 1);

    let mut counts = vec![0_u32; BINS];
    for &value in values {
        counts[bin_of(value)] += 1;
    }

    // The bins that hold a rank, and how many values lie in the bins before each.
    let mut by_rank: Vec<usize> = (0..ranks.len()).collect();
    by_rank.sort_unstable_by_key(|&i| ranks[i]);
    let mut needed: Vec<Bin> = Vec::new();
    let mut bin_of_rank = vec![0; ranks.len()];
    let (mut bin, mut before) = (0, 0);
    for &i in &by_rank {
        let rank = ranks[i].min(values.len() - 1);
        while before + counts[bin] as usize <= rank {
            before += counts[bin] as usize;
            bin += 1;
        }
        if needed.last().is_none_or(|last| last.index != bin) {
            let size = counts[bin] as usize;
            needed.push(Bin { index: bin, before, values: Vec::with_capacity(size) });
        }
        bin_of_rank[i] = needed.len() - 1;
    }

    // From here `counts` holds, for each bin, one more than its place among the needed ones.
    counts.fill(0);
    for (place, bin) in needed.iter().enumerate() {
        counts[bin.index] = place as u32 + 1;
    }
    for &value in values {
        let place = counts[bin_of(value)];
        if place != 0 {
            needed[place as usize - 1].values.push(value);
        }
    }

    let mut found = vec![f64::NAN; ranks.len()];
    for (place, bin) in needed.iter().enumerate() {
        let here: Vec<usize> =
            by_rank.iter().copied().filter(|&i| bin_of_rank[i] == place).collect();
        let inside: Vec<usize> =
            here.iter().map(|&i| ranks[i].min(values.len() - 1) - bin.before).collect();
        if shift == 0 {
            // A bin as narrow as can be holds one value, however often.
            for i in here {
                found[i] = bin.values[0];
            }
            continue;
        }
        // A bin of this column is a column of its own, spread over at most half as many floats.
        for (&i, value) in here.iter().zip(order_statistics(&bin.values, &inside)) {
            found[i] = value;
        }
    }
    found
}

const BIN_BITS: u32 = 13;
const BINS: usize = 1 << BIN_BITS;

struct Bin {
    index: usize,
    before: usize,
    values: Vec<f64>,
}

/// The least and the greatest, with -0 below 0.
fn extremes(values: &[f64]) -> (f64, f64) {
    const LANES: usize = 8;
    let mut low = [f64::INFINITY; LANES];
    let mut high = [f64::NEG_INFINITY; LANES];
    let mut chunks = values.chunks_exact(LANES);
    for chunk in &mut chunks {
        for lane in 0..LANES {
            low[lane] = if chunk[lane] < low[lane] { chunk[lane] } else { low[lane] };
            high[lane] = if chunk[lane] > high[lane] { chunk[lane] } else { high[lane] };
        }
    }
    let rest = chunks.remainder();
    let least = low.into_iter().chain(rest.iter().copied()).fold(f64::INFINITY, f64::min);
    let greatest = high.into_iter().chain(rest.iter().copied()).fold(f64::NEG_INFINITY, f64::max);
    // Both zeros compare equal: take the outer one of each, so that every key fits the span.
    (if least == 0.0 { -0.0 } else { least }, if greatest == 0.0 { 0.0 } else { greatest })
}

/// The bits of a float, rearranged so that they sort as the floats do.
#[inline]
fn sortable(value: f64) -> u64 {
    let bits = value.to_bits();
    let negative = (bits.cast_signed() >> 63).cast_unsigned();
    bits ^ (negative | 1 << 63)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn by_sorting(values: &[f64], ranks: &[usize]) -> Vec<f64> {
        let mut sorted = values.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        ranks.iter().map(|&rank| sorted[rank.min(sorted.len() - 1)]).collect()
    }

    proptest! {
        #[test]
        fn order_statistics_are_those_of_the_sorted_column(
            seed in any::<u64>(), n in 1_usize..9000, shape in 0..7, ranks in prop::collection::vec(0_usize..9000, 1..12)
        ) {
            let mut values = vec![0.0; n];
            crate::stream::fill_plain(&crate::stream::key(seed, "test", ""), 0, &mut values);
            for value in &mut values {
                let u = *value;
                *value = match shape {
                    0 => u,
                    1 => (50.0 * (u - 0.5)).exp(),
                    2 => u - 0.5,
                    3 => (4.0 * u).floor(),
                    4 => if u < 0.3 { f64::INFINITY } else { u },
                    5 => if u < 0.3 { f64::NEG_INFINITY } else if u < 0.6 { -0.0 } else { 0.0 },
                    _ => 1.0 + u * 1e-13,
                };
            }
            let found = order_statistics(&values, &ranks);
            for (f, e) in found.iter().zip(by_sorting(&values, &ranks)) {
                prop_assert_eq!(f.to_bits(), e.to_bits());
            }
        }
    }

    #[test]
    fn quantiles_interpolate_as_numpy_does() {
        // numpy.quantile([3, 1, 4, 1, 5], [0, .1, .5, .9, 1])
        let found = quantiles(&[3.0, 1.0, 4.0, 1.0, 5.0], &[0.0, 0.1, 0.5, 0.9, 1.0]);
        for (f, e) in found.iter().zip([1.0, 1.0, 3.0, 4.6, 5.0]) {
            assert!((f - e).abs() < 1e-12, "{found:?}");
        }
    }

    #[test]
    fn never_is_last_and_undefined_takes_no_part() {
        let dates = [2031.0, f64::INFINITY, f64::NAN, 2030.0, f64::INFINITY];
        let found = quantiles(&dates, &[0.0, 1.0 / 3.0, 0.5, 1.0]);
        assert_eq!(found, [2030.0, 2031.0, f64::INFINITY, f64::INFINITY]);
        assert!(quantiles(&[f64::NAN], &[0.5])[0].is_nan());
        assert!(quantiles(&[], &[0.5])[0].is_nan());
        assert_eq!(quantiles(&[f64::NEG_INFINITY, 1.0], &[0.5]), [1.0]);
    }
}
