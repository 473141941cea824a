//! `[[section]]`: words of the user's own.

use std::ops::Range;

use diagnostic::{Diagnostic, nearest};
use toml::Spanned;
use toml::de::DeValue;

use super::super::step::Step;
use super::Words;
use super::reader::Reader;

impl Reader<'_> {
    pub(super) fn sections(
        &self,
        value: &Spanned<DeValue<'_>>,
        key: &Range<usize>,
        steps: &[Step],
    ) -> Result<Vec<Words>, Diagnostic> {
        let mut sections = Vec::new();
        for (table, place) in self.tables(value, key)? {
            self.known(&table, &["heading", "text", "after"], "a key of a section")?;
            let get = |key: &str| table.iter().find(|(name, ..)| name == key);
            let text = |key: &str| match get(key) {
                Some((_, _, value)) => self.string(value),
                None => Err(self
                    .error(format!("a section has no {key}"), place.clone(), "this one")
                    .help(format!("add {key} = \"...\""))),
            };
            let (heading, words) = (text("heading")?, text("text")?);
            let after = match get("after") {
                None => "start".to_owned(),
                Some((_, _, value)) => {
                    let after = self.string(value)?;
                    let mut known = vec!["start", "end"];
                    known.extend(steps.iter().map(|step| step.name.as_str()));
                    if !known.contains(&after.as_str()) {
                        let problem =
                            self.error(format!("there is no step `{after}`"), value.span(), "here");
                        return Err(match nearest(&after, known.iter().copied()) {
                            Some(near) => problem.help(format!("did you mean `{near}`?")),
                            None => problem.help(format!("there are: {}", known.join(", "))),
                        });
                    }
                    after
                }
            };
            sections.push(Words { heading, text: words, after });
        }
        Ok(sections)
    }
}
