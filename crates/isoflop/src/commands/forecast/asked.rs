//! What the options ask for: the scenario with its changes, the outputs, the analyses.

use diagnostic::Diagnostic;
use forecast::{Model, Scenario, SensitivityRequest, Written};

use super::{ForecastArgs, MOST_SAMPLES, read};

/// The scenario with everything that the options change.
pub(super) fn scenario(args: &ForecastArgs) -> Result<Scenario, Diagnostic> {
    let mut scenario = read(&args.scenario)?;
    if let Some(base) = &args.base {
        scenario = read(base)?.changed_by(scenario);
    }
    for overlay in &args.overlay {
        scenario = scenario.changed_by(read(overlay)?);
    }
    for choice in &args.choice {
        let name = choice.split_once('=').map_or(choice.as_str(), |(name, _)| name).trim();
        let known: Vec<&str> = scenario.choices.iter().map(|choice| choice.name.text()).collect();
        if !known.contains(&name) {
            let problem =
                Diagnostic::error(format!("`--choice {choice}`: there is no such choice"));
            return Err(match known.as_slice() {
                [] => problem.help("this scenario has no choices"),
                known => problem.help(format!("its choices are {}", known.join(", "))),
            });
        }
        scenario.set(choice)?;
    }
    for change in &args.set {
        scenario.set(change)?;
    }
    if let Some(samples) = args.samples {
        if samples > MOST_SAMPLES {
            return Err(Diagnostic::error(format!("`--samples {samples}` is out of range"))
                .help(format!("at most {MOST_SAMPLES} fit")));
        }
        scenario.samples = Some(samples);
    }
    scenario.seed = args.seed.or(scenario.seed);
    Ok(scenario)
}

/// The model of what was asked. Where it does not hold together, the problem names the inputs that
/// `--set` replaced: it may point at another place.
pub(super) fn model(args: &ForecastArgs, asking: &Scenario) -> Result<Model, Diagnostic> {
    Model::new(asking).map_err(|problem| {
        let Ok(before) = read(&args.scenario) else { return problem };
        args.set.iter().fold(problem, |problem, change| {
            let name = change.split_once('=').map_or(change.as_str(), |(name, _)| name).trim();
            match before.input(name) {
                Some(input) => {
                    problem.note(format!("`--set {change}` replaces `{}`", input.value.text()))
                }
                None => problem,
            }
        })
    })
}

/// The names of the outputs to show: those asked for, or all.
pub(super) fn outputs(args: &ForecastArgs, scenario: &Scenario) -> Result<Vec<String>, Diagnostic> {
    let known = scenario.output_names();
    for name in &args.output {
        if !known.contains(&name.as_str()) {
            let problem = Diagnostic::error(format!("there is no output `{name}`"));
            return Err(match diagnostic::nearest(name, known.iter().copied()) {
                Some(near) => problem.help(format!("did you mean `{near}`?")),
                None => problem.help(format!("there are: {}", known.join(", "))),
            });
        }
    }
    let asked = |name: &&&str| args.output.is_empty() || args.output.iter().any(|o| o == **name);
    Ok(known.iter().filter(asked).map(|name| (*name).to_owned()).collect())
}

/// The analyses of the options take the place of those of the file.
pub(super) fn sensitivities(args: &ForecastArgs, scenario: &mut Scenario) {
    let mut requests: Vec<SensitivityRequest> = Vec::new();
    let asked = (args.tornado.iter().map(|of| ("--tornado", of)))
        .chain(args.sobol.iter().map(|of| ("--sobol", of)));
    for (option, of) in asked {
        let of = Written::new(option, &at_a_date(of));
        let tornado = option == "--tornado";
        match requests.iter_mut().find(|request| request.of == of) {
            Some(known) => {
                known.tornado |= tornado;
                known.sobol |= !tornado;
            }
            None => requests.push(SensitivityRequest { of, tornado, sobol: !tornado }),
        }
    }
    if !requests.is_empty() {
        scenario.sensitivity = requests;
    }
}

/// `at(x, 2030)` of `x@2030`.
pub(super) fn at_a_date(text: &str) -> String {
    match text.split_once('@') {
        Some((path, date)) => format!("at({}, {})", path.trim(), date.trim()),
        None => text.to_owned(),
    }
}

/// A date as decimal years; today where none is given.
pub(super) fn today(asked: Option<&str>) -> Result<f64, Diagnostic> {
    if let Some(text) = asked {
        return year("--today", text);
    }
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    Ok(1970.0 + now.map_or(0.0, |now| now.as_secs_f64()) / 31_557_600.0)
}

pub(super) fn year(option: &str, text: &str) -> Result<f64, Diagnostic> {
    forecast::date(text).ok_or_else(|| {
        Diagnostic::error(format!("`{option} {text}` is not a date"))
            .help("write `2025-07-01` or `2025`")
    })
}

/// Keeps the draws of the inputs and of every case's outputs as columns of one file.
#[cfg(feature = "parquet")]
pub(super) fn save(answer: &super::Answer, path: &std::path::Path) -> Result<(), Diagnostic> {
    Model::new(&answer.scenario)?.kept(&answer.run)?.save(path)?;
    Ok(())
}
