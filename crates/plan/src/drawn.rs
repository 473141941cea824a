//! A number under the best values of everything uncertain and under every draw of them.

use laws::Interval;
use machines::{FlopPerSecond, Joules, Usd, Watts};
use runs::{Flop, Parameters, Seconds, Tokens};

/// A quantity that is one number in a fixed unit.
pub trait Quantity: Copy {
    /// The bare number, in the unit of the type.
    fn number(self) -> f64;
    /// The quantity of a bare number in that unit.
    fn of(number: f64) -> Self;
}

macro_rules! quantities {
    ($($name:ty),*) => {$(
        impl Quantity for $name {
            fn number(self) -> f64 {
                self.0
            }
            fn of(number: f64) -> Self {
                Self(number)
            }
        }
    )*};
}

quantities!(Flop, FlopPerSecond, Parameters, Tokens, Seconds, Usd, Joules, Watts);

/// Ratios, losses and shares.
impl Quantity for f64 {
    fn number(self) -> f64 {
        self
    }
    fn of(number: f64) -> Self {
        number
    }
}

/// A quantity under the best values, and under every draw. The same index in two of them is the
/// same draw, so that sums and ratios of them stay valid. A draw is NaN where the quantity does
/// not exist there: a law whose best split lies at either end has no optimum.
#[derive(Debug, Clone, PartialEq)]
pub struct Drawn<Q> {
    /// Under the best values.
    pub best: Q,
    /// Under each draw; empty where nothing is uncertain.
    pub draws: Vec<Q>,
}

/// Relative differences that come from computing alone.
const ROUNDING: f64 = 1e-9;

impl<Q: Quantity> Drawn<Q> {
    /// One that is certain, said of `draws` draws.
    pub fn certain(value: Q, draws: usize) -> Self {
        Self { best: value, draws: vec![value; draws] }
    }

    /// From rows: the best first, then the draws. An empty column is NaN.
    pub fn from_rows(rows: &[f64]) -> Self {
        let (best, draws) = rows.split_first().map_or((f64::NAN, rows), |(b, draws)| (*b, draws));
        Self { best: Q::of(best), draws: draws.iter().map(|&draw| Q::of(draw)).collect() }
    }

    /// As rows: the best first, then the draws.
    pub fn rows(&self) -> Vec<f64> {
        std::iter::once(self.best).chain(self.draws.iter().copied()).map(Q::number).collect()
    }

    /// Another quantity of this one.
    #[must_use]
    pub fn map<R: Quantity>(&self, of: impl Fn(f64) -> f64) -> Drawn<R> {
        Drawn {
            best: R::of(of(self.best.number())),
            draws: self.draws.iter().map(|draw| R::of(of(draw.number()))).collect(),
        }
    }

    /// Another quantity of this one and `other`, draw by draw. Where one has no draws its best is
    /// taken for each of the other's.
    #[must_use]
    pub fn with<S: Quantity, R: Quantity>(
        &self,
        other: &Drawn<S>,
        of: impl Fn(f64, f64) -> f64,
    ) -> Drawn<R> {
        let count = self.draws.len().max(other.draws.len());
        let draws = (0..count).map(|i| {
            let mine = self.draws.get(i).unwrap_or(&self.best).number();
            let theirs = other.draws.get(i).unwrap_or(&other.best).number();
            R::of(of(mine, theirs))
        });
        Drawn { best: R::of(of(self.best.number(), other.best.number())), draws: draws.collect() }
    }

    /// Draws for which it does not exist.
    pub fn missing(&self) -> usize {
        self.draws.iter().filter(|draw| draw.number().is_nan()).count()
    }

    /// The central interval at `level` of the draws for which it exists; `None` without any, and
    /// where all are equal but for rounding (nothing is uncertain then).
    pub fn interval(&self, level: f64) -> Option<Interval> {
        let there: Vec<f64> =
            self.draws.iter().map(|draw| draw.number()).filter(|draw| !draw.is_nan()).collect();
        let first = *there.first()?;
        let same = |draw: &f64| *draw == first || (draw - first).abs() <= ROUNDING * first.abs();
        if there.iter().all(same) {
            return None;
        }
        Interval::of(there, level)
    }

    /// The mean over the draws for which it exists, or the best without draws.
    pub fn mean(&self) -> f64 {
        let there = self.draws.iter().map(|draw| draw.number()).filter(|draw| !draw.is_nan());
        let (sum, count) = there.fold((0.0, 0.0), |(sum, count), x| (sum + x, count + 1.0));
        if count == 0.0 { self.best.number() } else { sum / count }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_that_do_not_exist_are_counted_and_left_out() {
        let n = Drawn::<Parameters>::from_rows(&[2.0, 1.0, f64::NAN, 3.0]);
        assert_eq!((n.best, n.missing(), n.mean()), (Parameters(2.0), 1, 2.0));
        let interval = n.interval(0.9).unwrap();
        assert!(interval.low >= 1.0 && interval.high <= 3.0);
    }

    #[test]
    fn what_is_certain_has_no_interval() {
        assert_eq!(Drawn::certain(Flop(1e21), 100).interval(0.9), None);
        assert_eq!(Drawn::certain(Flop(1e21), 0).interval(0.9), None);
    }

    #[test]
    fn quantities_meet_draw_by_draw() {
        let d = Drawn::<Tokens>::from_rows(&[20.0, 10.0, 30.0]);
        let n = Drawn::certain(Parameters(2.0), 0);
        let ratio: Drawn<f64> = d.with(&n, |d, n| d / n);
        assert_eq!(ratio.rows(), [10.0, 5.0, 15.0]);
        assert_eq!(d.map::<Flop>(|d| 6.0 * d).best, Flop(120.0));
    }
}
