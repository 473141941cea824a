//! How intervals are made.

use clap::{Args, ValueEnum};
use laws::{FitOptions, Resampling};

/// Resamples, their number, level and seed.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "The intervals")]
pub(crate) struct IntervalArgs {
    /// What is drawn again for the intervals
    #[arg(long, value_name = "KIND", default_value = "runs")]
    resample: Kind,
    /// How many resamples to refit; 0 for none
    #[arg(long, value_name = "COUNT", default_value_t = 1000)]
    bootstrap: usize,
    /// The level of the intervals
    #[arg(long, value_name = "SHARE", default_value_t = 0.9, allow_negative_numbers = true)]
    level: f64,
    /// The seed of everything random
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// Whole runs, since rows of one run are not independent
    Runs,
    /// Single rows
    Rows,
    /// The signs of residuals: no resample loses a size or a budget
    Wild,
}

impl IntervalArgs {
    /// `options` with these intervals.
    pub(crate) fn set(&self, options: FitOptions) -> FitOptions {
        let resampling = match self.resample {
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
