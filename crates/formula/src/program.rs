//! A program: definitions, functions, series and units, read from one or several texts.

use diagnostic::Diagnostic;

use crate::ast::{Ast, Form, Item, Node};
use crate::parse::Parser;
use crate::source::{Source, Sources, Span};
use crate::units::Units;

/// What was written, read but not yet checked.
///
/// A program grows: each call reads one more text. After an error the program is as it was
/// before the call, except that units declared in the text stay declared.
#[derive(Debug, Clone, Default)]
pub struct Program {
    pub(crate) sources: Sources,
    pub(crate) ast: Ast,
    pub(crate) items: Vec<Item>,
    pub(crate) units: Units,
    pub(crate) results: usize,
}

#[expect(
    clippy::redundant_closure_for_method_calls,
    reason = "the methods themselves are tied to one lifetime of the parser"
)]
impl Program {
    /// A program without definitions.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads `text` from `origin` (a path, `<stdin>`): definitions, one a line.
    pub fn parse(origin: &str, text: &str) -> Result<Self, Diagnostic> {
        let mut program = Self::new();
        program.add(Source::new(origin, text))?;
        Ok(program)
    }

    /// Reads more definitions. A bare expression becomes `result`, the next one `result 2`.
    pub fn add(&mut self, source: Source) -> Result<(), Diagnostic> {
        let mut items = self.read(source, |parser| parser.statements())?;
        for item in &mut items {
            if item.name.is_empty() {
                self.results += 1;
                item.name = match self.results {
                    1 => "result".to_owned(),
                    count => format!("result {count}"),
                };
            }
        }
        self.items.extend(items);
        Ok(())
    }

    /// Defines `name` as the expression in `source`.
    ///
    /// Any name is taken: a scenario may call an output `never`. Formulas reach it by that name
    /// only where the language has no meaning of its own for it.
    pub fn define(&mut self, name: &str, source: Source) -> Result<(), Diagnostic> {
        let span = self.next_span();
        let (nodes, form) = self.read_nodes(source, |parser| parser.lone_value())?;
        self.items.push(Item { name: name.to_owned(), at: span, form, nodes });
        Ok(())
    }

    /// Defines a function: `head` is `annuity(r, n)`, `body` its expression.
    ///
    /// A head without brackets defines a plain name.
    pub fn define_function(&mut self, head: Source, body: Source) -> Result<(), Diagnostic> {
        if !head.code().contains('(') {
            return self.define(head.code().trim(), body);
        }
        let (_, (name, at, parameters)) = self.read_nodes(head, |parser| parser.head())?;
        let (nodes, root) = self.read_nodes(body, |parser| parser.lone_expression())?;
        self.items.push(Item { name, at, form: Form::Function { parameters, body: root }, nodes });
        Ok(())
    }

    /// Defines a series by its first value and the value after each step.
    pub fn define_series(
        &mut self,
        name: &str,
        start: Source,
        next: Source,
    ) -> Result<(), Diagnostic> {
        let at = self.next_span();
        let (first, start) = self.read_nodes(start, |parser| {
            parser.check_new(name, at)?;
            parser.lone_expression()
        })?;
        let (last, next) = self.read_nodes(next, |parser| parser.lone_expression())?;
        let nodes = first.start..last.end;
        self.items.push(Item {
            name: name.to_owned(),
            at,
            form: Form::Series { start, next },
            nodes,
        });
        Ok(())
    }

    /// Sets the time axis of paths: two dates and a duration.
    pub fn set_time(&mut self, from: Source, to: Source, step: Source) -> Result<(), Diagnostic> {
        let at = self.next_span();
        let (first, from) = self.read_nodes(from, |parser| parser.lone_expression())?;
        let (_, to) = self.read_nodes(to, |parser| parser.lone_expression())?;
        let (last, step) = self.read_nodes(step, |parser| parser.lone_expression())?;
        let nodes = first.start..last.end;
        let form = Form::Time { from, to, step };
        self.items.push(Item { name: "time".to_owned(), at, form, nodes });
        Ok(())
    }

    /// Declares a unit: `new` for a base unit, or so much of another: `1.979e15 FLOP/s`.
    ///
    /// Units decide how numbers are read: declare them before the texts that use them.
    pub fn declare_unit(&mut self, name: &str, source: Source) -> Result<(), Diagnostic> {
        let at = self.next_span();
        self.read(source, |parser| {
            parser.check_new(name, at)?;
            parser.unit_value(name)?;
            parser.end_of_text()
        })
    }

    /// The names defined so far, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.items.iter().map(|item| item.name.as_str())
    }

    /// The names used without being defined here, in the order of their first use: what an
    /// [`Environment`](crate::Environment) has to declare.
    pub fn outside_names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for item in &self.items {
            let parameters: &[String] = match &item.form {
                Form::Function { parameters, .. } => parameters,
                _ => &[],
            };
            for node in &self.ast.nodes[item.nodes.clone()] {
                let Node::Name(name) = node else { continue };
                let defined = self.items.iter().any(|item| item.name == *name);
                if !defined && !parameters.contains(name) && !names.contains(&name.as_str()) {
                    names.push(name);
                }
            }
        }
        names
    }

    /// Every definition as text, one a line; reading it again gives the same program.
    ///
    /// Declared units are not repeated.
    pub fn print(&self) -> String {
        let mut out = String::new();
        for item in &self.items {
            let print = |root| crate::print::print(&self.ast, root);
            let bare = item.name == "result" || item.name.starts_with("result ");
            let line = match &item.form {
                Form::Value { root, link, unit } => {
                    let target = match link {
                        Some(link) => format!("{link}({}) = ", item.name),
                        None if bare => String::new(),
                        None => format!("{} = ", item.name),
                    };
                    let unit = unit.as_ref().map(|(unit, _)| format!(" in {unit}"));
                    format!("{target}{}{}", print(*root), unit.unwrap_or_default())
                }
                Form::Function { parameters, body } => {
                    format!("{}({}) = {}", item.name, parameters.join(", "), print(*body))
                }
                Form::Series { start, next } => {
                    format!("series {} = start {} next {}", item.name, print(*start), print(*next))
                }
                Form::Time { from, to, step } => {
                    format!("time from {} to {} step {}", print(*from), print(*to), print(*step))
                }
            };
            out.push_str(&line);
            out.push('\n');
        }
        out
    }

    fn next_span(&self) -> Span {
        Span { source: self.sources.0.len() as u32, start: 0, end: 1 }
    }

    fn read<T>(
        &mut self,
        source: Source,
        read: impl FnOnce(&mut Parser<'_>) -> Result<T, Diagnostic>,
    ) -> Result<T, Diagnostic> {
        self.read_nodes(source, read).map(|(_, value)| value)
    }

    fn read_nodes<T>(
        &mut self,
        source: Source,
        read: impl FnOnce(&mut Parser<'_>) -> Result<T, Diagnostic>,
    ) -> Result<(std::ops::Range<usize>, T), Diagnostic> {
        let number = self.sources.0.len() as u32;
        let first = self.ast.nodes.len();
        self.sources.0.push(source);
        let outcome = Parser::new(&self.sources, number, &mut self.units, &mut self.ast)
            .and_then(|mut parser| read(&mut parser));
        if outcome.is_err() {
            self.ast.truncate(first);
            self.sources.0.pop();
        }
        outcome.map(|value| (first..self.ast.nodes.len(), value))
    }
}
