//! Names resolved, dimensions and kinds inferred, everything lowered to one graph.

mod calls;
mod lower;
mod operators;
mod order;
mod uncertain;

use std::collections::HashMap;

use diagnostic::Diagnostic;

use crate::ast::{Form as ItemForm, Item, NodeId};
use crate::checked::{Checked, Definition, Leaf, Series, Timeline};
use crate::dimension::{Dimension, Inference};
use crate::environment::{Declared, Environment, Role};
use crate::graph::{Graph, Id, Node};
use crate::program::Program;
use crate::source::{Source, Sources, Span};
use crate::types::{Form, Hint, Type};
use crate::unit_table::YEAR;
use crate::units::{Misfit, Unit, UnitText, Units};

pub(crate) type Outcome<T> = Result<T, Diagnostic>;

/// Steps that expanding functions may take: they are lowered where they are called, and a chain of
/// functions that each call the last one twice grows without bound.
const MAX_STEPS: usize = 250_000;

/// Functions may call functions this deep.
const MAX_CALLS: usize = 60;

/// A path may have this many steps.
const MAX_TIMES: f64 = 100_000.0;

impl Program {
    /// Resolves names, infers and checks dimensions, kinds and growth over the whole program.
    ///
    /// Nothing is evaluated; the first problem is returned, pointing at its characters.
    pub fn check(&self, environment: &Environment) -> Result<Checked, Diagnostic> {
        let mut checker = Checker::new(self, environment)?;
        checker.items()?;
        checker.finish()
    }
}

/// What a name stands for while a program is checked.
#[derive(Debug, Clone, Copy)]
enum Meaning {
    Value(Id),
    Series(usize),
}

pub(crate) struct Checker<'a> {
    program: &'a Program,
    units: Units,
    graph: Graph,
    inference: Inference,
    leaves: Vec<Leaf>,
    /// Items by name.
    items: HashMap<&'a str, usize>,
    meanings: HashMap<String, Meaning>,
    definitions: Vec<Definition>,
    series: Vec<Series>,
    timeline: Option<(Id, Id, Id)>,
    /// Nested distributions by the node that spells them, inputs by the same.
    uncertain: HashMap<NodeId, uncertain::Written>,
    inputs_of: HashMap<NodeId, Id>,
    calls: HashMap<(usize, Vec<Id>), Id>,
    /// The item being lowered, and how many inputs it has had.
    current: (String, usize),
    steps: usize,
    depth: usize,
    /// Whether `before` and the state before a step make sense here.
    in_next: bool,
}

impl<'a> Checker<'a> {
    fn new(program: &'a Program, environment: &Environment) -> Outcome<Self> {
        let mut checker = Self {
            program,
            units: program.units.clone(),
            graph: Graph::default(),
            inference: Inference::default(),
            leaves: Vec::new(),
            items: HashMap::new(),
            meanings: HashMap::new(),
            definitions: Vec::new(),
            series: Vec::new(),
            timeline: None,
            uncertain: HashMap::new(),
            inputs_of: HashMap::new(),
            calls: HashMap::new(),
            current: (String::new(), 0),
            steps: 0,
            depth: 0,
            in_next: false,
        };
        for (number, item) in program.items.iter().enumerate() {
            if let Some(first) = checker.items.insert(&item.name, number) {
                let problem = checker.error(
                    format!("`{}` is defined twice", item.name),
                    item.at,
                    "defined again",
                );
                let first = program.items[first].at;
                return Err(checker.program.sources.point(problem, first, "first defined here"));
            }
        }
        for declared in &environment.names {
            checker.declare(declared)?;
        }
        Ok(checker)
    }

    fn error(&self, message: impl Into<String>, at: Span, label: impl Into<String>) -> Diagnostic {
        self.program.sources.error(message, at, label)
    }

    fn declare(&mut self, declared: &Declared) -> Outcome<()> {
        let name = &declared.name;
        // A definition in the program wins: that is how a data column is replaced by a formula.
        if self.items.contains_key(name.as_str()) {
            return Ok(());
        }
        let unit = match &declared.unit {
            None => None,
            Some(text) => Some(parse_unit(&mut self.units, &format!("unit of {name}"), text)?),
        };
        let dimension = match &unit {
            Some(unit) => unit.dimension.clone(),
            None => self.inference.fresh(),
        };
        let kind = Type::quantity(dimension);
        let hint = unit.as_ref().map(|unit| Hint(unit.text.atoms.clone())).unwrap_or_default();
        let number = self.leaves.len();
        let mut id = self.graph.push(Node::Leaf(number), kind.clone(), hint.clone());
        let factor = unit.as_ref().map_or(1.0, Unit::factor);
        if factor.to_bits() != 1f64.to_bits() {
            let factor = self.number(factor);
            let product = Node::Binary(crate::graph::Binary::Mul, id, factor);
            id = self.graph.push(product, kind, hint);
        }
        self.leaves.push(Leaf {
            name: name.clone(),
            role: declared.role,
            recipe: None,
            node: number_node(&self.graph, number),
            unit,
            free: declared.unit.is_none(),
        });
        self.meanings.insert(name.clone(), Meaning::Value(id));
        Ok(())
    }

    /// A plain number as a node.
    fn number(&mut self, value: f64) -> Id {
        self.graph.push(Node::Const(value.to_bits()), Type::number(), Hint::default())
    }

    fn time_dimension(&mut self) -> Dimension {
        Dimension::of(self.units.symbol("s"))
    }

    fn item(&self, number: usize) -> &'a Item {
        &self.program.items[number]
    }

    /// Lowers every item, those it needs first.
    fn items(&mut self) -> Outcome<()> {
        self.time_axis()?;
        for number in order::order(self)? {
            let item = self.item(number);
            self.current = (item.name.clone(), 0);
            match &item.form {
                ItemForm::Value { root, link, unit } => {
                    let id = self.lower(item.nodes.clone(), *root, &HashMap::new())?;
                    let id = match link {
                        None => id,
                        Some(link) => self.unlink(link, id, self.program.ast.points[*root])?,
                    };
                    let unit = unit.as_ref().map(|(text, at)| self.unit(text, *at)).transpose()?;
                    self.meanings.insert(item.name.clone(), Meaning::Value(id));
                    self.definitions.push(Definition {
                        name: item.name.clone(),
                        root: id,
                        unit,
                        at: item.at,
                    });
                }
                ItemForm::Series { start, .. } => {
                    let id = self.lower(item.nodes.start..*start + 1, *start, &HashMap::new())?;
                    let mut kind = self.kind(id);
                    if kind.path {
                        return Err(self
                            .error(
                                "a series starts from a fixed value",
                                item.at,
                                "its start is a path",
                            )
                            .help("use `at(path, date)` for the value at one date"));
                    }
                    if self.is_zero(id) {
                        kind = Type::quantity(self.inference.fresh());
                    }
                    let hint = self.graph.hints[id].clone();
                    let series = self.series.len();
                    let state = self.graph.push(Node::State(series), kind.along(true), hint);
                    self.series.push(Series {
                        name: item.name.clone(),
                        start: id,
                        next: id,
                        state,
                        place: series,
                        level: 0,
                    });
                    self.meanings.insert(item.name.clone(), Meaning::Series(series));
                }
                ItemForm::Function { .. } | ItemForm::Time { .. } => {}
            }
        }
        self.nexts()?;
        order::order_series(self)
    }

    /// Lowers what each series becomes after a step, once all names are known.
    fn nexts(&mut self) -> Outcome<()> {
        for number in 0..self.program.items.len() {
            let item = self.item(number);
            let (ItemForm::Series { start, next }, Some(&Meaning::Series(series))) =
                (&item.form, self.meanings.get(&item.name))
            else {
                continue;
            };
            if self.timeline.is_none() {
                return Err(self.no_time(item.at));
            }
            self.current = (format!("{}.next", item.name), 0);
            self.in_next = true;
            let id = self.lower(start + 1..item.nodes.end, *next, &HashMap::new())?;
            self.in_next = false;
            let at = self.program.ast.points[*next];
            let state = self.series[series].state;
            let (_, id) = self.alike(state, id, at, "continue", "with")?;
            if self.kind(id).form != self.kind(state).form {
                return Err(self.mismatch(state, id, at, "continue", "with"));
            }
            self.series[series].next = id;
        }
        Ok(())
    }

    fn no_time(&self, at: Span) -> Diagnostic {
        self.error("there is no time axis here", at, "this runs along a path")
            .help("declare one: `time from 2026 to 2046 step 1 yr`")
    }

    /// `from`, `to` and `step`, which other definitions may use by name.
    fn time_axis(&mut self) -> Outcome<()> {
        let Some(&number) = self.items.get("time") else { return Ok(()) };
        let item = self.item(number);
        let ItemForm::Time { from, to, step } = item.form else { return Ok(()) };
        let mut values = [0; 3];
        let mut first = item.nodes.start;
        for (slot, root) in [from, to, step].into_iter().enumerate() {
            let at = self.program.ast.spans[root];
            let mut id = self.lower(first..root + 1, root, &HashMap::new())?;
            first = root + 1;
            if slot < 2 {
                id = self.as_instant(id).unwrap_or(id);
            }
            let kind = self.kind(id);
            let time = self.time_dimension();
            let fits = kind.is_instant() == (slot < 2) && kind.dimension == time;
            if !fits || self.graph.constant(id).is_none() {
                let what = if slot < 2 { "a fixed date" } else { "a fixed time" };
                let found = kind.describe(&mut self.units);
                return Err(self
                    .error(
                        format!("expected {what}, found {found}"),
                        at,
                        format!("expected {what}"),
                    )
                    .help("write `time from 2026 to 2046 step 1 yr`"));
            }
            values[slot] = id;
        }
        let [from, to, step] = values;
        let constant = |id| self.graph.constant(id).unwrap_or(f64::NAN);
        let count = (constant(to) - constant(from)) / constant(step);
        if !(0.0..MAX_TIMES).contains(&count) {
            let at = item.at;
            return Err(self
                .error("this time axis cannot be walked", at, format!("{count:.1} steps"))
                .note(format!(
                    "a path has up to {MAX_TIMES} steps, from the first date to the last"
                )));
        }
        self.meanings.insert("from".into(), Meaning::Value(from));
        self.meanings.insert("step".into(), Meaning::Value(step));
        let time = self.time_dimension();
        let t = self.graph.push(Node::Time, Type::instant(time).along(true), Hint::default());
        self.meanings.insert("t".into(), Meaning::Value(t));
        self.timeline = Some((from, to, step));
        Ok(())
    }

    fn unit(&mut self, text: &UnitText, at: Span) -> Outcome<Unit> {
        match self.units.understand(text) {
            Ok(unit) => Ok(unit),
            Err(Misfit::TooLarge) => Err(self.error("exponents too large", at, "in this unit")),
            Err(Misfit::Unknown(index)) => {
                let name = &text.atoms[index].name;
                Err(self.error(format!("unknown unit `{name}`"), at, "not a unit"))
            }
        }
    }

    fn finish(mut self) -> Outcome<Checked> {
        for id in 0..self.graph.types.len() {
            let dimension = self.inference.resolve(&self.graph.types[id].dimension);
            let unsolved = |d: &Dimension| d.exponents().iter().any(|(s, _)| s.is_variable());
            // A dimension nothing pins down is as good as none.
            self.graph.types[id].dimension = dimension.filter(|d| !unsolved(d)).unwrap_or_default();
        }
        for index in 0..self.definitions.len() {
            let definition = self.definitions[index].clone();
            let kind = self.kind(definition.root);
            let Some(unit) = &definition.unit else { continue };
            if kind.form != Form::Quantity || unit.dimension != kind.dimension {
                let (is, wants) =
                    (kind.describe(&mut self.units), self.units.describe(&unit.dimension));
                return Err(self.error(
                    format!("`{}` is {is} and cannot be shown in {unit}, {wants}", definition.name),
                    definition.at,
                    is.clone(),
                ));
            }
        }
        let constant = |id: Id| self.graph.constant(id).unwrap_or(0.0);
        let timeline = self.timeline.map(|(from, to, step)| Timeline {
            from: constant(from),
            step: constant(step),
            count: ((constant(to) - constant(from)) / constant(step) + 1e-9) as usize + 1,
        });
        let order: HashMap<&str, usize> =
            self.program.items.iter().enumerate().map(|(i, item)| (&*item.name, i)).collect();
        self.definitions.sort_by_key(|definition| order.get(&*definition.name).copied());
        Ok(Checked {
            graph: self.graph,
            units: self.units,
            leaves: self.leaves,
            definitions: self.definitions,
            series: self.series,
            timeline,
        })
    }

    fn kind(&self, id: Id) -> Type {
        let kind = &self.graph.types[id];
        let dimension = self.inference.resolve(&kind.dimension);
        Type { dimension: dimension.unwrap_or_default(), ..kind.clone() }
    }

    /// The literal 0, which fits any dimension.
    fn is_zero(&self, id: Id) -> bool {
        self.graph.constant(id) == Some(0.0) && self.kind(id).is_plain_number()
    }

    /// The value as a date, where it can be one: a year such as 2030 written as a plain number,
    /// or an uncertain input between such years.
    fn as_instant(&mut self, id: Id) -> Option<Id> {
        let years = 1000.0..10_000.0;
        let kind = self.kind(id);
        if kind.is_instant() {
            return Some(id);
        }
        if !kind.is_plain_number() {
            return None;
        }
        let instant = Type::instant(self.time_dimension()).along(kind.path);
        match self.graph.nodes[id] {
            Node::Const(bits) => {
                let year = f64::from_bits(bits);
                let node = Node::Const((year * YEAR).to_bits());
                years.contains(&year).then(|| self.graph.push(node, instant, Hint::default()))
            }
            Node::Leaf(leaf) => {
                let recipe = self.leaves[leaf].recipe.as_ref()?;
                let all = recipe.values();
                if all.is_empty() || !all.iter().all(|value| years.contains(value)) {
                    return None;
                }
                let year = self.number(YEAR);
                let node = Node::Binary(crate::graph::Binary::Mul, id, year);
                Some(self.graph.push(node, instant, Hint::default()))
            }
            _ => None,
        }
    }
}

fn number_node(graph: &Graph, leaf: usize) -> Id {
    graph.nodes.iter().position(|node| *node == Node::Leaf(leaf)).unwrap_or(0)
}

/// Reads a unit given as text; `origin` names what it belongs to.
pub(crate) fn parse_unit(units: &mut Units, origin: &str, text: &str) -> Outcome<Unit> {
    let sources = Sources(vec![Source::new(origin, text)]);
    let mut ast = crate::ast::Ast::default();
    let read = crate::parse::Parser::new(&sources, 0, units, &mut ast)?.lone_unit()?;
    units.understand(&read).map_err(|_| {
        let all = Span { source: 0, start: 0, end: text.len() as u32 };
        sources.error("this unit cannot be understood", all, "exponents too large")
    })
}

/// The role of leaves that come from distributions.
pub(crate) const UNCERTAIN: Role = Role::Input;
