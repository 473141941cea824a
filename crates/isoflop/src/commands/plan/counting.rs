//! How parameters and FLOP are counted, and what shapes models have.

use clap::{Args, ValueEnum};
use diagnostic::Diagnostic;
use laws::Fit;
use plan::{Attended, Counted, FlopModel, ShapeFamily, shape_family};

/// How parameters and FLOP are counted, and what shapes models have.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Counting")]
pub(crate) struct CountArgs {
    /// Which parameters the law's N counts [default: what the runs' column says, or all]
    #[arg(long, value_name = "WHICH", value_parser = counted)]
    count: Option<Counted>,
    /// How FLOP are counted: 6 N D, or every product with attention, with or without embeddings
    #[arg(long, value_name = "HOW", default_value = "6nd")]
    flop: FlopArg,
    /// The part of the context that attention is counted over, unless FLOP are 6 N D
    #[arg(long, value_name = "PART", default_value = "causal")]
    attention: AttentionArg,
    /// Tokens per sequence [default: those of the family of shapes]
    #[arg(long, value_name = "TOKENS")]
    context: Option<u32>,
    /// The family of shapes that models have (`catalogue/shapes`) [default: by size]
    #[arg(long, value_name = "FAMILY")]
    shape: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FlopArg {
    /// 6 N D
    #[value(name = "6nd")]
    SixNd,
    /// Every product of parameters that multiply, and attention
    Exact,
    /// The same without embeddings and head
    NonEmbedding,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum AttentionArg {
    None,
    Causal,
    Full,
}

fn counted(name: &str) -> Result<Counted, String> {
    let names: Vec<&str> = Counted::ALL.iter().map(|counted| counted.name()).collect();
    Counted::named(name).ok_or_else(|| format!("it is one of {}", names.join(", ")))
}

impl CountArgs {
    /// Which parameters N counts: as said, or by the convention of the column that was fitted.
    pub(super) fn counted(&self, fit: Option<&Fit>) -> Counted {
        let columns = fit.map_or(&[][..], |fit| &fit.data.columns);
        let convention =
            columns.iter().find(|(name, ..)| name == "N").map(|(.., how)| how.as_str());
        self.count.unwrap_or(match convention {
            Some("without embeddings") => Counted::NonEmbedding,
            Some("without the input embedding, with the output head") => Counted::WithHead,
            _ => Counted::Total,
        })
    }

    pub(super) fn family(&self) -> Result<Option<ShapeFamily>, Diagnostic> {
        self.shape.as_deref().map(shape_family).transpose()
    }

    pub(super) fn model(&self, family: Option<&ShapeFamily>, counted: Counted) -> FlopModel {
        let attended = match self.attention {
            AttentionArg::None => Attended::None,
            AttentionArg::Causal => Attended::Causal,
            AttentionArg::Full => Attended::Full,
        };
        let context = self.context.or(family.map(|family| family.sequence)).unwrap_or(2048);
        match self.flop {
            // A mixture trains what is active.
            FlopArg::SixNd if family.is_some_and(|family| family.experts.is_some()) => {
                FlopModel::Parameters(Counted::Multiplying)
            }
            FlopArg::SixNd => FlopModel::Parameters(counted),
            FlopArg::Exact => FlopModel::Exact { attended, context },
            FlopArg::NonEmbedding => FlopModel::NonEmbedding { attended, context },
        }
    }
}
