//! The functions of the language, by name.

/// Names of functions, with how many arguments they take.
pub(crate) const FUNCTIONS: &[(&str, std::ops::RangeInclusive<usize>)] = &[
    ("if", 3..=3),
    ("min", 1..=64),
    ("max", 1..=64),
    ("ln", 1..=1),
    ("log", 1..=1),
    ("log10", 1..=1),
    ("log2", 1..=1),
    ("log1p", 1..=1),
    ("exp", 1..=1),
    ("expm1", 1..=1),
    ("sqrt", 1..=1),
    ("abs", 1..=1),
    ("floor", 1..=1),
    ("ceil", 1..=1),
    ("round", 1..=1),
    ("tanh", 1..=1),
    ("before", 1..=1),
    ("at", 2..=2),
    ("first", 1..=1),
    ("argmax", 1..=1),
    ("argmin", 1..=1),
    ("mean", 1..=1),
    ("prob", 1..=1),
    ("median", 1..=1),
    ("q", 2..=3),
];

/// Families of distributions. Their mathematics is the caller's: see [`crate::Recipe`].
pub(crate) const FAMILIES: &[&str] = &[
    "normal",
    "lognormal",
    "uniform",
    "loguniform",
    "beta",
    "triangular",
    "tri",
    "pert",
    "student",
    "poisson",
    "bernoulli",
    "mix",
    "zero",
    "clip",
    "data",
    "fit",
    "q",
];

pub(crate) fn is_family(name: &str) -> bool {
    FAMILIES.contains(&name)
}

pub(crate) fn is_known(name: &str) -> bool {
    is_family(name) || FUNCTIONS.iter().any(|(known, _)| *known == name)
}

/// Functions a law may have on its left side: `log(loss) = ...`.
pub(crate) fn is_link(name: &str) -> bool {
    matches!(name, "ln" | "log" | "log10" | "log2" | "sqrt")
}
