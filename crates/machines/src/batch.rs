//! What a step is of: how many sequences, of how many tokens.

use diagnostic::Diagnostic;
use runs::Tokens;

/// What a step is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batch {
    /// Sequences per step, over all replicas.
    pub sequences: u32,
    /// Tokens per sequence.
    pub sequence: u32,
}

impl Batch {
    /// Tokens per step.
    pub fn tokens(&self) -> Tokens {
        Tokens(f64::from(self.sequences) * f64::from(self.sequence))
    }

    /// The batch of whole sequences nearest to so many tokens.
    ///
    /// # Errors
    /// Less than half a sequence, or more than can be counted.
    pub fn nearest(tokens: Tokens, sequence: u32) -> Result<Self, Diagnostic> {
        let sequences = tokens.get() / f64::from(sequence.max(1));
        if sequence > 0 && sequences >= 0.5 && sequences < f64::from(u32::MAX) / 2.0 {
            return Ok(Self { sequences: sequences.round() as u32, sequence });
        }
        Err(Diagnostic::error(format!("a batch of {tokens} is not one of sequences"))
            .note(format!("a sequence has {sequence} tokens"))
            .help("give a batch of at least one sequence, such as `512 sequences`"))
    }

    /// Up to four batches within an eighth of this one that replicas can share out: multiples of
    /// the largest divisors of the accelerators' number. Layouts hang on what divides.
    pub fn divisible(&self, accelerators: u32) -> Vec<Self> {
        const MOST: usize = 4;
        let asked = f64::from(self.sequences);
        let mut counts: Vec<u32> = Vec::new();
        let parts: Vec<u32> = (1..=accelerators.min(self.sequences.saturating_mul(2)))
            .filter(|part| accelerators.is_multiple_of(*part))
            .collect();
        for part in parts.into_iter().rev() {
            let size = f64::from(part);
            let count = (asked / size).round().max(1.0) * size;
            let close = (count / asked - 1.0).abs() <= 0.125 || part == 1;
            let count = count as u32;
            if close && counts.len() < MOST && !counts.contains(&count) {
                counts.push(count);
            }
        }
        counts.into_iter().map(|sequences| Self { sequences, ..*self }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_whole_sequences() {
        let batch = Batch::nearest(Tokens(4e6), 8192).unwrap();
        assert_eq!(batch.sequences, 488);
        assert_eq!(batch.tokens(), Tokens(488.0 * 8192.0));
        for (tokens, sequence) in [(1.0, 8192), (f64::NAN, 8192), (-1.0, 1), (1e30, 1), (1e6, 0)] {
            assert!(Batch::nearest(Tokens(tokens), sequence).is_err(), "{tokens} {sequence}");
        }
    }

    #[test]
    fn divisible_batches_lie_within_an_eighth() {
        for accelerators in [1, 7, 8, 72, 4608, 16_384] {
            let asked = Batch { sequences: 1953, sequence: 8192 };
            let found = asked.divisible(accelerators);
            assert!((1..=4).contains(&found.len()), "{found:?}");
            for batch in found {
                let ratio = f64::from(batch.sequences) / 1953.0;
                assert!((ratio - 1.0).abs() <= 0.125, "{accelerators} {batch:?}");
            }
        }
        // 53 and 131 divide the campus of a gigawatt, and nothing between.
        let campus = Batch { sequences: 7812, sequence: 8192 }.divisible(499_896);
        assert_eq!(campus[0].sequences, 53 * 131);
    }
}
