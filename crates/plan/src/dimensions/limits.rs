//! What bounds a split besides the budget: tokens, days, megawatts.

use diagnostic::Diagnostic;

use super::assemble::Model;
use super::functions::{CAPABILITY, RUN, SERVING, TOTAL};
use super::question::{Aim, Question};
use super::task::Bound;

/// Accelerators of one kind.
#[derive(Debug, Clone, PartialEq)]
pub struct Machine {
    /// What it is called in the catalogue: `h100`.
    pub name: String,
    /// Peak, in FLOP/s of one accelerator.
    pub peak: f64,
    /// Power of one accelerator with its share of the server, in W (kind: IT).
    pub watts: Option<f64>,
    /// How many there are; `None` for as many as the power feeds.
    pub count: Option<f64>,
}

impl Machine {
    /// Accelerators of the catalogue, at their peak in bfloat16.
    ///
    /// # Errors
    /// A name that the catalogue does not have, and accelerators without such a peak.
    pub fn catalogued(name: &str, count: Option<f64>) -> Result<Self, Diagnostic> {
        let accelerator = machines::accelerator(name)?;
        let Some(peak) = accelerator.peak.bf16 else {
            return Err(Diagnostic::error(format!("`{name}` states no bfloat16 peak"))
                .help("take another accelerator, or state the budget in FLOP"));
        };
        Ok(Self {
            name: accelerator.name,
            peak: peak.get(),
            watts: accelerator.server_power.or(accelerator.chip_power).map(machines::Watts::get),
            count,
        })
    }
}

/// What a limit is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitKind {
    /// FLOP over the model's life.
    Compute,
    /// Training tokens.
    Tokens,
    /// Days of pre-training and RL on the machine.
    Days,
    /// Megawatts while training.
    TrainingPower,
    /// Megawatts while serving.
    ServingPower,
    /// The capability that is to be reached.
    Capability,
}

impl LimitKind {
    /// What it is called on screen.
    pub fn name(self) -> &'static str {
        match self {
            Self::Compute => "compute",
            Self::Tokens => "tokens",
            Self::Days => "days",
            Self::TrainingPower => "power, training",
            Self::ServingPower => "power, serving",
            Self::Capability => "capability",
        }
    }

    /// The unit of its amount.
    pub fn unit(self) -> &'static str {
        match self {
            Self::Compute => "FLOP",
            Self::Tokens => "token",
            Self::Days => "d",
            Self::TrainingPower | Self::ServingPower => "MW",
            Self::Capability => "",
        }
    }
}

/// A limit as it was stated.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limit {
    /// What it is about.
    pub kind: LimitKind,
    /// Its amount, in [`LimitKind::unit`].
    pub amount: f64,
}

/// Seconds of a day.
const DAY: f64 = 86_400.0;

/// The limits of a question on functions of the choices, with what each was stated as. The stock
/// of tokens is an upper bound of D and not among them.
pub(super) fn limits(
    question: &Question,
    model: &Model,
) -> Result<Vec<(Limit, Bound)>, Diagnostic> {
    let mut found = Vec::new();
    let rows = model.rows;
    let each = |value: f64| vec![value; rows];
    match question.aim {
        Aim::Budget(budget) => {
            positive("budget", budget.get())?;
            let limit = Limit { kind: LimitKind::Compute, amount: budget.get() };
            found.push((
                limit,
                Bound { function: TOTAL, sign: 1.0, limit: each(budget.get().ln()) },
            ));
        }
        Aim::Reach(target) => {
            let (low, high) = question.capability.within;
            if !(low < target && target < high) {
                return Err(Diagnostic::error(format!(
                    "a capability of {target} cannot be asked for: it lies between {low} and {high}"
                )));
            }
            let limit = Limit { kind: LimitKind::Capability, amount: target };
            let target = model.functions.scaled(target);
            found.push((limit, Bound { function: CAPABILITY, sign: -1.0, limit: each(target) }));
        }
    }
    let Some(machine) = &question.machine else {
        if question.days.is_some() || question.megawatts.is_some() {
            return Err(Diagnostic::error("days and megawatts need a machine")
                .help("name the accelerators, as in `--on \"1024 h100\"`"));
        }
        return Ok(found);
    };
    if let Some(count) = machine.count {
        positive("number of accelerators", count)?;
    }
    // ln of the FLOP that accelerators of so many watts, or so many of them, do in some days.
    let work = |share: &[f64], accelerators: f64, days: f64| -> Vec<f64> {
        share.iter().map(|u| (accelerators * machine.peak * u * days * DAY).ln()).collect()
    };
    if let Some(days) = question.days {
        positive("number of days", days)?;
        if let Some(count) = machine.count {
            let limit = Limit { kind: LimitKind::Days, amount: days };
            let limit_of = work(&model.mfu, count, days);
            found.push((limit, Bound { function: RUN, sign: 1.0, limit: limit_of }));
        } else if question.megawatts.is_none() {
            return Err(Diagnostic::error("days bound nothing without a number of accelerators")
                .help(
                    "say how many there are, as in `--on \"1024 h100\"`, or how many megawatts",
                ));
        }
    }
    if let Some(megawatts) = question.megawatts {
        positive("number of megawatts", megawatts)?;
        let Some(watts) = machine.watts else {
            return Err(Diagnostic::error(format!("`{}` states no power", machine.name))
                .help("take another accelerator, or leave out the megawatts"));
        };
        let fed = megawatts * 1e6 / watts;
        let powered = |share: &[f64], days: f64| -> Vec<f64> {
            work(share, fed, days).iter().zip(&model.pue).map(|(ln, pue)| ln - pue.ln()).collect()
        };
        if let Some(days) = question.days {
            let limit = Limit { kind: LimitKind::TrainingPower, amount: megawatts };
            let limit_of = powered(&model.mfu, days);
            found.push((limit, Bound { function: RUN, sign: 1.0, limit: limit_of }));
        } else if !model.serves {
            return Err(Diagnostic::error("megawatts bound nothing without days or queries")
                .help("say in how many days training must end"));
        }
        if model.serves {
            positive("number of days of serving", question.serving_days)?;
            let limit = Limit { kind: LimitKind::ServingPower, amount: megawatts };
            let limit_of = powered(&model.serving_mfu, question.serving_days);
            found.push((limit, Bound { function: SERVING, sign: 1.0, limit: limit_of }));
        }
    }
    Ok(found)
}

fn positive(what: &str, value: f64) -> Result<(), Diagnostic> {
    if value > 0.0 && value.is_finite() {
        return Ok(());
    }
    Err(Diagnostic::error(format!("the {what} must be a finite number above zero, not {value}")))
}
