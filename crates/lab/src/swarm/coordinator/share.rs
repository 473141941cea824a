//! Who trains on how much.

use super::Coordinator;
use crate::swarm::learner::Learner;
use crate::swarm::message::{Assignment, PeerId};
use crate::swarm::settings::{Method, Share};

impl<L: Learner> Coordinator<L> {
    /// Gives out the work of `round`; nothing when no windows or no peers are left. A peer without
    /// weight gets none: its update would be thrown away, and the same windows given to it again.
    pub(super) fn give(&mut self, round: u64) {
        let position = self.book.ledger.position();
        self.book.positions.insert(round, position);
        let peers: Vec<PeerId> = self.eligible().collect();
        let speeds: Vec<f64> = peers
            .iter()
            .map(|peer| match self.settings.share {
                Share::Even => 1.0,
                Share::BySpeed => self.book.peers[peer].speed.max(1e-3),
            })
            .collect();
        let free = self.book.ledger.free();
        let inner = u64::from(self.settings.inner_windows);
        let wanted: Vec<u64> = match self.settings.method {
            Method::Synchronous | Method::Pipeline(_) => {
                apportion(self.settings.step_windows().min(free), &speeds)
            }
            Method::Diloco(_) => {
                let mean = speeds.iter().sum::<f64>() / speeds.len().max(1) as f64;
                let usual = f64::from(self.settings.round_steps());
                let wanted: Vec<u64> = speeds
                    .iter()
                    .map(|speed| {
                        (usual * speed / mean).round().clamp(1.0, 16.0 * usual) as u64 * inner
                    })
                    .collect();
                let total: u64 = wanted.iter().sum();
                if total <= free {
                    wanted
                } else {
                    apportion(free, &wanted.iter().map(|w| *w as f64).collect::<Vec<_>>())
                }
            }
        };
        let round_windows = wanted.iter().sum();
        for (peer, wanted) in peers.into_iter().zip(wanted) {
            let ranges = self.book.ledger.give(peer, round, wanted);
            if ranges.is_empty() {
                continue;
            }
            let steps = match self.settings.method {
                Method::Synchronous | Method::Pipeline(_) => 1,
                Method::Diloco(_) => wanted.div_ceil(inner) as u32,
            };
            self.book.given.push(Assignment {
                peer,
                round,
                steps,
                position,
                round_windows,
                ranges,
            });
        }
    }
}

/// `total` in whole shares proportional to `weights`, by largest remainder; the first of equals
/// gets more.
pub(in crate::swarm) fn apportion(total: u64, weights: &[f64]) -> Vec<u64> {
    let sum: f64 = weights.iter().sum();
    let exact: Vec<f64> = weights.iter().map(|weight| total as f64 * weight / sum).collect();
    let mut shares: Vec<u64> = exact.iter().map(|x| x.floor() as u64).collect();
    let mut order: Vec<usize> = (0..weights.len()).collect();
    order.sort_by(|a, b| (exact[*b].fract()).total_cmp(&exact[*a].fract()).then(a.cmp(b)));
    let mut left = total.saturating_sub(shares.iter().sum());
    for at in order.into_iter().cycle().take(if weights.is_empty() { 0 } else { left as usize }) {
        shares[at] += 1;
        left -= 1;
    }
    debug_assert!(left == 0 || weights.is_empty());
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_follow_speed_and_none_is_lost() {
        assert_eq!(apportion(8, &[1.0, 1.0, 1.0]), [3, 3, 2]);
        assert_eq!(apportion(10, &[3.0, 1.0, 1.0]), [6, 2, 2]);
        assert_eq!(apportion(1, &[1.0, 5.0]), [0, 1]);
        assert!(apportion(5, &[]).is_empty());
        for total in 0..50 {
            let shares = apportion(total, &[0.3, 7.1, 2.2, 1e-9]);
            assert_eq!(shares.iter().sum::<u64>(), total);
        }
    }
}
