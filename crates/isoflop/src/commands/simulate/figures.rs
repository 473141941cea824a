//! A simulated machine as a part of a report.

use diagnostic::Diagnostic;
use machines::Traffic;
use plan::{Drawn, Quantity};
use report::{
    Block, Cell, Figure, Frame, Notation, Number, Section, Sentence, Still, Table, Tone, charts,
};

use super::answer::Answer;
use super::asked::Asked;
use super::costs::Costs;
use super::json;
use crate::commands::amounts;
use crate::study::Part;

const GIGA: f64 = 1e9;

/// `step` names the live program.
pub(super) fn of_step(step: &str, asked: &Asked, answer: &Answer) -> Result<Part, Diagnostic> {
    let seconds = answer.time.get();
    let costs = Costs::new(step, asked, answer);
    let sentence = Sentence::new()
        .text(format!("{} trains {} at ", asked.cluster.title, asked.model.name))
        .number(speed("rate", answer, &costs))
        .text(", an MFU of ")
        .number(live(Number::new("MFU", answer.mfu), &costs, "mfu").notation(Notation::Percent))
        .text(".")
        .tone(Tone::Answer);
    let caution = Sentence::new()
        .text(
            "Step times are closed forms, not measurements: on published runs of dense models they are off \
             by 6 % in the middle and 19 % at the ninetieth percentile.",
        )
        .tone(Tone::Caution);
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
    let step_time = Figure { title, ..charts::step_time(frame) }
        .subtitle(format!("layout: {}", layout_in_words(answer)))
        .still(Still::new(
            [costs.mfu_slider()],
            "it is the step that was simulated, which has the MFU that it has",
        ));
    let mut blocks = vec![
        Block::Sentence(sentence.clone()),
        Block::Numbers(numbers(asked, answer, &costs)),
        Block::Sentence(caution),
        Block::Figure(step_time),
    ];
    blocks.extend(traffic(answer).map(Block::Figure));
    blocks.extend(runners_up(asked, answer).map(Block::Table));
    let sections = vec![Section { heading: "The machine".into(), blocks }];
    let mut live = costs.live()?;
    live.record_checks_of(&sections)?;
    Ok(Part {
        answer: json::of(asked, answer),
        headline: vec![sentence],
        sections,
        live: Some(live),
        ..Part::default()
    })
}

/// A number that the page computes as `output` of the run.
fn live(number: Number, costs: &Costs, output: &str) -> Number {
    match costs.source(output) {
        Some(source) => number.live(source),
        None => number,
    }
}

fn speed(label: &str, answer: &Answer, costs: &Costs) -> Number {
    let rate = answer.batch.tokens().get() / answer.time.get();
    live(Number::new(label, rate), costs, "speed").unit("tokens/s").notation(Notation::Short)
}

fn numbers(asked: &Asked, answer: &Answer, costs: &Costs) -> Vec<Number> {
    let told =
        |label: &str, value: f64, output: &str| live(Number::new(label, value), costs, output);
    let mut numbers = vec![
        told("Step", answer.time.get(), "step_time").unit("s"),
        speed("Speed", answer, costs),
        told("MFU", answer.mfu, "mfu").notation(Notation::Percent).note("of the dense bf16 peak"),
        told("Goodput", answer.over_days.goodput, "goodput")
            .notation(Notation::Percent)
            .note("what failures and checkpoints leave"),
        Number::new("Memory", answer.step.memory.total().get() / GIGA)
            .unit("GB")
            .note(format!("of {:.0} GB an accelerator", asked.machine.memory.get() / GIGA)),
    ];
    if let Ok(power) = &answer.power {
        let size = amounts::step(power.facility.get(), amounts::POWER, 1.0).0;
        let shown = told("Power", power.facility.get() / size, "power").unit(costs.power_unit());
        numbers.push(shown.notation(Notation::Short).note("at the facility's meter"));
    }
    let rate = asked.money_per_second().map(machines::Usd::get);
    if let Some(rate) = rate {
        let cost = rate * answer.time_of(1e12).get();
        numbers.push(told("A trillion tokens", cost, "trillion").notation(Notation::Dollars));
    }
    let time = answer.time_of(costs.tokens).get();
    let whole = told("The whole run", time / 86_400.0, "days").unit("days");
    numbers.push(match asked.run.tokens {
        Some(_) => whole,
        None => whole.note("of a trillion tokens, for want of another number"),
    });
    if let Some(rate) = rate {
        numbers.push(told("It costs", rate * time, "cost").notation(Notation::Dollars));
    }
    if let Some((energy, paid)) = costs.energy(time) {
        let shown = told("Its energy", energy, "energy").unit("MWh").notation(Notation::Short);
        numbers.push(shown.note("at the facility's meter"));
        if let Some(paid) = paid {
            let shown = told("Its electricity", paid, "electricity").notation(Notation::Dollars);
            numbers.push(shown.note("part of what it costs where the price includes power"));
        }
    }
    numbers
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
        ..Table::default()
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
