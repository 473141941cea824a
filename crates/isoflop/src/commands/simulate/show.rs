//! What `isoflop simulate` says to people, on one screen.

use std::fmt::Write as _;

use machines::{Binding, Bytes, Found, Misfit, Power, Reading, Search, Traffic};
use runs::Seconds;

use super::answer::Answer;
use super::asked::{Asked, BatchAsked};
use super::learned::Learned;
use super::played;
use super::words::{adding_up, bar, count, money, percent, three, time, whole};
use crate::commands::fit::words::bold;
use crate::text::hanging;

/// Below this width bars are left out.
const BARS_FROM: usize = 60;

/// The largest batch of a published run: DeepSeek-V3's 15,360 sequences of 4,096 tokens
/// (arXiv:2412.19437, section 4.2).
const LARGEST_BATCH: f64 = 15_360.0 * 4096.0;

pub(super) fn for_people(asked: &Asked, answer: &Answer, width: usize) -> String {
    let mut text = String::new();
    title(&mut text, asked, answer, width);
    step(&mut text, asked, answer, width);
    breakdown(&mut text, answer, width);
    memory(&mut text, asked, answer, width);
    traffic(&mut text, answer, width);
    played::for_people(&mut text, asked, answer, width);
    over_days(&mut text, asked, answer, width);
    if asked.with_search
        && let Some(search) = &answer.search
    {
        runners_up(&mut text, asked, answer, search, width);
    }
    notes(&mut text, asked, answer, width);
    text
}

/// `  name      what it is`, names in one column, over as many lines as it takes.
fn line(text: &mut String, name: &str, value: &str, width: usize) {
    let start = text.len();
    hanging(text, (12, 12), value, width);
    if text.len() >= start + 12 {
        text.replace_range(start..start + 12, &format!("  {name:<9} "));
    }
}

fn title(text: &mut String, asked: &Asked, answer: &Answer, width: usize) {
    let cluster = &asked.cluster;
    hanging(
        text,
        (0, 2),
        &format!("{} {} on {}", bold("simulate"), asked.model.title, cluster.title),
        width,
    );
    let device = &asked.site.accelerator.title;
    let mut machine = match asked.sites() {
        1 => format!("{} {device}", whole(asked.machine.accelerators)),
        sites => format!("{sites} sites of {} {device}", whole(asked.machine.accelerators)),
    };
    if asked.spare > 0 {
        let _ = write!(machine, ", {} more stand by so that layouts divide", whole(asked.spare));
    }
    let (batch, tokens) = (answer.batch, answer.batch.tokens().get());
    let said = match asked.batch {
        BatchAsked::Sequences(_) => "",
        BatchAsked::Tokens(_) => ", the nearest that trains quickest",
        BatchAsked::Open => ", assumed",
    };
    hanging(
        text,
        (2, 2),
        &format!(
            "{machine}; {} linear layers; a step of {} sequences of {} tokens ({} tokens{said})",
            asked.machine.precision,
            whole(batch.sequences),
            whole(batch.sequence),
            count(tokens),
        ),
        width,
    );
}

fn step(text: &mut String, asked: &Asked, answer: &Answer, width: usize) {
    let rate = answer.batch.tokens().get() / answer.time.get();
    text.push('\n');
    hanging(
        text,
        (0, 2),
        &format!(
            "{} {}, {} tokens/s, MFU {} (FLOP are {}; of the dense bf16 peak)",
            bold("step"),
            time(answer.time.get()),
            count(rate),
            percent(answer.mfu),
            asked.convention.describe(),
        ),
        width,
    );
    let micro = whole(answer.step.micro_batches);
    line(text, "layout", &format!("{}; {micro} micro-batches a replica", answer.layout), width);
    if let Some(search) = &answer.search {
        let kept = search.evaluated + search.pruned;
        line(
            text,
            "found",
            &format!(
                "the quickest that fits of {} layouts that divide: {} computed, {} pruned",
                grouped(kept),
                grouped(search.evaluated),
                grouped(search.pruned),
            ),
            width,
        );
        line(text, "binds", &binding(search), width);
    }
}

fn grouped(number: u64) -> String {
    u32::try_from(number).map_or_else(|_| count(number as f64), whole)
}

fn binding(search: &Search) -> String {
    match search.binding() {
        Some(Binding::Memory { without, layout }) => format!(
            "memory: without its limit a step would take {} ({layout})",
            time(without.get())
        ),
        Some(Binding::Batch { micro_batches }) => format!(
            "the batch: {micro_batches} micro-batches a replica leave stages of the pipeline empty"
        ),
        Some(Binding::Part { part, share }) => {
            format!("{}, {} of the step", part.name(), percent(share))
        }
        Some(Binding::Compute) => "nothing but computing takes a twentieth of the step".to_owned(),
        None => "nothing fits".to_owned(),
    }
}

/// Rows of name, number and share with a bar; the numbers as shown add up to the sum as shown.
fn bars(text: &mut String, rows: &[(&str, f64)], unit: (f64, &str), width: usize) {
    let sum: f64 = rows.iter().map(|(_, value)| value).sum();
    let rows: Vec<(&str, f64)> = rows.iter().copied().filter(|(_, value)| *value > 0.0).collect();
    let values: Vec<f64> = rows.iter().map(|(_, value)| value / unit.0).collect();
    let decimals = (3 - (sum / unit.0).max(1e-9).log10().floor() as i32).clamp(0, 4) as u8;
    let shown = adding_up(&values, decimals);
    let decimals = usize::from(decimals);
    let shares: Vec<f64> = rows.iter().map(|(_, value)| 100.0 * value / sum).collect();
    let shares = adding_up(&shares, 1);
    let names = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0).max(3);
    let wide = format!("{:.decimals$}", sum / unit.0).len();
    let room = width.saturating_sub(names + wide + unit.1.len() + 16);
    let largest = rows.iter().map(|(_, value)| value / sum).fold(0.0, f64::max);
    for (index, (name, value)) in rows.iter().enumerate() {
        let drawn = if width < BARS_FROM {
            String::new()
        } else {
            format!("  {}", bar(value / sum / largest.max(1e-9), room.min(40)))
        };
        let line = format!(
            "  {name:<names$}  {:>wide$.decimals$} {}  {:>5.1} %{drawn}",
            shown[index], unit.1, shares[index]
        );
        let _ = writeln!(text, "{}", line.trim_end());
    }
    let all = sum / unit.0;
    let _ = writeln!(text, "  {:<names$}  {all:>wide$.decimals$} {}  100.0 %", "sum", unit.1);
}

fn breakdown(text: &mut String, answer: &Answer, width: usize) {
    let _ = writeln!(text, "\n{} of one step", bold("time"));
    let mut parts: Vec<(&str, f64)> =
        answer.parts().into_iter().map(|(name, time)| (name, time.get())).collect();
    parts.sort_by(|a, b| b.1.total_cmp(&a.1));
    let unit = if answer.time.get() < 1.0 { (1e-3, "ms") } else { (1.0, "s") };
    bars(text, &parts, unit, width);
}

fn memory(text: &mut String, asked: &Asked, answer: &Answer, width: usize) {
    let used = answer.step.memory.total();
    let there = asked.machine.memory;
    let said = format!("{} of the fullest accelerator: {used} of {there}", bold("memory"));
    text.push('\n');
    hanging(text, (0, 2), &said, width);
    let parts = answer.step.memory.parts().map(|(name, size)| (name, size.get()));
    let mut rows = parts.to_vec();
    rows.push(("free", (there - used).get()));
    bars(text, &rows, (1e9, "GB"), width);
}

/// What a class of links is called.
pub(super) fn link_name(traffic: &Traffic, index: usize) -> String {
    match traffic.links[index].joined {
        Some(joined) if index == 0 => format!("links of {joined}"),
        Some(joined) => format!("fabric of {}", whole(joined)),
        None => "fabric".to_owned(),
    }
}

fn traffic(text: &mut String, answer: &Answer, width: usize) {
    let traffic = &answer.traffic;
    let all: f64 = (0..traffic.links.len()).map(|link| traffic.total(link).get()).sum();
    if all == 0.0 && answer.between.is_none() {
        return;
    }
    text.push('\n');
    let said = format!("{} that an accelerator sends in a step", bold("traffic"));
    hanging(text, (0, 2), &said, width);
    for (index, link) in traffic.links.iter().enumerate() {
        let total = traffic.total(index);
        if total.get() == 0.0 {
            continue;
        }
        let kinds: Vec<String> = Traffic::KINDS
            .into_iter()
            .filter(|part| traffic.sent(index, *part).get() > 0.0)
            .map(|part| format!("{} {}", part.name(), traffic.sent(index, part)))
            .collect();
        let busy = total / Bytes(link.bandwidth.get()) / answer.time.get();
        let said = format!(
            "  {}, {} sustained: {total}, {} of the step ({})",
            link_name(traffic, index),
            link.bandwidth,
            percent(busy),
            kinds.join(", ").replace(" traffic", "")
        );
        hanging(text, (2, 4), &said, width);
    }
    if let Some(between) = &answer.between {
        let said = format!(
            "between {} sites: {} a site and exchange, {} on the line and {} of latency",
            between.sites,
            between.sent,
            time(between.transfer.get()),
            time(between.latency.get())
        );
        hanging(text, (2, 4), &said, width);
    }
}

fn over_days(text: &mut String, asked: &Asked, answer: &Answer, width: usize) {
    let days = &answer.over_days;
    text.push('\n');
    let rate = format!("{} tokens/s turn into progress", count(days.tokens_per_second));
    hanging(text, (0, 2), &format!("{} {rate}", bold("over days")), width);
    line(
        text,
        "goodput",
        &format!(
            "{}: a failure every {}, a checkpoint of {} in {} every {}, back in {}",
            percent(days.goodput),
            time(days.between.get()),
            days.checkpoint,
            time(asked.run.failures.checkpoint.get()),
            time(days.interval.get()),
            time(asked.run.failures.restart.get()),
        ),
        width,
    );
    if days.straggling > 1.0 {
        let longer = percent(days.straggling - 1.0);
        line(text, "slow", &format!("slow hosts make a step {longer} longer on average"), width);
    }
    match &answer.power {
        Ok(power) => line(text, "power", &power_in_words(power, asked.site.pue), width),
        Err(why) => line(text, "power", &format!("not known: {}", why.message()), width),
    }
    match (&asked.run.price, asked.money_per_second()) {
        (Ok((hourly, _)), Some(rate)) => {
            let trillion = answer.time_of(1e12).get() * rate.get();
            line(
                text,
                "cost",
                &format!(
                    "{} a step, {} for 1e12 tokens, failures included ({} an accelerator-hour)",
                    money(answer.time.get() * rate.get()),
                    money(trillion),
                    money(hourly.get())
                ),
                width,
            );
        }
        (Err(why), _) => line(text, "cost", &format!("not known: {}", why.message()), width),
        (Ok(_), None) => {}
    }
    text_read(text, asked, answer, width);
    if let Some(tokens) = answer.tokens(asked) {
        let takes = answer.time_of(tokens.get());
        let mut said = vec![time(takes.get())];
        if let Some(rate) = asked.money_per_second() {
            said.push(money(takes.get() * rate.get()));
        }
        if let Ok(power) = &answer.power {
            said.push(format!("{} MWh at the meter", megawatt_hours(power, takes)));
        }
        let mut of = format!("{} tokens", count(tokens.get()));
        if let Some(learned) = &answer.learned {
            of.push_str(&learned_in_words(learned));
        }
        line(text, "run", &format!("{of}: {}", said.join(", ")), width);
        if let Some(learned) = &answer.learned {
            line(text, "law", &format!("{}: {}", learned.law, learned.source), width);
        }
    }
}

/// ` (90 %: 1.2 T to 1.4 T) to a loss of 1.95 nats`.
fn learned_in_words(learned: &Learned) -> String {
    let level = 100.0 * learned.level;
    let tokens = learned.tokens.interval(learned.level).map_or(String::new(), |interval| {
        format!(" ({level:.0} %: {} to {})", count(interval.low), count(interval.high))
    });
    let loss = learned.loss.interval(learned.level).map_or(String::new(), |interval| {
        format!(" ({level:.0} %: {:.3} to {:.3})", interval.low, interval.high)
    });
    format!("{tokens} to a loss of {:.3} nats per token{loss}", learned.loss.best)
}

/// Where the training text is read, where that was asked or takes longer than the step.
fn text_read(text: &mut String, asked: &Asked, answer: &Answer, width: usize) {
    let Some((reading, takes)) = &answer.reading else { return };
    let hides = *takes <= answer.step.time();
    if hides && !asked.run.text.stated {
        return;
    }
    let bytes = Bytes(answer.site_batch.tokens().get() * asked.run.text.token_bytes);
    let from = match reading {
        Reading::Shared { bandwidth } => format!("one store at {bandwidth}"),
        Reading::Local { bandwidth, nodes } => {
            format!("copies on {} hosts at {bandwidth} each", whole(*nodes))
        }
    };
    let mut said = format!("{bytes} a step from {from} take {}", time(takes.get()));
    said.push_str(if hides { ", beside the step" } else { ", longer than the step" });
    if let (Reading::Local { .. }, Some(tokens), Some(store)) =
        (reading, answer.tokens(asked), asked.run.text.store)
    {
        let all = Bytes(tokens.get() * asked.run.text.token_bytes);
        let once = time(all / Bytes(store.get()));
        let _ = write!(said, "; copying all {all} once takes at least {once}");
    }
    line(text, "text", &said, width);
}

fn megawatt_hours(power: &Power, takes: Seconds) -> String {
    three(power.energy(takes).get() / 3.6e9)
}

fn power_in_words(power: &Power, pue: f64) -> String {
    format!("{} chips, {} IT, {} facility at a PUE of {pue}", power.chip, power.it, power.facility)
}

fn runners_up(text: &mut String, asked: &Asked, answer: &Answer, search: &Search, width: usize) {
    let _ = writeln!(text, "\n{} the quickest that fit", bold("layouts"));
    for found in search.best.iter().chain(&search.runners_up) {
        let Found { layout, step } = found;
        let mfu = step.mfu(&asked.machine, &asked.model, answer.site_batch, asked.convention);
        let said = format!(
            "{}, MFU {}, {}: {layout}",
            time(step.time().get()),
            percent(mfu),
            step.memory.total()
        );
        hanging(text, (2, 6), &said, width);
    }
    let mut refused: Vec<(Misfit, u64)> =
        Misfit::ALL.into_iter().zip(search.refused).filter(|(_, count)| *count > 0).collect();
    refused.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    for (misfit, count) in refused {
        hanging(text, (2, 6), &format!("{} refused: {}", grouped(count), misfit.describe()), width);
    }
}

fn notes(text: &mut String, asked: &Asked, answer: &Answer, width: usize) {
    let mut said = Vec::new();
    if let Ok((_, assumption)) = &asked.run.price {
        said.push(format!("the price is a {}", assumption.source));
    }
    if asked.site.accelerator.sustained_source.is_none() {
        said.push(format!(
            "nobody measured what {} sustains: the constants are those of devices that were",
            asked.site.accelerator.title
        ));
    }
    if asked.batch == BatchAsked::Open {
        said.push(
            "the batch is assumed: what it does to the loss is not in these numbers; --batch"
                .to_owned(),
        );
    }
    if answer.batch.tokens().get() > LARGEST_BATCH {
        said.push(format!(
            "{} tokens are more than the largest batch of a published run (DeepSeek-V3's 62.9 M)",
            count(answer.batch.tokens().get())
        ));
    }
    if answer.over_days.goodput < 0.5 {
        said.push(format!(
            "failures come every {} and recovery takes {}: state a quicker one with --restart, \
             fewer failures with --between-failures",
            time(answer.over_days.between.get()),
            time(asked.run.failures.restart.get())
        ));
    }
    if answer.between.is_some() && asked.every > 1 {
        said.push(format!(
            "sites that meet every {} steps learn otherwise than one machine; the loss is not in \
             these numbers",
            asked.every
        ));
    }
    if !said.is_empty() {
        text.push('\n');
    }
    for note in said {
        hanging(text, (0, 2), &format!("{}: {note}", bold("note")), width);
    }
}
