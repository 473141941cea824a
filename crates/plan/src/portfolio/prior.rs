//! What ideas are worth before any is tried.

use diagnostic::Diagnostic;
use draws::uncertain::uncertain_inputs;
use formula::{Environment, Program};

/// Equally likely values of an idea's effect.
#[derive(Debug, Clone, PartialEq)]
pub struct Prior {
    /// As written.
    pub text: String,
    values: Vec<f64>,
    mean: f64,
    variance: f64,
}

/// How many equally likely values stand for a distribution: its tails end at one in 131,072.
const VALUES: usize = 1 << 16;

impl Prior {
    /// A distribution as the language writes it: `normal(0, 0.1)`, `student(3, -0.05, 0.1)`,
    /// `zero(80%, lognormal(-2, 1))`. It is cut into 65,536 equally likely values, so that tails
    /// of any weight have a mean.
    ///
    /// # Errors
    /// Text that is not one distribution of plain numbers.
    pub fn parse(origin: &str, text: &str) -> Result<Self, Diagnostic> {
        let program = Program::parse(origin, text)?;
        let checked = program.check(&Environment::new())?;
        let inputs = uncertain_inputs(&checked).map_err(|misfit| misfit.problem)?;
        let [input] = &inputs[..] else {
            return Err(Diagnostic::error(format!(
                "`{origin} \"{text}\"` is not one distribution"
            ))
            .help("write for example \"normal(0, 0.1)\" or \"student(3, -0.05, 0.1)\""));
        };
        let alone = program.names().count() == 1 && input.value.description() == "a plain number";
        if !alone || checked.inputs().first().is_none_or(|found| found.name != "result") {
            return Err(Diagnostic::error(format!(
                "`{origin} \"{text}\"` is more than a distribution of plain numbers"
            ))
            .help("write for example \"normal(0, 0.1)\""));
        }
        let values: Vec<f64> =
            (0..VALUES).map(|i| input.dist.quantile((i as f64 + 0.5) / VALUES as f64)).collect();
        if values.iter().any(|value| !value.is_finite()) {
            return Err(Diagnostic::error(format!("`{origin} \"{text}\"` is not finite")));
        }
        let mean = values.iter().sum::<f64>() / VALUES as f64;
        let variance =
            values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / VALUES as f64;
        Ok(Self { text: text.to_owned(), values, mean, variance })
    }

    /// The mean.
    pub fn mean(&self) -> f64 {
        self.mean
    }

    /// The standard deviation.
    pub fn spread(&self) -> f64 {
        self.variance.sqrt()
    }

    /// A value for 16 random bits.
    pub(super) fn value(&self, bits: u32) -> f64 {
        self.values[(bits >> 16) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_those_of_the_distribution() {
        let normal = Prior::parse("--prior", "normal(0.1, 0.2)").unwrap();
        assert!((normal.mean() - 0.1).abs() < 1e-9 && (normal.spread() - 0.2).abs() < 1e-4);
        let skewed = Prior::parse("--prior", "lognormal(-2, 0.5)").unwrap();
        assert!((skewed.mean() - (-2.0 + 0.125_f64).exp()).abs() < 1e-4);
        assert!(Prior::parse("--prior", "student(1.5, 0, 0.1)").unwrap().spread() > 0.3);
        for text in ["0.3", "2 * normal(0, 1)", "normal(1 GW, 1 MW)", "mix(1, never)", "norml(0,1)"]
        {
            assert!(Prior::parse("--prior", text).is_err(), "{text}");
        }
    }
}
