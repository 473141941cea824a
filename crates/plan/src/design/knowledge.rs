//! What is known before the next runs: a law with draws and the runs behind it, or a prior.

use diagnostic::Diagnostic;
use formula::Columns;
use laws::{Fit, Law, ResidualScale, Setting};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::StandardNormal;
use runs::Observations;

use crate::Believed;

/// A law, what it may look like, and what has been measured of it.
#[derive(Debug, Clone)]
pub struct Knowledge {
    /// What people call it: `this fit`, or the published constants.
    pub name: String,
    /// The law.
    pub law: Law,
    /// How residuals are taken: of logarithms, or of plain numbers.
    pub residuals: ResidualScale,
    /// How much a single run scatters around the law, on the residual scale.
    pub noise: f64,
    /// The runs that were made.
    pub made: Made,
    /// Whether the values are a prior that no run has touched.
    pub is_prior: bool,
    /// Every parameter of the law: the best values first, then the draws.
    pub(crate) values: Columns,
    /// Indices of the free parameters among the law's.
    pub(crate) free: Vec<usize>,
    /// Standard deviation of ln parameter before any run, for each free one; infinite where the
    /// runs alone speak.
    pub(crate) prior: Vec<f64>,
}

/// The settings of runs that were made.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Made {
    /// The law's variables, one number per row.
    pub(crate) columns: Vec<(String, Vec<f64>)>,
    /// What a row counts for: the rows of one run share the weight of one.
    pub(crate) weight: Vec<f64>,
}

impl Made {
    /// The settings of a variable.
    pub fn column(&self, name: &str) -> &[f64] {
        let found = self.columns.iter().find(|(known, _)| known == name);
        found.map_or(&[], |(_, column)| column.as_slice())
    }

    /// Rows.
    pub fn len(&self) -> usize {
        self.weight.len()
    }

    /// Whether no run was made.
    pub fn is_empty(&self) -> bool {
        self.weight.is_empty()
    }

    /// Least and largest value of a variable.
    pub fn range(&self, name: &str) -> Option<(f64, f64)> {
        ends(self.column(name).iter().copied())
    }

    /// Least and largest of a ratio or product of two variables.
    pub(crate) fn range_of(&self, of: impl Fn(f64, f64) -> f64) -> Option<(f64, f64)> {
        ends(self.column("N").iter().zip(self.column("D")).map(|(&n, &d)| of(n, d)))
    }
}

fn ends(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    let (low, high) =
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), x| (l.min(x), h.max(x)));
    (low <= high).then_some((low, high))
}

/// What is thought of a law's constants before the first run.
#[derive(Debug, Clone, PartialEq)]
pub struct Prior {
    /// Every constant lies within this factor of the published one with 90 % probability, each by
    /// itself.
    pub factor: f64,
    /// Constants whose 90 % range is stated: name, lower and upper end, both above 0.
    pub ranges: Vec<(String, (f64, f64))>,
    /// How much a single run will scatter around the law, on the residual scale: 0.01 is 1 %.
    pub noise: f64,
    /// Draws of the law.
    pub draws: usize,
    /// Their seed.
    pub seed: u64,
}

impl Default for Prior {
    fn default() -> Self {
        Self { factor: 1.5, ranges: Vec::new(), noise: 0.01, draws: 1000, seed: 0 }
    }
}

/// The standard normal's 95 % quantile: half the width of a 90 % interval.
const Z95: f64 = 1.644_853_626_951_472_2;

impl Knowledge {
    /// What `fit` says, with the settings of the `observations` it was fitted to.
    ///
    /// # Errors
    /// A law that does not take N and D, groups with laws of their own, a fit without draws, and
    /// observations that are not those of the fit.
    pub fn of_fit(name: &str, fit: &Fit, observations: &Observations) -> Result<Self, Diagnostic> {
        needs_size_and_data(&fit.law)?;
        if fit.groups().len() > 1 || fit.groups() != [None] {
            return Err(Diagnostic::error("groups of runs have laws of their own in this fit")
                .help("choose one group of runs, for instance with --where, and fit that"));
        }
        if fit.draws.is_empty() {
            return Err(Diagnostic::error(
                "the fit has no draws, so nothing says what is uncertain",
            )
            .help("fit with draws: --bootstrap 1000"));
        }
        if observations.len() != fit.data.rows {
            return Err(Diagnostic::error(format!(
                "the fit was made of {} rows, but these runs are {}",
                fit.data.rows,
                observations.len()
            ))
            .help("give the runs and conditions that the fit was made of, or leave out the fit"));
        }
        let law = &fit.law;
        let columns = law.variables.iter().map(|variable| {
            let column = observations.variable(&variable.name).unwrap_or_default();
            (variable.name.clone(), column.to_vec())
        });
        let mut rows = vec![0.0; observations.run_count()];
        for &run in observations.run_index() {
            rows[run] += 1.0;
        }
        let weights = observations.weights();
        let weight = observations.run_index().iter().enumerate();
        let weight = weight.map(|(row, &run)| weights.map_or(1.0, |w| w[row]) / rows[run]);
        let free: Vec<usize> = (0..law.parameters.len())
            .filter(|&i| fit.estimates.iter().any(|e| e.parameter == law.parameters[i].name))
            .collect();
        Ok(Self {
            name: name.to_owned(),
            law: law.clone(),
            residuals: fit.objective.residuals,
            // Losses that follow the law exactly leave nothing to learn; a design still needs a
            // unit.
            noise: fit.spread.max(1e-9),
            made: Made { columns: columns.collect(), weight: weight.collect() },
            is_prior: false,
            values: fit.best_and_draws(None),
            prior: vec![f64::INFINITY; free.len()],
            free,
        })
    }

    /// Published constants taken for a first guess: every one lognormal around its published
    /// value, independent of the others.
    ///
    /// # Errors
    /// Constants that the catalogue does not have or that are not above 0, ranges that are none,
    /// and a law that does not take N and D.
    pub fn of_prior(published: &str, prior: &Prior) -> Result<Self, Diagnostic> {
        let believed = Believed::published(published)?;
        let best = |name: &str| believed.values().get(name).map_or(f64::NAN, |column| column[0]);
        let law = believed.law.clone();
        needs_size_and_data(&law)?;
        prior.check(&law)?;
        let free: Vec<usize> =
            (0..law.parameters.len()).filter(|&i| law.parameters[i].fixed.is_none()).collect();
        let mut columns = Columns::new(1 + prior.draws);
        let mut spreads = Vec::with_capacity(free.len());
        for (index, parameter) in law.parameters.iter().enumerate() {
            let published = best(&parameter.name);
            if !free.contains(&index) {
                columns.set(&parameter.name, vec![published; 1 + prior.draws]);
                continue;
            }
            let stated = prior.ranges.iter().find(|(known, _)| *known == parameter.name);
            let (low, high) = stated
                .map_or((published / prior.factor, published * prior.factor), |(_, ends)| *ends);
            if !(low > 0.0 && high > low && high.is_finite()) {
                return Err(Diagnostic::error(format!(
                    "a prior needs `{}` above 0, but it may be {low} to {high}",
                    parameter.name
                ))
                .help(format!("state its range: --prior {}=LOW..HIGH", parameter.name)));
            }
            let (middle, sd) = (0.5 * (low * high).ln(), 0.5 * (high / low).ln() / Z95);
            let mut random = ChaCha8Rng::seed_from_u64(prior.seed);
            random.set_stream(index as u64);
            let (least, most) = parameter.bounds;
            let draws = (0..prior.draws).map(|_| {
                (middle + sd * random.sample::<f64, _>(StandardNormal)).exp().clamp(least, most)
            });
            // A stated range moves the middle too: what was published is then not believed.
            let centre = if stated.is_some() { middle.exp() } else { published };
            columns.set(&parameter.name, std::iter::once(centre).chain(draws).collect());
            spreads.push(sd);
        }
        Ok(Self {
            name: published.to_owned(),
            residuals: law.residuals,
            noise: prior.noise,
            made: Made {
                columns: law.variables.iter().map(|v| (v.name.clone(), Vec::new())).collect(),
                weight: Vec::new(),
            },
            is_prior: true,
            values: columns,
            free,
            prior: spreads,
            law,
        })
    }

    /// Draws beside the best values.
    pub fn draws(&self) -> usize {
        self.values.rows().saturating_sub(1)
    }

    /// All parameters of one row: 0 for the best values, then the draws.
    pub(crate) fn point(&self, row: usize) -> Vec<f64> {
        let names = self.law.parameters.iter();
        names.map(|p| self.values.get(&p.name).map_or(f64::NAN, |column| column[row])).collect()
    }

    /// The law's variables other than N and D: as `asked`, or the one value that all runs have.
    ///
    /// # Errors
    /// A variable with neither.
    pub fn others(&self, asked: &Setting) -> Result<Setting, Diagnostic> {
        let mut others = Setting::new();
        for variable in &self.law.variables {
            let name = variable.name.as_str();
            if ["N", "D"].contains(&name) {
                continue;
            }
            let column = self.made.column(name);
            let constant = column.first().filter(|first| column.iter().all(|x| x == *first));
            let Some(value) = asked.get(name).or(constant.copied()) else {
                return Err(Diagnostic::error(format!(
                    "the law `{}` also takes `{name}`, which the next runs need a value of",
                    self.law.name
                ))
                .help(format!("give it with --given {name}=VALUE")));
            };
            others = others.with(name, value);
        }
        Ok(others)
    }
}

fn needs_size_and_data(law: &Law) -> Result<(), Diagnostic> {
    if law.splits_compute() {
        return Ok(());
    }
    let takes: Vec<&str> = law.variables.iter().map(|variable| variable.name.as_str()).collect();
    Err(Diagnostic::error(format!(
        "the law `{}` does not take N and D, so nothing says what a run of it costs",
        law.name
    ))
    .note(format!("it takes {}", takes.join(", ")))
    .help("choose a law of N and D, such as chinchilla"))
}

impl Prior {
    fn check(&self, law: &Law) -> Result<(), Diagnostic> {
        let refuse = |option: &str, value: f64, expected: &str| {
            Err(Diagnostic::error(format!("`{option}` of {value} is out of range"))
                .help(format!("give {expected}")))
        };
        if !(self.factor > 1.0 && self.factor <= 100.0) {
            return refuse("--prior-factor", self.factor, "a factor above 1 and up to 100");
        }
        if !(self.noise > 0.0 && self.noise < 1.0) {
            return refuse("--noise", self.noise, "a share between 0 and 1, such as 0.01");
        }
        if !(100..=100_000).contains(&self.draws) {
            return refuse("--bootstrap", self.draws as f64, "from 100 to 100,000 draws");
        }
        let names = law.parameter_names();
        match self.ranges.iter().find(|(name, _)| !names.contains(&name.as_str())) {
            None => Ok(()),
            Some((name, _)) => {
                let problem = Diagnostic::error(format!(
                    "`--prior {name}`: the law `{}` has no parameter `{name}`",
                    law.name
                ));
                Err(match diagnostic::nearest(name, names.iter().copied()) {
                    Some(near) => problem.help(format!("did you mean `{near}`?")),
                    None => problem.note(format!("it has {}", names.join(", "))),
                })
            }
        }
    }
}
