//! `isoflop fit`: the law of a run table, its intervals and its verdict.

use std::fmt::Write as _;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use diagnostic::Diagnostic;
use laws::{Fit, FitError, FitOptions, Law, Profile, Profiled, fit_with_progress, test_sharing};
use runs::{Filter, Observations, Request, RunTable, write_atomically};

use super::Outcome;
use crate::study::Part;
use crate::{interrupt, progress, terminal_plot, text};
use answer::Answer;
use asked::{Asked, AskedArgs};
use holdout::Holdout;
use profiles::Approach;

pub(crate) mod amount;
mod answer;
mod approach;
mod asked;
mod chart;
mod choices;
mod figures;
mod holdout;
pub(crate) mod intervals;
mod json;
pub(crate) mod law_choice;
pub(crate) mod objective;
mod profiles;
mod refusal;
pub(crate) mod rows;
pub(crate) mod show;
#[cfg(test)]
mod tests;
pub(crate) mod words;

pub(crate) use chart::loss_against_compute;
pub(crate) use refusal::refusal;

const EXAMPLES: &str = "\
Examples:
  isoflop fit runs.csv
      Chinchilla's law of every finished run, with 1000 resamples and 90 % intervals
  isoflop fit runs.csv --predict-compute 1e15 --out fit.json
      also say what the best run of 1e15 FLOP would reach, and save the fit with its draws
  isoflop fit runs.csv --predict N=70B,D=1.4T --holdout '1 decade'
      what a run of 70e9 parameters would reach, and how the law does on the largest runs
  isoflop fit sweep.csv --approach 2 --predict-compute 1e21
      IsoFLOP profiles: a parabola per budget, and by how much the parabolas are off by themselves
  isoflop fit sweeps/ --law kaplan-joint --resample wild
      another law of the catalogue, another kind of interval
  isoflop fit runs.csv --formula 'loss = E + A / N^alpha' --bound alpha=0..1 --hold E=1.7
      a law of your own
  isoflop fit w_and_b.csv --column N=n_params --column loss=eval/loss --where group=main
      name the columns, and use a part of the rows
  zcat runs.csv.gz | isoflop fit - --json
      read the standard input and answer in JSON";

/// Fit a scaling law to tables of training runs: parameters, intervals, verdict
///
/// The default law is loss = E + A / N^alpha + B / D^beta (Hoffmann et al. 2022); `isoflop list
/// laws` has others. It is searched for from starts all over its space, the minimum comes with a
/// certificate, and the intervals come from refitting resampled runs. N is parameters, D training
/// tokens, C = 6 N D.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = EXAMPLES, after_help = "Use --help for examples.")]
pub(crate) struct FitArgs {
    #[command(flatten)]
    rows: rows::RowArgs,
    #[command(flatten)]
    law: law_choice::LawArgs,
    /// Which of Hoffmann et al.'s three approaches: 3 fits a law, 1 and 2 need none
    #[arg(long, value_name = "1|2|3", default_value = "3", help_heading = "The law")]
    approach: Approach,
    #[command(flatten)]
    objective: objective::ObjectiveArgs,
    #[command(flatten)]
    intervals: intervals::IntervalArgs,
    #[command(flatten)]
    asked: AskedArgs,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "The answer")]
struct OutputArgs {
    /// Save the fit, draws included, as JSON
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
    /// Leave out the plot
    #[arg(long)]
    no_plot: bool,
    /// Show progress from the start, and off a terminal too
    #[arg(long)]
    progress: bool,
}

/// Fits, reports to `out` and saves where asked.
///
/// # Errors
/// Input that cannot be read, understood or fitted, and files that cannot be written.
pub(crate) fn run(args: &FitArgs, out: &mut dyn Write) -> Result<Outcome, Diagnostic> {
    interrupt::quit_between_files()?;
    text::say(out, &respond(args, terminal_plot::width())?)?;
    Ok(Outcome::Done)
}

/// The answer, in lines of about `width` characters; what is to be saved is saved.
fn respond(args: &FitArgs, width: usize) -> Result<String, Diagnostic> {
    let rows = Rows::read(args)?;
    if args.approach != Approach::Law {
        return without_law(args, &rows, width);
    }
    let fit = rows.fit(args)?;
    let answer = rows.answer(args, &fit)?;
    if let Some(path) = &args.output.out {
        save(path, &fit)?;
    }
    let mut text = if args.output.json {
        format!("{:#}\n", answer.json())
    } else {
        let mut text = answer.for_people(&rows.table, width);
        if !args.output.no_plot {
            text.push('\n');
            text.push_str(&answer.plot().render(width, 18));
        }
        text
    };
    if let (Some(path), false) = (&args.output.out, args.output.json) {
        let _ = writeln!(text, "\nsaved to {}", path.display());
    }
    Ok(text)
}

/// The answer as a part of a study's report.
pub(crate) fn part(args: &FitArgs) -> Result<Part, Diagnostic> {
    let rows = Rows::read(args)?;
    if args.approach != Approach::Law {
        return Err(Diagnostic::error("`--approach 1` and `--approach 2` fit no law")
            .note("a study's report needs one; it shows IsoFLOP profiles beside it where there are any")
            .help("leave out --approach"));
    }
    let fit = rows.fit(args)?;
    rows.answer(args, &fit)?.part()
}

/// What is fitted, and to what.
struct Rows {
    table: RunTable,
    law: Law,
    asked: Asked,
    options: FitOptions,
    request: Request,
    observations: Observations,
    held_out: Option<(Observations, Filter)>,
}

impl Rows {
    fn read(args: &FitArgs) -> Result<Self, Diagnostic> {
        let about = args.law.parameters()?;
        let table = args.rows.table()?;
        let shared = args.rows.shared();
        let named = (about.bounds.iter().map(|(name, _)| name.as_str()))
            .chain(about.held.iter().map(|(name, _)| name.as_str()))
            .chain(shared.iter().flatten().map(String::as_str));
        let law = args.law.law(&table, &args.rows.columns()?, &named.collect::<Vec<_>>())?;
        let asked = args.asked.of(&law)?;
        let objective = args.objective.objective(&law)?;
        let options = args.intervals.set(FitOptions {
            objective: Some(objective),
            held: about.held,
            bounds: about.bounds,
            shared,
            ..FitOptions::default()
        });
        let request = args.rows.request(&law, &[], objective.residuals)?;
        let (observations, held_out) = match &args.asked.holdout {
            None => (Observations::from_table(&table, &request)?, None),
            Some(text) => {
                let (fitted, held, condition) = holdout::split(text, &law, &table, &request)?;
                (fitted, Some((held, condition)))
            }
        };
        Ok(Self { table, law, asked, options, request, observations, held_out })
    }

    fn fit(&self, args: &FitArgs) -> Result<Fit, Diagnostic> {
        let ticks = progress::Work::new(
            format!("fitting {} rows", self.observations.len()),
            Some(self.options.bootstrap),
            args.output.progress,
        );
        fit_with_progress(&self.law, &self.observations, &self.options, &|| ticks.tick())
            .map_err(|problem| refusal(&problem, &self.observations))
    }

    fn answer<'a>(&'a self, args: &FitArgs, fit: &'a Fit) -> Result<Answer<'a>, Diagnostic> {
        let (observations, asked) = (&self.observations, &self.asked);
        let explain = |problem| refusal(&problem, observations);
        let holdout = match &self.held_out {
            Some((held, condition)) => Some(Holdout::new(fit, held, condition).map_err(explain)?),
            None => None,
        };
        let mut answer =
            Answer::new(fit, observations, holdout, asked, args.law.is_typed()).map_err(explain)?;
        let shown = |what: &str| progress::Work::new(what.to_owned(), None, args.output.progress);
        if self.options.shared.is_some() {
            let _shown = shown("testing what is shared");
            let found = test_sharing(&self.law, observations, &self.options).map_err(explain)?;
            answer.sharing = Some(found);
        }
        if args.intervals.profile {
            let _shown = shown("profiling");
            answer.profiles = profiles_of(fit, observations, asked).map_err(explain)?;
        }
        if args.asked.robust {
            let _shown = shown("varying choices");
            let rows = (&self.table, &self.request, observations);
            let varied = choices::vary(&self.law, rows, &self.options, asked, fit);
            answer.choices = Some(varied.map_err(explain)?);
        }
        Ok(answer)
    }
}

/// Approaches 1 and 2.
fn without_law(args: &FitArgs, rows: &Rows, width: usize) -> Result<String, Diagnostic> {
    let observations = &rows.observations;
    args.refuse_what_needs_a_law(&rows.asked)?;
    let mut text = String::new();
    if !args.output.json {
        show::data::title(&mut text, observations);
        show::data::columns(&mut text, observations, std::slice::from_ref(&rows.law), width);
        show::data::left_out(&mut text, observations, &rows.table, width);
        text.push('\n');
    }
    let how = (args.output.json, !args.output.no_plot);
    text.push_str(&profiles::respond(
        args.approach,
        &rows.law,
        observations,
        &rows.options,
        &rows.asked.budgets,
        how,
        width,
    )?);
    Ok(text)
}

/// Profiles of what was fitted, of the exponent of N* and of N* at the budgets asked for, where
/// the law has them.
fn profiles_of(
    fit: &Fit,
    observations: &Observations,
    asked: &Asked,
) -> Result<Vec<Profile>, FitError> {
    let names = fit.estimates.iter().map(|estimate| Profiled::Parameter(estimate.name.clone()));
    let mut of: Vec<Profiled> = names.collect();
    if fit.law.name == "chinchilla" && fit.held.is_empty() && fit.groups().len() == 1 {
        of.push(Profiled::Exponent);
        of.extend(asked.budgets.iter().map(|&budget| Profiled::OptimalSize(budget)));
    }
    of.iter().map(|of| fit.profile(observations, of, fit.options.level)).collect()
}

impl FitArgs {
    /// Approaches 1 and 2 know only the best run of a budget.
    fn refuse_what_needs_a_law(&self, asked: &Asked) -> Result<(), Diagnostic> {
        for (given, option) in [
            (!asked.settings.is_empty(), "--predict"),
            (self.asked.holdout.is_some(), "--holdout"),
            (self.output.out.is_some(), "--out"),
        ] {
            if given {
                return Err(Diagnostic::error(format!(
                    "`{option}` needs a law, but --approach 1 and 2 fit none"
                ))
                .help(format!("leave out {option}, or --approach")));
            }
        }
        Ok(())
    }
}

fn save(path: &Path, fit: &Fit) -> Result<(), Diagnostic> {
    interrupt::whole(|| write_atomically(path, fit.to_json().as_bytes())).map_err(|problem| {
        Diagnostic::error(format!("cannot write `{}`: {problem}", path.display()))
            .help("name a file in a folder that exists and can be written to")
    })
}
