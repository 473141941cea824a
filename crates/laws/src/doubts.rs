//! Finding the reasons to look twice at a fit.

use runs::{Finding, Observations};

use crate::fit::Bootstrap;
use crate::problem::Problem;
use crate::search::Search;
use crate::{Fit, Side, Warning};

/// Above this condition number of the Hessian, scaled to unit curvatures, a direction counts as
/// flat: the rows would have to be right to five digits to tell it.
const FLAT: f64 = 1e10;

/// Another minimum this close above the best is worth a word: a hundredth.
const CLOSE: f64 = 0.01;

/// Every reason to look twice at `fit`.
pub(crate) fn warnings(
    fit: &Fit,
    problem: &Problem<'_>,
    found: &Search,
    observations: &Observations,
) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let parameters = problem.size();
    if fit.data.settings < 2 * parameters {
        warnings.push(Warning::FewRuns { settings: fit.data.settings, parameters });
    }
    let mut identified = variables(problem, &mut warnings);
    let point = &found.best.point;
    for (estimate, (coordinate, &x)) in
        fit.estimates.iter().zip(problem.coordinates.iter().zip(point))
    {
        let name = estimate.name.clone();
        if x <= coordinate.low || x >= coordinate.high {
            if estimate.value == 0.0 {
                let meaning = fit.law.parameters[coordinate.parameter].meaning.clone();
                warnings.push(Warning::Zero { parameter: name, meaning });
            } else {
                let (low, high) = fit.law.parameters[coordinate.parameter].bounds;
                let value = if x <= coordinate.low { low } else { high };
                warnings.push(Warning::AtBound { parameter: name, value });
            }
            continue;
        }
        // The exponent of a term that is zero says nothing; nor does one that is said above.
        let idle = fit.certificate.weakest_direction.iter().all(|(known, _)| *known != name);
        if coordinate.linear || idle || !identified {
            continue;
        }
        if let Some(interval) = fit.interval(&name)
            && (interval.low <= 0.0 && interval.high >= 0.0
                || interval.low.abs().max(interval.high.abs())
                    > 4.0 * interval.low.abs().min(interval.high.abs()))
        {
            warnings.push(Warning::WeaklyIdentified {
                parameter: name,
                low: interval.low,
                high: interval.high,
                level: interval.level,
            });
        }
    }
    let condition = fit.certificate.condition();
    if condition > FLAT && identified {
        identified = false;
        let shares = fit.certificate.weakest_direction.iter();
        let parameters =
            shares.filter(|(_, share)| share.abs() > 0.2).map(|(name, _)| name.clone()).collect();
        warnings.push(Warning::FlatDirection { parameters, condition });
    }
    if let Some(above) = fit.certificate.second_minimum.filter(|&above| above < CLOSE) {
        warnings.push(Warning::SecondMinimum { above });
    }
    if identified && fit.certificate.improvement_left > 1e-9 && fit.certificate.at_bound.is_empty()
    {
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
    // What is small for a count of parameters, tokens or FLOP may be plenty of another unit.
    let counted = |finding: &&Finding| match finding {
        Finding::SmallUnit { name, .. } => {
            fit.law.variables.iter().find(|variable| variable.name == *name).is_none_or(
                |variable| ["", "param", "token", "FLOP"].contains(&variable.unit.as_str()),
            )
        }
        _ => true,
    };
    let findings = observations.findings().iter().filter(counted);
    warnings.extend(findings.map(|finding| Warning::Rows { finding: finding.clone() }));
    warnings
}

/// Doubts about the design: whether the law's variables vary enough, and apart.
fn variables(problem: &Problem<'_>, warnings: &mut Vec<Warning>) -> bool {
    let mut identified = true;
    let used = problem.model.value.inputs();
    let columns: Vec<(&String, Vec<f64>)> = problem
        .rows
        .variables
        .iter()
        .filter(|(name, _)| used.iter().any(|input| input.name == *name))
        .map(|(name, column)| {
            let positive = column.iter().all(|&x| x > 0.0);
            (name, column.iter().map(|&x| if positive { x.ln() } else { x }).collect())
        })
        .collect();
    for (name, column) in &columns {
        let levels = levels(column);
        if levels < 3 {
            identified = false;
            warnings.push(Warning::TooFewLevels { of: (*name).clone(), levels });
        }
    }
    for (i, (first, a)) in columns.iter().enumerate() {
        for (second, b) in &columns[i + 1..] {
            let correlation = correlation(a, b);
            if correlation.abs() > 0.995 {
                identified = false;
                let of = ((*first).clone(), (*second).clone());
                warnings.push(Warning::Collinear { of, correlation });
            }
        }
    }
    identified
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

fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let centred = |x: &[f64]| {
        let mean = x.iter().sum::<f64>() / x.len().max(1) as f64;
        x.iter().map(|x| x - mean).collect::<Vec<f64>>()
    };
    let (a, b) = (centred(a), centred(b));
    let sum = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f64>();
    let scale = (sum(&a, &a) * sum(&b, &b)).sqrt();
    if scale > 0.0 { sum(&a, &b) / scale } else { 0.0 }
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
        assert!(correlation(&[3.0, 3.0], &[1.0, -1.0]).abs() < 1e-300);
        assert!((correlation(&[11.0, 9.0], &[2.0, -2.0]) - 1.0).abs() < 1e-12);
    }
}
