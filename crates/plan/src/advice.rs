//! Batch size and learning rate to train with, from published laws.

use diagnostic::Diagnostic;
use laws::Law;
use laws::catalogue::{self, Published};
use runs::{Flop, Parameters, Tokens};

/// What advice is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Advised {
    /// Tokens per step.
    Batch,
    /// The greatest learning rate of the schedule.
    LearningRate,
}

impl Advised {
    /// In words.
    pub const fn describe(self) -> &'static str {
        match self {
            Self::Batch => "batch (tokens per step)",
            Self::LearningRate => "peak learning rate",
        }
    }
}

/// A run to advise on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdvisedRun {
    /// Parameters without embeddings, as the laws count.
    pub parameters: Parameters,
    /// Training tokens.
    pub tokens: Tokens,
    /// Training compute.
    pub compute: Flop,
}

/// What one published law says.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Advice {
    /// What it is about.
    pub about: Advised,
    /// What to set it to: tokens, or a plain number.
    pub value: f64,
    /// Of a batch the power of two next to it, which machines can share out.
    pub rounded: Option<f64>,
    /// The constants: `steplaw-2025-bs`.
    pub id: String,
    /// The law: `steplaw-batch`.
    pub law: String,
    /// Paper and place.
    pub source: String,
    /// Where the run leaves what the law was fitted on: `D is 12 times above 1e11`; empty inside.
    pub outside: Vec<String>,
    /// Whether the source states what it was fitted on.
    pub range_known: bool,
}

/// The laws asked, in the order in which their advice is given.
const LAWS: [(&str, Advised); 4] = [
    ("steplaw-batch", Advised::Batch),
    ("batch-size-compute", Advised::Batch),
    ("steplaw-learning-rate", Advised::LearningRate),
    ("learning-rate-compute", Advised::LearningRate),
];

/// Batch sizes and learning rates for a run: `StepLaw` (arXiv:2503.04715), Power Lines
/// (arXiv:2505.13738, as nanochat uses it) and `DeepSeek` (arXiv:2401.02954), each with its source,
/// and where it leaves the range it was fitted on.
///
/// The rates are those of `AdamW` in each source's own parametrisation: values to start a sweep
/// from, not to trust.
///
/// ```
/// use plan::{Advised, AdvisedRun, advice};
/// use runs::{Flop, Parameters, Tokens};
///
/// let run = AdvisedRun { parameters: Parameters(7e9), tokens: Tokens(1.4e12), compute: Flop(5.9e22) };
/// let step_law = &advice(&run)?[0];
/// assert_eq!((step_law.about, step_law.id.as_str()), (Advised::Batch, "steplaw-2025-bs"));
/// assert!((step_law.value / 5.0e6 - 1.0).abs() < 0.02);
/// assert_eq!(step_law.outside, ["D is 14 times above 1e11"]);
/// # Ok::<(), diagnostic::Diagnostic>(())
/// ```
///
/// # Errors
/// Runs whose sizes are not above zero and finite.
pub fn advice(run: &AdvisedRun) -> Result<Vec<Advice>, Diagnostic> {
    let sizes = [("N", run.parameters.get()), ("D", run.tokens.get()), ("C", run.compute.get())];
    if let Some((name, size)) = sizes.iter().find(|(_, size)| !(*size > 0.0 && size.is_finite())) {
        return Err(Diagnostic::error(format!("no advice for a run with {name} = {size}"))
            .help("sizes must be above zero and finite"));
    }
    let mut out = Vec::new();
    for (name, about) in LAWS {
        let law = catalogue::find(name)?;
        for published in &law.published {
            out.push(one(&law, published, about, &sizes)?);
        }
    }
    Ok(out)
}

fn one(
    law: &Law,
    published: &Published,
    about: Advised,
    sizes: &[(&str, f64); 3],
) -> Result<Advice, Diagnostic> {
    let mut values: Vec<(String, f64)> = published.values.clone();
    values.extend(sizes.iter().map(|(name, size)| ((*name).to_owned(), *size)));
    let target = formula::Source::new("advice", law.target.name.as_str());
    let value = law.evaluate(target, &values)?;
    let outside = published.domain.iter().filter_map(|(name, (low, high))| {
        let size = sizes.iter().find(|(known, _)| known == name)?.1;
        if size > *high {
            Some(format!("{name} is {} times above {high:e}", times(size / high)))
        } else if size < *low {
            Some(format!("{name} is {} times below {low:e}", times(low / size)))
        } else {
            None
        }
    });
    Ok(Advice {
        about,
        value,
        rounded: (about == Advised::Batch).then(|| value.log2().round().exp2()),
        id: published.id.clone(),
        law: law.name.clone(),
        source: published.source.clone(),
        outside: outside.collect(),
        range_known: !published.domain.is_empty(),
    })
}

/// Two digits.
fn times(ratio: f64) -> String {
    if ratio < 10.0 {
        format!("{ratio:.1}")
    } else if ratio < 1e4 {
        let digits = 10f64.powf(ratio.log10().floor() - 1.0);
        format!("{}", (ratio / digits).round() * digits)
    } else {
        format!("{ratio:.0e}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(n: f64, d: f64, c: f64) -> Vec<Advice> {
        let run = AdvisedRun { parameters: Parameters(n), tokens: Tokens(d), compute: Flop(c) };
        advice(&run).unwrap_or_else(|problem| panic!("{problem}"))
    }

    fn value(all: &[Advice], id: &str) -> f64 {
        all.iter().find(|advice| advice.id == id).unwrap().value
    }

    #[test]
    fn deepseeks_values_at_1e24_flop_are_those_of_its_law() {
        // lr = 0.3118 C^-0.1250 and B = 0.2920 C^0.3271: 3.1e-4 and 20.7M tokens.
        let all = of(1e11, 1.5e12, 1e24);
        assert!((value(&all, "deepseek-2024-batch") / 20.7e6 - 1.0).abs() < 0.01);
        assert!((value(&all, "deepseek-2024-lr") / 3.1e-4 - 1.0).abs() < 0.02);
    }

    #[test]
    fn nanochats_batches_come_out_as_it_rounds_them() {
        // Its table of automatic batch sizes: depth 8, depths 10 to 16, 18 to 26, 32 to 50.
        for (tokens, batch) in [
            (4.4e8, 262_144.0),
            (7e8, 524_288.0),
            (2.5e9, 524_288.0),
            (3.4e9, 1_048_576.0),
            (9.6e9, 1_048_576.0),
            (17.6e9, 2_097_152.0),
            (65.6e9, 2_097_152.0),
        ] {
            let all = of(1e9, tokens, 1e20);
            let advice = all.iter().find(|advice| advice.id == "bergsma-2025").unwrap();
            assert_eq!(advice.rounded, Some(batch), "{tokens:e}: {}", advice.value);
        }
    }

    #[test]
    fn leaving_the_range_of_a_law_is_said_and_staying_is_not() {
        let inside = of(5e8, 1e10, 1e19);
        assert!(inside.iter().all(|advice| advice.outside.is_empty()), "{inside:?}");
        let outside = of(4e11, 1.6e13, 3.8e25);
        for id in ["steplaw-2025-bs", "steplaw-2025-lr", "deepseek-2024-batch"] {
            let advice = outside.iter().find(|advice| advice.id == id).unwrap();
            assert!(!advice.outside.is_empty() && advice.range_known, "{id}");
        }
        assert_eq!(outside[0].outside, ["D is 160 times above 1e11"]);
        let low = of(1e6, 1e8, 1e15);
        assert_eq!(low[0].outside, ["D is 40 times below 4e9"]);
    }

    #[test]
    fn every_advice_has_its_source_and_is_a_number() {
        for advice in of(1.0, 1e300, 1e-300) {
            assert!(!advice.source.is_empty() && advice.value > 0.0, "{advice:?}");
        }
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let run = AdvisedRun {
                parameters: Parameters(bad),
                tokens: Tokens(1e9),
                compute: Flop(1e20),
            };
            assert!(advice(&run).unwrap_err().to_string().contains("N ="));
        }
    }
}
