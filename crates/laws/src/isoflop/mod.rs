//! IsoFLOP profiles and envelopes: the compute-optimal split without a law of the loss.
//!
//! ```text
//!  Sweep ──▶ budgets: gaps    ──▶ parabola of loss in ln N ──▶ line through     ──▶ Approach2
//!  N, D, C,  in ln C              vertex N*, D*, or why not    the vertices         lines, draws
//!  loss, run                          │                                                │
//!    │                                └── the same grid on a law, without noise ──▶ Bias: what the
//!    │                                                                      parabolas add by themselves
//!    └──────▶ envelope of loss against C ──▶ line ──▶ Approach1
//! ```
//!
//! Both follow Hoffmann et al. 2022 (arXiv:2203.15556): Approach 1 in section 3.1, Approach 2 in
//! section 3.2. Neither assumes a formula, and neither is free of error: parabolas are not what
//! profiles look like, so wide, narrow or off-centre grids move their vertices without any noise
//! (Czech et al., arXiv:2603.22339). [`bias`] computes by how much on the grid at hand.
//!
//! ```
//! use laws::isoflop::{Approach2Options, Row, Sweep, approach2, bias};
//! use runs::{Flop, Parameters, Tokens};
//!
//! let law = |n: Parameters, d: Tokens| {
//!     1.69 + 406.4 / n.get().powf(0.34) + 410.7 / d.get().powf(0.28)
//! };
//! let rows = (0..45_u8).map(|i| {
//!     let compute = Flop(10_f64.powi(17 + i32::from(i / 9)));
//!     let best = 2.5e7 * 10_f64.powf(0.4516 * f64::from(i / 9));
//!     let n = Parameters(best * 2_f64.powf(f64::from(i % 9) / 4.0 - 1.0));
//!     let d = Tokens(compute.get() / 6.0 / n.get());
//!     Row { parameters: n, tokens: d, compute, loss: law(n, d), run: usize::from(i) }
//! });
//! let sweep = Sweep::new(rows)?;
//! let answer = approach2(&sweep, &Approach2Options::default())?;
//! let frontier = answer.frontier.as_ref().expect("five budgets with a vertex");
//! assert!((frontier.lines.parameters.exponent - 0.28 / 0.62).abs() < 1e-3);
//!
//! let shift = bias(&answer, &sweep, &law, &[Flop(1e24)])?;
//! assert!(shift.targets[0].tokens.error.abs() < 0.05);
//! # Ok::<(), laws::isoflop::Refusal>(())
//! ```

mod approach2;
mod bias;
mod budgets;
mod doubts;
mod envelope;
mod frontier;
mod parabola;
mod profile;
mod resample;
mod surface;
mod sweep;
mod words;

pub use approach2::{Approach2, Approach2Options, Weights, approach2};
pub use bias::{Bias, BudgetBias, Shift, TargetBias, bias};
pub use budgets::Grouping;
pub use envelope::{Approach1, Approach1Options, Envelope, EnvelopePoint, Schedule, approach1};
pub use frontier::{Frontier, Lines, PowerLaw, Reading};
pub use parabola::Parabola;
pub use profile::{Optimum, Outside, Profile, Reason, Size, TokensFrom, Vertex};
pub use resample::Resampling;
pub use surface::{Deadweight, Surface, deadweight, optimum};
pub use sweep::{Row, Sweep};
pub use words::{Refusal, Warning};

fn check(option: &str, value: f64, expected: &str, good: bool) -> Result<(), Refusal> {
    if good && value.is_finite() {
        return Ok(());
    }
    Err(Refusal::BadOption { option: option.to_owned(), value, expected: expected.to_owned() })
}

/// More draws than anyone needs, fewer than memory holds.
const MOST_RESAMPLES: usize = 1_000_000;

fn check_draws(resamples: usize, level: f64) -> Result<(), Refusal> {
    let few = resamples <= MOST_RESAMPLES;
    check("the number of resamples", resamples as f64, "it is at most 1,000,000", few)?;
    let inside = level > 0.0 && level < 1.0;
    check("the level", level, "it lies between 0 and 1, as in 0.9 for 90 %", inside)
}
