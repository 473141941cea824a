//! A scenario: what is assumed, how it unfolds, what is asked.

use std::path::Path;

use diagnostic::Diagnostic;
use draws::Level;

use crate::written::Written;

mod change;
mod file;
mod fit;
mod toml_parts;

pub(crate) use change::plain_input;
pub use file::Reader;

/// The number of samples of a scenario that names none.
pub const SAMPLES: usize = 100_000;

/// The most samples a scenario may ask for.
pub const MOST_SAMPLES: usize = 100_000_000;

/// A scenario as written: read and complete, but not yet checked (see [`Model`](crate::Model)).
///
/// ```
/// use forecast::Scenario;
///
/// let scenario = Scenario::from_toml("gap.toml", r#"
///     [inputs]
///     gap = { value = "300 to 3000", source = "a survey", note = "frontier over follower" }
///     growth = "2x/yr to 8x/yr"
///     [outputs]
///     closes_in = "ln(gap) / growth"
/// "#)?;
/// assert_eq!(scenario.inputs[0].source, "a survey");
/// # Ok::<(), diagnostic::Diagnostic>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Scenario {
    /// Where it was read from.
    pub origin: String,
    /// The question it answers.
    pub title: String,
    /// What a reader should know before believing it.
    pub notes: String,
    /// The time axis, if anything in it runs over time.
    pub time: Option<TimeAxis>,
    /// How many samples to draw.
    pub samples: Option<usize>,
    /// The seed of the draws.
    pub seed: Option<u64>,
    /// The level of `a to b` in its inputs, where stated.
    pub stated_level: Option<Level>,
    /// Sets of priors from which names that are not defined here are taken.
    pub uses: Vec<crate::priors::PriorSet>,
    /// Units of its own.
    pub units: Vec<(Written, Written)>,
    /// What is assumed.
    pub inputs: Vec<Input>,
    /// Rank correlations between inputs.
    pub correlations: Vec<Correlation>,
    /// States that go on from step to step.
    pub series: Vec<Series>,
    /// Regimes, each of which is run on the same draws.
    pub choices: Vec<Choice>,
    /// Intermediate definitions and functions: head and body.
    pub model: Vec<(Written, Written)>,
    /// What is asked.
    pub outputs: Vec<Output>,
    /// Of which values the sensitivity is asked, and how.
    pub sensitivity: Vec<SensitivityRequest>,
    /// Published claims to test.
    pub checks: Vec<Check>,
    /// Observed series.
    pub data: Vec<crate::data::DataSpec>,
    /// Trends fitted to them.
    pub trends: Vec<TrendRequest>,
}

/// The time axis: two dates and a step.
#[derive(Debug, Clone, PartialEq)]
pub struct TimeAxis {
    /// The first time.
    pub from: Written,
    /// The last time.
    pub to: Written,
    /// The distance between times.
    pub step: Written,
}

/// An assumption, with where it comes from.
#[derive(Debug, Clone, PartialEq)]
pub struct Input {
    /// Its name in formulas.
    pub name: Written,
    /// A number or a distribution; of an input from a trend what stands in for it.
    pub value: Written,
    /// Where it comes from; empty when not stated.
    pub source: String,
    /// What to know about it.
    pub note: String,
    /// When it was written down, as a date; empty when not stated.
    pub date: String,
    /// The range that its source gives, where that is not the value itself.
    pub source_range: Option<Written>,
    /// The trend and the quantity of it that this input draws from.
    pub trend: Option<Written>,
}

/// The rank correlation of two inputs (Spearman, through a Gaussian copula).
#[derive(Debug, Clone, PartialEq)]
pub struct Correlation {
    /// One input.
    pub a: String,
    /// The other.
    pub b: String,
    /// From -1 to 1.
    pub rho: f64,
    /// Where it is written.
    pub place: Written,
}

/// A path: in closed form, or from a start by steps.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Its name.
    pub name: Written,
    /// How it goes on.
    pub form: SeriesForm,
}

/// How a series goes on.
#[derive(Debug, Clone, PartialEq)]
pub enum SeriesForm {
    /// Its value at time `t`.
    At(Written),
    /// Its first value, and the value after each step.
    Steps {
        /// At the first time.
        start: Written,
        /// After a step.
        next: Written,
    },
}

/// A regime question: each variant is run on the same draws.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// Its name in formulas.
    pub name: Written,
    /// The variants: name and value.
    pub variants: Vec<(Written, Written)>,
}

/// Something asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Output {
    /// Its name.
    pub name: Written,
    /// What it is.
    pub expression: Written,
    /// The unit to show it in.
    pub unit: Option<Written>,
    /// What to know about it.
    pub note: String,
}

/// A sensitivity analysis asked for in the file.
#[derive(Debug, Clone, PartialEq)]
pub struct SensitivityRequest {
    /// Of what: a single value for each sample.
    pub of: Written,
    /// One bar an input.
    pub tornado: bool,
    /// Shares of variance.
    pub sobol: bool,
}

/// A published claim to recompute.
#[derive(Debug, Clone, PartialEq)]
pub struct Check {
    /// Its name.
    pub claim: Written,
    /// What it says, in words.
    pub words: String,
    /// Where it was made.
    pub source: String,
    /// The values it was made with, in place of the scenario's own.
    pub with: Vec<(Written, Written)>,
    /// Inputs of its own.
    pub given: Vec<(Written, Written)>,
    /// What it is about; `None` where nobody can compute it.
    pub expression: Option<Written>,
    /// What nobody has measured; empty where it can be computed.
    pub missing: String,
    /// What it says, or the lower end of a stated range; `None` where it says no number.
    pub stated: Option<Written>,
    /// The upper end of a stated range.
    pub stated_to: Option<Written>,
    /// How close counts as agreement: a share of what is stated, or an amount in its unit.
    pub within: Written,
    /// How close still counts as agreement in part.
    pub partly: Option<Written>,
    /// How it stood when it was written down.
    pub verdict: Option<crate::check::Verdict>,
    /// What to know about it.
    pub note: String,
}

/// A trend to be fitted to a data series of the scenario.
#[derive(Debug, Clone, PartialEq)]
pub struct TrendRequest {
    /// Its name.
    pub name: Written,
    /// The data series.
    pub data: Written,
    /// The shape: `log-linear`, `kink`, ...
    pub shape: Option<Written>,
    /// Keep the largest so many at each date, without hindsight.
    pub top: Option<usize>,
    /// Earlier and later observations take no part; decimal years.
    pub window: (f64, f64),
    /// Later observations are not known.
    pub(crate) known_until: Option<f64>,
    /// The fit, once it is made.
    pub(crate) fitted: crate::trend_input::Fitted,
}

impl Scenario {
    /// Reads a scenario's file, with the files it names, which are sought beside it.
    ///
    /// # Errors
    /// A file that cannot be read, and whatever [`Scenario::from_toml`] refuses.
    pub fn read(path: &Path) -> Result<Self, Diagnostic> {
        let text = std::fs::read_to_string(path).map_err(|problem| {
            Diagnostic::error(format!("{} cannot be read: {problem}", path.display()))
                .help("give the path of a scenario's file, or a name that `isoflop list scenarios` prints")
        })?;
        Self::from_toml_with(&path.display().to_string(), &text, &file::beside)
    }

    /// A scenario from a text that is no file; what it names is read from the current folder.
    ///
    /// # Errors
    /// As [`Scenario::read`].
    pub fn from_text_here(origin: &str, text: &str) -> Result<Self, Diagnostic> {
        Self::from_toml_with(origin, text, &file::beside)
    }

    /// A scenario from the text of its file, which came from `origin` and names no other file.
    ///
    /// # Errors
    /// Text that is not TOML, entries that are missing or unknown, and files that it names. Each
    /// points at its place. Names, units and kinds are checked by [`Model`](crate::Model).
    pub fn from_toml(origin: &str, text: &str) -> Result<Self, Diagnostic> {
        Self::from_toml_with(origin, text, &|_, wanted| {
            Err(std::io::Error::new(
                std::io::ErrorKind::NotFound,
                format!("`{wanted}` is another file, which cannot be reached from here"),
            ))
        })
    }

    /// Like [`Scenario::from_toml`], with a way to read the files that it names.
    ///
    /// # Errors
    /// As [`Scenario::from_toml`]; and a file based on itself, by whatever detour.
    pub fn from_toml_with(
        origin: &str,
        text: &str,
        reader: Reader<'_>,
    ) -> Result<Self, Diagnostic> {
        file::read(origin, text, reader)
    }

    /// The number of samples, as stated or [`SAMPLES`].
    pub fn samples(&self) -> usize {
        self.samples.unwrap_or(SAMPLES)
    }

    /// The seed, as stated or 0.
    pub fn seed(&self) -> u64 {
        self.seed.unwrap_or(0)
    }

    /// The level of `a to b` in its inputs; 90% (p5 to p95) unless stated.
    pub fn level(&self) -> Level {
        self.stated_level.unwrap_or_default()
    }

    /// The input of this name.
    pub fn input(&self, name: &str) -> Option<&Input> {
        self.inputs.iter().find(|input| input.name.text() == name)
    }

    /// The names of the outputs.
    pub fn output_names(&self) -> Vec<&str> {
        self.outputs.iter().map(|output| output.name.text()).collect()
    }

    /// Every combination of the choices' variants, the first choice varying slowest; one empty
    /// combination where there is no choice.
    pub fn combinations(&self) -> Vec<Vec<usize>> {
        let mut all = vec![Vec::new()];
        for choice in &self.choices {
            all = all
                .into_iter()
                .flat_map(|combination: Vec<usize>| {
                    (0..choice.variants.len()).map(move |variant| {
                        let mut longer = combination.clone();
                        longer.push(variant);
                        longer
                    })
                })
                .collect();
        }
        all
    }
}
