//! Families of models that exist: one dial, and a size for each of its stops.

use clap::ValueEnum;
use diagnostic::Diagnostic;
use lab::shape::Shape;
use runs::{Observations, Parameters};

use super::super::fit::amount::number;
use super::super::lab::VOCABULARY;

/// Who makes the models.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Maker {
    /// Our own lab (`isoflop lab`)
    Lab,
    /// nanochat
    Nanochat,
}

/// Models of a family, by depth.
#[derive(Debug, Clone)]
pub(crate) struct Family {
    pub(super) maker: Maker,
    /// Depth and N of each.
    pub(super) models: Vec<(usize, Parameters)>,
    /// What N counts.
    pub(super) counts: &'static str,
}

/// Which parameters a table counts as N.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Convention {
    WithHead,
    Total,
    NonEmbedding,
}

impl Convention {
    /// That of the column that the law's N was read from, under the lab's names; with the head
    /// where there is no table.
    fn of(observations: Option<&Observations>) -> Result<Self, Diagnostic> {
        let Some(observations) = observations else { return Ok(Self::WithHead) };
        let choice = observations.columns().iter().find(|choice| choice.name == "N");
        match choice.and_then(|choice| choice.column()) {
            Some("params_with_head" | "scaling_params" | "num_scaling_params") => {
                Ok(Self::WithHead)
            }
            Some("params_total") => Ok(Self::Total),
            Some("params_non_embedding") => Ok(Self::NonEmbedding),
            other => Err(Diagnostic::error(format!(
                "N is {}, which says not which parameters of a model it counts",
                other.map_or("no column".to_owned(), |name| format!("`{name}`"))
            ))
            .note(
                "the sizes of a family are known as `params_with_head`, `params_total` and \
                 `params_non_embedding`",
            )
            .help("give the sizes there are with --sizes, and take the runs from --csv")),
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::WithHead => "parameters with head",
            Self::Total => "all parameters",
            Self::NonEmbedding => "parameters without embeddings and head",
        }
    }
}

/// nanochat's padded vocabulary.
const NANOCHAT_VOCABULARY: f64 = 32_768.0;

impl Family {
    /// The models of `maker` at `depths`, with N as the runs count it.
    ///
    /// # Errors
    /// A column of N that does not say what it counts.
    pub(super) fn new(
        maker: Maker,
        depths: &[usize],
        observations: Option<&Observations>,
    ) -> Result<Self, Diagnostic> {
        let convention = Convention::of(observations)?;
        if (maker, convention) == (Maker::Nanochat, Convention::Total) {
            return Err(Diagnostic::error(
                "N counts all parameters, and nanochat's value embeddings differ between versions",
            )
            .help("choose a column that counts blocks and head: --column N=COLUMN"));
        }
        let models = depths.iter().map(|&depth| {
            let size = match maker {
                Maker::Lab => {
                    let shape = Shape::from_depth(depth, 128, VOCABULARY);
                    let count = match convention {
                        Convention::WithHead => shape.parameters_with_head(),
                        Convention::Total => shape.total_parameters(),
                        Convention::NonEmbedding => shape.non_embedding_parameters(),
                    };
                    count as f64
                }
                Maker::Nanochat => nanochat(depth, convention),
            };
            (depth, Parameters(size))
        });
        Ok(Self { maker, models: models.collect(), counts: convention.words() })
    }

    /// The depth of a size.
    pub(super) fn depth(&self, size: Parameters) -> Option<usize> {
        self.models.iter().find(|(_, known)| *known == size).map(|(depth, _)| *depth)
    }

    /// nanochat's ratio counts the parameters with head, whatever N counts here.
    pub(super) fn nanochat_ratio(depth: usize, tokens: f64) -> f64 {
        tokens / nanochat(depth, Convention::WithHead)
    }
}

/// Parameters of nanochat's model of a depth, embeddings left out: width 64 a layer, rounded up to whole heads of 128;
/// four times 3 width^2 a layer, and width times the vocabulary for the head. Value embeddings,
/// which cost no matrix product, are not counted.
fn nanochat(depth: usize, convention: Convention) -> f64 {
    let width = ((64 * depth).div_ceil(128) * 128) as f64;
    let blocks = 12.0 * width * width * depth as f64;
    let head = NANOCHAT_VOCABULARY * width;
    if convention == Convention::NonEmbedding { blocks } else { blocks + head }
}

/// `8..26`, `8..26/2` or `8,12,16`.
pub(super) fn depths(text: &str) -> Result<Vec<usize>, Diagnostic> {
    let refuse = || {
        Diagnostic::error(format!("`--depths {text}` is no list of depths"))
            .help("write --depths 1..8, --depths 8..26/2 for every second, or --depths 8,12,16")
    };
    let whole = |text: &str| {
        let value = number(text).filter(|x| x.fract() == 0.0 && (1.0..=1000.0).contains(x));
        value.map(|x| x as usize).ok_or_else(refuse)
    };
    let mut depths = match text.split_once("..") {
        None => text.split(',').map(whole).collect::<Result<Vec<usize>, Diagnostic>>()?,
        Some((low, high)) => {
            let (high, step) = high.split_once('/').unwrap_or((high, "1"));
            (whole(low)?..=whole(high)?).step_by(whole(step)?).collect()
        }
    };
    depths.sort_unstable();
    depths.dedup();
    if depths.is_empty() { Err(refuse()) } else { Ok(depths) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The scaling parameters that nanochat's own log gives for its depths.
    #[test]
    fn the_sizes_of_nanochat_are_those_it_prints() {
        for (depth, printed) in
            [(8, 42e6), (10, 70e6), (16, 235e6), (18, 324e6), (26, 918e6), (32, 1.7e9), (50, 6.2e9)]
        {
            let found = nanochat(depth, Convention::WithHead);
            assert!((found / printed - 1.0).abs() < 0.02, "d{depth}: {found:e}");
        }
    }

    #[test]
    fn depths_are_ranges_steps_and_lists() {
        assert_eq!(depths("1..4").unwrap(), [1, 2, 3, 4]);
        assert_eq!(depths("8..13/2").unwrap(), [8, 10, 12]);
        assert_eq!(depths("16,8,8").unwrap(), [8, 16]);
        for text in ["", "0..3", "5..2", "a", "1.5", "1..4/0"] {
            assert!(depths(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_sizes_of_the_lab_are_those_of_its_table() {
        let family = Family::new(Maker::Lab, &[1, 2], None).unwrap();
        assert_eq!(family.models, [(1, Parameters(7168.0)), (2, Parameters(32768.0))]);
        assert_eq!(family.depth(Parameters(32768.0)), Some(2));
    }
}
