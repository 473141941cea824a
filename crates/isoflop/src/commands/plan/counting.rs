//! How parameters and FLOP are counted, and what shapes models have.

use clap::{Args, ValueEnum};
use diagnostic::Diagnostic;
use laws::Fit;
use plan::{Attended, Counted, FlopModel, ShapeFamily, shape_family};

/// How parameters and FLOP are counted, and what shapes models have.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Counting")]
pub(crate) struct CountArgs {
    /// Which parameters the law's N counts [default: what the column of the runs says, else total]
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

/// How the names of columns tell which parameters they count (`catalogue/columns.toml`).
const CONVENTIONS: [(&str, Counted); 4] = [
    ("without the input embedding, with the output head", Counted::WithHead),
    ("without embeddings", Counted::NonEmbedding),
    ("parameters used per token", Counted::Active),
    ("all parameters", Counted::Total),
];

fn counted(name: &str) -> Result<Counted, String> {
    let names: Vec<&str> = Counted::ALL.iter().map(|counted| counted.name()).collect();
    Counted::named(name).ok_or_else(|| format!("it is one of {}", names.join(", ")))
}

/// Which parameters N counts, and who says so.
pub(super) struct Convention {
    pub(super) counted: Counted,
    pub(super) source: String,
}

impl CountArgs {
    /// What `--count` says, else what the name of the fit's column told, else all.
    pub(super) fn convention(&self, fit: Option<&Fit>) -> Convention {
        if let Some(counted) = self.count {
            return Convention { counted, source: "stated with --count".to_owned() };
        }
        let column = fit.and_then(|fit| fit.data.columns.iter().find(|(name, ..)| name == "N"));
        let Some((_, column, convention)) = column else {
            let source = "the sources seldom say: state another with --count".to_owned();
            return Convention { counted: Counted::Total, source };
        };
        let named = CONVENTIONS.iter().find(|(words, _)| convention.starts_with(words));
        match named {
            Some((_, counted)) => {
                Convention { counted: *counted, source: format!("the column {column} of the runs") }
            }
            None => Convention {
                counted: Counted::Total,
                source: format!("the column {column} does not say: state it with --count"),
            },
        }
    }

    pub(super) fn family(&self) -> Result<Option<ShapeFamily>, Diagnostic> {
        self.shape.as_deref().map(shape_family).transpose()
    }

    pub(super) fn model(&self, counted: Counted, family: Option<&ShapeFamily>) -> FlopModel {
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
