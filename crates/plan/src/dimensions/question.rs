//! What is asked of a capability, and the way from there to an answer.

use diagnostic::Diagnostic;
use formula::Columns;
use laws::{Law, catalogue};
use runs::{Flop, Tokens};

use super::capability::Capability;
use super::limits::Machine;
use super::split::Split;
use crate::Believed;

/// What the split is to do.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Aim {
    /// The most capability for so much compute, over the model's life.
    Budget(Flop),
    /// The least compute over the model's life for so much capability.
    Reach(f64),
}

/// A question about the split between pre-training, RL and inference.
///
/// ```
/// use plan::dimensions::{Aim, Question, capability};
/// use runs::Flop;
///
/// let question = Question {
///     draws: 100,
///     ..Question::new(capability("maths-rl-samples")?, Aim::Budget(Flop(1e24)))
/// };
/// let split = question.answer()?;
/// let spent: f64 = split.parts.iter().map(|part| part.flop.best.get()).sum();
/// assert!((spent / 1e24 - 1.0).abs() < 1e-6);
/// assert!(split.capability.interval(0.9).is_some());
/// # Ok::<(), diagnostic::Diagnostic>(())
/// ```
#[derive(Debug, Clone)]
pub struct Question {
    /// Of which capability.
    pub capability: Capability,
    /// What the split is to do.
    pub aim: Aim,
    /// Laws that replace those of the capability, by role.
    pub laws: Vec<(String, Believed)>,
    /// Other values of assumptions: name and formula, as `rl_rate` and `1e18 to 3e18`.
    pub changes: Vec<(String, String)>,
    /// The stock of training tokens.
    pub tokens: Option<Tokens>,
    /// The accelerators to train and serve on.
    pub machine: Option<Machine>,
    /// Days in which pre-training and RL must end.
    pub days: Option<f64>,
    /// Megawatts (kind: facility) there are, for training and for serving.
    pub megawatts: Option<f64>,
    /// Days over which the queries come, evenly.
    pub serving_days: f64,
    /// Draws of everything uncertain; 0 for the best values alone.
    pub draws: usize,
    /// The seed of the draws.
    pub seed: u64,
}

impl Question {
    /// A question with nothing changed and no limit but the aim: 4,000 draws, seed 0.
    pub fn new(capability: Capability, aim: Aim) -> Self {
        Self {
            capability,
            aim,
            laws: Vec::new(),
            changes: Vec::new(),
            tokens: None,
            machine: None,
            days: None,
            megawatts: None,
            serving_days: 365.25,
            draws: 4000,
            seed: 0,
        }
    }

    /// The published constants called `id`, which need not be complete: what they lack, the
    /// capability or `changes` may state.
    ///
    /// # Errors
    /// Constants that the catalogue does not have.
    pub fn published(id: &str) -> Result<Believed, Diagnostic> {
        for law in catalogue::all()? {
            let Some(published) = law.published(id) else { continue };
            let mut values = Columns::new(1);
            for parameter in &law.parameters {
                if let Some(value) = published.value(&parameter.name).or(parameter.fixed) {
                    values.set(&parameter.name, vec![value]);
                }
            }
            let source = published.source.clone();
            let mut believed = Believed::stated(id, law, values);
            believed.source = source;
            return Ok(believed);
        }
        // The refusal names the nearest.
        Believed::published(id)
    }

    /// The role that `law` can play in the capability: that of a slot whose own law takes the
    /// same variables.
    ///
    /// # Errors
    /// No such slot, or several.
    pub fn role_for(&self, law: &Law) -> Result<String, Diagnostic> {
        let variables = |law: &Law| {
            let mut names: Vec<String> = law.variables.iter().map(|v| v.name.clone()).collect();
            names.sort();
            names
        };
        let mut fitting = Vec::new();
        for slot in &self.capability.slots {
            let own =
                catalogue::all()?.into_iter().find(|l| l.published(&slot.constants).is_some());
            if own.is_some_and(|own| variables(&own) == variables(law)) {
                fitting.push(slot.role.clone());
            }
        }
        if let [role] = &fitting[..] {
            return Ok(role.clone());
        }
        let roles: Vec<&str> =
            self.capability.slots.iter().map(|slot| slot.role.as_str()).collect();
        let problem = Diagnostic::error(format!(
            "the law `{}` of {} fits {} roles of `{}`",
            law.name,
            variables(law).join(", "),
            if fitting.is_empty() { "none of the" } else { "several" },
            self.capability.name
        ));
        Err(match roles.first() {
            Some(first) => problem
                .note(format!("its roles are {}", roles.join(", ")))
                .help(format!("say which one it plays, as in `{first}=...`")),
            None => problem.note("it has no law that could be replaced"),
        })
    }

    /// The best split, with intervals where anything is uncertain.
    ///
    /// # Errors
    /// Formulas that do not fit together, limits that contradict each other or that nothing
    /// meets, and a capability that no split reaches.
    pub fn answer(&self) -> Result<Split, Diagnostic> {
        Split::of(self)
    }
}
