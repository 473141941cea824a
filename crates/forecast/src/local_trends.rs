//! The average of local trends: the forecast of a series that nobody has to choose a shape for.
//!
//! ```text
//!  observation = level + noise
//!  level       goes on by the slope, and wanders
//!  slope       wanders, and may fade
//! ```
//!
//! How much each of them wanders, against the noise, spans everything from a straight line in
//! logarithms (nothing wanders) over a line with a bend (the slope does) to a random walk with drift
//! (the level does). Each member of a fixed grid of such models is filtered through the series
//! (Kalman 1960; Harvey 1989, chapter 3), and counts by how well it foretold each observation from
//! those before it (Dawid 1984). The scale of all is unknown and integrated out, so that each member
//! forecasts with Student's t. So draws hold the noise, what wanders, the uncertainty of level and
//! slope, and that of the model; they widen with the horizon as the past says they should.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::data::Point;
use crate::normal::{normal, uniform};

/// Share of the level's wandering, per mean step, in all that moves an observation.
const LEVEL: [f64; 6] = [0.0, 0.01, 0.1, 0.4, 0.8, 0.99];

/// How much the slope wanders in a mean step, against what moves an observation.
const SLOPE: [f64; 6] = [0.0, 1e-4, 1e-3, 1e-2, 0.1, 1.0];

/// In how many spans of the data the slope fades by a factor e, and how far that is believed before
/// any observation: growth that lasted is expected to last.
const FADE: [(f64, f64); 3] = [(f64::INFINITY, 0.8), (1.0, 0.1), (0.25, 0.1)];

/// Variance of level and slope before the first observation, against the scale: as good as unknown.
const UNKNOWN: f64 = 1e6;

/// Observations by which members are not yet judged: level and slope take two.
const UNJUDGED: usize = 3;

/// The scale is believed to be about this, in natural logarithms, with the weight of so many
/// observations: what fits perfectly so far will not do so for ever.
const SCALE: f64 = 0.05;
const BELIEF: f64 = 1.0;

/// A local trend, as far as it has been filtered.
#[derive(Debug, Clone, Copy)]
struct Member {
    /// Variances over the scale: of the noise, of the level a year, of the slope a year.
    noise: f64,
    level: f64,
    slope: f64,
    /// In how many years the slope fades by a factor e.
    fade: f64,
    /// Level and slope, and their covariance over the scale.
    state: [f64; 2],
    cov: [[f64; 2]; 2],
    /// Squares of foretelling errors over their variances, and how many.
    squares: f64,
    count: f64,
    /// The logarithm of how well it has foretold.
    merit: f64,
}

/// What goes on in a stretch of time: how slope becomes level, what is left of the slope, and the
/// covariance of what wanders.
struct Stretch {
    gain: f64,
    left: f64,
    cov: [[f64; 2]; 2],
}

impl Member {
    fn stretch(&self, time: f64) -> Stretch {
        let share = time / self.fade;
        let w = self.slope;
        if share < 1e-4 {
            let (square, cube) = (time * time / 2.0, time * time * time / 3.0);
            let cov = [[self.level * time + w * cube, w * square], [w * square, w * time]];
            return Stretch { gain: time, left: 1.0, cov };
        }
        let left = (-share).exp();
        let (gone, both) = (1.0 - left, 1.0 - left * left);
        let fade = self.fade;
        let cross = w * fade * fade / 2.0 * gone * gone;
        let level = w * fade * fade * (time - 2.0 * fade * gone + fade / 2.0 * both);
        let cov = [[self.level * time + level, cross], [cross, w * fade / 2.0 * both]];
        Stretch { gain: fade * gone, left, cov }
    }

    fn go_on(&mut self, time: f64) {
        if time <= 0.0 {
            return;
        }
        let Stretch { gain, left, cov } = self.stretch(time);
        self.state = [self.state[0] + gain * self.state[1], left * self.state[1]];
        let [[a, b], [_, d]] = self.cov;
        let cross = left * (b + gain * d) + cov[0][1];
        self.cov = [
            [a + 2.0 * gain * b + gain * gain * d + cov[0][0], cross],
            [cross, left * left * d + cov[1][1]],
        ];
    }

    fn see(&mut self, value: f64, judged: bool) {
        let spread = self.cov[0][0] + self.noise;
        let error = value - self.state[0];
        if judged {
            let freedom = BELIEF + self.count;
            let scale = (BELIEF * SCALE * SCALE + self.squares) / freedom;
            let z = error * error / (spread * scale);
            // Student's t without what all members share.
            self.merit -=
                0.5 * (spread * scale).ln() + 0.5 * (freedom + 1.0) * (z / freedom).ln_1p();
        }
        // The first two observations only place level and slope.
        if spread < UNKNOWN / 1e3 {
            self.squares += error * error / spread;
            self.count += 1.0;
        }
        let gain = [self.cov[0][0] / spread, self.cov[0][1] / spread];
        self.state = [self.state[0] + gain[0] * error, self.state[1] + gain[1] * error];
        let row = self.cov[0];
        for (i, gain) in gain.into_iter().enumerate() {
            for (j, value) in row.into_iter().enumerate() {
                self.cov[i][j] -= gain * value;
            }
        }
        self.cov[1][0] = self.cov[0][1];
    }
}

/// Draws of the natural logarithm of the observation at each of `dates`, `count` a date; row `i` of
/// all dates is one path. `None` where fewer than two dates are known. The points must be in the
/// order of their dates, with values above zero.
///
/// ```
/// use forecast::{Point, local_trends};
///
/// let points: Vec<Point> = (0..12)
///     .map(|i| Point { date: 2010.0 + f64::from(i), value: f64::from(i).exp(), range: None })
///     .collect();
/// let found = local_trends(&points, &[2023.0], 1000, 1).unwrap();
/// let mean = found[0].iter().sum::<f64>() / 1000.0;
/// assert!((mean - 13.0).abs() < 0.2, "{mean}");
/// ```
pub fn predict(known: &[Point], dates: &[f64], count: usize, seed: u64) -> Option<Vec<Vec<f64>>> {
    let members = filtered(known)?;
    let last = known.last()?.date;
    let best = members.iter().map(|member| member.merit).fold(f64::NEG_INFINITY, f64::max);
    let weights: Vec<f64> = members.iter().map(|member| (member.merit - best).exp()).collect();
    let total: f64 = weights.iter().sum();
    let mut order: Vec<usize> = (0..dates.len()).collect();
    order.sort_by(|a, b| dates[*a].total_cmp(&dates[*b]));
    let mut paths = vec![vec![0.0; count]; dates.len()];
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let (mut at, mut below) = (0, weights[0]);
    #[expect(clippy::needless_range_loop, reason = "a row goes through all paths")]
    for row in 0..count {
        // Each member has its share of the rows.
        let place = (row as f64 + 0.5) / count as f64 * total;
        while place > below && at + 1 < members.len() {
            at += 1;
            below += weights[at];
        }
        let member = &members[at];
        let freedom = BELIEF + member.count;
        let scale = (BELIEF * SCALE * SCALE + member.squares) / chi_square(freedom, &mut rng);
        let sd = scale.sqrt();
        let mut state = member.state;
        shake(&mut state, &member.cov, sd, &mut rng);
        let mut now = last;
        for &number in &order {
            let time = dates[number] - now;
            if time > 0.0 {
                let stretch = member.stretch(time);
                state = [state[0] + stretch.gain * state[1], stretch.left * state[1]];
                shake(&mut state, &stretch.cov, sd, &mut rng);
                now = dates[number];
            }
            paths[number][row] = state[0] + sd * member.noise.sqrt() * normal(&mut rng);
        }
    }
    Some(paths)
}

/// Every member, filtered through the series.
fn filtered(known: &[Point]) -> Option<Vec<Member>> {
    let (first, last) = (known.first()?, known.last()?);
    let span = last.date - first.date;
    let steps = known.windows(2).filter(|pair| pair[0].date < pair[1].date).count();
    if steps == 0 {
        return None;
    }
    let step = span / steps as f64;
    let mut members = Vec::new();
    for (fade, belief) in FADE {
        for slope in SLOPE {
            for level in LEVEL {
                members.push(Member {
                    noise: 1.0 - level,
                    level: level / step,
                    slope: slope / step.powi(3),
                    fade: fade * span,
                    state: [first.value.ln(), 0.0],
                    cov: [[UNKNOWN, 0.0], [0.0, UNKNOWN / (span * span)]],
                    squares: 0.0,
                    count: 0.0,
                    merit: belief.ln(),
                });
            }
        }
    }
    for member in &mut members {
        let mut now = first.date;
        for (number, point) in known.iter().enumerate() {
            member.go_on(point.date - now);
            member.see(point.value.ln(), number >= UNJUDGED);
            now = point.date;
        }
    }
    Some(members)
}

/// Adds a draw with the covariance times the square of `sd`.
fn shake(state: &mut [f64; 2], cov: &[[f64; 2]; 2], sd: f64, rng: &mut ChaCha8Rng) {
    let (a, b) = (normal(rng), normal(rng));
    let first = cov[0][0].max(0.0).sqrt();
    let cross = if first > 0.0 { cov[0][1] / first } else { 0.0 };
    let second = (cov[1][1] - cross * cross).max(0.0).sqrt();
    state[0] += sd * first * a;
    state[1] += sd * (cross * a + second * b);
}

/// A draw of the chi-square distribution (Marsaglia and Tsang 2000).
fn chi_square(freedom: f64, rng: &mut ChaCha8Rng) -> f64 {
    let shape = freedom / 2.0;
    if shape < 1.0 {
        let lift = uniform(rng).powf(1.0 / shape);
        return lift * chi_square(freedom + 2.0, rng);
    }
    let d = shape - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        let x = normal(rng);
        let v = (1.0 + c * x).powi(3);
        if v > 0.0 && uniform(rng).ln() < x * x / 2.0 + d - d * v + d * v.ln() {
            return 2.0 * d * v;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spread(points: &[Point], date: f64) -> (f64, f64) {
        let found = predict(points, &[date], 4000, 1).unwrap().remove(0);
        let ends = draws::select::quantiles(&found, &[0.05, 0.5, 0.95]);
        (ends[1], ends[2] - ends[0])
    }

    fn points(f: impl Fn(f64) -> f64) -> Vec<Point> {
        (0..40)
            .map(|i| Point {
                date: 2000.0 + f64::from(i) / 2.0,
                value: f(f64::from(i)).exp(),
                range: None,
            })
            .collect()
    }

    #[test]
    fn fans_widen_with_the_horizon_and_follow_a_bend() {
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        let noise: Vec<f64> = (0..40).map(|_| 0.1 * normal(&mut rng)).collect();
        let bent = points(|i| 0.1 * i.min(20.0) + 0.5 * (i - 20.0).max(0.0) + noise[i as usize]);
        let (soon, narrow) = spread(&bent, 2020.0);
        let (late, wide) = spread(&bent, 2025.0);
        assert!(wide > 1.5 * narrow, "{wide} {narrow}");
        // Growth after the bend is one a year.
        assert!((late - soon - 5.0).abs() < 0.7, "{late} {soon}");
    }

    #[test]
    fn points_that_allow_no_forecast_have_none() {
        let point = |date, value| Point { date, value, range: None };
        assert!(predict(&[], &[2030.0], 10, 0).is_none());
        assert!(predict(&[point(2020.0, 1.0), point(2020.0, 2.0)], &[2030.0], 10, 0).is_none());
        let two = predict(&[point(2020.0, 1.0), point(2021.0, 2.0)], &[2030.0], 10, 0).unwrap();
        assert!(two[0].iter().all(|value| value.is_finite()));
    }
}
