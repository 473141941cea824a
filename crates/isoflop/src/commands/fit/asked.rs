//! What to say about runs that were not made, and about rows that were held out.

use clap::Args;
use diagnostic::Diagnostic;
use laws::{Law, Setting};
use runs::Flop;

use super::amount;

/// Questions to the fitted law.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Questions to the law")]
pub(super) struct AskedArgs {
    /// Predict a run, as in `N=70B,D=1.4T`, or `70B,1.4T` in the order of the law's variables
    #[arg(long, value_name = "SETTING", allow_hyphen_values = true)]
    predict: Vec<String>,
    /// Predict the compute-optimal run of a budget in FLOP
    #[arg(long, value_name = "FLOP")]
    predict_compute: Vec<String>,
    /// The law's other variables along a budget, as in `U=100B`
    #[arg(long, value_name = "SETTING", requires = "predict_compute")]
    given: Option<String>,
    /// Keep rows out of the fit and predict them: a condition such as `C>1e20`, a share such as
    /// `0.2` or a distance such as `1 decade`, of the largest
    #[arg(long, value_name = "ROWS")]
    pub(super) holdout: Option<String>,
    /// Fit again under other objectives, parts of the rows and conventions, and say how far the
    /// answer moves
    #[arg(long)]
    pub(super) robust: bool,
}

/// The questions, understood.
#[derive(Debug, Default)]
pub(super) struct Asked {
    pub(super) settings: Vec<Setting>,
    pub(super) budgets: Vec<Flop>,
    pub(super) given: Setting,
}

impl AskedArgs {
    pub(super) fn of(&self, law: &Law) -> Result<Asked, Diagnostic> {
        let settings: Result<Vec<Setting>, Diagnostic> =
            self.predict.iter().map(|text| amount::setting(text, law, "--predict")).collect();
        let budgets: Result<Vec<Flop>, Diagnostic> = self
            .predict_compute
            .iter()
            .map(|text| amount::positive(text, "--predict-compute").map(Flop))
            .collect();
        let (settings, budgets) = (settings?, budgets?);
        if !budgets.is_empty() && !law.splits_compute() {
            return Err(Diagnostic::error(format!(
                "`--predict-compute`: the law `{}` does not take N and D, so it splits no budget",
                law.name
            ))
            .help("predict a setting of its variables with --predict"));
        }
        let given = self.given.as_deref().map(|text| amount::setting(text, law, "--given"));
        Ok(Asked { settings, budgets, given: given.transpose()?.unwrap_or_default() })
    }
}
