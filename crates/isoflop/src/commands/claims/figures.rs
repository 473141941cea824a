//! Claims as a part of a report: the ledger.

use forecast::{Claim, Verdict};
use report::{Block, Cell, Section, Sentence, Table, Tone};
use serde_json::{Value, json};

use super::Answer;
use crate::commands::forecast::json::claim as claim_json;
use crate::commands::forecast::show::shown;
use crate::study::Part;

pub(super) fn part(answer: &Answer) -> Part {
    let claims: Vec<Value> = answer.claims.iter().map(claim_json).collect();
    let count =
        |verdict: Verdict| answer.claims.iter().filter(|claim| claim.verdict() == verdict).count();
    let sentence = Sentence::new().text(format!(
        "Of {} published claims, these come out: {}; in part: {}; not: {}.",
        answer.claims.len(),
        count(Verdict::Agrees),
        count(Verdict::Partly),
        count(Verdict::No)
    ));
    let mut sources: Vec<String> = Vec::new();
    for claim in &answer.claims {
        if !sources.contains(&claim.source) {
            sources.push(claim.source.clone());
        }
    }
    Part {
        answer: json!({
            "schema_version": 1,
            "version": env!("CARGO_PKG_VERSION"),
            "command": "claims",
            "claims": claims,
            "passes": answer.claims.iter().all(Claim::passes),
        }),
        headline: vec![sentence.clone()],
        sections: vec![Section {
            heading: "Claims".into(),
            blocks: vec![Block::Sentence(sentence), Block::Table(ledger(&answer.claims))],
        }],
        sources,
        no: !answer.claims.iter().all(Claim::passes),
        ..Part::default()
    }
}

/// One row a statement: what was said, what comes out, the verdict, what it would need.
pub(crate) fn ledger(claims: &[Claim]) -> Table {
    let rows = claims.iter().flat_map(|claim| {
        claim.statements.iter().map(|one| {
            let stated = one.stated.map_or(String::new(), |(from, to)| {
                let from_words = shown(&one.value, from);
                if from == to {
                    from_words
                } else {
                    format!("{from_words} to {}", shown(&one.value, to))
                }
            });
            let found = if one.missing.is_empty() && !one.found.is_nan() {
                shown(&one.value, one.found)
            } else {
                one.missing.clone()
            };
            let needs: Vec<String> = one
                .needs
                .iter()
                .filter_map(|need| {
                    let needed = shown(&need.value, need.needed?);
                    Some(format!(
                        "{} {needed} instead of {}",
                        need.input,
                        shown(&need.value, need.stated)
                    ))
                })
                .collect();
            vec![
                Cell::from(claim.id.clone()),
                Cell::from(claim.words.clone()),
                Cell::from(stated),
                Cell::from(found),
                Cell::Verdict(tone(one.verdict), one.verdict.word().to_owned()),
                Cell::from(needs.join("; ")),
                Cell::from(claim.source.clone()),
            ]
        })
    });
    Table {
        name: "claims".into(),
        title: "Published claims, recomputed".into(),
        head: ["", "claim", "stated", "recomputed", "verdict", "would need", "source"]
            .map(str::to_owned)
            .to_vec(),
        rows: rows.collect(),
        note: "Each verdict comes out of a formula over the numbers that the claim was made with."
            .into(),
        ..Table::default()
    }
}

fn tone(verdict: Verdict) -> Tone {
    match verdict {
        Verdict::Agrees => Tone::Good,
        Verdict::Partly => Tone::Caution,
        Verdict::No => Tone::Bad,
        _ => Tone::Plain,
    }
}
