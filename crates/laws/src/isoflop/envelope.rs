//! Approach 1: the lowest loss that any run had reached at each amount of compute.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use runs::{Flop, Parameters, Tokens};
use serde::{Deserialize, Serialize};

use super::frontier::{Frontier, Lines};
use super::profile::{Outside, Vertex};
use super::{Refusal, Sweep, Warning, check, check_draws};

/// How the envelope is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Envelope {
    /// The least loss at evenly spaced C: training curves are read between their rows, straight
    /// in logs; runs with one row count at the nearest place.
    Bins {
        /// Places in a factor of ten of C.
        per_decade: usize,
    },
    /// The corners of the lower convex hull of ln loss against ln C. A law E + K / C^gamma is
    /// convex in logs, so its hull leaves out only what noise put above.
    Hull,
}

/// Whether rows are ends of runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Schedule {
    /// Every row is what a run that ends there reaches: its learning rate has decayed, or it
    /// stays constant by design.
    Finished,
    /// Rows are taken on the way of a schedule that decays later.
    Intermediate,
    /// Not known.
    Unknown,
}

/// How to take an envelope.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Approach1Options {
    /// Which envelope.
    pub envelope: Envelope,
    /// What the rows are.
    pub schedule: Schedule,
    /// What to do with points where the best model is the smallest or largest of its place.
    pub outside: Outside,
    /// How many resamples of whole runs; 0 for no intervals.
    pub resamples: usize,
    /// The level of the intervals.
    pub level: f64,
    /// The seed of the resamples.
    pub seed: u64,
}

impl Default for Approach1Options {
    /// Eight places in a decade, ends of the sizes refused, 1000 resamples, 90 %.
    fn default() -> Self {
        Self {
            envelope: Envelope::Bins { per_decade: 8 },
            schedule: Schedule::Unknown,
            outside: Outside::Refuse,
            resamples: 1000,
            level: 0.9,
            seed: 0,
        }
    }
}

/// A point of the envelope.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct EnvelopePoint {
    /// C.
    pub compute: Flop,
    /// N of the best run.
    pub parameters: Parameters,
    /// D that it had seen.
    pub tokens: Tokens,
    /// Its loss.
    pub loss: f64,
    /// The run, as numbered in the rows.
    pub run: usize,
    /// Whether no smaller or no larger model was there to compare with.
    pub at_edge: bool,
}

/// The result of Approach 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Approach1 {
    /// How it was made.
    pub options: Approach1Options,
    /// Rows read.
    pub rows: usize,
    /// Different runs.
    pub runs: usize,
    /// The envelope, by C.
    pub points: Vec<EnvelopePoint>,
    /// Lines through the points that are believed; `None` with fewer than two. Their draws leave
    /// out runs, and a minimum over fewer runs is higher: take the intervals as rough.
    pub frontier: Option<Frontier>,
    /// Reasons to look twice.
    pub warnings: Vec<Warning>,
}

/// A run's state at a place, in logs.
#[derive(Debug, Clone, Copy)]
struct State {
    c: f64,
    n: f64,
    d: f64,
    loss: f64,
    run: usize,
}

/// States to compare, place by place.
struct Places {
    first: f64,
    step: f64,
    states: Vec<Vec<State>>,
    /// All rows by C.
    rows: Vec<State>,
}

/// The envelope of training curves or finished runs (Hoffmann et al. 2022, arXiv:2203.15556,
/// section 3.1).
///
/// # Errors
/// Options that cannot be used.
pub fn approach1(sweep: &Sweep, options: &Approach1Options) -> Result<Approach1, Refusal> {
    if let Envelope::Bins { per_decade } = options.envelope {
        let good = (1..=1000).contains(&per_decade);
        check("the places in a decade", per_decade as f64, "it is 1 to 1000", good)?;
    }
    check_draws(options.resamples, options.level)?;
    let places = Places::new(sweep, options.envelope);
    let points = places.envelope(&vec![true; sweep.runs], options.envelope);
    let trusted = |points: &[(State, bool)]| -> Vec<(f64, f64, Vertex)> {
        let trusted = points.iter().filter(|(_, edge)| !edge || options.outside == Outside::Accept);
        trusted
            .map(|(state, _)| {
                let vertex =
                    Vertex { ln_parameters: state.n, ln_tokens: state.d, loss: state.loss.exp() };
                (state.c, 1.0, vertex)
            })
            .collect()
    };
    let used = trusted(&points);
    let draws = (0..options.resamples)
        .into_par_iter()
        .map_init(
            || vec![false; sweep.runs],
            |present, index| {
                let mut random = ChaCha8Rng::seed_from_u64(options.seed);
                random.set_stream(index as u64);
                // A minimum does not care how often a run is there.
                present.fill(false);
                for _ in 0..sweep.runs {
                    present[random.random_range(0..sweep.runs)] = true;
                }
                Lines::through(&trusted(&places.envelope(present, options.envelope)))
            },
        )
        .collect();
    let frontier = Frontier::new(&used, draws, options.level);
    let warnings = doubts(sweep, &points, &used, frontier.as_ref(), options);
    let mut names = vec![0; sweep.runs];
    for (row, &run) in sweep.rows.iter().zip(&sweep.run) {
        names[run] = row.run;
    }
    let points = points
        .into_iter()
        .map(|(state, at_edge)| EnvelopePoint {
            compute: Flop(state.c.exp()),
            parameters: Parameters(state.n.exp()),
            tokens: Tokens(state.d.exp()),
            loss: state.loss.exp(),
            run: names[state.run],
            at_edge,
        })
        .collect();
    let (rows, runs) = (sweep.rows.len(), sweep.runs);
    Ok(Approach1 { options: options.clone(), rows, runs, points, frontier, warnings })
}

impl Places {
    fn new(sweep: &Sweep, envelope: Envelope) -> Self {
        let per_decade = match envelope {
            Envelope::Bins { per_decade } => per_decade,
            Envelope::Hull => 8,
        };
        let mut rows: Vec<State> = (0..sweep.rows.len())
            .map(|row| State {
                c: sweep.ln_c[row],
                n: sweep.ln_n[row],
                d: sweep.ln_d[row],
                loss: sweep.loss[row].ln(),
                run: sweep.run[row],
            })
            .collect();
        rows.sort_by(|a, b| a.c.total_cmp(&b.c));
        let first = rows.first().map_or(0.0, |state| state.c);
        let last = rows.last().map_or(0.0, |state| state.c);
        let step = 10.0_f64.ln() / per_decade as f64;
        let count = ((last - first) / step).round() as usize + 1;
        let mut places = Self { first, step, states: vec![Vec::new(); count], rows };
        let mut curves: Vec<Vec<State>> = vec![Vec::new(); sweep.runs];
        for &state in &places.rows {
            curves[state.run].push(state);
        }
        for curve in &curves {
            places.add(curve);
        }
        places
    }

    fn nearest(&self, c: f64) -> usize {
        (((c - self.first) / self.step).round().max(0.0) as usize).min(self.states.len() - 1)
    }

    /// A run's best row of each place, and where the run passes the middle of a place, what it
    /// was there.
    fn add(&mut self, curve: &[State]) {
        let passes = |middle: f64| {
            let right = curve.partition_point(|state| state.c < middle);
            let (a, b) = (curve.get(right.checked_sub(1)?)?, curve.get(right)?);
            let part = (middle - a.c) / (b.c - a.c);
            let mix = |a: f64, b: f64| a + part * (b - a);
            let (n, d, loss) = (mix(a.n, b.n), mix(a.d, b.d), mix(a.loss, b.loss));
            Some(State { c: middle, n, d, loss, run: a.run })
        };
        let (Some(first), Some(last)) = (curve.first(), curve.last()) else { return };
        for place in self.nearest(first.c)..=self.nearest(last.c) {
            let here = passes(self.first + place as f64 * self.step).or_else(|| {
                let inside = curve.iter().filter(|state| self.nearest(state.c) == place);
                inside.min_by(|a, b| a.loss.total_cmp(&b.loss)).copied()
            });
            self.states[place].extend(here);
        }
    }

    /// The states on the envelope, and whether each is at the edge of the sizes of its place.
    fn envelope(&self, present: &[bool], envelope: Envelope) -> Vec<(State, bool)> {
        let states: Vec<State> = match envelope {
            Envelope::Bins { .. } => {
                let mut least = f64::INFINITY;
                let best = self.states.iter().filter_map(|states| {
                    let there = states.iter().filter(|state| present[state.run]);
                    there.min_by(|a, b| a.loss.total_cmp(&b.loss))
                });
                // More compute that does no better is off the envelope.
                best.filter(|state| {
                    let lower = state.loss < least;
                    least = least.min(state.loss);
                    lower
                })
                .copied()
                .collect()
            }
            Envelope::Hull => hull(self.rows.iter().filter(|state| present[state.run])),
        };
        states.into_iter().map(|state| (state, self.is_at_edge(&state, present))).collect()
    }

    fn is_at_edge(&self, state: &State, present: &[bool]) -> bool {
        let there = self.states[self.nearest(state.c)].iter().filter(|s| present[s.run]);
        let (mut smaller, mut larger) = (false, false);
        for other in there {
            smaller |= other.n < state.n - 1e-9;
            larger |= other.n > state.n + 1e-9;
        }
        !(smaller && larger)
    }
}

/// The falling part of the lower convex hull of points ordered by C.
fn hull<'a>(states: impl Iterator<Item = &'a State>) -> Vec<State> {
    let mut corners: Vec<State> = Vec::new();
    for state in states {
        if corners.last().is_some_and(|last| last.c == state.c && last.loss <= state.loss) {
            continue;
        }
        while let [.., a, b] = corners.as_slice() {
            let turn = (b.c - a.c) * (state.loss - a.loss) - (b.loss - a.loss) * (state.c - a.c);
            if turn > 0.0 && b.c < state.c {
                break;
            }
            corners.pop();
        }
        if corners.last().is_some_and(|last| last.c == state.c) {
            corners.pop();
        }
        corners.push(*state);
    }
    let falling = corners.windows(2).take_while(|pair| pair[1].loss < pair[0].loss).count();
    corners.truncate(falling + 1);
    corners
}

fn doubts(
    sweep: &Sweep,
    points: &[(State, bool)],
    used: &[(f64, f64, Vertex)],
    frontier: Option<&Frontier>,
    options: &Approach1Options,
) -> Vec<Warning> {
    let mut warnings = Vec::new();
    match options.schedule {
        Schedule::Intermediate => warnings.push(Warning::Intermediate),
        Schedule::Unknown if sweep.runs < sweep.rows.len() => {
            warnings.push(Warning::UnknownSchedule);
        }
        Schedule::Unknown | Schedule::Finished => {}
    }
    let at_edge = points.iter().filter(|(_, edge)| *edge).count();
    if at_edge > 0 {
        warnings.push(Warning::EnvelopeAtEdge { points: at_edge, of: points.len() });
    }
    let mut models: Vec<f64> = used.iter().map(|(_, _, vertex)| vertex.ln_parameters).collect();
    models.sort_by(f64::total_cmp);
    models.dedup_by(|a, b| *a - *b < 1e-9);
    if models.len() < 4 {
        warnings.push(Warning::FewModels { models: models.len() });
    }
    let (low, high) = sweep.compute_per_6nd();
    if low < 0.98 || high > 1.02 {
        warnings.push(Warning::NotSixNd { low, high });
    }
    if let Some(frontier) = frontier
        && 20 * frontier.failed > options.resamples
    {
        let (failed, of) = (frontier.failed, options.resamples);
        warnings.push(Warning::FailedResamples { failed, of });
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isoflop::Row;
    use proptest::prelude::*;

    fn state(c: f64, loss: f64) -> State {
        State { c, n: 0.0, d: 0.0, loss, run: 0 }
    }

    fn row(n: f64, c: f64, loss: f64, run: usize) -> Row {
        let tokens = Tokens(c / 6.0 / n);
        Row { parameters: Parameters(n), tokens, compute: Flop(c), loss, run }
    }

    #[test]
    fn points_without_a_larger_or_a_smaller_model_beside_them_are_at_the_edge() {
        let rows = [
            row(1e7, 1e18, 3.2, 0),
            row(3e7, 1e18, 3.0, 1),
            row(9e7, 1e18, 3.1, 2),
            row(3e7, 1e19, 2.8, 3),
            row(9e7, 1e19, 2.6, 4),
            // Ten times the compute for a higher loss.
            row(9e7, 1e20, 2.7, 5),
        ];
        let sweep = Sweep::new(rows).unwrap();
        let answer = approach1(&sweep, &Approach1Options::default()).unwrap();
        let seen: Vec<(usize, bool)> = answer.points.iter().map(|p| (p.run, p.at_edge)).collect();
        assert_eq!(seen, [(1, false), (4, true)]);
        assert_eq!(answer.frontier, None);
        assert!(answer.warnings.contains(&Warning::EnvelopeAtEdge { points: 1, of: 2 }));
    }

    #[test]
    fn a_curve_is_read_between_its_rows() {
        // ln loss falls by 0.1 for every factor of 100; the middle of the decade lies between.
        let rows = [row(1e7, 1e18, 3.0, 0), row(1e7, 1e20, 3.0 * (-0.1_f64).exp(), 0)];
        let options = Approach1Options {
            envelope: Envelope::Bins { per_decade: 1 },
            ..Approach1Options::default()
        };
        let answer = approach1(&Sweep::new(rows).unwrap(), &options).unwrap();
        assert_eq!(answer.points.len(), 3);
        let middle = answer.points[1];
        assert!((middle.compute.get() / 1e19 - 1.0).abs() < 1e-9);
        assert!((middle.loss / 3.0 - (-0.05_f64).exp()).abs() < 1e-9);
        assert!((middle.tokens.get() / (1e12 / 6.0) - 1.0).abs() < 1e-9);
        assert!(answer.warnings.contains(&Warning::UnknownSchedule));
    }

    proptest! {
        #[test]
        fn no_row_lies_below_the_hull_and_the_hull_is_convex_and_falls(
            mut rows in prop::collection::vec((0..20_i32, 0..20_i32), 1..40)
        ) {
            rows.sort_unstable();
            let rows: Vec<State> =
                rows.iter().map(|&(c, loss)| state(f64::from(c), f64::from(loss))).collect();
            let corners = hull(rows.iter());
            let slopes: Vec<f64> = corners
                .windows(2)
                .map(|pair| (pair[1].loss - pair[0].loss) / (pair[1].c - pair[0].c))
                .collect();
            prop_assert!(slopes.iter().all(|slope| *slope < 0.0), "{:?}", corners);
            prop_assert!(slopes.windows(2).all(|pair| pair[0] < pair[1]), "{:?}", corners);
            for row in &rows {
                for (pair, slope) in corners.windows(2).zip(&slopes) {
                    let height = pair[0].loss + slope * (row.c - pair[0].c);
                    prop_assert!(row.loss >= height - 1e-9, "{:?} {:?}", row, corners);
                }
                prop_assert!(row.loss >= corners[corners.len() - 1].loss);
            }
        }
    }
}
