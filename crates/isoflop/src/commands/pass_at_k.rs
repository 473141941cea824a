//! `isoflop pass-at-k`: how the share of problems solved grows with samples.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use diagnostic::Diagnostic;
use laws::sampling::{
    BetaFit, Counts, Coverage, PassAtK, PowerLaw, SampleBudget, log_spaced, pass_at,
};
use runs::{Filter, RunTable};
use serde_json::{Value, json};

use super::Outcome;
use crate::commands::shares::share;
use crate::study::Part;
use crate::{interrupt, terminal_plot, text};

mod figures;
mod show;
#[cfg(test)]
mod tests;

const EXAMPLES: &str = "\
Examples:
  isoflop pass-at-k counts.csv
      pass@k up to the samples at hand, and what a law says beyond
  isoflop pass-at-k counts.csv --where model=pythia-1b --k 1,100,1e6 --target 0.9
      for these k, and how many samples solve nine problems of ten
  isoflop pass-at-k counts.csv --json
      for programs";

/// Say how the share of problems solved grows with the number of samples
///
/// The table has one row per problem: how many samples were drawn and how many were right
/// (`n_samples`, `n_correct`). Up to the samples at hand pass@k is unbiased (Chen et al. 2021).
/// Beyond, success rates of problems are taken to follow a Beta distribution, fitted to the counts
/// by maximum likelihood with draws for its interval, and beside it stands the power law
/// -ln pass@k = a k^-b (Schaeffer et al. 2025), which has none.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = EXAMPLES, after_help = "Use --help for examples.")]
pub(crate) struct PassAtKArgs {
    /// The table: one row per problem with `n_samples` and `n_correct`, or `-`
    #[arg(value_name = "COUNTS")]
    counts: PathBuf,
    /// Keep only rows that meet a condition, as in `model=pythia-1b`
    #[arg(long = "where", value_name = "CONDITION")]
    conditions: Vec<String>,
    /// The numbers of samples to say pass@k for [default: up to 100 times those at hand]
    #[arg(long, value_name = "K", value_delimiter = ',')]
    k: Vec<f64>,
    /// Shares of problems to reach, as in `0.9`: how many samples that takes
    #[arg(long, value_name = "SHARE", value_delimiter = ',')]
    target: Vec<f64>,
    /// How many draws of the Beta distribution give the intervals; 0 for none
    #[arg(long, value_name = "COUNT", default_value_t = 1000)]
    draws: usize,
    /// The level of the intervals
    #[arg(long, value_name = "SHARE", default_value_t = 0.9, value_parser = share)]
    level: f64,
    /// The seed of the draws
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
    /// Leave out the plot
    #[arg(long)]
    no_plot: bool,
}

/// Everything that was computed.
pub(crate) struct Answer {
    pub(crate) origin: String,
    pub(crate) problems: usize,
    pub(crate) samples: u64,
    pub(crate) level: f64,
    pub(crate) rows: Vec<Row>,
    /// The Beta distribution, or why there is none.
    pub(crate) beta: Result<BetaFit, String>,
    /// The power law through pass@k at logarithmically spaced k, or why there is none.
    pub(crate) power: Result<PowerLaw, String>,
    /// Per target the budget under the Beta distribution and under the power law.
    pub(crate) targets: Vec<(f64, Option<SampleBudget>, Option<f64>)>,
}

/// pass@k in three ways.
pub(crate) struct Row {
    pub(crate) k: f64,
    /// As counted; `None` for more samples than there are.
    pub(crate) counted: Option<PassAtK>,
    pub(crate) beta: Option<Coverage>,
    pub(crate) power: Option<f64>,
}

/// Counts, fits and reports.
///
/// # Errors
/// A table that is not one of counts, and options out of range.
pub(crate) fn run(args: &PassAtKArgs, out: &mut dyn Write) -> Result<Outcome, Diagnostic> {
    interrupt::quit_between_files()?;
    let answer = answer(args)?;
    let mut said = if args.json {
        format!("{:#}\n", json_of(&answer, args.seed))
    } else {
        show::for_people(&answer, terminal_plot::width())
    };
    if !args.json && !args.no_plot {
        said.push('\n');
        said.push_str(&show::plot(&answer).render(terminal_plot::width(), 16));
    }
    text::say(out, &said)?;
    Ok(Outcome::Done)
}

/// The answer as a part of a study's report.
pub(crate) fn part(args: &PassAtKArgs) -> Result<Part, Diagnostic> {
    Ok(figures::part(&answer(args)?, args.seed))
}

fn answer(args: &PassAtKArgs) -> Result<Answer, Diagnostic> {
    let refuse = |option: &str, value: f64, expected: &str| {
        Err(Diagnostic::error(format!("`--{option} {value}` is out of range"))
            .help(format!("give {expected}")))
    };
    if !(0.01..=0.999).contains(&args.level) {
        return refuse("level", args.level, "a share between 0.01 and 0.999");
    }
    if let Some(&k) = args.k.iter().find(|k| !(1.0..=1e15).contains(*k) || k.fract() != 0.0) {
        return refuse("k", k, "whole numbers of samples from 1 to 1e15");
    }
    if let Some(&target) = args.target.iter().find(|share| !(0.0..1.0).contains(*share)) {
        return refuse("target", target, "shares of problems from 0 to less than 1");
    }
    let filters: Vec<Filter> =
        args.conditions.iter().map(|text| text.parse()).collect::<Result<_, _>>()?;
    let table = RunTable::read(&args.counts)?;
    let counts = Counts::from_table(&table, &filters)?;
    let samples = counts.fewest_samples();
    let beta = BetaFit::to_counts(&counts, args.draws, args.seed).map_err(|p| p.to_string());
    let power = PowerLaw::to_counts(&counts, samples).map_err(|p| p.message().to_owned());
    let ks = if args.k.is_empty() {
        let mut ks: Vec<f64> = log_spaced(samples, 5).into_iter().map(|k| k as f64).collect();
        ks.extend([10.0, 100.0].map(|factor| factor * samples as f64));
        ks
    } else {
        args.k.clone()
    };
    let row = |&k: &f64| -> Result<Row, Diagnostic> {
        let whole = k as u64;
        Ok(Row {
            k,
            counted: (whole <= samples).then(|| pass_at(&counts, whole)).transpose()?,
            beta: beta.as_ref().ok().map(|fit| fit.pass_at(k, args.level)),
            power: power.as_ref().ok().map(|law| law.pass_at(k)),
        })
    };
    let rows = ks.iter().map(row).collect::<Result<_, _>>()?;
    let targets = args.target.iter().map(|&share| {
        (
            share,
            beta.as_ref().ok().and_then(|fit| fit.samples_for(share, args.level)),
            power.as_ref().ok().and_then(|law| law.samples_for(share)),
        )
    });
    Ok(Answer {
        origin: table.origin().to_owned(),
        problems: counts.problems(),
        samples,
        level: args.level,
        rows,
        targets: targets.collect(),
        beta,
        power,
    })
}

fn json_of(answer: &Answer, seed: u64) -> Value {
    let beta = match &answer.beta {
        Ok(fit) => json!({
            "alpha": fit.rates.alpha,
            "beta": fit.rates.beta,
            "log_likelihood": fit.log_likelihood,
            "draws": fit.draws.len(),
        }),
        Err(problem) => json!({ "refused": problem }),
    };
    let power = match &answer.power {
        Ok(law) => json!({ "a": law.a, "b": law.b, "residual": law.residual }),
        Err(problem) => json!({ "refused": problem }),
    };
    json!({
        "schema_version": 1,
        "version": env!("CARGO_PKG_VERSION"),
        "command": "pass-at-k",
        "origin": answer.origin,
        "problems": answer.problems,
        "samples": answer.samples,
        "level": answer.level,
        "seed": seed,
        "beta": beta,
        "power_law": power,
        "pass_at_k": answer.rows.iter().map(|row| json!({
            "k": row.k,
            "counted": row.counted.as_ref().map(|pass| json!({
                "value": pass.value,
                "standard_error": pass.standard_error,
            })),
            "beta": row.beta.as_ref().map(|beta| json!({
                "value": beta.value,
                "interval": beta.interval,
            })),
            "power_law": row.power,
        })).collect::<Vec<Value>>(),
        "targets": answer.targets.iter().map(|(share, beta, power)| json!({
            "share": share,
            "beta": beta.as_ref().map(|budget| json!({
                "samples": budget.samples,
                "interval": budget.interval,
            })),
            "power_law": power,
        })).collect::<Vec<Value>>(),
    })
}
