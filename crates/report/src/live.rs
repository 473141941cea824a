//! What the page computes anew when a slider moves.
//!
//! ```text
//!  sliders ──▶ parameters ─┐
//!                          ├─▶ programs ──▶ outputs, one number a draw ──▶ summaries ──▶ numbers,
//!  draws (columns) ────────┘   (JavaScript from `formula`)                               words, figures
//! ```

mod answers;
mod checks;
mod guard;
mod source;

use diagnostic::Diagnostic;
use formula::{Columns, Compiled, Role};
use serde::{Deserialize, Serialize};

pub use checks::{Answer, Check, Checks};
pub use source::{End, Source, Summary};

/// Draws that a swept program is evaluated over, the first ones.
pub const SWEPT_DRAWS: usize = 1_000;

/// Draws behind quantiles of a path at each of its times, the first ones: a band needs no more.
pub const PATH_DRAWS: usize = 2_000;

/// Sliders, draws, and programs that turn them into numbers.
///
/// ```
/// use formula::{Columns, Environment, Program};
/// use report::{Live, Slider, Source};
///
/// let law = Program::parse("<law>", "loss = E + A / C^a")?;
/// let names = Environment::new().parameter("C", "").parameter("A", "").input("E", "").input("a", "");
/// let law = law.check(&names)?.compile(&["loss"])?;
/// let live = Live::new(Columns::new(2).with("E", vec![1.7, 1.8]).with("a", vec![0.05, 0.06]))
///     .slider(Slider::log("C", "Training compute", "FLOP", 1e18, 1e26, 1e22))
///     .constant("A", 20.0)
///     .program("law", &law)?;
/// let loss = live.evaluate(&[("C", 1e24)], &Source::median("law", "loss"))?;
/// assert!((loss[0] - 2.7440).abs() < 1e-3, "{loss:?}");
/// # Ok::<(), diagnostic::Diagnostic>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Live {
    /// In the order shown.
    pub sliders: Vec<Slider>,
    /// Columns of equal length, one row a draw, by the names that programs use.
    pub draws: Vec<Draws>,
    /// Numbers that programs need and no slider sets, by name.
    #[serde(default)]
    pub constants: Vec<(String, f64)>,
    /// Names that programs get from the answers of others: all draws of a source that says so, else
    /// its first number.
    #[serde(default)]
    pub derived: Vec<(String, Source)>,
    /// Evaluated when a slider that they use moves.
    pub programs: Vec<LiveProgram>,
    /// Answers at other settings, as computed in Rust; the page can check itself against them.
    #[serde(default)]
    pub checks: Vec<Checks>,
}

/// Values of one name, one a draw.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Draws {
    /// The name in programs.
    pub name: String,
    /// One number a draw, in the unit in which programs declare the name.
    #[serde(with = "crate::frame::numbers")]
    pub values: Vec<f64>,
}

/// An input that the reader sets.
///
/// Its name is that of a parameter of a program, or that of a column of draws: such an input is
/// uncertain until the slider moves, and has one value in all draws then.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slider {
    /// The name in programs.
    pub name: String,
    /// What it is, plain text.
    pub label: String,
    /// Shown after the number; the unit in which programs declare the name.
    #[serde(default)]
    pub unit: String,
    /// Lowest value.
    pub from: f64,
    /// Highest value.
    pub to: f64,
    /// The study's value; for an input that has draws, their median.
    pub value: f64,
    /// Equal ways on the slider are equal factors.
    #[serde(default)]
    pub log: bool,
    /// How its number is written.
    #[serde(default)]
    pub notation: crate::number::Notation,
    /// A sentence for the reader.
    #[serde(default)]
    pub note: String,
}

/// A program as JavaScript.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LiveProgram {
    /// What sources call it.
    pub name: String,
    /// `(input, rows) => output`, from [`Compiled::to_javascript`] and nothing else: anything
    /// that is not arithmetic is refused.
    pub javascript: String,
    /// Names that need a column.
    pub inputs: Vec<String>,
    /// Names that need a number.
    pub parameters: Vec<String>,
    /// Each output with its columns: one, or one for each time of a path.
    pub outputs: Vec<(String, Vec<String>)>,
    /// A name that the program is evaluated over, value by value, and the values; the lines of a
    /// figure come from it.
    #[serde(default)]
    pub sweep: Option<Sweep>,
    /// Rows of its own, instead of the draws.
    #[serde(default)]
    pub swings: Option<Swings>,
    /// What the JavaScript was written from, to compute the same in Rust.
    #[serde(skip)]
    compiled: Option<Compiled>,
}

/// A name that takes one value after the other.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sweep {
    /// The name in the program.
    pub name: String,
    /// Its values: the rows of a figure's frame.
    pub values: Vec<f64>,
}

/// Rows in which one input after the other stands at either end and all others in the middle.
///
/// The first row has all in the middle, then come two rows an input: it at its low end, and at its
/// high end. A slider that is moved is where its input stands, but for the rows in which it swings.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Swings {
    /// The inputs that are swung, in the order of a figure's rows.
    pub swung: Vec<Swing>,
    /// Those that are not, each with the value that it has.
    #[serde(default)]
    pub held: Vec<(String, f64)>,
}

/// An input that is swung.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Swing {
    /// The name in the program.
    pub name: String,
    /// Its lower end.
    pub low: f64,
    /// Its median.
    pub middle: f64,
    /// Its upper end.
    pub high: f64,
}

impl Live {
    /// No sliders and no programs over `draws`, whose single numbers become constants.
    pub fn new(draws: Columns) -> Self {
        let draws = draws.into_columns();
        let draws = draws.into_iter().map(|(name, values)| Draws { name, values }).collect();
        Self { draws, ..Self::default() }
    }

    /// Adds a slider.
    #[must_use]
    pub fn slider(mut self, slider: Slider) -> Self {
        self.sliders.push(slider);
        self
    }

    /// Adds a number that programs need.
    #[must_use]
    pub fn constant(mut self, name: impl Into<String>, value: f64) -> Self {
        self.constants.push((name.into(), value));
        self
    }

    /// Adds a program over the draws.
    pub fn program(mut self, name: &str, compiled: &Compiled) -> Result<Self, Diagnostic> {
        self.programs.push(LiveProgram::new(name, compiled)?);
        Ok(self)
    }

    /// Adds a program over rows in which its inputs swing one by one.
    pub fn swung_program(
        mut self,
        name: &str,
        compiled: &Compiled,
        swings: Swings,
    ) -> Result<Self, Diagnostic> {
        let program = LiveProgram::new(name, compiled)?;
        self.programs.push(LiveProgram { swings: Some(swings), ..program });
        Ok(self)
    }

    /// Adds a name that programs get from the answers of others.
    #[must_use]
    pub fn derive(mut self, name: impl Into<String>, source: Source) -> Self {
        self.derived.push((name.into(), source));
        self
    }

    /// Adds a program that is evaluated for each of `values` of the name `sweep`, each time over
    /// the first [`SWEPT_DRAWS`] draws: the lines of a figure move with a slider, and need no more.
    pub fn swept_program(
        mut self,
        name: &str,
        compiled: &Compiled,
        sweep: &str,
        values: Vec<f64>,
    ) -> Result<Self, Diagnostic> {
        let sweep = Sweep { name: sweep.to_owned(), values };
        let program = LiveProgram::new(name, compiled)?;
        self.programs.push(LiveProgram { sweep: Some(sweep), ..program });
        Ok(self)
    }

    /// The number of draws: 1 where there are no columns.
    pub fn rows(&self) -> usize {
        self.draws.first().map_or(1, |draws| draws.values.len())
    }
}

impl LiveProgram {
    fn new(name: &str, compiled: &Compiled) -> Result<Self, Diagnostic> {
        let columns = compiled.column_names();
        let names_of = |output: &formula::Output| {
            (output.name.clone(), columns[output.columns.clone()].to_vec())
        };
        let inputs = compiled.inputs();
        let program = Self {
            name: name.to_owned(),
            javascript: compiled.to_javascript(),
            inputs: inputs
                .into_iter()
                .filter(|input| input.role != Role::Parameter)
                .map(|input| input.name)
                .collect(),
            parameters: compiled.parameters().into_iter().map(str::to_owned).collect(),
            outputs: compiled.outputs().iter().map(names_of).collect(),
            compiled: Some(compiled.clone()),
            ..Self::default()
        };
        program.guard()?;
        Ok(program)
    }
}

impl PartialEq for LiveProgram {
    fn eq(&self, other: &Self) -> bool {
        (&self.name, &self.javascript, &self.sweep, &self.swings)
            == (&other.name, &other.javascript, &other.sweep, &other.swings)
    }
}

impl Slider {
    /// A slider on which equal ways are equal steps.
    pub fn linear(
        name: impl Into<String>,
        label: impl Into<String>,
        unit: impl Into<String>,
        from: f64,
        to: f64,
        value: f64,
    ) -> Self {
        let (name, label, unit) = (name.into(), label.into(), unit.into());
        Self { name, label, unit, from, to, value, ..Self::default() }
    }

    /// A slider on which equal ways are equal factors.
    pub fn log(
        name: impl Into<String>,
        label: impl Into<String>,
        unit: impl Into<String>,
        from: f64,
        to: f64,
        value: f64,
    ) -> Self {
        Self { log: true, ..Self::linear(name, label, unit, from, to, value) }
    }

    /// Sets how its number is written.
    #[must_use]
    pub fn notation(mut self, notation: crate::number::Notation) -> Self {
        self.notation = notation;
        self
    }

    /// Sets the sentence for the reader.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }
}
