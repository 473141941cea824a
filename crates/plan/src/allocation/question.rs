//! What to train: a budget, limits, and the best run within them under every draw of the law.

use diagnostic::Diagnostic;
use laws::Setting;
use runs::{Flop, Parameters, Tokens};

use crate::{Allocation, Drawn, FlopText, Frontier, Limits, Mistake, Rule};

/// What keeps the loss from being lower.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Constraint {
    /// The budget.
    Budget,
    /// The largest model.
    Largest,
    /// The tokens.
    Tokens,
    /// The size asked for.
    Size,
}

/// A constraint that binds, and what it costs.
#[derive(Debug, Clone, PartialEq)]
pub struct Binding {
    /// Which one.
    pub constraint: Constraint,
    /// How far the loss falls when the constraint is doubled (its shadow price), or lifted where
    /// it is the size asked for; under each draw.
    pub doubled: Drawn<f64>,
}

/// The largest budget that is planned with, in FLOP.
const LARGEST: f64 = 1e40;

/// Models that are planned with, in parameters.
const SIZES: std::ops::RangeInclusive<f64> = 1.0..=1e18;

/// A question about a budget.
#[derive(Debug)]
pub struct Question<'a> {
    /// The law with its costs.
    pub frontier: &'a Frontier,
    /// How its FLOP are counted.
    pub flop: &'a FlopText,
    /// Training FLOP, served tokens included at their price.
    pub budget: Drawn<Flop>,
    /// Limits besides it.
    pub limits: Limits,
}

/// The answer to a [`Question`].
#[derive(Debug, Clone)]
pub struct Plan {
    /// The best run of each draw, within the limits.
    pub optimum: Allocation,
    /// The one run to make: the best one under the best values.
    pub size: Parameters,
    /// Its tokens.
    pub tokens: Tokens,
    /// What it wastes if a draw is true: the cost of not knowing the law.
    pub ignorance: Mistake,
    /// What keeps it from being better.
    pub binding: Vec<Binding>,
    /// dL* / d ln C: what the last FLOP gained.
    pub slope: Drawn<f64>,
}

impl Plan {
    /// The run to make under each draw: its size and tokens are certain, its loss is not, nor are
    /// the prices of what it serves.
    pub fn chosen(&self) -> &Allocation {
        &self.ignorance.run
    }
}

impl Question<'_> {
    /// The plan.
    ///
    /// # Errors
    /// Limits that contradict each other, and budgets that the law cannot split.
    pub fn answer(&self) -> Result<Plan, Diagnostic> {
        self.check()?;
        let optimum = self.best(&self.budget, self.limits)?;
        if !optimum.exists() {
            let law = &self.frontier.believed;
            let message = format!("`{}` has no best run of {}", law.name, self.budget.best);
            return Err(Diagnostic::error(message)
                .note("more of one of N and D always helps there, or served tokens take it all")
                .help("give a budget within reach of the law's runs, or another law"));
        }
        let (size, tokens) = (optimum.parameters.best, optimum.tokens.best);
        let ignorance = Mistake::of(self.frontier, size, tokens, "the plan")?;
        let slope = self.frontier.slope(&optimum)?;
        let binding = self.binding(&optimum)?;
        Ok(Plan { optimum, size, tokens, ignorance, binding, slope })
    }

    /// The best run of another budget within the same limits.
    ///
    /// # Errors
    /// Whatever the law's formula does not allow.
    pub fn neighbour(&self, factor: f64) -> Result<Allocation, Diagnostic> {
        self.best(&self.budget.map(|budget| budget * factor), self.limits)
    }

    /// What each rule would waste of the budget. Rules with a law that has no best run are left
    /// out, and so are those whose model could not be served within the budget.
    ///
    /// # Errors
    /// Rules whose law takes more variables than `given` has.
    pub fn rules(&self, rules: &[Rule], given: &Setting) -> Result<Vec<Mistake>, Diagnostic> {
        let mut mistakes = Vec::new();
        for rule in rules {
            if let Some(size) = self.size_by(rule, given)? {
                mistakes.extend(self.of_this_size(size, &rule.name())?);
            }
        }
        Ok(mistakes)
    }

    /// What a model of this size, trained for as long as the budget lasts, would waste; `None`
    /// where serving it takes the whole budget.
    ///
    /// # Errors
    /// Whatever the law's formula does not allow.
    pub fn of_this_size(&self, size: Parameters, by: &str) -> Result<Option<Mistake>, Diagnostic> {
        let budget = Drawn::certain(self.budget.best, self.budget.draws.len());
        let tokens = self.frontier.of_size(size, &budget)?.tokens.best;
        if !(tokens.get() > 0.0 && tokens.get().is_finite()) {
            return Ok(None);
        }
        Mistake::of(self.frontier, size, tokens, by).map(Some)
    }

    /// The size that a rule chooses. A rule splits what is trained with; where the budget also
    /// serves, that is the part of it for which training and serving make the whole.
    fn size_by(&self, rule: &Rule, given: &Setting) -> Result<Option<Parameters>, Diagnostic> {
        let budget = self.budget.best;
        let Some(serving) = self.frontier.serving() else {
            return rule.size(budget, self.flop, given);
        };
        let curve = self.flop.curve()?;
        let weight = serving.weight().best.get();
        let (mut low, mut high) = (0.0, budget.get().ln());
        let mut found = None;
        for _ in 0..60 {
            let middle: f64 = 0.5 * (low + high);
            let training = Flop(middle.exp());
            let size = rule.size(training, self.flop, given)?;
            let cost = match size {
                Some(size) => training.get() + weight * curve.of_size(size)?.serve.get(),
                None => f64::INFINITY,
            };
            if cost > budget.get() {
                high = middle;
            } else {
                (low, found) = (middle, size);
            }
        }
        Ok(found)
    }

    fn check(&self) -> Result<(), Diagnostic> {
        let Limits { size, largest, tokens } = self.limits;
        let positive = |what: &str, value: Option<f64>| match value {
            Some(value) if !(value > 0.0 && value.is_finite()) => {
                Err(Diagnostic::error(format!("{what} is {value}, not above zero")))
            }
            _ => Ok(()),
        };
        positive("the model size", size.map(Parameters::get))?;
        positive("the largest model size", largest.map(Parameters::get))?;
        positive("the limit on tokens", tokens.map(Tokens::get))?;
        let sized = |parameters: &Parameters| !SIZES.contains(&parameters.get());
        if let Some(size) = size.into_iter().chain(largest).find(sized) {
            let message = format!("a model of {size} cannot be planned with");
            return Err(Diagnostic::error(message)
                .note("it may have one to 1e18 parameters")
                .help("check the suffix: 7B is 7e9"));
        }
        positive("the budget", Some(self.budget.best.get()))?;
        let sane = 6.0..=LARGEST;
        if !self.budget.rows().iter().all(|budget| sane.contains(budget)) {
            let message = format!("a budget of {} cannot be planned with", self.budget.best);
            return Err(Diagnostic::error(message)
                .note("one parameter and one token take 6 FLOP; 1e40 is beyond any machine")
                .help("check the unit of the budget"));
        }
        if let (Some(size), Some(largest)) = (size, largest)
            && size > largest
        {
            let message = format!(
                "the size asked for ({size}) and the largest size allowed ({largest}) contradict \
                 each other"
            );
            return Err(Diagnostic::error(message).help("leave one of them out"));
        }
        Ok(())
    }

    fn best(&self, budget: &Drawn<Flop>, limits: Limits) -> Result<Allocation, Diagnostic> {
        match limits.size {
            Some(size) => self.of_size(size, budget, limits),
            None => self.frontier.optimal(budget)?.within(self.frontier, limits),
        }
    }

    fn of_size(
        &self,
        size: Parameters,
        budget: &Drawn<Flop>,
        limits: Limits,
    ) -> Result<Allocation, Diagnostic> {
        let run = self.frontier.of_size(size, budget)?;
        let left = run.tokens.best.get();
        if left.is_nan() || left <= 0.0 {
            let budget = budget.best;
            let message = format!("serving a model of {size} takes all of the budget of {budget}");
            return Err(Diagnostic::error(message)
                .help("serve fewer tokens, raise the budget or train a smaller model"));
        }
        run.within(self.frontier, Limits { size: Some(size), ..limits })
    }

    /// Constraints that hold the best run back, each with the gain of doubling it.
    fn binding(&self, optimum: &Allocation) -> Result<Vec<Binding>, Diagnostic> {
        let Limits { size, largest, tokens } = self.limits;
        let gain = |other: &Allocation| optimum.loss.with(&other.loss, |here, there| here - there);
        let mut found = Vec::new();
        let mut consider = |constraint, doubled: Drawn<f64>| {
            if doubled.best > 1e-12 {
                found.push(Binding { constraint, doubled });
            }
        };
        let more = self.best(&self.budget.map(|budget| 2.0 * budget), self.limits)?;
        consider(Constraint::Budget, gain(&more));
        if size.is_some() {
            let freed = self.best(&self.budget, Limits { size: None, ..self.limits })?;
            consider(Constraint::Size, gain(&freed));
        }
        if let Some(largest) = largest {
            let freed = Limits { largest: Some(largest * 2.0), ..self.limits };
            consider(Constraint::Largest, gain(&self.best(&self.budget, freed)?));
        }
        if let Some(tokens) = tokens {
            let freed = Limits { tokens: Some(tokens * 2.0), ..self.limits };
            consider(Constraint::Tokens, gain(&self.best(&self.budget, freed)?));
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Believed, Serving};

    fn frontier(serving: Option<Serving>) -> Frontier {
        let law = Believed::published("besiroglu-2024").unwrap();
        Frontier::new(law, &FlopText::default(), &Setting::new(), None, serving).unwrap()
    }

    fn answer(frontier: &Frontier, budget: f64, limits: Limits) -> Result<Plan, Diagnostic> {
        let flop = &FlopText::default();
        let budget = Drawn::certain(Flop(budget), 0);
        Question { frontier, flop, budget, limits }.answer()
    }

    fn binds(plan: &Plan) -> Vec<Constraint> {
        plan.binding.iter().map(|binding| binding.constraint).collect()
    }

    #[test]
    fn limits_that_do_not_bind_change_nothing_and_cost_nothing() {
        let frontier = frontier(None);
        let free = answer(&frontier, 1e21, Limits::default()).unwrap();
        let loose = Limits {
            largest: Some(Parameters(1e12)),
            tokens: Some(Tokens(1e15)),
            ..Limits::default()
        };
        let loose = answer(&frontier, 1e21, loose).unwrap();
        assert_eq!(loose.optimum, free.optimum);
        assert_eq!(binds(&loose), [Constraint::Budget]);
        assert!(free.ignorance.share.best < 1e-9);
    }

    #[test]
    fn a_model_that_may_not_grow_is_trained_longer() {
        let frontier = frontier(None);
        let limits = Limits { largest: Some(Parameters(1e9)), ..Limits::default() };
        let plan = answer(&frontier, 1e21, limits).unwrap();
        assert!((plan.size.get() / 1e9 - 1.0).abs() < 1e-9);
        assert!((plan.tokens.get() / (1e21 / 6e9) - 1.0).abs() < 1e-9);
        assert_eq!(binds(&plan), [Constraint::Budget, Constraint::Largest]);
    }

    #[test]
    fn tokens_that_run_out_leave_the_budget_to_parameters() {
        let frontier = frontier(None);
        let limits = Limits { tokens: Some(Tokens(1e10)), ..Limits::default() };
        let plan = answer(&frontier, 1e21, limits).unwrap();
        assert!((plan.optimum.tokens.best.get() / 1e10 - 1.0).abs() < 1e-9, "{plan:?}");
        assert!((plan.size.get() / (1e21 / 6e10) - 1.0).abs() < 1e-9);
        assert_eq!(binds(&plan), [Constraint::Budget, Constraint::Tokens]);
        // With both limits some of the budget is left over, and no longer binds.
        let both = Limits { largest: Some(Parameters(1e9)), ..limits };
        let plan = answer(&frontier, 1e21, both).unwrap();
        assert!((plan.optimum.budget.best.get() / 6e19 - 1.0).abs() < 1e-9);
        assert_eq!(binds(&plan), [Constraint::Largest, Constraint::Tokens]);
    }

    #[test]
    fn a_size_asked_for_is_kept_and_its_price_is_said() {
        let frontier = frontier(None);
        let limits = Limits { size: Some(Parameters(5e8)), ..Limits::default() };
        let plan = answer(&frontier, 1e21, limits).unwrap();
        assert!((plan.size.get() / 5e8 - 1.0).abs() < 1e-9);
        assert_eq!(binds(&plan), [Constraint::Budget, Constraint::Size]);
        assert!(plan.ignorance.share.best > 0.3);
    }

    #[test]
    fn what_contradicts_itself_says_so() {
        let plain = frontier(None);
        let refused = |limits| answer(&plain, 1e21, limits).unwrap_err().to_string();
        let both =
            Limits { size: Some(Parameters(2e9)), largest: Some(Parameters(1e9)), tokens: None };
        assert!(refused(both).contains("contradict"));
        let none = Limits { tokens: Some(Tokens(0.0)), ..Limits::default() };
        assert!(refused(none).contains("not above zero"));
        for budget in [f64::NAN, 0.0, -1.0] {
            assert!(answer(&plain, budget, Limits::default()).is_err());
        }
        let served = frontier(Some(Serving::tokens(Tokens(1e14))));
        let size = Limits { size: Some(Parameters(1e9)), ..Limits::default() };
        let problem = answer(&served, 1e20, size).unwrap_err().to_string();
        assert!(problem.contains("all of the budget"), "{problem}");
    }

    #[test]
    fn rules_are_priced_by_the_same_law() {
        let frontier = frontier(None);
        let flop = &FlopText::default();
        let budget = Drawn::certain(Flop(1e24), 0);
        let question = Question { frontier: &frontier, flop, budget, limits: Limits::default() };
        let rules =
            ["20:1", "besiroglu-2024", "sardana-2024"].map(|rule| Rule::parse(rule).unwrap());
        let found = question.rules(&rules, &Setting::new()).unwrap();
        let shares: Vec<f64> = found.iter().map(|mistake| mistake.share.best).collect();
        assert!(shares[1] < 1e-9 && shares[1] < shares[0] && shares[0] < shares[2], "{shares:?}");
    }
}
