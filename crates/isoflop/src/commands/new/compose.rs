//! The study as text.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use diagnostic::Diagnostic;
use plan::Budget;

use super::NewArgs;
use super::asking::Asking;
use super::table::{Table, doubt};
use crate::commands::forecast;

/// A study that is not written yet.
pub(super) struct New {
    pub(super) text: String,
    /// Why it cannot be answered yet.
    pub(super) doubt: Option<Diagnostic>,
    /// What was decided, said or not.
    pub(super) chosen: Vec<(&'static str, String)>,
}

/// What is known of the runs.
struct About {
    law: String,
    /// `63 rows of 63 runs, up to 9.1e13 FLOP`.
    facts: String,
    /// The largest compute, where the law can plan one.
    most: Option<f64>,
    doubt: Option<Diagnostic>,
}

/// Asks what the options do not say.
pub(super) fn compose(args: &NewArgs, asking: &mut Asking<'_>) -> Result<New, Diagnostic> {
    let folder = args.out.parent().unwrap_or(Path::new("")).to_owned();
    let about = if args.runs.is_empty() { None } else { Some(about(args, asking)?) };
    let most = about.as_ref().and_then(|about| about.most);
    let default = match (&about, args.scenario.first()) {
        (None, Some(name)) => forecast::read(name)?.title,
        _ if most.is_some() => "What should we train next?".to_owned(),
        _ => "What do these runs say?".to_owned(),
    };
    let title = match &args.title {
        Some(title) => title.clone(),
        None => asking.ask("what is the question?", &default, |_| Ok(()))?,
    };
    let budget = budget(args, most, asking)?;
    let file = args.out.file_name().map_or(String::new(), |name| name.to_string_lossy().into());
    let mut text = format!(
        "# A study: `isoflop run {file}` answers it into one page.\ntitle = {}\n\n\
         # Of everything random; and how many draws stand behind each interval.\n\
         seed = 0\ndraws = 1000\n",
        quoted(&title)
    );
    let mut chosen = Vec::new();
    if let Some(about) = &about {
        runs(&mut text, args, about, &folder);
        chosen.push(("runs", about.facts.clone()));
        chosen.push(("law", about.law.clone()));
    }
    if let Some(budget) = &budget {
        let _ = write!(
            text,
            "\n# Options of `isoflop plan`; the law is the fit above unless another is named.\n\
             [plan]\nbudget = {}\n# on = \"512 H100\"\n# serve = \"1e12 token\"\n\
             # compare = [\"besiroglu-2024\"]\n",
            quoted(budget)
        );
        chosen.push(("budget", budget.clone()));
    }
    for scenario in &args.scenario {
        forecast::read(scenario)?;
        let _ = write!(
            text,
            "\n# Options of `isoflop forecast`.\n[[forecast]]\nscenario = {}\n",
            quoted(&name_or_file(scenario, &folder))
        );
        chosen.push(("scenario", scenario.clone()));
    }
    text.push_str(
        "\n# Words of your own, in Markdown; `after` names a step, `start` or `end`.\n\
         # [[section]]\n# heading = \"Why we ask\"\n# text = \"\"\"\n# ...\n# \"\"\"\n# after = \"start\"\n",
    );
    Ok(New { text, doubt: about.and_then(|about| about.doubt), chosen })
}

/// The runs under the law that is chosen for them.
fn about(args: &NewArgs, asking: &mut Asking<'_>) -> Result<About, Diagnostic> {
    let table = Table::read(args)?;
    let name = if let Some(law) = &args.law {
        law.clone()
    } else {
        let proposal = table.proposal()?;
        let check = |name: &str| table.under(name).map(drop);
        asking.ask("which law? (`isoflop list laws`)", proposal, check)?
    };
    let seen = table.under(&name)?;
    let (law, observations) = &*seen;
    let mut facts = format!("{} rows of {} runs", observations.len(), observations.run_count());
    let most = observations.compute().iter().map(|c| c.get()).fold(0.0, f64::max);
    if most > 0.0 {
        let _ = write!(facts, ", up to {most:.1e} FLOP");
    }
    Ok(About {
        law: name,
        facts,
        most: (most > 0.0 && law.splits_compute()).then_some(most),
        doubt: doubt(law, observations),
    })
}

/// What is to be planned, if anything is.
fn budget(
    args: &NewArgs,
    most: Option<f64>,
    asking: &mut Asking<'_>,
) -> Result<Option<String>, Diagnostic> {
    let budget = match (&args.budget, most) {
        (Some(budget), _) => {
            Budget::parse("--budget", budget)?;
            budget.clone()
        }
        (None, Some(most)) => asking.ask(
            "which budget is to be planned? (FLOP, money, `30 day on 512 H100`; `no` for none)",
            &format!("{:.0e} FLOP", 10.0 * most),
            |words| match words {
                "no" => Ok(()),
                words => Budget::parse("the budget", words).map(drop),
            },
        )?,
        (None, None) => return Ok(None),
    };
    Ok((budget != "no").then_some(budget))
}

fn runs(text: &mut String, args: &NewArgs, about: &About, folder: &Path) {
    let list = |all: &[String]| all.iter().map(|one| quoted(one)).collect::<Vec<_>>().join(", ");
    let files: Vec<String> =
        args.runs.iter().map(|path| seen_from(folder, path).display().to_string()).collect();
    let _ = write!(text, "\n# {}\n[runs]\nfiles = [{}]\n", about.facts, list(&files));
    if args.columns.is_empty() {
        text.push_str(
            "# column = [\"N=n_params\", \"loss=eval/loss\"]   names that are not found by themselves\n\
             # where = [\"group=main\"]                         a part of the rows\n",
        );
    } else {
        let _ = writeln!(text, "column = [{}]", list(&args.columns));
    }
    text.push_str("\n# Options of `isoflop fit` without their dashes.\n");
    if let Some(doubt) = &about.doubt {
        let _ = writeln!(text, "# Not yet: {}.", doubt.message());
    }
    let law = quoted(&name_or_file(&about.law, folder));
    let _ = write!(text, "[fit]\nlaw = {law}\n# holdout = \"1 decade\"\n");
}

/// A file as seen from `folder`, or the name of something in the catalogue.
fn name_or_file(name: &str, folder: &Path) -> String {
    let path = Path::new(name);
    if path.exists() { seen_from(folder, path).display().to_string() } else { name.to_owned() }
}

/// `path` as seen from `folder`: the study finds it there when both are moved together.
pub(super) fn seen_from(folder: &Path, path: &Path) -> PathBuf {
    if folder.as_os_str().is_empty() || path.is_absolute() {
        return path.to_owned();
    }
    let whole = |path: &Path| path.canonicalize().ok();
    let (Some(from), Some(to)) = (whole(folder), whole(path)) else { return path.to_owned() };
    let shared = from.components().zip(to.components()).take_while(|(a, b)| a == b).count();
    if shared < 2 {
        // They have nothing but the root in common.
        return to;
    }
    let up = from.components().skip(shared).map(|_| Path::new(".."));
    up.chain(to.components().skip(shared).map(|part| Path::new(part.as_os_str()))).collect()
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}
