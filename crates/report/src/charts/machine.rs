//! Figures of machines.

use super::{axis, words_axis};
use crate::figure::{Figure, Panel, Scale};
use crate::frame::Frame;
use crate::mark::{Hue, Mark};

/// Where the time of a training step goes: one stacked bar a machine or layout.
///
/// `parts`: words `machine`, words `part`, `time`, words `share` (written in the bar).
pub fn step_time(parts: Frame) -> Figure {
    let panel = Panel::new(
        axis("Time of a step", &parts, "time", Scale::Linear),
        words_axis("", &parts, "machine"),
    )
    .mark(Mark::lying_bars(&parts.name, "time", "machine").by("part").stacked().text("share"));
    Figure::new("step-time", "").frame(parts).panel(panel)
}

/// Traffic a step and device, by what is sent.
///
/// `traffic`: words `message`, `bytes`, words `words` (written at the bar).
pub fn traffic(traffic: Frame) -> Figure {
    let panel = Panel::new(
        axis("Sent by a device in a step", &traffic, "bytes", Scale::Log),
        words_axis("", &traffic, "message"),
    )
    .mark(Mark::lying_bars(&traffic.name, "bytes", "message").text("words").hue(Hue::Nth(0)));
    Figure::new("traffic", "").frame(traffic).panel(panel)
}
