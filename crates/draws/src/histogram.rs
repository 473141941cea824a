//! Shapes to draw: histogram and density.

use crate::{Level, select};

/// Whether bins have equal widths or equal ratios.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scale {
    /// Equal widths.
    #[default]
    Linear,
    /// Equal ratios, for positive quantities that spread over orders of magnitude. A column with
    /// a zero or a negative value in its central part falls back to equal widths.
    Log,
}

/// Counts of a column's values in bins.
///
/// The bins cover the central 99 % of the finite values, so that one far draw does not flatten the
/// picture; what lies outside is counted beside them.
#[derive(Debug, Clone, PartialEq)]
pub struct Histogram {
    /// Bin edges, one more than there are bins; empty when there is nothing to count.
    pub edges: Vec<f64>,
    /// How many values lie in each bin (the upper edge belongs to the next one).
    pub counts: Vec<u64>,
    /// The scale of the bins.
    pub scale: Scale,
    /// Finite values below the first edge.
    pub below: u64,
    /// Finite values above the last edge.
    pub above: u64,
    /// Infinite values: `never`, and any `-inf`.
    pub never: u64,
    /// NaN values.
    pub undefined: u64,
}

impl Histogram {
    const COVERED: f64 = 0.99;
    const MOST_BINS: f64 = 200.0;

    /// As many bins as the column's size supports: the width is Scott's for a frequency polygon,
    /// 2.15 s n^(-1/5) (J. Am. Stat. Assoc. 80, 1985), with s the smaller of the standard
    /// deviation and the interquartile range over 1.349.
    pub fn of(values: &[f64], scale: Scale) -> Self {
        Self::build(values, scale, None)
    }

    /// With a given number of bins (at least 1).
    pub fn with_bins(values: &[f64], scale: Scale, bins: usize) -> Self {
        Self::build(values, scale, Some(bins.max(1)))
    }

    fn build(values: &[f64], scale: Scale, bins: Option<usize>) -> Self {
        let undefined = values.iter().filter(|value| value.is_nan()).count() as u64;
        let never = values.iter().filter(|value| value.is_infinite()).count() as u64;
        let finite: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
        let mut histogram = Self {
            edges: Vec::new(),
            counts: Vec::new(),
            scale,
            below: 0,
            above: 0,
            never,
            undefined,
        };
        if finite.is_empty() {
            return histogram;
        }
        let tail = (1.0 - Self::COVERED) / 2.0;
        let found = select::quantiles(&finite, &[tail, 0.25, 0.75, 1.0 - tail]);
        if found[0] <= 0.0 {
            histogram.scale = Scale::Linear;
        }
        let scale = histogram.scale;
        let (low, high) = (forward(scale, found[0]), forward(scale, found[3]));
        if low >= high {
            histogram.edges = vec![found[0], found[0].next_up()];
            histogram.counts = vec![0];
        } else {
            let bins = bins.unwrap_or_else(|| {
                let quarter = (forward(scale, found[2]) - forward(scale, found[1])) / 1.349;
                // The central 99 % of a normal is 5.15 standard deviations wide.
                let spread = (high - low) / 5.15;
                let s = if quarter > 0.0 { quarter.min(spread) } else { spread };
                let width = 2.15 * s * (finite.len() as f64).powf(-0.2);
                ((high - low) / width).clamp(1.0, Self::MOST_BINS).ceil() as usize
            });
            let step = |i: usize| low + (high - low) * (i as f64 / bins as f64);
            histogram.edges = (0..=bins).map(|i| back(scale, step(i))).collect();
            histogram.edges[0] = found[0];
            // The last edge lies above the last value it must hold.
            histogram.edges[bins] = found[3].next_up();
            histogram.counts = vec![0; bins];
        }
        for value in finite {
            match histogram.edges.partition_point(|&edge| edge <= value) {
                0 => histogram.below += 1,
                i if i > histogram.counts.len() => histogram.above += 1,
                i => histogram.counts[i - 1] += 1,
            }
        }
        histogram
    }

    /// A density to plot, as `(x, density)` points to be joined by straight lines: the frequency
    /// polygon through the bins' midpoints, level in the outer half bins.
    ///
    /// It has no kernel, so it never reaches below the least of the values counted, and the area
    /// under it over the bins' scale is exactly the share of all values (undefined ones apart)
    /// that the bins hold. On the logarithmic scale it is a density in the natural logarithm
    /// of x.
    pub fn density(&self) -> Vec<(f64, f64)> {
        let counted: u64 = self.counts.iter().sum();
        let total = (counted + self.below + self.above + self.never) as f64;
        let edges: Vec<f64> = self.edges.iter().map(|&edge| forward(self.scale, edge)).collect();
        let mut points: Vec<(f64, f64)> = edges
            .windows(2)
            .zip(&self.counts)
            .map(|(edge, &count)| {
                let (middle, width) = (f64::midpoint(edge[0], edge[1]), edge[1] - edge[0]);
                (back(self.scale, middle), count as f64 / total / width)
            })
            .collect();
        if let (Some(&first), Some(&last)) = (points.first(), points.last()) {
            points.insert(0, (self.edges[0], first.1));
            points.push((self.edges[self.edges.len() - 1], last.1));
        }
        points
    }

    /// The level that the bins cover.
    pub fn level() -> Level {
        Level::new(Self::COVERED).unwrap_or_default()
    }
}

fn forward(scale: Scale, x: f64) -> f64 {
    match scale {
        Scale::Linear => x,
        Scale::Log => x.ln(),
    }
}

fn back(scale: Scale, y: f64) -> f64 {
    match scale {
        Scale::Linear => y,
        Scale::Log => y.exp(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Design, Dist, Inputs};

    fn sample(dist: Dist) -> Vec<f64> {
        let mut inputs = Inputs::new();
        inputs.add("x", dist).unwrap();
        inputs
            .sampler(1, Design::Plain)
            .unwrap()
            .draw(50_000)
            .unwrap()
            .column("x")
            .unwrap()
            .to_vec()
    }

    #[test]
    fn every_value_is_counted_once() {
        let mut values = sample(Dist::lognormal(0.0, 2.0).unwrap());
        values.extend([f64::INFINITY, f64::NEG_INFINITY, f64::NAN, 1e300, -1e300]);
        for scale in [Scale::Linear, Scale::Log] {
            let h = Histogram::of(&values, scale);
            let counted: u64 = h.counts.iter().sum();
            assert_eq!(counted + h.below + h.above + h.never + h.undefined, 50_005);
            assert_eq!((h.never, h.undefined), (2, 1));
            assert!(counted as f64 > 0.985 * 50_000.0);
        }
    }

    #[test]
    fn the_density_is_close_to_the_true_one_and_stays_inside_the_values() {
        let values = sample(Dist::normal(10.0, 2.0).unwrap());
        let h = Histogram::of(&values, Scale::Linear);
        for (x, density) in h.density() {
            let z = (x - 10.0) / 2.0;
            let truth = (-0.5 * z * z).exp() / (2.0 * (2.0 * std::f64::consts::PI).sqrt());
            assert!((density - truth).abs() < 0.012, "{x} {density} {truth}");
        }
        let positive = sample(Dist::lognormal(0.0, 1.5).unwrap());
        let least = positive.iter().copied().fold(f64::INFINITY, f64::min);
        for scale in [Scale::Linear, Scale::Log] {
            assert!(Histogram::of(&positive, scale).density().iter().all(|p| p.0 >= least));
        }
    }

    #[test]
    fn the_area_under_the_density_is_the_share_in_the_bins() {
        let values = sample(Dist::lognormal(0.0, 1.5).unwrap());
        for scale in [Scale::Linear, Scale::Log] {
            let h = Histogram::with_bins(&values, scale, 37);
            let points = h.density();
            let area: f64 = points
                .windows(2)
                .map(|p| {
                    (forward(scale, p[1].0) - forward(scale, p[0].0)) * (p[0].1 + p[1].1) / 2.0
                })
                .sum();
            let share = h.counts.iter().sum::<u64>() as f64 / 50_000.0;
            assert!((area - share).abs() < 1e-9, "{scale:?} {area} {share}");
        }
    }

    #[test]
    fn odd_columns_have_a_histogram_too() {
        for column in
            [&[][..], &[f64::NAN], &[f64::INFINITY], &[3.0], &[3.0, 3.0], &[-1e308, 1e308]]
        {
            for scale in [Scale::Linear, Scale::Log] {
                let h = Histogram::of(column, scale);
                let counted: u64 = h.counts.iter().sum();
                assert_eq!(
                    (counted + h.below + h.above + h.never + h.undefined) as usize,
                    column.len(),
                    "{column:?}"
                );
                let _ = h.density();
            }
        }
    }
}
