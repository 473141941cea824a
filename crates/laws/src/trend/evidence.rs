//! What a classification rests on, as data.

use serde::{Deserialize, Serialize};

use super::form::Form;
use super::held_out::HeldOut;
use super::monotone::Turn;
use super::rank::{RankTest, RunsTest};
use super::series::Axis;

/// How a metric behaves along a scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// Improves, and its largest scales lie where the smaller ones put them.
    Predictable,
    /// Improved, and has all but stopped, or slowed down beyond what the smaller scales foretold.
    Saturated,
    /// No change beyond noise.
    Trendless,
    /// Worsens with scale.
    Inverse,
    /// Improves, but single runs scatter as widely as the whole improvement.
    Noisy,
    /// Improves over one part of the scale and worsens over another.
    NonMonotone,
    /// Hardly moves at first, then improves faster than the smaller scales foretold.
    Breakthrough,
    /// Too few points to say.
    Insufficient,
}

impl Category {
    /// All categories, in the order in which they are listed.
    pub const ALL: [Self; 8] = [
        Self::Predictable,
        Self::Saturated,
        Self::Trendless,
        Self::Inverse,
        Self::Noisy,
        Self::NonMonotone,
        Self::Breakthrough,
        Self::Insufficient,
    ];
}

/// What decided the category.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(tag = "because", rename_all = "snake_case")]
pub enum Reason {
    /// Fewer points, or fewer scales, than the tests need.
    TooFew {
        /// Usable points.
        points: usize,
        /// Different scales among them.
        scales: usize,
    },
    /// No trend was found, but so few points would not show one.
    Undecided {
        /// The test that found none.
        rank: RankTest,
    },
    /// Too few scales below the largest to foretell it.
    NothingToHoldOut {
        /// Different scales.
        scales: usize,
    },
    /// The 90 % interval of what the smaller scales foretell is wider than the whole gain.
    ForetoldVaguely {
        /// What they foretell.
        held_out: HeldOut,
        /// The gain from the smallest scale to the largest.
        gain: f64,
    },
    /// Every value is the same.
    Constant,
    /// Every value is as good as the metric can be, within its error.
    AtCeiling,
    /// The ranks show no trend.
    NoTrend {
        /// The test that found none.
        rank: RankTest,
    },
    /// The whole change is less than two standard errors of one evaluation.
    WithinError {
        /// The change, positive for better.
        gain: f64,
        /// The standard error of one evaluation.
        error: f64,
    },
    /// Both sides of a turn have trends of their own.
    Turns {
        /// Where, and how surely.
        turn: Turn,
        /// The x of the turn.
        at: f64,
    },
    /// The ranks fall with scale.
    Worsens {
        /// The test that found it.
        rank: RankTest,
        /// The change, negative for worse.
        gain: f64,
    },
    /// The 90 % interval of one run is wider than the whole gain.
    Scatter {
        /// Width of that interval.
        interval: f64,
        /// The gain from the smallest scale to the largest.
        gain: f64,
    },
    /// A curve that is level first is preferred to every smooth one.
    SetsIn {
        /// The x from which the metric moves.
        at: f64,
        /// How many times as likely as the best smooth form, by Akaike's weights.
        odds: f64,
    },
    /// The largest scales are better than foretold.
    BetterThanForetold {
        /// By how much.
        held_out: HeldOut,
    },
    /// The first half of the scale adds little, and the smaller scales do not foretell the largest,
    /// or not to within the whole gain.
    SetsInUnforetold {
        /// The share of the gain that falls into the first half.
        share: f64,
        /// By how much.
        held_out: HeldOut,
    },
    /// The last third of the scale adds little, and no trend of its own.
    LevelsOff {
        /// The share of the gain that falls into the last third.
        share: f64,
    },
    /// The largest scales are worse than foretold, though not worse than smaller ones.
    WorseThanForetold {
        /// By how much.
        held_out: HeldOut,
    },
    /// The largest scales are where the others put them.
    Foretold {
        /// How closely.
        held_out: HeldOut,
    },
}

/// One candidate curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct FormScore {
    /// Which.
    pub form: Form,
    /// Its parameters.
    pub parameters: usize,
    /// Akaike's criterion for small samples, above that of the best form.
    pub aicc_above_best: f64,
    /// Standard deviation of the points about it, in the metric's unit.
    pub scatter: f64,
    /// Its gain from the smallest scale to the largest.
    pub gain: f64,
    /// Whether it turns, so that it improves over one part and worsens over another.
    pub turns: bool,
    /// Which of its parameters stopped at the end of its range, if any.
    pub at_bound: Option<&'static str>,
}

/// The range of the metric against what it could be.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct RangeEvidence {
    /// Largest less smallest value.
    pub range: f64,
    /// The known standard error of one evaluation.
    pub error: Option<f64>,
    /// The scatter of neighbours, from which a smooth trend cancels.
    pub local_scatter: f64,
    /// The share of points within two errors (or two local scatters) of chance.
    pub at_chance: Option<f64>,
}

/// The end of the scale.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct LastThird {
    /// The share of the best form's gain that falls into it.
    pub share: f64,
    /// The trend of its points.
    pub rank: RankTest,
}

/// How far a target lies beyond the points.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Distance {
    /// In decades on an axis of sizes, in units of loss otherwise; 0 within the points.
    pub beyond: f64,
    /// The same as a multiple of what the points span.
    pub spans: f64,
}

/// All that the tests found, whether or not it decided.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evidence {
    /// What x is.
    pub axis: Axis,
    /// Usable points.
    pub points: usize,
    /// Points left out because x or y was missing or impossible.
    pub left_out: usize,
    /// Different scales among the points.
    pub scales: usize,
    /// Decades that x spans on an axis of sizes, units of loss otherwise.
    pub span: f64,
    /// Range, error and chance.
    pub range: RangeEvidence,
    /// The trend of the ranks; a positive rho improves with scale.
    pub rank: RankTest,
    /// The best split into a rise and a fall, if there is one, sure or not.
    pub turn: Option<Turn>,
    /// Root mean square of what the best rising step function leaves.
    pub isotonic_residual: f64,
    /// Candidate curves, the best first.
    pub forms: Vec<FormScore>,
    /// Runs of the signs of what the best curve leaves.
    pub runs: RunsTest,
    /// The end of the scale, where it has at least three points.
    pub last_third: Option<LastThird>,
    /// The largest scales against what the smaller ones foretold.
    pub held_out: Option<HeldOut>,
    /// How far the target lies beyond the points.
    pub extrapolation: Option<Distance>,
}

/// The behaviour of a metric along a scale, and why it is called that.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Trend {
    /// How it behaves.
    pub category: Category,
    /// What decided.
    pub reason: Reason,
    /// All that was found.
    pub evidence: Evidence,
}
