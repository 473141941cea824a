//! Finding the reasons to look twice at a fit.

use runs::{Finding, Observations, Parameters, Tokens};

use crate::bootstrap::is_at_bound;
use crate::fit::{Bootstrap, FEW};
use crate::objective::{A, ALPHA, B, BETA, Columns, E};
use crate::search::{EXPONENTS, Search};
use crate::{Fit, Side, Warning};

/// Every reason to look twice at `fit`.
pub(crate) fn warnings(
    fit: &Fit,
    columns: &Columns,
    found: &Search,
    observations: &Observations,
) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let largest = |values: &mut dyn Iterator<Item = f64>| values.fold(0.0, f64::max);
    for (name, largest, smallest_plausible) in [
        ("N", largest(&mut observations.parameters().map(Parameters::get)), 5e3),
        ("D", largest(&mut observations.tokens().map(Tokens::get)), 1e4),
    ] {
        if largest < smallest_plausible {
            warnings.push(Warning::UnlikelyUnits { of: name.to_owned(), largest });
        }
    }
    if fit.data.settings < FEW {
        warnings.push(Warning::FewRuns { settings: fit.data.settings });
    }
    let mut identified = true;
    for (name, values) in [("N", &columns.u), ("D", &columns.v)] {
        let levels = levels(values);
        if levels < 3 {
            identified = false;
            warnings.push(Warning::TooFewLevels { of: name.to_owned(), levels });
        }
    }
    let correlation = correlation(&columns.u, &columns.v);
    if correlation.abs() > 0.995 {
        identified = false;
        warnings.push(Warning::Collinear { correlation });
    }
    let point = &found.best.point;
    for (index, name, coefficient) in [(ALPHA, "alpha", A), (BETA, "beta", B)] {
        if point[coefficient] <= 0.0 {
            continue; // said below, and the exponent of nothing says nothing
        }
        if point[index] <= EXPONENTS.0 || point[index] >= EXPONENTS.1 {
            let parameter = name.to_owned();
            warnings.push(Warning::ExponentAtBound { parameter, value: point[index] });
        } else if let Some(interval) = fit.interval(name).filter(|_| identified)
            && interval.high > 4.0 * interval.low
        {
            warnings.push(Warning::WeaklyIdentified {
                parameter: name.to_owned(),
                low: interval.low,
                high: interval.high,
                level: interval.level,
            });
        }
    }
    if point[E] <= 0.0 {
        warnings.push(Warning::NoIrreducibleLoss);
    }
    for (index, name) in [(A, "A"), (B, "B")] {
        if point[index] <= 0.0 {
            warnings.push(Warning::NoTerm { parameter: name.to_owned() });
        }
    }
    if identified && fit.certificate.improvement_left > 1e-9 && !is_at_bound(point) {
        let improvement_left = fit.certificate.improvement_left;
        warnings.push(Warning::NotCertified { improvement_left });
    }
    let Bootstrap { requested, failed, at_bound, .. } = fit.bootstrap;
    if 20 * (failed + at_bound) > requested {
        warnings.push(Warning::UnsteadyBootstrap { draws: requested, failed, at_bound });
    }
    if fit.explained < 0.8 {
        warnings.push(Warning::PoorFit { explained: fit.explained });
    }
    if let Some(cut) = fit.backtest.as_ref().and_then(|backtest| backtest.one_sided()) {
        let off = 100.0 * cut.predicted_too_high();
        let side = if off > 0.0 { Side::TooHigh } else { Side::TooLow };
        let of = cut.held_out;
        warnings.push(Warning::ExtrapolationBias { percent: off.abs(), side, of });
    }
    for finding in observations.findings() {
        if let Finding::DuplicateRows { pairs } = finding {
            warnings.push(Warning::RepeatedRows { lines: pairs.clone() });
        }
    }
    warnings
}

/// How many values differ by more than a tenth of a per cent (they are logarithms).
fn levels(values: &[f64]) -> usize {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let mut count = 0;
    let mut last = f64::NEG_INFINITY;
    for value in sorted {
        if value - last > 1e-3 {
            count += 1;
            last = value;
        }
    }
    count
}

/// Of two columns with mean zero.
fn correlation(u: &[f64], v: &[f64]) -> f64 {
    let sum = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f64>();
    let scale = (sum(u, u) * sum(v, v)).sqrt();
    if scale > 0.0 { sum(u, v) / scale } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_a_tenth_of_a_per_cent_apart_are_one_level() {
        assert_eq!(levels(&[0.0, 0.0005, 1.0, -1.0, 1.0]), 3);
        assert_eq!(levels(&[]), 0);
    }

    #[test]
    fn a_column_that_does_not_vary_correlates_with_nothing() {
        assert!(correlation(&[0.0, 0.0], &[1.0, -1.0]).abs() < 1e-300);
        assert!((correlation(&[1.0, -1.0], &[2.0, -2.0]) - 1.0).abs() < 1e-12);
    }
}
