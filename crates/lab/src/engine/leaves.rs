//! The order in which the gradients of a batch's leaves are added: a binary tree that depends on
//! their number alone.

use crate::kernels::add_assign;

/// Adds leaves that come one after another exactly as [`super::CpuEngine`] adds them, which cuts a
/// batch in halves; holds as many sums as the tree is deep.
#[derive(Debug, Clone)]
pub struct LeafSum {
    leaves: usize,
    next: usize,
    /// Sums of neighbouring leaves, from the first on: first leaf, loss, gradient.
    sums: Vec<(usize, f64, Vec<f32>)>,
}

impl LeafSum {
    /// Of `leaves` leaves.
    pub fn new(leaves: usize) -> Self {
        Self { leaves, next: 0, sums: Vec::new() }
    }

    /// The next leaf: the sum of its losses and its gradient. Returns a gradient that is not needed
    /// any more, if there is one.
    pub fn add(&mut self, loss: f64, gradient: Vec<f32>) -> Option<Vec<f32>> {
        self.sums.push((self.next, loss, gradient));
        self.next += 1;
        let mut free = None;
        while let [.., left, right] = self.sums.as_slice() {
            if !self.are_halves(left.0, right.0) {
                break;
            }
            if let (Some(right), Some(left)) = (self.sums.pop(), self.sums.last_mut()) {
                left.1 += right.1;
                add_assign(&mut left.2, &right.2);
                free = Some(right.2);
            }
        }
        free
    }

    /// The sum of all, once every leaf was added.
    pub fn take(&mut self) -> Option<(f64, Vec<f32>)> {
        let whole = self.next == self.leaves && self.sums.len() == 1;
        let (_, loss, gradient) = self.sums.pop().filter(|_| whole)?;
        Some((loss, gradient))
    }

    /// Whether the leaves from `left` on, and those from `right` to the last that was added, are the
    /// halves of one node of the tree.
    fn are_halves(&self, left: usize, right: usize) -> bool {
        let (mut from, mut to) = (0, self.leaves);
        while to - from > 1 {
            let middle = from + (to - from) / 2;
            if (from, middle, to) == (left, right, self.next) {
                return true;
            }
            if left < middle {
                to = middle;
            } else {
                from = middle;
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Halves, as the engine cuts them; the numbers show the order of every sum.
    fn tree(leaves: &[f32]) -> f32 {
        if let [one] = leaves {
            return *one;
        }
        let (left, right) = leaves.split_at(leaves.len() / 2);
        tree(left) + tree(right)
    }

    #[test]
    fn leaves_that_come_in_order_are_added_as_a_batch_cut_in_halves() {
        for count in 1..40 {
            let leaves: Vec<f32> = (0..count).map(|i| 1.0 / (i as f32 + 3.1)).collect();
            let mut sum = LeafSum::new(count);
            for leaf in &leaves {
                sum.add(f64::from(*leaf), vec![*leaf]);
            }
            assert_eq!(sum.take().unwrap().1, [tree(&leaves)], "{count}");
        }
        assert!(LeafSum::new(2).take().is_none());
    }
}
