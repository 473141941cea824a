//! How intervals are made.

use clap::{Args, ValueEnum};
use laws::{FitOptions, Resampling};

use crate::commands::shares::share;

/// Resamples, their number, level and seed.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "The intervals")]
pub(crate) struct IntervalArgs {
    /// How the draws behind the intervals are made
    #[arg(long, value_name = "KIND", default_value = "tangent")]
    resample: Kind,
    /// Also give the profile likelihood interval of every parameter, of a and of N* at budgets
    /// asked for
    #[arg(long)]
    pub(crate) profile: bool,
    /// How many draws; 0 for none
    #[arg(long, value_name = "COUNT", default_value_t = 1000)]
    bootstrap: usize,
    /// The level of the intervals
    #[arg(long, value_name = "SHARE", default_value_t = 0.9, value_parser = share, allow_negative_numbers = true)]
    level: f64,
    /// The seed of everything random
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// Laws around the best by the scatter of the residuals, robust and by run: the ones whose
    /// measured coverage is nearest to their level
    Tangent,
    /// A Bayesian posterior by importance sampling
    Posterior,
    /// The fit repeated on whole runs drawn again, since rows of one run are not independent
    Runs,
    /// The fit repeated on single rows drawn again
    Rows,
    /// The fit repeated on residuals with random signs: no resample loses a size or a budget
    Wild,
}

impl IntervalArgs {
    /// `options` with these intervals.
    pub(crate) fn set(&self, options: FitOptions) -> FitOptions {
        let resampling = match self.resample {
            Kind::Tangent => Resampling::Tangent,
            Kind::Posterior => Resampling::Posterior,
            Kind::Runs => Resampling::Runs,
            Kind::Rows => Resampling::Rows,
            Kind::Wild => Resampling::Wild,
        };
        FitOptions {
            resampling,
            bootstrap: self.bootstrap,
            level: self.level,
            seed: self.seed,
            ..options
        }
    }
}
