//! The step event by event: how far from the closed form, what it waits for, and its passes drawn.

use std::fmt::Write as _;

use machines::events::{Link, Played, Span};
use serde_json::{Value, json};

use super::answer::Answer;
use super::asked::Asked;
use super::words::{percent, time, whole};
use crate::commands::fit::words::bold;
use crate::text::hanging;

/// Stages that are drawn at most.
const MOST_STAGES: usize = 16;

pub(super) fn for_people(text: &mut String, asked: &Asked, answer: &Answer, width: usize) {
    let Some(played) = &answer.played else { return };
    let closed = answer.step.time();
    let more = played.time / closed - 1.0;
    let than = if more < 0.0 { "less" } else { "more" };
    let mut said = format!(
        "{} a step {}, {} {than} than in closed form ({} events)",
        bold("by events"),
        time(played.time.get()),
        percent(more.abs()),
        whole(u32::try_from(played.events).unwrap_or(u32::MAX)),
    );
    if let Some(unlike) = asked.unlike.filter(|unlike| unlike.slow.is_some() || unlike.jitter > 0.0)
    {
        let _ = write!(
            said,
            "; {} slow hosts and {} unlike replicas, seed {}",
            whole(played.slow_hosts),
            whole(played.unlike_replicas),
            unlike.seed
        );
    }
    text.push('\n');
    hanging(text, (0, 2), &said, width);
    let chain: Vec<String> = (played.path())
        .filter(|(_, took)| took.get() > 0.0)
        .map(|(link, took)| format!("{} {}", link.name(), percent(took / played.time)))
        .collect();
    hanging(text, (2, 4), &format!("the longest chain: {}", chain.join(", ")), width);
    let ends = |order: fn(f64, f64) -> f64| played.idle.iter().copied().reduce(order);
    if let (Some(least), Some(most)) = (ends(f64::min), ends(f64::max)) {
        let said = format!("stages do nothing for {} to {} of it", percent(least), percent(most));
        hanging(text, (2, 4), &said, width);
    }
}

/// Each stage's passes over the step, a column a moment: forward, backward, weight gradients,
/// update, or nothing.
pub(super) fn drawn(played: &Played, width: usize) -> String {
    let mut text = String::new();
    let room = width.saturating_sub(12).min(96);
    if room < 20 {
        return text;
    }
    let count = played.stages.len();
    let shown = count.min(MOST_STAGES);
    for row in 0..shown {
        // The first, the last, and evenly between.
        let stage = if shown < 2 { 0 } else { row * (count - 1) / (shown - 1) };
        let moment = played.time.get() / room as f64;
        let line: String = (0..room)
            .map(|column| sign(&played.stages[stage], (column as f64 + 0.5) * moment))
            .collect();
        let _ = writeln!(text, "  stage {:>3} {}", stage + 1, line.trim_end());
    }
    let _ = writeln!(text, "  F forward  B backward  W weight gradients  U update");
    text
}

fn sign(spans: &[Span], at: f64) -> char {
    let after = spans.partition_point(|span| span.start.get() <= at);
    let span = after.checked_sub(1).map(|index| &spans[index]);
    match span.filter(|span| span.end.get() > at).map(|span| span.link) {
        Some(Link::Forward) => 'F',
        Some(Link::Backward) => 'B',
        Some(Link::Weights) => 'W',
        Some(Link::Update) => 'U',
        Some(Link::BetweenStages | Link::Data) => '-',
        None => ' ',
    }
}

pub(super) fn json(asked: &Asked, played: &Played) -> Value {
    let path: serde_json::Map<String, Value> = (played.path())
        .map(|(link, took)| (link.name().replace(' ', "_"), took.get().into()))
        .collect();
    json!({
        "step_seconds": played.time.get(),
        "longest_chain_seconds": path,
        "idle_by_stage": played.idle,
        "events": played.events,
        "unlike_replicas": played.unlike_replicas,
        "slow_hosts": played.slow_hosts,
        "jitter": asked.unlike.map(|unlike| unlike.jitter),
        "seed": asked.unlike.map(|unlike| unlike.seed),
    })
}
