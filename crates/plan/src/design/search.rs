//! The runs that are worth most within a budget.

use super::beliefs::State;

/// What a batch may hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Purse {
    /// FLOP in all.
    pub(crate) budget: f64,
    /// Runs in all.
    pub(crate) runs: usize,
    /// Runs of one setting.
    pub(crate) repeats: usize,
}

/// Candidates: what they cost and where they lie.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shop<'a> {
    /// FLOP of each.
    pub(crate) costs: &'a [f64],
    /// ln N of each.
    pub(crate) ln_n: &'a [f64],
    /// ln D of each.
    pub(crate) ln_d: &'a [f64],
}

/// ln 1.5: two settings that differ by less in both N and D are one setting that was made twice,
/// and a design is not to hide repetitions in them.
const APART: f64 = 0.405;
/// Passes over all runs of a design, and over all settings.
const PASSES: usize = 4;
/// Nats, or share of certainty, below which a change is not worth making.
const WORTHWHILE: f64 = 1e-4;
/// Greedy choices are by gain over cost to one of these powers: 1 is gain per FLOP.
const THRIFT: [f64; 4] = [1.0, 0.6, 0.3, 0.1];

/// Candidates to run, with repetitions; `state` is left as it was before them. `starts` are designs
/// to improve on beside those that are made here.
///
/// Greedy choices go first, by gain over a power of the cost, and by gain alone among those that
/// leave as much for each of the runs to come. Each design is improved by exchanging one run at a
/// time for the best that the rest of the budget affords (Fedorov 1972; Cook and Nachtsheim 1980,
/// Technometrics 22:315). In the best of them every setting is then taken out in turn and its money
/// spent again, which finds what no exchange of single runs can.
pub(crate) fn search(
    state: &State,
    shop: Shop<'_>,
    purse: Purse,
    starts: &[Vec<usize>],
) -> Vec<usize> {
    let mut designs: Vec<Search<'_>> = Vec::new();
    for thrift in THRIFT {
        designs.push(Search::new(state, shop, purse).filled(Greed::Thrift(thrift)));
    }
    let mut runs = purse.runs;
    loop {
        designs.push(Search::new(state, shop, purse).filled(Greed::Pace(runs)));
        if runs <= 2 {
            break;
        }
        runs = runs.div_ceil(2);
    }
    for start in starts {
        let mut search = Search::new(state, shop, purse);
        search.take(start);
        designs.push(search);
    }
    let mut best: Option<Search<'_>> = None;
    for mut design in designs {
        design.exchange();
        if best.as_ref().is_none_or(|best| design.is_better_than(best)) {
            best = Some(design);
        }
    }
    let Some(mut best) = best else { return Vec::new() };
    for _ in 0..PASSES {
        let before = best.state.merit();
        let mut settings = best.chosen.clone();
        settings.sort_unstable();
        settings.dedup();
        for setting in settings {
            for thrift in THRIFT {
                let mut other = best.clone();
                while let Some(place) = other.chosen.iter().position(|&run| run == setting) {
                    other.remove(place);
                }
                other = other.filled(Greed::Thrift(thrift));
                if other.is_better_than(&best) {
                    other.exchange();
                    best = other;
                }
            }
        }
        if best.state.merit() < before + WORTHWHILE {
            break;
        }
    }
    best.leave_out();
    best.chosen
}

/// How greedy choices are made.
#[derive(Debug, Clone, Copy)]
enum Greed {
    /// Gain over cost to this power.
    Thrift(f64),
    /// Gain, with as much left for each of so many runs.
    Pace(usize),
}

#[derive(Clone)]
struct Search<'a> {
    state: State,
    shop: Shop<'a>,
    purse: Purse,
    chosen: Vec<usize>,
    spent: f64,
    /// Runs per candidate.
    times: Vec<usize>,
    /// Space to work in.
    merits: Vec<f64>,
}

impl<'a> Search<'a> {
    fn new(state: &State, shop: Shop<'a>, purse: Purse) -> Self {
        let count = shop.costs.len();
        Self {
            state: state.clone(),
            shop,
            purse,
            chosen: Vec::new(),
            spent: 0.0,
            times: vec![0; count],
            merits: vec![0.0; count],
        }
    }

    /// Of two that teach as much, the cheaper.
    fn is_better_than(&self, other: &Self) -> bool {
        let gained = self.state.merit() - other.state.merit();
        gained > WORTHWHILE || gained > -WORTHWHILE && self.spent < 0.98 * other.spent
    }

    fn add(&mut self, candidate: usize) {
        self.state.run(candidate, 1.0);
        self.chosen.push(candidate);
        self.spent += self.shop.costs[candidate];
        self.times[candidate] += 1;
    }

    fn remove(&mut self, place: usize) -> usize {
        let candidate = self.chosen.remove(place);
        self.state.run(candidate, -1.0);
        self.spent -= self.shop.costs[candidate];
        self.times[candidate] -= 1;
        candidate
    }

    /// The candidate of at most `most` FLOP that adds most, over its cost to the power `thrift`;
    /// with the merit that it leads to.
    fn best(&mut self, most: f64, thrift: f64) -> Option<(usize, f64)> {
        let now = self.state.merit();
        self.state.merits(&mut self.merits);
        let mut best: Option<(usize, f64)> = None;
        let mut most_worth = f64::NEG_INFINITY;
        for (candidate, (&merit, &cost)) in self.merits.iter().zip(self.shop.costs).enumerate() {
            // Neither a NaN nor a loss is ever the best.
            let allowed = merit > now && cost <= most;
            if !allowed {
                continue;
            }
            let worth = if thrift == 0.0 { merit } else { (merit - now) / cost.powf(thrift) };
            if worth > most_worth && self.allows(candidate) {
                most_worth = worth;
                best = Some((candidate, merit));
            }
        }
        best
    }

    /// Whether one more run of a candidate keeps settings apart and repeats few.
    fn allows(&self, candidate: usize) -> bool {
        let Shop { ln_n, ln_d, .. } = self.shop;
        let near = |&other: &usize| {
            (ln_n[candidate] - ln_n[other]).abs() < APART
                && (ln_d[candidate] - ln_d[other]).abs() < APART
        };
        match self.times[candidate] {
            0 => !self.chosen.iter().any(near),
            times => times < self.purse.repeats,
        }
    }

    fn room(&self) -> f64 {
        // Rounding must not forbid a run that costs all there is.
        self.purse.budget * (1.0 + 1e-12) - self.spent
    }

    fn filled(mut self, greed: Greed) -> Self {
        loop {
            let room = self.room();
            let found = match greed {
                _ if self.chosen.len() >= self.purse.runs => break,
                Greed::Thrift(thrift) => self.best(room, thrift),
                Greed::Pace(runs) if self.chosen.len() < runs => {
                    let share = room / (runs - self.chosen.len()) as f64;
                    self.best(share, 0.0).or_else(|| self.best(room, 1.0))
                }
                Greed::Pace(_) => break,
            };
            match found {
                Some((candidate, merit)) if merit > self.state.merit() + 0.1 * WORTHWHILE => {
                    self.add(candidate);
                }
                _ => return self,
            }
        }
        self
    }

    fn take(&mut self, design: &[usize]) {
        for &candidate in design {
            let fits = self.chosen.len() < self.purse.runs
                && self.allows(candidate)
                && self.shop.costs[candidate] <= self.room();
            if fits {
                self.add(candidate);
            }
        }
    }

    fn exchange(&mut self) {
        for _ in 0..PASSES {
            let before = self.state.merit();
            for _ in 0..self.chosen.len() {
                // The exchanged run goes to the end, so that the first is always the next.
                let old = self.remove(0);
                let new = self.best(self.room(), 0.0).map_or(old, |(candidate, _)| candidate);
                self.add(new);
            }
            while self.chosen.len() < self.purse.runs {
                let now = self.state.merit();
                match self.best(self.room(), 0.0) {
                    Some((candidate, merit)) if merit > now + WORTHWHILE => self.add(candidate),
                    _ => break,
                }
            }
            if self.state.merit() < before + 10.0 * WORTHWHILE {
                break;
            }
        }
    }

    /// Takes out runs that tell nothing.
    fn leave_out(&mut self) {
        for _ in 0..self.chosen.len() {
            let now = self.state.merit();
            let run = self.remove(0);
            if self.state.merit() < now - WORTHWHILE {
                self.add(run);
            }
        }
    }
}
