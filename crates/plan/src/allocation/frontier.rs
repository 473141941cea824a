//! The frontier of a law: the best run that each budget buys, and the budget that a loss takes.

use std::cell::OnceCell;

use diagnostic::Diagnostic;
use formula::Columns;
use laws::{Along, FitError, Law, Reached, Setting};
use runs::{Flop, Parameters, Tokens};

use crate::allocation::repetition::Repetition;
use crate::allocation::serving::Serving;
use crate::{Believed, Drawn, FlopText};

/// The best runs under a law.
///
/// A budget is in FLOP of training. Served tokens take their share of it at the price that
/// [`Serving`] gives them relative to training.
#[derive(Debug)]
pub struct Frontier {
    /// The law.
    pub believed: Believed,
    along: Along,
    serving: Option<Serving>,
    /// Whether the best run has a closed form: Chinchilla's law, C = 6 N D, nothing served.
    closed: bool,
    /// Coordinates of the last budgets asked for, from which others are close by.
    near: OnceCell<Reached>,
}

/// What a budget is split into, under the best values and every draw.
#[derive(Debug, Clone, PartialEq)]
pub struct Allocation {
    /// Model size.
    pub parameters: Drawn<Parameters>,
    /// Training tokens, repetitions counted.
    pub tokens: Drawn<Tokens>,
    /// What the law gives there.
    pub loss: Drawn<f64>,
    /// FLOP of training.
    pub training: Drawn<Flop>,
    /// What serving takes, in FLOP of training that cost the same.
    pub serving: Drawn<Flop>,
    /// All of it.
    pub budget: Drawn<Flop>,
    /// The coordinate and ln budget by row.
    pub(crate) at: Reached,
}

impl Allocation {
    /// D / N.
    pub fn tokens_per_parameter(&self) -> Drawn<f64> {
        self.tokens.with(&self.parameters, |d, n| d / n)
    }

    /// Whether there is a best run inside: otherwise more of one of N and D never helps.
    pub fn exists(&self) -> bool {
        self.loss.best.is_finite()
    }
}

/// What a loss costs when one of its causes grows a little.
#[derive(Debug, Clone, PartialEq)]
pub struct Elasticities {
    /// dL / d ln N at fixed D.
    pub by_parameters: Drawn<f64>,
    /// dL / d ln D at fixed N.
    pub by_tokens: Drawn<f64>,
}

impl Frontier {
    /// The frontier of `believed` with FLOP counted by `flop`; `given` holds the law's variables
    /// other than N and D.
    ///
    /// # Errors
    /// A law without N and D, and variables that `given` lacks.
    pub fn new(
        believed: Believed,
        flop: &FlopText,
        given: &Setting,
        repetition: Option<&Repetition>,
        serving: Option<Serving>,
    ) -> Result<Self, Diagnostic> {
        if !believed.law.splits_compute() {
            let law = believed.law.name.clone();
            let problem = Diagnostic::error(format!("the law `{law}` has no N and D to plan with"));
            return Err(problem.help("plan with a law of loss in model size N and tokens D"));
        }
        let believed = match repetition {
            Some(repetition) => repetition.apply(believed)?,
            None => believed,
        };
        let rows = believed.values().rows();
        let mut columns = believed.values().clone();
        let others = |law: &Law| -> Vec<String> {
            let names = law.variables.iter().map(|variable| variable.name.clone());
            names.filter(|name| !["N", "D"].contains(&name.as_str())).collect()
        };
        for name in others(&believed.law) {
            if columns.get(&name).is_some() {
                continue;
            }
            let value = given.get(&name).ok_or(FitError::NotGiven { name: name.clone() })?;
            columns.set(name, vec![value; rows]);
        }
        let mut path = flop.definitions.clone();
        match &serving {
            Some(serving) => {
                columns.set("serving_weight", spread(&serving.weight(), rows));
                path.push_str("\nspent_serving = serving_weight * serve");
                path.push_str("\nD = (exp(ln_budget) - spent_serving) / train");
            }
            None => path.push_str("\nD = exp(ln_budget) / train"),
        }
        let along = Along::new(&believed.law, &columns, &path, flop.span)?;
        let closed = believed.law.name == "chinchilla" && flop.is_six_n_d() && serving.is_none();
        Ok(Self { believed, along, serving, closed, near: OnceCell::new() })
    }

    /// The best run of a budget under each draw.
    ///
    /// # Errors
    /// Whatever the law's formula does not allow.
    pub fn optimal(&self, budget: &Drawn<Flop>) -> Result<Allocation, Diagnostic> {
        let ln_budget: Vec<f64> =
            spread(budget, self.along.rows()).iter().map(|budget| budget.ln()).collect();
        let x = match self.closed_form(&ln_budget) {
            Some(x) => x,
            None => self.along.best(&ln_budget)?,
        };
        self.allocation(Reached { x, ln_budget })
    }

    /// ln N* = ln G + beta / (alpha + beta) ln (C / 6) with G^(alpha + beta) = alpha A / (beta B)
    /// (Hoffmann et al. 2022, equation 4); NaN where a term is missing.
    fn closed_form(&self, ln_budget: &[f64]) -> Option<Vec<f64>> {
        if !self.closed {
            return None;
        }
        let column = |name| self.along.given(name);
        let (a, b) = (column("A")?, column("B")?);
        let (alpha, beta) = (column("alpha")?, column("beta")?);
        let at = |row: usize| {
            let (p, q) = (alpha[row] * a[row], beta[row] * b[row]);
            let inside = p > 0.0 && q > 0.0;
            let sum = alpha[row] + beta[row];
            let ln_n = ((p / q).ln() + beta[row] * (ln_budget[row] - 6.0_f64.ln())) / sum;
            if inside { ln_n } else { f64::NAN }
        };
        Some((0..ln_budget.len()).map(at).collect())
    }

    /// The cheapest run that reaches a loss under each draw.
    ///
    /// # Errors
    /// Whatever the law's formula does not allow.
    pub fn reaching(&self, loss: &Drawn<f64>) -> Result<Allocation, Diagnostic> {
        let target = spread(loss, self.along.rows());
        let at = self.along.reach(&target, self.near.get())?;
        self.allocation(at)
    }

    /// The run of `parameters` that spends the budget: what is left for tokens goes to them.
    ///
    /// # Errors
    /// Whatever the law's formula does not allow.
    pub fn of_size(
        &self,
        parameters: Parameters,
        budget: &Drawn<Flop>,
    ) -> Result<Allocation, Diagnostic> {
        let ln_budget: Vec<f64> =
            spread(budget, self.along.rows()).iter().map(|budget| budget.ln()).collect();
        let x = vec![self.coordinate(parameters)?; ln_budget.len()];
        self.allocation(Reached { x, ln_budget })
    }

    /// The run of `parameters` and `tokens`, with what it costs.
    ///
    /// # Errors
    /// Whatever the law's formula does not allow.
    pub fn run(&self, parameters: Parameters, tokens: Tokens) -> Result<Allocation, Diagnostic> {
        let x = vec![self.coordinate(parameters)?; self.along.rows()];
        let costs = self.costs(&x, tokens.get())?;
        let ln_budget = costs.iter().map(|cost| cost.ln()).collect();
        self.allocation(Reached { x, ln_budget })
    }

    /// What models cost when trained on so many tokens and served, by row.
    pub(crate) fn costs(&self, x: &[f64], tokens: f64) -> Result<Vec<f64>, Diagnostic> {
        let at = self.along.at(&["train", "serve"], x, &vec![0.0; x.len()])?;
        let served = product(&column(&at, "serve"), &self.weight());
        let train = column(&at, "train");
        Ok(train.iter().zip(served).map(|(train, served)| train * tokens + served).collect())
    }

    /// The models that a budget trains on so many tokens and serves, by row; by halving, since
    /// costs rise with size.
    pub(crate) fn sizes_of(&self, tokens: f64, ln_budget: &[f64]) -> Result<Vec<f64>, Diagnostic> {
        let (low, high) = self.along.span();
        let (mut low, mut high) = (vec![low; ln_budget.len()], vec![high; ln_budget.len()]);
        for _ in 0..60 {
            let middle: Vec<f64> = low.iter().zip(&high).map(|(a, b)| 0.5 * (a + b)).collect();
            let costs = self.costs(&middle, tokens)?;
            for (row, middle) in middle.into_iter().enumerate() {
                if costs[row].ln() > ln_budget[row] {
                    high[row] = middle;
                } else {
                    low[row] = middle;
                }
            }
        }
        Ok(low)
    }

    /// The share of the budget that the run of this size wastes under each draw: the rest would
    /// reach its loss at the best size.
    ///
    /// The measure is that of "deadweight compute": the budget less the least one of the same
    /// loss, over the budget.
    ///
    /// # Errors
    /// Whatever the law's formula does not allow.
    pub fn waste(&self, run: &Allocation) -> Result<Drawn<f64>, Diagnostic> {
        let target = run.loss.rows();
        let reached = self.along.reach(&target, Some(&run.at))?;
        let share = reached
            .ln_budget
            .iter()
            .zip(&run.at.ln_budget)
            .map(|(least, spent)| -f64::exp_m1(least - spent));
        Ok(Drawn::from_rows(&share.map(|share| share.max(0.0)).collect::<Vec<f64>>()))
    }

    /// What the loss of a run gains from a little more of N and of D.
    ///
    /// # Errors
    /// Whatever the law's formula does not allow.
    pub fn elasticities(&self, run: &Allocation) -> Result<Elasticities, Diagnostic> {
        let law = &self.believed.law;
        let mut values = self.believed.values().clone();
        for name in law.variables.iter().map(|variable| &variable.name) {
            if let Some(column) = self.along.given(name) {
                values.set(name.clone(), column.to_vec());
            }
        }
        values.set("N", run.parameters.rows());
        values.set("D", run.tokens.rows());
        let [by_n, by_d] = law.slopes(&values, ["N", "D"])?;
        Ok(Elasticities {
            by_parameters: Drawn::from_rows(&product(&by_n, &run.parameters.rows())),
            by_tokens: Drawn::from_rows(&product(&by_d, &run.tokens.rows())),
        })
    }

    /// dL* / d ln C along the frontier: what the loss gains from a little more budget, spent best.
    ///
    /// # Errors
    /// Whatever the law's formula does not allow.
    pub fn slope(&self, best: &Allocation) -> Result<Drawn<f64>, Diagnostic> {
        let [_, slope] = self.along.slope(&best.at.x, &best.at.ln_budget)?;
        Ok(Drawn::from_rows(&slope))
    }

    /// FLOP per training token and per served token of a model.
    ///
    /// # Errors
    /// Whatever the FLOP model's formula does not allow.
    pub fn flop_per_token(&self, parameters: Parameters) -> Result<[Flop; 2], Diagnostic> {
        let x = vec![self.coordinate(parameters)?; self.along.rows()];
        let at = self.along.at(&["train", "serve"], &x, &vec![0.0; x.len()])?;
        Ok([Flop(column(&at, "train")[0]), Flop(column(&at, "serve")[0])])
    }

    /// What is served.
    pub fn serving(&self) -> Option<&Serving> {
        self.serving.as_ref()
    }

    fn weight(&self) -> Vec<f64> {
        let rows = self.along.rows();
        self.serving.as_ref().map_or(vec![0.0; rows], |serving| spread(&serving.weight(), rows))
    }

    /// Remembers `near` as a place close to which targets are looked for first.
    #[must_use]
    pub fn starting_near(self, near: &Allocation) -> Self {
        if near.at.x.iter().all(|x| x.is_finite()) {
            // A second start would be as good as the first.
            let _ = self.near.set(near.at.clone());
        }
        self
    }

    pub(crate) fn allocation(&self, at: Reached) -> Result<Allocation, Diagnostic> {
        let target = self.believed.law.target.name.as_str();
        let found = self.along.at(&["N", "D", target, "train", "serve"], &at.x, &at.ln_budget)?;
        let (n, d, loss) = (column(&found, "N"), column(&found, "D"), column(&found, target));
        let serving = product(&column(&found, "serve"), &self.weight());
        let budget: Vec<f64> = at.ln_budget.iter().map(|budget| budget.exp()).collect();
        let training = product(&column(&found, "train"), &d);
        Ok(Allocation {
            parameters: Drawn::from_rows(&n),
            tokens: Drawn::from_rows(&d),
            loss: Drawn::from_rows(&loss),
            training: Drawn::from_rows(&training),
            serving: Drawn::from_rows(&serving),
            budget: Drawn::from_rows(&budget),
            at,
        })
    }

    /// The coordinate of a model size, by halving: N rises with it.
    pub(crate) fn coordinate(&self, parameters: Parameters) -> Result<f64, Diagnostic> {
        Ok(self.along.coordinate("N", parameters.get())?)
    }
}

/// A quantity as one number a row.
fn spread<Q: crate::Quantity>(quantity: &Drawn<Q>, rows: usize) -> Vec<f64> {
    let mut all = quantity.rows();
    all.resize(rows, quantity.best.number());
    all
}

fn column(columns: &Columns, name: &str) -> Vec<f64> {
    columns.get(name).unwrap_or_default().to_vec()
}

fn product(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a * b).collect()
}
