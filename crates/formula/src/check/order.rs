//! Which definition comes first, and which go in circles.

use crate::ast::{Form, Node};
use crate::check::{Checker, Meaning, Outcome};
use crate::graph::Node as GraphNode;

/// Items so that each comes after those it needs, otherwise as written.
pub(super) fn order(checker: &Checker<'_>) -> Outcome<Vec<usize>> {
    let needs = |number: usize| {
        let item = checker.item(number);
        // What a series becomes is lowered last: only its start has to wait for others.
        let last = match item.form {
            Form::Series { start, .. } => start + 1,
            _ => item.nodes.end,
        };
        let parameters: &[String] = match &item.form {
            Form::Function { parameters, .. } => parameters,
            _ => &[],
        };
        (item.nodes.start..last)
            .filter_map(|node| match &checker.program.ast.nodes[node] {
                Node::Name(name) if parameters.contains(name) => None,
                Node::Name(name) | Node::Call(name, _) => {
                    checker.items.get(name.as_str()).map(|&item| (item, node))
                }
                _ => None,
            })
            .collect::<Vec<_>>()
    };
    let count = checker.program.items.len();
    let starts: Vec<Vec<(usize, usize)>> = (0..count).map(needs).collect();
    walk(&starts).map_err(|circle| {
        let names: Vec<&str> =
            circle.iter().map(|&(item, _)| checker.item(item).name.as_str()).collect();
        let (_, node) = circle[circle.len() - 1];
        let at = checker.program.ast.points[node];
        let first = names[0];
        checker
            .error("definitions go in a circle", at, format!("leads back to `{first}`"))
            .note(format!("{} -> {first}", names.join(" -> ")))
            .help("a value that depends on its own past is a series: `series x = start .. next ..`")
    })
}

/// Sorts series so that each `next` comes after the series whose new values it uses.
pub(super) fn order_series(checker: &mut Checker<'_>) -> Outcome<()> {
    let needs: Vec<Vec<(usize, usize)>> = (0..checker.series.len())
        .map(|series| {
            let mut reached = Vec::new();
            let mut seen = std::collections::BTreeSet::from([checker.series[series].next]);
            while let Some(id) = seen.pop_last() {
                match checker.graph.nodes[id] {
                    GraphNode::State(other) if other != series => reached.push((other, 0)),
                    GraphNode::Before(_) => {}
                    _ => seen.extend(checker.graph.parts(id).into_iter().flatten()),
                }
            }
            reached
        })
        .collect();
    let order = walk(&needs).map_err(|circle| {
        let names: Vec<&str> =
            circle.iter().map(|&(series, _)| checker.series[series].name.as_str()).collect();
        let first = names[0];
        let at = checker.item(checker.items[first]).at;
        checker
            .error(
                "series wait for each other",
                at,
                format!("needs the new value of `{}`", names[1 % names.len()]),
            )
            .note(format!("{} -> {first}", names.join(" -> ")))
            .note("inside `next`, another series' name means its value after the step")
            .help(format!("use its value before the step somewhere: `before({first})`"))
    })?;
    // Renumbering would touch the whole graph; the order is kept beside it.
    for (place, &series) in order.iter().enumerate() {
        checker.series[series].place = place;
    }
    for (series, level) in levels(checker)?.into_iter().enumerate() {
        checker.series[series].level = level;
    }
    debug_assert!(checker.meanings.values().all(|m| match m {
        Meaning::Series(series) => *series < checker.series.len(),
        Meaning::Value(_) => true,
    }));
    Ok(())
}

/// The series that one series uses.
struct Uses {
    /// At one moment: before the step or after it.
    some: Vec<usize>,
    /// At all moments.
    whole: Vec<usize>,
}

fn uses(checker: &Checker<'_>, series: usize) -> Uses {
    let graph = &checker.graph;
    let series = &checker.series[series];
    let states = |roots: &[usize]| -> Vec<usize> {
        let reached = graph.reach(roots).into_iter();
        let states = reached.filter_map(|id| match graph.nodes[id] {
            GraphNode::State(other) => Some(other),
            _ => None,
        });
        states.collect()
    };
    let reached = graph.reach(&[series.start, series.next]).into_iter();
    let summarised = reached.filter_map(|id| match graph.nodes[id] {
        GraphNode::Path(_, path) | GraphNode::At(path, _) => Some(path),
        _ => None,
    });
    Uses { some: states(&[series.next]), whole: states(&summarised.collect::<Vec<_>>()) }
}

/// Levels, so that each series is above those whose whole paths it looks at and not below those
/// that it uses at one moment.
fn levels(checker: &Checker<'_>) -> Outcome<Vec<usize>> {
    let count = checker.series.len();
    let uses: Vec<Uses> = (0..count).map(|series| uses(checker, series)).collect();
    let mut levels = vec![0; count];
    // Each round that changes something settles the levels of one more series, if none goes round.
    for _ in 0..=count {
        let mut changed = false;
        for series in 0..count {
            let Uses { some, whole } = &uses[series];
            let beside = some.iter().map(|&other| levels[other]).max().unwrap_or(0);
            let above = whole.iter().map(|&other| levels[other] + 1).max().unwrap_or(0);
            let level = beside.max(above);
            changed |= level > levels[series];
            levels[series] = level.max(levels[series]);
        }
        if !changed {
            return Ok(levels);
        }
    }
    let highest = (0..count).max_by_key(|&series| levels[series]).unwrap_or(0);
    let name = checker.series[highest].name.as_str();
    let at = checker.item(checker.items[name]).at;
    Err(checker
        .error("a series waits for its own future", at, format!("`{name}` needs a whole path"))
        .note("`at`, `max`, `first` and the like look at a path from its start to its end")
        .help(format!(
            "give its start a name of its own and use that; `before({name})` is its value a step ago"
        )))
}

/// Depth first with a stack of its own. `Err`: a circle, each with the edge that leaves it.
fn walk(needs: &[Vec<(usize, usize)>]) -> Result<Vec<usize>, Vec<(usize, usize)>> {
    #[derive(Clone, Copy, PartialEq)]
    enum State {
        New,
        Open,
        Done,
    }
    let mut states = vec![State::New; needs.len()];
    let mut order = Vec::with_capacity(needs.len());
    for root in 0..needs.len() {
        if states[root] != State::New {
            continue;
        }
        states[root] = State::Open;
        let mut stack = vec![(root, 0usize)];
        while let Some(top) = stack.last_mut() {
            let (number, edge) = *top;
            let Some(&(next, _)) = needs[number].get(edge) else {
                states[number] = State::Done;
                order.push(number);
                stack.pop();
                continue;
            };
            top.1 += 1;
            match states[next] {
                State::Done => {}
                State::New => {
                    states[next] = State::Open;
                    stack.push((next, 0));
                }
                State::Open => {
                    let start = stack.iter().position(|&(n, _)| n == next).unwrap_or(0);
                    let circle = stack[start..].iter().map(|&(n, e)| (n, needs[n][e - 1].1));
                    return Err(circle.collect());
                }
            }
        }
    }
    Ok(order)
}
