//! The `isoflop` command.

mod commands;
mod interrupt;
mod local_page;
mod progress;
mod study;
mod table;
mod terminal_plot;
mod text;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use diagnostic::Diagnostic;

use commands::{
    Outcome, claims, compare, diff, eval, fit, forecast, lab, list, man, new, next, pass_at_k,
    plan, portfolio, quickstart, report, run, simulate, split, trend, watch,
};

const LONG_ABOUT: &str = "\
Isoflop, the scaling laboratory: fits scaling laws to training runs, plans the next run, makes such
runs, forecasts what follows, and calculates with units, growth and uncertainty.

Start with `isoflop quickstart`: it trains a family of small models on this machine, fits a law to
them, predicts a larger one, trains that too, and says how close the prediction came.

The loop, one command each:
  isoflop fit runs.csv --out fit.json                     the law of your runs, and how far to trust it
  isoflop plan --law fit.json --budget '10 M USD'         what to train with a budget
  isoflop simulate dgx-h100 --model llama3-8b             what a machine really delivers
  isoflop forecast gap                                    when something happens, and how sure that is
  isoflop next runs.csv --budget '1e20 FLOP' --target '1e22 FLOP'   which experiment to make first
  isoflop lab sweep sweep.toml                            make it: real runs on this machine

All of it in one file, answered into one page that stays live:
  isoflop new runs.csv && isoflop run study.toml --open

Every command has examples: isoflop COMMAND --help. Everything printed also comes as --json.";

const EXIT_CODES: &str = "\
Exit codes: 0 done, 1 the answer is no, 2 bad input, 3 interrupted (what was done is kept).
Environment: NO_COLOR, ISOFLOP_CACHE (tokenised text), CARGO_HOME (the default corpus).";

#[derive(Parser)]
#[command(name = "isoflop", version, about = "The scaling laboratory", long_about = LONG_ABOUT)]
#[command(after_help = EXIT_CODES, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Quickstart(quickstart::QuickstartArgs),
    New(new::NewArgs),
    Run(run::RunArgs),
    Report(report::ReportArgs),
    Watch(watch::WatchArgs),
    Diff(diff::DiffArgs),
    Fit(Box<fit::FitArgs>),
    Compare(Box<compare::CompareArgs>),
    Plan(Box<plan::PlanArgs>),
    Next(Box<next::NextArgs>),
    Split(Box<split::SplitArgs>),
    #[command(subcommand)]
    Portfolio(portfolio::PortfolioCommand),
    Simulate(Box<simulate::SimulateArgs>),
    Forecast(Box<forecast::ForecastArgs>),
    Trend(Box<trend::TrendArgs>),
    Claims(claims::ClaimsArgs),
    PassAtK(pass_at_k::PassAtKArgs),
    Eval(eval::EvalArgs),
    #[command(subcommand)]
    Lab(lab::LabCommand),
    #[command(subcommand)]
    List(list::ListCommand),
    Man(man::ManArgs),
    /// Print a completion script for a shell
    ///
    /// For example: isoflop completions bash > ~/.local/share/bash-completion/completions/isoflop
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let code = if error.use_stderr() { 2 } else { 0 };
            // Nothing is left to do when even this cannot be printed.
            let _ = error.print();
            return ExitCode::from(code);
        }
    };
    match execute(cli.command) {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::No) => ExitCode::from(1),
        Ok(Outcome::Interrupted) => ExitCode::from(3),
        Err(problem) => {
            text::complain(&problem);
            ExitCode::from(2)
        }
    }
}

fn execute(command: Command) -> Result<Outcome, Diagnostic> {
    let out = &mut anstream::stdout();
    match command {
        Command::Quickstart(args) => quickstart::run(&args, out),
        Command::New(args) => new::run(&args, out),
        Command::Run(args) => run::run(&args, out),
        Command::Report(args) => report::run(&args, out),
        Command::Watch(args) => watch::run(&args, out),
        Command::Diff(args) => diff::run(&args, out),
        Command::Man(args) => man::run(&args, &Cli::command(), out),
        Command::Fit(args) => fit::run(&args, out),
        Command::Compare(args) => compare::run(&args, out),
        Command::Next(args) => next::run(&args, out),
        Command::Plan(args) => plan::run(&args, out),
        Command::Simulate(args) => simulate::run(&args, out),
        Command::PassAtK(args) => pass_at_k::run(&args, out),
        Command::Split(args) => split::run(&args, out),
        Command::Portfolio(command) => portfolio::run(&command, out),
        Command::Forecast(args) => forecast::run(&args, out),
        Command::Trend(args) => trend::run(&args, out),
        Command::Claims(args) => claims::run(&args, out),
        Command::Eval(args) => eval::run(&args, out),
        Command::Lab(command) => lab::run(command, out),
        Command::List(command) => list::run(&command, out),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "isoflop", out);
            Ok(Outcome::Done)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
