//! Which rows and columns of the tables to use.

use std::path::PathBuf;

use clap::Args;
use diagnostic::Diagnostic;
use laws::{Law, Quantity, ResidualScale};
use runs::{Asked, Domain, Filter, Request, Rules, RunTable};

/// The tables, their columns and the rows to keep.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "The rows")]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of the command line")]
pub(crate) struct RowArgs {
    /// Run tables: files or folders in any known format, or `-` for the standard input
    #[arg(value_name = "RUNS", required = true)]
    runs: Vec<PathBuf>,
    /// Which column, or expression over columns, holds a name: `N=n_params`, `D=steps*batch`
    #[arg(long = "column", value_name = "NAME=COLUMN")]
    columns: Vec<String>,
    /// Keep only rows that meet a condition, as in `group=main` or `D/N<100`
    #[arg(long = "where", value_name = "CONDITION")]
    conditions: Vec<String>,
    /// Count rows by a column or expression
    #[arg(long, value_name = "COLUMN")]
    weight: Option<String>,
    /// Fit groups of rows together, each with parameters of its own but for --share
    #[arg(long, value_name = "COLUMN", requires = "share")]
    group: Option<String>,
    /// The parameters that all groups have in common, as in `alpha,beta`
    #[arg(long, value_name = "NAMES", requires = "group", value_delimiter = ',')]
    share: Option<Vec<String>>,
    /// Keep only the last row of every run
    #[arg(long)]
    last_checkpoint: bool,
    /// Leave out rows that repeat an earlier row
    #[arg(long)]
    drop_duplicates: bool,
    /// Leave out points that jump above their neighbours in the run's curve
    #[arg(long)]
    drop_spikes: bool,
    /// Leave out points of a run before its learning rate has decayed
    #[arg(long)]
    drop_unannealed: bool,
}

impl RowArgs {
    /// Reads the tables.
    pub(crate) fn table(&self) -> Result<RunTable, Diagnostic> {
        if self.runs.iter().filter(|path| path.as_os_str() == "-").count() > 1 {
            return Err(Diagnostic::error("`-` is named twice, but there is one standard input"));
        }
        RunTable::read_all(&self.runs)
    }

    /// The column or expression for a name, as in `loss=final/val_loss`.
    pub(crate) fn columns(&self) -> Result<Vec<(String, String)>, Diagnostic> {
        let pair = |choice: &String| match choice.split_once('=') {
            Some((name, column)) if !name.trim().is_empty() && !column.trim().is_empty() => {
                Ok((name.trim().to_owned(), column.trim().to_owned()))
            }
            _ => Err(Diagnostic::error(format!("`--column {choice}` is not a name and a column"))
                .help("write --column NAME=COLUMN, where NAME is a name of the law, or run")),
        };
        self.columns.iter().map(pair).collect()
    }

    /// The parameters that groups share; `None` without groups.
    pub(crate) fn shared(&self) -> Option<Vec<String>> {
        let names = self.share.as_ref()?.iter().map(|name| name.trim().to_owned());
        Some(names.filter(|name| !name.is_empty()).collect())
    }

    /// What to take from the table for `law` and `others`, with residuals on `scale`.
    pub(crate) fn request(
        &self,
        law: &Law,
        others: &[Law],
        scale: ResidualScale,
    ) -> Result<Request, Diagnostic> {
        let target = Asked::new(&law.target.name, target_domain(&law.target, scale));
        let mut variables: Vec<Asked> = Vec::new();
        for variable in std::iter::once(law).chain(others).flat_map(|law| &law.variables) {
            if variables.iter().all(|known| known.name != variable.name) {
                variables.push(Asked::new(&variable.name, domain(variable.within)));
            }
        }
        let filters: Result<Vec<Filter>, Diagnostic> =
            self.conditions.iter().map(|text| text.parse()).collect();
        let filters = filters?;
        Ok(Request {
            columns: self.columns()?,
            filters,
            group: self.group.clone(),
            weight: self.weight.clone(),
            rules: Rules {
                last_checkpoint_only: self.last_checkpoint,
                drop_spikes: self.drop_spikes,
                drop_duplicates: self.drop_duplicates,
                drop_unannealed: self.drop_unannealed,
            },
            ..Request::new(target, variables)
        })
    }
}

fn domain((low, high): (f64, f64)) -> Domain {
    if (low, high) == (0.0, 1.0) {
        Domain::Share
    } else if low >= 0.0 {
        Domain::Positive
    } else {
        Domain::Finite
    }
}

/// A target needs a logarithm, or it may be anything that its kind of number may be.
fn target_domain(target: &Quantity, scale: ResidualScale) -> Domain {
    match (scale, target.within) {
        (ResidualScale::Log, _) => Domain::Positive,
        (ResidualScale::Linear, (0.0, 1.0)) => Domain::Share,
        (ResidualScale::Linear, _) => Domain::Finite,
    }
}
