//! The compute-optimal runs.

use std::fmt::Write as _;

use crate::commands::amounts::{COUNT, with_ends};

use super::super::answer::{Answer, Frontier};
use super::super::words::{bold, level, outside, with_range};
use crate::table::table;

pub(super) fn about(text: &mut String, answer: &Answer<'_>, width: usize) {
    let (given, optima) = match &answer.frontier {
        Frontier::NotOfThisLaw => return,
        Frontier::Lacks(names) => {
            let _ = writeln!(
                text,
                "\nno compute-optimal run: the law also takes {}; give --predict-compute FLOP \
                 --given {}",
                names.join(", "),
                names.iter().map(|name| format!("{name}=VALUE")).collect::<Vec<_>>().join(",")
            );
            return;
        }
        Frontier::Of { given, optima } => (given, optima),
    };
    if optima.is_empty() {
        let _ = writeln!(
            text,
            "\nno compute-optimal run: under this law more of N, or more of D, never helps"
        );
        return;
    }
    let at: Vec<String> = given.iter().map(|(name, value)| format!("{name} = {value}")).collect();
    let at = if at.is_empty() { String::new() } else { format!(" at {}", at.join(", ")) };
    let intervals = match answer.fit.options.bootstrap {
        0 => String::new(),
        _ => format!(" ({} intervals)", level(answer.fit.options.level)),
    };
    let _ =
        writeln!(text, "\n{} of a budget C = 6 N D{at}{intervals}", bold("compute-optimal run"));
    let grouped = optima.iter().any(|optimum| optimum.group.is_some());
    let target = answer.fit.law.target.name.as_str();
    let mut head = vec!["C, FLOP", "N*", "D*", "D*/N*", target, ""];
    if grouped {
        head.insert(1, "group");
    }
    let mut rows: Vec<Vec<String>> = vec![head.into_iter().map(str::to_owned).collect()];
    for optimum in optima {
        let best = &optimum.best;
        let mut row = vec![
            format!("{:.1e}", best.compute.get()),
            with_ends(best.parameters.get(), optimum.parameters, COUNT),
            with_ends(best.tokens.get(), optimum.tokens, COUNT),
            with_range(best.tokens_per_parameter(), optimum.tokens_per_parameter),
            with_range(best.loss, optimum.loss),
            outside(optimum.extrapolation_decades).unwrap_or_default(),
        ];
        if grouped {
            row.insert(1, optimum.group.clone().unwrap_or_default());
        }
        rows.push(row);
    }
    table(text, &rows, width);
    let without = optima.iter().map(|optimum| optimum.draws_without).max().unwrap_or(0);
    if without > 0 {
        let _ = writeln!(
            text,
            "  up to {without} of {} draws have no optimum inside and are left out of the intervals",
            answer.fit.draws.len()
        );
    }
}
