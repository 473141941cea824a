//! A swarm as a part of a report.

use report::{Block, Cell, Notation, Number, Section, Sentence, Table, Tone};

use super::super::figures::drawn;
use super::{Answer, chart, json};
use crate::study::{Part, figure};

const DAY: f64 = 86_400.0;

pub(super) fn part(answer: &Answer, seed: u64) -> Part {
    let (plan, level) = (&answer.plan, answer.level);
    let days = drawn("Time", &plan.time, level, 1.0 / DAY).unit("days");
    let mut sentence = Sentence::new()
        .text(format!("{} reach a loss of ", answer.question.peers.name))
        .number(Number::new("loss", plan.loss).notation(Notation::Fine))
        .text(" in ")
        .number(days.clone());
    if let (Some(slower), Some(campus)) = (plan.slower(), &plan.campus) {
        sentence = sentence
            .text(", ")
            .number(drawn("slower", &slower, level, 1.0))
            .text(format!(" times as long as {}", campus.name));
    }
    let sentence = sentence.text(".").tone(Tone::Answer);
    let numbers = vec![
        days,
        drawn("Tokens", &plan.tokens, level, 1.0).notation(Notation::Short),
        drawn("Electricity", &plan.electricity, level, 1.0).notation(Notation::Dollars),
        Number::new("Rounds' useful share", plan.delivered.useful).notation(Notation::Percent),
    ];
    let rows = plan.schemes.iter().map(|scheme| {
        let time = scheme.best.as_ref().map(|best| best.2.get() / DAY);
        let number = time.map_or(Cell::from("none works"), |days| {
            Cell::from(Number::new("", days).unit("days"))
        });
        vec![Cell::from(scheme.family.name()), number]
    });
    let table = Table {
        name: "schemes".into(),
        title: "The best of each kind of design".into(),
        head: ["design", "time"].map(str::to_owned).to_vec(),
        rows: rows.collect(),
        note: "To the same loss.".into(),
        ..Table::default()
    };
    let shown =
        figure("intensity", "FLOP a peer computes for each byte it sends", &chart::plot(answer));
    Part {
        answer: json::of(answer, seed),
        headline: vec![sentence.clone()],
        sections: vec![Section {
            heading: "The swarm".into(),
            blocks: vec![
                Block::Sentence(sentence),
                Block::Numbers(numbers),
                Block::Table(table),
                Block::Figure(shown),
            ],
        }],
        ..Part::default()
    }
}
