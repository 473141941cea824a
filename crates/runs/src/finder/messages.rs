//! What to say where a name is not found.

use diagnostic::{Diagnostic, nearest};

use super::Finder;
use crate::standard::{Header, StandardName, standard};

impl<'a> Finder<'a> {
    /// What to say where an expression names something that is not there.
    pub(super) fn missing_operand(&self, name: &str, text: &str, operand: &str) -> Diagnostic {
        let names: Vec<&str> = self.table.names().filter(|name| !name.is_empty()).collect();
        let problem = Diagnostic::error(format!(
            "{} names `{operand}`, which is no column of `{}`",
            if name == text {
                format!("the row filter on `{text}`")
            } else {
                format!("`--column {name}={text}`")
            },
            self.table.origin()
        ))
        .note(format!("its columns are {}", listed(&names, 24)));
        let near = names.iter().copied().filter(|name| name.len() > 2 && operand.len() > 2);
        let problem = match nearest(operand, near) {
            Some(known) => problem.help(format!("did you mean `{known}`?")),
            None => problem,
        };
        problem.help(
            "put the name of a column in backticks where it holds other signs: \
             --column 'D=`tokens (B)`*1e9'",
        )
    }

    /// What to say where no column is known to hold `name`.
    pub(super) fn missing(&self, name: &str) -> Diagnostic {
        let names: Vec<&str> = self.table.names().filter(|name| !name.is_empty()).collect();
        let standard = standard(name);
        let what = match standard {
            None => format!("`{name}`"),
            Some(standard) if standard.means.ends_with(name) => standard.means.clone(),
            Some(standard) => format!("{name}, {}", standard.means),
        };
        let mut problem = Diagnostic::error(format!(
            "no column of `{}` is known to hold {what}",
            self.table.origin()
        ))
        .note(format!("its columns are {}", listed(&names, 24)));
        if let Some(standard) = standard {
            let known: Vec<&str> = standard.known().collect();
            problem = problem.note(format!("known names are {}", listed(&known, 12)));
            if !standard.derive.is_empty() {
                problem = problem
                    .note(format!("it can also be had from {}", standard.derive.join(" or ")));
            }
        }
        let alike = self.alike(name, standard);
        let example = alike.first().copied().unwrap_or("NAME");
        if !alike.is_empty() {
            let shown: Vec<String> = alike.iter().take(6).map(|name| format!("`{name}`")).collect();
            problem = problem.help(format!("could it be {}?", shown.join(" or ")));
        }
        problem.help(format!("say which one it is: --column {name}={example}"))
    }

    /// Headers that could be meant by `name`: near in spelling, or sharing its main word.
    fn alike(&self, name: &str, standard: Option<&StandardName>) -> Vec<&'a str> {
        // One letter is near every other.
        let known = || standard.into_iter().flat_map(StandardName::known).chain([name]);
        let long = || known().filter(|known| known.len() > 2);
        let is_alike = |header: &Header<'_>| {
            let near = header.written.len() > 2 && nearest(header.written, long()).is_some();
            near || header.words().any(|word| long().any(|known| known == word))
        };
        let found = self.headers.iter().filter(|header| is_alike(header));
        found.map(|header| header.written).collect()
    }
}

/// Names for a message, not more than `most` of them.
fn listed(names: &[&str], most: usize) -> String {
    let shown = names[..names.len().min(most)].join(", ");
    match names.len().saturating_sub(most) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
