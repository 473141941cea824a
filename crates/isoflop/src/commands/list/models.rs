//! `isoflop list models`.

use std::fmt::Write as _;

use diagnostic::Diagnostic;
use machines::{Attention, Model};
use plan::{Attended, Counted, FlopModel};
use serde_json::{Map, Value, json};

use super::entry;
use super::show::section;
use super::table::table;
use crate::commands::json::headed;
use crate::text::{count, paragraph};

pub(super) fn answer(name: Option<&str>, json: bool, width: usize) -> Result<String, Diagnostic> {
    let Some(name) = name else {
        let all: Vec<Model> = machines::models().map(machines::model).collect::<Result<_, _>>()?;
        if json {
            let all: Vec<Value> = all.iter().map(whole).collect();
            let answer = headed("list models", 1, json!({ "models": all }));
            return Ok(format!("{answer:#}\n"));
        }
        return Ok(list(&all, width));
    };
    let model = entry(name, machines::model, Model::from_toml)?;
    if json {
        let answer = headed("list models", 1, whole(&model));
        return Ok(format!("{answer:#}\n"));
    }
    Ok(show(&model, width))
}

fn list(all: &[Model], width: usize) -> String {
    let rows: Vec<[String; 7]> = all
        .iter()
        .map(|model| {
            let experts = model.experts.map_or_else(
                || "-".to_owned(),
                |experts| {
                    format!(
                        "{} of {}",
                        experts.active + experts.shared,
                        experts.count + experts.shared
                    )
                },
            );
            [
                model.name.clone(),
                count(Counted::Total.of(model).get()),
                count(Counted::Active.of(model).get()),
                model.layers.to_string(),
                model.hidden.to_string(),
                experts,
                model.sequence.to_string(),
            ]
        })
        .collect();
    let headers = ["", "parameters", "active", "layers", "width", "experts", "sequence"];
    let mut out = table(headers, &rows, width);
    let _ = writeln!(out, "\n{} models; `isoflop list models NAME` shows one whole", all.len());
    out
}

/// The counts of FLOP that are shown, with their names for programs.
fn counts(model: &Model) -> [(&'static str, FlopModel); 4] {
    let context = model.sequence;
    [
        ("six_n_active", FlopModel::Parameters(Counted::Active)),
        ("six_n_multiplying", FlopModel::Parameters(Counted::Multiplying)),
        ("causal_attention", FlopModel::Exact { attended: Attended::Causal, context }),
        ("full_attention", FlopModel::Exact { attended: Attended::Full, context }),
    ]
}

fn show(model: &Model, width: usize) -> String {
    let mut out = format!("{}: {}\n", model.name, model.title);
    paragraph(&mut out, 0, &model.source, width);
    let mut shape = vec![
        ["layers".to_owned(), model.layers.to_string(), String::new()],
        ["width".to_owned(), model.hidden.to_string(), "of the residual stream".to_owned()],
    ];
    shape.push(match model.attention {
        Attention::Grouped { heads, kv_heads, head, .. } => [
            "attention".to_owned(),
            format!("{heads} heads of {head}"),
            format!("{kv_heads} of keys and values"),
        ],
        Attention::Latent { heads, query_rank, kv_rank, head, rotary, value } => [
            "attention".to_owned(),
            format!("{heads} heads of {head} + {rotary}"),
            format!("latent: ranks {query_rank} and {kv_rank}, values of {value}"),
        ],
    });
    let gate = if model.gated { "gated" } else { "two matrices" };
    shape.push(["feed-forward".to_owned(), model.ffn.to_string(), gate.to_owned()]);
    if let Some(experts) = model.experts {
        let mut meaning = format!("of {}, each {} wide", experts.count, experts.width);
        if experts.shared > 0 {
            let _ = write!(meaning, "; {} shared", experts.shared);
        }
        if experts.dense_layers > 0 {
            let _ = write!(meaning, "; the first {} layers dense", experts.dense_layers);
        }
        shape.push(["experts at work".to_owned(), experts.active.to_string(), meaning]);
    }
    let tied = if model.tied { "head and embedding are one table" } else { "head of its own" };
    shape.push(["vocabulary".to_owned(), model.vocabulary.to_string(), tied.to_owned()]);
    shape.push(["sequence".to_owned(), model.sequence.to_string(), "in training".to_owned()]);
    section(&mut out, "Shape", shape, width);
    let parameters = Counted::ALL.map(|counted| {
        [
            counted.name().to_owned(),
            format!("{}", counted.of(model).get()),
            counted.describe().to_owned(),
        ]
    });
    section(&mut out, "Parameters", parameters.to_vec(), width);
    let flop = counts(model).map(|(_, count)| {
        let over = 100.0 * count.over_six_n(model, Counted::Active);
        let difference =
            if over.abs() < 0.05 { "     -".to_owned() } else { format!("{over:+.1} %") };
        [format!("{:.3e}", count.train(model).get()), difference, count.describe()]
    });
    section(
        &mut out,
        "FLOP per training token, and over 6 N of active parameters",
        flop.to_vec(),
        width,
    );
    out
}

fn whole(model: &Model) -> Value {
    let parameters: Map<String, Value> = Counted::ALL
        .map(|counted| (counted.name().replace('-', "_"), counted.of(model).get().into()))
        .into_iter()
        .collect();
    let flop: Map<String, Value> = counts(model)
        .map(|(name, count)| {
            let told = json!({
                "counts": count.describe(),
                "train": count.train(model).get(),
                "serve": count.serve(model).get(),
                "over_six_n_active": count.over_six_n(model, Counted::Active),
            });
            (name.to_owned(), told)
        })
        .into_iter()
        .collect();
    let attention = match model.attention {
        Attention::Grouped { heads, kv_heads, head, .. } => {
            json!({ "kind": "grouped", "heads": heads, "kv_heads": kv_heads, "head": head })
        }
        Attention::Latent { heads, query_rank, kv_rank, head, rotary, value } => json!({
            "kind": "latent", "heads": heads, "query_rank": query_rank, "kv_rank": kv_rank,
            "head": head, "rotary": rotary, "value": value,
        }),
    };
    json!({
        "name": model.name,
        "title": model.title,
        "source": model.source,
        "layers": model.layers,
        "width": model.hidden,
        "attention": attention,
        "ffn": model.ffn,
        "gated": model.gated,
        "experts": model.experts.map(|experts| json!({
            "count": experts.count,
            "active": experts.active,
            "shared": experts.shared,
            "width": experts.width,
            "dense_layers": experts.dense_layers,
        })),
        "vocabulary": model.vocabulary,
        "tied": model.tied,
        "sequence": model.sequence,
        "parameters": parameters,
        "flop_per_token": flop,
    })
}
