//! Which shape the data support, and how much hangs on single points.

use super::{Point, Shape, Trend, TrendError, TrendOptions, logs};

/// Folds of the cross-validation.
const FOLDS: usize = 10;

/// How well a shape describes the points.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quality {
    /// The shape.
    pub shape: Shape,
    /// Akaike's criterion, corrected for few points (Hurvich and Tsai 1989); the scatter counts as
    /// a parameter.
    pub aicc: f64,
    /// Schwarz's criterion.
    pub bic: f64,
    /// The mean square error of points left out, in natural logarithms, over ten interleaved
    /// folds (as many as there are points, where these are fewer).
    pub cross_validation: f64,
}

/// What an earlier snapshot of the data would have said.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Snapshot {
    /// The date up to which the data were known.
    pub until: f64,
    /// How many points there were.
    pub points: usize,
    /// The growth at that date, a log-rate per year.
    pub growth: f64,
    /// By how much the BIC of the shape lay below that of a log-linear trend.
    pub bic_gain: f64,
}

/// What single points do to the growth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fragility {
    /// The lowest growth with one point dropped, a log-rate per year.
    pub lowest: f64,
    /// The highest.
    pub highest: f64,
    /// The date of the point whose loss moves the growth most.
    pub most: f64,
}

impl Trend {
    /// Criteria of every shape that the points allow, the lowest BIC first. Shapes with so many
    /// parameters that the corrected criterion is infinite come last: they pass through noise.
    pub fn compare(points: &[Point]) -> Vec<Quality> {
        let mut found: Vec<Quality> =
            Shape::ALL.into_iter().filter_map(|shape| quality(points, shape).ok()).collect();
        let key = |found: &Quality| (found.aicc.is_infinite(), found.bic);
        found.sort_by(|a, b| {
            let (a, b) = (key(a), key(b));
            a.0.cmp(&b.0).then(a.1.total_cmp(&b.1))
        });
        found
    }

    /// The same shape fitted to what was known earlier: a half, two thirds, five sixths of the points,
    /// and all of them. Snapshots with too few points are left out.
    pub fn snapshots(&self) -> Vec<Snapshot> {
        let options = TrendOptions { shape: self.shape, bootstraps: 0, ..TrendOptions::default() };
        let one = |known: &[Point]| {
            let trend = Self::fit(known, options).ok()?;
            let bic = |shape| quality(known, shape).map(|quality| quality.bic).ok();
            Some(Snapshot {
                until: trend.last_date(),
                points: known.len(),
                growth: trend.growth(),
                bic_gain: bic(Shape::LogLinear)? - bic(self.shape)?,
            })
        };
        let count = self.points.len();
        [count / 2, 2 * count / 3, 5 * count / 6, count]
            .into_iter()
            .filter_map(|known| one(&self.points[..known]))
            .collect()
    }

    /// The growth with each point dropped in turn.
    ///
    /// # Errors
    /// A trend of as few points as its shape needs.
    pub fn fragility(&self) -> Result<Fragility, TrendError> {
        let mut out =
            Fragility { lowest: f64::INFINITY, highest: f64::NEG_INFINITY, most: f64::NAN };
        let mut farthest = -1.0;
        let last = self.last_date();
        let options = TrendOptions { shape: self.shape, bootstraps: 0, ..TrendOptions::default() };
        for dropped in 0..self.points.len() {
            let mut rest = self.points.clone();
            rest.remove(dropped);
            let growth = Self::fit(&rest, options)?.curve.growth(last);
            out.lowest = out.lowest.min(growth);
            out.highest = out.highest.max(growth);
            let moved = (growth - self.growth()).abs();
            if moved > farthest {
                farthest = moved;
                out.most = self.points[dropped].date;
            }
        }
        Ok(out)
    }
}

fn quality(points: &[Point], shape: Shape) -> Result<Quality, TrendError> {
    let options = TrendOptions { shape, bootstraps: 0, ..TrendOptions::default() };
    let whole = Trend::fit(points, options)?;
    let (n, k) = (whole.points.len() as f64, shape.parameters() as f64 + 1.0);
    // Minus twice the greatest log-likelihood of normal residuals.
    let deviance = n * ((std::f64::consts::TAU * whole.residuals / n).ln() + 1.0);
    let correction = if n > k + 1.0 { 2.0 * k * (k + 1.0) / (n - k - 1.0) } else { f64::INFINITY };
    let folds = FOLDS.min(whole.points.len());
    let (mut squares, mut count) = (0.0, 0.0);
    for fold in 0..folds {
        let (out, rest): (Vec<_>, Vec<_>) =
            whole.points.iter().enumerate().partition(|(i, _)| i % folds == fold);
        let rest: Vec<Point> = rest.into_iter().map(|(_, point)| *point).collect();
        let out: Vec<Point> = out.into_iter().map(|(_, point)| *point).collect();
        let trend = Trend::fit(&rest, options)?;
        let (t, y) = logs(&out);
        for (t, y) in t.iter().zip(&y) {
            squares += (trend.log_level(*t) - y).powi(2);
            count += 1.0;
        }
    }
    Ok(Quality {
        shape,
        aicc: deviance + 2.0 * k + correction,
        bic: deviance + k * n.ln(),
        cross_validation: squares / count,
    })
}
