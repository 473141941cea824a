//! Quantities of a swarm as people say them.

use laws::Interval;
use plan::{Drawn, Quantity};

use crate::commands::fit::words::{range, rounded};

/// A unit with its size in base units.
type Step = (f64, &'static str);

/// Seconds.
pub(super) const TIME: &[Step] =
    &[(1.0, "s"), (60.0, "min"), (3600.0, "hours"), (86_400.0, "days"), (31_557_600.0, "years")];
/// Dollars.
pub(super) const MONEY: &[Step] =
    &[(1.0, "USD"), (1e3, "k USD"), (1e6, "M USD"), (1e9, "bn USD"), (1e12, "tn USD")];
/// Joules.
pub(super) const ENERGY: &[Step] =
    &[(3600.0, "Wh"), (3.6e6, "kWh"), (3.6e9, "MWh"), (3.6e12, "GWh"), (3.6e15, "TWh")];
/// Bits a second.
pub(super) const BITS: &[Step] =
    &[(1.0, "bit/s"), (1e3, "kbit/s"), (1e6, "Mbit/s"), (1e9, "Gbit/s"), (1e12, "Tbit/s")];
/// Counts.
pub(super) const COUNT: &[Step] = &[(1.0, ""), (1e3, "k"), (1e6, "M"), (1e9, "B"), (1e12, "T")];

fn step(value: f64, steps: &'static [Step]) -> Step {
    // 38 days rather than 0.1 years.
    let least = if steps == TIME { 2.0 } else { 1.0 };
    let fits = steps.iter().rev().find(|(size, _)| value.abs() >= least * size);
    fits.or(steps.first()).copied().unwrap_or((1.0, ""))
}

/// `38 days`, three significant digits.
pub(super) fn amount(value: f64, steps: &'static [Step]) -> String {
    let (size, unit) = step(value, steps);
    format!("{} {unit}", three(value / size)).trim_end().to_owned()
}

/// Three significant digits.
pub(super) fn three(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return format!("{value}");
    }
    match value.abs() {
        size if !(1e-3..1e6).contains(&size) => format!("{value:.2e}"),
        size if size >= 99.95 => format!("{value:.0}"),
        size if size >= 9.995 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// `38 days (29 to 51)`.
pub(super) fn drawn<Q: Quantity>(
    quantity: &Drawn<Q>,
    level: f64,
    steps: &'static [Step],
) -> String {
    let best = quantity.best.number();
    let Some(ends) = quantity.interval(level) else { return amount(best, steps) };
    let (size, unit) = step(best, steps);
    let ends = Interval { low: ends.low / size, high: ends.high / size, ..ends };
    format!("{} {unit} ({})", rounded(best / size, Some(ends)), range(Some(ends)))
}

/// `164 (110 to 230)`.
pub(super) fn ratio(quantity: &Drawn<f64>, level: f64) -> String {
    let interval = quantity.interval(level);
    match interval {
        Some(_) => format!("{} ({})", rounded(quantity.best, interval), range(interval)),
        None => three(quantity.best),
    }
}

/// `12 %`.
pub(super) fn percent(share: f64) -> String {
    let percent = 100.0 * share;
    if percent.abs() < 9.95 { format!("{percent:.1} %") } else { format!("{percent:.0} %") }
}
