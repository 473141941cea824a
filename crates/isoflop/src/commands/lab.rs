//! `isoflop lab`: real small training runs.

pub(crate) mod swarm;

use std::fmt::Write as _;
use std::io::Write;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use diagnostic::Diagnostic;
use lab::recipe::Recipe;
use lab::sweep::{PlannedRun, Row, Status, Summary, Sweep};

use super::text_source::TextSource;
use super::{Outcome, named_text};
use crate::text::{count, say};

const SWEEP_EXAMPLES: &str = "\
Examples:
  isoflop lab sweep --example > sweep.toml
      write a sweep file to start from
  isoflop lab sweep sweep.toml --dry-run
      list the runs and what they cost
  isoflop lab sweep sweep.toml --out grid
      make them; Ctrl-C stops cleanly and the same command goes on
  isoflop lab sweep sweep.toml --corpus notes/ book.txt
      train on your own text
  isoflop lab sweep --example | isoflop lab sweep - --dry-run
      read the sweep from the standard input";

const TRAIN_EXAMPLES: &str = "\
Examples:
  isoflop lab train --depth 3 --tokens-per-parameter 20
  isoflop lab train --depth 4 --compute 1e12 --seed 1 --out runs
  isoflop lab train --depth 2 --tokens 1e6 --learning-rate 0.01 --corpus book.txt";

/// A sweep file to start from.
const EXAMPLE: &str = r#"# Every group is a grid: each depth at each horizon, seed and learning rate.
# The model's one dial is its depth: depth d has width 16 d and d heads.
name = "example"

[recipe]                 # what groups do not say otherwise; these are the defaults
context = 128            # tokens a sequence
method = "muon"          # or "adamw"

[[group]]                # an IsoFLOP grid: the same compute spent on small and large models
name = "isoflop"
compute = [1e11, 3e11]   # FLOP, with attention
depths = [1, 2, 3]

[[group]]                # a miniseries at a constant ratio, with three seeds for the noise
name = "miniseries"
depths = [1, 2]
tokens_per_parameter = 20  # D over the parameters with head
seeds = [0, 1, 2]

[[group]]                # or tokens, and a sweep of the learning rate
name = "learning-rate"
depths = [2]
tokens = [500e3]
learning_rates = [0.01, 0.02, 0.04]
"#;

/// Make real small training runs on this machine
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum LabCommand {
    Train(TrainArgs),
    Sweep(SweepArgs),
    #[command(subcommand)]
    Swarm(swarm::SwarmCommand),
}

/// Train one model
///
/// The run becomes a row of FOLDER/runs.csv, with its loss curve beside it.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = TRAIN_EXAMPLES, after_help = "Use --help for examples.")]
pub(crate) struct TrainArgs {
    /// The model's one dial: width is 16 times, heads one times the depth
    #[arg(long)]
    depth: usize,
    #[command(flatten)]
    horizon: Horizon,
    /// Decides initial parameters and the order of the text
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Peak learning rate of the matrices inside blocks [default: tuned]
    #[arg(long, value_name = "RATE")]
    learning_rate: Option<f64>,
    /// Tokens a sequence
    #[arg(long, default_value_t = 128)]
    context: usize,
    /// Holds the table, the loss curve and, meanwhile, the checkpoint
    #[arg(long, value_name = "FOLDER", default_value = "isoflop-out/train")]
    out: PathBuf,
    /// Say what would be trained, and train nothing
    #[arg(long)]
    dry_run: bool,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    source: TextSource,
}

#[derive(Debug, Clone, Args)]
#[group(required = true, multiple = false)]
struct Horizon {
    /// Training tokens D
    #[arg(long, value_name = "D")]
    tokens: Option<f64>,
    /// Training compute C in FLOP, with attention
    #[arg(long, value_name = "FLOP")]
    compute: Option<f64>,
    /// Training tokens over the parameters with head
    #[arg(long, value_name = "RATIO")]
    tokens_per_parameter: Option<f64>,
}

/// Make every run of a sweep file, packed onto the cores
///
/// One row a run goes to FOLDER/runs.csv as soon as it is done. Ctrl-C stops cleanly; the same
/// command goes on where it stopped, to the same numbers.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = SWEEP_EXAMPLES, after_help = "Use --help for examples.")]
pub(crate) struct SweepArgs {
    /// The sweep file, or `-` for the standard input
    #[arg(value_name = "SWEEP", required_unless_present = "example")]
    sweep: Option<PathBuf>,
    /// Print a sweep file to start from
    #[arg(long)]
    example: bool,
    /// Only the runs of these groups
    #[arg(long = "group", value_name = "NAME")]
    groups: Vec<String>,
    /// Holds the table, the loss curves and, meanwhile, the checkpoints [default: isoflop-out/NAME]
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// List the runs and what they cost, and train nothing
    #[arg(long)]
    dry_run: bool,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    source: TextSource,
}

/// Runs a `lab` command.
pub(crate) fn run(command: LabCommand, out: &mut dyn Write) -> Result<Outcome, Diagnostic> {
    match command {
        LabCommand::Train(args) => train(&args, out),
        LabCommand::Sweep(args) => sweep(&args, out),
        LabCommand::Swarm(command) => swarm::run(command, out),
    }
}

fn train(args: &TrainArgs, out: &mut dyn Write) -> Result<Outcome, Diagnostic> {
    // A sweep of one: the same names, the same checks, the same table.
    let recipe =
        Recipe { context: args.context, learning_rate: args.learning_rate, ..Recipe::default() };
    recipe.check()?;
    let Horizon { tokens, compute, tokens_per_parameter } = args.horizon;
    let sweep = Sweep::of_one(
        "train",
        recipe,
        args.depth,
        args.seed,
        tokens,
        compute,
        tokens_per_parameter,
    );
    make(&sweep.plan(VOCABULARY)?, &args.source, &args.out, args.dry_run, args.json, out)
}

/// Distinct tokens: bytes.
pub(crate) const VOCABULARY: usize = 256;

fn sweep(args: &SweepArgs, out: &mut dyn Write) -> Result<Outcome, Diagnostic> {
    let Some(path) = args.sweep.as_ref().filter(|_| !args.example) else {
        say(out, EXAMPLE)?;
        return Ok(Outcome::Done);
    };
    let sweep = if named_text::is_stdin(path) {
        let (origin, text) = named_text::named(path)?;
        Sweep::parse(&origin, &text)?
    } else {
        Sweep::read(path)?
    };
    let mut plan = sweep.plan(VOCABULARY)?;
    for wanted in &args.groups {
        let names = sweep.group.iter().map(|group| group.name.as_str());
        if !names.clone().any(|name| name == wanted) {
            let mut problem =
                Diagnostic::error(format!("{} has no group `{wanted}`", path.display()));
            if let Some(near) = diagnostic::nearest(wanted, names) {
                problem = problem.help(format!("did you mean `{near}`?"));
            }
            return Err(problem);
        }
    }
    if !args.groups.is_empty() {
        plan.retain(|run| args.groups.contains(&run.group));
    }
    let folder = args.out.clone().unwrap_or_else(|| PathBuf::from("isoflop-out").join(&sweep.name));
    make(&plan, &args.source, &folder, args.dry_run, args.json, out)
}

fn make(
    plan: &[PlannedRun],
    source: &TextSource,
    folder: &std::path::Path,
    dry_run: bool,
    json: bool,
    out: &mut dyn Write,
) -> Result<Outcome, Diagnostic> {
    if dry_run {
        say(out, &if json { plan_json(plan) } else { plan_for_people(plan) })?;
        return Ok(Outcome::Done);
    }
    let tokens = source.open()?;
    let summary = source.sweep(plan, &tokens, folder)?;
    let shown = if json {
        let rows = serde_json::json!({
            "schema_version": 1,
            "corpus": tokens.summary(),
            "folder": folder,
            "interrupted": summary.interrupted,
            "rows": summary.rows,
        });
        format!("{rows:#}\n")
    } else {
        summary_for_people(&summary, plan.len(), folder, &tokens.summary().to_string())
    };
    say(out, &shown)?;
    Ok(if summary.interrupted { Outcome::Interrupted } else { Outcome::Done })
}

fn plan_json(plan: &[PlannedRun]) -> String {
    let runs: Vec<_> = plan
        .iter()
        .map(|run| {
            serde_json::json!({
                "run": run.name,
                "group": run.group,
                "params_with_head": run.config.shape.parameters_with_head(),
                "tokens": run.config.tokens(),
                "compute": run.config.compute(),
                "config": run.config,
            })
        })
        .collect();
    format!("{:#}\n", serde_json::json!({ "schema_version": 1, "runs": runs }))
}

fn plan_for_people(plan: &[PlannedRun]) -> String {
    let mut text = String::new();
    let mut total = 0.0;
    for run in plan {
        let config = &run.config;
        let n = config.shape.parameters_with_head() as f64;
        total += config.compute();
        let _ = writeln!(
            text,
            "  {:34} N {:>6}  D {:>6}  D/N {:>6.1}  C {:.2e} FLOP  {} steps of {} tokens",
            run.name,
            count(n),
            count(config.tokens() as f64),
            config.tokens() as f64 / n,
            config.compute(),
            config.steps,
            config.batch_tokens,
        );
    }
    let _ = writeln!(
        text,
        "{} runs, {total:.2e} FLOP with attention; N counts the parameters with head",
        plan.len()
    );
    text
}

fn summary_for_people(
    summary: &Summary,
    planned: usize,
    folder: &std::path::Path,
    corpus: &str,
) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "text   {corpus}");
    if let [row] = summary.rows.as_slice() {
        text.push_str(&row_for_people(row));
    }
    let diverged = summary.rows.iter().filter(|row| row.status == Status::Diverged).count();
    let _ = write!(
        text,
        "table  {}: {} of {planned} runs",
        folder.join("runs.csv").display(),
        summary.rows.len()
    );
    if summary.kept > 0 {
        let _ = write!(text, ", {} of them from before", summary.kept);
    }
    if diverged > 0 {
        let _ = write!(text, ", {diverged} diverged (marked in the column `status`)");
    }
    text.push('\n');
    if summary.interrupted {
        text.push_str("stopped; the same command goes on from here\n");
    } else if summary.rows.len() >= 6 {
        let _ = writeln!(text, "next   isoflop fit {}", folder.join("runs.csv").display());
    }
    text
}

fn row_for_people(row: &Row) -> String {
    let mut text = format!(
        "model  depth {}, width {}: N {} total, {} without embeddings, {} with head\n\
         run    D {} tokens in {} steps ({:.2} epochs), C {:.2e} FLOP with attention, {:.2e} as 6ND\n",
        row.depth,
        row.width,
        row.params_total,
        row.params_non_embedding,
        row.params_with_head,
        row.tokens,
        row.steps,
        row.epochs,
        row.compute,
        row.compute_6nd,
    );
    if let (Some(loss), Some(error), Some(bits)) = (row.loss, row.loss_se, row.bits_per_byte) {
        let _ = writeln!(
            text,
            "loss   {loss:.4} nats per token (standard error {error:.4} over the text), {bits:.4} bits per byte"
        );
    }
    let _ = writeln!(
        text,
        "cost   {:.1} s, {:.1} processor seconds, {:.0} GFLOP/s",
        row.wall_s,
        row.cpu_s,
        row.compute / row.wall_s.max(1e-9) / 1e9
    );
    text
}
