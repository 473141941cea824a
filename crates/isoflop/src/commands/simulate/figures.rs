//! A simulated machine as a part of a report.

use machines::Traffic;
use plan::{Drawn, Quantity};
use report::{
    Block, Cell, Figure, Frame, Notation, Number, Section, Sentence, Table, Tone, charts,
};

use super::answer::Answer;
use super::asked::Asked;
use super::json;
use crate::commands::amounts;
use crate::study::Part;

const GIGA: f64 = 1e9;

pub(super) fn of_step(asked: &Asked, answer: &Answer) -> Part {
    let seconds = answer.time.get();
    let rate = answer.batch.tokens().get() / seconds;
    let sentence = Sentence::new()
        .text(format!("{} trains {} at ", asked.cluster.title, asked.model.name))
        .number(Number::new("rate", rate).unit("tokens/s").notation(Notation::Short))
        .text(", an MFU of ")
        .number(Number::new("MFU", answer.mfu).notation(Notation::Percent))
        .text(".")
        .tone(Tone::Answer);
    let caution = Sentence::new()
        .text(
            "Step times are closed forms, not measurements: on published runs of dense models they are off \
             by 6 % in the middle and 19 % at the ninetieth percentile.",
        )
        .tone(Tone::Caution);
    let mut numbers = vec![
        Number::new("Step", seconds).unit("s"),
        Number::new("Speed", rate).unit("tokens/s").notation(Notation::Short),
        Number::new("MFU", answer.mfu).notation(Notation::Percent).note("of the dense bf16 peak"),
        Number::new("Goodput", answer.over_days.goodput)
            .notation(Notation::Percent)
            .note("what failures and checkpoints leave"),
        Number::new("Memory", answer.step.memory.total().get() / GIGA)
            .unit("GB")
            .note(format!("of {:.0} GB an accelerator", asked.machine.memory.get() / GIGA)),
    ];
    if let Ok(power) = &answer.power {
        let watts = power.facility.get();
        let (size, unit) = amounts::step(watts, amounts::POWER, 1.0);
        let shown = Number::new("Power", watts / size).unit(unit).notation(Notation::Short);
        numbers.push(shown.note("at the facility's meter"));
    }
    let rate_of_money = asked.money_per_second().map(machines::Usd::get);
    if let Some(rate) = rate_of_money {
        let cost = rate * answer.time_of(1e12).get();
        numbers.push(Number::new("A trillion tokens", cost).notation(Notation::Dollars));
    }
    if let Some(tokens) = asked.run.tokens {
        let time = answer.time_of(tokens.get()).get();
        numbers.push(Number::new("The whole run", time / 86_400.0).unit("days"));
        if let Some(rate) = rate_of_money {
            numbers.push(Number::new("It costs", rate * time).notation(Notation::Dollars));
        }
    }
    let parts: Vec<(&str, f64)> = answer
        .parts()
        .into_iter()
        .map(|(name, time)| (name, time.get()))
        .filter(|(_, time)| *time > 0.0)
        .collect();
    let frame = Frame::new("parts")
        .words("machine", parts.iter().map(|_| asked.cluster.title.clone()))
        .words("part", parts.iter().map(|(name, _)| *name))
        .numbers("time", "s", parts.iter().map(|(_, time)| *time).collect())
        .words(
            "share",
            parts.iter().map(|(_, time)| {
                let share = time / seconds;
                if share < 0.04 { String::new() } else { format!("{:.0} %", 100.0 * share) }
            }),
        );
    let largest = parts.iter().max_by(|a, b| a.1.total_cmp(&b.1));
    let title = largest.map_or("Where a step goes".to_owned(), |(name, time)| {
        format!("{:.0} % of a step goes to {name}", 100.0 * time / seconds)
    });
    let step = Figure { title, ..charts::step_time(frame) }
        .subtitle(format!("layout: {}", layout_in_words(answer)));
    let mut blocks = vec![
        Block::Sentence(sentence.clone()),
        Block::Numbers(numbers),
        Block::Sentence(caution),
        Block::Figure(step),
    ];
    blocks.extend(traffic(answer).map(Block::Figure));
    blocks.extend(runners_up(asked, answer).map(Block::Table));
    Part {
        answer: json::of(asked, answer),
        headline: vec![sentence],
        sections: vec![Section { heading: "The machine".into(), blocks }],
        ..Part::default()
    }
}

fn layout_in_words(answer: &Answer) -> String {
    let layout = &answer.layout;
    format!(
        "TP {} CP {} PP {} DP {} EP {}, micro-batch {}, {} micro-batches",
        layout.tp,
        layout.cp,
        layout.pp,
        layout.dp,
        layout.ep,
        layout.micro_batch,
        answer.step.micro_batches
    )
}

fn traffic(answer: &Answer) -> Option<Figure> {
    let traffic = &answer.traffic;
    let (mut message, mut bytes, mut words) = (vec![], vec![], vec![]);
    for (index, link) in traffic.links.iter().enumerate() {
        for kind in Traffic::KINDS {
            let sent = traffic.sent(index, kind).get();
            if sent > 0.0 {
                let name = kind.name().trim_end_matches(" traffic");
                message.push(match link.joined {
                    Some(joined) => format!("{name}, among {joined}"),
                    None => format!("{name}, over the whole machine"),
                });
                bytes.push(sent);
                words.push(format!("{:.3} GB", sent / GIGA));
            }
        }
    }
    if message.is_empty() {
        return None;
    }
    let frame = Frame::new("traffic")
        .words("message", message)
        .numbers("bytes", "B", bytes)
        .words("words", words);
    let title = "What an accelerator sends in a step".to_owned();
    Some(
        Figure { title, ..charts::traffic(frame) }
            .subtitle("by what is sent and over which tier of the network"),
    )
}

fn runners_up(asked: &Asked, answer: &Answer) -> Option<Table> {
    let search = answer.search.as_ref().filter(|search| !search.runners_up.is_empty())?;
    let row = |one: &machines::Found| {
        let layout = &one.layout;
        let mfu = one.step.mfu(&asked.machine, &asked.model, answer.site_batch, asked.convention);
        vec![
            Cell::from(format!(
                "TP {} CP {} PP {} DP {}",
                layout.tp, layout.cp, layout.pp, layout.dp
            )),
            Cell::from(Number::new("", one.step.time().get()).unit("s")),
            Cell::from(Number::new("", mfu).notation(Notation::Percent)),
            Cell::from(Number::new("", one.step.memory.total().get() / GIGA).unit("GB")),
        ]
    };
    Some(Table {
        name: "runners-up".into(),
        title: "The next best layouts".into(),
        head: ["layout", "step", "MFU", "memory"].map(str::to_owned).to_vec(),
        rows: search.runners_up.iter().map(row).collect(),
        note: format!("{} layouts were evaluated.", search.evaluated),
    })
}

/// A number with its interval.
pub(super) fn drawn<Q: Quantity>(
    label: &str,
    quantity: &Drawn<Q>,
    level: f64,
    factor: f64,
) -> Number {
    let number = Number::new(label, quantity.best.number() * factor);
    match quantity.interval(level) {
        Some(ends) => number.interval(ends.level, ends.low * factor, ends.high * factor),
        None => number,
    }
}
