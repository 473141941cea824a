//! From a question to a task for the optimiser, and what is wrong with questions without an answer.

use diagnostic::Diagnostic;

use super::assemble::Model;
use super::capability::{Choice, Dimension};
use super::dense::Vector;
use super::functions::{CAPABILITY, Functions, Space, TOTAL};
use super::limits::{Limit, limits};
use super::question::{Aim, Question};
use super::task::Task;

/// A task with the stated limits that its bounds stand for.
pub(super) struct Stated<'a> {
    pub(super) task: Task<'a>,
    pub(super) limits: Vec<Limit>,
    /// Where nothing moves: ln of the values of all choices held still.
    pub(super) still: Vector,
}

/// The task of a question; `still` names choices that are held at their least.
pub(super) fn task<'a>(
    question: &Question,
    model: &'a Model,
    still: &[&str],
) -> Result<Stated<'a>, Diagnostic> {
    let of = |i: usize, end: fn(&Choice) -> f64| model.choices.get(i).map_or(0.0, end).ln();
    let lower: Vector = std::array::from_fn(|i| of(i, |choice| choice.within.0));
    let mut upper: Vector = std::array::from_fn(|i| of(i, |choice| choice.within.1));
    let mut free = Vec::new();
    for (i, choice) in model.choices.iter().enumerate() {
        let idle = choice.dimension() == Dimension::Inference && !model.serves;
        if choice.name == "D"
            && let Some(tokens) = question.tokens
        {
            let least = choice.within.0;
            if tokens.get().is_nan() || tokens.get() <= least {
                return Err(Diagnostic::error(format!(
                    "a stock of {:e} tokens is below the least that the capability is for, {least:e}",
                    tokens.get()
                )));
            }
            upper[i] = upper[i].min(tokens.get().ln());
        }
        if !idle && !still.contains(&choice.name.as_str()) {
            free.push(i);
        }
    }
    let (limits, bounds) = limits(question, model)?.into_iter().unzip();
    let objective = match question.aim {
        Aim::Budget(_) => (CAPABILITY, -1.0),
        Aim::Reach(_) => (TOTAL, 1.0),
    };
    let corners = (0..model.choices.len())
        .filter(|&i| model.choices[i].dimension() != Dimension::Pretraining)
        .collect();
    let task = Task { functions: &model.functions, objective, bounds, free, corners, lower, upper };
    Ok(Stated { task, limits, still: lower })
}

/// Limits that not even the least of everything meets contradict each other.
pub(super) fn check_corner(
    question: &Question,
    model: &Model,
    stated: &Stated<'_>,
) -> Result<(), Diagnostic> {
    if matches!(question.aim, Aim::Reach(_)) {
        return Ok(());
    }
    let mut values = Vec::new();
    model.functions.values(&[0], &[stated.still], &mut Space::default(), &mut values)?;
    let slacks = stated.task.slacks(0, &values[0]);
    for (limit, slack) in stated.limits.iter().zip(slacks) {
        if slack.is_nan() || slack <= 0.05 {
            let (name, unit) = (limit.kind.name(), limit.kind.unit());
            let least: Vec<String> = (model.choices.iter())
                .map(|choice| format!("{} = {:e}", choice.name, choice.within.0))
                .collect();
            return Err(Diagnostic::error(format!(
                "the limit on {name} of {:e} {unit} is not enough for the least of everything",
                limit.amount
            ))
            .note(format!("the least is {}", least.join(", ")))
            .help(format!(
                "it takes at least {:.1e} {unit}",
                limit.amount * (0.06 - slack).exp()
            )));
        }
    }
    Ok(())
}

/// What is wrong where the capability leaves its range under the best values.
pub(super) fn outside(
    question: &Question,
    model: &Model,
) -> Result<Option<Diagnostic>, Diagnostic> {
    let (low, high) = question.capability.within;
    let middle = |choice: &Choice| f64::midpoint(choice.within.0.ln(), choice.within.1.ln());
    let ends: [fn(&Choice) -> f64; 2] =
        [|choice| choice.within.0.ln(), |choice| choice.within.1.ln()];
    for end in [ends[0], middle, ends[1]] {
        let x: Vector = std::array::from_fn(|i| model.choices.get(i).map_or(0.0, end));
        let at = vec![x; model.rows];
        let found =
            Functions::others(&model.checked, &["capability"], &model.choices, &model.given, &at)?;
        let value = found[0][0];
        if !(low..=high).contains(&value) {
            let place: Vec<String> = (model.choices.iter().zip(x))
                .map(|(choice, x)| format!("{} = {:.3e}", choice.name, x.exp()))
                .collect();
            let problem = Diagnostic::error(format!(
                "the capability comes out as {value:.4}, but it lies between {low} and {high}"
            ))
            .note(format!("at {}", place.join(", ")));
            let laws: Vec<&str> = question.laws.iter().map(|(role, _)| role.as_str()).collect();
            return Ok(Some(if laws.is_empty() {
                problem.help("check the values given with --set")
            } else {
                problem.help(format!(
                    "is the law in the place of `{}` in the same unit as the one it replaces?",
                    laws.join("`, `")
                ))
            }));
        }
    }
    Ok(None)
}

pub(super) fn unreachable(question: &Question) -> Diagnostic {
    match question.aim {
        Aim::Reach(target) => Diagnostic::error(format!(
            "no split reaches a capability of {target} under the best values of all assumptions"
        ))
        .note("the choices end where the capability's file says, and at the limits asked for")
        .help("ask for less, or relax a limit"),
        Aim::Budget(_) => {
            Diagnostic::error("the capability is not a number anywhere within the limits")
                .help("check the values given with --set, and the constants of the laws")
        }
    }
}
