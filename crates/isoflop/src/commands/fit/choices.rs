//! How far the answer moves with the choices behind it.

use diagnostic::Diagnostic;
use laws::{Fit, FitError, FitOptions, Follow, Law, Setting, Variant, robustness};
use runs::{Flop, Observations, Request, RunTable};

use super::asked::Asked;
use super::words::two_digits;

/// The fit repeated under other choices.
pub(super) struct Choices {
    /// The fit as asked for, then the others.
    pub(super) variants: Vec<Variant>,
    /// The budgets whose best runs were followed.
    pub(super) budgets: Vec<Flop>,
    /// The runs whose predictions were followed.
    pub(super) settings: Vec<Setting>,
}

/// Refits under every choice that [`robustness`] knows, and for every other column that could have
/// held a variable; follows the budgets and runs asked for, or ten times the largest C.
pub(super) fn vary(
    law: &Law,
    (table, request, observations): (&RunTable, &Request, &Observations),
    options: &FitOptions,
    asked: &Asked,
    fit: &Fit,
) -> Result<Choices, FitError> {
    let mut budgets = asked.budgets.clone();
    if budgets.is_empty() && law.splits_compute() && fit.data.axis == "C" {
        budgets.push(Flop(two_digits(10.0 * fit.data.axis_range.1)));
    }
    let follow = Follow {
        conventions: conventions(table, request, observations)?,
        budgets: budgets.clone(),
        settings: asked.settings.clone(),
    };
    let variants = robustness(law, observations, options, &follow)?;
    Ok(Choices { variants, budgets, settings: follow.settings })
}

/// The same rows with another column for a variable, where the table has several for it.
fn conventions(
    table: &RunTable,
    request: &Request,
    observations: &Observations,
) -> Result<Vec<(String, Observations)>, Diagnostic> {
    let mut conventions = Vec::new();
    for choice in observations.columns() {
        if observations.variable(&choice.name).is_none() {
            continue;
        }
        for other in &choice.also {
            let request = request.clone().column(&choice.name, other);
            let counted = Observations::from_table(table, &request)?;
            conventions.push((format!("{} is `{other}`", choice.name), counted));
        }
    }
    Ok(conventions)
}
