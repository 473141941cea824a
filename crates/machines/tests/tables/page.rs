//! The page of the book with every row's prediction beside its measurement.

use super::{Case, Predicted};

/// A row of the page up to the held-out error: what it is, measured, predicted, off by.
pub(crate) fn row(case: &Case, predicted: &Predicted) -> String {
    let id = case.id.replace("vtrain single node:", "s").replace("vtrain multi node:", "m");
    let mut group = case.group.replace('|', " ");
    for (long, short) in [("vtrain single node ", ""), ("vtrain multi node ", "")] {
        group = group.replace(long, short);
    }
    let layout = &predicted.layout;
    let sizes = [layout.tp, layout.cp, layout.pp, layout.dp, layout.ep, layout.interleave];
    let sizes = sizes.map(|size| size.to_string()).join("-");
    format!(
        "| {id} | {group} | {} | {} | {sizes} | {} | {} | {} | {:+.0} % |",
        case.accelerators,
        case.precision,
        layout.micro_batch,
        digits(case.measured.get()),
        digits(predicted.time.get()),
        100.0 * (predicted.time / case.measured - 1.0),
    )
}

/// Three digits at least.
fn digits(seconds: f64) -> String {
    match seconds {
        seconds if seconds < 1.0 => format!("{seconds:.4}"),
        seconds if seconds < 100.0 => format!("{seconds:.2}"),
        seconds => format!("{seconds:.1}"),
    }
}

pub(crate) const HEAD: &str = "\
# Every step, measured and predicted

This page is printed by

```sh
ISOFLOP_REFERENCE=... cargo run -p machines --example validate_steps -- page > docs/src/validation.md
```

and a test holds it to what the code predicts. Times are seconds a step. `layout` is TP-CP-PP-DP-EP and
interleaved parts; `micro` is sequences a micro-batch; what a row leaves open is the quickest of what
is plausible. `off` is the prediction's error, `held out` the same with constants calibrated without any
row of the row's group (five folds of whole groups; a dash where a row takes no part in calibrating).
Rows whose source states too little to lay the model out are not here.

| Groups | Source |
|---|---|
| llmf | llm-foundry's benchmarks, A100 and H100 (Apache-2.0) |
| mbridge | Megatron-Bridge's performance tables, H100 to GB300 (Apache-2.0) |
| maxtext | MaxText's performance tables, TPU v4, v5e and H100 (Apache-2.0) |
| titan | torchtitan's benchmarks and paper, H100 (96 GB, 500 W) and H200 (BSD-3) |
| meg21 | Narayanan et al. 2021, arXiv:2104.04473, tables 1 and 2, A100 |
| korth | Korthikanti et al. 2022, arXiv:2205.05198, table 5 and section 6, A100 |
| megascale | Jiang et al. 2024, arXiv:2402.15627, table 2, A100: first Megatron, then MegaScale |
| megH | Megatron-Core's table of H100 |
| llama3 | Llama 3, arXiv:2407.21783, table 4, H100 |
| shape x layers, accelerators | vTrain's measurements (MICRO 2024, MIT), A100; s and m with the line in its two tables |
";

pub(crate) const TABLE: &str = "\
| row | group | n | prec. | layout | micro | measured | predicted | off | held out |
|---|---|---|---|---|---|---|---|---|---|";
