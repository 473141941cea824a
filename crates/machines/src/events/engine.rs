//! Virtual time: tasks on lines, each line doing one task at a time.
//!
//! A line (an accelerator's units, a wire, a collective's channel) does its tasks in a fixed order,
//! and fills gaps with tasks that may run at any time. A task waits for others, whole or in pieces:
//! where it follows in pieces it begins after the other's first piece, and its own last piece
//! follows the other's last.

use std::cmp::{Ordering, Reverse};
use std::collections::{BinaryHeap, VecDeque};

const NONE: u32 = u32::MAX;

/// What a task is of; an index into the sums of a path.
pub(super) type Kind = u8;

/// How a task follows another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Follows {
    /// It begins where the other ends.
    Whole,
    /// Piece by piece.
    Pieces,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Task {
    pub(super) kind: Kind,
    line: u32,
    duration: f64,
    pieces: f64,
    /// Tasks that it waits for and that have not begun.
    unmet: u32,
    ready: f64,
    /// The earliest end that pieces allow.
    earliest_end: f64,
    first_edge: u32,
    pub(super) start: f64,
    pub(super) end: f64,
    /// What decided its start, and its end where another's pieces did.
    start_by: (u32, Follows),
    end_by: u32,
    begun: bool,
}

#[derive(Debug, Clone, Copy)]
struct Edge {
    to: u32,
    follows: Follows,
    next: u32,
}

#[derive(Debug, Default)]
struct Line {
    order: Vec<u32>,
    next: usize,
    /// Tasks for gaps that wait for nothing but their time.
    gaps: VecDeque<u32>,
    free: f64,
    last: Option<u32>,
}

/// A moment at which a line may begin something.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Moment {
    time: f64,
    line: u32,
}

impl Eq for Moment {}

impl PartialOrd for Moment {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Moment {
    fn cmp(&self, other: &Self) -> Ordering {
        self.time.total_cmp(&other.time).then(self.line.cmp(&other.line))
    }
}

impl Task {
    pub(super) fn line(&self) -> u32 {
        self.line
    }
}

/// Tasks, lines and what follows what.
#[derive(Debug, Default)]
pub(super) struct Engine {
    pub(super) tasks: Vec<Task>,
    edges: Vec<Edge>,
    lines: Vec<Line>,
    queue: BinaryHeap<Reverse<Moment>>,
}

impl Engine {
    pub(super) fn line(&mut self) -> u32 {
        self.lines.push(Line::default());
        self.lines.len() as u32 - 1
    }

    /// A task that `line` has yet to be given, with [`Self::then`] or [`Self::in_gaps`].
    pub(super) fn task(&mut self, kind: Kind, line: u32, duration: f64, pieces: f64) -> u32 {
        self.tasks.push(Task {
            kind,
            line,
            duration,
            pieces: pieces.max(1.0),
            unmet: 0,
            ready: 0.0,
            earliest_end: 0.0,
            first_edge: NONE,
            start: 0.0,
            end: 0.0,
            start_by: (NONE, Follows::Whole),
            end_by: NONE,
            begun: false,
        });
        self.tasks.len() as u32 - 1
    }

    /// A task on a line of its own: it begins when what it waits for is there.
    pub(super) fn alone(&mut self, kind: Kind, duration: f64) -> u32 {
        self.task(kind, NONE, duration, 1.0)
    }

    /// Puts a task at the end of its line's order.
    pub(super) fn then(&mut self, task: u32) {
        let line = self.tasks[task as usize].line;
        self.lines[line as usize].order.push(task);
    }

    /// The last task of a line's order so far.
    pub(super) fn last_of(&self, line: u32) -> Option<u32> {
        self.lines[line as usize].order.last().copied()
    }

    pub(super) fn follow(&mut self, task: u32, after: u32, follows: Follows) {
        let next = self.tasks[after as usize].first_edge;
        self.tasks[after as usize].first_edge = self.edges.len() as u32;
        self.edges.push(Edge { to: task, follows, next });
        self.tasks[task as usize].unmet += 1;
    }

    /// Plays all tasks; those in no order run in the gaps of their line.
    pub(super) fn play(&mut self) {
        for (number, line) in self.lines.iter().enumerate() {
            let waits = |task: &u32| self.tasks[*task as usize].unmet == 0;
            if line.order.first().is_some_and(waits) {
                self.queue.push(Reverse(Moment { time: 0.0, line: number as u32 }));
            }
        }
        while let Some(Reverse(now)) = self.queue.pop() {
            self.begin(now);
        }
    }

    /// Whether every task was done: an order that waits for itself never ends.
    pub(super) fn all_done(&self) -> bool {
        self.tasks.iter().all(|task| task.begun)
    }

    /// Begins what `line` may begin now.
    fn begin(&mut self, now: Moment) {
        let line = &mut self.lines[now.line as usize];
        if line.free > now.time {
            return;
        }
        let next = line.order.get(line.next).copied();
        let waits = next.filter(|task| self.tasks[*task as usize].unmet == 0);
        let ready = waits.map_or(f64::INFINITY, |task| self.tasks[task as usize].ready);
        let chosen = if ready <= now.time {
            line.next += 1;
            next
        } else {
            // What is known to come before half of the filler were done is waited for.
            let worth = |task: &u32| ready - now.time > 0.5 * self.tasks[*task as usize].duration;
            line.gaps.front().copied().filter(worth).inspect(|_| {
                line.gaps.pop_front();
            })
        };
        let Some(chosen) = chosen else { return };
        let before = line.last.replace(chosen);
        let freed = line.free;
        let task = &mut self.tasks[chosen as usize];
        task.begun = true;
        task.start = now.time;
        if task.ready <= freed && before.is_some() {
            task.start_by = (before.unwrap_or(NONE), Follows::Whole);
        }
        task.end = task.start + task.duration;
        if task.earliest_end > task.end {
            task.end = task.earliest_end;
        } else {
            task.end_by = NONE;
        }
        let (start, end, first) = (task.start, task.end, task.first_edge);
        let piece = task.duration / task.pieces;
        line.free = end;
        self.queue.push(Reverse(Moment { time: end, line: now.line }));
        self.release(chosen, first, (start + piece, end));
    }

    /// Tells followers when the first and the last piece of `task` are there.
    fn release(&mut self, task: u32, first_edge: u32, (first, end): (f64, f64)) {
        let mut at = first_edge;
        while at != NONE {
            let edge = self.edges[at as usize];
            at = edge.next;
            let follower = &mut self.tasks[edge.to as usize];
            let ready = match edge.follows {
                Follows::Whole => end,
                Follows::Pieces => {
                    let last = end + follower.duration / follower.pieces;
                    if last > follower.earliest_end {
                        follower.earliest_end = last;
                        follower.end_by = task;
                    }
                    first
                }
            };
            if ready >= follower.ready {
                follower.ready = ready;
                follower.start_by = (task, edge.follows);
            }
            follower.unmet -= 1;
            if follower.unmet > 0 {
                continue;
            }
            let (line, time) = (follower.line, follower.ready);
            if line == NONE {
                follower.begun = true;
                follower.start = time;
                follower.end = time + follower.duration;
                let (end, first) = (follower.end, follower.first_edge);
                self.release(edge.to, first, (end, end));
                continue;
            }
            if follower.kind == super::FILLER {
                self.lines[line as usize].gaps.push_back(edge.to);
            }
            self.queue.push(Reverse(Moment { time, line }));
        }
    }

    /// Seconds of the longest chain that ends with the last task, by kind: they add up to its end.
    pub(super) fn path<const KINDS: usize>(&self) -> [f64; KINDS] {
        let mut sums = [0.0; KINDS];
        let last = self.tasks.iter().enumerate().max_by(|a, b| a.1.end.total_cmp(&b.1.end));
        let Some((last, _)) = last else { return sums };
        let (mut at, mut until) = (last, self.tasks[last].end);
        loop {
            let task = &self.tasks[at];
            if until >= task.end && task.end_by != NONE {
                let piece = task.duration / task.pieces;
                sums[usize::from(task.kind)] += piece;
                at = task.end_by as usize;
                until = self.tasks[at].end;
                continue;
            }
            sums[usize::from(task.kind)] += until - task.start;
            let (before, _) = task.start_by;
            if before == NONE {
                return sums;
            }
            (at, until) = (before as usize, task.start);
        }
    }

    /// How long each line works.
    pub(super) fn busy(&self) -> Vec<f64> {
        let mut busy = vec![0.0; self.lines.len()];
        for task in self.tasks.iter().filter(|task| task.line != NONE) {
            busy[task.line as usize] += task.end - task.start;
        }
        busy
    }

    /// Which of several sets of lines does its last task of a kind last; the first of those alike.
    pub(super) fn ends_last(&self, sets: &[Vec<u32>], kind: Kind) -> usize {
        let mut set_of = vec![NONE; self.lines.len()];
        for (set, lines) in sets.iter().enumerate() {
            for line in lines {
                set_of[*line as usize] = set as u32;
            }
        }
        let mut ends = vec![0.0_f64; sets.len()];
        for task in self.tasks.iter().filter(|task| task.kind == kind) {
            if let Some(end) = ends.get_mut(set_of[task.line as usize] as usize) {
                *end = end.max(task.end);
            }
        }
        let latest = ends.iter().copied().fold(0.0, f64::max);
        ends.iter().position(|end| *end >= latest).unwrap_or(0)
    }

    /// The tasks of a line.
    pub(super) fn of(&self, line: u32) -> impl Iterator<Item = &Task> {
        self.tasks.iter().filter(move |task| task.line == line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_overlap_but_for_the_first_or_the_last() {
        for (traffic, work, expected) in [(4.0, 8.0, 9.0), (8.0, 4.0, 9.0)] {
            let mut engine = Engine::default();
            let (wire, unit) = (engine.line(), engine.line());
            let gather = engine.task(0, wire, traffic, 4.0);
            let pass = engine.task(1, unit, work, 4.0);
            engine.then(gather);
            engine.then(pass);
            engine.follow(pass, gather, Follows::Pieces);
            engine.play();
            assert!(engine.all_done());
            assert_eq!(engine.tasks[1].end, expected);
            let path: [f64; 2] = engine.path();
            assert_eq!(path.iter().sum::<f64>(), expected);
            // The longer is on the path whole, the other with one piece.
            assert_eq!(path, if traffic > work { [8.0, 1.0] } else { [1.0, 8.0] });
        }
    }

    #[test]
    fn gaps_are_filled_and_nothing_else_is_delayed() {
        let mut engine = Engine::default();
        let (one, other) = (engine.line(), engine.line());
        let far = engine.task(0, other, 5.0, 1.0);
        let near = engine.task(0, one, 1.0, 1.0);
        let after = engine.task(0, one, 1.0, 1.0);
        for task in [far, near, after] {
            engine.then(task);
        }
        engine.follow(after, far, Follows::Whole);
        let filler = engine.task(super::super::FILLER, one, 2.0, 1.0);
        engine.follow(filler, near, Follows::Whole);
        engine.play();
        assert_eq!(engine.tasks[filler as usize].start, 1.0);
        assert_eq!(engine.tasks[after as usize].end, 6.0);
    }

    #[test]
    fn an_order_that_waits_for_itself_is_found() {
        let mut engine = Engine::default();
        let line = engine.line();
        let (first, second) = (engine.task(0, line, 1.0, 1.0), engine.task(0, line, 1.0, 1.0));
        engine.then(first);
        engine.then(second);
        engine.follow(first, second, Follows::Whole);
        engine.play();
        assert!(!engine.all_done());
    }
}
