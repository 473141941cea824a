//! A classification in plain words, and what to do about it.

use std::fmt;

use super::evidence::{Category, Evidence, Reason, Trend};
use super::held_out::HeldOut;
use super::rank::RankTest;
use super::series::Axis;

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Predictable => "predictable",
            Self::Saturated => "saturated",
            Self::Trendless => "trendless",
            Self::Inverse => "inverse",
            Self::Noisy => "noisy",
            Self::NonMonotone => "non-monotone",
            Self::Breakthrough => "breakthrough",
            Self::Insufficient => "insufficient",
        })
    }
}

impl Category {
    /// What to do with a metric that behaves so.
    pub fn advice(self) -> &'static str {
        match self {
            Self::Predictable => "fit a law and forecast it, with its interval",
            Self::Saturated => {
                "do not expect the earlier pace to go on; compare models by a harder metric, or by loss"
            }
            Self::Trendless => {
                "leave it out of forecasts and averages; more questions, or a smoother metric such \
                 as the loss of the correct answer, may show a trend"
            }
            Self::Inverse => {
                "do not forecast it as progress; look at what larger models answer, and at the prompt"
            }
            Self::Noisy => {
                "average it over seeds, checkpoints or more questions before fitting anything"
            }
            Self::NonMonotone => {
                "fit no monotone law; find out what changes at the turn (data, recipe, prompt), or \
                 forecast from the scales beyond it alone"
            }
            Self::Breakthrough => {
                "do not forecast from scales below the start; forecast from those above, and try a \
                 smoother metric, such as the loss of the correct answer, below"
            }
            Self::Insufficient => "measure more scales: ten or more, spread evenly",
        }
    }
}

/// A number of the metric or of x with three digits.
struct Short(f64);

impl fmt::Display for Short {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = self.0.abs();
        if size >= 1e5 || (size < 1e-4 && size > 0.0) {
            write!(f, "{:.2e}", self.0)
        } else if size >= 100.0 {
            write!(f, "{:.0}", self.0)
        } else {
            let places = if size >= 10.0 {
                1
            } else if size >= 1.0 {
                2
            } else {
                4
            };
            write!(f, "{:.places$}", self.0)
        }
    }
}

fn rank(test: RankTest) -> String {
    let sign = if test.p <= 0.001 { "at most " } else { "" };
    format!("rank correlation {:.2}, p {sign}{:.3}", test.rho, test.p)
}

impl fmt::Display for HeldOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = if self.better_by >= 0.0 { "better" } else { "worse" };
        write!(
            f,
            "the {} largest are {} {side} on average than the other {} foretell, where {} either \
             way was to be expected; {} lie inside their 90 % interval",
            self.held_out,
            Short(self.better_by.abs()),
            self.fitted,
            Short(self.expected_error),
            self.inside
        )
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::TooFew { points, scales } => write!(
                f,
                "{points} usable points at {scales} different scales; at least 6 points at 5 \
                 scales are needed"
            ),
            Self::Undecided { rank: test } => write!(
                f,
                "no trend shows ({}), but {} points would hide one",
                rank(test),
                test.points
            ),
            Self::NothingToHoldOut { scales } => write!(
                f,
                "the {scales} scales leave too little below the largest to foretell it from"
            ),
            Self::ForetoldVaguely { held_out, gain } => write!(
                f,
                "the {} smaller scales foretell the {} largest to within {} either way, but the \
                 whole gain is {}",
                held_out.fitted,
                held_out.held_out,
                Short(held_out.expected_error),
                Short(gain)
            ),
            Self::Constant => f.write_str("every value is the same"),
            Self::AtCeiling => {
                f.write_str("every value is within two standard errors of the best possible")
            }
            Self::NoTrend { rank: test } => write!(f, "no trend with scale: {}", rank(test)),
            Self::WithinError { gain, error } => write!(
                f,
                "the whole change, {}, is less than two standard errors of one evaluation ({} each)",
                Short(gain),
                Short(error)
            ),
            Self::Turns { turn, at } => {
                let (first, then) = if turn.improves_first {
                    ("improves", "worsens")
                } else {
                    ("worsens", "improves")
                };
                write!(
                    f,
                    "{first} until x = {} ({}), {then} after it ({}); the smaller movement is {}",
                    Short(at),
                    rank(turn.left),
                    rank(turn.right),
                    Short(turn.size)
                )
            }
            Self::Worsens { rank: test, gain } => {
                write!(f, "worsens with scale by {}: {}", Short(gain.abs()), rank(test))
            }
            Self::Scatter { interval, gain } => write!(
                f,
                "the 90 % interval of a single run is {} wide, the whole gain only {}",
                Short(interval),
                Short(gain)
            ),
            Self::SetsIn { at, odds } => write!(
                f,
                "hardly moves until x = {}, then improves; {} times as likely as any smooth curve",
                Short(at),
                if odds > 1000.0 { "over 1000".to_owned() } else { format!("{odds:.0}") }
            ),
            Self::LevelsOff { share } => write!(
                f,
                "the last third of the scale adds {:.0} % of the gain and no trend of its own",
                100.0 * share.max(0.0)
            ),
            Self::SetsInUnforetold { share, held_out } => write!(
                f,
                "the first half of the scale adds {:.0} % of the gain, and the smaller scales do not \
                 foretell the rest: {held_out}",
                100.0 * share.max(0.0)
            ),
            Self::BetterThanForetold { held_out }
            | Self::WorseThanForetold { held_out }
            | Self::Foretold { held_out } => held_out.fmt(f),
        }
    }
}

impl fmt::Display for Trend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", self.category, self.reason)?;
        let seen = &self.evidence;
        for line in [measured(seen), shape(seen), distance(seen)].into_iter().flatten() {
            writeln!(f, "  {line}")?;
        }
        write!(f, "what to do: {}", self.category.advice())
    }
}

fn measured(seen: &Evidence) -> Option<String> {
    let unit = if seen.axis == Axis::Size { "decades" } else { "of loss" };
    let mut parts = vec![format!("{} points over {} {unit}", seen.points, Short(seen.span))];
    if seen.left_out > 0 {
        parts.push(format!("{} left out (missing or impossible)", seen.left_out));
    }
    parts.push(match seen.range.error {
        Some(error) => format!("one evaluation is known to {}", Short(error)),
        None => format!("neighbours scatter by {}", Short(seen.range.local_scatter)),
    });
    if let Some(share) = seen.range.at_chance {
        parts.push(format!("{:.0} % of the points are at chance", 100.0 * share));
    }
    (seen.points > 0).then(|| parts.join("; "))
}

fn shape(seen: &Evidence) -> Option<String> {
    let best = seen.forms.iter().find(|form| !form.turns)?;
    let mut parts = vec![format!(
        "best curve of {} that does not turn: {}, {} from smallest to largest, scatter {}",
        seen.forms.len(),
        best.form,
        Short(best.gain),
        Short(best.scatter)
    )];
    if let Some(parameter) = best.at_bound {
        parts.push(format!("its {parameter} stopped at the end of its range"));
    }
    // One chance in a hundred.
    if seen.runs.z > 2.33 {
        parts.push(format!(
            "its misses come in {} runs where {:.0} are expected, so it lacks some structure",
            seen.runs.runs, seen.runs.expected
        ));
    }
    Some(parts.join("; "))
}

fn distance(seen: &Evidence) -> Option<String> {
    let far = seen.extrapolation?;
    let unit = if seen.axis == Axis::Size { "decades" } else { "of loss" };
    Some(if far.beyond == 0.0 {
        "the target lies within the points".to_owned()
    } else {
        let warning = if far.spans > 1.0 { ", further than they span" } else { "" };
        format!("the target lies {} {unit} beyond the points{warning}", Short(far.beyond))
    })
}
