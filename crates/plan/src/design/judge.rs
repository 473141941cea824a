//! How sure a goal is, from the state of what is believed.

use laws::Interval;

use super::Certainty;
use super::beliefs::State;
use super::goal::Goal;
use super::knowledge::Knowledge;

/// From states to how sure the goal is.
pub(super) struct Judge {
    choice: bool,
    /// Standard deviation of the goal over the draws.
    spread: f64,
    /// The same by the slopes, for the law as it is.
    local: f64,
    /// How much wider the draws are than runs of this noise would leave them: an objective that
    /// guards against outliers pays with wider intervals. Never below 1, the bound of Cramér and
    /// Rao: where draws are narrower than it, bounds hold them and not the runs.
    inflation: f64,
}

impl Judge {
    pub(super) fn new(goal: &Goal, known: &Knowledge, values: &[f64], plain: &State) -> Self {
        let choice = matches!(goal, Goal::Choice);
        let local = plain.left();
        let there = values.iter().skip(1).copied().filter(|x| x.is_finite()).collect();
        // Two standard deviations of a normal, without its tails.
        let middle = Interval::of(there, 0.682_689_492_137_086);
        let spread = middle.map_or(local, |ends| 0.5 * (ends.high - ends.low));
        let ratio = spread / local;
        let inflation =
            if known.is_prior || choice || ratio.is_nan() { 1.0 } else { ratio.max(1.0) };
        Self { choice, spread, local, inflation }
    }

    /// Before any new run.
    pub(super) fn now(&self, plain: &State, bent: &State) -> Certainty {
        if self.choice {
            return self.certainty(plain, bent);
        }
        let may_bend = (self.spread * bent.left() / plain.left()).max(self.spread);
        Certainty { law_holds: self.spread, may_bend }
    }

    /// After runs, in a fit to all.
    pub(super) fn certainty(&self, plain: &State, bent: &State) -> Certainty {
        if self.choice {
            return Certainty { law_holds: plain.chance(), may_bend: bent.chance() };
        }
        let law_holds = (self.inflation * plain.left()).min(self.spread);
        Certainty { law_holds, may_bend: (self.inflation * bent.left()).max(law_holds) }
    }

    /// Whether the runs, and not bounds, hold the goal where it is.
    pub(super) fn identified(&self) -> bool {
        self.choice || self.local < 3.0 * self.spread
    }
}
