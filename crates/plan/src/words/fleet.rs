//! Which accelerators, and how many, in the user's words: `512 H100`, `8xH100`, `A100`.

use diagnostic::Diagnostic;
use machines::Accelerator;

use crate::means::defaults;

/// A kind of accelerator, and how many where that is said.
#[derive(Debug, Clone, PartialEq)]
pub struct Fleet {
    /// What kind.
    pub accelerator: Accelerator,
    /// How many.
    pub count: Option<u32>,
}

impl Fleet {
    /// Reads `512 H100`, `8xH100`, `H100`, `2k GB200`, or a cluster of the catalogue (`eos`), which
    /// stands for its accelerators. Case, spaces and hyphens within names do not matter.
    ///
    /// ```
    /// let fleet = plan::Fleet::parse("--on", "8xH100")?;
    /// assert_eq!((fleet.accelerator.name.as_str(), fleet.count), ("h100", Some(8)));
    /// # Ok::<(), diagnostic::Diagnostic>(())
    /// ```
    ///
    /// # Errors
    /// Names that the catalogue does not hold, with the nearest, and counts that are not whole
    /// numbers of at least one.
    pub fn parse(origin: &str, text: &str) -> Result<Self, Diagnostic> {
        Self::read(text).map_err(|problem| problem.at(origin, text, 0..text.len(), "this machine"))
    }

    /// The same, with errors that do not say where.
    pub(crate) fn read(text: &str) -> Result<Self, Diagnostic> {
        let name = text.trim();
        if let Some(accelerator) = device(name)? {
            return Ok(Self { accelerator, count: None });
        }
        let (count, rest) = counted(name);
        let count = count
            .map(|count| {
                if count >= 1.0 && count.fract() == 0.0 && count < 4e9 {
                    return Ok(count as u32);
                }
                let message = format!("expected a whole number of accelerators, found `{name}`");
                Err(Diagnostic::error(message).help("for example `512 H100`"))
            })
            .transpose()?;
        if let Some(accelerator) = device(rest)? {
            return Ok(Self { accelerator, count });
        }
        if count.is_none()
            && let Some(known) = machines::clusters().find(|known| known.eq_ignore_ascii_case(rest))
        {
            let cluster = machines::cluster(known)?;
            return match &cluster.sites[..] {
                [site] => Ok(Self {
                    accelerator: site.accelerator.clone(),
                    count: Some(site.accelerators),
                }),
                _ => Err(Diagnostic::error(format!(
                    "`{known}` is not one site of like accelerators"
                ))
                .help("name the accelerators: `512 H100`")),
            };
        }
        Err(unknown(rest))
    }

    /// `512 NVIDIA H100 SXM 80GB`.
    pub fn describe(&self) -> String {
        match self.count {
            Some(count) => format!("{count} {}", self.accelerator.title),
            None => self.accelerator.title.clone(),
        }
    }
}

/// The accelerator that people call `name`, if there is one.
pub(crate) fn device(name: &str) -> Result<Option<Accelerator>, Diagnostic> {
    let asked = bare(name);
    if asked.is_empty() {
        return Ok(None);
    }
    let alias = defaults()?.aliases.iter().find(|(alias, _)| bare(alias) == asked);
    let asked = alias.map_or(asked, |(_, name)| bare(name));
    let known = machines::accelerators().find(|known| bare(known) == asked);
    known.map(machines::accelerator).transpose()
}

/// The words that mean an accelerator without saying which.
pub(crate) fn is_any_device(word: &str) -> bool {
    let word = word.to_ascii_lowercase();
    let one = word.strip_suffix('s').unwrap_or(&word);
    matches!(one, "device" | "accelerator" | "gpu" | "tpu" | "npu" | "chip" | "card")
}

/// That no accelerator is called so.
pub(crate) fn unknown(name: &str) -> Diagnostic {
    if name.is_empty() {
        return Diagnostic::error("expected an accelerator")
            .help("for example `512 H100`; `isoflop list accelerators` prints the names");
    }
    let problem = Diagnostic::error(format!("no accelerator is called `{name}`"));
    let asked = bare(name);
    let near = diagnostic::nearest(&name.to_lowercase(), machines::accelerators()).or_else(|| {
        machines::accelerators().find(|known| asked.len() >= 2 && bare(known).contains(&asked))
    });
    match near {
        Some(near) => problem.help(format!("did you mean `{near}`?")),
        None => problem.help("`isoflop list accelerators` prints the names"),
    }
}

/// Letters and digits alone, in lower case.
fn bare(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// The number that `text` begins with, NaN where it cannot be read, and what follows.
fn counted(text: &str) -> (Option<f64>, &str) {
    let exponent = |at: usize| {
        text[at..].starts_with('e') && text[at + 1..].starts_with(|c: char| c.is_ascii_digit())
    };
    let end = text
        .char_indices()
        .find(|&(at, c)| {
            !(c.is_ascii_digit() || matches!(c, '_' | ',' | '.' | '-') || exponent(at))
        })
        .map_or(text.len(), |(at, _)| at);
    if end == 0 {
        return (None, text);
    }
    let number: f64 = text[..end].replace(['_', ','], "").parse().unwrap_or(f64::NAN);
    let mut rest = text[end..].trim_start();
    let mut factor = 1.0;
    for (word, size) in [("k", 1e3), ("thousand", 1e3), ("M", 1e6)] {
        if let Some(after) = rest.strip_prefix(word)
            && after.starts_with([' ', 'x'])
        {
            (factor, rest) = (size, after.trim_start());
            break;
        }
    }
    for sign in ["x", "×", "*"] {
        if let Some(after) = rest.strip_prefix(sign) {
            rest = after.trim_start();
            break;
        }
    }
    (Some(number * factor), rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (String, Option<u32>) {
        let fleet = Fleet::parse("--on", text).unwrap_or_else(|problem| panic!("{problem}"));
        (fleet.accelerator.name, fleet.count)
    }

    #[test]
    fn fleets_are_read_as_people_write_them() {
        for (text, name, count) in [
            ("H100", "h100", None),
            (" 512 H100 ", "h100", Some(512)),
            ("8xH100", "h100", Some(8)),
            ("8 x h100", "h100", Some(8)),
            ("2_048 × GB200", "gb200", Some(2048)),
            ("16,384 H100", "h100", Some(16_384)),
            ("100k GB300", "gb300", Some(100_000)),
            ("1e4 A100", "a100-80gb", Some(10_000)),
            ("RTX 4090", "rtx-4090", None),
            ("4 rtx4090", "rtx-4090", Some(4)),
            ("4090", "rtx-4090", None),
            ("TPU v5p", "tpu-v5p", None),
            ("256 TPUv4", "tpu-v4", Some(256)),
            ("Trillium", "tpu-v6e", None),
            ("eos", "h100", Some(4608)),
        ] {
            assert_eq!(read(text), (name.to_owned(), count), "{text}");
        }
    }

    #[test]
    fn every_accelerator_is_found_by_its_name_and_every_alias_leads_to_one() {
        for name in machines::accelerators() {
            assert_eq!(read(name).0, name);
            assert_eq!(read(&name.to_uppercase().replace('-', " ")).0, name);
        }
        for (alias, name) in &defaults().unwrap().aliases {
            assert_eq!(read(alias).0, *name);
        }
    }

    #[test]
    fn slips_are_answered_with_what_they_may_mean() {
        for (text, expected) in [
            ("H1000", "did you mean `h100`?"),
            ("512 B2000", "did you mean `b200`?"),
            ("abacus", "isoflop list accelerators"),
            ("512", "expected an accelerator"),
            ("", "expected an accelerator"),
            ("0 H100", "whole number"),
            ("1.5 H100", "whole number"),
            ("-8 H100", "whole number"),
            ("1e30 H100", "whole number"),
            ("homes-1000", "not one site"),
        ] {
            let problem = Fleet::parse("--on", text).unwrap_err().to_string();
            assert!(problem.contains(expected), "{text}: {problem}");
        }
    }
}
