//! What a law may leave out: a bend that no parameter of it can follow.

use super::knowledge::Made;

/// Terms of a bend.
pub(crate) const TERMS: usize = 3;

/// A bend of the law over sizes and tokens: x^2, y^2 and x y of x = log10(N / N0) and
/// y = log10(D / D0), added on the residual scale, each with a normal coefficient around 0.
///
/// A design that is best for a law is as good as the law. It crowds its runs on few settings,
/// where nothing shows whether the law holds. `DuMouchel` and Jones (1994, Technometrics 36:37)
/// give terms that a model leaves out a prior of their own, the *potential* terms; runs then have
/// to tell those apart from the parameters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bend {
    /// log10 of the size and the tokens in the middle.
    middle: (f64, f64),
    /// Standard deviation of each coefficient, on the residual scale per squared decade.
    pub(crate) scale: f64,
}

impl Bend {
    /// Around the middle of the runs made, or of these `ends` of sizes and tokens without any.
    pub(crate) fn new(scale: f64, made: &Made, ends: [(f64, f64); 2]) -> Self {
        let middle = |name: &str, ends: (f64, f64)| {
            let column = made.column(name);
            if column.is_empty() {
                return 0.5 * (ends.0.log10() + ends.1.log10());
            }
            column.iter().map(|x| x.log10()).sum::<f64>() / column.len() as f64
        };
        Self { middle: (middle("N", ends[0]), middle("D", ends[1])), scale }
    }

    pub(crate) fn terms(&self, n: f64, d: f64) -> [f64; TERMS] {
        let (x, y) = (n.log10() - self.middle.0, d.log10() - self.middle.1);
        [x * x, y * y, x * y]
    }

    /// The slopes of the terms by ln N where N D is fixed.
    pub(crate) fn slopes_along_budget(&self, n: f64, d: f64) -> [f64; TERMS] {
        let (x, y) = (n.log10() - self.middle.0, d.log10() - self.middle.1);
        [2.0 * x, -2.0 * y, y - x].map(|slope| slope / std::f64::consts::LN_10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slopes_along_a_budget_are_those_of_the_terms() {
        let bend = Bend::new(0.01, &Made::default(), [(1e6, 1e8), (1e8, 1e10)]);
        assert_eq!(bend.terms(1e7, 1e9), [0.0; 3]);
        let (n, d, h): (f64, f64, f64) = (3e7, 4e8, 1e-5);
        let (up, down) =
            (bend.terms(n * h.exp(), d / h.exp()), bend.terms(n / h.exp(), d * h.exp()));
        for (k, slope) in bend.slopes_along_budget(n, d).into_iter().enumerate() {
            assert!((slope - (up[k] - down[k]) / (2.0 * h)).abs() < 1e-6, "{k}");
        }
    }
}
