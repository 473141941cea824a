//! Compiled programs as JavaScript, so that a report computes in a browser without a server.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

use diagnostic::Diagnostic;

use crate::checked::Checked;
use crate::compiled::Compiled;
use crate::environment::Role;
use crate::graph::{Binary, SampleOp, Unary};
use crate::tape::dag::{Dag, Id, Node};

/// What a browser's `Math` does not have.
const LIBRARY: &str = r"  const quantile = (values, level) => {
    const sorted = Float64Array.from(values).sort();
    if (sorted.length === 0 || sorted.some(Number.isNaN)) return NaN;
    const place = level * (sorted.length - 1), low = Math.floor(place), share = place - low;
    if (share === 0 || sorted[low] === sorted[low + 1]) return sorted[low];
    return sorted[low] + share * (sorted[low + 1] - sorted[low]);
  };
  const mean = (values) => {
    let sum = 0;
    for (const value of values) sum += value;
    return sum / values.length;
  };
  const round = (x) => { const low = Math.floor(x); return x - low >= 0.5 ? low + 1 : low; };
  const pow = (x, y) => (x === 1 ? 1 : Math.pow(x, y));
";

impl Checked {
    /// The definitions `outputs` as one JavaScript function: see [`Compiled::to_javascript`].
    pub fn to_javascript<S: AsRef<str>>(&self, outputs: &[S]) -> Result<String, Diagnostic> {
        Ok(self.compile(outputs)?.to_javascript())
    }
}

impl Compiled {
    /// One JavaScript function expression, `(input, rows) => output`, free of dependencies.
    ///
    /// `input` holds an array of `rows` numbers for each column and a number for each parameter;
    /// `output` holds a `Float64Array` for each of [`Compiled::column_names`]. Units are those of
    /// [`Compiled::evaluate`].
    ///
    /// ```
    /// use formula::{Environment, Program};
    ///
    /// let law = Program::parse("<law>", "loss = E + A / N^alpha")?;
    /// let names = Environment::new().data("N", "").parameter("E", "").parameter("A", "").parameter("alpha", "");
    /// let code = law.check(&names)?.to_javascript(&["loss"])?;
    /// assert!(code.starts_with("(input, rows) => {"));
    /// # Ok::<(), diagnostic::Diagnostic>(())
    /// ```
    pub fn to_javascript(&self) -> String {
        let (dag, roots, leaves) = self.parts();
        let writer = Writer::new(dag, roots, leaves);
        writer.function(self.column_names())
    }
}

struct Writer<'a> {
    dag: &'a Dag,
    roots: &'a [Id],
    leaves: &'a [(String, Role)],
    reach: Vec<Id>,
    /// Whether a value differs from row to row.
    rows: HashMap<Id, bool>,
    /// After how many rounds of summaries a value is known.
    levels: HashMap<Id, usize>,
}

impl<'a> Writer<'a> {
    fn new(dag: &'a Dag, roots: &'a [Id], leaves: &'a [(String, Role)]) -> Self {
        let reach = dag.reach(roots);
        let (mut rows, mut levels) = (HashMap::new(), HashMap::new());
        for &id in &reach {
            let parts = dag.parts(id);
            let level = parts.iter().map(|part| levels[part]).max().unwrap_or(0);
            let varies = match dag.node(id) {
                Node::Leaf(leaf) => leaves[*leaf].1 != Role::Parameter,
                Node::Sample(..) => false,
                _ => parts.iter().any(|part| rows[part]),
            };
            rows.insert(id, varies);
            levels.insert(id, level + usize::from(matches!(dag.node(id), Node::Sample(..))));
        }
        Self { dag, roots, leaves, reach, rows, levels }
    }

    fn function(&self, names: &[String]) -> String {
        let mut out = String::from("(input, rows) => {\n");
        out.push_str(LIBRARY);
        for &id in &self.reach {
            if let Node::Leaf(leaf) = self.dag.node(id) {
                let name = quoted(&self.leaves[*leaf].0);
                let _ = writeln!(out, "  const {} = input[{name}];", Self::leaf_name(id));
            }
        }
        for name in names.iter().enumerate().map(|(number, _)| number) {
            let _ = writeln!(out, "  const out{name} = new Float64Array(rows);");
        }
        let last = self.levels.values().copied().max().unwrap_or(0);
        for level in 0..=last {
            self.level(level, &mut out);
        }
        out.push_str("  return {");
        for (number, name) in names.iter().enumerate() {
            let comma = if number > 0 { ", " } else { " " };
            let _ = write!(out, "{comma}{}: out{number}", quoted(name));
        }
        out.push_str(" };\n}");
        out
    }

    fn level(&self, level: usize, out: &mut String) {
        for &id in &self.reach {
            let leaf = matches!(self.dag.node(id), Node::Leaf(_) | Node::Const(_));
            if self.rows[&id] || self.levels[&id] != level || leaf {
                continue;
            }
            let _ = writeln!(out, "  const {} = {};", self.name(id), self.expression(id));
        }
        let summarised: Vec<Id> = self
            .reach
            .iter()
            .filter_map(|&id| match self.dag.node(id) {
                Node::Sample(_, of, _) if self.levels[of] == level && self.rows[of] => Some(*of),
                _ => None,
            })
            .collect::<HashSet<Id>>()
            .into_iter()
            .collect::<std::collections::BTreeSet<Id>>()
            .into_iter()
            .collect();
        for &id in &summarised {
            let _ = writeln!(out, "  const column{id} = new Float64Array(rows);");
        }
        let outputs: Vec<(usize, Id)> = self
            .roots
            .iter()
            .copied()
            .enumerate()
            .filter(|(_, id)| self.levels[id] == level)
            .collect();
        let mut wanted: Vec<Id> = outputs.iter().map(|&(_, id)| id).collect();
        wanted.extend(&summarised);
        if wanted.is_empty() {
            return;
        }
        out.push_str("  for (let row = 0; row < rows; row++) {\n");
        for id in self.dag.reach(&wanted) {
            // Leaves are read where they are used.
            if self.rows[&id] && !matches!(self.dag.node(id), Node::Leaf(_)) {
                let _ = writeln!(out, "    const {} = {};", self.name(id), self.expression(id));
            }
        }
        for (number, id) in outputs {
            let _ = writeln!(out, "    out{number}[row] = {};", self.name(id));
        }
        for id in summarised {
            let _ = writeln!(out, "    column{id}[row] = {};", self.name(id));
        }
        out.push_str("  }\n");
    }

    fn leaf_name(id: Id) -> String {
        format!("x{id}")
    }

    fn name(&self, id: Id) -> String {
        match self.dag.node(id) {
            Node::Const(bits) => literal(f64::from_bits(*bits)),
            Node::Leaf(_) if self.rows[&id] => format!("{}[row]", Self::leaf_name(id)),
            Node::Leaf(_) => Self::leaf_name(id),
            _ => format!("v{id}"),
        }
    }

    fn expression(&self, id: Id) -> String {
        let name = |id: &Id| self.name(*id);
        match self.dag.node(id) {
            Node::Const(_) | Node::Leaf(_) => self.name(id),
            Node::Unary(op, a) => {
                let a = name(a);
                match op {
                    Unary::Neg => format!("-({a})"),
                    Unary::Not => format!("{a} === 0 ? 1 : 0"),
                    Unary::Exp => format!("Math.exp({a})"),
                    Unary::Ln => format!("Math.log({a})"),
                    Unary::Log10 => format!("Math.log10({a})"),
                    Unary::Log2 => format!("Math.log2({a})"),
                    Unary::Log1p => format!("Math.log1p({a})"),
                    Unary::Expm1 => format!("Math.expm1({a})"),
                    Unary::Sqrt => format!("Math.sqrt({a})"),
                    Unary::Abs => format!("Math.abs({a})"),
                    Unary::Floor => format!("Math.floor({a})"),
                    Unary::Ceil => format!("Math.ceil({a})"),
                    Unary::Round => format!("round({a})"),
                    Unary::Tanh => format!("Math.tanh({a})"),
                }
            }
            Node::Binary(op, a, b) => {
                let (a, b) = (name(a), name(b));
                match op {
                    Binary::Add => format!("{a} + {b}"),
                    Binary::Sub => format!("{a} - ({b})"),
                    Binary::Mul => format!("{a} * {b}"),
                    Binary::Div => format!("{a} / {b}"),
                    Binary::Pow => format!("pow({a}, {b})"),
                    Binary::Min => format!("Math.min({a}, {b})"),
                    Binary::Max => format!("Math.max({a}, {b})"),
                    Binary::Less => format!("{a} < {b} ? 1 : 0"),
                    Binary::LessEqual => format!("{a} <= {b} ? 1 : 0"),
                    Binary::Equal => format!("{a} === {b} ? 1 : 0"),
                    Binary::NotEqual => format!("{a} !== {b} ? 1 : 0"),
                    Binary::And => format!("({a} !== 0 && {b} !== 0) ? 1 : 0"),
                    Binary::Or => format!("({a} !== 0 || {b} !== 0) ? 1 : 0"),
                }
            }
            Node::Select(c, a, b) => format!("{} === 0 ? {} : {}", name(c), name(b), name(a)),
            Node::Power(x, y, _) => format!("pow({}, {})", name(x), name(y)),
            Node::Sample(op, of, bits) => {
                if !self.rows[of] {
                    return name(of);
                }
                match op {
                    SampleOp::Mean => format!("mean(column{of})"),
                    SampleOp::Quantile => {
                        format!("quantile(column{of}, {})", literal(f64::from_bits(*bits)))
                    }
                }
            }
            Node::LogSum(_) => "NaN".to_owned(),
        }
    }
}

/// A number as JavaScript reads it back.
fn literal(value: f64) -> String {
    if value.is_nan() {
        "NaN".to_owned()
    } else if value.is_infinite() {
        if value > 0.0 { "Infinity".to_owned() } else { "(-Infinity)".to_owned() }
    } else if value.is_sign_negative() {
        format!("({value:e})")
    } else {
        format!("{value:e}")
    }
}

/// A name as a JavaScript string, safe inside a page's `<script>` as well.
fn quoted(name: &str) -> String {
    let mut out = String::from("\"");
    for c in name.chars() {
        match c {
            '"' | '\\' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..='\x1f' => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests;
