//! What the page computes anew: sliders for the inputs, and a program for each case.

use diagnostic::Diagnostic;
use forecast::{Live as LiveCase, LiveSwing, LiveSwings};
use report::{Live, Notation, Slider, Swing, Swings};

use super::hangs::MOST_BARS;
use super::{Answer, program, swung};

/// Inputs with a slider: more of them are no help.
const MOST_SLIDERS: usize = 14;

/// Sliders for the inputs, a program for each case, and one for each tornado.
pub(super) fn live(
    step: &str,
    answer: &Answer,
    cases: &[LiveCase],
    swings: &[Option<LiveSwings>],
) -> Result<Option<Live>, Diagnostic> {
    let Some(first) = cases.first() else { return Ok(None) };
    let mut columns = first.columns();
    for case in cases {
        for (name, values) in case.columns().into_columns() {
            if columns.get(&name).is_none() {
                columns.set(name, values);
            }
        }
    }
    if first.compiled.outputs().is_empty() {
        return Ok(None);
    }
    let mut live = Live::new(columns);
    // What an answer hangs on most comes first.
    let important = |name: &str| {
        let bars = answer.sensitivities.iter().filter_map(|found| found.tornado.as_ref());
        bars.filter_map(|tornado| tornado.bars.iter().position(|bar| bar.name == name))
            .min()
            .unwrap_or(usize::MAX)
    };
    let mut inputs: Vec<_> = first.inputs.iter().collect();
    inputs.sort_by_key(|input| important(&input.name));
    for input in inputs.into_iter().take(MOST_SLIDERS) {
        let (from, to) = input.span;
        let middle = draws::select::quantiles(&input.draws, &[0.5])[0].clamp(from, to);
        let label = input.name.replace('_', " ");
        let slider = if from > 0.0 && to > 5.0 * from {
            Slider::log(&input.leaf, label, &input.unit, from, to, middle)
        } else {
            Slider::linear(&input.leaf, label, &input.unit, from, to, middle)
        };
        let notation =
            if input.share && input.unit.is_empty() { Notation::Percent } else { Notation::Plain };
        let note = if input.note.is_empty() { input.source.clone() } else { input.note.clone() };
        live = live.slider(slider.notation(notation).note(note));
    }
    for (number, case) in cases.iter().enumerate() {
        live = live.program(&program(step, number), &case.compiled)?;
    }
    for (number, swings) in swings.iter().enumerate() {
        let Some(swings) = swings else { continue };
        // Bars that are not drawn stay in the middle.
        let (drawn, rest) = swings.swung.split_at(swings.swung.len().min(MOST_BARS));
        let swing = |one: &LiveSwing| Swing {
            name: one.leaf.clone(),
            low: one.low,
            middle: one.middle,
            high: one.high,
        };
        let still = rest.iter().map(|one| (one.leaf.clone(), one.middle));
        let rows = Swings {
            swung: drawn.iter().map(swing).collect(),
            held: still.chain(swings.held.iter().cloned()).collect(),
        };
        live = live.swung_program(&swung(step, number), &swings.compiled, rows)?;
    }
    Ok(Some(live))
}
