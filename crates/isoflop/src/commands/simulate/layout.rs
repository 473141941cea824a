//! The layout that is asked for, or what a search may vary.

use clap::{Args, ValueEnum};
use diagnostic::Diagnostic;
use machines::{Batch, Layout, Machine, Misfit, Model, Recompute, Schedule, Settled, Space, Zero};

/// How the model is spread over the accelerators.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "The layout (without these options, the quickest that fits)")]
pub(super) struct LayoutArgs {
    /// Tensor parallel ranks
    #[arg(long, value_name = "RANKS")]
    tp: Option<u32>,
    /// Of the tensor parallel ranks, how many split the width that a product sums over, the others
    /// splitting what comes out; a search tries up to so many. Common frameworks split one way (1)
    #[arg(long, value_name = "RANKS", value_parser = clap::value_parser!(u32).range(1..))]
    tp_rows: Option<u32>,
    /// Context parallel ranks
    #[arg(long, value_name = "RANKS")]
    cp: Option<u32>,
    /// Pipeline stages
    #[arg(long, value_name = "STAGES")]
    pp: Option<u32>,
    /// Data parallel replicas [default: what the others leave]
    #[arg(long, value_name = "RANKS")]
    dp: Option<u32>,
    /// Expert parallel ranks
    #[arg(long, value_name = "RANKS")]
    ep: Option<u32>,
    /// What data parallel ranks share out: 0 nothing, 1 optimiser states, 2 and gradients,
    /// 3 and parameters (FSDP)
    #[arg(long, value_name = "STAGE", value_parser = clap::value_parser!(u8).range(0..=3))]
    zero: Option<u8>,
    /// Sequences per micro-batch and replica
    #[arg(long, value_name = "SEQUENCES")]
    micro_batch: Option<u32>,
    /// Parts of the model per pipeline stage (interleaving)
    #[arg(long = "virtual", value_name = "PARTS")]
    parts: Option<u32>,
    /// The order of passes in a pipeline
    #[arg(long, value_name = "ORDER")]
    schedule: Option<ScheduleArg>,
    /// What the backward pass computes again
    #[arg(long, value_name = "WHAT")]
    recompute: Option<RecomputeArg>,
    /// Whether norms and residuals are split over the tensor parallel ranks too
    #[arg(long, value_name = "WHETHER", num_args = 0..=1, default_missing_value = "true")]
    sequence_parallel: Option<bool>,
    /// Search even with layout options, which then stay as they are, and show so many runners-up
    #[arg(long, value_name = "COUNT", num_args = 0..=1, default_missing_value = "8")]
    pub(super) search: Option<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ScheduleArg {
    #[value(name = "1f1b")]
    OneForwardOneBackward,
    ZeroBubble,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum RecomputeArg {
    /// Nothing
    None,
    /// The core of attention
    Attention,
    /// Every second multiplication and all memory-bound kernels
    Half,
    /// Every layer from its input
    All,
}

impl LayoutArgs {
    /// Whether no option says anything of the layout.
    fn is_open(&self) -> bool {
        self.settled() == Settled::default()
            && self.zero.is_none()
            && self.schedule.is_none()
            && self.recompute.is_none()
    }

    fn settled(&self) -> Settled {
        Settled {
            tp: self.tp,
            cp: self.cp,
            pp: self.pp,
            dp: self.dp,
            ep: self.ep,
            interleave: self.parts,
            micro_batch: self.micro_batch,
            sequence_parallel: self.sequence_parallel,
        }
    }

    fn zero(&self) -> Option<Zero> {
        self.zero.map(|stage| match stage {
            0 => Zero::None,
            1 => Zero::Optimizer,
            2 => Zero::Gradients,
            _ => Zero::Parameters,
        })
    }

    fn schedule(&self) -> Option<Schedule> {
        self.schedule.map(|schedule| match schedule {
            ScheduleArg::OneForwardOneBackward => Schedule::OneForwardOneBackward,
            ScheduleArg::ZeroBubble => Schedule::ZeroBubble,
        })
    }

    fn recompute(&self) -> Option<Recompute> {
        self.recompute.map(|recompute| match recompute {
            RecomputeArg::None => Recompute::None,
            RecomputeArg::Attention => Recompute::Selective,
            RecomputeArg::Half => Recompute::Operators,
            RecomputeArg::All => Recompute::Full,
        })
    }

    /// The layout that is asked for on so many accelerators; `None` where it is to be searched.
    pub(super) fn one(&self, accelerators: u32) -> Result<Option<Layout>, Diagnostic> {
        if self.is_open() || self.search.is_some() {
            return Ok(None);
        }
        let [tp, cp, pp] = [self.tp, self.cp, self.pp].map(|ranks| ranks.unwrap_or(1));
        let ranks = u64::from(tp).saturating_mul(u64::from(cp)).saturating_mul(u64::from(pp));
        let dp = match self.dp {
            Some(dp) => dp,
            None if ranks > 0 && u64::from(accelerators).is_multiple_of(ranks) => {
                (u64::from(accelerators) / ranks) as u32
            }
            None => {
                return Err(Diagnostic::error(format!(
                    "{accelerators} accelerators do not divide by TP x CP x PP = {ranks}"
                ))
                .help(format!("sizes that do: {}", listed(&divisors(accelerators)))));
            }
        };
        Ok(Some(Layout {
            tp,
            rows: self.tp_rows.unwrap_or(1),
            cp,
            pp,
            dp,
            ep: self.ep.unwrap_or(1),
            interleave: self.parts.unwrap_or(1),
            micro_batch: self.micro_batch.unwrap_or(1),
            zero: self.zero().unwrap_or(Zero::Optimizer),
            shard: None,
            schedule: self.schedule().unwrap_or_default(),
            recompute: self.recompute().unwrap_or_default(),
            sequence_parallel: self.sequence_parallel.unwrap_or(tp > 1),
        }))
    }

    /// What a search may vary.
    pub(super) fn space(&self) -> Space {
        let any = Space::default();
        let one_or = |one: Option<Zero>| one.map_or(any.zero.clone(), |zero| vec![zero]);
        Space {
            settled: self.settled(),
            zero: one_or(self.zero()),
            recompute: self.recompute().map_or(any.recompute.clone(), |one| vec![one]),
            schedules: self.schedule().map_or(any.schedules.clone(), |one| vec![one]),
            runners_up: usize::from(self.search.unwrap_or(0)),
            most_rows: self.tp_rows.unwrap_or(1),
            most_tensor: any.most_tensor.saturating_mul(self.tp_rows.unwrap_or(1)),
            ..any
        }
    }
}

fn divisors(of: u32) -> Vec<u32> {
    (1..=of.min(4096)).filter(|part| of.is_multiple_of(*part)).collect()
}

/// `1, 2, 4, 8, 16, ...`.
fn listed(sizes: &[u32]) -> String {
    const MOST: usize = 12;
    let shown: Vec<String> = sizes.iter().take(MOST).map(u32::to_string).collect();
    let more = if sizes.len() > MOST { ", ..." } else { "" };
    format!("{}{more}", shown.join(", "))
}

/// A misfit with the numbers that would fit.
pub(super) fn refused(
    misfit: Misfit,
    layout: &Layout,
    machine: &Machine,
    model: &Model,
    batch: Batch,
) -> Diagnostic {
    let problem = machines::explain(misfit, layout, machine, model);
    let sizes = |name: &str, of: u32| format!("{name} of {} divide {of}", listed(&divisors(of)));
    let help = match misfit {
        Misfit::Ranks => format!(
            "the layout takes {} of the {} accelerators: leave out --dp to use all",
            layout.ranks(),
            machine.accelerators
        ),
        Misfit::Heads => sizes("TP", model.attention.heads()),
        Misfit::Width => sizes("TP", model.ffn),
        Misfit::Rows => sizes("rows", layout.tp),
        Misfit::Sequence => sizes("CP", batch.sequence / 2),
        Misfit::Batch => {
            let part = layout.dp.saturating_mul(layout.micro_batch).max(1);
            let below = batch.sequences / part * part;
            let above = below.saturating_add(part);
            let nearest = if below == 0 {
                format!("the smallest batch that does: {above} sequences")
            } else {
                format!("the nearest batches that do: {below} and {above} sequences")
            };
            format!("{} sequences do not divide by {part}; {nearest}", batch.sequences)
        }
        Misfit::Experts => match &model.experts {
            Some(experts) => sizes("EP", experts.count),
            None => format!("{} has no experts: leave out --ep", model.title),
        },
        Misfit::ExpertRanks => {
            sizes("EP", layout.tp.saturating_mul(layout.cp).saturating_mul(layout.dp))
        }
        Misfit::Layers => format!("PP x --virtual of at most {}", model.layers),
        Misfit::Interleave => format!(
            "{} micro-batches are no multiple of {} stages: another batch, or no --virtual",
            layout.micro_batches(batch.sequences),
            layout.pp
        ),
        _ => return problem,
    };
    problem.help(help)
}
