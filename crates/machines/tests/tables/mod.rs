//! Published measurements as inputs of the model: one [`Case`] per row, with the switches that
//! its source states. What a row leaves open is taken as the best of the plausible, for all alike.
#![allow(dead_code, reason = "two programs share this file and use different parts")]

pub(crate) mod calibration;
pub(crate) mod page;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use machines::{
    Accelerator, Attention, Batch, BytesPerSecond, FlopConvention, Layout, Machine, Model, Norm,
    Precision, Recompute, Schedule, Stack, Step, Stragglers, Tier, Zero,
};
use runs::Seconds;

/// One measured step with everything needed to predict it.
pub(crate) struct Case {
    pub(crate) id: String,
    pub(crate) table: &'static str,
    pub(crate) group: String,
    pub(crate) device: String,
    pub(crate) accelerators: u32,
    pub(crate) domain: Option<u32>,
    pub(crate) tiers: Vec<Tier>,
    pub(crate) precision: Precision,
    pub(crate) model: Model,
    pub(crate) batch: Batch,
    /// Layouts that agree with what the row states.
    pub(crate) layouts: Vec<Layout>,
    pub(crate) stack: Stack,
    /// Slow hosts that nobody has found and sent away.
    pub(crate) slow: Option<Stragglers>,
    pub(crate) measured: Seconds,
    pub(crate) mixture: bool,
}

/// A step as it is predicted.
pub(crate) struct Predicted {
    pub(crate) layout: Layout,
    pub(crate) step: Step,
    /// Its time, with what it waits for slow hosts.
    pub(crate) time: Seconds,
}

impl Case {
    /// The predicted step: the quickest of the layouts that the row leaves open.
    pub(crate) fn predict(&self, device: &Accelerator) -> Option<Predicted> {
        let machine =
            Machine::new(device, self.accelerators, self.precision, self.domain, &self.tiers)
                .ok()?;
        let found = (self.layouts.iter()).filter_map(|layout| {
            let step =
                machines::step(&machine, &self.model, self.batch, layout, &self.stack).ok()?;
            Some((*layout, step))
        });
        let (layout, step) = found.min_by(|a, b| a.1.time().get().total_cmp(&b.1.time().get()))?;
        let hosts = self.accelerators.div_ceil(8);
        let waits = self.slow.map_or(1.0, |slow| slow.factor(hosts));
        Some(Predicted { layout, step, time: Seconds(step.time().get() * waits) })
    }
}

/// The folder of reference tables, if this machine has one.
pub(crate) fn reference() -> Option<PathBuf> {
    std::env::var_os("ISOFLOP_REFERENCE").map(PathBuf::from)
}

type Row = HashMap<String, String>;

fn rows(path: &Path) -> Vec<Row> {
    let mut reader = csv::Reader::from_path(path).expect("the table opens");
    let names = reader.headers().expect("the table has a head").clone();
    (reader.records())
        .map(|record| {
            let record = record.expect("the table's rows read");
            names.iter().map(str::to_owned).zip(record.iter().map(str::to_owned)).collect()
        })
        .collect()
}

fn number(row: &Row, name: &str) -> Option<f64> {
    row.get(name).and_then(|text| text.parse().ok())
}

fn count(row: &Row, name: &str) -> Option<u32> {
    number(row, name).map(|value| value as u32)
}

fn text<'a>(row: &'a Row, name: &str) -> &'a str {
    row.get(name).map_or("", String::as_str)
}

/// A GPT shape: two matrices in the feed-forward, biases, learned positions.
fn gpt(layers: u32, hidden: u32, heads: u32, vocabulary: u32, sequence: u32) -> Model {
    Model {
        name: String::new(),
        title: format!("GPT {layers} x {hidden}"),
        source: String::new(),
        layers,
        hidden,
        attention: Attention::Grouped {
            heads,
            kv_heads: heads,
            head: hidden / heads,
            qkv_bias: true,
            qk_norm: false,
            sinks: false,
        },
        ffn: 4 * hidden,
        gated: false,
        experts: None,
        vocabulary,
        tied: true,
        positions: sequence,
        biases: true,
        norm: Norm::Layer,
        sequence,
    }
}

fn vtrain(path: &Path, table: &'static str, recompute: Recompute) -> Vec<Case> {
    let get = |row: &Row, name: &str| count(row, name).expect("a whole number");
    (rows(path).iter().enumerate())
        .map(|(index, row)| {
            let [n, batch, micro_batch, hidden, heads, layers, sequence, tp, dp, pp] = [
                "n_gpus",
                "global_batch",
                "micro_batch",
                "hidden",
                "heads",
                "layers",
                "seq_len",
                "tp",
                "dp",
                "pp",
            ]
            .map(|name| get(row, name));
            let stack = Stack {
                fused_kernels: recompute == Recompute::Full,
                dispatch: Seconds(EAGER_DISPATCH),
                ..Stack::EARLY
            };
            Case {
                id: format!("{table}:{}", index + 2),
                table,
                group: format!("{table}|{hidden}x{layers}|{n}"),
                device: "a100-80gb".into(),
                accelerators: n,
                domain: None,
                tiers: (n > 8).then_some(VTRAIN_FABRIC).into_iter().collect(),
                precision: Precision::Bf16,
                model: gpt(layers, hidden, heads, 51_200, sequence),
                batch: Batch { sequences: batch, sequence },
                layouts: vec![Layout { tp, dp, pp, micro_batch, recompute, ..Layout::default() }],
                stack,
                slow: None,
                measured: Seconds(number(row, "iteration_time_s").expect("a time")),
                mixture: false,
            }
        })
        .collect()
}

/// What Python and eager PyTorch take to send off a kernel of a Megatron layer.
pub(crate) const EAGER_DISPATCH: f64 = 29e-6;

/// What it takes for a mixture without graphs.
pub(crate) const MIXTURE_DISPATCH: f64 = 24e-6;

/// The fabric of vTrain's cluster: 800 Gbit/s for each node of eight, as its published simulator
/// has it (`inter_node_bandwidth`). Half of what the nodes of Megatron's tables have.
const VTRAIN_FABRIC: Tier =
    Tier { accelerators: u32::MAX, bandwidth: BytesPerSecond(12.5e9), latency: None };

/// All rows of the vTrain tables.
pub(crate) fn vtrain_cases(reference: &Path) -> Vec<Case> {
    let folder = reference.join("cluster_validation");
    let single = folder.join("vtrain_single_node_a100.csv");
    let multi = folder.join("vtrain_multi_node_a100.csv");
    let mut cases = vtrain(&single, "vtrain single node", Recompute::None);
    cases.extend(vtrain(&multi, "vtrain multi node", Recompute::Full));
    cases
}

const DEVICES: [(&str, &str); 12] = [
    ("H100 SXM 80GB", "h100"),
    ("H100", "h100"),
    ("A100 80GB", "a100-80gb"),
    ("A100 40GB", "a100-40gb"),
    ("GB300", "gb300"),
    ("GB200", "gb200"),
    ("B300", "b300"),
    ("B200", "b200"),
    ("H100 96GB HBM2e 500W", "h100-96gb"),
    ("H200 SXM", "h200"),
    ("TPU v4", "tpu-v4"),
    ("TPU v5e", "tpu-v5e"),
];

fn model_of(row: &Row) -> Option<Model> {
    let named = [
        ("Llama3-8B", "llama3-8b"),
        ("Llama3-70B", "llama3-70b"),
        ("Llama3.1-405B", "llama3-405b"),
        ("Llama2-7B", "llama2-7b"),
        ("DeepSeek-V3", "deepseek-v3"),
        ("GPT-OSS-120B", "gpt-oss-120b"),
        ("Qwen3-30B-A3B", "qwen3-30b-a3b"),
        ("Qwen3-235B-A22B", "qwen3-235b-a22b"),
    ];
    let name = text(row, "model");
    if let Some((_, known)) = named.iter().find(|(prefix, _)| name.starts_with(prefix)) {
        return machines::model(known).ok();
    }
    let heads = count(row, "heads")?;
    let hidden = count(row, "hidden")?;
    let mut model = gpt(
        count(row, "layers")?,
        hidden,
        heads,
        count(row, "vocab").unwrap_or(51_200),
        count(row, "seq_len")?,
    );
    model.ffn = count(row, "ffn")?;
    // MPT has neither biases nor positions of its own.
    model.biases = !text(row, "group").starts_with("llmf|");
    if text(row, "group").starts_with("maxtext|TPU v5e") {
        // What the published totals leave: gated, with heads of 128.
        model.gated = true;
        model.biases = false;
        model.tied = false;
        model.positions = 0;
    }
    if let Attention::Grouped { kv_heads, head, .. } = &mut model.attention {
        *kv_heads = count(row, "kv_heads").unwrap_or(heads);
        if model.gated {
            *head = 128;
        }
    }
    Some(model)
}

fn precision_of(row: &Row) -> Precision {
    let stated = text(row, "precision").to_lowercase();
    if stated.contains("fp4") {
        Precision::Fp4
    } else if stated.contains("fp8") {
        Precision::Fp8
    } else {
        Precision::Bf16
    }
}

/// Switches and layout details by the family of a row.
struct Family {
    stack: Stack,
    zero: Zero,
    shard: Option<u32>,
    recompute: Recompute,
    sequence_parallel: bool,
}

fn family(row: &Row, n: u32) -> Family {
    let group = text(row, "group");
    let sharding = text(row, "sharding");
    let notes = text(row, "notes").to_lowercase();
    let zero = match sharding {
        "FULL_SHARD" | "FSDP2" | "ZeRO-3" => Zero::Parameters,
        "SHARD_GRAD_OP" => Zero::Gradients,
        "ZeRO-1" => Zero::Optimizer,
        other if other.starts_with("distributed optimizer") => Zero::Optimizer,
        other if other.starts_with("FSDP (ZeRO-2") => Zero::Optimizer,
        other if other.starts_with("FSDP") => Zero::Parameters,
        _ => Zero::None,
    };
    let recompute = match text(row, "recompute") {
        "full" => Recompute::Full,
        "selective" | "per-op selective" => Recompute::Operators,
        other if other.starts_with("selective") => Recompute::Selective,
        _ => Recompute::None,
    };
    let plain =
        Family { stack: Stack::MODERN, zero, shard: None, recompute, sequence_parallel: true };
    let family = group.split('|').next().unwrap_or_default();
    match family {
        "llmf" => Family {
            stack: Stack {
                fused_kernels: false,
                tuned_attention: false,
                wide_gradients: false,
                dispatch: Seconds(8e-6),
                ..Stack::MODERN
            },
            ..plain
        },
        "meg21" => Family {
            stack: Stack {
                fused_kernels: true,
                overlap_data: zero == Zero::Parameters,
                by_tensor: zero == Zero::Parameters,
                ..Stack::EARLY
            },
            sequence_parallel: false,
            ..plain
        },
        "korth" | "korth530dp" => Family {
            stack: Stack { fused_kernels: true, overlap_input_gradients: true, ..Stack::EARLY },
            sequence_parallel: text(row, "recompute").contains("sequence parallel"),
            ..plain
        },
        "megascale" => {
            let tuned = text(row, "system") == "MegaScale";
            let stack = if tuned {
                Stack { tuned_attention: false, ..Stack::MODERN }
            } else {
                Stack {
                    fused_kernels: true,
                    overlap_input_gradients: true,
                    dropout: false,
                    ..Stack::EARLY
                }
            };
            let recompute = if tuned { Recompute::None } else { Recompute::Selective };
            Family { stack, zero: Zero::Optimizer, recompute, ..plain }
        }
        "titan" => Family {
            stack: Stack {
                fused_kernels: notes.contains("compile"),
                tuned_attention: false,
                overlap_tensor: notes.contains("async"),
                dispatch: Seconds(8e-6),
                ..Stack::MODERN
            },
            ..plain
        },
        "maxtext" => {
            let slice = match text(row, "accelerator") {
                "TPU v4" => 64,
                "TPU v5e" => 256,
                _ => 8,
            };
            let tp = count(row, "tp").unwrap_or(1);
            let recompute =
                if recompute == Recompute::None { Recompute::Operators } else { recompute };
            Family {
                zero: Zero::Parameters,
                shard: Some((slice.min(n) / tp).max(1)),
                recompute,
                stack: Stack { dispatch: Seconds(0.0), ..Stack::MODERN },
                ..plain
            }
        }
        "mbridge" => {
            // Releases from June 2026 run whole iterations of mixtures from graphs.
            let graphs = text(row, "locator") > "26.05";
            let mixture = number(row, "active_params") < number(row, "total_params");
            let dispatch = if mixture && !graphs { MIXTURE_DISPATCH } else { 2e-6 };
            let zero = if zero == Zero::None { Zero::Optimizer } else { zero };
            Family { zero, stack: Stack { dispatch: Seconds(dispatch), ..Stack::MODERN }, ..plain }
        }
        _ => plain,
    }
}

fn case(row: &Row) -> Option<Case> {
    let group = text(row, "group").to_owned();
    let (_, device) =
        DEVICES.iter().find(|(published, _)| *published == text(row, "accelerator"))?;
    let model = model_of(row)?;
    let n = count(row, "n_accel")?;
    let batch =
        Batch { sequences: count(row, "global_batch_seqs")?, sequence: count(row, "seq_len")? };
    let measured = measured(row, &model, batch, n)?;
    let family = family(row, n);
    let or_one = |name: &str| count(row, name).filter(|&value| value > 0).unwrap_or(1);
    let dp = number(row, "dp").map(|dp| dp as u32)?;
    let base = Layout {
        tp: or_one("tp"),
        rows: 1,
        cp: or_one("cp"),
        pp: or_one("pp"),
        dp,
        ep: or_one("ep"),
        interleave: or_one("vp"),
        micro_batch: or_one("micro_batch"),
        zero: family.zero,
        shard: family.shard,
        schedule: Schedule::OneForwardOneBackward,
        recompute: family.recompute,
        sequence_parallel: family.sequence_parallel,
    };
    let micro_batches: Vec<u32> = match count(row, "micro_batch") {
        Some(given) => vec![given],
        None => vec![1, 2, 4, 8, 16],
    };
    let stated_plain = text(row, "pipeline_schedule") == "1F1B";
    let interleaves: Vec<u32> = match count(row, "vp") {
        Some(given) => vec![given],
        None if stated_plain || base.pp == 1 => vec![1],
        None => (1..=16).filter(|parts| model.layers >= base.pp * parts).collect(),
    };
    let layouts = (micro_batches.iter())
        .flat_map(|&micro_batch| {
            interleaves.iter().map(move |&interleave| Layout { micro_batch, interleave, ..base })
        })
        .collect();
    let domain = match *device {
        "gb200" | "gb300" => Some(72),
        _ => None,
    };
    Some(Case {
        id: text(row, "id").to_owned(),
        table: "published",
        mixture: model.experts.is_some(),
        device: (*device).to_owned(),
        accelerators: n,
        domain,
        tiers: Vec::new(),
        precision: precision_of(row),
        model,
        batch,
        layouts,
        stack: family.stack,
        // MegaScale found one host in two hundred to be a tenth slower and sent them away; the
        // other system of its tables runs as it is.
        slow: (group.starts_with("megascale") && text(row, "system") != "MegaScale")
            .then_some(Stragglers::MEGASCALE),
        group,
        measured,
    })
}

/// Step time: printed, or from tokens a second, or from FLOP a second under the row's convention.
fn measured(row: &Row, model: &Model, batch: Batch, n: u32) -> Option<Seconds> {
    if let Some(time) = number(row, "step_time_s") {
        return Some(Seconds(time));
    }
    let tokens = batch.tokens().get();
    if let Some(rate) = number(row, "tokens_per_s_per_accel") {
        return Some(Seconds(tokens / (rate * f64::from(n))));
    }
    let rate = number(row, "model_tflops_per_accel")? * 1e12 * f64::from(n);
    let convention = match text(row, "group").split('|').next() {
        Some("megH" | "maxtext" | "llama3") => FlopConvention::FullAttention,
        _ => FlopConvention::CausalAttention,
    };
    Some(Seconds(Step::flop(model, batch, convention).get() / rate))
}

/// Rows of `published.csv` that state enough to predict them, and how many others there are.
pub(crate) fn published_cases(reference: &Path) -> (Vec<Case>, usize) {
    let rows = rows(&reference.join("cluster_validation/published.csv"));
    let wanted: Vec<&Row> = (rows.iter())
        .filter(|row| text(row, "regime") == "centralised" && text(row, "kind") == "measured")
        .collect();
    let cases: Vec<Case> = wanted.iter().filter_map(|row| case(row)).collect();
    let left_out = wanted.len() - cases.len();
    (cases, left_out)
}

/// Relative errors of time, signed, with what they are of.
pub(crate) struct Errors(pub Vec<f64>);

impl Errors {
    /// The quantile of the absolute errors.
    pub(crate) fn quantile(&self, at: f64) -> f64 {
        let mut sizes: Vec<f64> = self.0.iter().map(|error| error.abs()).collect();
        sizes.sort_by(f64::total_cmp);
        let index = ((sizes.len() as f64 * at).ceil() as usize).clamp(1, sizes.len().max(1));
        sizes.get(index - 1).copied().unwrap_or(f64::NAN)
    }

    /// The mean of the absolute errors.
    pub(crate) fn mean(&self) -> f64 {
        self.0.iter().map(|error| error.abs()).sum::<f64>() / self.0.len() as f64
    }

    /// The mean of the signed errors.
    pub(crate) fn bias(&self) -> f64 {
        self.0.iter().sum::<f64>() / self.0.len() as f64
    }
}
