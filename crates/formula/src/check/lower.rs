//! From the written expression to the graph, one pass over the flat list.

use std::collections::HashMap;
use std::ops::Range;

use crate::ast::{Growth, Node, NodeId, Unary};
use crate::check::{Checker, MAX_STEPS, Meaning, Outcome, UNCERTAIN};
use crate::checked::Leaf;
use crate::graph::{Id, Node as GraphNode, Unary as GraphUnary};
use crate::lex::is_leap;
use crate::source::Span;
use crate::types::{Form, Hint, Nature, Type};
use crate::unit_table::YEAR;

impl Checker<'_> {
    /// Lowers the nodes of `range`, of which `root` is the whole.
    pub(super) fn lower(
        &mut self,
        range: Range<NodeId>,
        root: NodeId,
        bindings: &HashMap<String, Id>,
    ) -> Outcome<Id> {
        let first = range.start;
        let mut ids: Vec<Id> = Vec::with_capacity(range.len());
        let nested = self.nested(range.clone());
        for node in range {
            // What was written is bounded by its text; what calls expand to is not.
            self.steps += usize::from(self.depth > 0);
            let at = self.program.ast.points[node];
            if self.steps > MAX_STEPS {
                return Err(self
                    .error("this program grows without bound", at, "expanded up to here")
                    .note(format!("functions are expanded where they are called; the limit is {MAX_STEPS} steps")));
            }
            let id = self.node(node, at, |part| ids[part - first], bindings, &nested)?;
            ids.push(id);
        }
        Ok(ids[root - first])
    }

    fn node(
        &mut self,
        node: NodeId,
        at: Span,
        part: impl Fn(NodeId) -> Id,
        bindings: &HashMap<String, Id>,
        nested: &[NodeId],
    ) -> Outcome<Id> {
        let program = self.program;
        match &program.ast.nodes[node] {
            Node::Number(value) => Ok(self.number(*value)),
            Node::Quantity(value, text) => {
                self.quantity(*value, text, program.ast.spans[node], bindings)
            }
            Node::Growth(growth) => self.growth(growth, program.ast.spans[node]),
            Node::Date(year, month, day) => {
                let before: u16 = (1..*month)
                    .map(|month| u16::from(crate::lex::days_in_month(*year, month)))
                    .sum();
                let days = if is_leap(*year) { 366.0 } else { 365.0 };
                let share = (f64::from(before) + f64::from(*day) - 1.0) / days;
                let kind = Type::instant(self.time_dimension());
                let bits = ((f64::from(*year) + share) * YEAR).to_bits();
                Ok(self.graph.push(GraphNode::Const(bits), kind, Hint::default()))
            }
            Node::Never => {
                let kind = Type::instant(self.time_dimension());
                let bits = f64::INFINITY.to_bits();
                Ok(self.graph.push(GraphNode::Const(bits), kind, Hint::default()))
            }
            Node::Truth(value) => {
                let bits = crate::graph::truth(*value).to_bits();
                Ok(self.graph.push(GraphNode::Const(bits), Type::truth(), Hint::default()))
            }
            Node::Name(name) => self.name(name, at, bindings),
            Node::Unary(Unary::Minus, of) => {
                let id = part(*of);
                let kind = self.kind(id);
                if kind.form != Form::Quantity {
                    let what = kind.describe(&mut self.units);
                    return Err(self.error(format!("cannot negate {what}"), at, what));
                }
                let hint = self.graph.hints[id].clone();
                Ok(self.graph.push(GraphNode::Unary(GraphUnary::Neg, id), kind, hint))
            }
            Node::Unary(Unary::Not, of) => {
                let id = self.condition(part(*of), at)?;
                let kind = self.kind(id);
                let node = GraphNode::Unary(GraphUnary::Not, id);
                Ok(self.graph.push(node, kind, Hint::default()))
            }
            Node::Binary(crate::ast::Binary::To, low, high) => {
                let arguments = [(None, *low, part(*low)), (None, *high, part(*high))];
                self.uncertain_input("to", &arguments, node, at, nested)
            }
            Node::Binary(op, left, right) => self.binary(*op, part(*left), part(*right), at),
            Node::Call(name, arguments) => {
                if crate::check::uncertain::is_uncertain(name, arguments) {
                    let arguments: Vec<_> = arguments
                        .iter()
                        .map(|a| (a.label.as_ref(), a.value, part(a.value)))
                        .collect();
                    return self.uncertain_input(name, &arguments, node, at, nested);
                }
                if let Some(label) = arguments.iter().find(|a| a.label.is_some()) {
                    let at = self.program.ast.spans[label.value];
                    return Err(self
                        .error("a label does not belong here", at, "labelled")
                        .help("only distributions take labels: `q(10%: 1, 90%: 3)`"));
                }
                let values: Vec<(Id, Span)> = arguments
                    .iter()
                    .map(|a| (part(a.value), self.program.ast.spans[a.value]))
                    .collect();
                self.call(name, &values, at)
            }
        }
    }

    fn name(&mut self, name: &str, at: Span, bindings: &HashMap<String, Id>) -> Outcome<Id> {
        if let Some(&id) = bindings.get(name) {
            return Ok(id);
        }
        match self.meanings.get(name) {
            Some(&Meaning::Value(id)) => return Ok(id),
            Some(&Meaning::Series(series)) => return Ok(self.series[series].state),
            None => {}
        }
        if matches!(name, "t" | "from" | "step") {
            return Err(self.no_time(at));
        }
        if let Some(known) = self.units.find(name) {
            let one = self.graph.push(
                GraphNode::Const(known.factor.to_bits()),
                Type::quantity(known.dimension),
                Hint::of(name, 1),
            );
            return Ok(one);
        }
        Err(self.unknown(name, at, bindings))
    }

    fn unknown(
        &self,
        name: &str,
        at: Span,
        bindings: &HashMap<String, Id>,
    ) -> diagnostic::Diagnostic {
        if self.items.contains_key(name) {
            return self
                .error(format!("`{name}` is a function"), at, "used as a value")
                .help(format!("call it: `{name}(...)`"));
        }
        let problem = self.error(format!("unknown name `{name}`"), at, "not defined");
        if crate::functions::is_known(name) {
            return problem.help(format!("`{name}` is a function: write `{name}(...)`"));
        }
        let mut known: Vec<&str> = self.meanings.keys().map(String::as_str).collect();
        known.extend(bindings.keys().map(String::as_str));
        known.extend(self.items.keys());
        known.sort_unstable();
        known.dedup();
        match diagnostic::nearest(name, known.iter().copied()) {
            Some(near) => problem.help(format!("did you mean `{near}`?")),
            None if known.is_empty() => problem.help(format!("define it: `{name} = ...`")),
            None => {
                let list: Vec<&str> = known.into_iter().take(12).collect();
                problem.help(format!("known names: {}", list.join(", ")))
            }
        }
    }

    fn quantity(
        &mut self,
        value: f64,
        text: &crate::units::UnitText,
        at: Span,
        bindings: &HashMap<String, Id>,
    ) -> Outcome<Id> {
        for atom in &text.atoms {
            let name = &atom.name;
            if self.meanings.contains_key(name)
                || bindings.contains_key(name)
                || self.items.contains_key(name.as_str())
            {
                return Err(self
                    .error(format!("`{name}` is both a unit and a name here"), at, "which one is meant?")
                    .help(format!(
                        "for the name, write the operator with spaces around it: `* {name}` or `/ {name}`; \
                         a unit may go by its longer name"
                    )));
            }
        }
        let unit = self.unit(text, at)?;
        let scaled = value * unit.factor;
        if !scaled.is_finite() {
            return Err(self.error("this quantity is too large", at, "beyond 1.8e308 base units"));
        }
        let points = text.atoms.iter().any(|atom| atom.name == "pp");
        let percent = text.atoms.iter().any(|atom| atom.name == "%" && atom.exponent == 1);
        let nature = if points {
            Nature::Points
        } else if percent && text.atoms.iter().all(|a| a.name == "%" || self.is_time(&a.name)) {
            Nature::Share
        } else {
            Nature::Plain
        };
        let atoms: Vec<_> =
            text.atoms.iter().filter(|a| a.name != "%" && a.name != "pp").cloned().collect();
        let kind = Type::quantity(unit.dimension).with(nature);
        Ok(self.graph.push(GraphNode::Const(scaled.to_bits()), kind, Hint(atoms)))
    }

    fn is_time(&mut self, unit: &str) -> bool {
        let time = self.time_dimension();
        self.units.find(unit).is_some_and(|known| known.dimension == time)
    }

    fn growth(&mut self, growth: &Growth, at: Span) -> Outcome<Id> {
        let (log, amount, unit) = match growth {
            Growth::Factor(factor, per) => (factor.ln(), 1.0, per),
            Growth::Percent(percent, per) => ((percent / 100.0).ln_1p(), 1.0, per),
            Growth::Doubles(time, unit) => (std::f64::consts::LN_2, *time, unit),
            Growth::Halves(time, unit) => (-std::f64::consts::LN_2, *time, unit),
        };
        if !self.is_time(unit) {
            return Err(self
                .error(format!("`{unit}` is not a unit of time"), at, "growth is per unit of time")
                .help("for example `20x/yr` or `doubles in 7 mo`"));
        }
        if !log.is_finite() {
            return Err(self
                .error("nothing can shrink by 100 % or more", at, "no log-rate")
                .help("for a plain rate write it with brackets: `-(100 %/yr)`"));
        }
        let seconds = self.units.find(unit).map_or(1.0, |known| known.factor);
        let time = self.time_dimension();
        let dimension = time.power(crate::dimension::Ratio::whole(-1)).unwrap_or_default();
        let kind = Type::quantity(dimension).with(Nature::Growth);
        let node = GraphNode::Const((log / (amount * seconds)).to_bits());
        Ok(self.graph.push(node, kind, Hint::of(unit, -1)))
    }

    /// The left side `log(loss) = ...` undone: the value of `loss` itself.
    pub(super) fn unlink(&mut self, link: &str, id: Id, at: Span) -> Outcome<Id> {
        if let GraphNode::Unary(op, inside) = self.graph.nodes[id] {
            let same = matches!(
                (op, link),
                (GraphUnary::Ln, "ln" | "log")
                    | (GraphUnary::Log10, "log10")
                    | (GraphUnary::Log2, "log2")
                    | (GraphUnary::Sqrt, "sqrt")
            );
            if same {
                return Ok(inside);
            }
        }
        if link == "sqrt" {
            let two = self.number(2.0);
            return self.binary(crate::ast::Binary::Pow, id, two, at);
        }
        let scale = match link {
            "log10" => std::f64::consts::LN_10,
            "log2" => std::f64::consts::LN_2,
            _ => 1.0,
        };
        let scale = self.number(scale);
        let log = self.binary(crate::ast::Binary::Mul, id, scale, at)?;
        self.function("exp", log, at)
    }

    /// The leaf of an uncertain input, made once for each place in the text.
    pub(super) fn new_input(
        &mut self,
        node: NodeId,
        recipe: crate::Recipe,
        kind: Type,
        hint: Hint,
    ) -> Id {
        let leaf = self.leaves.len();
        let whole = self.program.items.iter().any(|item| {
            item.name == self.current.0
                && matches!(item.form, crate::ast::Form::Value { root, .. } if root == node)
        });
        let name = if whole {
            self.current.0.clone()
        } else {
            self.current.1 += 1;
            format!("{}.{}", self.current.0, self.current.1)
        };
        let id = self.graph.push(GraphNode::Leaf(leaf), kind, hint);
        self.leaves.push(Leaf {
            name,
            role: UNCERTAIN,
            recipe: Some(recipe),
            node: id,
            unit: None,
            free: false,
        });
        self.inputs_of.insert(node, id);
        id
    }
}
