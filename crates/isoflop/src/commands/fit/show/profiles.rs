//! Profile likelihood intervals of the parameters.

use laws::{End, Profile, Profiled};

use super::super::words::{bold, level, rounded};
use crate::table::table;
use crate::text::hanging;

pub(super) fn about(text: &mut String, profiles: &[Profile], width: usize) {
    let Some(first) = profiles.first() else { return };
    text.push('\n');
    let said = format!(
        "{} {} intervals from the likelihood with everything else fitted again",
        bold("profiles"),
        level(first.level)
    );
    hanging(text, (0, 2), &said, width);
    let end = |end: End| match end {
        End::At(x) => rounded(x, None),
        End::Bound(x) => format!("{}, its bound", rounded(x, None)),
        End::Open(x) => format!("open beyond {}", rounded(x, None)),
    };
    let rows: Vec<[String; 4]> = profiles
        .iter()
        .map(|profile| {
            let name = match &profile.of {
                Profiled::Parameter(name) => name.clone(),
                Profiled::Exponent => "a".to_owned(),
                Profiled::OptimalSize(budget) => format!("N* at {:.1e}", budget.get()),
            };
            let ends = format!("{} to {}", end(profile.low), end(profile.high));
            let open = [profile.low, profile.high].iter().any(|end| matches!(end, End::Open(_)));
            let note = if open { "not identified on the open side" } else { "" };
            [name, rounded(profile.best, None), ends, note.to_owned()]
        })
        .collect();
    table(text, &rows, width);
}
