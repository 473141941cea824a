//! The founding question in a few lines: how far behind, for which sizes, and how that moves.

use std::fmt::Write as _;

use machines::swarm::square_cube::Scheme;
use plan::swarm::BySize;

use super::words::{COUNT, TIME, amount, ratio, three};
use super::{Answer, chart};
use crate::commands::fit::words::bold;
use crate::text::hanging;

/// How many times slower than the campus a size is.
fn behind(size: &BySize) -> Option<f64> {
    Some(size.swarm.as_ref()?.1 / size.campus?)
}

pub(super) fn short(text: &mut String, answer: &Answer, width: usize) {
    let plan = &answer.plan;
    let mut said = Vec::new();
    if let (Some(campus), Some(slower)) = (&plan.campus, plan.slower()) {
        said.push(format!(
            "behind: {} times as long as {} to the same loss",
            ratio(&slower, answer.level),
            campus.title,
        ));
    }
    let patience = amount(answer.question.patience.get(), TIME);
    said.push(match plan.largest_practical() {
        Some(largest) => format!(
            "practical: within {patience} up to about {} parameters",
            amount(largest.parameters.get(), COUNT)
        ),
        None => format!("practical: within {patience} none of the sizes from 100 M on"),
    });
    let reached = || plan.sizes.iter().filter_map(|size| Some((size, behind(size)?)));
    if let (Some((small, near)), Some((large, far))) = (reached().next(), reached().next_back())
        && small.parameters.get() < large.parameters.get()
    {
        let scheme = chart::own(answer);
        let exponent = scheme.exponent();
        let grows = if exponent == 0.0 {
            "stays as it is whatever the size".to_owned()
        } else {
            format!("goes as N^{exponent:.2}")
        };
        let of = match scheme {
            Scheme::PipelineOfMemory { .. } => "of a stage that fills a peer's memory ",
            _ => "",
        };
        said.push(format!(
            "as the model grows: from {} times behind at {} to {} times at {}; computing per byte sent \
             {of}{grows}",
            three(near),
            amount(small.parameters.get(), COUNT),
            three(far),
            amount(large.parameters.get(), COUNT),
        ));
    }
    let _ = writeln!(text, "\n{}", bold("in short"));
    for one in said {
        hanging(text, (2, 4), &one, width);
    }
}
