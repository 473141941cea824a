//! What a fitter asks of a formula: what it depends on, and what enters it linearly.

use std::collections::HashMap;

use diagnostic::Diagnostic;

use crate::checked::{Checked, Leaf};
use crate::dimension::Dimension;
use crate::environment::Role;
use crate::graph::{Binary, Id, Node, PathOp, SampleOp, Unary};
use crate::recipe::Recipe;
use crate::types::Form;
use crate::units::Unit;

/// An uncertain input of a program: a distribution as written, and what it draws.
#[derive(Debug, Clone, PartialEq)]
pub struct Input {
    /// The definition's name where the distribution is all of it (`gap = 300 to 3000`), else the
    /// definition's name with a number (`cost.1`).
    pub name: String,
    /// Family and numbers.
    pub recipe: Recipe,
    /// Whether the draws are dates, whose numbers are seconds since the year 0.
    pub is_date: bool,
}

/// The part of a formula that is linear in some names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Linear {
    /// Functions around the linear part, outermost first: `["log"]` for `log(E + A/N^alpha)`.
    pub links: Vec<String>,
    /// The names, in the order asked for, which enter the inside linearly, all together.
    pub names: Vec<String>,
}

/// How a node depends on a set of names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Degree {
    Free,
    Linear,
    Beyond,
}

impl Checked {
    /// Definitions, series and other names that have a value.
    pub fn names(&self) -> Vec<&str> {
        let definitions = self.definitions.iter().map(|definition| definition.name.as_str());
        definitions.chain(self.series.iter().map(|series| series.name.as_str())).collect()
    }

    pub(crate) fn find(&self, name: &str) -> Result<Id, Diagnostic> {
        if let Some(definition) = self.definitions.iter().find(|d| d.name == name) {
            return Ok(definition.root);
        }
        if let Some(series) = self.series.iter().find(|series| series.name == name) {
            return Ok(series.state);
        }
        if let Some(leaf) = self.leaves.iter().find(|leaf| leaf.name == name) {
            return Ok(leaf.node);
        }
        let problem = Diagnostic::error(format!("there is no definition `{name}`"));
        Err(match diagnostic::nearest(name, self.names()) {
            Some(near) => problem.help(format!("did you mean `{near}`?")),
            None => problem.help(format!("defined are: {}", self.names().join(", "))),
        })
    }

    /// The distributions in the program, in the order they are written.
    pub fn inputs(&self) -> Vec<Input> {
        let input = |leaf: &Leaf| {
            let recipe = leaf.recipe.clone()?;
            let is_date = self.graph.types[leaf.node].form == Form::Instant;
            Some(Input { name: leaf.name.clone(), recipe, is_date })
        };
        self.leaves.iter().filter_map(input).collect()
    }

    /// The outside names (data, parameters, inputs) that `name` depends on.
    pub fn depends_on(&self, name: &str) -> Result<Vec<String>, Diagnostic> {
        let mut names = Vec::new();
        let reach = self.reach_through_series(self.find(name)?);
        for (number, leaf) in self.leaves.iter().enumerate() {
            if reach.iter().any(|&id| self.graph.nodes[id] == Node::Leaf(number)) {
                names.push(leaf.name.clone());
            }
        }
        Ok(names)
    }

    /// The outside names whose product, with powers and constants, `name` is: those reached from it
    /// through products, quotients, powers and signs alone.
    ///
    /// ```
    /// use formula::{Environment, Program};
    ///
    /// let names = ["a", "b", "c"].iter().fold(Environment::new(), |e, name| e.input(*name, ""));
    /// let checked = Program::parse("x", "y = 2 * a / b ^ 3\nz = y * (1 + c)")?.check(&names)?;
    /// assert_eq!(checked.factors("z")?, ["a", "b"]);
    /// # Ok::<(), diagnostic::Diagnostic>(())
    /// ```
    pub fn factors(&self, name: &str) -> Result<Vec<String>, Diagnostic> {
        let mut open = vec![self.find(name)?];
        let mut seen = Vec::new();
        while let Some(id) = open.pop() {
            if seen.contains(&id) {
                continue;
            }
            seen.push(id);
            match self.graph.nodes[id] {
                Node::Binary(Binary::Mul | Binary::Div, a, b) => open.extend([a, b]),
                Node::Binary(Binary::Pow, a, _) | Node::Unary(Unary::Neg, a) => open.push(a),
                _ => {}
            }
        }
        let is_factor =
            |number: &usize| seen.iter().any(|&id| self.graph.nodes[id] == Node::Leaf(*number));
        let numbers = (0..self.leaves.len()).filter(is_factor);
        Ok(numbers.map(|number| self.leaves[number].name.clone()).collect())
    }

    fn reach_through_series(&self, root: Id) -> Vec<Id> {
        let mut roots = vec![root];
        loop {
            let reach = self.graph.reach(&roots);
            let mut more = Vec::new();
            for &id in &reach {
                if let Node::State(series) = self.graph.nodes[id] {
                    let series = &self.series[series];
                    more.extend(
                        [series.start, series.next].into_iter().filter(|id| !roots.contains(id)),
                    );
                }
            }
            if more.is_empty() {
                return reach;
            }
            roots.extend(more);
        }
    }

    /// The role of an outside name.
    pub fn role(&self, name: &str) -> Option<Role> {
        self.leaves.iter().find(|leaf| leaf.name == name).map(|leaf| leaf.role)
    }

    /// The unit of an outside name: as declared, or for a free name as inferred, in base units.
    pub fn unit_of(&self, name: &str) -> Option<String> {
        let leaf = self.leaves.iter().find(|leaf| leaf.name == name)?;
        if leaf.free || leaf.unit.is_none() {
            return Some(self.units.clone().spell(self.dimension(leaf.node)));
        }
        leaf.unit.as_ref().map(Unit::to_string)
    }

    /// The dimension and kind of a definition in base units: `USD/W`, `W[it]`, empty for a plain
    /// number.
    pub fn dimension_of(&self, name: &str) -> Result<String, Diagnostic> {
        let dimension: &Dimension = self.dimension(self.find(name)?);
        Ok(self.units.clone().spell(dimension))
    }

    /// Whether `name` is linear (with a constant) in all of `names` together.
    pub fn linear_in(&self, name: &str, names: &[&str]) -> Result<bool, Diagnostic> {
        let (leaves, root) = (self.leaves_of(names)?, self.find(name)?);
        Ok(self.degree(root, &leaves) <= Degree::Linear)
    }

    /// The largest set, by trying `names` in order, in which `name` is linear together; looking
    /// through functions of one value around it (`log(E + A/N^alpha)` is linear in E and A
    /// inside its `log`).
    ///
    /// Variable projection solves for these names in closed form.
    pub fn linear_names(&self, name: &str, names: &[&str]) -> Result<Linear, Diagnostic> {
        let mut root = self.find(name)?;
        let all = self.leaves_of(names)?;
        let mut links = Vec::new();
        loop {
            let mut chosen = Vec::new();
            let mut leaves = Vec::new();
            for (name, &leaf) in names.iter().zip(&all) {
                leaves.push(leaf);
                if self.degree(root, &leaves) == Degree::Linear && self.uses(root, leaf) {
                    chosen.push((*name).to_owned());
                } else {
                    leaves.pop();
                }
            }
            let Node::Unary(op, inside) = self.graph.nodes[root] else {
                return Ok(Linear { links, names: chosen });
            };
            if !chosen.is_empty() || op == Unary::Neg {
                return Ok(Linear { links, names: chosen });
            }
            links.push(link_name(op).to_owned());
            root = inside;
        }
    }

    fn leaves_of(&self, names: &[&str]) -> Result<Vec<usize>, Diagnostic> {
        let position = |name: &&str| {
            self.leaves.iter().position(|leaf| leaf.name == *name).ok_or_else(|| {
                let problem = Diagnostic::error(format!("`{name}` is not an outside name"));
                let known = self.leaves.iter().map(|leaf| leaf.name.as_str());
                match diagnostic::nearest(name, known) {
                    Some(near) => problem.help(format!("did you mean `{near}`?")),
                    None => problem,
                }
            })
        };
        names.iter().map(position).collect()
    }

    fn uses(&self, root: Id, leaf: usize) -> bool {
        self.graph.reach(&[root]).iter().any(|&id| self.graph.nodes[id] == Node::Leaf(leaf))
    }

    fn degree(&self, root: Id, leaves: &[usize]) -> Degree {
        use Degree::{Beyond, Free, Linear};
        let mut degrees: HashMap<Id, Degree> = HashMap::new();
        let series = |number: usize| {
            let both = [self.series[number].start, self.series[number].next];
            let reach = both.map(|id| self.reach_through_series(id));
            let touched = reach.iter().flatten().any(
                |&id| matches!(self.graph.nodes[id], Node::Leaf(leaf) if leaves.contains(&leaf)),
            );
            if touched { Beyond } else { Free }
        };
        for id in self.graph.reach(&[root]) {
            let at = |part: Id| degrees[&part];
            let free_or_beyond = |degree: Degree| if degree == Free { Free } else { Beyond };
            let degree = match self.graph.nodes[id] {
                Node::Const(_) | Node::Time => Free,
                Node::Leaf(leaf) => {
                    if leaves.contains(&leaf) {
                        Linear
                    } else {
                        Free
                    }
                }
                Node::State(number) => series(number),
                Node::Binary(Binary::Add | Binary::Sub, a, b) => at(a).max(at(b)),
                Node::Binary(Binary::Mul, a, b) => match (at(a), at(b)) {
                    (Free, other) | (other, Free) => other,
                    _ => Beyond,
                },
                Node::Binary(Binary::Div, a, b) => {
                    if at(b) == Free {
                        at(a)
                    } else {
                        Beyond
                    }
                }
                Node::Binary(Binary::Pow, a, b) if self.graph.constant(b) == Some(1.0) => at(a),
                Node::Binary(_, a, b) => free_or_beyond(at(a).max(at(b))),
                Node::Select(c, a, b) => free_or_beyond(at(c)).max(at(a).max(at(b))),
                Node::Unary(Unary::Neg, a)
                | Node::Before(a)
                | Node::Path(PathOp::Mean, a)
                | Node::Sample(SampleOp::Mean, a, _) => at(a),
                Node::Unary(_, a) | Node::Path(_, a) | Node::Sample(_, a, _) => {
                    free_or_beyond(at(a))
                }
                Node::At(a, when) => at(a).max(free_or_beyond(at(when))),
            };
            degrees.insert(id, degree);
        }
        degrees[&root]
    }
}

fn link_name(op: Unary) -> &'static str {
    match op {
        Unary::Neg => "-",
        Unary::Not => "not",
        Unary::Exp => "exp",
        Unary::Ln => "log",
        Unary::Log10 => "log10",
        Unary::Log2 => "log2",
        Unary::Log1p => "log1p",
        Unary::Expm1 => "expm1",
        Unary::Sqrt => "sqrt",
        Unary::Abs => "abs",
        Unary::Floor => "floor",
        Unary::Ceil => "ceil",
        Unary::Round => "round",
        Unary::Tanh => "tanh",
    }
}
