//! Straight lines in logs through the optima, their draws, and what they say of a budget.

use runs::{Flop, Parameters, Tokens};
use serde::{Deserialize, Serialize};

use super::profile::Vertex;
use crate::Interval;

/// y = value (C / pivot)^exponent.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PowerLaw {
    /// The exponent of C.
    pub exponent: f64,
    /// y at the pivot.
    pub value: f64,
    /// The mean budget, where exponent and value are independent.
    pub pivot: Flop,
}

impl PowerLaw {
    /// y at a budget.
    pub fn at(&self, compute: Flop) -> f64 {
        self.value * (compute / self.pivot).powf(self.exponent)
    }

    /// The factor in y = factor C^exponent.
    pub fn factor(&self) -> f64 {
        self.at(Flop(1.0))
    }

    /// Least squares of ln y on ln C.
    pub(super) fn fit(ln_c: &[f64], ln_y: &[f64]) -> Option<Self> {
        Self::through(ln_c.iter().zip(ln_y).map(|(&c, &y)| (c, y, 1.0)))
    }

    /// Weighted least squares of ln y on ln C; `None` without two different C of weight.
    fn through(points: impl Iterator<Item = (f64, f64, f64)> + Clone) -> Option<Self> {
        let (mut weight, mut x0, mut y0) = (0.0, 0.0, 0.0);
        for (ln_c, ln_y, w) in points.clone() {
            weight += w;
            x0 += w * ln_c;
            y0 += w * ln_y;
        }
        let (x0, y0) = (x0 / weight, y0 / weight);
        let (mut xx, mut xy) = (0.0, 0.0);
        for (ln_c, ln_y, w) in points {
            xx += w * (ln_c - x0) * (ln_c - x0);
            xy += w * (ln_c - x0) * (ln_y - y0);
        }
        let line = Self { exponent: xy / xx, value: y0.exp(), pivot: Flop(x0.exp()) };
        let fixed = xx > 1e-12 * weight && line.exponent.is_finite() && line.value.is_normal();
        fixed.then_some(line)
    }
}

/// N*, D* and the loss along the frontier, as straight lines in logs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Lines {
    /// N* ~ C^a.
    pub parameters: PowerLaw,
    /// D* ~ C^b.
    pub tokens: PowerLaw,
    /// The loss: a straight line in logs has no floor, so it holds among the budgets only.
    pub loss: PowerLaw,
}

impl Lines {
    /// Through optima found elsewhere: C, N*, D* and the loss of each.
    ///
    /// `None` without two different C, or with values that have no logarithm.
    pub fn through_optima(optima: &[(Flop, Parameters, Tokens, f64)]) -> Option<Self> {
        let points: Vec<(f64, f64, Vertex)> = optima
            .iter()
            .map(|&(c, n, d, loss)| {
                let vertex = Vertex { ln_parameters: n.get().ln(), ln_tokens: d.get().ln(), loss };
                (c.get().ln(), 1.0, vertex)
            })
            .collect();
        Self::through(&points)
    }

    /// Through optima at (ln C, weight, vertex).
    pub(super) fn through(points: &[(f64, f64, Vertex)]) -> Option<Self> {
        let line = |y: fn(&Vertex) -> f64| {
            PowerLaw::through(points.iter().map(move |(c, w, vertex)| (*c, y(vertex), *w)))
        };
        Some(Self {
            parameters: line(|vertex| vertex.ln_parameters)?,
            tokens: line(|vertex| vertex.ln_tokens)?,
            loss: line(|vertex| vertex.loss.ln())?,
        })
    }
}

/// The lines with their draws.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Frontier {
    /// Through the optima.
    pub lines: Lines,
    /// The same from every resample that gave lines.
    pub draws: Vec<Lines>,
    /// Resamples without lines.
    pub failed: usize,
    /// Least and largest budget that the lines go through.
    pub from: Flop,
    /// The largest.
    pub to: Flop,
    /// The level of the intervals.
    pub level: f64,
}

/// What the lines say of a budget.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// The budget.
    pub compute: Flop,
    /// N*.
    pub parameters: Parameters,
    /// Its interval.
    pub parameters_interval: Option<Interval>,
    /// D*.
    pub tokens: Tokens,
    /// Its interval.
    pub tokens_interval: Option<Interval>,
    /// Interval of D*/N*.
    pub ratio_interval: Option<Interval>,
    /// The loss, only among the budgets.
    pub loss: Option<f64>,
    /// Decades of C from the nearest budget, 0 among them.
    pub decades_outside: f64,
}

impl Frontier {
    pub(super) fn new(
        points: &[(f64, f64, Vertex)],
        draws: Vec<Option<Lines>>,
        level: f64,
    ) -> Option<Self> {
        let lines = Lines::through(points)?;
        let ln_c = points.iter().map(|point| point.0);
        let (low, high) =
            ln_c.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), x| (l.min(x), h.max(x)));
        let failed = draws.iter().filter(|draw| draw.is_none()).count();
        let draws = draws.into_iter().flatten().collect();
        Some(Self { lines, draws, failed, from: Flop(low.exp()), to: Flop(high.exp()), level })
    }

    /// The interval of anything computed from lines, draw by draw; `None` without draws.
    pub fn interval(&self, of: impl Fn(&Lines) -> f64) -> Option<Interval> {
        let values: Vec<f64> = self.draws.iter().map(of).filter(|x| x.is_finite()).collect();
        Interval::of(values, self.level)
    }

    /// N*, D* and, among the budgets, the loss of a budget; `None` where they overflow.
    pub fn at(&self, compute: Flop) -> Option<Reading> {
        let (n, d) = (self.lines.parameters.at(compute), self.lines.tokens.at(compute));
        if !(n.is_normal() && d.is_normal()) {
            return None;
        }
        let below = (self.from / compute).log10();
        let decades_outside = below.max(-(self.to / compute).log10()).max(0.0);
        Some(Reading {
            compute,
            parameters: Parameters(n),
            parameters_interval: self.interval(|lines| lines.parameters.at(compute)),
            tokens: Tokens(d),
            tokens_interval: self.interval(|lines| lines.tokens.at(compute)),
            ratio_interval: self
                .interval(|lines| lines.tokens.at(compute) / lines.parameters.at(compute)),
            loss: (decades_outside < 0.02).then(|| self.lines.loss.at(compute)),
            decades_outside,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(c: f64, weight: f64) -> (f64, f64, Vertex) {
        let ln = c.ln();
        let vertex = Vertex {
            ln_parameters: 2.0 + 0.45 * ln,
            ln_tokens: -3.0 + 0.55 * ln,
            loss: 40.0 * c.powf(-0.05),
        };
        (ln, weight, vertex)
    }

    #[test]
    fn exact_power_laws_come_back_with_any_weights() {
        let points: Vec<_> = [1e18, 1e19, 4e19, 1e21]
            .iter()
            .zip([1.0, 7.0, 0.1, 2.0])
            .map(|(&c, w)| point(c, w))
            .collect();
        let frontier = Frontier::new(&points, Vec::new(), 0.9).unwrap();
        let lines = frontier.lines;
        assert!((lines.parameters.exponent - 0.45).abs() < 1e-12);
        assert!((lines.tokens.exponent - 0.55).abs() < 1e-12);
        assert!((lines.loss.exponent + 0.05).abs() < 1e-12);
        assert!((lines.parameters.factor().ln() - 2.0).abs() < 1e-9);
        let outside = frontier.at(Flop(1e23)).unwrap();
        assert!((outside.decades_outside - 2.0).abs() < 1e-9);
        assert_eq!((outside.loss, outside.tokens_interval), (None, None));
        assert!(frontier.at(Flop(1e20)).unwrap().loss.is_some());
        assert_eq!(frontier.at(Flop(f64::INFINITY)), None);
    }

    #[test]
    fn one_budget_has_no_line() {
        assert_eq!(Lines::through(&[point(1e18, 1.0), point(1e18, 1.0)]), None);
        assert_eq!(Lines::through(&[]), None);
    }
}
