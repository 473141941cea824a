//! The limits that Erdil and Schneider 2024 (arXiv:2411.01137) find for runs of three months on
//! H100: utilisation falls past about 2e28 FLOP, and latency forbids runs past about 2e31.

use std::path::PathBuf;

use machines::{
    Accelerator, Attention, Batch, Bytes, FlopConvention, Machine, Model, Norm, Precision, Space,
    Stack, search,
};
use runs::Seconds;

const MONTH: f64 = 30.44 * 86_400.0;

/// Layers of a model of width d and feed-forward 4 d: their fit to published models.
fn layers(width: f64) -> f64 {
    0.100_56 * (4.0 * width * width).powf(0.3751)
}

/// Parameters: two matrices of d by 4 d a layer, as they count.
fn parameters(width: f64) -> f64 {
    8.0 * width * width * layers(width)
}

/// Compute of a run of 20 tokens a parameter.
fn compute(width: f64) -> f64 {
    120.0 * parameters(width).powi(2)
}

/// The critical batch in tokens, without sparsity.
fn batch(compute: f64) -> f64 {
    4_194_304.0 * (compute / 3e23).powf(1.0 / 6.0)
}

/// The time that latency alone takes of a run, with a whole batch in each pass: each layer's six
/// products (two forward, four backward) are launched in 4.5 us, and its four sums pass two levels
/// of links out and back at 1.125 us a hop.
fn latency_alone(width: f64) -> Seconds {
    let steps = 20.0 * parameters(width) / batch(compute(width));
    let layer = 6.0 * 4.5e-6 + 4.0 * 2.0 * 2.0 * 1.125e-6;
    Seconds(steps * layers(width) * layer)
}

/// The first of growing widths for which `holds`, as compute.
fn first(holds: impl Fn(f64) -> bool) -> Option<f64> {
    (40..400).map(|step| 10_f64.powf(f64::from(step) / 60.0) * 1e3).find(|w| holds(*w)).map(compute)
}

#[test]
fn the_latency_wall_of_a_run_of_three_months_stands_near_2e31_flop() {
    let wall = first(|width| latency_alone(width).get() > 3.0 * MONTH).expect("a wall");
    assert!((1e31..4e31).contains(&wall), "{wall:e}");
}

/// A model of their shape: no gate, heads of 128, a vocabulary that takes little.
fn shape(width: u32) -> Model {
    let heads = width / 128;
    // Layers in whole 64ths, as they round them, so that stages divide.
    let layers = ((layers(f64::from(width)) / 64.0).round() as u32).max(1) * 64;
    Model {
        name: String::new(),
        title: format!("{layers} x {width}"),
        source: String::new(),
        layers,
        hidden: width,
        attention: Attention::Grouped {
            heads,
            kv_heads: heads.min(8),
            head: 128,
            qkv_bias: false,
            qk_norm: false,
            sinks: false,
        },
        ffn: 4 * width,
        gated: false,
        experts: None,
        vocabulary: 65_536,
        tied: true,
        positions: 0,
        biases: false,
        norm: Norm::Rms,
        sequence: 2048,
    }
}

/// What software may do, and the sequences it is asked to train on.
#[derive(Clone, Copy)]
struct Software {
    sequence: u32,
    /// Ranks that split matrices the second way, up to this.
    rows: u32,
    stack: Stack,
}

/// The MFU of a run of at most about three months at the critical batch, with as many H100 (a power
/// of two) as that takes; `None` where no number of them is quick enough.
fn utilisation(device: &Accelerator, software: Software, width: u32) -> Option<(f64, f64)> {
    let model = shape(width);
    let flop = compute(f64::from(width));
    let tokens = 20.0 * parameters(f64::from(width));
    let sequence = software.sequence;
    // A power of two of sequences, so that everything divides.
    let sequences = 2_u32.pow((batch(flop) / f64::from(sequence)).log2().round() as u32);
    let asked = Batch { sequences, sequence };
    for power in 6..27 {
        let accelerators = 1 << power;
        // No number of them could be quicker at their peak.
        if flop > 989.4e12 * f64::from(accelerators) * 4.5 * MONTH {
            continue;
        }
        let machine = Machine::new(device, accelerators, Precision::Bf16, None, &[]).ok()?;
        let space = Space {
            most_tensor: 4096,
            most_rows: software.rows,
            most_parts: 64,
            ..Space::default()
        };
        let found = search(&machine, &model, asked, &software.stack, &space);
        let Some(best) = found.best else { continue };
        let time = best.step.time().get() * tokens / asked.tokens().get();
        if time < 4.5 * MONTH {
            let mfu = best.step.mfu(&machine, &model, asked, FlopConvention::SixNd);
            return Some((flop, mfu));
        }
    }
    None
}

fn rising(device: &Accelerator, software: Software) -> Vec<(f64, f64)> {
    let widths = [8192, 12_288, 16_384, 24_576, 32_768, 49_152, 65_536];
    widths.into_iter().map_while(|width| utilisation(device, software, width)).collect()
}

/// The compute at which MFU first falls below `share` of its best.
fn fall(curve: &[(f64, f64)], share: f64) -> Option<f64> {
    let best = curve.iter().map(|(_, mfu)| *mfu).fold(0.0, f64::max);
    curve.iter().find(|(_, mfu)| *mfu < share * best).map(|(flop, _)| *flop)
}

/// This crate's own model of the machine, from what an H100 is measured to sustain to what they
/// allow, one step after another: their constants (0.7 of the peak whatever the shape, whole link
/// rates, 1.1 us a hop, no limit of memory); matrices split both ways, so that traffic falls with the
/// root of the ranks; gradients in 16 bits, traffic beside work that takes nothing from it, no
/// kernels bound by memory. So the fall that they place at 2e28 FLOP is a limit of physics; that of
/// the software of today lies two decades earlier.
#[test]
fn utilisation_falls_where_they_say_for_software_that_may_do_all_they_allow() {
    let device = machines::accelerator("h100").expect("a known device");
    let one_way = Software { sequence: 2048, rows: 1, stack: Stack::MODERN };
    let measured = rising(&device, one_way);
    let mut ideal = device;
    ideal.sustained.scale_up_latency = Seconds(1.125e-6);
    ideal.sustained.scale_out_latency = Seconds(1.125e-6);
    ideal.sustained.scale_up = 1.0;
    ideal.sustained.scale_out = 1.0;
    ideal.sustained.matmul = 0.7;
    ideal.sustained.half = 0.0;
    ideal.sustained.attention = 1.0;
    ideal.sustained.memory = 1.0;
    ideal.memory = Some(Bytes(1e13));
    let constants = rising(&ideal, Software { sequence: 256, ..one_way });
    let both_ways = rising(&ideal, Software { sequence: 256, rows: 64, ..one_way });
    ideal.sustained.memory = 100.0;
    ideal.sustained.contention = 0.0;
    let stack = Stack { wide_gradients: false, ..Stack::MODERN };
    let all = rising(&ideal, Software { sequence: 256, rows: 64, stack });
    let curves = [&measured, &constants, &both_ways, &all];
    for (name, curve) in ["as measured", "their constants", "both ways", "all"].iter().zip(curves) {
        let points: Vec<String> =
            curve.iter().map(|(flop, mfu)| format!("{mfu:.2} at {flop:.1e}")).collect();
        eprintln!("{name}: {}", points.join(", "));
    }
    for pair in curves.windows(2) {
        assert!(pair[0].len() <= pair[1].len());
        for ((flop, less), (_, more)) in pair[0].iter().zip(pair[1]) {
            assert!(less <= more && *more < 0.7, "{flop:e}: {less} {more}");
        }
    }
    let first = curves.map(|curve| fall(curve, 0.8).expect("falls"));
    assert!((1e26..1e27).contains(&first[0]), "{first:?}");
    assert!(first.is_sorted() && first[3] > 1e28, "{first:?}");
    let half = fall(&all, 0.5).expect("falls to half");
    assert!((2e28..1e29).contains(&half), "{half:e}");
}

/// Their program's own outputs: shapes, batches and compute follow from the formulas above, its
/// utilisation falls at 2e28 to 2e29 FLOP, and near the wall its latency is the one computed here.
#[test]
fn the_programs_outputs_follow_from_its_formulas() {
    let Some(reference) = std::env::var_os("ISOFLOP_REFERENCE").map(PathBuf::from) else {
        eprintln!("left out: outputs of Epoch's simulator (ISOFLOP_REFERENCE is not set)");
        return;
    };
    let path = reference.join("cluster_validation/epoch_simulator_outputs.csv");
    let mut reader = csv::Reader::from_path(path).expect("the table opens");
    let names = reader.headers().expect("a head").clone();
    let column = |name: &str| names.iter().position(|known| known == name).expect("a column");
    let wanted = ["d_model", "layers", "batch_tokens", "training_flop", "utilisation", "n_gpu"];
    let wanted = wanted.map(column);
    let [months, latency] = ["training_months", "latency_months"].map(column);
    let [log, setting] = ["log", "setting"].map(column);
    let mut curve = Vec::new();
    let mut walls = 0;
    for row in reader.records() {
        let row = row.expect("a row");
        if &row[log] != "1f1b_dense_batch_size_comparison" || &row[setting] != "Default scaling" {
            continue;
        }
        let number = |index: usize| row[index].parse::<f64>().expect("a number");
        let [width, deep, tokens, flop, used, accelerators] = wanted.map(number);
        // Widths are printed with three digits, layers in whole 64ths, batches in whole 4 Mi.
        assert!((layers(width) - deep).abs() < 0.2 * deep, "{width}: {deep}");
        assert!((batch(flop) / tokens - 1.0).abs() < 0.3, "{flop:e}: {tokens:e}");
        let rounded = 120.0 * (8.0 * width * width * deep).powi(2);
        assert!((rounded / flop - 1.0).abs() < 0.05, "{flop:e} {rounded:e}");
        // Utilisation is model FLOP over the dense peak.
        let busy = flop / (989.5e12 * accelerators * number(months) * MONTH);
        assert!((busy - used).abs() < 0.02, "{busy} {used}");
        if flop > 1e31 {
            walls += 1;
            let ratio = latency_alone(width).get() / MONTH / number(latency);
            assert!((0.6..1.5).contains(&ratio), "{flop:e}: {ratio}");
        }
        curve.push((flop, used));
    }
    assert!(curve.len() > 20 && walls > 1, "{} rows", curve.len());
    let fall = fall(&curve, 0.8).expect("it falls");
    assert!((2e28..3e29).contains(&fall), "{fall:e}");
}

/// Every row that their program printed: its parameters, compute, batch, ranks and utilisation
/// follow from the formulas, dense and sparse, for V100, A100 and H100, with every network.
#[test]
fn all_1254_outputs_follow_from_the_formulas() {
    let Some(reference) = std::env::var_os("ISOFLOP_REFERENCE").map(PathBuf::from) else {
        eprintln!("left out: all outputs of Epoch's simulator (ISOFLOP_REFERENCE is not set)");
        return;
    };
    let path = reference.join("cluster_validation/epoch_simulator_outputs.csv");
    let mut reader = csv::Reader::from_path(path).expect("the table opens");
    let names = reader.headers().expect("a head").clone();
    let mut rows = 0;
    for row in reader.records() {
        let row = row.expect("a row");
        let at = |name: &str| names.iter().position(|known| known == name).expect("a column");
        let number = |name: &str| row[at(name)].parse::<f64>().expect("a number");
        let (width, sparsity, size) = (number("d_model"), number("sparsity"), number("params"));
        let (deep, flop, used) = (number("layers"), number("training_flop"), number("utilisation"));
        let near = |found: f64, expected: f64, within: f64| {
            assert!((found / expected - 1.0).abs() < within, "{found:e} {expected:e}: {row:?}");
        };
        near(deep, layers(width), 0.2);
        near(size, 8.0 * width * width * deep * sparsity, 0.01);
        // 20 tokens a parameter of the dense model whose experts are one.
        near(flop, 120.0 * size * size / sparsity, 0.01);
        let setting = &row[at("setting")];
        if !["No scaling", "DeepSeek scaling"].contains(&setting) {
            near(number("batch_tokens"), sparsity.sqrt() * batch(flop), 0.11);
        }
        let ranks: f64 = ["tp", "pp", "dp", "ep"].into_iter().map(number).product();
        near(ranks, number("n_gpu"), 0.005);
        near(number("tp_model") * number("tp_ff"), number("tp"), 1e-9);
        let peak = match setting.split(' ').next() {
            Some("V100") => 125e12,
            Some("A100") => 312e12,
            _ => 989.5e12,
        };
        let busy = flop / (peak * number("n_gpu") * number("training_months") * MONTH);
        assert!((busy - used).abs() < 0.01, "{busy} {used}: {row:?}");
        rows += 1;
    }
    assert_eq!(rows, 1254);
}
