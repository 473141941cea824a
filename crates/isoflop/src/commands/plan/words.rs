//! What a plan says of quantities that are drawn: `72 B (55 to 96 B)`, `$1.2 M ($0.9 M to 1.6 M)`.

use laws::Interval;
use plan::{Drawn, Quantity};

use crate::commands::amounts::{MONEY, Step, three_digits, with_ends};
use crate::commands::fit::words::{range, rounded};

/// `72 B (55 to 96 B)`.
pub(super) fn drawn<Q: Quantity>(
    quantity: &Drawn<Q>,
    level: f64,
    steps: &'static [Step],
) -> String {
    with_ends(quantity.best.number(), quantity.interval(level), steps)
}

/// `$1.2 M ($0.9 M to 1.6 M)`.
pub(super) fn money<Q: Quantity>(quantity: &Drawn<Q>, level: f64) -> String {
    let said = drawn(quantity, level, MONEY);
    format!("${}", said.replace('(', "($"))
}

/// `18.4 (12 to 26)`: a plain number.
pub(super) fn number(quantity: &Drawn<f64>, level: f64) -> String {
    let interval = quantity.interval(level);
    match interval {
        Some(_) => format!("{} ({})", rounded(quantity.best, interval), range(interval)),
        None => rounded(quantity.best, None),
    }
}

/// Losses of one column, to digits that tell them apart: differences between runs under one law
/// are surer than the level of any of them.
pub(super) fn losses(values: &[f64]) -> Vec<String> {
    let mut sorted: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
    sorted.sort_by(f64::total_cmp);
    let gap = sorted.windows(2).map(|pair| pair[1] - pair[0]).filter(|gap| *gap > 0.0);
    let digits = gap.fold(f64::INFINITY, f64::min).log10().floor();
    let size = sorted.last().map_or(0.0, |most| most.abs().max(1e-300).log10().floor());
    let decimals = (1.0 - digits).clamp(2.0, 4.0).min((4.0 - size).max(0.0)) as usize;
    let of = |value: &f64| {
        if value.abs() < 1e6 { format!("{value:.decimals$}") } else { three_digits(*value) }
    };
    values.iter().map(of).collect()
}

/// `1.00e24 FLOP (0.8e24 to 1.2e24)`.
pub(super) fn flop<Q: Quantity>(quantity: &Drawn<Q>, level: f64) -> String {
    let short = |value: f64| format!("{value:.2e}");
    match quantity.interval(level) {
        Some(Interval { low, high, .. }) => {
            format!("{} FLOP ({} to {})", short(quantity.best.number()), short(low), short(high))
        }
        None => format!("{} FLOP", short(quantity.best.number())),
    }
}

/// `0.4 %`, with a digit below ten.
pub(super) fn share(value: f64) -> String {
    let percent = 100.0 * value;
    match percent {
        p if p.abs() < 0.005 => "0 %".to_owned(),
        p if p.abs() < 0.95 => format!("{p:.2} %"),
        p if p.abs() < 9.95 => format!("{p:.1} %"),
        p => format!("{p:.0} %"),
    }
}

/// The mean of a share with its interval: `1.3 % (0 to 4.8 %)`.
pub(super) fn mean_share(quantity: &Drawn<f64>, level: f64) -> String {
    let said = share(quantity.mean());
    match quantity.interval(level) {
        Some(Interval { low, high, .. }) => {
            format!("{said} ({} to {})", share(low).trim_end_matches(" %"), share(high))
        }
        None => said,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_and_shares_have_the_digits_that_tell_them_apart() {
        assert_eq!(losses(&[0.550_12, 0.552_91, 0.547_6]), ["0.5501", "0.5529", "0.5476"]);
        assert_eq!(losses(&[1.978, 1.9602, 1.9434]), ["1.978", "1.960", "1.943"]);
        assert_eq!(losses(&[1443.2]), ["1443.2"]);
        assert_eq!(losses(&[f64::NAN, 2.0]), ["NaN", "2.00"]);
        assert_eq!(share(0.17), "17 %");
        assert_eq!(share(0.004), "0.40 %");
    }
}
