//! What the prompt can complete besides the names defined there.

/// Functions, distributions and words of the language.
pub(super) const LANGUAGE: [&str; 48] = [
    "abs",
    "and",
    "argmax",
    "argmin",
    "at",
    "before",
    "bernoulli",
    "beta",
    "ceil",
    "clip",
    "data",
    "doubles in",
    "exp",
    "expm1",
    "false",
    "first",
    "floor",
    "halves in",
    "if",
    "in",
    "ln",
    "log",
    "log10",
    "log1p",
    "log2",
    "lognormal",
    "loguniform",
    "max",
    "mean",
    "median",
    "min",
    "mix",
    "never",
    "normal",
    "not",
    "or",
    "pert",
    "poisson",
    "prob",
    "q",
    "round",
    "sqrt",
    "student",
    "tanh",
    "triangular",
    "true",
    "uniform",
    "zero",
];

/// Units most often written, with the prefixes they are written with.
pub(super) const UNITS: [&str; 52] = [
    "B", "EFLOP", "EUR", "FLOP", "GB", "GB/s", "GFLOP", "GPU", "GW", "GWh", "GiB", "Gbit/s", "J",
    "K", "MB", "MW", "MWh", "Mbit/s", "Mtoken", "OP", "PB", "PFLOP", "TB", "TFLOP", "TFLOP/s",
    "TW", "TWh", "USD", "USD/MWh", "USD/h", "W", "bit", "bn", "byte", "chip", "day", "h", "hour",
    "km", "kW", "kWh", "min", "mo", "month", "nat", "param", "s", "tn", "token", "week", "year",
    "yr",
];

/// Commands of the prompt itself.
pub(super) const COMMANDS: [&str; 3] = [":help", ":names", ":quit"];

#[cfg(test)]
mod tests {
    use formula::Program;

    use super::*;

    #[test]
    fn every_word_offered_is_one_of_the_language() {
        for unit in UNITS {
            assert!(Program::parse("", &format!("1 {unit}")).is_ok(), "{unit}");
        }
        for word in LANGUAGE {
            // A name of the language cannot be called as one's own, or is an operator.
            let shown = Program::parse("", &format!("x = {word}(1, 2, 3)"))
                .and_then(|program| program.check(&formula::Environment::new()).map(|_| ()))
                .map_or_else(|problem| problem.to_string(), |()| String::new());
            assert!(!shown.contains("unknown function"), "{word}: {shown}");
        }
    }
}
