//! A law compiled for fitting: its value and derivatives, and which parameters enter it linearly.

use diagnostic::Diagnostic;
use formula::Compiled;

use crate::{Law, ResidualScale};

/// A law compiled for one residual scale, with the parameters that are searched for.
#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) value: Compiled,
    /// The value, then its derivative by each free parameter.
    pub(crate) gradient: Compiled,
    /// The same, then the upper triangle of the Hessian, row by row.
    pub(crate) hessian: Compiled,
    /// Indices of the free parameters among the law's.
    pub(crate) free: Vec<usize>,
    /// The values of the parameters that are held, by index among the law's; NaN for free ones.
    pub(crate) held: Vec<f64>,
    /// Positions among `free` of the parameters that can be solved for when the others are known.
    pub(crate) linear: Vec<usize>,
    /// Whether those enter ln law linearly, rather than the law itself.
    pub(crate) in_logarithm: bool,
    pub(crate) scale: ResidualScale,
}

impl Model {
    /// Compiles `law`; `held` gives a value for each parameter that is not to be searched for.
    pub(crate) fn new(law: &Law, scale: ResidualScale, held: &[f64]) -> Result<Self, Diagnostic> {
        let target = &law.target.name;
        let free: Vec<usize> = (0..held.len()).filter(|&i| held[i].is_nan()).collect();
        let names: Vec<&str> = free.iter().map(|&i| law.parameters[i].name.as_str()).collect();
        let value = law.checked.compile(&[target])?;
        // A parameter that moves by factors is searched for in its logarithm.
        let candidates: Vec<&str> = free
            .iter()
            .filter(|&&i| !law.parameters[i].logarithmic)
            .map(|&i| law.parameters[i].name.as_str())
            .collect();
        let linear = law.checked.linear_names(target, &candidates)?;
        let links: Vec<&str> = linear.links.iter().map(String::as_str).collect();
        let in_logarithm = links == ["exp"] && scale == ResidualScale::Log;
        let linear = if links.is_empty() || in_logarithm { linear.names } else { Vec::new() };
        let position = |name: &String| names.iter().position(|known| known == name);
        Ok(Self {
            gradient: value.gradient(&names)?,
            hessian: value.hessian(&names)?,
            value,
            linear: linear.iter().filter_map(position).collect(),
            held: held.to_vec(),
            free,
            in_logarithm,
            scale,
        })
    }
}
