//! What holds the best layout back, and what is missing where none fits.

use diagnostic::Diagnostic;
use runs::Seconds;

use super::Search;
use crate::{Layout, Machine, Misfit, Model, Part};

/// What holds the best layout back.
#[derive(Debug, Clone, PartialEq)]
pub enum Binding {
    /// Memory: without its limit, a step would take this long, under this layout.
    Memory {
        /// Time of the unlimited layout.
        without: Seconds,
        /// That layout.
        layout: Layout,
    },
    /// The batch: with one micro-batch per stage or fewer, pipelines and replicas run empty.
    Batch {
        /// Micro-batches per replica.
        micro_batches: u32,
    },
    /// A part of the step other than computing.
    Part {
        /// Which.
        part: Part,
        /// Its share of the step.
        share: f64,
    },
    /// Nothing takes a twentieth of the step but computing.
    Compute,
}

impl Search {
    /// What binds the best layout: memory if the quickest layout does not fit and is quicker by a
    /// fiftieth, else the batch if stages starve, else the largest part that is not computing.
    pub fn binding(&self) -> Option<Binding> {
        let best = self.best.as_ref()?;
        let time = best.step.time();
        if let Some(unlimited) = &self.unlimited
            && unlimited.step.time() / time < 0.98
        {
            let (without, layout) = (unlimited.step.time(), unlimited.layout);
            return Some(Binding::Memory { without, layout });
        }
        let share = |part: Part| best.step.part(part) / time;
        let micro_batches = best.step.micro_batches;
        if micro_batches <= best.layout.pp && best.layout.pp > 1 && share(Part::Bubble) > 0.05 {
            return Some(Binding::Batch { micro_batches });
        }
        let waiting = [
            Part::Recompute,
            Part::Bubble,
            Part::Tensor,
            Part::Context,
            Part::Experts,
            Part::Pipeline,
            Part::Data,
            Part::Host,
            Part::Streaming,
        ];
        let largest = waiting.into_iter().max_by(|a, b| share(*a).total_cmp(&share(*b)))?;
        Some(if share(largest) > 0.05 {
            Binding::Part { part: largest, share: share(largest) }
        } else {
            Binding::Compute
        })
    }

    /// That nothing fits, for people: by how much the smallest misses.
    pub fn nothing_fits(&self, machine: &Machine, model: &Model) -> Option<Diagnostic> {
        if self.best.is_some() {
            return None;
        }
        let accelerators = machine.accelerators;
        let problem = format!("no layout of {} fits on {accelerators} accelerators", model.title);
        let Some(smallest) = &self.smallest else {
            let reasons = Misfit::ALL.into_iter().zip(self.refused);
            let most = reasons.max_by_key(|(_, count)| *count);
            let why = most.map_or("nothing was tried", |(misfit, _)| misfit.describe());
            return Some(Diagnostic::error(problem).note(format!("most often: {why}")));
        };
        let needed = smallest.step.memory.total();
        Some(
            Diagnostic::error(problem)
                .note(format!(
                    "the smallest needs {needed} of {} on each: {}",
                    machine.memory, smallest.layout
                ))
                .help("more accelerators, a smaller model, or shorter sequences"),
        )
    }
}
