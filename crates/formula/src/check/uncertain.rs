//! Distributions, as far as the language goes: their shape and dimensions, not their mathematics.

use std::ops::Range;

use crate::ast::{Argument, Label, Node, NodeId};
use crate::check::{Checker, Outcome};
use crate::functions::is_family;
use crate::graph::Id;
use crate::recipe::{Recipe, RecipeArgument, RecipeLabel, RecipeValue};
use crate::source::Span;
use crate::types::{Form, Hint, Nature, Type};

/// A distribution inside another, waiting for the one around it.
#[derive(Debug, Clone)]
pub(super) struct Written {
    recipe: Recipe,
    kind: Type,
}

/// Whether the call spells a distribution; `q(x, 90%)` over samples does not.
pub(super) fn is_uncertain(name: &str, arguments: &[Argument]) -> bool {
    is_family(name) && (name != "q" || arguments.iter().any(|a| a.label.is_some()))
}

/// What an argument is: a value of the quantity, a difference of such values, or a plain number.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Place {
    Value,
    Spread,
    Number,
}

fn place(family: &str, index: usize, labelled: bool, label: Option<&Label>) -> Place {
    match family {
        "beta" | "poisson" | "bernoulli" => Place::Number,
        "lognormal" if !labelled => Place::Number,
        "zero" | "student" if index == 0 => Place::Number,
        "student" if index == 2 => Place::Spread,
        "normal" if !labelled && index == 1 => Place::Spread,
        "normal" | "student" if matches!(label, Some(Label::Name(name)) if name == "sd" || name == "scale") => {
            Place::Spread
        }
        _ => Place::Value,
    }
}

fn takes(family: &str) -> std::ops::RangeInclusive<usize> {
    match family {
        "to" | "normal" | "lognormal" | "uniform" | "loguniform" | "beta" | "zero" => 2..=2,
        "triangular" | "tri" | "pert" | "student" | "clip" => 3..=3,
        "poisson" | "bernoulli" => 1..=1,
        "q" => 2..=3,
        "mix" => 1..=64,
        _ => 1..=100_000,
    }
}

impl Checker<'_> {
    /// The distributions in `range` that stand inside `mix`, `zero` or `clip`.
    pub(super) fn nested(&self, range: Range<NodeId>) -> Vec<NodeId> {
        let ast = &self.program.ast;
        let mut out = Vec::new();
        for node in range {
            if let Node::Call(name, arguments) = &ast.nodes[node]
                && matches!(name.as_str(), "mix" | "zero" | "clip")
            {
                out.extend(arguments.iter().map(|a| a.value).filter(|&value| {
                    match &ast.nodes[value] {
                        Node::Binary(op, ..) => *op == crate::ast::Binary::To,
                        Node::Call(name, arguments) => is_uncertain(name, arguments),
                        _ => false,
                    }
                }));
            }
        }
        out.sort_unstable();
        out
    }

    /// The distribution at `node`: an input of its own, or a part of the one around it.
    pub(super) fn uncertain_input(
        &mut self,
        family: &str,
        arguments: &[(Option<&Label>, NodeId, Id)],
        node: NodeId,
        at: Span,
        nested: &[NodeId],
    ) -> Outcome<Id> {
        // A function's body is lowered at every call, but its input is one input.
        if let Some(&id) = self.inputs_of.get(&node) {
            return Ok(id);
        }
        let allowed = takes(family);
        if !allowed.contains(&arguments.len()) {
            let wants = if allowed.start() == allowed.end() {
                allowed.start().to_string()
            } else {
                format!("{} to {}", allowed.start(), allowed.end())
            };
            return Err(self.error(
                format!("`{family}` takes {wants} arguments, found {}", arguments.len()),
                at,
                "in this call",
            ));
        }
        let labelled = arguments.iter().any(|(label, ..)| label.is_some());
        if labelled && family != "to" && arguments.iter().any(|(label, ..)| label.is_none()) {
            return Err(self
                .error("either every argument has a label or none", at, "in this distribution")
                .help("for example `q(10%: 1, 50%: 2, 90%: 5)`"));
        }
        let mut kind: Option<Type> = None;
        let mut hint = Hint::default();
        let mut parts = Vec::new();
        for (index, &(label, value, id)) in arguments.iter().enumerate() {
            let place = place(family, index, labelled, label);
            let span = self.program.ast.spans[value];
            let (part, found) = self.argument(value, id, span)?;
            self.fit(&mut kind, &found, place, (id, span))?;
            if place == Place::Value && hint == Hint::default() {
                hint = self.graph.hints[id].clone();
            }
            let label = label.map(|label| match label {
                Label::Percent(value) => RecipeLabel::Number(value / 100.0),
                Label::Number(value) => RecipeLabel::Number(*value),
                Label::Name(name) => RecipeLabel::Name(name.clone()),
            });
            parts.push(RecipeArgument { label, value: part });
        }
        let kind = kind.unwrap_or_else(Type::number);
        let recipe = Recipe { family: family.to_owned(), arguments: parts };
        if nested.binary_search(&node).is_ok() {
            self.uncertain.insert(node, Written { recipe, kind: kind.clone() });
            // Stands in for the nested distribution's type; its value is never used.
            let bits = f64::NAN.to_bits();
            return Ok(self.graph.push(crate::graph::Node::Const(bits), kind, hint));
        }
        Ok(self.new_input(node, recipe, kind, hint))
    }

    fn argument(&mut self, node: NodeId, id: Id, span: Span) -> Outcome<(RecipeValue, Type)> {
        if let Some(written) = self.uncertain.get(&node) {
            return Ok((RecipeValue::Nested(written.recipe.clone()), written.kind.clone()));
        }
        let Some(value) = self.graph.constant(id) else {
            return Err(self
                .error("a distribution's numbers must be fixed", span, "depends on other inputs")
                .help("move what varies outside: `mean + spread * normal(0, 1)`")
                .note("inside `mix`, `zero` and `clip`, write distributions in place"));
        };
        Ok((RecipeValue::Number(value), self.kind(id)))
    }

    /// Lets `kind`, the distribution's type so far, take in one more argument of type `found`.
    fn fit(
        &mut self,
        kind: &mut Option<Type>,
        found: &Type,
        place: Place,
        (id, span): (Id, Span),
    ) -> Outcome<()> {
        let wrong = |checker: &mut Self, expected: String| {
            let found = found.describe(&mut checker.units);
            let message = format!("expected {expected}, found {found}");
            Err(checker.error(message, span, format!("expected {expected}")))
        };
        match place {
            Place::Number if found.is_plain_number() => Ok(()),
            Place::Number => wrong(self, "a plain number".to_owned()),
            Place::Spread => {
                let Some(known) = kind.clone() else { return Ok(()) };
                let same = found.form == Form::Quantity && found.dimension == known.dimension;
                if same || self.is_zero(id) {
                    return Ok(());
                }
                let expected = self.units.describe(&known.dimension);
                wrong(self, expected)
            }
            Place::Value => {
                if found.form == Form::Truth {
                    return wrong(self, "a quantity".to_owned());
                }
                match kind {
                    None => *kind = Some(found.clone()),
                    Some(known)
                        if known.form == found.form && known.dimension == found.dimension =>
                    {
                        if known.nature != found.nature {
                            known.nature = Nature::Plain;
                        }
                    }
                    // A zero, or an open end, goes with any dimension.
                    Some(_) if self.is_zero(id) => {}
                    Some(known) if known.is_plain_number() => *kind = Some(found.clone()),
                    Some(known) => {
                        let expected = known.clone().describe(&mut self.units);
                        return wrong(self, expected);
                    }
                }
                Ok(())
            }
        }
    }
}
