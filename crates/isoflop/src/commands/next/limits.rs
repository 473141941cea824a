//! What a run may be, as the options say it.

use clap::Args;
use diagnostic::Diagnostic;
use plan::design::{Knowledge, Limits};
use runs::{Flop, Parameters, Tokens};

use super::super::fit::amount::{number, positive};
use super::family::Family;
use crate::commands::quantity;

/// What a run may be.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "The runs that can be made")]
pub(super) struct LimitArgs {
    /// The largest model [default: what the budget buys]
    #[arg(long, value_name = "N")]
    max_parameters: Option<String>,
    /// The smallest model [default: the smallest of the runs]
    #[arg(long, value_name = "N")]
    min_parameters: Option<String>,
    /// The memory of a device: at most a parameter for every 16 bytes of it, for mixed precision
    /// with Adam on one device
    #[arg(long, value_name = "BYTES", conflicts_with = "max_parameters")]
    memory: Option<String>,
    /// The only sizes there are, as in `10M,30M,100M`
    #[arg(long, value_name = "SIZES", value_delimiter = ',')]
    sizes: Vec<String>,
    /// The most FLOP of one run [default: the budget of a batch]
    #[arg(long, value_name = "FLOP")]
    max_run: Option<String>,
    /// The least FLOP of one run [default: the least of the runs made, or a thousandth of the
    /// budget]
    #[arg(long, value_name = "FLOP")]
    min_run: Option<String>,
    /// Tokens per parameter [default: those of the runs, or 2..200]
    #[arg(long, value_name = "LOW..HIGH")]
    ratio: Option<String>,
    /// The fewest steps of a run; with --batch
    #[arg(long, value_name = "STEPS", requires = "batch")]
    min_steps: Option<String>,
    /// Tokens in a batch of training
    #[arg(long, value_name = "TOKENS", requires = "min_steps")]
    batch: Option<String>,
    /// The most tokens of a run
    #[arg(long, value_name = "D")]
    max_tokens: Option<String>,
    /// The most runs of a batch of experiments
    #[arg(long, value_name = "COUNT", default_value_t = 20)]
    pub(super) max_runs: usize,
    /// The most runs of one setting, with different seeds
    #[arg(long, value_name = "COUNT", default_value_t = 3)]
    pub(super) repeats: usize,
    /// How many runs to choose from
    #[arg(long, value_name = "COUNT", default_value_t = 2000)]
    pub(super) candidates: usize,
}

/// Bytes of a parameter, its gradient and Adam's state in mixed precision (Rajbhandari et al.
/// 2020, arXiv:1910.02054, section 3.1). Activations come on top.
const BYTES_PER_PARAMETER: f64 = 16.0;

/// The largest size or length there is, where nothing limits it.
const ENDLESS: f64 = 1e30;

impl LimitArgs {
    /// The limits, with what is not said taken from the runs.
    pub(super) fn limits(
        &self,
        known: &Knowledge,
        batch: Flop,
        family: Option<&Family>,
    ) -> Result<Limits, Diagnostic> {
        let size = |text: &Option<String>, option: &str| {
            text.as_deref().map(|text| positive(text, option)).transpose()
        };
        let flop = |text: &Option<String>, option: &str| {
            text.as_deref().map(|text| quantity::flop(text, option)).transpose()
        };
        let made = &known.made;
        let ends = |of: &dyn Fn(f64, f64) -> f64| {
            made.column("N").iter().zip(made.column("D")).fold(None, |ends, (&n, &d)| {
                let (low, high) = ends.unwrap_or((f64::INFINITY, f64::NEG_INFINITY));
                let value = of(n, d);
                Some((value.min(low), value.max(high)))
            })
        };
        let memory = self.memory.as_deref();
        let memory = memory.map(|text| quantity::positive(text, "--memory", "B")).transpose()?;
        let largest = size(&self.max_parameters, "--max-parameters")?
            .or(memory.map(|bytes| bytes / BYTES_PER_PARAMETER));
        let mut sizes = Vec::new();
        for text in &self.sizes {
            sizes.push(Parameters(positive(text, "--sizes")?));
        }
        if let Some(family) = family {
            if !sizes.is_empty() {
                return Err(Diagnostic::error("`--sizes` and a family of models are both given")
                    .help("leave out --sizes, or --family, --sweep and --nanochat"));
            }
            sizes = family.models.iter().map(|(_, size)| *size).collect();
        }
        sizes.sort_by(|a, b| a.get().total_cmp(&b.get()));
        sizes.dedup();
        // Sizes that exist may be smaller than any run so far; else the law is tried where it was.
        let smallest = match made.range("N") {
            Some((low, _)) if sizes.is_empty() => low,
            _ => 1.0,
        };
        let steps = size(&self.min_steps, "--min-steps")?;
        let tokens = size(&self.batch, "--batch")?;
        let ratio = match &self.ratio {
            Some(text) => range(text)?,
            None => ends(&|n, d| d / n).unwrap_or((2.0, 200.0)),
        };
        let least = ends(&|n, d| 6.0 * n * d).map_or(batch.get() / 1e3, |(low, _)| low);
        Ok(Limits {
            parameters: (
                Parameters(size(&self.min_parameters, "--min-parameters")?.unwrap_or(smallest)),
                Parameters(largest.unwrap_or(ENDLESS)),
            ),
            tokens: (
                Tokens(steps.zip(tokens).map_or(1.0, |(steps, tokens)| steps * tokens)),
                Tokens(size(&self.max_tokens, "--max-tokens")?.unwrap_or(ENDLESS)),
            ),
            tokens_per_parameter: ratio,
            run: (
                Flop(flop(&self.min_run, "--min-run")?.unwrap_or(least.min(batch.get()))),
                Flop(flop(&self.max_run, "--max-run")?.unwrap_or(batch.get())),
            ),
            sizes,
        })
    }
}

/// `1..500`.
fn range(text: &str) -> Result<(f64, f64), Diagnostic> {
    let ends = text.split_once("..").and_then(|(low, high)| Some((number(low)?, number(high)?)));
    ends.filter(|(low, high)| *low > 0.0 && low <= high).ok_or_else(|| {
        Diagnostic::error(format!("`--ratio {text}` is no range of tokens per parameter"))
            .help("write the least and the most, as in --ratio 2..200")
    })
}
