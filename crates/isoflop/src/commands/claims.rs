//! `isoflop claims`: what was said in public, recomputed.

use std::io::Write;
use std::path::Path;

use clap::{Args, ValueEnum};
use diagnostic::Diagnostic;
use forecast::{Claim, Scenario, Verdict, catalogue};
use serde_json::{Value, json};

use super::forecast::json::claim as claim_json;
use super::{Outcome, named_text};
use crate::progress::Work;
use crate::study::Part;
use crate::{interrupt, terminal_plot, text};

pub(crate) mod figures;
mod show;
#[cfg(test)]
mod tests;

const EXAMPLES: &str = "\
Examples:
  isoflop claims
      every claim that comes with the program: stated, recomputed, verdict
  isoflop claims gap
      those that say something of a gap, each with what it would need to be true
  isoflop claims MGW-01
      one claim
  isoflop claims my-claims.toml --check
      claims of your own; code 1 where one no longer stands as its file says
  isoflop claims --verdict no --json
      for programs";

/// Recompute published claims: stated, recomputed, verdict, and what each would need to be true
///
/// Every verdict comes out of a formula over stated numbers, none is text: `yes` within the tolerance,
/// `partly` within the wider one or for some of what it says, `no`, `model` for a claim that states
/// no number, `unverifiable` where nobody has measured what it is about.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = EXAMPLES, after_help = "Use --help for examples.")]
pub(crate) struct ClaimsArgs {
    /// A claim, words that it says, or a file of claims, `-` for the standard input [default: all of the catalogue]
    name: Option<String>,
    /// Only claims with this verdict
    #[arg(long, value_name = "VERDICT")]
    verdict: Option<VerdictName>,
    /// End with code 1 where a claim no longer stands as it was written down
    #[arg(long)]
    check: bool,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
    /// Leave out the plots
    #[arg(long)]
    no_plot: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum VerdictName {
    Yes,
    Partly,
    No,
    Undefined,
    Model,
    Unverifiable,
}

impl VerdictName {
    fn verdict(self) -> Verdict {
        match self {
            Self::Yes => Verdict::Agrees,
            Self::Partly => Verdict::Partly,
            Self::No => Verdict::No,
            Self::Undefined => Verdict::Undefined,
            Self::Model => Verdict::Model,
            Self::Unverifiable => Verdict::Unverifiable,
        }
    }
}

/// The claims to show.
pub(crate) struct Answer {
    claims: Vec<Claim>,
    /// Whether they were asked for by name: those are told at length.
    named: bool,
    /// Whether they are drawn, what leads from stated to true.
    plot: bool,
    /// Whether verdicts are held against what is written down.
    check: bool,
}

impl Answer {
    fn outcome(&self) -> Outcome {
        if self.check && !self.claims.iter().all(Claim::passes) {
            Outcome::No
        } else {
            Outcome::Done
        }
    }
}

/// Recomputes and reports.
///
/// # Errors
/// A file that is not one of claims, and a name that no claim has.
pub(crate) fn run(args: &ClaimsArgs, out: &mut dyn Write) -> Result<Outcome, Diagnostic> {
    interrupt::quit_between_files()?;
    let work = Work::new("recomputing".to_owned(), None, false);
    let answer = answer(args);
    drop(work);
    let answer = answer?;
    text::say(out, &said(args, &answer, terminal_plot::width()))?;
    Ok(answer.outcome())
}

/// The answer as a part of a study's report.
pub(crate) fn part(args: &ClaimsArgs) -> Result<Part, Diagnostic> {
    Ok(figures::part(&answer(args)?))
}

fn said(args: &ClaimsArgs, answer: &Answer, width: usize) -> String {
    if args.json {
        let claims: Vec<Value> = answer.claims.iter().map(claim_json).collect();
        let whole = json!({
            "schema_version": 1,
            "version": env!("CARGO_PKG_VERSION"),
            "command": "claims",
            "claims": claims,
            "passes": answer.claims.iter().all(Claim::passes),
        });
        return format!("{whole:#}\n");
    }
    show::for_people(answer, width)
}

fn answer(args: &ClaimsArgs) -> Result<Answer, Diagnostic> {
    let is_file = |name: &&String| {
        let path = Path::new(name);
        path.extension().is_some_and(|end| end == "toml") || named_text::is_stdin(path)
    };
    let (mut claims, mut named) = match args.name.as_ref() {
        None => (forecast::claims(&catalogue::claims()?)?, false),
        Some(path) if is_file(&path) => (forecast::claims(&[super::forecast::read(path)?])?, false),
        Some(name) => (about(name)?, true),
    };
    if claims.is_empty() {
        let origin = args.name.as_deref().unwrap_or_default();
        return Err(Diagnostic::error(format!("`{origin}` makes no claims"))
            .help("write them as `[[check]]`, as the book's chapter \"Write a scenario\" shows"));
    }
    if let Some(verdict) = args.verdict {
        claims.retain(|claim| claim.verdict() == verdict.verdict());
        named &= !claims.is_empty();
    }
    Ok(Answer { claims, named, plot: !args.no_plot, check: args.check })
}

/// The claim of this name, or all that say something of it.
fn about(name: &str) -> Result<Vec<Claim>, Diagnostic> {
    let mut claims = forecast::claims(&catalogue::claims()?)?;
    if claims.iter().any(|claim| claim.id.eq_ignore_ascii_case(name)) {
        claims.retain(|claim| claim.id.eq_ignore_ascii_case(name));
        return Ok(claims);
    }
    let ids: Vec<String> = claims.iter().map(|claim| claim.id.clone()).collect();
    let asked = name.to_lowercase();
    let says = |text: &str| {
        let text = text.to_lowercase();
        let mut words = text.split(|c: char| !c.is_alphanumeric());
        words.any(|word| word == asked) || asked.contains(' ') && text.contains(&asked)
    };
    claims.retain(|claim| {
        says(&claim.words) || claim.statements.iter().any(|one| says(&one.words) || says(&one.note))
    });
    if claims.is_empty() {
        let problem = Diagnostic::error(format!("no claim is called `{name}` or speaks of it"));
        return Err(match diagnostic::nearest(name, ids.iter().map(String::as_str)) {
            Some(near) => problem.help(format!("did you mean `{near}`?")),
            None => problem.help("`isoflop claims` prints them all"),
        });
    }
    Ok(claims)
}
