//! How long to wait: a quantile of what was seen, times a factor.

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Spans that are remembered.
const MEMORY: usize = 32;

/// Learns how long something takes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Patience {
    seen: VecDeque<Duration>,
    factor: f64,
    quantile: f64,
    least: Duration,
    first: Duration,
}

impl Patience {
    /// Waits `first` before anything was seen, then `factor` times the `quantile` of the last 32
    /// spans, never less than `least`.
    pub fn new(first: Duration, least: Duration, quantile: f64, factor: f64) -> Self {
        Self { seen: VecDeque::new(), factor, quantile, least, first }
    }

    /// Remembers a span.
    pub fn saw(&mut self, span: Duration) {
        if self.seen.len() == MEMORY {
            self.seen.pop_front();
        }
        self.seen.push_back(span);
    }

    /// How long to wait.
    pub fn span(&self) -> Duration {
        if self.seen.is_empty() {
            return self.first;
        }
        let mut sorted: Vec<Duration> = self.seen.iter().copied().collect();
        sorted.sort_unstable();
        let at = ((sorted.len() - 1) as f64 * self.quantile).round() as usize;
        Duration::try_from_secs_f64(sorted[at].as_secs_f64() * self.factor)
            .unwrap_or(Duration::MAX)
            .max(self.least)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_follows_what_it_sees_and_one_jump_of_the_clock_does_not_move_it() {
        let seconds = Duration::from_secs_f64;
        let mut patience = Patience::new(seconds(60.0), seconds(1.0), 0.8, 3.0);
        assert_eq!(patience.span(), seconds(60.0));
        for _ in 0..20 {
            patience.saw(seconds(2.0));
        }
        patience.saw(seconds(1e6));
        assert_eq!(patience.span(), seconds(6.0));
        for _ in 0..32 {
            patience.saw(seconds(10.0));
        }
        assert_eq!(patience.span(), seconds(30.0));
    }
}
