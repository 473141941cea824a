//! Least squares of a parabola, and the place of its vertex with its error.

use serde::{Deserialize, Serialize};

/// y = level + slope z + curvature z^2 with z = x - centre.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Parabola {
    /// The mean of x.
    pub centre: f64,
    /// Height at the centre.
    pub level: f64,
    /// Slope at the centre.
    pub slope: f64,
    /// Half the second derivative; positive where the vertex is a minimum.
    pub curvature: f64,
    /// Standard error of the curvature from the residuals; `None` without spare points.
    pub curvature_error: Option<f64>,
    /// Standard error of the vertex from the residuals, to first order.
    pub vertex_error: Option<f64>,
}

impl Parabola {
    /// Where the derivative is zero.
    pub fn vertex(&self) -> f64 {
        self.centre - self.slope / (2.0 * self.curvature)
    }

    /// Height at `x`.
    pub fn at(&self, x: f64) -> f64 {
        let z = x - self.centre;
        self.level + z * (self.slope + z * self.curvature)
    }

    /// Weighted least squares through points (x, y); a weight is how often a point counts.
    ///
    /// `None` where fewer than three different x have weight.
    pub(super) fn fit(x: &[f64], weight: &[f64], y: &[f64]) -> Option<Self> {
        Basis::new(x, weight)?.fit(x, weight, y)
    }
}

/// Polynomials of degree 0, 1, 2 that are orthogonal on the points: exact where the normal
/// equations in powers of x lose half their digits.
pub(super) struct Basis {
    centre: f64,
    b0: f64,
    b1: f64,
    squares: [f64; 3],
}

impl Basis {
    pub(super) fn new(x: &[f64], weight: &[f64]) -> Option<Self> {
        let points = || x.iter().zip(weight).map(|(&x, &w)| (x, w));
        let count: f64 = weight.iter().sum();
        let centre = points().map(|(x, w)| w * x).sum::<f64>() / count;
        let second: f64 = points().map(|(x, w)| w * (x - centre).powi(2)).sum();
        let third: f64 = points().map(|(x, w)| w * (x - centre).powi(3)).sum();
        let (b0, b1) = (second / count, third / second);
        let mut basis = Self { centre, b0, b1, squares: [count, second, 0.0] };
        basis.squares[2] = points().map(|(x, w)| w * basis.terms(x)[2].powi(2)).sum();
        let fixed = second > 1e-18 * count * centre.abs().max(1.0).powi(2)
            && basis.squares[2] > 1e-12 * second * b0;
        fixed.then_some(basis)
    }

    fn terms(&self, x: f64) -> [f64; 3] {
        let z = x - self.centre;
        [1.0, z, z * (z - self.b1) - self.b0]
    }

    /// How much a point at `x` pulls the curve at `x`: the diagonal of the hat matrix.
    pub(super) fn leverage(&self, x: f64) -> f64 {
        self.terms(x).iter().zip(&self.squares).map(|(term, square)| term * term / square).sum()
    }

    pub(super) fn fit(&self, x: &[f64], weight: &[f64], y: &[f64]) -> Option<Parabola> {
        let mut c = [0.0; 3];
        for ((&x, &w), &y) in x.iter().zip(weight).zip(y) {
            for (c, term) in c.iter_mut().zip(self.terms(x)) {
                *c += w * y * term;
            }
        }
        for (c, square) in c.iter_mut().zip(self.squares) {
            *c /= square;
        }
        let [c0, c1, c2] = c;
        let spare = self.squares[0] - 3.0;
        let variance = (spare > 0.5).then(|| {
            let left = x.iter().zip(weight).zip(y).map(|((&x, &w), &y)| {
                let [p0, p1, p2] = self.terms(x);
                w * (y - c0 * p0 - c1 * p1 - c2 * p2).powi(2)
            });
            left.sum::<f64>() / spare
        });
        let variance = variance.filter(|variance| variance.is_finite());
        let parabola = Parabola {
            centre: self.centre,
            level: c0 - c2 * self.b0,
            slope: c1 - c2 * self.b1,
            curvature: c2,
            curvature_error: variance.map(|v| (v / self.squares[2]).sqrt()),
            // The vertex is (b1 - c1/c2) / 2 from the centre, c1 and c2 are uncorrelated.
            vertex_error: variance.map(|v| {
                let (v1, v2) = (v / self.squares[1], v / self.squares[2]);
                0.5 * (v1 + (c1 / c2).powi(2) * v2).sqrt() / c2.abs()
            }),
        };
        let finite = |error: &f64| error.is_finite();
        let parabola = Parabola {
            curvature_error: parabola.curvature_error.filter(finite),
            vertex_error: parabola.vertex_error.filter(finite),
            ..parabola
        };
        let finite = [parabola.vertex(), parabola.level, parabola.slope, parabola.curvature];
        finite.into_iter().all(f64::is_finite).then_some(parabola)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn three_points_fix_a_parabola_and_two_do_not() {
        let x = [20.0, 21.0, 23.0];
        let y = x.map(|x: f64| 2.0 + 0.1 * (x - 21.7_f64).powi(2));
        let parabola = Parabola::fit(&x, &[1.0; 3], &y).unwrap();
        assert!((parabola.vertex() - 21.7).abs() < 1e-12);
        assert!((parabola.at(21.7) - 2.0).abs() < 1e-12);
        assert_eq!(parabola.vertex_error, None);
        assert_eq!(Parabola::fit(&x, &[1.0, 1.0, 0.0], &y), None);
        assert_eq!(Parabola::fit(&[20.0; 5], &[1.0; 5], &[3.0; 5]), None);
        assert_eq!(Parabola::fit(&[], &[], &[]), None);
    }

    #[test]
    fn a_weight_is_a_repeated_point() {
        let (x, y) = ([1.0, 2.0, 3.0, 5.0, 5.0], [4.0, 2.5, 2.2, 3.1, 3.3]);
        let repeated = Parabola::fit(&x, &[1.0; 5], &y).unwrap();
        let weighted =
            Parabola::fit(&x[..4], &[1.0, 1.0, 1.0, 2.0], &[4.0, 2.5, 2.2, 3.2]).unwrap();
        assert!((repeated.vertex() - weighted.vertex()).abs() < 1e-12);
    }

    #[test]
    fn the_error_of_the_vertex_is_the_scatter_of_vertices() {
        use rand::SeedableRng;
        use rand_distr::{Distribution, StandardNormal};
        let x: Vec<f64> = (0..11).map(|i| 18.0 + 0.2 * f64::from(i)).collect();
        let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(3);
        let (mut vertices, mut variances) = (Vec::new(), 0.0);
        for _ in 0..2000 {
            let y: Vec<f64> = x
                .iter()
                .map(|x| {
                    let noise: f64 = StandardNormal.sample(&mut random);
                    2.0 + 0.2 * (x - 19.3_f64).powi(2) + 0.005 * noise
                })
                .collect();
            let parabola = Parabola::fit(&x, &[1.0; 11], &y).unwrap();
            vertices.push(parabola.vertex());
            variances += parabola.vertex_error.unwrap().powi(2) / 2000.0;
        }
        let mean = vertices.iter().sum::<f64>() / 2000.0;
        let scatter = vertices.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 1999.0;
        assert!((variances / scatter - 1.0).abs() < 0.15, "{variances} {scatter}");
    }

    proptest! {
        #[test]
        fn exact_parabolas_come_back_and_nothing_panics(
            vertex in -5.0..60.0_f64, curvature in -2.0..2.0_f64,
            x in prop::collection::vec(-50.0..60.0_f64, 0..20),
        ) {
            let y: Vec<f64> = x.iter().map(|x| 1.0 + curvature * (x - vertex).powi(2)).collect();
            let found = Parabola::fit(&x, &vec![1.0; x.len()], &y);
            let mut apart = x.clone();
            apart.sort_by(f64::total_cmp);
            apart.dedup_by(|a, b| (*a - *b).abs() < 0.5);
            if apart.len() >= 4 && curvature.abs() > 0.1 {
                let off = (found.unwrap().vertex() - vertex).abs();
                prop_assert!(off < 1e-6, "{off}");
            }
        }
    }
}
