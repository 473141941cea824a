//! How to fit: the objective, the draws, what is held, bounded and shared.

use runs::Observations;
use serde::{Deserialize, Serialize};

use crate::bootstrap::Resampling;
use crate::input;
use crate::model::Model;
use crate::objective::Objective;
use crate::rows::Rows;
use crate::{FitError, Law};

/// How to fit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FitOptions {
    /// What to make small; `None` takes the standard of the law's residual scale.
    pub objective: Option<Objective>,
    /// Where the draws behind the intervals come from.
    pub resampling: Resampling,
    /// How many draws to make; 0 for none, and no intervals.
    pub bootstrap: usize,
    /// The level of every interval, between 0 and 1.
    pub level: f64,
    /// The seed of the resamples.
    pub seed: u64,
    /// Parameters that are held at a value instead of searched for; NaN frees one that the law
    /// itself holds.
    #[serde(with = "crate::any_number::named")]
    pub held: Vec<(String, f64)>,
    /// Bounds other than the law's.
    #[serde(with = "crate::any_number::named_pairs")]
    pub bounds: Vec<(String, (f64, f64))>,
    /// Where rows have groups: the parameters that all groups share. `None` shares all.
    pub shared: Option<Vec<String>>,
    /// Whether to refit below cuts and try the law on the runs above them.
    pub backtest: bool,
}

impl Default for FitOptions {
    fn default() -> Self {
        Self {
            objective: None,
            resampling: Resampling::default(),
            bootstrap: 1000,
            level: 0.9,
            seed: 0,
            held: Vec::new(),
            bounds: Vec::new(),
            shared: None,
            backtest: true,
        }
    }
}

impl FitOptions {
    /// Says which option is out of range, if one is; [`fit`](crate::fit) asks this first.
    ///
    /// # Errors
    /// [`FitError::Option`].
    pub fn check(&self) -> Result<(), FitError> {
        let refuse = |option: &str, value, expected| {
            Err(FitError::Option { option: option.to_owned(), value, expected })
        };
        if let Some((option, value, expected)) = self.objective.and_then(|o| o.fault()) {
            return refuse(option, value, expected);
        }
        if !(0.01..=0.999).contains(&self.level) {
            return refuse("level", self.level, "between 0.01 and 0.999");
        }
        if self.bootstrap != 0 && self.bootstrap < 100 || self.bootstrap > 1_000_000 {
            let expected = "0 for none, or from 100 to 1,000,000 resamples";
            return refuse("bootstrap", self.bootstrap as f64, expected);
        }
        if let Some((name, (low, _))) =
            self.bounds.iter().find(|(_, (low, high))| low.is_nan() || high.is_nan() || low >= high)
        {
            return refuse(&format!("bound of {name}"), *low, "a lower end below the upper end");
        }
        Ok(())
    }

    /// The law with the bounds that were asked for, its rows and its model, and per parameter
    /// whether all groups share it.
    pub(crate) fn prepare(
        &self,
        law: &Law,
        observations: &Observations,
    ) -> Result<(Law, Rows, Model, Vec<bool>), FitError> {
        self.check()?;
        let law = self.bounded(law)?;
        let held = self.held_values(&law)?;
        let shared = self.sharing(&law)?;
        let objective = self.objective.unwrap_or(Objective::standard(law.residuals));
        let rows = input::rows(&law, observations, self.shared.is_some())?;
        let model = Model::new(&law, objective.residuals, &held)?;
        Ok((law, rows, model, shared))
    }

    fn known(law: &Law, name: &str) -> Result<usize, FitError> {
        law.parameters.iter().position(|parameter| parameter.name == name).ok_or_else(|| {
            FitError::NoParameter {
                law: law.name.clone(),
                name: name.to_owned(),
                known: law.parameter_names().into_iter().map(str::to_owned).collect(),
            }
        })
    }

    /// The law with the bounds that were asked for.
    fn bounded(&self, law: &Law) -> Result<Law, FitError> {
        let mut law = law.clone();
        for (name, bounds) in &self.bounds {
            let index = Self::known(&law, name)?;
            law.parameters[index].bounds = *bounds;
            law.parameters[index].search = None;
        }
        Ok(law)
    }

    /// Per parameter of the law the value it is held at, NaN for those that are free.
    pub(crate) fn held_values(&self, law: &Law) -> Result<Vec<f64>, FitError> {
        let mut held: Vec<f64> =
            law.parameters.iter().map(|parameter| parameter.fixed.unwrap_or(f64::NAN)).collect();
        for (name, value) in &self.held {
            held[Self::known(law, name)?] = *value;
        }
        Ok(held)
    }

    /// Per parameter of the law whether all groups share it.
    pub(crate) fn sharing(&self, law: &Law) -> Result<Vec<bool>, FitError> {
        let Some(names) = &self.shared else { return Ok(vec![true; law.parameters.len()]) };
        let mut shared = vec![false; law.parameters.len()];
        for name in names {
            shared[Self::known(law, name)?] = true;
        }
        Ok(shared)
    }
}
