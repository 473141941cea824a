//! What the runs are, and which law they could tell.

use std::cell::RefCell;
use std::rc::Rc;

use diagnostic::Diagnostic;
use laws::{FitError, FitOptions, Law, check_fittable};
use runs::{Asked, Observations, Request, RunTable};

use super::NewArgs;
use crate::commands::fit::law_choice;

/// Laws that are proposed, the first whose columns the table has.
const PROPOSED: [&str; 4] = ["chinchilla", "kaplan-compute", "kaplan-parameters", "kaplan-data"];

/// A law, and the runs as it sees them.
type Seen = Rc<(Law, Observations)>;

/// A table of runs.
pub(super) struct Table {
    runs: RunTable,
    columns: Vec<(String, String)>,
    /// Under the law that was tried last: of a million rows that takes a moment.
    last: RefCell<Option<(String, Seen)>>,
}

impl Table {
    pub(super) fn read(args: &NewArgs) -> Result<Self, Diagnostic> {
        let pair = |pair: &String| {
            pair.split_once('=').map(|(name, column)| (name.to_owned(), column.to_owned()))
        };
        let columns = args.columns.iter().map(pair).collect::<Option<_>>().ok_or_else(|| {
            Diagnostic::error("`--column` takes a name and a column")
                .help("write --column N=n_params")
        })?;
        Ok(Self { runs: RunTable::read_all(&args.runs)?, columns, last: RefCell::default() })
    }

    /// The law called `name`, and the runs as it sees them.
    pub(super) fn under(&self, name: &str) -> Result<Seen, Diagnostic> {
        if let Some((known, seen)) = &*self.last.borrow()
            && known == name
        {
            return Ok(Rc::clone(seen));
        }
        let law = law_choice::find(name)?;
        let variables = law.variables.iter().map(|variable| Asked::positive(&variable.name));
        let request = Request {
            columns: self.columns.clone(),
            ..Request::new(Asked::positive(&law.target.name), variables)
        };
        let observations = Observations::from_table(&self.runs, &request)?;
        let seen = Rc::new((law, observations));
        self.last.replace(Some((name.to_owned(), Rc::clone(&seen))));
        Ok(seen)
    }

    /// A law whose columns are there.
    ///
    /// # Errors
    /// What the usual law misses, where there is none.
    pub(super) fn proposal(&self) -> Result<&'static str, Diagnostic> {
        match PROPOSED.into_iter().find(|name| self.under(name).is_ok()) {
            Some(name) => Ok(name),
            None => self.under(PROPOSED[0]).map(|_| PROPOSED[0]),
        }
    }
}

/// Why these runs cannot fix the law, if they cannot.
pub(super) fn doubt(law: &Law, observations: &Observations) -> Option<Diagnostic> {
    let problem = check_fittable(law, observations, &FitOptions::default()).err()?;
    let doubt =
        Diagnostic::warning(format!("the law `{}` cannot be fitted to these runs", law.name));
    let doubt = match &problem {
        FitError::Input(problem) => doubt.note(problem.message().to_owned()),
        problem => doubt.note(problem.to_string()),
    };
    Some(match problem {
        FitError::TooFewSettings { .. } | FitError::TooFewRuns { .. } => {
            doubt.help("add runs, or choose a law with fewer parameters: `isoflop list laws`")
        }
        _ => doubt.help("choose another law: `isoflop list laws`"),
    })
}
