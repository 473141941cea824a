//! How well small experiments tell what ideas are worth at the scale of the large run.

use diagnostic::Diagnostic;
use draws::Design;
use draws::uncertain::{sampled, uncertain_inputs};
use formula::{Columns, Environment, Program, Source};

/// How well small experiments tell: the best values first, then draws.
#[derive(Debug, Clone, PartialEq)]
pub struct Odds {
    pub(super) noise: Vec<f64>,
    pub(super) transfer: Vec<f64>,
}

impl Odds {
    /// From texts, as `0.03` or `0.02 to 0.05`: the standard deviation of a measured effect, and
    /// the correlation between effects a decade of compute apart.
    ///
    /// # Errors
    /// Texts that are not plain numbers, noise below zero, correlations outside 0 to 1.
    pub fn parse(noise: &str, transfer: &str, draws: usize, seed: u64) -> Result<Self, Diagnostic> {
        let mut program = Program::new();
        program.define("noise", Source::new("--noise", noise))?;
        program.define("transfer", Source::new("--transfer", transfer))?;
        let checked = program.check(&Environment::new())?;
        for name in ["noise", "transfer"] {
            let value = checked.value_type(name)?;
            if !["a plain number", "a share"].contains(&value.description()) {
                let message = format!("`{name}` is {}, not a plain number", value.description());
                return Err(Diagnostic::error(message));
            }
        }
        let uncertain = uncertain_inputs(&checked).map_err(|misfit| misfit.problem)?;
        let names: Vec<&str> = uncertain.iter().map(|input| input.name.as_str()).collect();
        let draws = if names.is_empty() { 0 } else { draws };
        let mut given = Columns::new(1 + draws);
        let sample = match draws {
            0 => None,
            draws => {
                let inputs = sampled(&uncertain, &names)?;
                Some(inputs.sampler(seed, Design::Plain)?.draw(draws)?)
            }
        };
        for input in &uncertain {
            let mut column = vec![input.dist.median(); 1 + draws];
            if let Some(sample) = &sample {
                column[1..].copy_from_slice(sample.column(&input.name)?);
            }
            given.set(input.name.as_str(), column);
        }
        let out = checked.compile(&["noise", "transfer"])?.evaluate(&given)?;
        let column = |name: &str, low: f64, high: f64| {
            let column = out.get(name).unwrap_or_default().to_vec();
            match column.iter().find(|value| !(low..=high).contains(*value)) {
                None => Ok(column),
                Some(odd) => Err(Diagnostic::error(format!("`--{name}` may be {odd}"))
                    .help(format!("it must lie between {low} and {high}"))),
            }
        };
        Ok(Self { noise: column("noise", 0.0, f64::MAX)?, transfer: column("transfer", 0.0, 1.0)? })
    }

    /// The best values and the draws.
    pub fn rows(&self) -> usize {
        self.noise.len()
    }
}
