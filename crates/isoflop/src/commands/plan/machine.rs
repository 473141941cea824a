//! The machine that trains, and its price.

use std::time::SystemTime;

use clap::{Args, ValueEnum};
use diagnostic::Diagnostic;
use machines::Precision;
use plan::{Date, MeansRequest, Simulated};

/// The machine and its price.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "The machine")]
pub(crate) struct MachineArgs {
    /// Accelerators, and how many: `H100`, `512 H100` (`isoflop list accelerators`)
    #[arg(long, value_name = "DEVICES")]
    pub(super) on: Option<String>,
    /// The precision of the linear layers
    #[arg(long, value_name = "PRECISION")]
    pub(super) precision: Option<PrecisionArg>,
    /// Model FLOP utilisation of the dense peak: `40%`, or `30% to 45%`
    #[arg(long, value_name = "SHARE")]
    pub(super) mfu: Option<String>,
    /// The share of time that turns into progress
    #[arg(long, value_name = "SHARE")]
    pub(super) goodput: Option<String>,
    /// The price of an hour of one accelerator: `2 USD/h`
    #[arg(long, value_name = "PRICE")]
    pub(super) price: Option<String>,
    /// Facility power over IT power
    #[arg(long, value_name = "RATIO")]
    pub(super) pue: Option<String>,
    /// Simulate the training on a cluster of the catalogue (`isoflop list clusters`): its best
    /// layout for the plan's shape gives MFU, its failures goodput
    #[arg(long, value_name = "CLUSTER", conflicts_with_all = ["mfu", "goodput"])]
    pub(super) simulate: Option<String>,
    /// When the run begins, for budgets until a date [default: today]
    #[arg(long, value_name = "DATE")]
    pub(super) start: Option<String>,
}

/// The precision of matrix multiplications.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum PrecisionArg {
    Fp32,
    Bf16,
    Fp8,
    Fp4,
}

impl From<PrecisionArg> for Precision {
    fn from(precision: PrecisionArg) -> Self {
        match precision {
            PrecisionArg::Fp32 => Self::Fp32,
            PrecisionArg::Bf16 => Self::Bf16,
            PrecisionArg::Fp8 => Self::Fp8,
            PrecisionArg::Fp4 => Self::Fp4,
        }
    }
}

impl MachineArgs {
    pub(super) fn precision(&self) -> Option<Precision> {
        self.precision.map(Precision::from)
    }

    pub(super) fn request(&self, simulated: Option<&Simulated>) -> MeansRequest {
        MeansRequest {
            on: self.on.clone(),
            precision: self.precision(),
            mfu: self.mfu.clone(),
            goodput: self.goodput.clone(),
            price: self.price.clone(),
            pue: self.pue.clone(),
            simulated: simulated.cloned(),
        }
    }

    pub(super) fn start(&self) -> Result<Date, Diagnostic> {
        if let Some(text) = &self.start {
            return Date::parse("--start", text);
        }
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        // Whole days: the same command gives the same answer all day long.
        let days = since.map_or(0.0, |since| (since.as_secs_f64() / 86_400.0).floor());
        Ok(Date::from_unix(days * 86_400.0))
    }
}
