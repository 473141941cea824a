//! Scenarios, trends and claims: quantities over time with uncertainty.
//!
//! ```text
//!  scenario.toml ──▶ Scenario ──▶ Model ──▶ Run ──▶ fans, dates, probabilities
//!  base, --set       as written   names,    draws of every output, case by case
//!  priors.csv                     units,      │
//!  data.csv                       kinds       ├──▶ trace, sensitivity, break-even
//!                                 checked     └──▶ claims: stated, recomputed, what they need
//! ```
//!
//! A scenario is a file: inputs with their sources, series that go on from step to step, choices
//! that are run on the same draws, outputs, and published claims to check. Everything in it is a
//! formula, checked before the first draw.
//!
//! ```
//! use forecast::{Model, Scenario};
//!
//! let scenario = Scenario::from_toml("tokens.toml", r#"
//!     [scenario]
//!     from = 2026
//!     to = 2030
//!     samples = 10_000
//!     [inputs]
//!     demand0 = { value = "1.2e15 token/day", source = "an earnings call" }
//!     growth = "2x/yr to 5x/yr"
//!     [series]
//!     demand = { start = "demand0", next = "demand * exp(step * growth)" }
//!     [outputs]
//!     tokens = { expr = "demand", in = "token/day" }
//!     hundredfold = "first(demand >= 100 * demand0)"
//!     by_2030 = "prob(hundredfold <= 2030)"
//! "#)?;
//! let run = Model::new(&scenario)?.run()?;
//! let case = &run.cases[0];
//! let fan = case.output("tokens").unwrap().fan(&[0.05, 0.5, 0.95])?;
//! assert_eq!(fan.times.unwrap(), [2026.0, 2027.0, 2028.0, 2029.0, 2030.0]);
//! assert!((fan.rows[4][1].value / (1.2e15 * 10_f64.powi(2)) - 1.0).abs() < 0.02);
//! # Ok::<(), diagnostic::Diagnostic>(())
//! ```

mod backtest;
mod breakeven;
pub mod catalogue;
mod check;
mod claims;
mod data;
mod dates;
mod difference;
mod hindcast;
mod kept;
mod lints;
mod live;
mod local_trends;
mod model;
mod normal;
mod number;
mod priors;
mod question;
mod run;
mod scenario;
mod score;
mod sensitivity;
mod solve;
mod trace;
mod trend;
mod trend_input;
mod written;

pub use backtest::{Backtest, Forecaster, Origin, Scores, backtest};
pub use breakeven::{BreakEven, Elasticity};
pub use check::{Checked, Curve, Need, Verdict};
pub use claims::{Claim, claims};
pub use data::{DataColumns, DataSpec, Point};
pub use dates::DateTable;
pub use difference::{Change, Difference};
pub use hindcast::{Hindcast, Naive, Truth};
pub use lints::Lint;
pub use live::{Live, LiveInput, LiveOutput, LiveSwing, LiveSwings};
pub use local_trends::predict as local_trends;
pub use model::Model;
pub use number::date;
pub use priors::PriorSet;
pub use question::Statistic;
pub use run::{Case, CaseFans, Column, Fan, OutputRun, Run, Settings};
pub use scenario::{
    Check, Choice, Correlation, Input, MOST_SAMPLES, Output, Reader, SAMPLES, Scenario,
    SensitivityRequest, Series, SeriesForm, TimeAxis, TrendRequest,
};
pub use score::{coverage, crps, interval_score, pit};
pub use sensitivity::Sensitivity;
pub use trace::{Role, Step, Trace};
pub use trend::{
    Fragility, Quality, Shape, Snapshot, Trend, TrendError, TrendOptions, running_top,
};
pub use written::Written;
