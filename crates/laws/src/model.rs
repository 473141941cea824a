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
    /// The value, for a logarithmic scale its logarithm, the derivatives by each free parameter,
    /// and the second derivatives that do not vanish.
    pub(crate) expansion: Compiled,
    /// For every pair of free parameters, row by row of the upper triangle, the number of its
    /// second derivative among those; `None` where it vanishes.
    pub(crate) curves: Vec<Option<usize>>,
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
        let (expansion, curves) = expansion(law, scale, &names)?;
        Ok(Self {
            gradient: value.gradient(&names)?,
            expansion,
            curves,
            value,
            linear: linear.iter().filter_map(position).collect(),
            held: held.to_vec(),
            free,
            in_logarithm,
            scale,
        })
    }
}

/// The columns of [`Model::expansion`], and where the second derivatives are among them.
fn expansion(
    law: &Law,
    scale: ResidualScale,
    names: &[&str],
) -> Result<(Compiled, Vec<Option<usize>>), Diagnostic> {
    // No formula can spell this name, so it hides nothing.
    const LOGARITHM: &str = "the logarithm of the law";
    let target = law.target.name.as_str();
    let (p, pairs) = (names.len(), names.len() * (names.len() + 1) / 2);
    let (all, logarithm) = match scale {
        ResidualScale::Linear => (law.checked.compile(&[target])?.hessian(names)?, None),
        ResidualScale::Log => {
            let checked = law.with_definition(LOGARITHM, &format!("ln({target})"))?;
            // The second output starts after the value, gradient and Hessian of the first.
            (checked.compile(&[target, LOGARITHM])?.hessian(names)?, Some(1 + p + pairs))
        }
    };
    let mut kept: Vec<usize> = vec![0];
    kept.extend(logarithm);
    kept.extend(1..=p);
    let mut curves = Vec::with_capacity(pairs);
    let mut count = 0;
    for column in 1 + p..1 + p + pairs {
        let vanishes = all.constant(column) == Some(0.0);
        curves.push((!vanishes).then_some(count));
        if !vanishes {
            kept.push(column);
            count += 1;
        }
    }
    Ok((all.keep(&kept)?, curves))
}
