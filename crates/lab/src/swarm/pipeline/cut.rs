//! Where a model is cut, and what a part of it costs.

use std::ops::Range;

use crate::shape::Shape;

/// FLOP of a token in `blocks`, as a share of the whole model's.
pub(super) fn share(shape: &Shape, blocks: &Range<usize>) -> f64 {
    let (block, head) = costs(shape);
    let head = if blocks.end == shape.depth { head } else { 0.0 };
    block * blocks.len() as f64 + head
}

/// Shares of one block and of the head.
fn costs(shape: &Shape) -> (f64, f64) {
    let head = 6.0 * (shape.parameters_with_head() - shape.non_embedding_parameters()) as f64
        / shape.flop_per_token();
    ((1.0 - head) / shape.depth as f64, head)
}

/// The blocks of each of several stages that compute at `speeds`: at least one each, and so that
/// the slowest stage is as fast as can be.
pub(super) fn cut(shape: &Shape, speeds: &[f64]) -> Vec<Range<usize>> {
    let (block, head) = costs(shape);
    let stages = speeds.len();
    // Blocks that a stage can do in `time`.
    let fits = |stage: usize, time: f64| {
        let head = if stage + 1 == stages { head } else { 0.0 };
        // A hair more, since a time that is met exactly counts.
        (((time * speeds[stage] - head) / block * (1.0 + 1e-9)).floor().max(1.0)) as usize
    };
    let plan = |time: f64| {
        let mut from = 0;
        let mut ranges = Vec::with_capacity(stages);
        for stage in 0..stages {
            let others = stages - stage - 1;
            let most = shape.depth.saturating_sub(from + others);
            let taken = if others == 0 { most } else { fits(stage, time).min(most) };
            ranges.push(from..from + taken);
            from += taken;
        }
        ranges
    };
    let takes = |ranges: &[Range<usize>]| {
        let times = ranges.iter().zip(speeds).map(|(range, speed)| share(shape, range) / speed);
        times.fold(0.0, f64::max)
    };
    // Only times at which some stage takes one block more can be the best.
    let candidates = (0..stages).flat_map(|stage| {
        let head = if stage + 1 == stages { head } else { 0.0 };
        (1..=shape.depth).map(move |blocks| (block * blocks as f64 + head) / speeds[stage])
    });
    let mut best = plan(f64::INFINITY);
    for time in candidates {
        let other = plan(time);
        if takes(&other) < takes(&best) {
            best = other;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_peers_share_the_blocks_and_a_faster_one_gets_more() {
        let shape = Shape::from_depth(6, 64, 256);
        assert_eq!(cut(&shape, &[1.0]).first(), Some(&(0..6)));
        assert_eq!(cut(&shape, &[1.0, 1.0]), [0..3, 3..6]);
        assert_eq!(cut(&shape, &[1.0, 4.0]), [0..1, 1..6]);
        assert_eq!(cut(&shape, &[1.0, 1.0, 4.0]), [0..1, 1..2, 2..6]);
        assert_eq!(cut(&shape, &[1.0; 6]).len(), 6);
    }

    #[test]
    fn shares_of_all_parts_are_the_whole() {
        let shape = Shape::from_depth(5, 64, 256);
        let sum: f64 = cut(&shape, &[1.0, 2.0, 1.5]).iter().map(|part| share(&shape, part)).sum();
        assert!((sum - 1.0).abs() < 1e-12);
    }
}
