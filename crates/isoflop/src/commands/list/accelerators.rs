//! `isoflop list accelerators`.

use diagnostic::Diagnostic;
use machines::{Accelerator, Bytes, BytesPerSecond, FlopPerSecond, Usd, Watts};
use plan::{Assumption, Drawn, Fleet, hourly_price};
use serde_json::{Value, json};

use super::entry;
use super::show::section;
use super::table::{or_dash, table};
use crate::commands::json::headed;
use crate::text::{hanging, paragraph};

/// Draws behind the interval of a price.
const DRAWS: usize = 4000;

pub(super) fn answer(name: Option<&str>, json: bool, width: usize) -> Result<String, Diagnostic> {
    let Some(name) = name else {
        let all: Vec<Accelerator> =
            machines::accelerators().map(machines::accelerator).collect::<Result<_, _>>()?;
        if json {
            let all: Vec<Value> = all.iter().map(|one| whole(one, 0)).collect();
            let answer = headed("list accelerators", 1, json!({ "accelerators": all }));
            return Ok(format!("{answer:#}\n"));
        }
        return Ok(list(&all, width));
    };
    let device = entry(name, known, Accelerator::from_toml)?;
    if json {
        let answer = headed("list accelerators", 1, whole(&device, DRAWS));
        return Ok(format!("{answer:#}\n"));
    }
    Ok(show(&device, width))
}

/// By its name or what people call it.
fn known(name: &str) -> Result<Accelerator, Diagnostic> {
    machines::accelerator(name).or_else(|problem| match Fleet::parse("the name", name) {
        Ok(Fleet { accelerator, count: None }) => Ok(accelerator),
        _ => Err(problem),
    })
}

fn list(all: &[Accelerator], width: usize) -> String {
    let rows: Vec<[String; 7]> = all
        .iter()
        .map(|one| {
            let price = match hourly_price(one, 0, 0) {
                // The one is a market's, the other a calculation.
                Ok((price, assumed)) if assumed.source.starts_with("rent") => {
                    format!("{:.2}", price.best.get())
                }
                Ok((price, _)) => format!("~{:.2}", price.best.get()),
                Err(_) => "-".to_owned(),
            };
            [
                one.name.clone(),
                or_dash(one.peak.bf16),
                or_dash(one.memory),
                or_dash(one.memory_bandwidth),
                or_dash(one.server_power.or(one.chip_power)),
                price,
                one.released.clone().unwrap_or_else(|| "-".to_owned()),
            ]
        })
        .collect();
    let headers = ["", "dense bf16", "memory", "bandwidth", "power", "USD/h", "released"];
    let mut out = table(headers, &rows, width);
    out.push('\n');
    let more =
        format!("{} accelerators; `isoflop list accelerators NAME` shows one whole", all.len());
    for line in [
        "Power of the server over its accelerators, or of the chip where none is published.",
        "USD/h: a rent, or with ~ what an owner pays.",
        &more,
    ] {
        hanging(&mut out, (0, 2), line, width);
    }
    out
}

fn show(one: &Accelerator, width: usize) -> String {
    let mut out = format!("{}: {}\n", one.name, one.title);
    let released = one.released.as_ref().map_or(String::new(), |day| format!("; released {day}"));
    paragraph(&mut out, 0, &format!("{}{released}", one.kind), width);
    if !one.notes.is_empty() {
        paragraph(&mut out, 0, &one.notes, width);
    }
    let source = |section: &str| {
        let found = one.sources.iter().find(|(known, _)| *known == section);
        found.map(|(_, source)| source.clone()).unwrap_or_default()
    };
    let peaks = [
        ("bf16", one.peak.bf16),
        ("fp8", one.peak.fp8),
        ("fp4", one.peak.fp4),
        ("fp32", one.peak.fp32),
        ("fp16, accumulating in fp16", one.peak.fp16_accumulate),
    ];
    let mut rows: Vec<[String; 3]> = peaks
        .iter()
        .filter_map(|(name, peak)| Some([(*name).to_owned(), (*peak)?.to_string(), String::new()]))
        .collect();
    if let Some(int8) = one.peak.int8 {
        rows.push(["int8".to_owned(), format!("{} TOP/s", short(int8 / 1e12)), String::new()]);
    }
    with_source(&mut out, "Dense peaks", rows, &source("peak"), width);
    let named = |name: &str, value: Option<String>, meaning: &str| {
        Some([name.to_owned(), value?, meaning.to_owned()])
    };
    let memory = [
        named("memory", one.memory.map(|m| m.to_string()), ""),
        named("bandwidth", one.memory_bandwidth.map(|b| b.to_string()), ""),
    ];
    with_source(
        &mut out,
        "Memory",
        memory.into_iter().flatten().collect(),
        &source("memory"),
        width,
    );
    let domain = one.scale_up.and_then(|link| link.domain);
    let joined = domain.map_or(String::new(), |domain| format!(", {domain} accelerators joined"));
    let links = [
        named(
            "inside the domain",
            one.scale_up.map(|link| link.bandwidth.to_string()),
            &format!("one way{joined}"),
        ),
        named("to the fabric", one.scale_out.map(|rate| rate.to_string()), "one way"),
    ];
    let mut sources = vec![source("scale_up"), source("scale_out")];
    sources.retain(|source| !source.is_empty());
    sources.dedup();
    let sources = sources.join("; ");
    with_source(&mut out, "Links", links.into_iter().flatten().collect(), &sources, width);
    let power = [
        named("chip", one.chip_power.map(|p| p.to_string()), "its limit"),
        named(
            "server",
            one.server_power.map(|p| p.to_string()),
            "the server's greatest over its accelerators",
        ),
    ];
    with_source(&mut out, "Power", power.into_iter().flatten().collect(), &source("power"), width);
    let bought = one.price.map(|price| {
        let ends = format!("{:.0} to {:.0} USD", price.low.get(), price.high.get());
        ["to buy".to_owned(), ends, format!("in {}: {}", price.year, source("price"))]
    });
    let hour = hourly_price(one, 0, DRAWS).ok();
    let hour =
        hour.map(|(_, Assumption { value, source, .. })| ["an hour".to_owned(), value, source]);
    section(&mut out, "Price", bought.into_iter().chain(hour).collect(), width);
    let constants = sustained(one).map(|(name, value, meaning)| {
        let (value, meaning) = match meaning.strip_prefix("seconds ") {
            Some(meaning) => (format!("{} us", short(value * 1e6)), meaning),
            None => (short(value), meaning),
        };
        [name.to_owned(), value, meaning.to_owned()]
    });
    let from =
        one.sustained_source.as_deref().unwrap_or("general ones: nobody calibrated this device");
    with_source(&mut out, "Sustained in training", constants.to_vec(), from, width);
    out
}

/// A section, and under it where it comes from.
fn with_source(out: &mut String, title: &str, rows: Vec<[String; 3]>, source: &str, width: usize) {
    if rows.is_empty() {
        return;
    }
    section(out, title, rows, width);
    paragraph(out, 2, &format!("source: {source}"), width);
}

fn short(value: f64) -> String {
    format!("{}", format!("{value:.3e}").parse::<f64>().unwrap_or(value))
}

/// Name, value and meaning of the constants of a device.
fn sustained(one: &Accelerator) -> [(&'static str, f64, &'static str); 12] {
    let of = &one.sustained;
    [
        ("matmul", of.matmul, "share of the bf16 peak of large multiplications"),
        ("matmul_fp8", of.matmul_fp8, "the same for fp8, of its own peak"),
        ("matmul_fp4", of.matmul_fp4, "the same for fp4, of its own peak"),
        ("half", of.half, "size of a dimension at which half of that is left"),
        ("attention", of.attention, "share of the bf16 peak, written for the device"),
        ("portable_attention", of.portable_attention, "the same, for the generation before"),
        ("memory", of.memory, "share of the memory bandwidth"),
        ("launch", of.launch.get(), "seconds until a kernel works"),
        ("scale_up", of.scale_up, "share of the domain's links"),
        ("scale_up_latency", of.scale_up_latency.get(), "seconds of a hop in the domain"),
        ("scale_out", of.scale_out, "share of the network interface"),
        ("scale_out_latency", of.scale_out_latency.get(), "seconds of a hop over the fabric"),
    ]
}

fn whole(one: &Accelerator, draws: usize) -> Value {
    let price = match hourly_price(one, 0, draws) {
        Ok((price, assumption)) => hour(&price, &assumption),
        Err(_) => Value::Null,
    };
    let sources: serde_json::Map<String, Value> = one
        .sources
        .iter()
        .map(|(section, source)| ((*section).to_owned(), source.clone().into()))
        .collect();
    let constants: serde_json::Map<String, Value> = sustained(one)
        .iter()
        .map(|(name, value, _)| ((*name).to_owned(), (*value).into()))
        .collect();
    json!({
        "name": one.name,
        "title": one.title,
        "kind": one.kind,
        "released": one.released,
        "notes": one.notes,
        "peak_flop_per_second": {
            "bf16": one.peak.bf16.map(FlopPerSecond::get),
            "fp8": one.peak.fp8.map(FlopPerSecond::get),
            "fp4": one.peak.fp4.map(FlopPerSecond::get),
            "fp32": one.peak.fp32.map(FlopPerSecond::get),
            "fp16_accumulate": one.peak.fp16_accumulate.map(FlopPerSecond::get),
        },
        "int8_operations_per_second": one.peak.int8,
        "memory_bytes": one.memory.map(Bytes::get),
        "memory_bytes_per_second": one.memory_bandwidth.map(BytesPerSecond::get),
        "scale_up_bytes_per_second": one.scale_up.map(|link| link.bandwidth.get()),
        "scale_up_domain": one.scale_up.and_then(|link| link.domain),
        "scale_out_bytes_per_second": one.scale_out.map(BytesPerSecond::get),
        "chip_watt": one.chip_power.map(Watts::get),
        "server_watt": one.server_power.map(Watts::get),
        "price_usd": one.price.map(|price| json!({
            "low": price.low.get(), "high": price.high.get(), "year": price.year,
        })),
        "price_usd_per_hour": price,
        "sustained": constants,
        "sustained_source": one.sustained_source,
        "sources": sources,
    })
}

fn hour(price: &Drawn<Usd>, assumption: &Assumption) -> Value {
    let interval = price.interval(0.9).map(|interval| [interval.low, interval.high]);
    json!({
        "best": price.best.get(),
        "interval": interval,
        "level": interval.map(|_| 0.9),
        "source": assumption.source,
    })
}
