//! What a fitted law says about a run that was not made yet.

use formula::{Columns, Environment, Program};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{ChiSquared, Distribution, StandardNormal};
use runs::{Parameters, Tokens, flop_6nd};
use serde::{Deserialize, Serialize};

use crate::draws::Interval;
use crate::{Fit, FitError, Law, ResidualScale};

/// Values of a law's variables, by name.
///
/// ```
/// let setting = laws::Setting::new().with("N", 70e9).with("D", 1.4e12);
/// assert_eq!(setting.get("D"), Some(1.4e12));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Setting(Vec<(String, f64)>);

impl Setting {
    /// No values.
    pub fn new() -> Self {
        Self::default()
    }

    /// A run of `parameters` and `tokens`.
    pub fn run(parameters: Parameters, tokens: Tokens) -> Self {
        Self::new().with("N", parameters.get()).with("D", tokens.get())
    }

    /// Adds or replaces a value.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: f64) -> Self {
        let name = name.into();
        self.0.retain(|(known, _)| *known != name);
        self.0.push((name, value));
        self
    }

    /// The value of a variable.
    pub fn get(&self, name: &str) -> Option<f64> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| *value)
    }

    /// Names and values, in the order they were added.
    pub fn iter(&self) -> impl Iterator<Item = (&str, f64)> {
        self.0.iter().map(|(name, value)| (name.as_str(), *value))
    }

    /// C of this run: given as C, or 6 N D.
    pub fn compute(&self) -> Option<f64> {
        self.get("C").or_else(|| {
            let (n, d) = (self.get("N")?, self.get("D")?);
            Some(flop_6nd(Parameters(n), Tokens(d)).get())
        })
    }
}

/// What a law gives for a run, with two kinds of interval.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// The run.
    pub setting: Setting,
    /// The group whose law this is, where groups have laws of their own.
    pub group: Option<String>,
    /// The law's value there.
    pub value: f64,
    /// Interval for the law itself: where the average of many such runs would lie.
    pub law_interval: Option<Interval>,
    /// Interval for one new run: the law's uncertainty, the scatter of single runs and, outside
    /// the runs, the error that the backtest found.
    pub new_run_interval: Option<Interval>,
    /// How many factors of ten the run lies outside the fitted ones on the axis of extrapolation
    /// (C where there is one); 0 inside.
    pub extrapolation_decades: f64,
}

/// Noise samples per draw of the law: the quantiles' Monte Carlo error falls with their product.
const NOISE_PER_DRAW: usize = 10;

impl Law {
    /// The law's value at `setting` for every row of `values`, which hold its parameters.
    ///
    /// # Errors
    /// A variable that `setting` lacks.
    pub fn values(&self, mut values: Columns, setting: &Setting) -> Result<Vec<f64>, FitError> {
        let mut environment = Environment::new();
        for variable in &self.variables {
            let name = variable.name.clone();
            let value = setting.get(&name).ok_or(FitError::NotGiven { name: name.clone() })?;
            environment = environment.parameter(&name, "");
            values.set_number(name, value);
        }
        for parameter in &self.parameters {
            environment = environment.input(&parameter.name, "");
        }
        let target = &self.target.name;
        let program = Program::parse(&self.name, &self.formula)?;
        let out = program.check(&environment)?.compile(&[target])?.evaluate(&values)?;
        Ok(out.get(target).unwrap_or_default().to_vec())
    }
}

impl Law {
    /// The law's derivatives by each of `names` for every row of `values`, which hold its
    /// parameters and its variables.
    ///
    /// # Errors
    /// A parameter or variable that `values` lack.
    pub fn slopes<const K: usize>(
        &self,
        values: &Columns,
        names: [&str; K],
    ) -> Result<[Vec<f64>; K], FitError> {
        let mut environment = Environment::new();
        for name in self.variables.iter().map(|variable| &variable.name) {
            environment = environment.input(name, "");
        }
        for parameter in &self.parameters {
            environment = environment.input(&parameter.name, "");
        }
        let target = &self.target.name;
        let program = Program::parse(&self.name, &self.formula)?;
        let compiled = program.check(&environment)?.compile(&[target])?.gradient(&names)?;
        let out = compiled.evaluate(values)?;
        let column = |i: usize| out.get(&compiled.column_names()[i + 1]).unwrap_or_default();
        Ok(std::array::from_fn(|i| column(i).to_vec()))
    }
}

impl Fit {
    /// The groups that have laws of their own; one nameless group where all share one law.
    pub fn groups(&self) -> Vec<Option<String>> {
        let mut groups: Vec<Option<String>> = Vec::new();
        for estimate in &self.estimates {
            if estimate.group.is_some() && !groups.contains(&estimate.group) {
                groups.push(estimate.group.clone());
            }
        }
        if groups.is_empty() { vec![None] } else { groups }
    }

    /// Every parameter of the law for one group, as columns: the best value, then every draw.
    pub fn best_and_draws(&self, group: Option<&str>) -> Columns {
        let rows = 1 + self.draws.len();
        let mut columns = Columns::new(rows);
        for (name, value) in &self.held {
            columns.set(name, vec![*value; rows]);
        }
        let of_group = |estimate: &&crate::Estimate| {
            estimate.group.is_none() || estimate.group.as_deref() == group
        };
        for estimate in self.estimates.iter().filter(of_group) {
            let draws = self.draws.column(&estimate.name).unwrap_or_default();
            let column = std::iter::once(estimate.value).chain(draws.iter().copied()).collect();
            columns.set(&estimate.parameter, column);
        }
        columns
    }

    /// What the law gives at `setting`, with intervals at `level`, one per group of laws.
    ///
    /// The law's interval holds the central share of the draws' values. A new run adds scatter on
    /// the residual scale: a standardised residual of the fit drawn at random, smoothed with a
    /// normal kernel of their robust spread times n^(-1/5) (so that few residuals do not become a few
    /// steps), over the square root of a chi-square draw with n - p degrees of freedom (which
    /// makes it Student's t where residuals are normal, since their spread is itself estimated).
    ///
    /// Outside the runs a new run also adds the error that the [`Backtest`](crate::Backtest)
    /// found beyond noise: normal, its standard deviation `error_per_decade` times the distance in
    /// decades (to either side, although the backtest looked upwards only). It has no side: the
    /// prediction is not moved.
    ///
    /// # Errors
    /// A variable of the law that `setting` lacks.
    pub fn predict(
        &self,
        setting: &Setting,
        level: f64,
        seed: u64,
    ) -> Result<Vec<Prediction>, FitError> {
        let at = match self.data.axis.as_str() {
            "C" => setting.compute(),
            axis => setting.get(axis),
        };
        let decades = at.map_or(0.0, |at| self.extrapolation_decades(at));
        let rate = self.backtest.as_ref().map_or(0.0, |backtest| backtest.error_per_decade);
        self.groups()
            .into_iter()
            .map(|group| {
                let values = self.law.values(self.best_and_draws(group.as_deref()), setting)?;
                let (value, draws) = (values[0], &values[1..]);
                let mut prediction = Prediction {
                    setting: setting.clone(),
                    group,
                    value,
                    law_interval: None,
                    new_run_interval: None,
                    extrapolation_decades: decades,
                };
                if (0.0..1.0).contains(&level) && value.is_finite() && !draws.is_empty() {
                    let mut noise = Noise::new(self, seed);
                    let noisy =
                        draws.iter().flat_map(|&value| [value; NOISE_PER_DRAW]).map(|value| {
                            let off = noise.draw() + noise.drift(rate * decades);
                            match self.objective.residuals {
                                ResidualScale::Log => value * off.exp(),
                                ResidualScale::Linear => value + off,
                            }
                        });
                    prediction.new_run_interval = Interval::of(noisy.collect(), level);
                    prediction.law_interval = Interval::of(draws.to_vec(), level);
                }
                Ok(prediction)
            })
            .collect()
    }
}

/// Scatter of single runs on the residual scale, and the drift of a law that is not quite true.
struct Noise<'a> {
    residuals: &'a [f64],
    kernel: f64,
    shrink: f64,
    /// Degrees of freedom of the residuals, and the chi-square that they make of their spread.
    freedom: f64,
    spread: ChiSquared<f64>,
    random: ChaCha8Rng,
    /// The drift's own stream, so that the scatter is the same with and without it.
    aside: ChaCha8Rng,
}

impl<'a> Noise<'a> {
    fn new(fit: &'a Fit, seed: u64) -> Self {
        let n = fit.residuals.len().max(1) as f64;
        let freedom = (n - fit.estimates.len() as f64).max(1.0);
        // The spread of the bulk: outliers must not blur it, only be drawn as often as they came.
        let spread = fit.spread;
        let width = n.powf(-0.2);
        let mut aside = ChaCha8Rng::seed_from_u64(seed);
        aside.set_stream(1);
        Self {
            residuals: &fit.residuals,
            kernel: width * spread,
            // Keeps the variance what it was before smoothing.
            shrink: (1.0 + width * width).sqrt().recip(),
            freedom,
            spread: ChiSquared::new(freedom).expect("at least one degree of freedom"),
            random: ChaCha8Rng::seed_from_u64(seed),
            aside,
        }
    }

    fn draw(&mut self) -> f64 {
        if self.residuals.is_empty() {
            return 0.0;
        }
        let random = &mut self.random;
        let residual = self.residuals[random.random_range(0..self.residuals.len())];
        let smooth =
            (residual + self.kernel * random.sample::<f64, _>(StandardNormal)) * self.shrink;
        smooth / (self.spread.sample(random) / self.freedom).sqrt()
    }

    /// Normal, of standard deviation `scale`.
    fn drift(&mut self, scale: f64) -> f64 {
        if scale <= 0.0 {
            return 0.0;
        }
        scale * self.aside.sample::<f64, _>(StandardNormal)
    }
}
