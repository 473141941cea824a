//! The plot of a fit: loss against compute, by budget or by model size.

use laws::Fit;
use runs::{Flop, Observations};

use super::answer::Answer;
use crate::terminal_plot::{Highlight, Plot, Scale, Series};

impl Answer<'_> {
    /// The runs, the best the law allows, and what was predicted.
    pub(super) fn plot(&self, observations: &Observations) -> Plot {
        let highlights = self
            .predictions
            .iter()
            .map(|prediction| Highlight {
                label: format!("predicted at {:.1e} FLOP", prediction.compute.get()),
                at: (prediction.compute.get(), prediction.loss.get()),
                interval: prediction.new_run_interval.map(|interval| (interval.low, interval.high)),
            })
            .collect();
        loss_against_compute(self.fit, observations, highlights)
    }
}

/// Loss against compute: the runs, the best the law allows, and `highlights`.
pub(crate) fn loss_against_compute(
    fit: &Fit,
    observations: &Observations,
    highlights: Vec<Highlight>,
) -> Plot {
    let points: Vec<Point> = observations
        .compute()
        .iter()
        .zip(observations.parameters())
        .zip(observations.loss())
        .map(|((c, n), loss)| Point { c: c.get(), n: n.get(), loss: loss.get() })
        .collect();
    let places = points.iter().map(|point| point.c).chain(highlights.iter().map(|h| h.at.0));
    let (low, high) =
        places.fold((f64::INFINITY, 0.0_f64), |(low, high), c| (low.min(c), high.max(c)));
    let frontier: Vec<(f64, f64)> = (0..=100)
        .map(|i| low * (high / low).powf(f64::from(i) / 100.0))
        .filter_map(|c| Some((c, fit.law.optimal(Flop(c))?.loss.get())))
        .collect();
    let label = "compute-optimal under the law".to_owned();
    let line = (!frontier.is_empty()).then_some(Series { label, points: frontier });
    Plot {
        x_label: "C = 6 N D, FLOP".to_owned(),
        y_label: "loss, nats per token".to_owned(),
        x_scale: Scale::Log,
        y_scale: Scale::Linear,
        series: series(&points),
        lines: line.into_iter().collect(),
        highlights,
    }
}

#[derive(Debug, Clone, Copy)]
struct Point {
    c: f64,
    n: f64,
    loss: f64,
}

/// Most series that a plot can tell apart.
const SERIES: usize = 8;

/// Points by budget where they form profiles of equal compute, else by model size, else all as
/// one.
fn series(points: &[Point]) -> Vec<Series> {
    for (key, name) in [((|p: &Point| p.c) as fn(&Point) -> f64, "C"), (|p| p.n, "N")] {
        if let Some(groups) = groups(points, key) {
            return groups
                .into_iter()
                .map(|group| {
                    let logs: f64 = group.iter().map(|point| key(point).ln()).sum();
                    let middle = (logs / group.len() as f64).exp();
                    Series {
                        label: format!("{name} {middle:.1e}"),
                        points: group.iter().map(|point| (point.c, point.loss)).collect(),
                    }
                })
                .collect();
        }
    }
    let points = points.iter().map(|point| (point.c, point.loss)).collect();
    vec![Series { label: "runs".to_owned(), points }]
}

/// Groups of points whose key differs little within and clearly between; `None` where there are
/// too many or too small ones.
fn groups(points: &[Point], key: fn(&Point) -> f64) -> Option<Vec<Vec<Point>>> {
    let mut sorted = points.to_vec();
    sorted.sort_by(|a, b| key(a).total_cmp(&key(b)));
    let mut groups: Vec<Vec<Point>> = Vec::new();
    for point in sorted {
        match groups.last_mut() {
            Some(group) if key(&point) < 1.3 * key(&group[group.len() - 1]) => group.push(point),
            _ => groups.push(vec![point]),
        }
    }
    let tight = |group: &Vec<Point>| key(&group[group.len() - 1]) < 2.0 * key(&group[0]);
    let fits = (2..=SERIES).contains(&groups.len())
        && groups.iter().all(tight)
        && groups.iter().filter(|group| group.len() >= 3).count() * 2 >= groups.len();
    fits.then_some(groups)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plot_groups_runs_by_budget_then_by_size_then_not_at_all() {
        let point = |c: f64, n: f64| Point { c, n, loss: 3.0 };
        let labels = |points: Vec<Point>| {
            series(&points).into_iter().map(|series| series.label).collect::<Vec<_>>()
        };
        let by_budget = (0..9).map(|i| point(10_f64.powi(12 + i / 3), f64::from(i + 1))).collect();
        assert_eq!(labels(by_budget), ["C 1.0e12", "C 1.0e13", "C 1.0e14"]);
        let by_size =
            (0..9).map(|i| point(1e12 * 1.2_f64.powi(i), 10_f64.powi(6 + i % 3))).collect();
        assert_eq!(labels(by_size), ["N 1.0e6", "N 1.0e7", "N 1.0e8"]);
        let scattered =
            (0..30).map(|i| point(1e12 * 1.4_f64.powi(i), 1e6 * 1.4_f64.powi(i))).collect();
        assert_eq!(labels(scattered), ["runs"]);
    }
}
