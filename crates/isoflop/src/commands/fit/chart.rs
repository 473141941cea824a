//! The plot of a fit: the target against compute where there is one, against the law's only
//! variable, or measured against law.

use laws::{Fit, Setting};
use runs::{Flop, Observations};

use super::answer::{Answer, Frontier, best_of, target_unit};
use crate::terminal_plot::{Highlight, Plot, Scale, Series};

/// Points along a line.
const STEPS: i32 = 60;

impl Answer<'_> {
    /// The rows, the law, and what was predicted.
    pub(super) fn plot(&self) -> Plot {
        let (fit, observations) = (self.fit, self.observations);
        let at = |setting: &Setting| match fit.data.axis.as_str() {
            "C" => setting.compute(),
            axis => setting.get(axis),
        };
        let measured_against_law =
            fit.data.axis != "C" && fit.law.variables.len() > 1 && !fit.law.splits_compute();
        let highlights: Vec<Highlight> = self
            .predictions
            .iter()
            .filter_map(|prediction| {
                let place =
                    if measured_against_law { prediction.value } else { at(&prediction.setting)? };
                let interval = prediction.new_run_interval;
                Some(Highlight {
                    label: format!("predicted at {} {place:.1e}", fit.data.axis),
                    at: (place, prediction.value),
                    interval: interval.map(|interval| (interval.low, interval.high)),
                })
            })
            .collect();
        let mut plot = if measured_against_law {
            against_law(fit, observations, highlights)
        } else if fit.data.axis == "C" {
            let given = match &self.frontier {
                Frontier::Of { given, .. } => Some(given),
                _ => None,
            };
            against_compute(fit, observations, given, highlights)
        } else {
            against_variable(fit, observations, highlights)
        };
        if let Some(holdout) = &self.holdout {
            let points = holdout.rows.iter().filter_map(|row| {
                let place = if measured_against_law {
                    row.prediction.value
                } else {
                    at(&row.prediction.setting)?
                };
                Some((place, row.measured))
            });
            let points = points.collect();
            plot.series.push(Series { label: "held out".to_owned(), points });
        }
        plot
    }
}

/// Loss against compute: the runs, the best the law allows, and `highlights`.
pub(crate) fn loss_against_compute(
    fit: &Fit,
    observations: &Observations,
    highlights: Vec<Highlight>,
) -> Plot {
    against_compute(fit, observations, Some(&Setting::new()), highlights)
}

fn against_compute(
    fit: &Fit,
    observations: &Observations,
    given: Option<&Setting>,
    highlights: Vec<Highlight>,
) -> Plot {
    let sizes = observations.variable("N");
    let points: Vec<Point> = observations
        .compute()
        .iter()
        .zip(observations.target())
        .enumerate()
        .map(|(row, (c, &y))| Point { c: c.get(), n: sizes.map(|n| n[row]), y })
        .collect();
    let places = points.iter().map(|point| point.c).chain(highlights.iter().map(|h| h.at.0));
    let (low, high) = ends(places);
    let mut lines = Vec::new();
    for group in fit.groups() {
        let label = |what: &str| match &group {
            Some(group) => format!("{what}, {group}"),
            None => what.to_owned(),
        };
        let along: Vec<f64> =
            (0..=STEPS).map(|i| low * (high / low).powf(f64::from(i) / f64::from(STEPS))).collect();
        let only_compute = fit.law.variables.len() == 1 && fit.law.variables[0].name == "C";
        let (what, points): (&str, Vec<(f64, f64)>) = match given {
            Some(given) if fit.law.splits_compute() => (
                "compute-optimal under the law",
                along
                    .iter()
                    .filter_map(|&c| {
                        Some((c, best_of(fit, group.as_deref(), Flop(c), given)?.loss))
                    })
                    .collect(),
            ),
            _ if only_compute => ("the law", curve(fit, group.as_deref(), "C", &along)),
            _ => continue,
        };
        if !points.is_empty() {
            lines.push(Series { label: label(what), points });
        }
    }
    let convention = match observations.compute_convention() {
        "" | "6 N D" => "C = 6 N D".to_owned(),
        convention => format!("C ({convention})"),
    };
    Plot {
        x_label: format!("{convention}, FLOP"),
        y_label: target_label(fit, observations),
        x_scale: Scale::Log,
        y_scale: Scale::Linear,
        series: match by_group(fit, observations, |row| points[row].c) {
            Some(series) => series,
            None => series(&points),
        },
        lines,
        highlights,
    }
}

/// The target against the law's first variable, with the law's curve where it is the only one.
fn against_variable(fit: &Fit, observations: &Observations, highlights: Vec<Highlight>) -> Plot {
    let name = fit.data.axis.as_str();
    let column = observations.variable(name).unwrap_or_default();
    let (low, high) = ends(column.iter().copied().chain(highlights.iter().map(|h| h.at.0)));
    let logarithmic = low > 0.0 && high > 10.0 * low;
    let along: Vec<f64> = (0..=STEPS)
        .map(|i| f64::from(i) / f64::from(STEPS))
        .map(|t| if logarithmic { low * (high / low).powf(t) } else { low + t * (high - low) })
        .collect();
    let lines = fit.groups().into_iter().map(|group| Series {
        points: curve(fit, group.as_deref(), name, &along),
        label: group.map_or("the law".to_owned(), |group| format!("the law, {group}")),
    });
    let unit = fit.law.variables.first().map_or("", |variable| variable.unit.as_str());
    let series = by_group(fit, observations, |row| column[row]).unwrap_or_else(|| {
        let points = column.iter().copied().zip(observations.target().iter().copied()).collect();
        vec![Series { label: "runs".to_owned(), points }]
    });
    Plot {
        x_label: with_unit(name, unit),
        y_label: target_label(fit, observations),
        x_scale: if logarithmic { Scale::Log } else { Scale::Linear },
        y_scale: Scale::Linear,
        series,
        lines: lines.filter(|line| !line.points.is_empty()).collect(),
        highlights,
    }
}

/// Measured against law, with the line where both are the same.
fn against_law(fit: &Fit, observations: &Observations, highlights: Vec<Highlight>) -> Plot {
    let fitted = |row: usize| {
        let setting = observations
            .variables()
            .fold(Setting::new(), |setting, (name, column)| setting.with(name, column[row]));
        let group = observations
            .group_index()
            .and_then(|index| observations.group_names().get(*index.get(row)?))
            .map(String::as_str);
        at_best(fit, group, &setting).unwrap_or(f64::NAN)
    };
    let law: Vec<f64> = (0..observations.len()).map(fitted).collect();
    let (low, high) = ends(law.iter().copied().filter(|x| x.is_finite()));
    let series = by_group(fit, observations, |row| law[row]).unwrap_or_else(|| {
        let points = law.iter().copied().zip(observations.target().iter().copied()).collect();
        vec![Series { label: "rows".to_owned(), points }]
    });
    Plot {
        x_label: format!("{} by the law", fit.law.target.name),
        y_label: format!("{} as measured", fit.law.target.name),
        x_scale: Scale::Linear,
        y_scale: Scale::Linear,
        series,
        lines: vec![Series {
            label: "measured = law".to_owned(),
            points: vec![(low, low), (high, high)],
        }],
        highlights,
    }
}

/// The best law of a group at a setting.
fn at_best(fit: &Fit, group: Option<&str>, setting: &Setting) -> Option<f64> {
    let best = fit.law.parameters.iter().fold(formula::Columns::new(1), |columns, parameter| {
        let name = &parameter.name;
        let own = group.and_then(|group| fit.value_of(&format!("{name}[{group}]")));
        let value = own.or_else(|| fit.value_of(name)).unwrap_or(f64::NAN);
        columns.with(name, vec![value])
    });
    let values = fit.law.values(best, setting).ok()?;
    values.first().copied().filter(|value| value.is_finite())
}

/// The best law of a group along its only variable; nothing where it has others.
fn curve(fit: &Fit, group: Option<&str>, name: &str, along: &[f64]) -> Vec<(f64, f64)> {
    let at = |&x: &f64| Some((x, at_best(fit, group, &Setting::new().with(name, x))?));
    along.iter().filter_map(at).collect()
}

fn ends(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)))
}

fn with_unit(name: &str, unit: &str) -> String {
    if unit.is_empty() { name.to_owned() } else { format!("{name}, {unit}") }
}

fn target_label(fit: &Fit, observations: &Observations) -> String {
    with_unit(&fit.law.target.name, target_unit(fit, observations))
}

/// A series per group, where groups have laws of their own.
fn by_group(
    fit: &Fit,
    observations: &Observations,
    x: impl Fn(usize) -> f64,
) -> Option<Vec<Series>> {
    let groups = observations.group_index().filter(|_| fit.options.shared.is_some())?;
    let series = observations.group_names().iter().enumerate().map(|(index, name)| Series {
        label: name.clone(),
        points: (0..observations.len())
            .filter(|&row| groups[row] == index)
            .map(|row| (x(row), observations.target()[row]))
            .collect(),
    });
    Some(series.collect())
}

#[derive(Debug, Clone, Copy)]
struct Point {
    c: f64,
    n: Option<f64>,
    y: f64,
}

/// What points are told apart by.
type Key = fn(&Point) -> Option<f64>;

/// Points with their key.
type Group = Vec<(f64, Point)>;

/// Most series that a plot can tell apart.
const SERIES: usize = 8;

/// Points by budget where they form profiles of equal compute, else by model size, else all as
/// one.
fn series(points: &[Point]) -> Vec<Series> {
    let keys: [(Key, &str); 2] = [(|point| Some(point.c), "C"), (|point| point.n, "N")];
    for (key, name) in keys {
        if let Some(groups) = groups(points, key) {
            return groups
                .into_iter()
                .map(|group| {
                    let logs: f64 = group.iter().map(|(key, _)| key.ln()).sum();
                    let middle = (logs / group.len() as f64).exp();
                    Series {
                        label: format!("{name} {middle:.1e}"),
                        points: group.iter().map(|(_, point)| (point.c, point.y)).collect(),
                    }
                })
                .collect();
        }
    }
    let points = points.iter().map(|point| (point.c, point.y)).collect();
    vec![Series { label: "runs".to_owned(), points }]
}

/// Groups of points whose key differs little within and clearly between; `None` where there are
/// too many or too small ones.
fn groups(points: &[Point], key: Key) -> Option<Vec<Group>> {
    let mut sorted: Vec<(f64, Point)> =
        points.iter().map(|point| Some((key(point)?, *point))).collect::<Option<_>>()?;
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut groups: Vec<Group> = Vec::new();
    for (key, point) in sorted {
        match groups.last_mut() {
            Some(group) if group.last().is_some_and(|last| key < 1.3 * last.0) => {
                group.push((key, point));
            }
            _ => groups.push(vec![(key, point)]),
        }
    }
    let tight = |group: &Group| group[group.len() - 1].0 < 2.0 * group[0].0;
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
        let point = |c: f64, n: f64| Point { c, n: Some(n), y: 3.0 };
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
        let without_sizes = (0..9).map(|i| Point { c: 1.2_f64.powi(i), n: None, y: 3.0 }).collect();
        assert_eq!(labels(without_sizes), ["runs"]);
    }
}
