//! What a step of a study can be: a command, the options that a study may set, what it computes.

use std::ops::Range;

use clap::{ArgAction, CommandFactory, Parser};
use diagnostic::Diagnostic;

use super::part::Part;
use crate::commands::{claims, fit, forecast, pass_at_k, plan, simulate};

/// The command of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Fit,
    Plan,
    Simulate,
    PassAtK,
    Forecast,
    Claims,
}

/// A step: one run of a command.
#[derive(Debug, Clone)]
pub(super) struct Step {
    /// Unique in its study: lower case, digits and `-`.
    pub(super) name: String,
    pub(super) kind: Kind,
    /// As on the command line, without the command itself.
    pub(super) arguments: Vec<String>,
    /// Each option with its place in the file.
    pub(super) places: Vec<(String, Range<usize>)>,
    /// The place of its table.
    pub(super) place: Range<usize>,
    /// Steps whose answers it uses.
    pub(super) uses: Vec<String>,
}

impl Kind {
    /// In the order in which they run.
    pub(super) const ALL: [Self; 6] =
        [Self::Fit, Self::Plan, Self::Simulate, Self::PassAtK, Self::Forecast, Self::Claims];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Fit => "fit",
            Self::Plan => "plan",
            Self::Simulate => "simulate",
            Self::PassAtK => "pass-at-k",
            Self::Forecast => "forecast",
            Self::Claims => "claims",
        }
    }

    /// The key that holds what the command takes without an option's name.
    pub(super) const fn positional(self) -> Option<&'static str> {
        match self {
            Self::Fit | Self::Plan => None,
            Self::Simulate => Some("cluster"),
            Self::PassAtK => Some("counts"),
            Self::Forecast => Some("scenario"),
            Self::Claims => Some("about"),
        }
    }

    /// The options that take the study's `draws`, `seed` and `level`.
    pub(super) const fn shared(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Fit => &[("draws", "bootstrap"), ("seed", "seed"), ("level", "level")],
            Self::Plan | Self::PassAtK => {
                &[("draws", "draws"), ("seed", "seed"), ("level", "level")]
            }
            Self::Forecast => &[("level", "level")],
            Self::Simulate | Self::Claims => &[],
        }
    }

    fn command(self) -> clap::Command {
        match self {
            Self::Fit => Of::<fit::FitArgs>::command(),
            Self::Plan => Of::<plan::PlanArgs>::command(),
            Self::Simulate => Of::<simulate::SimulateArgs>::command(),
            Self::PassAtK => Of::<pass_at_k::PassAtKArgs>::command(),
            Self::Forecast => Of::<forecast::ForecastArgs>::command(),
            Self::Claims => Of::<claims::ClaimsArgs>::command(),
        }
    }

    /// The options that a study may set; whether each is a switch.
    pub(super) fn options(self) -> Vec<(String, bool)> {
        // Where an answer goes and how it looks is the study's business.
        let refused: &[&str] = match self {
            Self::Forecast => &["json", "no-plot", "draws", "help"],
            _ => &["json", "no-plot", "out", "progress", "help", "sources", "check"],
        };
        self.command()
            .get_arguments()
            .filter_map(|argument| {
                let long = argument.get_long()?;
                let switch = matches!(argument.get_action(), ArgAction::SetTrue);
                (!refused.contains(&long)).then(|| (long.to_owned(), switch))
            })
            .collect()
    }

    /// Those of them that say which rows and columns of the runs are used.
    pub(super) fn row_options() -> Vec<(String, bool)> {
        let rows: Vec<String> = (Self::Fit.command().get_arguments())
            .filter(|argument| argument.get_help_heading() == Some("The rows"))
            .filter_map(|argument| argument.get_long().map(str::to_owned))
            .collect();
        Self::Fit.options().into_iter().filter(|(name, _)| rows.contains(name)).collect()
    }

    /// Computes the step called `name`; what is live in it has `rows` draws.
    pub(super) fn compute(
        self,
        name: &str,
        arguments: &[String],
        rows: usize,
    ) -> Result<Part, Diagnostic> {
        match self {
            Self::Fit => fit::part(&parse(arguments)?),
            Self::Plan => plan::part(name, &parse(arguments)?),
            Self::Simulate => simulate::part(name, &parse(arguments)?),
            Self::PassAtK => pass_at_k::part(&parse(arguments)?),
            Self::Forecast => forecast::part(name, rows, &parse(arguments)?),
            Self::Claims => claims::part(&parse(arguments)?),
        }
    }

    /// Whether the command takes the arguments at all.
    pub(super) fn check(self, arguments: &[String]) -> Result<(), Diagnostic> {
        match self {
            Self::Fit => parse::<fit::FitArgs>(arguments).map(drop),
            Self::Plan => parse::<plan::PlanArgs>(arguments).map(drop),
            Self::Simulate => parse::<simulate::SimulateArgs>(arguments).map(drop),
            Self::PassAtK => parse::<pass_at_k::PassAtKArgs>(arguments).map(drop),
            Self::Forecast => parse::<forecast::ForecastArgs>(arguments).map(drop),
            Self::Claims => parse::<claims::ClaimsArgs>(arguments).map(drop),
        }
    }
}

impl Step {
    /// The command line that computes the step by itself, for `sh`.
    pub(super) fn command_line(&self) -> String {
        let words = self.arguments.iter().map(|word| quoted(word));
        let all: Vec<String> =
            ["isoflop".to_owned(), self.kind.name().to_owned()].into_iter().chain(words).collect();
        all.join(" ")
    }

    /// Points a problem of this step at the option that it names, else at the one whose value it
    /// names, else at the step.
    pub(super) fn point(&self, problem: Diagnostic, origin: &str, text: &str) -> Diagnostic {
        let said = problem.to_string();
        let named = self.places.iter().find(|(key, _)| {
            let option = format!("--{key}");
            said.match_indices(&option).any(|(at, _)| {
                let next = said[at + option.len()..].chars().next();
                !next.is_some_and(|c| c.is_ascii_alphanumeric() || c == '-')
            })
        });
        let quoted = |value: &str| !value.is_empty() && said.contains(&format!("`{value}`"));
        let valued = self.places.iter().find(|(key, _)| {
            let option = format!("--{key}=");
            let mut values = self.arguments.iter().filter_map(|word| word.strip_prefix(&option));
            // Of `N=n_params` it is the column that may be missing.
            values.any(|value| quoted(value) || value.rsplit('=').next().is_some_and(quoted))
        });
        match named.or(valued) {
            Some((key, place)) => {
                problem.at(origin, text, place.clone(), format!("`{key}` of this step"))
            }
            None => problem.at(origin, text, self.place.clone(), "in this step"),
        }
    }
}

/// A word for `sh`.
pub(super) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=./,:+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

#[derive(Parser)]
#[command(no_binary_name = true)]
struct Of<T: clap::Args> {
    #[command(flatten)]
    args: T,
}

/// The arguments of a command, from words as on the command line.
pub(super) fn parse<T: clap::Args>(words: &[String]) -> Result<T, Diagnostic> {
    Of::<T>::try_parse_from(words).map(|of| of.args).map_err(|error| {
        let said = error.render().to_string();
        let mut lines = said.lines().map(str::trim).filter(|line| !line.is_empty());
        let message = lines.next().unwrap_or("the options do not go together");
        let mut problem = Diagnostic::error(message.trim_start_matches("error: ").to_owned());
        for line in lines.take_while(|line| !line.starts_with("Usage")) {
            problem = problem.note(line.trim_start_matches("tip: ").to_owned());
        }
        problem
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_options_that_a_study_may_set_and_none_that_are_its_own() {
        for kind in Kind::ALL {
            let options = kind.options();
            assert!(!options.iter().any(|(name, _)| name == "json"), "{}", kind.name());
            for (_, own) in kind.shared() {
                assert!(options.iter().any(|(name, _)| name == own), "{} {own}", kind.name());
            }
        }
        let rows: Vec<String> = Kind::row_options().into_iter().map(|(name, _)| name).collect();
        assert!(rows.contains(&"column".to_owned()) && rows.contains(&"where".to_owned()));
        assert!(!rows.contains(&"law".to_owned()));
    }

    #[test]
    fn words_are_quoted_for_the_shell() {
        assert_eq!(quoted("--budget=5e15 FLOP"), "'--budget=5e15 FLOP'");
        assert_eq!(quoted("--law=chinchilla"), "--law=chinchilla");
        assert_eq!(quoted("it's"), "'it'\\''s'");
    }
}
