//! What a facility delivers, for people.

use std::fmt::Write as _;

use machines::Bends;

use super::super::words::{count, money, percent, three, time, whole};
use super::{Answer, Size};
use crate::commands::fit::words::bold;
use crate::table::{Side, on_side};
use crate::terminal_plot::{Highlight, Plot, Scale, Series};
use crate::text::hanging;

pub(super) fn for_people(answer: &Answer, width: usize) -> String {
    let mut text = String::new();
    title(&mut text, answer, width);
    sizes(&mut text, answer, width);
    verdicts(&mut text, answer, width);
    sites(&mut text, answer, width);
    cost(&mut text, answer, width);
    text
}

fn title(text: &mut String, answer: &Answer, width: usize) {
    let said = format!("{} {} on {}", bold("simulate"), answer.model.title, answer.name);
    hanging(text, (0, 2), &said, width);
    let accelerators = whole(answer.powered);
    let said = format!(
        "{} facility at a PUE of {} run {accelerators} accelerators at their servers' greatest \
         power; {} linear layers",
        answer.facility, answer.site.pue, answer.precision,
    );
    hanging(text, (2, 2), &said, width);
    let said = format!(
        "a step of about {} sequences of {} tokens ({} tokens; {})",
        whole(answer.batch.sequences),
        whole(answer.batch.sequence),
        count(answer.batch.tokens().get()),
        answer.batch_source
    );
    hanging(text, (2, 2), &said, width);
}

fn head(cells: &[&str]) -> Vec<String> {
    cells.iter().map(|cell| (*cell).to_owned()).collect()
}

fn sizes(text: &mut String, answer: &Answer, width: usize) {
    text.push('\n');
    let said = format!(
        "{} MFU counts {}, of the dense bf16 peak; goodput is what failures leave; the last three \
         columns say how much of a step would go without latency, with endless bandwidth, and with \
         a batch {} times as large",
        bold("machines"),
        answer.convention.describe(),
        Bends::LARGER
    );
    hanging(text, (0, 2), &said, width);
    let first = head(&[
        "devices",
        "facility",
        "step",
        "MFU",
        "goodput",
        "tokens/s",
        "latency",
        "bandwidth",
        "batch",
    ]);
    let mut rows = vec![first];
    for (index, size) in answer.sizes.iter().enumerate() {
        let mark = if Some(index) == answer.own { "* " } else { "" };
        let mut row = vec![
            format!("{mark}{}", whole(size.accelerators)),
            size.facility.as_ref().map_or("?".to_owned(), ToString::to_string),
            time(size.step.get()),
            percent(size.mfu),
            percent(size.goodput),
        ];
        row.push(count(size.tokens_per_second()));
        let bends = &size.bends;
        row.extend([bends.latency, bends.bandwidth, bends.batch_size].map(percent));
        rows.push(row);
    }
    on_side(text, &rows, width, Side::Right);
    if answer.own.is_some() {
        let _ = writeln!(text, "  * this facility, in whole domains");
    }
}

/// The first size at which `value` is less than `share` of what it is at the smallest.
fn falls_below(answer: &Answer, share: f64, value: impl Fn(&Size) -> f64) -> Option<u32> {
    let first = answer.sizes.first().map(&value)?;
    let fallen = answer.sizes.iter().find(|size| value(size) < share * first)?;
    Some(fallen.accelerators)
}

fn verdicts(text: &mut String, answer: &Answer, width: usize) {
    let mut said = Vec::new();
    for (share, name) in [(0.9, "a tenth"), (0.5, "half")] {
        if let Some(count) = falls_below(answer, share, |size| size.mfu) {
            said.push(format!("MFU has lost {name} at {} accelerators", whole(count)));
        }
    }
    if let Some(last) = answer.sizes.last() {
        let limits = [
            ("latency", last.bends.latency),
            ("bandwidth", last.bends.bandwidth),
            ("the batch", last.bends.batch_size),
            ("failures", 1.0 - last.goodput),
        ];
        let largest = limits.iter().max_by(|a, b| a.1.total_cmp(&b.1));
        if let Some((name, share)) = largest {
            said.push(format!(
                "at {} it is {name} that takes most, {}",
                whole(last.accelerators),
                percent(*share)
            ));
        }
    }
    let waiting: Vec<String> = answer
        .waiting()
        .iter()
        .map(|(part, share)| format!("{} {}", part.name(), percent(*share)))
        .collect();
    if !waiting.is_empty() {
        said.push(format!("the facility's own step waits for {}", waiting.join(", ")));
    }
    let failures = answer.failures();
    let mut failing = format!(
        "failures: one in {} an accelerator, a checkpoint in {}, back in {}",
        time(failures.between.get()),
        time(failures.checkpoint.get()),
        time(failures.restart.get())
    );
    if let Some((count, goodput)) = answer.quick_restart() {
        let _ = write!(
            failing,
            "; back in a tenth of that, goodput at {} would be {}",
            whole(count),
            percent(goodput)
        );
    }
    said.push(failing);
    text.push('\n');
    for said in said {
        hanging(text, (0, 2), &format!("- {said}"), width);
    }
}

fn sites(text: &mut String, answer: &Answer, width: usize) {
    if answer.sites.len() < 2 {
        return;
    }
    text.push('\n');
    let said = format!(
        "{} joined in a ring, {} a site and {} to the next and back ({})",
        bold("sites"),
        answer.wan.bandwidth,
        time(answer.wan.round_trip.get()),
        answer.wan_source
    );
    hanging(text, (0, 2), &said, width);
    let mut rows = vec![head(&["sites", "devices each", "step", "MFU", "on the line", "latency"])];
    for spread in &answer.sites {
        rows.push(vec![
            spread.sites.to_string(),
            whole(spread.accelerators / spread.sites),
            time(spread.step.get()),
            percent(spread.mfu),
            if spread.sites > 1 { time(spread.transfer.get()) } else { String::new() },
            if spread.sites > 1 { time(spread.latency.get()) } else { String::new() },
        ]);
    }
    on_side(text, &rows, width, Side::Right);
}

fn cost(text: &mut String, answer: &Answer, width: usize) {
    text.push('\n');
    let [low, middle, high] = answer.network.share().map(|share| format!("{:.0}", 100.0 * share));
    let mut said = format!(
        "{}: the network inside is about {middle} % ({low} to {high} %) of accelerators, servers \
         and network",
        bold("cost")
    );
    if let Some(price) = answer.site.accelerator.price {
        let each = (price.low.get() * price.high.get()).sqrt();
        let accelerators = each * f64::from(answer.powered);
        let network = accelerators * answer.network.over_accelerators[1];
        let _ = write!(
            said,
            ": {} of accelerators ({} each, {}), {} of network",
            money(accelerators),
            money(each),
            price.year,
            money(network)
        );
        let fibre = answer.fibre.map(|fibre| {
            let share = three(100.0 * fibre.get() / (accelerators + network));
            format!("; fibre between sites adds {}, {share} % of both", money(fibre.get()))
        });
        said.push_str(&fibre.unwrap_or_else(|| {
            "; no source for the price of fibre is known: state it with --fibre-cost".to_owned()
        }));
    } else {
        let title = &answer.site.accelerator.title;
        let _ = write!(said, "; no price of {title} is known, so no dollars");
    }
    let _ = write!(said, ". Shares: {}", answer.network.source);
    hanging(text, (0, 2), &said, width);
}

pub(super) fn plot(answer: &Answer) -> Plot {
    let points = |value: fn(&Size) -> f64| -> Vec<(f64, f64)> {
        let sizes = answer.sizes.iter();
        sizes.map(|size| (f64::from(size.accelerators), 100.0 * value(size))).collect()
    };
    let series = |label: &str, value: fn(&Size) -> f64| Series {
        label: label.to_owned(),
        points: points(value),
    };
    let own = answer.own.and_then(|own| answer.sizes.get(own));
    Plot {
        x_label: "accelerators".to_owned(),
        y_label: "per cent".to_owned(),
        x_scale: Scale::Log,
        y_scale: Scale::Linear,
        series: vec![
            series("MFU", |size| size.mfu),
            series("goodput", |size| size.goodput),
            series("MFU times goodput", |size| size.mfu * size.goodput),
        ],
        lines: vec![
            series("", |size| size.mfu),
            series("", |size| size.goodput),
            series("", |size| size.mfu * size.goodput),
        ],
        highlights: own
            .map(|size| Highlight {
                label: "this facility".to_owned(),
                at: (f64::from(size.accelerators), 100.0 * size.mfu * size.goodput),
                interval: None,
            })
            .into_iter()
            .collect(),
    }
}
