//! What `isoflop claims` says to people.

use std::fmt::Write as _;

use forecast::{Claim, Verdict};

use super::Answer;
use crate::commands::fit::words::bold;
use crate::commands::forecast::show::{shown, statement_lines};
use crate::text::{hanging, paragraph};

pub(super) fn for_people(answer: &Answer, width: usize) -> String {
    let mut text = String::new();
    if answer.named {
        for claim in &answer.claims {
            if !text.is_empty() {
                text.push('\n');
            }
            whole(&mut text, claim, width);
        }
        return text;
    }
    let names = answer.claims.iter().map(|claim| claim.id.chars().count()).max().unwrap_or(0);
    for claim in &answer.claims {
        let verdict = claim.verdict().word();
        let mut line = format!("{:<names$}  {verdict:<12}  ", claim.id);
        let indent = line.chars().count();
        let _ = write!(line, "{}{}", claim.words, in_short(claim));
        // Spaces within a line are kept by writing its beginning as it is.
        let (head, rest) =
            line.split_at(line.char_indices().nth(indent).map_or(line.len(), |(at, _)| at));
        let mut wrapped = String::new();
        paragraph(&mut wrapped, indent, rest, width);
        text.push_str(head);
        text.push_str(wrapped.trim_start());
        if wrapped.is_empty() {
            text.push('\n');
        }
        if answer.check && !claim.passes() {
            let line = match claim.expected() {
                Some(expected) => format!("written down as {}", expected.word()),
                None => "no verdict is written down, and this fails".to_owned(),
            };
            paragraph(&mut text, indent, &line, width);
        }
    }
    text.push('\n');
    let count = |verdict: Verdict| {
        let count = answer.claims.iter().filter(|claim| claim.verdict() == verdict).count();
        (count > 0).then(|| format!("{count} {}", verdict.word()))
    };
    let counts: Vec<String> = Verdict::ALL.into_iter().filter_map(count).collect();
    let line = format!(
        "{} claims: {}; `isoflop claims NAME` tells one with what it would need",
        answer.claims.len(),
        counts.join(", ")
    );
    hanging(&mut text, (0, 2), line.replace("0 claims: ; ", "no claims; ").as_str(), width);
    text
}

/// What is stated against what comes out, of the first statement with a number.
fn in_short(claim: &Claim) -> String {
    let numbers = claim.statements.iter().filter_map(|one| {
        let (from, to) = one.stated?;
        let stated = shown(&one.value, from);
        let stated = if from.to_bits() == to.to_bits() {
            stated
        } else {
            format!("{stated} to {}", shown(&one.value, to))
        };
        Some(format!("{stated}: {}", shown(&one.value, one.found)))
    });
    let numbers: Vec<String> = numbers.collect();
    if numbers.is_empty() { String::new() } else { format!(" ({})", numbers.join("; ")) }
}

/// One claim at length.
fn whole(text: &mut String, claim: &Claim, width: usize) {
    let verdict = claim.verdict().word();
    hanging(text, (0, 2), &format!("{} {verdict}", bold(&claim.id)), width);
    paragraph(text, 2, &claim.words, width);
    paragraph(text, 2, &claim.source, width);
    for statement in &claim.statements {
        if claim.statements.len() > 1 {
            let line = format!("{}: {}", statement.verdict.word(), statement.words);
            hanging(text, (2, 4), line.trim_end_matches(": "), width);
        }
        statement_lines(text, statement, (4, 6), width);
        paragraph(text, 4, &statement.note, width);
    }
}
