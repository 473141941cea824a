//! One budget: its runs, the parabolas through them, the vertex, and whether to believe it.

use std::fmt;

use runs::{Flop, Parameters, Tokens};
use serde::{Deserialize, Serialize};

use super::parabola::Parabola;
use super::{Approach2Options, Sweep};
use crate::Interval;

/// What to do with a vertex outside the sizes that were trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outside {
    /// Leave its budget out of the lines.
    Refuse,
    /// Use it all the same, as most published analyses do.
    Accept,
}

/// Where D* comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokensFrom {
    /// The D that the budget's runs have at N*, between neighbours straight in logs. Right also
    /// where C is not 6 N D.
    Interpolation,
    /// The vertex of a second parabola, of loss in ln D.
    Parabola,
}

/// Why a budget says nothing about the optimum.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Reason {
    /// Too few different N for a parabola with something to spare.
    TooFewSizes {
        /// Different N.
        sizes: usize,
        /// How many are needed.
        needed: usize,
    },
    /// The parabola has a maximum, so its vertex is the worst split.
    OpensDown,
    /// The least loss lies at a size that was not trained: the runs stop short of the optimum.
    OutsideRuns {
        /// Vertex over the nearest trained N: below 1 it is smaller than all, above 1 larger.
        factor: f64,
    },
    /// In most resamples one of the above happens.
    Unsteady {
        /// The share of resamples.
        share: f64,
    },
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooFewSizes { sizes, needed } => {
                write!(f, "only {sizes} different N, {needed} are needed")
            }
            Self::OpensDown => f.write_str("opens downwards: no minimum"),
            Self::OutsideRuns { factor } if *factor < 1.0 => {
                write!(f, "vertex {} below the smallest N", times(1.0 / factor))
            }
            Self::OutsideRuns { factor } => {
                write!(f, "vertex {} above the largest N", times(*factor))
            }
            Self::Unsteady { share } => {
                write!(f, "no minimum inside in {:.0} % of resamples", 100.0 * share)
            }
        }
    }
}

fn times(factor: f64) -> String {
    if factor < 100.0 { format!("{factor:.2}x") } else { format!("{factor:.1e}x") }
}

/// Different N of a budget, those that nearly agree taken as one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Size {
    /// N, the geometric mean of its runs.
    pub parameters: Parameters,
    /// D, likewise, moved to the budget's C where the options say so.
    pub tokens: Tokens,
    /// The mean loss of its runs, moved likewise.
    pub loss: f64,
    /// How many rows there are.
    pub rows: usize,
    /// Largest over smallest N of its rows: 1 for repeats of one model.
    pub spread: f64,
}

/// The best split of a budget as its parabola has it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Optimum {
    /// N*, the vertex.
    pub parameters: Parameters,
    /// D*, by the rule of the options.
    pub tokens: Tokens,
    /// The vertex of the parabola in ln D, where that has a minimum.
    pub tokens_at_vertex: Option<Tokens>,
    /// The loss at the vertex, in the unit of the table.
    pub loss: f64,
    /// Standard error of ln N* from the scatter around the parabola, to first order.
    pub ln_parameters_error: Option<f64>,
    /// Interval of N* from the resamples.
    pub parameters_interval: Option<Interval>,
    /// Interval of D*.
    pub tokens_interval: Option<Interval>,
    /// Interval of D*/N*.
    pub ratio_interval: Option<Interval>,
    /// Interval of the loss.
    pub loss_interval: Option<Interval>,
}

impl Optimum {
    /// D* / N*.
    pub fn tokens_per_parameter(&self) -> f64 {
        self.tokens / self.parameters
    }
}

/// One draw of a budget's optimum.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Vertex {
    /// ln N*.
    pub ln_parameters: f64,
    /// ln D*.
    pub ln_tokens: f64,
    /// The loss there.
    pub loss: f64,
}

impl Vertex {
    /// Whether N*, D* and the loss are positive numbers.
    pub(super) fn is_usable(&self) -> bool {
        let all = [self.ln_parameters.exp(), self.ln_tokens.exp(), self.loss];
        all.into_iter().all(|value| value > 0.0 && value.is_normal())
    }
}

/// A budget: its runs, its parabola and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    /// C, the geometric mean of its rows.
    pub compute: Flop,
    /// Largest over smallest C.
    pub spread: f64,
    /// Which rows of the sweep it has.
    pub rows: Vec<usize>,
    /// Its different N, small to large.
    pub sizes: Vec<Size>,
    /// Loss against ln N.
    pub parabola: Option<Parabola>,
    /// The vertex, also where it is not believed; `None` where there is no minimum.
    pub optimum: Option<Optimum>,
    /// Why the budget takes no part in the lines; `None` where it does.
    pub refused: Option<Reason>,
    /// The exponent of C along which losses were moved to the budget's C; 0 where none was.
    pub moved_along: f64,
    /// What it counts for in the lines, the mean over budgets being 1.
    pub weight: f64,
    /// The optimum in every resample, `None` where it was refused; the index is the resample's.
    pub draws: Vec<Option<Vertex>>,
}

impl Profile {
    /// 6 N* D* / C: 1 where C was counted as 6 N D.
    pub fn six_nd_per_compute(&self) -> Option<f64> {
        let optimum = self.optimum?;
        Some(6.0 * optimum.parameters.get() * optimum.tokens.get() / self.compute.get())
    }

    /// How often in the resamples the optimum was refused.
    pub fn share_refused(&self) -> f64 {
        let refused = self.draws.iter().filter(|draw| draw.is_none()).count();
        refused as f64 / self.draws.len().max(1) as f64
    }
}

/// A size in logs.
#[derive(Debug, Clone, Copy)]
struct LnSize {
    n: f64,
    d: f64,
}

/// What is fixed about a budget while losses and weights change.
#[derive(Debug, Clone)]
pub(super) struct Design {
    pub(super) rows: Vec<usize>,
    pub(super) ln_c: f64,
    pub(super) spread: f64,
    pub(super) ln_n: Vec<f64>,
    pub(super) ln_d: Vec<f64>,
    /// Which size each row has.
    size: Vec<usize>,
    sizes: Vec<LnSize>,
    /// Rows by run.
    pub(super) runs: Vec<Vec<usize>>,
}

/// The vertex and the parabolas it comes from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    pub(super) vertex: Vertex,
    pub(super) parabola: Parabola,
    pub(super) ln_tokens_at_vertex: Option<f64>,
}

impl Design {
    /// With `even`, every D is moved to what the run's model would see with the budget's C.
    pub(super) fn new(sweep: &Sweep, mut rows: Vec<usize>, same_size: f64, even: bool) -> Self {
        rows.sort_by(|&a, &b| sweep.ln_n[a].total_cmp(&sweep.ln_n[b]).then(a.cmp(&b)));
        let ln_c = rows.iter().map(|&row| sweep.ln_c[row]);
        let (low, high) =
            ln_c.clone().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), x| (l.min(x), h.max(x)));
        let budget = ln_c.sum::<f64>() / rows.len() as f64;
        let ln_n: Vec<f64> = rows.iter().map(|&row| sweep.ln_n[row]).collect();
        let moved = |row: usize| if even { budget - sweep.ln_c[row] } else { 0.0 };
        let ln_d: Vec<f64> = rows.iter().map(|&row| sweep.ln_d[row] + moved(row)).collect();
        let (mut size, mut sizes) = (Vec::with_capacity(rows.len()), Vec::new());
        let mut start = 0;
        for at in 1..=rows.len() {
            // From the first of the size, so that a dense grid does not become one size.
            if at == rows.len() || ln_n[at] - ln_n[start] > same_size.ln() {
                let mean = |x: &[f64]| x[start..at].iter().sum::<f64>() / (at - start) as f64;
                size.extend(std::iter::repeat_n(sizes.len(), at - start));
                sizes.push(LnSize { n: mean(&ln_n), d: mean(&ln_d) });
                start = at;
            }
        }
        let mut by_run = std::collections::BTreeMap::<usize, Vec<usize>>::new();
        for (at, &row) in rows.iter().enumerate() {
            by_run.entry(sweep.run[row]).or_default().push(at);
        }
        Self {
            ln_c: budget,
            spread: (high - low).exp(),
            ln_n,
            ln_d,
            size,
            sizes,
            runs: by_run.into_values().collect(),
            rows,
        }
    }

    /// ln D of the budget's runs at a model size, straight between neighbouring sizes and along
    /// the end pieces outside them.
    pub(super) fn ln_tokens_at(&self, ln_n: f64) -> f64 {
        let Some(last) = self.sizes.len().checked_sub(2) else {
            return self.sizes[0].d + self.sizes[0].n - ln_n;
        };
        let right = self.sizes.partition_point(|size| size.n < ln_n);
        let left = right.saturating_sub(1).min(last);
        let (a, b) = (self.sizes[left], self.sizes[left + 1]);
        a.d + (b.d - a.d) * (ln_n - a.n) / (b.n - a.n)
    }

    /// The parabola and its vertex, whatever they look like; `None` without three different N.
    pub(super) fn look(&self, weight: &[f64], loss: &[f64], from: TokensFrom) -> Option<Seen> {
        let parabola = Parabola::fit(&self.ln_n, weight, loss)?;
        let ln_parameters = parabola.vertex();
        let in_tokens =
            Parabola::fit(&self.ln_d, weight, loss).filter(|parabola| parabola.curvature > 0.0);
        let ln_tokens_at_vertex = in_tokens.map(|parabola| parabola.vertex());
        let ln_tokens = match (from, ln_tokens_at_vertex) {
            (TokensFrom::Parabola, Some(ln_tokens)) => ln_tokens,
            _ => self.ln_tokens_at(ln_parameters),
        };
        let vertex = Vertex { ln_parameters, ln_tokens, loss: parabola.at(ln_parameters) };
        Some(Seen { vertex, parabola, ln_tokens_at_vertex })
    }

    /// What is wrong with a vertex, if anything.
    pub(super) fn judge(
        &self,
        weight: &[f64],
        seen: Option<&Seen>,
        options: &Approach2Options,
    ) -> Option<Reason> {
        let mut sizes = 0;
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        let mut last = usize::MAX;
        for (at, &size) in self.size.iter().enumerate() {
            if weight[at] > 0.0 {
                sizes += usize::from(size != last);
                last = size;
                low = low.min(self.ln_n[at]);
                high = high.max(self.ln_n[at]);
            }
        }
        let needed = options.sizes.max(3);
        let (Some(seen), true) = (seen, sizes >= needed) else {
            return Some(Reason::TooFewSizes { sizes, needed });
        };
        let down_in_tokens =
            options.tokens == TokensFrom::Parabola && seen.ln_tokens_at_vertex.is_none();
        if seen.parabola.curvature <= 0.0 || down_in_tokens {
            return Some(Reason::OpensDown);
        }
        let at = seen.vertex.ln_parameters;
        let beyond = if at < low { at - low } else { (at - high).max(0.0) };
        if beyond != 0.0 && options.outside == Outside::Refuse {
            return Some(Reason::OutsideRuns {
                factor: beyond.exp().clamp(f64::MIN_POSITIVE, f64::MAX),
            });
        }
        // Far outside, a vertex may not be a number any more.
        (!seen.vertex.is_usable()).then_some(Reason::OutsideRuns {
            factor: beyond.exp().clamp(f64::MIN_POSITIVE, f64::MAX),
        })
    }

    /// The profile without draws.
    pub(super) fn profile(&self, loss: &[f64], options: &Approach2Options) -> Profile {
        let weight = vec![1.0; self.rows.len()];
        let seen = self.look(&weight, loss, options.tokens);
        let refused = self.judge(&weight, seen.as_ref(), options);
        let sizes = self.sizes.iter().enumerate().map(|(index, size)| {
            let rows: Vec<usize> = (0..loss.len()).filter(|&at| self.size[at] == index).collect();
            let width = self.ln_n[rows[rows.len() - 1]] - self.ln_n[rows[0]];
            Size {
                parameters: Parameters(size.n.exp()),
                tokens: Tokens(size.d.exp()),
                loss: rows.iter().map(|&at| loss[at]).sum::<f64>() / rows.len() as f64,
                rows: rows.len(),
                spread: width.exp(),
            }
        });
        let minimum = seen.filter(|seen| seen.parabola.curvature > 0.0);
        let usable = minimum.filter(|seen| seen.vertex.is_usable());
        Profile {
            compute: Flop(self.ln_c.exp()),
            spread: self.spread,
            rows: self.rows.clone(),
            sizes: sizes.collect(),
            parabola: seen.map(|seen| seen.parabola),
            optimum: usable.map(|seen| Optimum {
                parameters: Parameters(seen.vertex.ln_parameters.exp()),
                tokens: Tokens(seen.vertex.ln_tokens.exp()),
                tokens_at_vertex: seen.ln_tokens_at_vertex.map(|ln_d| Tokens(ln_d.exp())),
                loss: seen.vertex.loss,
                ln_parameters_error: seen.parabola.vertex_error,
                parameters_interval: None,
                tokens_interval: None,
                ratio_interval: None,
                loss_interval: None,
            }),
            refused,
            moved_along: 0.0,
            weight: 0.0,
            draws: Vec::new(),
        }
    }

    /// The middle distance between neighbouring sizes, in ln N.
    pub(super) fn step(&self) -> f64 {
        let mut steps: Vec<f64> = self.sizes.windows(2).map(|pair| pair[1].n - pair[0].n).collect();
        steps.sort_by(f64::total_cmp);
        steps.get(steps.len() / 2).copied().unwrap_or(0.0)
    }
}
