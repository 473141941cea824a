//! Whether a layout's memory is there, and what would fit instead.

use diagnostic::Diagnostic;

use crate::{Batch, Layout, Machine, Model, Recompute, Stack, Step, Zero};

/// Whether `layout`'s step fits the machine's memory; if not, by how much it misses, what takes
/// it, and the nearest layout that fits (fewest changes, then quickest).
///
/// # Errors
/// Memory that is too small.
pub fn check_memory(
    machine: &Machine,
    model: &Model,
    batch: Batch,
    layout: &Layout,
    stack: &Stack,
    step: &Step,
) -> Result<(), Diagnostic> {
    let (needed, there) = (step.memory.total(), machine.memory);
    if needed <= there {
        return Ok(());
    }
    let parts: Vec<String> =
        step.memory.parts().iter().map(|(name, size)| format!("{name} {size}")).collect();
    let problem = Diagnostic::error(format!(
        "each accelerator needs {needed} and has {there}: {} too little",
        needed - there
    ))
    .note(parts.join(", "));
    let changes = |from: &Layout| -> Vec<Layout> {
        let mut changed = vec![
            Layout { recompute: Recompute::Full, ..*from },
            Layout { zero: from.zero.max(Zero::Optimizer), ..*from },
            Layout { zero: Zero::Parameters, ..*from },
            Layout { micro_batch: 1, ..*from },
            Layout { sequence_parallel: true, ..*from },
        ];
        for halved in 1..=6 {
            let factor = 1_u32 << halved;
            if from.dp.is_multiple_of(factor) {
                let dp = from.dp / factor;
                changed.push(Layout { dp, tp: from.tp.saturating_mul(factor), ..*from });
                changed.push(Layout { dp, pp: from.pp.saturating_mul(factor), ..*from });
                changed.push(Layout { dp, cp: from.cp.saturating_mul(factor), ..*from });
            }
        }
        changed
    };
    let fits = |layout: &Layout| {
        let step = crate::step(machine, model, batch, layout, stack).ok()?;
        (step.memory.total() <= there).then_some((step.time().get(), *layout))
    };
    let quickest = |layouts: &[Layout]| {
        layouts.iter().filter_map(fits).min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, found)| found)
    };
    let one = changes(layout);
    let near = quickest(&one).or_else(|| {
        let two: Vec<Layout> = one.iter().flat_map(changes).collect();
        quickest(&two)
    });
    Err(match near {
        Some(near) => problem.help(format!("the nearest that fits: {near}")),
        None => problem.help("no layout near it fits; let the search look further"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Precision;

    #[test]
    fn what_does_not_fit_is_said_with_the_nearest_that_does() {
        let model = crate::model("llama3-8b").unwrap();
        let device = crate::accelerator("h100").unwrap();
        let machine = Machine::new(&device, 8, Precision::Bf16, None, &[]).unwrap();
        let batch = Batch { sequences: 64, sequence: 2048 };
        let layout = Layout { dp: 8, ..Layout::default() };
        let step = crate::step(&machine, &model, batch, &layout, &Stack::MODERN).unwrap();
        let problem = check_memory(&machine, &model, batch, &layout, &Stack::MODERN, &step);
        let problem = problem.unwrap_err().to_string();
        assert!(problem.contains("too little"), "{problem}");
        assert!(problem.contains("the nearest that fits: TP"), "{problem}");
        let spread = Layout { zero: Zero::Parameters, ..layout };
        let step = crate::step(&machine, &model, batch, &spread, &Stack::MODERN).unwrap();
        assert!(check_memory(&machine, &model, batch, &spread, &Stack::MODERN, &step).is_ok());
    }
}
