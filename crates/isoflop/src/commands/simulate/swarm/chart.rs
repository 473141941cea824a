//! FLOP per byte sent against the size of the model, by scheme.

use machines::swarm::square_cube::{Scheme, Setting};
use plan::swarm::Family;
use runs::Parameters;

use super::Answer;
use crate::terminal_plot::{Plot, Scale, Series};

/// Sizes, two per decade.
const SIZES: std::ops::RangeInclusive<i32> = 16..=25;
/// Share of its peak at which a peer's need is drawn.
const BUSY: f64 = 0.35;
/// How many times smaller activations travel.
const ACTIVATIONS: f64 = 100.0;

/// The setting and the schemes of the figure: the plan's batch, and the H and compression of its
/// best `DiLoCo`, or 30 and four times where there is none.
pub(super) fn schemes(answer: &Answer) -> (Setting, Vec<Scheme>) {
    let (design, delivered) = (&answer.plan.design, &answer.plan.delivered);
    let replicas = delivered.replicas.max(2.0);
    let setting = Setting { tokens: design.batch.get() / replicas, replicas, ..Setting::default() };
    let own = answer.plan.schemes.iter().find(|scheme| scheme.family == Family::DiLoCo);
    // Bytes per number over those of the update: two, as everything in the figure starts from.
    let (steps, compression) =
        own.and_then(|scheme| scheme.best.as_ref()).map_or((30.0, 4.0), |(design, ..)| {
            (f64::from(design.rhythm.steps()), 2.0 / design.compression.bytes)
        });
    let memory = 1e9;
    let schemes = vec![
        Scheme::DataParallel,
        Scheme::DataParallelAtCriticalBatch,
        Scheme::DiLoCo { steps, compression },
        Scheme::PipelineOfLayers { layers: 1.0, compression: ACTIVATIONS },
        Scheme::PipelineOfMemory { parameters: memory, compression: ACTIVATIONS },
    ];
    (setting, schemes)
}

/// The scheme of the figure that the plan's design is of.
pub(super) fn own(answer: &Answer) -> Scheme {
    let design = &answer.plan.design;
    let steps = f64::from(design.rhythm.steps());
    let compression = 2.0 / design.compression.bytes;
    match design.family {
        Family::DataParallel => Scheme::DataParallel,
        Family::DiLoCo => Scheme::DiLoCo { steps, compression },
        Family::Streaming => Scheme::Streaming { steps, compression },
        Family::Sparse => Scheme::AllGather { steps, update: design.compression.bytes },
        // A peer's memory, not its layers, stays as the model grows.
        Family::Pipeline => Scheme::PipelineOfMemory {
            parameters: design.parameters.get() / f64::from(design.stages),
            compression: ACTIVATIONS,
        },
    }
}

pub(super) fn plot(answer: &Answer) -> Plot {
    let (setting, schemes) = schemes(answer);
    let sizes: Vec<Parameters> =
        SIZES.map(|at| Parameters(10_f64.powf(f64::from(at) / 2.0))).collect();
    let series = schemes.iter().map(|scheme| Series {
        label: scheme.name(),
        points: (scheme.curve(&sizes, &setting).into_iter())
            .map(|(size, intensity)| (size.get(), intensity.0))
            .collect(),
    });
    let ends = [sizes[0].get(), sizes[sizes.len() - 1].get()];
    // What a peer needs so that its line hides behind its computing, by class.
    let needed = answer.question.peers.classes.iter().enumerate().map(|(at, class)| {
        let peak = class.accelerator.peak.bf16.map_or(f64::NAN, machines::FlopPerSecond::get);
        let rate = BUSY * peak * f64::from(class.devices);
        Series {
            label: if at == 0 {
                "what each class of peers needs at 35 % of its peak".into()
            } else {
                String::new()
            },
            points: ends.iter().map(|&x| (x, rate / class.up.get())).collect(),
        }
    });
    Plot {
        x_label: "parameters".into(),
        y_label: "FLOP per byte sent".into(),
        x_scale: Scale::Log,
        y_scale: Scale::Log,
        series: series.collect(),
        lines: needed.collect(),
        highlights: Vec::new(),
    }
}
