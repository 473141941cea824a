//! From shared operations to instructions over registers: what is computed when, and where it
//! lies meanwhile.
//!
//! Every node falls in one of four classes. Constants and what depends on parameters alone are
//! single numbers. What depends on data alone is computed once for a table and kept ("hoisted").
//! The rest are instructions, run block by block.

use std::collections::HashMap;

use crate::graph::{Binary, SampleOp, Unary};
use crate::tape::dag::{Dag, Id, Node};

/// Where an operand lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    Scalar(u32),
    Column(u32),
    Hoisted(u32),
    Register(u32),
}

/// Where a result goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    Register(u32),
    Output(u32),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    Copy,
    Unary(Unary),
    Binary(Binary),
    Select,
    Power,
    /// `a b + c`; if one factor is a single number it is `a`.
    MulAdd,
    /// `a b - c`.
    MulSub,
    /// `c - a b`.
    SubMul,
    /// `exp(a b)`.
    ExpMul,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Instruction {
    pub(crate) code: Code,
    pub(crate) target: Target,
    /// Unused places repeat the first.
    pub(crate) sources: [Source; 3],
}

/// Instructions that run block by block.
#[derive(Debug, Clone, Default)]
pub(crate) struct Block {
    pub(crate) instructions: Vec<Instruction>,
    pub(crate) registers: usize,
}

/// A single number computed once an evaluation.
#[derive(Debug, Clone)]
pub(crate) enum Scalar {
    Const(f64),
    Parameter(usize),
    /// The number of an earlier or the same stage's summary of samples.
    Summary(usize),
    Unary(Unary, u32),
    Binary(Binary, u32, u32),
    Select(u32, u32, u32),
}

/// A summary over all rows, made after a stage.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Summary {
    pub(crate) op: SampleOp,
    pub(crate) level: f64,
    /// The column it summarises, or a single number, which is its own summary.
    pub(crate) of: SummaryOf,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum SummaryOf {
    /// Index among the stage's extra columns.
    Column(usize),
    Scalar(u32),
}

/// What can be computed between two rounds of summaries.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stage {
    /// Slots of single numbers, in order.
    pub(crate) scalars: Vec<(u32, Scalar)>,
    pub(crate) block: Block,
    /// The stage's outputs: first the program's own by number, then columns to summarise.
    pub(crate) outputs: Vec<usize>,
    pub(crate) extra: usize,
    pub(crate) summaries: Vec<(usize, Summary)>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Schedule {
    /// Computed once for a table: outputs are the hoisted columns.
    pub(crate) hoist: Block,
    pub(crate) hoisted: usize,
    pub(crate) hoist_scalars: Vec<(u32, Scalar)>,
    pub(crate) stages: Vec<Stage>,
    pub(crate) scalars: usize,
    pub(crate) summaries: usize,
}

/// What a leaf is for the schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LeafPlace {
    Column(u32),
    Parameter(usize),
}

#[derive(Debug, Clone, Copy, Default)]
struct Class {
    data: bool,
    parameter: bool,
    level: usize,
}

impl Class {
    fn is_hoistable(self) -> bool {
        self.data && !self.parameter && self.level == 0
    }
}

/// Plans the computation of `outputs`, whose log-sums have been expanded.
pub(crate) fn schedule(dag: &Dag, outputs: &[Id], place: impl Fn(usize) -> LeafPlace) -> Schedule {
    let reach = dag.reach(outputs);
    let mut classes: HashMap<Id, Class> = HashMap::with_capacity(reach.len());
    for &id in &reach {
        let mut class = Class::default();
        match dag.node(id) {
            Node::Leaf(leaf) => match place(*leaf) {
                LeafPlace::Column(_) => class.data = true,
                LeafPlace::Parameter(_) => class.parameter = true,
            },
            node => {
                for part in dag.parts(id) {
                    let part = classes[&part];
                    class.data |= part.data;
                    class.parameter |= part.parameter;
                    class.level = class.level.max(part.level);
                }
                if matches!(node, Node::Sample(..)) {
                    class.data = false;
                    class.level += 1;
                }
            }
        }
        classes.insert(id, class);
    }
    let planner = Planner { dag, classes, place: &place };
    planner.plan(&reach, outputs)
}

struct Planner<'a, P> {
    dag: &'a Dag,
    classes: HashMap<Id, Class>,
    place: &'a P,
}

/// Where values lie so far.
#[derive(Default)]
struct Places {
    scalars: HashMap<Id, u32>,
    hoisted: HashMap<Id, u32>,
    summaries: HashMap<Id, usize>,
}

impl<P: Fn(usize) -> LeafPlace> Planner<'_, P> {
    fn plan(&self, reach: &[Id], outputs: &[Id]) -> Schedule {
        let mut schedule = Schedule::default();
        let mut places = Places::default();
        let class = |id: Id| self.classes[&id];
        let fits = reach.iter().any(|&id| class(id).parameter);
        // Summaries get their numbers first: a stage's scalars may refer to any earlier one.
        for &id in reach {
            if matches!(self.dag.node(id), Node::Sample(..)) {
                places.summaries.insert(id, places.summaries.len());
            }
        }
        schedule.summaries = places.summaries.len();
        for &id in reach {
            if !class(id).data {
                places.scalars.insert(id, places.scalars.len() as u32);
            }
        }
        schedule.scalars = places.scalars.len();
        if fits {
            let hoisted = self.hoisted(reach, outputs);
            let wanted: std::collections::HashSet<Id> = hoisted.iter().copied().collect();
            schedule.hoist_scalars = reach
                .iter()
                .filter(|&&id| !class(id).data && !class(id).parameter && class(id).level == 0)
                .map(|&id| self.scalar(id, &places))
                .collect();
            let roots: Vec<(Id, u32)> =
                hoisted.iter().enumerate().map(|(number, &id)| (id, number as u32)).collect();
            schedule.hoist = self.block(&roots, &places);
            schedule.hoisted = hoisted.len();
            places.hoisted =
                hoisted.iter().enumerate().map(|(number, &id)| (id, number as u32)).collect();
            debug_assert_eq!(wanted.len(), hoisted.len());
        }
        let levels = reach.iter().map(|&id| class(id).level).max().unwrap_or(0);
        for level in 0..=levels {
            schedule.stages.push(self.stage(level, reach, outputs, &places));
        }
        schedule
    }

    /// Data-only values that something else needs.
    fn hoisted(&self, reach: &[Id], outputs: &[Id]) -> Vec<Id> {
        let hoistable = |id: Id| {
            self.classes[&id].is_hoistable() && !matches!(self.dag.node(id), Node::Leaf(_))
        };
        let mut wanted = std::collections::BTreeSet::new();
        for &id in reach {
            let class = self.classes[&id];
            let mixed = class.data && !class.is_hoistable();
            if mixed || matches!(self.dag.node(id), Node::Sample(..)) {
                wanted.extend(self.dag.parts(id).into_iter().filter(|&part| hoistable(part)));
            }
        }
        wanted.extend(outputs.iter().copied().filter(|&id| hoistable(id)));
        wanted.into_iter().collect()
    }

    fn stage(&self, level: usize, reach: &[Id], outputs: &[Id], places: &Places) -> Stage {
        let mut stage = Stage::default();
        for &id in reach {
            let class = self.classes[&id];
            if !class.data && class.level == level {
                stage.scalars.push(self.scalar(id, places));
            }
        }
        let mut roots = Vec::new();
        for (number, &id) in outputs.iter().enumerate() {
            if self.classes[&id].level == level {
                roots.push((id, stage.outputs.len() as u32));
                stage.outputs.push(number);
            }
        }
        for &id in reach {
            let Node::Sample(op, of, bits) = *self.dag.node(id) else { continue };
            let class = self.classes[&of];
            if class.level != level {
                continue;
            }
            let of = if class.data {
                roots.push((of, (stage.outputs.len() + stage.extra) as u32));
                stage.extra += 1;
                SummaryOf::Column(stage.extra - 1)
            } else {
                SummaryOf::Scalar(places.scalars[&of])
            };
            let summary = Summary { op, level: f64::from_bits(bits), of };
            stage.summaries.push((places.summaries[&id], summary));
        }
        stage.block = self.block(&roots, places);
        stage
    }

    fn scalar(&self, id: Id, places: &Places) -> (u32, Scalar) {
        let at = |id: &Id| places.scalars[id];
        let scalar = match self.dag.node(id) {
            Node::Const(bits) => Scalar::Const(f64::from_bits(*bits)),
            Node::Leaf(leaf) => match (self.place)(*leaf) {
                LeafPlace::Parameter(number) => Scalar::Parameter(number),
                LeafPlace::Column(_) => Scalar::Const(f64::NAN),
            },
            Node::Unary(op, a) => Scalar::Unary(*op, at(a)),
            Node::Binary(op, a, b) => Scalar::Binary(*op, at(a), at(b)),
            Node::Select(c, a, b) => Scalar::Select(at(c), at(a), at(b)),
            Node::Power(x, y, _) => Scalar::Binary(Binary::Pow, at(x), at(y)),
            Node::Sample(..) => Scalar::Summary(places.summaries[&id]),
            Node::LogSum(_) => Scalar::Const(f64::NAN),
        };
        (at(&id), scalar)
    }

    fn source_outside(&self, id: Id, places: &Places) -> Option<Source> {
        if let Some(&slot) = places.scalars.get(&id) {
            return Some(Source::Scalar(slot));
        }
        if let Some(&number) = places.hoisted.get(&id) {
            return Some(Source::Hoisted(number));
        }
        match self.dag.node(id) {
            Node::Leaf(leaf) => match (self.place)(*leaf) {
                LeafPlace::Column(number) => Some(Source::Column(number)),
                LeafPlace::Parameter(_) => None,
            },
            _ => None,
        }
    }

    /// Instructions that give each root in its output.
    fn block(&self, roots: &[(Id, u32)], places: &Places) -> Block {
        let order = self.depth_first(roots, places);
        let mut uses: HashMap<Id, u32> = HashMap::with_capacity(order.len());
        for &id in &order {
            for part in self.operands(id) {
                *uses.entry(part).or_insert(0) += 1;
            }
        }
        let mut outputs_of: HashMap<Id, Vec<u32>> = HashMap::new();
        for &(id, output) in roots {
            outputs_of.entry(id).or_default().push(output);
        }
        let lone_product = |id: Id| match self.dag.node(id) {
            Node::Binary(Binary::Mul, a, b)
                if uses.get(&id) == Some(&1)
                    && !outputs_of.contains_key(&id)
                    && self.source_outside(id, places).is_none() =>
            {
                let number = |id: &Id| places.scalars.contains_key(id);
                Some(if number(b) { (*b, *a) } else { (*a, *b) })
            }
            _ => None,
        };
        let mut steps: Vec<(Id, Code, Vec<Id>)> = Vec::with_capacity(order.len());
        let mut absorbed = std::collections::HashSet::new();
        // Wholes first, so that a product knows whether its sum takes it in.
        for &id in order.iter().rev() {
            if absorbed.contains(&id) {
                continue;
            }
            let (code, operands) = match *self.dag.node(id) {
                Node::Unary(Unary::Exp, x) if lone_product(x).is_some() => {
                    absorbed.insert(x);
                    let (a, b) = lone_product(x).unwrap_or((x, x));
                    (Code::ExpMul, vec![a, b])
                }
                Node::Binary(op @ (Binary::Add | Binary::Sub), x, y) => {
                    if let Some((a, b)) = lone_product(x) {
                        absorbed.insert(x);
                        (if op == Binary::Add { Code::MulAdd } else { Code::MulSub }, vec![a, b, y])
                    } else if let Some((a, b)) = lone_product(y) {
                        absorbed.insert(y);
                        (if op == Binary::Add { Code::MulAdd } else { Code::SubMul }, vec![a, b, x])
                    } else {
                        (Code::Binary(op), vec![x, y])
                    }
                }
                Node::Unary(op, a) => (Code::Unary(op), vec![a]),
                Node::Binary(op, a, b) => (Code::Binary(op), vec![a, b]),
                Node::Select(c, a, b) => (Code::Select, vec![c, a, b]),
                Node::Power(x, y, log) => (Code::Power, vec![x, y, log]),
                Node::Const(_) | Node::Leaf(_) | Node::LogSum(_) | Node::Sample(..) => continue,
            };
            steps.push((id, code, operands));
        }
        steps.reverse();
        self.allocate(&steps, roots, &outputs_of, places)
    }

    fn allocate(
        &self,
        steps: &[(Id, Code, Vec<Id>)],
        roots: &[(Id, u32)],
        outputs_of: &HashMap<Id, Vec<u32>>,
        places: &Places,
    ) -> Block {
        let mut last_use: HashMap<Id, usize> = HashMap::new();
        for (index, (_, _, operands)) in steps.iter().enumerate() {
            for &operand in operands {
                last_use.insert(operand, index);
            }
        }
        let mut block = Block::default();
        let mut registers: HashMap<Id, u32> = HashMap::new();
        let mut free: Vec<u32> = Vec::new();
        for (index, (id, code, operands)) in steps.iter().enumerate() {
            let source = |operand: Id| {
                self.source_outside(operand, places)
                    .unwrap_or_else(|| Source::Register(registers[&operand]))
            };
            let first = source(operands[0]);
            let mut sources = [first; 3];
            for (slot, &operand) in sources.iter_mut().zip(operands) {
                *slot = source(operand);
            }
            let wanted = outputs_of.get(id).map_or(&[][..], Vec::as_slice);
            let (target, copies) = match wanted {
                [only] if !last_use.contains_key(id) => (Target::Output(*only), &[][..]),
                copies => {
                    // The target must differ from the operands: take it before they are freed.
                    let register = free.pop().unwrap_or_else(|| {
                        block.registers += 1;
                        block.registers as u32 - 1
                    });
                    registers.insert(*id, register);
                    (Target::Register(register), copies)
                }
            };
            block.instructions.push(Instruction { code: *code, target, sources });
            if let Target::Register(register) = target {
                block.instructions.extend(copies.iter().map(|&output| Instruction {
                    code: Code::Copy,
                    target: Target::Output(output),
                    sources: [Source::Register(register); 3],
                }));
            }
            let mut freed: Vec<u32> = operands
                .iter()
                .filter(|operand| last_use[operand] == index)
                .filter_map(|operand| registers.get(operand).copied())
                .collect();
            freed.sort_unstable();
            freed.dedup();
            free.extend(freed);
        }
        // Outputs that need no computation here.
        for &(id, output) in roots {
            if let Some(source) = self.source_outside(id, places) {
                block.instructions.push(Instruction {
                    code: Code::Copy,
                    target: Target::Output(output),
                    sources: [source; 3],
                });
            }
        }
        block
    }

    fn operands(&self, id: Id) -> Vec<Id> {
        self.dag.parts(id)
    }

    /// Nodes to compute, parts first, each as late as its first use: few are alive at a time.
    fn depth_first(&self, roots: &[(Id, u32)], places: &Places) -> Vec<Id> {
        let mut done = std::collections::HashSet::new();
        let mut order = Vec::new();
        for &(root, _) in roots {
            let mut stack = vec![(root, false)];
            while let Some((id, ready)) = stack.pop() {
                if self.source_outside(id, places).is_some() {
                    continue;
                }
                if ready {
                    order.push(id);
                } else if done.insert(id) {
                    stack.push((id, true));
                    stack.extend(self.operands(id).into_iter().rev().map(|part| (part, false)));
                }
            }
        }
        order
    }
}
