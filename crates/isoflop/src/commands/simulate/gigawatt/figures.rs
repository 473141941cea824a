//! A facility's power as a part of a report.

use report::{Block, Cell, Notation, Number, Section, Sentence, Table, Tone};

use super::{Answer, json, show};
use crate::study::{Part, figure};

pub(super) fn part(answer: &Answer) -> Part {
    let own = answer.own.and_then(|own| answer.sizes.get(own)).or(answer.sizes.last());
    let mut sentence = Sentence::new()
        .text(format!("{} runs ", answer.name))
        .number(Number::new("accelerators", f64::from(answer.powered)).notation(Notation::Whole))
        .text(" accelerators");
    if let Some(own) = own {
        sentence = sentence
            .text(format!(", which train {} at an MFU of ", answer.model.name))
            .number(Number::new("MFU", own.mfu).notation(Notation::Percent));
    }
    let sentence = sentence.text(".").tone(Tone::Answer);
    let rows = answer.sizes.iter().map(|size| {
        vec![
            Cell::from(Number::new("", f64::from(size.accelerators)).notation(Notation::Whole)),
            Cell::from(Number::new("", size.step.get()).unit("s")),
            Cell::from(Number::new("", size.mfu).notation(Notation::Percent)),
            Cell::from(Number::new("", size.goodput).notation(Notation::Percent)),
        ]
    });
    let table = Table {
        name: "sizes".into(),
        title: "Machines of each size".into(),
        head: ["accelerators", "step", "MFU", "goodput"].map(str::to_owned).to_vec(),
        rows: rows.collect(),
        note: format!("Batch: {}. MFU of the dense bf16 peak.", answer.batch_source),
        ..Table::default()
    };
    Part {
        answer: json::of(answer),
        headline: vec![sentence.clone()],
        sections: vec![Section {
            heading: "The facility".into(),
            blocks: vec![
                Block::Sentence(sentence),
                Block::Figure(figure("scale", "Where larger machines lose", &show::plot(answer))),
                Block::Table(table),
            ],
        }],
        ..Part::default()
    }
}
