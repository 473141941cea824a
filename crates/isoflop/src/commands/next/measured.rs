//! The runs made so far, and the laws fitted to them.

use diagnostic::Diagnostic;
use laws::{Fit, FitOptions, Law, fit_with_progress};
use plan::design::Knowledge;
use runs::Observations;

use super::super::fit::law_choice::find;
use super::super::fit::refusal;
use super::{NextArgs, quantity};
use crate::progress;

/// A law fitted to the runs made, and the one it is held against.
pub(super) struct Measured {
    pub(super) observations: Observations,
    pub(super) fit: Fit,
    rival: Option<Fit>,
}

impl Measured {
    pub(super) fn new(args: &NextArgs) -> Result<Self, Diagnostic> {
        let about = args.law.parameters()?;
        let rows = &args.rows.rows;
        let table = rows.table()?;
        if rows.shared().is_some() {
            return Err(Diagnostic::error("groups with laws of their own have no common next run")
                .help("choose one of them with --where, and leave out --group"));
        }
        let saved = args.fit.as_ref().map(|path| {
            let name = path.display().to_string();
            let text = std::fs::read_to_string(path).map_err(|problem| {
                Diagnostic::error(format!("cannot read `{name}`: {problem}"))
                    .help("name a fit saved with `isoflop fit RUNS --out FIT.json`")
            })?;
            Fit::from_json(&name, &text)
        });
        let saved = saved.transpose()?;
        let named = (about.bounds.iter().map(|(name, _)| name.as_str()))
            .chain(about.held.iter().map(|(name, _)| name.as_str()));
        let law = match &saved {
            Some(fit) => fit.law.clone(),
            None => args.law.law(&table, &rows.columns()?, &named.collect::<Vec<_>>())?,
        };
        let other: Vec<Law> =
            args.goal.against.as_deref().map(find).transpose()?.into_iter().collect();
        if let Some(other) = other.first()
            && other.target.name != law.target.name
        {
            return Err(Diagnostic::error(format!(
                "`{}` gives {} and `{}` gives {}, which do not compare",
                law.name, law.target.name, other.name, other.target.name
            ))
            .help("choose two laws that predict the same quantity"));
        }
        let objective = args.objective.objective(&law)?;
        let options = FitOptions {
            objective: Some(objective),
            bootstrap: args.bootstrap,
            level: args.level,
            seed: args.seed,
            held: about.held,
            bounds: about.bounds,
            ..FitOptions::default()
        };
        let request = rows.request(&law, &other, objective.residuals)?;
        let observations = Observations::from_table(&table, &request)?;
        let fits = 1 + other.len() - usize::from(saved.is_some());
        let ticks = progress::Work::new(
            format!("fitting {} rows", observations.len()),
            Some(fits * options.bootstrap),
            args.progress,
        );
        let fitted = |law: &Law, options: &FitOptions| {
            fit_with_progress(law, &observations, options, &|| ticks.tick())
                .map_err(|problem| too_few(refusal(&problem, &observations)))
        };
        let fit = match saved {
            Some(fit) => fit,
            None => fitted(&law, &options)?,
        };
        let plain = FitOptions { held: Vec::new(), bounds: Vec::new(), ..options.clone() };
        let rival = other.first().map(|other| fitted(other, &plain)).transpose()?;
        drop(ticks);
        Ok(Self { observations, fit, rival })
    }

    pub(super) fn knowledge(
        &self,
        args: &NextArgs,
    ) -> Result<(Knowledge, Option<Knowledge>), Diagnostic> {
        let of = |fit: &Fit| -> Result<Knowledge, Diagnostic> {
            let mut known = Knowledge::of_fit(&fit.law.name, fit, &self.observations)?;
            if let Some(noise) = &args.prior.noise {
                known.noise = quantity::share(noise, "--noise", 1e-6)?;
            }
            Ok(known)
        };
        Ok((of(&self.fit)?, self.rival.as_ref().map(of).transpose()?))
    }
}

/// With too few runs for a fit there is still a way.
fn too_few(problem: Diagnostic) -> Diagnostic {
    problem.help(
        "for a first sweep leave the runs out and start from published constants: \
         --law besiroglu-2024",
    )
}
