//! The built-in units, as data. Why this table is our own: `docs/decisions/2026-11-21-units-table.md`.
//!
//! Definitions: SI Brochure, 9th edition (2019); prefixes of IEC 80000-13 for binary multiples;
//! the year is the Julian year of 365.25 d (8766 h) and the month a twelfth of it.

/// Which prefixes a unit takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Prefixes {
    /// Only the bare names.
    None,
    /// `k M G ...` before the first name.
    Si,
    /// `k M G ...` and `Ki Mi Gi ...` before the first name.
    SiAndBinary,
}

/// One unit: its names (the first is printed), prefixes, size in base units, and dimension.
pub(crate) struct Row {
    pub(crate) names: &'static [&'static str],
    pub(crate) prefixes: Prefixes,
    pub(crate) factor: f64,
    /// Base units with exponents; a base unit has itself.
    pub(crate) dimension: &'static [(&'static str, i8)],
}

const fn row(
    names: &'static [&'static str],
    prefixes: Prefixes,
    factor: f64,
    dimension: &'static [(&'static str, i8)],
) -> Row {
    Row { names, prefixes, factor, dimension }
}

use Prefixes::{None, Si, SiAndBinary};

/// Seconds in a Julian year.
pub(crate) const YEAR: f64 = 31_557_600.0;

/// Currencies: each also has a form with a price year, such as `USD_2025`, which is its own unit.
pub(crate) const CURRENCIES: [&str; 6] = ["USD", "EUR", "GBP", "CNY", "JPY", "INR"];

/// Every built-in unit.
pub(crate) const UNITS: &[Row] = &[
    row(&["s", "second", "seconds", "sec"], Si, 1.0, &[("s", 1)]),
    row(&["min", "minute", "minutes"], None, 60.0, &[("s", 1)]),
    row(&["h", "hour", "hours", "hr"], None, 3600.0, &[("s", 1)]),
    row(&["d", "day", "days"], None, 86_400.0, &[("s", 1)]),
    row(&["week", "weeks", "wk"], None, 604_800.0, &[("s", 1)]),
    row(&["mo", "month", "months"], None, YEAR / 12.0, &[("s", 1)]),
    row(&["yr", "year", "years"], None, YEAR, &[("s", 1)]),
    row(&["Hz"], Si, 1.0, &[("s", -1)]),
    row(&["m", "meter", "metre", "meters", "metres"], Si, 1.0, &[("m", 1)]),
    row(&["cm"], None, 0.01, &[("m", 1)]),
    row(&["km2"], None, 1e6, &[("m", 2)]),
    row(&["mile", "miles"], None, 1609.344, &[("m", 1)]),
    row(&["g", "gram", "grams"], Si, 1e-3, &[("kg", 1)]),
    row(&["tonne", "tonnes"], None, 1e3, &[("kg", 1)]),
    row(&["K", "kelvin"], None, 1.0, &[("K", 1)]),
    row(&["J", "joule", "joules"], Si, 1.0, &[("kg", 1), ("m", 2), ("s", -2)]),
    row(&["W", "watt", "watts"], Si, 1.0, &[("kg", 1), ("m", 2), ("s", -3)]),
    row(&["Wh"], Si, 3600.0, &[("kg", 1), ("m", 2), ("s", -2)]),
    row(&["bit", "bits"], SiAndBinary, 1.0, &[("bit", 1)]),
    row(&["B", "byte", "bytes"], SiAndBinary, 8.0, &[("bit", 1)]),
    row(&["nat", "nats"], None, std::f64::consts::LOG2_E, &[("bit", 1)]),
    row(&["FLOP", "FLOPs", "flop"], Si, 1.0, &[("FLOP", 1)]),
    row(&["OP", "OPs"], Si, 1.0, &[("OP", 1)]),
    row(&["token", "tokens", "tok"], Si, 1.0, &[("token", 1)]),
    row(&["param", "params", "parameter", "parameters"], Si, 1.0, &[("param", 1)]),
    row(&["GPU", "GPUs", "chip", "chips"], None, 1.0, &[("GPU", 1)]),
    row(&["%", "percent"], None, 0.01, &[]),
    row(&["pp"], None, 0.01, &[]),
    row(&["ppm"], None, 1e-6, &[]),
];

/// SI prefixes, largest first.
pub(crate) const SI: &[(&str, f64)] = &[
    ("Q", 1e30),
    ("R", 1e27),
    ("Y", 1e24),
    ("Z", 1e21),
    ("E", 1e18),
    ("P", 1e15),
    ("T", 1e12),
    ("G", 1e9),
    ("M", 1e6),
    ("k", 1e3),
    ("m", 1e-3),
    ("u", 1e-6),
    ("µ", 1e-6),
    ("n", 1e-9),
    ("p", 1e-12),
    ("f", 1e-15),
];

/// Binary prefixes.
pub(crate) const BINARY: &[(&str, f64)] = &[
    ("Ki", 1024.0),
    ("Mi", 1_048_576.0),
    ("Gi", 1_073_741_824.0),
    ("Ti", 1_099_511_627_776.0),
    ("Pi", 1_125_899_906_842_624.0),
    ("Ei", 1_152_921_504_606_846_976.0),
];

/// Words and letters that scale a number: `38 bn USD`, `12k`, `15 M token`.
pub(crate) const SCALES: &[(&str, f64)] = &[
    ("k", 1e3),
    ("thousand", 1e3),
    ("M", 1e6),
    ("million", 1e6),
    ("bn", 1e9),
    ("billion", 1e9),
    ("tn", 1e12),
    ("trillion", 1e12),
];

/// What some dimensions are called, by a unit of theirs.
pub(crate) const NAMED: &[(&str, &[(&str, i8)])] = &[
    ("time", &[("s", 1)]),
    ("rate", &[("s", -1)]),
    ("length", &[("m", 1)]),
    ("mass", &[("kg", 1)]),
    ("temperature", &[("K", 1)]),
    ("energy", &[("kg", 1), ("m", 2), ("s", -2)]),
    ("power", &[("kg", 1), ("m", 2), ("s", -3)]),
    ("information", &[("bit", 1)]),
    ("bandwidth", &[("bit", 1), ("s", -1)]),
    ("compute", &[("FLOP", 1)]),
    ("compute rate", &[("FLOP", 1), ("s", -1)]),
    ("tokens", &[("token", 1)]),
    ("parameters", &[("param", 1)]),
    ("money", &[("USD", 1)]),
];
