//! Which runs can be made.

use diagnostic::Diagnostic;
use runs::{Flop, Parameters, Tokens, flop_6nd};

/// What a run may be.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// Smallest and largest model.
    pub parameters: (Parameters, Parameters),
    /// Fewest and most tokens.
    pub tokens: (Tokens, Tokens),
    /// Least and most tokens per parameter.
    pub tokens_per_parameter: (f64, f64),
    /// The least and the most that one run may take, as 6 N D.
    pub run: (Flop, Flop),
    /// The only sizes there are; empty for any.
    pub sizes: Vec<Parameters>,
}

impl Limits {
    /// Whether a run keeps to them; the last digit does not count.
    pub fn allow(&self, parameters: Parameters, tokens: Tokens) -> bool {
        let inside = |x: f64, (low, high): (f64, f64)| x >= low * 0.999 && x <= high * 1.001;
        let (n, d) = (parameters.get(), tokens.get());
        inside(n, (self.parameters.0.get(), self.parameters.1.get()))
            && inside(d, (self.tokens.0.get(), self.tokens.1.get()))
            && inside(d / n, self.tokens_per_parameter)
            && inside(flop_6nd(parameters, tokens).get(), (self.run.0.get(), self.run.1.get()))
    }

    /// The limits of the usual grid: what cannot be made, it cannot make either. Only a dearest run
    /// that the budget of a batch set, and nothing else, grows with the grid.
    pub(crate) fn of_grid(&self, batch: Flop) -> Self {
        let dearest = if self.run.1.get() < batch.get() { self.run.1 } else { Flop(f64::MAX) };
        Self { run: (Flop(0.0), dearest), ..self.clone() }
    }

    /// The nearest size there is.
    pub(crate) fn size(&self, parameters: f64) -> f64 {
        let distance = |size: &&Parameters| (size.get() / parameters).ln().abs();
        let nearest = self.sizes.iter().min_by(|a, b| distance(a).total_cmp(&distance(b)));
        nearest.map_or(parameters, |size| size.get())
    }

    /// About `count` runs, evenly over the logarithms of size and tokens: N and D of each.
    ///
    /// # Errors
    /// Limits that leave no run, with the ones that contradict each other.
    pub(crate) fn candidates(&self, count: usize) -> Result<(Vec<f64>, Vec<f64>), Diagnostic> {
        let count = count.max(4);
        let mut side = match self.sizes.len() {
            0 => (count as f64).sqrt(),
            sizes => count as f64 / sizes as f64,
        };
        let mut found = self.grid(side);
        // The limits cut corners off the square: the finest grid whose rest is no more than asked.
        let mut high = (20.0 * side).min(4000.0);
        for _ in 0..10 {
            let middle = (side * high).sqrt();
            let finer = self.grid(middle);
            if finer.0.len() > count {
                high = middle;
            } else {
                side = middle;
                found = finer;
            }
        }
        if found.0.is_empty() { Err(self.contradiction()) } else { Ok(found) }
    }

    fn grid(&self, side: f64) -> (Vec<f64>, Vec<f64>) {
        let steps = side.round().max(2.0) as usize;
        let spaced = |(low, high): (f64, f64)| -> Vec<f64> {
            if !(low > 0.0 && low <= high && high.is_finite()) {
                return Vec::new();
            }
            if high <= low * 1.001 {
                return vec![low];
            }
            let step = (high / low).ln() / (steps - 1) as f64;
            (0..steps).map(|i| three_digits(low * (step * i as f64).exp())).collect()
        };
        let sizes: Vec<f64> = if self.sizes.is_empty() {
            spaced((self.smallest(), self.largest()))
        } else {
            self.sizes.iter().map(|size| size.get()).collect()
        };
        let tokens = spaced((self.shortest(), self.longest()));
        let pairs = sizes.iter().flat_map(|&n| tokens.iter().map(move |&d| (n, d)));
        pairs.filter(|&(n, d)| self.allow(Parameters(n), Tokens(d))).unzip()
    }

    /// The smallest model that the cheapest run can have.
    fn smallest(&self) -> f64 {
        let cheapest = (self.run.0.get() / (6.0 * self.tokens_per_parameter.1)).sqrt();
        self.parameters.0.get().max(cheapest)
    }

    /// The fewest tokens that the cheapest run can have.
    fn shortest(&self) -> f64 {
        let ratio = self.tokens_per_parameter.0;
        let (cheapest, smallest) = ((self.run.0.get() * ratio / 6.0).sqrt(), self.smallest());
        self.tokens.0.get().max(cheapest).max(if self.sizes.is_empty() {
            smallest * ratio
        } else {
            0.0
        })
    }

    /// The largest model whose shortest run is affordable.
    fn largest(&self) -> f64 {
        let product = self.run.1.get() / 6.0;
        let ratio = self.tokens_per_parameter.0.max(1e-9);
        self.parameters.1.get().min(product / self.tokens.0.get()).min((product / ratio).sqrt())
    }

    /// The longest run of the smallest model that is affordable.
    fn longest(&self) -> f64 {
        let least = self.sizes.iter().map(|size| size.get()).fold(f64::INFINITY, f64::min);
        let smallest = self.parameters.0.get().max(if least.is_finite() { least } else { 0.0 });
        let product = self.run.1.get() / 6.0;
        let ratio = self.tokens_per_parameter.1;
        self.tokens.1.get().min(product / smallest).min((product * ratio).sqrt())
    }

    fn contradiction(&self) -> Diagnostic {
        let (n, d) = (self.parameters, self.tokens);
        let (low, high) = self.tokens_per_parameter;
        let ends = |low: String, high: String, most: f64| {
            if most < 1e29 { format!("{low} to {high}") } else { format!("{low} and more") }
        };
        let problem = Diagnostic::error("no run keeps to all limits")
            .note(format!("models of {}", ends(n.0.to_string(), n.1.to_string(), n.1.get())))
            .note(format!("runs of {}", ends(d.0.to_string(), d.1.to_string(), d.1.get())))
            .note(format!("{low} to {high} tokens per parameter"))
            .note(format!("{} to {} a run, as 6 N D", self.run.0, self.run.1));
        let smallest = self.size(n.0.get());
        let cheapest = flop_6nd(Parameters(smallest), Tokens(d.0.get().max(low * smallest)));
        let kept = self.sizes.iter().any(|s| s.get() >= n.0.get() && s.get() <= n.1.get());
        if n.0.get() > n.1.get() {
            problem.help("the smallest model is larger than the largest: change one of them")
        } else if d.0.get() > d.1.get() {
            problem.help("the shortest run is longer than the longest: change one of them")
        } else if !self.sizes.is_empty() && !kept {
            problem.help("none of the sizes lies between the smallest and the largest model")
        } else if self.run.0.get() > self.run.1.get() {
            problem.help("the cheapest run takes more than the dearest: change one of them")
        } else if cheapest.get() > self.run.1.get() {
            problem.help(format!(
                "the smallest run takes {cheapest}: allow more a run, smaller models or fewer steps"
            ))
        } else {
            problem.help("widen the range of tokens per parameter, or of sizes")
        }
    }
}

/// Three significant digits, so that a table shows what was chosen.
fn three_digits(x: f64) -> f64 {
    let unit = 10_f64.powf(x.log10().floor() - 2.0);
    let rounded = (x / unit).round() * unit;
    // 1.23e8 rather than 122999999.99999999.
    if rounded >= 1e3 { rounded.round() } else { rounded }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> Limits {
        Limits {
            parameters: (Parameters(1e7), Parameters(1e10)),
            tokens: (Tokens(1e8), Tokens(1e13)),
            tokens_per_parameter: (1.0, 1000.0),
            run: (Flop(0.0), Flop(1e20)),
            sizes: Vec::new(),
        }
    }

    #[test]
    fn candidates_keep_to_every_limit_and_reach_their_ends() {
        for count in [30, 1000, 10_000] {
            let (n, d) = limits().candidates(count).unwrap();
            assert!(n.len() <= count && n.len() > 3 * count / 4, "{} of {count}", n.len());
            assert!(n.iter().zip(&d).all(|(&n, &d)| limits().allow(Parameters(n), Tokens(d))));
            let most = n.iter().zip(&d).map(|(n, d)| 6.0 * n * d).fold(0.0, f64::max);
            assert!(most > 0.3e20, "{most}");
        }
        let sizes = vec![Parameters(3e7), Parameters(1e9), Parameters(1e12)];
        let (n, _) = Limits { sizes, ..limits() }.candidates(500).unwrap();
        assert!(n.iter().all(|n| [3e7, 1e9].contains(n)) && n.len() > 100, "{}", n.len());
    }

    #[test]
    fn limits_that_leave_nothing_say_which_contradict() {
        for (bad, word) in [
            (Limits { parameters: (Parameters(1e9), Parameters(1e8)), ..limits() }, "smallest"),
            (Limits { tokens: (Tokens(1e9), Tokens(1e8)), ..limits() }, "shortest"),
            (Limits { run: (Flop(0.0), Flop(1e12)), ..limits() }, "smallest run"),
            (Limits { run: (Flop(1e21), Flop(1e20)), ..limits() }, "dearest"),
            (Limits { sizes: vec![Parameters(1.0)], ..limits() }, "none of the sizes"),
            (Limits { tokens_per_parameter: (1e8, 1e9), ..limits() }, "smallest run"),
        ] {
            let message = bad.candidates(100).unwrap_err().to_string();
            assert!(message.contains(word), "{word}: {message}");
        }
    }
}
