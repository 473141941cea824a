//! From the checked graph to rows: every step of a path written out.
//!
//! Paths become so many ordinary values, so that derivatives, JavaScript and sharing need to
//! know nothing of time; what does not depend on time is one node however many steps there are.

use std::collections::HashMap;

use crate::checked::Checked;
use crate::graph::{Binary, Id as GraphId, Node as GraphNode, PathOp, Unary};
use crate::tape::dag::{Dag, Id};
use crate::types::Form;

/// Rows may have this many operations before the program is refused.
pub(crate) const MAX_NODES: usize = 4_000_000;

/// More than [`MAX_NODES`] operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooLong;

/// Where a node is evaluated: at step `step`, and inside the `next` of a series or not.
///
/// Inside the `next` of series X that leads from step k to k + 1, X is its value at k, other
/// series are at k + 1, and `t` is the time at k.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Moment {
    step: usize,
    inside: Option<usize>,
}

const ONCE: Moment = Moment { step: 0, inside: None };

pub(crate) struct Unroll<'a> {
    checked: &'a Checked,
    pub(crate) dag: Dag,
    made: HashMap<(GraphId, Moment), Id>,
    /// Series by level and, within one, by their order of update; states by series and step.
    order: Vec<usize>,
    states: Vec<Vec<Id>>,
    /// Whether anything summarises a path.
    summarises: bool,
}

fn is_summary(node: GraphNode) -> bool {
    matches!(node, GraphNode::Path(..) | GraphNode::At(..))
}

impl<'a> Unroll<'a> {
    pub(crate) fn new(checked: &'a Checked) -> Self {
        let positive = checked
            .leaves
            .iter()
            .map(|leaf| leaf.recipe.as_ref().is_some_and(crate::Recipe::is_positive))
            .collect();
        let mut order: Vec<usize> = (0..checked.series.len()).collect();
        order.sort_by_key(|&s| (checked.series[s].level, checked.series[s].place));
        let summarises = checked.graph.nodes.iter().any(|&node| is_summary(node));
        let (made, states) = (HashMap::new(), Vec::new());
        Self { checked, dag: Dag::new(positive), made, order, states, summarises }
    }

    /// The values of `root`: one, or one for each time of its path.
    pub(crate) fn values(&mut self, root: GraphId) -> Result<Vec<Id>, TooLong> {
        let graph = &self.checked.graph;
        let state = |&id: &GraphId| matches!(graph.nodes[id], GraphNode::State(_));
        if self.states.is_empty() && graph.reach(&[root]).iter().any(state) {
            self.write_out()?;
        }
        self.summaries(&[root])?;
        self.along(root)
    }

    /// Summaries of paths may rest on summaries of paths: innermost first, so that a long chain of
    /// them is a loop and not a recursion.
    fn summaries(&mut self, roots: &[GraphId]) -> Result<(), TooLong> {
        if self.summarises {
            for id in self.checked.graph.reach(roots) {
                if is_summary(self.checked.graph.nodes[id]) {
                    self.value(id, ONCE)?;
                }
            }
        }
        Ok(())
    }

    fn along(&mut self, root: GraphId) -> Result<Vec<Id>, TooLong> {
        if !self.checked.graph.types[root].path {
            return Ok(vec![self.value(root, ONCE)?]);
        }
        (0..self.count()).map(|step| self.value(root, Moment { step, inside: None })).collect()
    }

    fn count(&self) -> usize {
        self.checked.timeline.map_or(1, |timeline| timeline.count)
    }

    fn time(&self, step: usize) -> f64 {
        self.checked
            .timeline
            .map_or(f64::NAN, |timeline| timeline.from + timeline.step * step as f64)
    }

    /// Writes out all series from start to end: those of one level together, step by step, since
    /// those above look at their whole paths.
    fn write_out(&mut self) -> Result<(), TooLong> {
        let checked = self.checked;
        let order = self.order.clone();
        self.states = vec![Vec::new(); order.len()];
        for level in order.chunk_by(|&a, &b| checked.series[a].level == checked.series[b].level) {
            let formulas =
                level.iter().flat_map(|&s| [checked.series[s].start, checked.series[s].next]);
            self.summaries(&formulas.collect::<Vec<_>>())?;
            for step in 0..self.count() {
                for &series in level {
                    let id = match step.checked_sub(1) {
                        None => self.value(checked.series[series].start, ONCE)?,
                        Some(before) => {
                            let moment = Moment { step: before, inside: Some(series) };
                            self.value(checked.series[series].next, moment)?
                        }
                    };
                    self.states[series].push(id);
                }
            }
        }
        Ok(())
    }

    /// The value of `root` at `moment`, by a loop over what it is made of.
    fn value(&mut self, root: GraphId, moment: Moment) -> Result<Id, TooLong> {
        let moment = self.moment(root, moment);
        if let Some(&id) = self.made.get(&(root, moment)) {
            return Ok(id);
        }
        // Parts have smaller numbers: gather what is missing, then make it in order.
        let mut missing = std::collections::BTreeSet::from([root]);
        let mut order = Vec::new();
        while let Some(id) = missing.pop_last() {
            let at = self.moment(id, moment);
            if self.made.contains_key(&(id, at)) {
                continue;
            }
            order.push(id);
            missing.extend(self.same_time_parts(id));
        }
        for id in order.into_iter().rev() {
            let at = self.moment(id, moment);
            let made = self.make(id, at)?;
            if self.dag.nodes.len() > MAX_NODES {
                return Err(TooLong);
            }
            self.made.insert((id, at), made);
        }
        Ok(self.made[&(root, moment)])
    }

    /// Values that do not run along a path are the same at every moment.
    fn moment(&self, id: GraphId, moment: Moment) -> Moment {
        if self.checked.graph.types[id].path { moment } else { ONCE }
    }

    /// The parts of a node that are evaluated at its own moment.
    fn same_time_parts(&self, id: GraphId) -> Vec<GraphId> {
        match self.checked.graph.nodes[id] {
            GraphNode::Path(..) | GraphNode::Before(_) => Vec::new(),
            GraphNode::At(_, when) => vec![when],
            _ => self.checked.graph.parts(id).into_iter().flatten().collect(),
        }
    }

    fn make(&mut self, id: GraphId, moment: Moment) -> Result<Id, TooLong> {
        let part = |unroll: &Self, part: GraphId| unroll.made[&(part, unroll.moment(part, moment))];
        Ok(match self.checked.graph.nodes[id] {
            GraphNode::Const(bits) => self.dag.number(f64::from_bits(bits)),
            GraphNode::Leaf(leaf) => self.dag.leaf(leaf),
            GraphNode::Time => {
                let time = self.time(moment.step);
                self.dag.number(time)
            }
            GraphNode::State(series) => {
                let after = moment.inside.is_some_and(|inside| inside != series);
                let step = moment.step + usize::from(after);
                // Series are written out in an order that has this one ready.
                self.states[series][step]
            }
            GraphNode::Unary(op, a) => {
                let a = part(self, a);
                self.dag.unary(op, a)
            }
            GraphNode::Binary(op, a, b) => {
                let (a, b) = (part(self, a), part(self, b));
                self.dag.binary(op, a, b)
            }
            GraphNode::Select(c, a, b) => {
                let (c, a, b) = (part(self, c), part(self, a), part(self, b));
                self.dag.select(c, a, b)
            }
            GraphNode::Sample(op, a, level) => {
                let a = part(self, a);
                self.dag.sample(op, a, level)
            }
            GraphNode::Before(a) => self.value(a, Moment { inside: None, ..moment })?,
            GraphNode::Path(op, a) => self.summary(op, a)?,
            GraphNode::At(path, when) => {
                let when = part(self, when);
                self.at(path, when)?
            }
        })
    }

    fn summary(&mut self, op: PathOp, path: GraphId) -> Result<Id, TooLong> {
        let values = self.along(path)?;
        let count = values.len();
        let times: Vec<Id> = (0..count)
            .map(|step| {
                let time = self.time(step);
                self.dag.number(time)
            })
            .collect();
        let dag = &mut self.dag;
        match op {
            PathOp::Max | PathOp::Min => {
                let op = if op == PathOp::Max { Binary::Max } else { Binary::Min };
                let best = values.iter().copied().reduce(|best, value| dag.binary(op, best, value));
                Ok(best.unwrap_or(values[0]))
            }
            PathOp::Mean => {
                let sum = values.iter().copied().reduce(|sum, value| dag.add(sum, value));
                let count = dag.number(count as f64);
                Ok(dag.div(sum.unwrap_or(values[0]), count))
            }
            PathOp::First => {
                let never = dag.number(f64::INFINITY);
                let pairs = values.iter().zip(&times).rev();
                Ok(pairs.fold(never, |later, (&holds, &time)| dag.select(holds, time, later)))
            }
            PathOp::ArgMax | PathOp::ArgMin => {
                let (mut best, mut when) = (values[0], times[0]);
                for (&value, &time) in values.iter().zip(&times).skip(1) {
                    let better = match op {
                        PathOp::ArgMax => dag.binary(Binary::Less, best, value),
                        _ => dag.binary(Binary::Less, value, best),
                    };
                    when = dag.select(better, time, when);
                    best = dag.select(better, value, best);
                }
                Ok(when)
            }
        }
    }

    /// A path at a date: at a step its value there, between steps on the straight line (a
    /// condition keeps its last value), outside the time axis undefined.
    fn at(&mut self, path: GraphId, when: Id) -> Result<Id, TooLong> {
        let values = self.along(path)?;
        let condition = self.checked.graph.types[path].form == Form::Truth;
        let Some(timeline) = self.checked.timeline else { return Ok(values[0]) };
        let dag = &mut self.dag;
        let (from, step) = (dag.number(timeline.from), dag.number(timeline.step));
        let since = dag.sub(when, from);
        let place = dag.div(since, step);
        if let Some(place) = dag.constant(place)
            && place.fract() == 0.0
            && place >= 0.0
            && let Some(&value) = values.get(place as usize)
        {
            return Ok(value);
        }
        let undefined = dag.number(f64::NAN);
        let mut out = undefined;
        for (number, &value) in values.iter().enumerate() {
            let start = dag.number(number as f64);
            let reached = dag.binary(Binary::LessEqual, start, place);
            let line = match values.get(number + 1) {
                Some(&next) if !condition => {
                    let (rise, run) = (dag.sub(next, value), dag.sub(place, start));
                    let climb = dag.mul(rise, run);
                    dag.add(value, climb)
                }
                _ => value,
            };
            out = dag.select(reached, line, out);
        }
        let last = dag.number((values.len() - 1) as f64);
        let inside = dag.binary(Binary::LessEqual, place, last);
        let outside = dag.unary(Unary::Neg, undefined);
        Ok(dag.select(inside, out, outside))
    }
}
