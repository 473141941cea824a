//! The log that nanochat's `base_train` prints: settings first, then a line a step.

use std::path::Path;

use diagnostic::Diagnostic;

use crate::builder::Builder;
use crate::place::Unit;

/// Whether a line is one that only this log has.
pub(crate) fn is_line_of_log(line: &[u8]) -> bool {
    let Ok(line) = std::str::from_utf8(line) else { return false };
    matches!(Line::of(line), Some(Line::Step { .. } | Line::Metric { .. }))
}

/// A line that says something about the run.
enum Line<'a> {
    /// `step 00010/01000 (1.00%) | loss: 3.1 | lrm: 1.00 | ...`
    Step { step: u64, rest: &'a str },
    /// `Step 00250 | Validation bpb: 0.91`
    Metric { step: u64, name: &'static str, value: &'a str },
    /// A setting or count that holds for the whole run.
    Fact { name: String, value: &'a str },
}

/// What the log says before a number, and how the column is called. Counts of parameters are
/// called as in the `results.csv` of nanochat's own scaling scripts.
const FACTS: [(&str, &str); 9] = [
    ("Vocab size: ", "vocab_size"),
    ("Estimated FLOPs per token: ", "flops_per_token"),
    ("Using user-provided number of iterations: ", "num_iterations"),
    ("Calculated number of iterations from target FLOPs: ", "num_iterations"),
    ("Calculated number of iterations from target data:param ratio: ", "num_iterations"),
    ("Total number of training tokens: ", "tokens_trained"),
    ("Total training FLOPs estimate: ", "total_training_flops"),
    ("Total batch size ", "total_batch_size"),
    ("\"n_layer\": ", "depth"),
];

/// The table of parameter counts: `wte                     : 25,165,824`.
const COUNTS: [(&str, &str); 7] = [
    ("wte", "params_wte"),
    ("bigram_embed", "params_bigram_embed"),
    ("value_embeds", "params_value_embeds"),
    ("lm_head", "params_lm_head"),
    ("transformer_matrices", "params_transformer"),
    ("scalars", "params_scalars"),
    ("total", "params_total"),
];

impl<'a> Line<'a> {
    fn of(line: &'a str) -> Option<Self> {
        let line = line.trim();
        if let Some(rest) = line.strip_prefix("step ") {
            let (place, rest) = rest.split_once(" | ")?;
            let step = place.split(['/', ' ']).next()?.parse().ok()?;
            return rest.starts_with("loss: ").then_some(Self::Step { step, rest });
        }
        if let Some(rest) = line.strip_prefix("Step ") {
            let (step, metric) = rest.split_once(" | ")?;
            let step = step.trim().parse().ok()?;
            let metrics = [("Validation bpb: ", "val_bpb"), ("CORE metric: ", "core_score")];
            let (said, name) = metrics.into_iter().find(|(said, _)| metric.starts_with(said))?;
            return Some(Self::Metric { step, name, value: first_number(&metric[said.len()..])? });
        }
        for (said, name) in FACTS {
            if let Some(rest) = line.strip_prefix(said) {
                return Some(Self::Fact { name: name.to_owned(), value: first_number(rest)? });
            }
        }
        let (key, count) = line.split_once(':')?;
        let (_, name) = COUNTS.into_iter().find(|&(said, _)| said == key.trim_end())?;
        Some(Self::Fact { name: name.to_owned(), value: first_number(count)? })
    }
}

/// The number at the start of a text, with its group separators.
fn first_number(text: &str) -> Option<&str> {
    let text = text.trim_start();
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | ',' | '+' | '-');
    let length = text.find(|c| !is_part(c)).unwrap_or(text.len());
    let number = text[..length].trim_end_matches(',').trim_end_matches(['m', 's', '%']);
    plain(number).parse::<f64>().is_ok().then_some(number)
}

fn plain(number: &str) -> String {
    number.replace(',', "")
}

/// Reads a log: one row for every line with a loss or a metric.
///
/// The columns are named as in the log or in `results.csv`; `tokens` is the step times the batch
/// size, the tokens trained on before the line's loss or metric was measured. Where the settings
/// come again, a new run begins.
pub(super) fn read(name: &str, text: String, builder: &mut Builder) -> Result<(), Diagnostic> {
    builder.begin(name, Unit::Line);
    let stem = Path::new(name).file_stem().and_then(|stem| stem.to_str()).unwrap_or(name);
    let mut runs = Vec::new();
    let mut run = Run::default();
    let mut start = 0;
    for (index, line) in text.split('\n').enumerate() {
        let (number, at) = (index as u64 + 1, start);
        start += line.len() + 1;
        match Line::of(line) {
            Some(Line::Fact { name, value }) => {
                // The settings of a new run come before its first step.
                if name == "vocab_size" && !run.rows.is_empty() {
                    runs.push(std::mem::take(&mut run));
                }
                run.fact(name, value);
            }
            Some(Line::Step { step, rest }) => {
                let row = row(builder, number, at, step)?;
                run.rows.push((row, step));
                for part in rest.split('|') {
                    let Some((key, value)) = part.split_once(':') else { continue };
                    let (key, value) = (key.trim(), value.trim());
                    let Some(value) = first_number(value) else { continue };
                    let column = builder.column(match key {
                        "dt" => "dt_ms",
                        "tok/sec" => "tok_per_sec",
                        "total time" => "total_time_min",
                        "eta" => "eta_min",
                        other => other,
                    })?;
                    let cell = builder.made(&plain(value))?;
                    builder.set(row, column, cell)?;
                }
            }
            Some(Line::Metric { step, name, value }) => {
                let row = row(builder, number, at, step)?;
                run.rows.push((row, step));
                let column = builder.column(name)?;
                let cell = builder.made(&plain(value))?;
                builder.set(row, column, cell)?;
            }
            None => {}
        }
    }
    runs.push(run);
    for (index, run) in runs.iter().enumerate() {
        let base = if index == 0 { stem.to_owned() } else { format!("{stem} {}", index + 1) };
        let label = builder.run_name(&base, name);
        run.finish(&label, builder)?;
    }
    builder.keep(text)
}

fn row(builder: &mut Builder, number: u64, start: usize, step: u64) -> Result<usize, Diagnostic> {
    let row = builder.row(number, start)?;
    let column = builder.column("step")?;
    let cell = builder.made(&step.to_string())?;
    builder.set(row, column, cell)?;
    Ok(row)
}

/// One run of a log.
#[derive(Default)]
struct Run {
    facts: Vec<(String, String)>,
    /// Its rows and their steps.
    rows: Vec<(usize, u64)>,
}

impl Run {
    fn fact(&mut self, name: String, value: &str) {
        self.facts.retain(|(known, _)| *known != name);
        self.facts.push((name, plain(value)));
    }

    fn finish(&self, label: &str, builder: &mut Builder) -> Result<(), Diagnostic> {
        let rows = self.rows.iter().map(|&(row, _)| row);
        builder.constant(rows.clone(), "run", label)?;
        for (name, value) in &self.facts {
            builder.constant(rows.clone(), name, value)?;
        }
        let batch = self.facts.iter().find(|(name, _)| name == "total_batch_size");
        if let Some(batch) = batch.and_then(|(_, value)| value.parse::<u64>().ok()) {
            let column = builder.column("tokens")?;
            for &(row, step) in &self.rows {
                let cell = builder.number(step as f64 * batch as f64)?;
                builder.set(row, column, cell)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::RunTable;

    const LOG: &str = "\
GPU: NVIDIA H100 80GB HBM3 | Peak FLOPS (BF16): 9.89e+14
Vocab size: 32,768
Model config:
{
  \"sequence_len\": 2048,
  \"n_layer\": 10,
  \"n_embd\": 640
}
Parameter counts:
wte                     : 20,971,520
value_embeds            : 104,857,600
lm_head                 : 20,971,520
transformer_matrices    : 49,152,960
scalars                 : 20
total                   : 195,953,620
Estimated FLOPs per token: 5.348966e+08
Calculated number of iterations from target FLOPs: 3,566
Total number of training tokens: 1,869,611,008
Total training FLOPs estimate: 1.000049e+18
Total batch size 524,288 => gradient accumulation steps: 1
Step 00000 | Validation bpb: 3.227100
step 00000/03566 (0.00%) | loss: 10.397207 | lrm: 0.03 | dt: 1436.54ms | tok/sec: 364,965 | bf16_mfu: 2.47 | epoch: 1 pq: 0 rg: 1 | total time: 0.00m
step 00250/03566 (7.01%) | loss: nan | lrm: 1.00 | dt: 88.10ms | tok/sec: 5,951,055 | bf16_mfu: 40.23 | epoch: 1 pq: 2 rg: 3 | total time: 0.35m | eta: 4.9m
Step 03566 | Validation bpb: 0.917300
Step 03566 | CORE metric: 0.1013
<|bos|>The capital of France is total: 7 of step 1 | loss: unknown
Minimum validation bpb: 0.917300
";

    fn table(text: &str) -> RunTable {
        RunTable::from_bytes("logs/d10.log", text.as_bytes()).unwrap()
    }

    #[test]
    fn a_log_gives_its_steps_metrics_and_settings() {
        let table = table(LOG);
        assert_eq!(table.text("step").unwrap(), ["0", "0", "250", "3566", "3566"]);
        assert_eq!(table.text("val_bpb").unwrap(), ["3.227100", "", "", "0.917300", ""]);
        assert_eq!(table.text("core_score").unwrap()[4], "0.1013");
        assert_eq!(table.text("loss").unwrap(), ["", "10.397207", "nan", "", ""]);
        assert_eq!(table.text("tok_per_sec").unwrap()[2], "5951055");
        assert_eq!(table.text("eta_min").unwrap()[2], "4.9");
        assert_eq!(table.text("dt_ms").unwrap()[2], "88.10");
        assert_eq!(table.text("epoch").unwrap()[2], "1");
        // The batch is 2^19 tokens.
        assert_eq!(table.numbers("tokens").unwrap()[2..4], [131_072_000.0, 1_869_611_008.0]);
        for (name, value) in [
            ("run", "d10"),
            ("params_transformer", "49152960"),
            ("params_lm_head", "20971520"),
            ("params_total", "195953620"),
            ("depth", "10"),
            ("num_iterations", "3566"),
            ("tokens_trained", "1869611008"),
            ("total_training_flops", "1.000049e+18"),
        ] {
            assert!(table.text(name).unwrap().iter().all(|&cell| cell == value), "{name}");
        }
        assert_eq!(table.line_number(0), 21);
    }

    #[test]
    fn two_runs_in_one_log_keep_apart() {
        let table = table(&format!("{LOG}{}", LOG.replace("49,152,960", "7")));
        let counts = table.text("params_transformer").unwrap();
        assert_eq!((counts[0], counts[5]), ("49152960", "7"));
        let runs = table.text("run").unwrap();
        assert_eq!((runs[4], runs[5]), ("d10", "d10 2"));
    }

    #[test]
    fn windows_line_ends_change_nothing() {
        let table = table(&LOG.replace('\n', "\r\n"));
        assert_eq!(table.text("val_bpb").unwrap()[3], "0.917300");
        assert_eq!(table.line_number(0), 21);
    }
}
