//! Which stretches of tokens a model sees: at each step, and for validation.

use diagnostic::Diagnostic;

use super::permutation::Permutation;
use crate::corpus::{Split, grouped};

/// The order in which the training windows are visited; it depends on the seed alone.
///
/// A window is `context` tokens and the one that follows the last. In each epoch the training
/// tokens are cut into windows that do not overlap (but for that following token), from an offset
/// drawn for the epoch, and every window is visited once, in a pseudo-random order drawn for the
/// epoch. Nothing is stored, so any step can be asked for: resuming needs the step number only.
#[derive(Debug, Clone)]
pub struct BatchSampler {
    seed: u64,
    context: u64,
    batch: u64,
    /// Windows in an epoch.
    windows: u64,
    /// Offsets to draw from.
    offsets: u64,
}

impl BatchSampler {
    /// Windows of `context` tokens out of `train_tokens`, `batch` of them per step.
    ///
    /// # Errors
    ///
    /// When `context` or `batch` is 0, or an epoch has fewer windows than a batch.
    pub fn new(
        train_tokens: u64,
        context: usize,
        batch: usize,
        seed: u64,
    ) -> Result<Self, Diagnostic> {
        let (context, batch) = (context as u64, batch as u64);
        at_least_one(context, "the context", "a model sees at least 1 token")?;
        at_least_one(batch, "the batch", "a step needs at least 1 window")?;
        // One window is given up, so that the offset can be anything below the context; unless
        // there is only one.
        let windows = match train_tokens / context {
            0 | 1 => u64::from(train_tokens > context),
            whole => whole - 1,
        };
        if windows < batch {
            // Two windows are needed before the rule above yields the first by itself.
            let windows_needed = if batch == 1 { Some(1) } else { batch.checked_add(1) };
            let needed = windows_needed
                .and_then(|windows| windows.checked_mul(context))
                .map_or(u64::MAX, |tokens| tokens.saturating_add(u64::from(batch == 1)));
            return Err(too_small(Split::Train, train_tokens, needed)
                .note(format!(
                    "a batch is {} windows of {} tokens, and they hold {}",
                    grouped(batch),
                    grouped(context),
                    grouped(windows)
                ))
                .help("give more text with `--corpus`, or take a smaller batch or context"));
        }
        let offsets = context.min(train_tokens - windows * context);
        Ok(Self { seed, context, batch, windows, offsets })
    }

    /// Where the windows of a step start.
    pub fn batch(&self, step: u64) -> impl ExactSizeIterator<Item = usize> + use<'_> {
        let first = step.wrapping_mul(self.batch);
        (0..self.batch as usize).map(move |i| self.window(first.wrapping_add(i as u64)))
    }

    /// Where the window visited as number `index`, counted from the start of training, starts.
    ///
    /// A window takes `context + 1` tokens from there, and they are all within the split.
    pub fn window(&self, index: u64) -> usize {
        let (epoch, place) = (index / self.windows, index % self.windows);
        let mut draws = blake3::Hasher::new();
        draws.update(b"isoflop training windows 1 ");
        draws.update(&self.seed.to_le_bytes()).update(&epoch.to_le_bytes());
        let mut draws = draws.finalize_xof();
        let mut draw = || {
            let mut bytes = [0; 8];
            draws.fill(&mut bytes);
            u64::from_le_bytes(bytes)
        };
        let offset = draw() % self.offsets;
        let order = Permutation::new(self.windows, std::array::from_fn(|_| draw()));
        (offset + order.at(place) * self.context) as usize
    }

    /// Windows in an epoch.
    pub fn windows_per_epoch(&self) -> u64 {
        self.windows
    }

    /// How often training on `tokens` tokens goes through the training text: above 1, text is
    /// seen again.
    pub fn epochs(&self, tokens: u64) -> f64 {
        tokens as f64 / (self.windows as f64 * self.context as f64)
    }
}

/// Where `count` windows of `context` tokens (and the one after) start, spread evenly over
/// `validation_tokens` without overlap.
///
/// They depend on these three numbers alone, so that the losses of all runs are on equal text.
///
/// # Errors
///
/// When a number is 0, or the windows do not fit.
pub fn validation_windows(
    validation_tokens: u64,
    context: usize,
    count: usize,
) -> Result<Vec<usize>, Diagnostic> {
    let (context, count) = (context as u64, count as u64);
    at_least_one(context, "the context", "a model sees at least 1 token")?;
    at_least_one(count, "the number of validation windows", "a loss needs at least 1")?;
    let needed = context.saturating_mul(count).saturating_add(1);
    if validation_tokens < needed {
        return Err(too_small(Split::Validation, validation_tokens, needed)
            .note(format!(
                "validation takes {} windows of {} tokens",
                grouped(count),
                grouped(context)
            ))
            .help("give more text with `--corpus`, or validate on fewer or shorter windows"));
    }
    // Each window stands in the middle of its share of the split.
    let room = u128::from(validation_tokens - 1);
    let share = room / u128::from(count);
    let margin = (share - u128::from(context)) / 2;
    let start = |i: u64| (u128::from(i) * room / u128::from(count) + margin) as usize;
    Ok((0..count).map(start).collect())
}

fn at_least_one(number: u64, what: &str, why: &str) -> Result<(), Diagnostic> {
    if number > 0 { Ok(()) } else { Err(Diagnostic::error(format!("{what} is 0")).help(why)) }
}

fn too_small(split: Split, tokens: u64, needed: u64) -> Diagnostic {
    Diagnostic::error(format!(
        "the corpus is too small: it has {} {split} tokens, and {} are needed",
        grouped(tokens),
        grouped(needed)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn an_epoch_visits_every_window_once_and_none_crosses_the_end(
            tokens in 2_u64..5_000,
            context in 1_usize..200,
            seed: u64,
            epoch in 0_u64..1_000,
        ) {
            let Ok(sampler) = BatchSampler::new(tokens, context, 1, seed) else {
                prop_assert!(tokens <= context as u64);
                return Ok(());
            };
            let n = sampler.windows_per_epoch();
            let mut starts: Vec<usize> =
                (epoch * n..(epoch + 1) * n).map(|index| sampler.window(index)).collect();
            starts.sort_unstable();
            prop_assert!(starts.windows(2).all(|pair| pair[0] + context == pair[1]));
            prop_assert!(starts[starts.len() - 1] + context < tokens as usize);
            // at most two contexts of text are left out
            prop_assert!(n as usize * context + 2 * context > tokens as usize);
        }

        #[test]
        fn validation_windows_do_not_overlap_and_stay_within_the_split(
            tokens in 0_u64..100_000,
            context in 1_usize..300,
            count in 1_usize..400,
        ) {
            match validation_windows(tokens, context, count) {
                Ok(starts) => {
                    prop_assert_eq!(starts.len(), count);
                    prop_assert!(starts.windows(2).all(|pair| pair[0] + context <= pair[1]));
                    prop_assert!(starts[count - 1] + context < tokens as usize);
                    let gaps = starts.windows(2).map(|pair| pair[1] - pair[0]);
                    let (least, most) = gaps.fold((usize::MAX, 0), |(a, b), g| (a.min(g), b.max(g)));
                    prop_assert!(most <= least.saturating_add(1));
                }
                Err(_) => prop_assert!(tokens <= (context * count) as u64),
            }
        }

        #[test]
        fn no_numbers_make_it_panic(tokens: u64, context: usize, batch: usize, index: u64) {
            if let Ok(sampler) = BatchSampler::new(tokens, context, batch, 0) {
                prop_assert!((sampler.window(index) as u64) < tokens);
                prop_assert!(sampler.epochs(index) >= 0.0);
            }
            drop(validation_windows(tokens.min(1 << 20), context, batch));
        }
    }

    #[test]
    fn steps_can_be_asked_for_in_any_order_and_seeds_and_epochs_differ() {
        let sampler = BatchSampler::new(100_000, 64, 8, 3).unwrap();
        let later: Vec<usize> = sampler.batch(500).collect();
        let all: Vec<usize> = (0..501).flat_map(|step| sampler.batch(step)).collect();
        assert_eq!(all[500 * 8..], later);
        assert_eq!(sampler.batch(500).len(), 8);

        let n = sampler.windows_per_epoch() as usize;
        assert_eq!(n, 100_000 / 64 - 1);
        assert_ne!(all[..20], all[n..n + 20]);
        let other = BatchSampler::new(100_000, 64, 8, 4).unwrap();
        assert_ne!(other.batch(500).collect::<Vec<_>>(), later);
        assert!((sampler.epochs(2 * n as u64 * 64) - 2.0).abs() < 1e-12);
    }

    #[test]
    fn a_split_that_is_too_small_says_how_much_is_there_and_how_much_is_needed() {
        let problem = BatchSampler::new(1_000, 100, 16, 0).unwrap_err().to_string();
        assert!(problem.contains("1,000 training tokens, and 1,700 are needed"), "{problem}");
        assert!(BatchSampler::new(1_700, 100, 16, 0).is_ok());
        assert!(BatchSampler::new(1_699, 100, 16, 0).is_err());
        assert!(BatchSampler::new(101, 100, 1, 0).is_ok());
        let problem = BatchSampler::new(100, 100, 1, 0).unwrap_err().to_string();
        assert!(problem.contains("100 training tokens, and 101 are needed"), "{problem}");
        let problem = validation_windows(6_400, 64, 100).unwrap_err().to_string();
        assert!(problem.contains("6,400 validation tokens, and 6,401 are needed"), "{problem}");
        assert!(validation_windows(6_401, 64, 100).is_ok());
        for (context, batch) in [(0, 1), (1, 0)] {
            assert!(BatchSampler::new(10, context, batch, 0).unwrap_err().message().ends_with('0'));
            assert!(validation_windows(10, context, batch).is_err());
        }
    }
}
