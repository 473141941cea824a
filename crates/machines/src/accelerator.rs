//! One accelerator: what its maker states, and what it sustains.

use diagnostic::Diagnostic;
use runs::Seconds;
use serde::Deserialize;
use toml::Spanned;

use crate::catalogue::{Text, Written};
use crate::{Bytes, BytesPerSecond, FlopPerSecond, Precision, Usd, Watts};

/// An accelerator: peaks, memory, links, power and price as published, each with its source, and
/// the constants that say how much of them training reaches.
#[derive(Debug, Clone, PartialEq)]
pub struct Accelerator {
    /// Its name in the catalogue: `h100`.
    pub name: String,
    /// What people call it.
    pub title: String,
    /// What sort of device it is: `data-centre GPU`.
    pub kind: String,
    /// When it came out, as `2022-09-20` or shorter.
    pub released: Option<String>,
    /// What deserves saying about the numbers.
    pub notes: String,
    /// Dense peaks.
    pub peak: Peaks,
    /// Memory.
    pub memory: Option<Bytes>,
    /// Memory bandwidth, stated.
    pub memory_bandwidth: Option<BytesPerSecond>,
    /// The links between accelerators of one domain (`NVLink`, `ICI`).
    pub scale_up: Option<ScaleUp>,
    /// The network interface per accelerator, one way.
    pub scale_out: Option<BytesPerSecond>,
    /// The chip's power limit (kind: chip).
    pub chip_power: Option<Watts>,
    /// The server's greatest power over its accelerators (kind: IT).
    pub server_power: Option<Watts>,
    /// What one costs.
    pub price: Option<Price>,
    /// What it sustains.
    pub sustained: Sustained,
    /// Where the sustained constants come from; `None` if they are the general ones, not this
    /// device's.
    pub sustained_source: Option<String>,
    /// Sources by section of its file.
    pub sources: Vec<(&'static str, String)>,
}

/// Dense peaks by precision; `None` where no source states one.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Peaks {
    /// bfloat16 or float16 with float32 accumulation.
    pub bf16: Option<FlopPerSecond>,
    /// 8-bit floating point.
    pub fp8: Option<FlopPerSecond>,
    /// 4-bit floating point.
    pub fp4: Option<FlopPerSecond>,
    /// 32-bit, outside matrix units.
    pub fp32: Option<FlopPerSecond>,
    /// float16 accumulating in float16, as `GeForce` boards advertise; training does not use it.
    pub fp16_accumulate: Option<FlopPerSecond>,
    /// 8-bit integer operations a second.
    pub int8: Option<f64>,
}

impl Peaks {
    /// The peak at a precision of the matrix multiplications.
    pub fn at(&self, precision: Precision) -> Option<FlopPerSecond> {
        match precision {
            Precision::Fp32 => self.fp32,
            Precision::Bf16 => self.bf16,
            Precision::Fp8 => self.fp8,
            Precision::Fp4 => self.fp4,
        }
    }
}

/// Links inside one domain.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScaleUp {
    /// Per accelerator, one way.
    pub bandwidth: BytesPerSecond,
    /// How many accelerators such links join; `None` where no source states it.
    pub domain: Option<u32>,
}

/// A range of prices.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Price {
    /// The low end.
    pub low: Usd,
    /// The high end.
    pub high: Usd,
    /// Whose dollars, and when it was asked.
    pub year: u32,
}

/// What an accelerator sustains: one set of constants per device for every model, layout and size.
///
/// A matrix multiplication of m by k with k by n takes
/// `launch + max(2mnk / (peak · matmul · g(m) g(n) g(k)), bytes / (bandwidth · memory))`
/// with `g(x) = x / (x + half)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sustained {
    /// Share of the dense bf16 peak that a large matrix multiplication reaches.
    pub matmul: f64,
    /// The same for fp8, of its own peak.
    pub matmul_fp8: f64,
    /// The same for fp4, of its own peak.
    pub matmul_fp4: f64,
    /// The size of one dimension at which half of that is left: tiles, waves and pipeline fill.
    pub half: f64,
    /// Share of the dense bf16 peak that fused attention written for the device reaches.
    pub attention: f64,
    /// The same for fused attention written for the generation before.
    pub portable_attention: f64,
    /// Share of the memory bandwidth that streaming kernels reach.
    pub memory: f64,
    /// Time before a kernel does work that nothing hides.
    pub launch: Seconds,
    /// Share of the domain's link rate that collectives reach.
    pub scale_up: f64,
    /// Latency of one hop inside the domain, software included.
    pub scale_up_latency: Seconds,
    /// Share of the network interface that collectives reach.
    pub scale_out: f64,
    /// Latency of one hop over the fabric, software included.
    pub scale_out_latency: Seconds,
    /// What traffic beside computing costs, as a share of the traffic's time: the units and the
    /// memory bandwidth that collectives take from the work they hide under.
    pub contention: f64,
}

impl Sustained {
    /// For a device that nobody calibrated: round numbers between those that were. Calibration
    /// starts from them, and constants that no row determines stay there.
    pub const GENERAL: Self = Self {
        matmul: 0.78,
        matmul_fp8: 0.65,
        matmul_fp4: 0.55,
        half: 100.0,
        attention: 0.55,
        portable_attention: 0.35,
        memory: 0.80,
        launch: Seconds(4e-6),
        scale_up: 0.75,
        scale_up_latency: Seconds(5e-6),
        scale_out: 0.75,
        scale_out_latency: Seconds(10e-6),
        contention: 0.15,
    };

    /// The share of the peak at a precision.
    pub fn matmul_at(&self, precision: Precision) -> f64 {
        match precision {
            Precision::Fp32 | Precision::Bf16 => self.matmul,
            Precision::Fp8 => self.matmul_fp8,
            Precision::Fp4 => self.matmul_fp4,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: String,
    title: String,
    kind: String,
    released: Option<String>,
    #[serde(default)]
    notes: String,
    peak: PeakEntry,
    memory: Option<MemoryEntry>,
    scale_up: Option<LinkEntry>,
    scale_out: Option<LinkEntry>,
    power: Option<PowerEntry>,
    price: Option<PriceEntry>,
    sustained: Option<SustainedEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PeakEntry {
    bf16: Option<Written>,
    fp8: Option<Written>,
    fp4: Option<Written>,
    fp32: Option<Written>,
    fp16_accumulate: Option<Written>,
    int8: Option<Written>,
    source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MemoryEntry {
    capacity: Option<Written>,
    bandwidth: Option<Written>,
    source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LinkEntry {
    bandwidth: Written,
    domain: Option<u32>,
    source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PowerEntry {
    chip: Option<Written>,
    server: Option<Written>,
    source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PriceEntry {
    low: Spanned<Written>,
    high: Written,
    year: u32,
    source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SustainedEntry {
    matmul: Option<Spanned<f64>>,
    matmul_fp8: Option<Spanned<f64>>,
    matmul_fp4: Option<Spanned<f64>>,
    half: Option<Spanned<f64>>,
    attention: Option<Spanned<f64>>,
    portable_attention: Option<Spanned<f64>>,
    memory: Option<Spanned<f64>>,
    launch: Option<Written>,
    scale_up: Option<Spanned<f64>>,
    scale_up_latency: Option<Written>,
    scale_out: Option<Spanned<f64>>,
    scale_out_latency: Option<Written>,
    contention: Option<Spanned<f64>>,
    source: String,
}

impl Accelerator {
    /// An accelerator from the text of its file, which came from `origin`.
    ///
    /// # Errors
    /// Text that is not TOML, unknown keys, quantities of the wrong unit or kind, and numbers out
    /// of range; each points at its place.
    pub fn from_toml(origin: &str, text: &str) -> Result<Self, Diagnostic> {
        let text = Text { origin, text };
        let file: File = text.read()?;
        let mut sources = vec![("peak", file.peak.source.clone())];
        let read = |written: &Option<Written>, unit: &str| {
            written.as_ref().map(|written| text.positive(written, unit)).transpose()
        };
        let peak = Peaks {
            bf16: read(&file.peak.bf16, "FLOP/s")?.map(FlopPerSecond),
            fp8: read(&file.peak.fp8, "FLOP/s")?.map(FlopPerSecond),
            fp4: read(&file.peak.fp4, "FLOP/s")?.map(FlopPerSecond),
            fp32: read(&file.peak.fp32, "FLOP/s")?.map(FlopPerSecond),
            fp16_accumulate: read(&file.peak.fp16_accumulate, "FLOP/s")?.map(FlopPerSecond),
            int8: read(&file.peak.int8, "OP/s")?,
        };
        let (mut memory, mut memory_bandwidth) = (None, None);
        if let Some(entry) = file.memory {
            memory = read(&entry.capacity, "B")?.map(Bytes);
            memory_bandwidth = read(&entry.bandwidth, "B/s")?.map(BytesPerSecond);
            sources.push(("memory", entry.source));
        }
        let mut scale_up = None;
        if let Some(entry) = file.scale_up {
            let bandwidth = BytesPerSecond(text.positive(&entry.bandwidth, "B/s")?);
            scale_up = Some(ScaleUp { bandwidth, domain: entry.domain });
            sources.push(("scale_up", entry.source));
        }
        let mut scale_out = None;
        if let Some(entry) = file.scale_out {
            scale_out = Some(BytesPerSecond(text.positive(&entry.bandwidth, "B/s")?));
            sources.push(("scale_out", entry.source));
        }
        let (mut chip_power, mut server_power) = (None, None);
        if let Some(entry) = file.power {
            chip_power = read(&entry.chip, "W[chip]")?.map(Watts);
            server_power = read(&entry.server, "W[it]")?.map(Watts);
            sources.push(("power", entry.source));
        }
        let mut price = None;
        if let Some(entry) = file.price {
            let low = Usd(text.positive(entry.low.get_ref(), "USD")?);
            let high = Usd(text.positive(&entry.high, "USD")?);
            if low > high {
                let message = "the low price is above the high one";
                return Err(text.error(message, entry.low.span(), "above `high`"));
            }
            price = Some(Price { low, high, year: entry.year });
            sources.push(("price", entry.source));
        }
        let sustained_source = file.sustained.as_ref().map(|entry| entry.source.clone());
        let sustained = match &file.sustained {
            Some(entry) => sustained(&text, entry)?,
            None => Sustained::GENERAL,
        };
        Ok(Self {
            name: file.name,
            title: file.title,
            kind: file.kind,
            released: file.released,
            notes: file.notes,
            peak,
            memory,
            memory_bandwidth,
            scale_up,
            scale_out,
            chip_power,
            server_power,
            price,
            sustained,
            sustained_source,
            sources,
        })
    }
}

fn sustained(text: &Text<'_>, entry: &SustainedEntry) -> Result<Sustained, Diagnostic> {
    let share = |given: &Option<Spanned<f64>>, general: f64| match given {
        None => Ok(general),
        Some(given) if (0.01..=1.0).contains(given.get_ref()) => Ok(*given.get_ref()),
        Some(given) => {
            let message = format!("expected a share from 0.01 to 1, found {}", given.get_ref());
            Err(text.error(message, given.span(), "a share of the peak or rate"))
        }
    };
    let time = |given: &Option<Written>, general: Seconds| match given {
        None => Ok(general),
        Some(given) => text.not_negative(given, "s").map(Seconds),
    };
    let general = Sustained::GENERAL;
    let half = match &entry.half {
        None => general.half,
        Some(half) if (0.0..=1e4).contains(half.get_ref()) => *half.get_ref(),
        Some(half) => {
            return Err(text.error("expected a size from 0 to 10,000", half.span(), "elements"));
        }
    };
    Ok(Sustained {
        matmul: share(&entry.matmul, general.matmul)?,
        matmul_fp8: share(&entry.matmul_fp8, general.matmul_fp8)?,
        matmul_fp4: share(&entry.matmul_fp4, general.matmul_fp4)?,
        half,
        attention: share(&entry.attention, general.attention)?,
        portable_attention: share(&entry.portable_attention, general.portable_attention)?,
        memory: share(&entry.memory, general.memory)?,
        launch: time(&entry.launch, general.launch)?,
        scale_up: share(&entry.scale_up, general.scale_up)?,
        scale_up_latency: time(&entry.scale_up_latency, general.scale_up_latency)?,
        scale_out: share(&entry.scale_out, general.scale_out)?,
        scale_out_latency: time(&entry.scale_out_latency, general.scale_out_latency)?,
        contention: share(&entry.contention, general.contention)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TINY: &str = "name = \"x\"\ntitle = \"X\"\nkind = \"GPU\"\n\
        [peak]\nbf16 = \"100 TFLOP/s\"\nsource = \"a test\"\n";

    #[test]
    fn a_device_nobody_calibrated_takes_the_general_constants_and_says_so() {
        let device = Accelerator::from_toml("x.toml", TINY).unwrap();
        assert_eq!(device.sustained, Sustained::GENERAL);
        assert_eq!(device.sustained_source, None);
        assert_eq!(device.peak.at(Precision::Bf16), Some(FlopPerSecond(1e14)));
        assert_eq!(device.peak.at(Precision::Fp8), None);
    }

    #[test]
    fn bad_numbers_point_at_their_place() {
        for (tail, expected) in [
            ("[sustained]\nmatmul = 1.2\nsource = \"\"\n", "x.toml:8:10"),
            ("[scale_out]\nbandwidth = \"0 B/s\"\nsource = \"\"\n", "more than zero"),
            ("[sustained]\nlaunch = \"-4 us\"\nsource = \"\"\n", "zero or more"),
            ("[power]\nchip = \"700 W[it]\"\nsource = \"\"\n", "W[chip]"),
            ("[memory]\ncapacty = \"1 GB\"\nsource = \"\"\n", "capacty"),
            ("[price]\nlow = \"2 USD\"\nhigh = \"1 USD\"\nyear = 2024\nsource = \"\"\n", "above"),
        ] {
            let problem = Accelerator::from_toml("x.toml", &format!("{TINY}{tail}"));
            let problem = problem.unwrap_err().to_string();
            assert!(problem.contains(expected), "{problem}");
        }
    }
}
