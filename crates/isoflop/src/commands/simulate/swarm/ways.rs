//! The design with every way of exchanging updates: which is the best, and why others lose.

use std::fmt::Write as _;

use machines::swarm::round::Exchange;
use plan::swarm::Way;

use super::Answer;
use super::words::{BITS, TIME, amount, percent, three};
use crate::commands::fit::words::bold;
use crate::table::table;
use crate::text::hanging;

/// What a way is called.
fn name(way: &Way, places: bool) -> String {
    let name = way.exchange.name();
    match (places, way.united) {
        (false, _) => name.to_owned(),
        (true, true) => format!("{name}, places as one"),
        (true, false) => format!("{name}, each alone"),
    }
}

/// What is special to a way, beside its line.
fn because(way: &Way, copies: f64) -> String {
    let others = three((copies - 1.0).max(0.0));
    match way.exchange {
        Exchange::Shares => String::new(),
        Exchange::Ring => format!("; every part passes all, one after another, {others} latencies"),
        Exchange::Butterfly => "; every sum is made twice, by two who can be compared".into(),
        Exchange::AllGather => format!("; {others} updates come down to each, from a store"),
        Exchange::Aggregator => match way.lacks {
            Some(line) => format!(
                "; nobody has it: a server with some {} each way (--aggregator)",
                amount(8.0 * line.get(), BITS)
            ),
            None => String::new(),
        },
    }
}

/// The table, and who owns what of a sum in shares.
pub(super) fn ways(text: &mut String, answer: &Answer, width: usize) {
    let plan = &answer.plan;
    if plan.delivered.copies <= 1.0 {
        return;
    }
    let _ = writeln!(text, "\n{}", bold("ways to exchange, all else the same"));
    let places = plan.ways.iter().any(|way| way.united != plan.design.united);
    let mut rows = vec![["way", "one sum", "sums kept", "the run"].map(str::to_owned)];
    for way in &plan.ways {
        rows.push([
            name(way, places),
            amount(way.sum.get(), TIME),
            percent(way.kept),
            way.time.map_or("never".into(), |time| amount(time.get(), TIME)),
        ]);
    }
    table(text, &rows, width);
    for (at, way) in plan.ways.iter().enumerate() {
        let bound = if way.bound_by.is_empty() { "nothing" } else { &way.bound_by };
        let chosen = if at == 0 { " (chosen)" } else { "" };
        let copies = plan.delivered.copies;
        let said =
            format!("{}{chosen}: bound by {bound}{}", name(way, places), because(way, copies));
        hanging(text, (2, 4), &said, width);
    }
    let classes = answer.question.peers.classes.iter().zip(&plan.delivered.owned);
    let owned: Vec<String> = (classes.zip(&plan.design.members))
        .filter(|(_, share)| **share > 0.0)
        .map(|((class, owned), _)| format!("{} {}", percent(*owned), class.name))
        .collect();
    if owned.len() > 1 {
        let said = format!("of a sum in shares own: {}", owned.join(", "));
        hanging(text, (2, 4), &said, width);
    }
    if !plan.design.compression.sums {
        let said = format!(
            "rings, shares and butterflies do not suit {}: sums do not stay as small",
            plan.design.compression.name
        );
        hanging(text, (2, 4), &said, width);
    }
}
