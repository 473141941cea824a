//! From a question to functions over draws: one program of the capability, its laws and its costs.

use std::sync::Arc;

use diagnostic::Diagnostic;
use draws::uncertain::{sampled, uncertain_inputs};
use draws::{Design, Draws, Inputs};
use formula::{Checked, Columns, Environment, Program, Source};
use laws::{Law, catalogue};

use super::capability::{Amount, Choice, Slot};
use super::dense::Vector;
use super::functions::{Functions, NAMES, RUN, SERVING, TOTAL, ln_name};
use super::question::Question;
use crate::Believed;

/// A question with everything that it needs, ready to be optimised.
#[derive(Debug)]
pub(super) struct Model {
    pub(super) functions: Functions,
    pub(super) checked: Checked,
    /// Law draws and uncertain inputs: the best values first.
    pub(super) given: Columns,
    pub(super) choices: Vec<Choice>,
    /// The best values, then the draws.
    pub(super) rows: usize,
    /// Whether there are queries at all.
    pub(super) serves: bool,
    pub(super) mfu: Vec<f64>,
    pub(super) serving_mfu: Vec<f64>,
    pub(super) pue: Vec<f64>,
    /// Every assumption as it was used.
    pub(super) assumptions: Vec<Amount>,
    /// The laws that were used: role, name and source.
    pub(super) laws: Vec<(String, String, String)>,
}

/// A law in its slot, with the values of its parameters.
struct Seat {
    law: Law,
    name: String,
    source: String,
    /// By parameter: the best value first, then draws.
    columns: Vec<(String, Vec<f64>)>,
}

/// What a machine is taken to do, unless asked otherwise.
fn machine_assumptions() -> Vec<Amount> {
    let amount = |name: &str, value: &str, meaning: &str, source: &str| Amount {
        name: name.to_owned(),
        value: value.to_owned(),
        place: Source::new("the machine", value),
        unit: String::new(),
        meaning: meaning.to_owned(),
        source: source.to_owned(),
    };
    let judgement = "judgement";
    vec![
        amount(
            "mfu",
            "0.35 to 0.45",
            "model FLOP utilisation of training",
            "Llama 3 405B: 38 % to 43 % (arXiv:2407.21783, table 4)",
        ),
        amount("serving_mfu", "0.1 to 0.3", "model FLOP utilisation of serving", judgement),
        amount("pue", "1.1 to 1.3", "facility power over IT power", judgement),
    ]
}

impl Model {
    pub(super) fn new(question: &Question) -> Result<Self, Diagnostic> {
        let capability = &question.capability;
        let mut amounts = capability.parameters.clone();
        amounts.push(capability.queries.clone());
        if question.machine.is_some() {
            amounts.extend(machine_assumptions());
        }
        let mut program = Program::new();
        program.add(capability.place.clone())?;
        let mut environment = Environment::new();
        for choice in &capability.choices {
            environment = environment.input(ln_name(choice), "");
            program
                .define(&choice.name, Source::new("choice", format!("exp({})", ln_name(choice))))?;
        }

        let mut laws = Vec::new();
        let mut columns = Vec::new();
        for slot in &capability.slots {
            let seat = seat(slot, question)?;
            add_law(&mut program, slot, &seat, &capability.choices)?;
            for value in &slot.values {
                let parameter = value.name[slot.role.len() + 1..].to_owned();
                let known = seat.law.parameter(&parameter).is_some();
                let replaced = question.laws.iter().any(|(role, _)| *role == slot.role)
                    && seat.columns.iter().any(|(name, _)| *name == parameter);
                if known && !replaced {
                    amounts.push(value.clone());
                }
            }
            laws.push((slot.role.clone(), seat.name.clone(), seat.source.clone()));
            for parameter in &seat.law.parameters {
                let name = format!("{}_{}", slot.role, parameter.name);
                let column = seat.columns.iter().find(|(known, _)| *known == parameter.name);
                let column = column.map(|(_, column)| column.clone());
                columns.push((slot.role.clone(), name, column));
            }
        }
        change(&mut amounts, &columns, &question.changes)?;
        for amount in &amounts {
            program.define(&amount.name, amount.place.clone())?;
        }
        let stated = |name: &str| amounts.iter().any(|amount| amount.name == *name);
        columns.retain(|(_, name, _)| !stated(name));
        if let Some((_, name, _)) = columns.iter().find(|(_, _, column)| column.is_none()) {
            return Err(Diagnostic::error(format!("`{name}` has no value"))
                .help(format!("give it one, as in `--set {name}=0.3`")));
        }
        for (_, name, _) in &columns {
            environment = environment.input(name.as_str(), "");
        }
        add_costs(&mut program, question)?;
        let checked = program.check(&environment).map_err(|problem| {
            let others = question.laws.iter();
            others.fold(problem, |problem, (role, believed)| {
                problem.note(format!(
                    "`{}` of the law `{}` stands in the place of the law `{role}`",
                    believed.name, believed.law.name
                ))
            })
        })?;
        let given = draw(question, &checked, &columns)?;
        Self::of(question, checked, given, amounts, laws)
    }

    fn of(
        question: &Question,
        checked: Checked,
        given: Columns,
        assumptions: Vec<Amount>,
        laws: Vec<(String, String, String)>,
    ) -> Result<Self, Diagnostic> {
        let choices = question.capability.choices.clone();
        let rows = given.rows();
        let share = question.capability.is_share();
        let functions = Functions::new(&checked, &choices, &given, share)?;
        let lowest: Vector =
            std::array::from_fn(|i| choices.get(i).map_or(0.0, |choice| choice.within.0.ln()));
        let at = vec![lowest; rows];
        let column = |name: &str| -> Result<Vec<f64>, Diagnostic> {
            let mut found = Functions::others(&checked, &[name], &choices, &given, &at)?;
            Ok(found.pop().unwrap_or_default())
        };
        let of_machine = |name: &str| {
            if question.machine.is_some() { column(name) } else { Ok(vec![1.0; rows]) }
        };
        let queries = column("queries")?;
        if let Some(odd) = queries.iter().find(|count| !count.is_finite() || **count < 0.0) {
            return Err(Diagnostic::error(format!("the number of queries is {odd}"))
                .help("it must be finite and at least zero"));
        }
        let serves = queries.iter().any(|&count| count > 0.0);
        let (mfu, serving_mfu, pue) =
            (of_machine("mfu")?, of_machine("serving_mfu")?, of_machine("pue")?);
        Ok(Self {
            functions,
            checked,
            given,
            choices,
            rows,
            serves,
            mfu,
            serving_mfu,
            pue,
            assumptions,
            laws,
        })
    }
}

/// The law of a slot: the one asked for, or that of its constants.
fn seat(slot: &Slot, question: &Question) -> Result<Seat, Diagnostic> {
    if let Some((_, believed)) = question.laws.iter().find(|(role, _)| *role == slot.role) {
        let Believed { law, name, source, .. } = believed.clone();
        let columns = believed.values().clone().into_columns();
        return Ok(Seat { law, name, source, columns });
    }
    for law in catalogue::all()? {
        let Some(published) = law.published(&slot.constants) else { continue };
        let columns = law.parameters.iter().filter_map(|parameter| {
            let value = published.value(&parameter.name).or(parameter.fixed)?;
            Some((parameter.name.clone(), vec![value]))
        });
        return Ok(Seat {
            name: slot.constants.clone(),
            source: published.source.clone(),
            columns: columns.collect(),
            law,
        });
    }
    Err(Diagnostic::error(format!("no published constants are called `{}`", slot.constants))
        .note(format!("`{}` takes them for its law `{}`", question.capability.name, slot.role))
        .help("`isoflop list laws` prints all laws with their constants"))
}

/// Adds a law's definitions under names of its own: `rl_A`.
fn add_law(
    program: &mut Program,
    slot: &Slot,
    seat: &Seat,
    choices: &[Choice],
) -> Result<(), Diagnostic> {
    let law = &seat.law;
    let own = Program::parse(&law.name, &law.formula)?;
    let defined: Vec<&str> = own.names().collect();
    let given = |name: &str| slot.given.iter().any(|(known, _)| known == name);
    for variable in &law.variables {
        let name = variable.name.as_str();
        if !given(name) && !choices.iter().any(|choice| choice.name == name) {
            return Err(Diagnostic::error(format!(
                "the law `{}` takes `{name}`, which the capability does not give it",
                law.name
            ))
            .note(format!("it stands in the place of the law `{}`", slot.role)));
        }
    }
    let renamed = renamed(&law.formula, &|word| {
        let parameter = law.parameters.iter().any(|parameter| parameter.name == word);
        let variable = law.variables.iter().any(|variable| variable.name == word) && given(word);
        if word == law.target.name {
            Some(slot.gives.clone())
        } else if parameter || variable || defined.contains(&word) {
            Some(format!("{}_{word}", slot.role))
        } else {
            None
        }
    });
    program.add(Source::new(law.name.as_str(), renamed))?;
    for (variable, formula) in &slot.given {
        if law.variables.iter().any(|known| known.name == *variable) {
            program.define(&format!("{}_{variable}", slot.role), formula.clone())?;
        }
    }
    Ok(())
}

/// `text` with each word that has another name under it.
fn renamed(text: &str, name: &dyn Fn(&str) -> Option<String>) -> String {
    let mut out = String::with_capacity(text.len() + 64);
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = if first.is_alphabetic() || first == '_' || first.is_numeric() {
            rest.find(|c| !is_word(c)).unwrap_or(rest.len())
        } else {
            first.len_utf8()
        };
        let (word, after) = rest.split_at(length);
        match name(word) {
            Some(other) => out.push_str(&other),
            None => out.push_str(word),
        }
        rest = after;
    }
    out
}

/// Puts the values asked for in the place of those assumed.
fn change(
    amounts: &mut Vec<Amount>,
    columns: &[(String, String, Option<Vec<f64>>)],
    changes: &[(String, String)],
) -> Result<(), Diagnostic> {
    for (name, text) in changes {
        let place = Source::new("--set", text.as_str());
        if let Some(amount) = amounts.iter_mut().find(|amount| amount.name == *name) {
            amount.value.clone_from(text);
            amount.place = place;
            "asked for".clone_into(&mut amount.source);
        } else if columns.iter().any(|(_, known, _)| known == name) {
            amounts.push(Amount {
                name: name.clone(),
                value: text.clone(),
                place,
                unit: String::new(),
                meaning: "parameter of a law".to_owned(),
                source: "asked for".to_owned(),
            });
        } else {
            let known: Vec<&str> = (amounts.iter().map(|amount| amount.name.as_str()))
                .chain(columns.iter().map(|(_, name, _)| name.as_str()))
                .collect();
            let problem = Diagnostic::error(format!("the capability assumes no `{name}`"));
            return Err(match diagnostic::nearest(name, known.iter().copied()) {
                Some(near) => problem.help(format!("did you mean `{near}`?")),
                None => problem.help(format!("it assumes {}", known.join(", "))),
            });
        }
    }
    Ok(())
}

fn add_costs(program: &mut Program, question: &Question) -> Result<(), Diagnostic> {
    let capability = &question.capability;
    program.define("training", capability.training.clone())?;
    program.define("rl", capability.rl.clone().unwrap_or_else(|| Source::new("cost", "0")))?;
    program.define("query", capability.query.clone())?;
    for (function, formula) in [
        (TOTAL, "ln(training + rl + queries * query)"),
        (RUN, "ln(training + rl)"),
        (SERVING, "ln(queries * query)"),
    ] {
        program.define(NAMES[function], Source::new("cost", formula))?;
    }
    program.define("served", Source::new("cost", "queries * query"))
}

/// The best values of everything uncertain, then draws.
fn draw(
    question: &Question,
    checked: &Checked,
    columns: &[(String, String, Option<Vec<f64>>)],
) -> Result<Columns, Diagnostic> {
    let uncertain = uncertain_inputs(checked)
        .map_err(|misfit| misfit.problem.note(format!("in `{}`", misfit.input)))?;
    let names: Vec<&str> = uncertain.iter().map(|input| input.name.as_str()).collect();
    let mut inputs: Inputs = sampled(&uncertain, &names)?;
    for slot in &question.capability.slots {
        let mut joint = Draws::new(Design::Plain);
        for (_, name, column) in columns.iter().filter(|(role, ..)| *role == slot.role) {
            match column {
                Some(column) if column.len() > 1 => {
                    joint.push(name.clone(), column[1..].to_vec())?;
                }
                _ => {}
            }
        }
        if joint.rows() > 0 {
            inputs.import(slot.role.clone(), Arc::new(joint))?;
        }
    }
    let draws = if inputs.names().is_empty() { 0 } else { question.draws };
    let sample = match draws {
        0 => None,
        draws => Some(inputs.sampler(question.seed, Design::Plain)?.draw(draws)?),
    };
    let mut given = Columns::new(1 + draws);
    let mut add = |name: &str, best: f64| -> Result<(), Diagnostic> {
        let mut column = vec![best; 1 + draws];
        if let Some(sample) = &sample
            && sample.names().iter().any(|known| known == name)
        {
            column[1..].copy_from_slice(sample.column(name)?);
        }
        given.set(name, column);
        Ok(())
    };
    for (_, name, column) in columns {
        if let Some(best) = column.as_ref().and_then(|column| column.first()) {
            add(name, *best)?;
        }
    }
    for input in &uncertain {
        add(&input.name, input.dist.median())?;
    }
    Ok(given)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_renamed_whole_and_numbers_stay() {
        let rename = |word: &str| (word == "A" || word == "e3").then(|| format!("x_{word}"));
        assert_eq!(renamed("AA + A * 1e3 / A^e3", &rename), "AA + x_A * 1e3 / x_A^x_e3");
    }
}
