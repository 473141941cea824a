//! What the rounds of a swarm come to on average, in closed form: churn, a quorum, late updates
//! and adversaries as shares. [`super::events`] says the same by playing it.

use runs::{Seconds, Tokens};

use super::events::{Late, Peer, Rules};

/// Averages over many rounds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Expected {
    /// Time of a round.
    pub round: Seconds,
    /// Peers in a round.
    pub participants: f64,
    /// Tokens of a round that count, poisoned ones left out.
    pub tokens: Tokens,
    /// Tokens of a round that come too late and are dropped.
    pub dropped: Tokens,
    /// Tokens of a round that leave with their peers.
    pub lost: Tokens,
    /// Tokens of a round that adversaries send and nobody finds out, before any is banned.
    pub poisoned: Tokens,
}

impl Expected {
    /// Tokens a second that count.
    pub fn rate(&self) -> f64 {
        self.tokens / Tokens(self.round.get())
    }

    /// The share of the tokens offered that counts.
    pub fn useful(&self) -> f64 {
        let offered = self.tokens + self.dropped + self.lost + self.poisoned;
        if offered.get() > 0.0 { self.tokens / offered } else { 0.0 }
    }
}

/// Groups of like peers, each counted.
fn groups(peers: &[Peer]) -> Vec<(Peer, f64)> {
    let mut groups: Vec<(Peer, f64)> = Vec::new();
    for peer in peers {
        match groups.iter_mut().find(|(known, _)| known == peer) {
            Some((_, count)) => *count += 1.0,
            None => groups.push((*peer, 1.0)),
        }
    }
    groups
}

/// The average round of `peers` under `rules`, once as many come as go.
///
/// A peer takes part where it is there at the start of a round and has the state: availability
/// times e^(-join / session). It stays to the end with e^(-time / session). The round ends with
/// the update of the quorum, of which the k-th of n is taken at the quantile (k - 0.375) /
/// (n + 0.25) (Blom 1958), or when patience ends: where more leave than a quorum can miss, of which
/// the number is Poisson. Late peers that are still busy miss rounds.
pub fn expected(peers: &[Peer], rules: &Rules) -> Expected {
    expected_of(&groups(peers), rules)
}

/// The same of so many of each peer.
pub fn expected_of(groups: &[(Peer, f64)], rules: &Rules) -> Expected {
    let compute = rules.compute.get() * (1.0 + rules.audit);
    let leaves = |peer: &Peer, time: f64| {
        peer.session.map_or(0.0, |session| -f64::exp_m1(-time / session.get()))
    };
    let slowest = groups.iter().map(|(peer, _)| peer.exchange.get()).fold(0.0, f64::max);
    let patience = rules.patience * (compute + slowest);
    // Averages over the jitter of a peer's own round; its median is one.
    let mean = compute * (0.5 * rules.jitter * rules.jitter).exp();
    // Peers that are late and still busy: found by going round.
    let (mut late_share, mut answer) = (0.0_f64, None);
    for _ in 0..30 {
        let present = |peer: &Peer| {
            let there = peer.session.map_or(1.0, |session| {
                peer.availability * (-peer.join.get() / session.get()).exp()
            });
            there / (1.0 + late_share)
        };
        let n: f64 = groups.iter().map(|(peer, count)| count * present(peer)).sum();
        if n < 1e-9 {
            break;
        }
        let done_by = |time: f64| -> f64 {
            let part = groups.iter().map(|(peer, count)| {
                let left = time - peer.exchange.get();
                let share = if left <= 0.0 {
                    0.0
                } else if rules.jitter > 0.0 {
                    normal_cdf((left / compute).ln() / rules.jitter)
                } else {
                    f64::from(u8::from(left >= compute * (1.0 - 1e-12)))
                };
                count * present(peer) * share
            });
            part.sum()
        };
        let needed = (n * rules.quorum).ceil().max(1.0).min(n);
        let gone: f64 = (groups.iter())
            .map(|(peer, count)| count * present(peer) * leaves(peer, mean + peer.exchange.get()))
            .sum();
        let staying = (n - gone).max(needed);
        let target = n * (needed - 0.375) / (staying + 0.25);
        let at = earliest(|time| done_by(time) >= target, patience);
        // More leave than the quorum can miss: the round waits until patience ends.
        let enough = poisson_cdf(gone, (n - needed).floor());
        let round = (enough * at + (1.0 - enough) * patience).min(patience);
        let (mut counted, mut late, mut lost) = (0.0, 0.0, 0.0);
        // Those in the quorum are in time, and with them all that come at the same moment.
        let quorum = if rules.jitter > 0.0 { needed / staying } else { done_by(at) / n };
        let share = enough * quorum.min(1.0) + (1.0 - enough) * done_by(patience) / n;
        for (peer, count) in groups {
            let offered = count * present(peer) * peer.speed * rules.compute.get();
            let stay = 1.0 - leaves(peer, mean + peer.exchange.get());
            lost += offered * (1.0 - stay);
            counted += offered * stay * share;
            late += offered * stay * (1.0 - share);
        }
        let dropped = match rules.late {
            Late::Dropped => late,
            Late::NextRound => {
                counted += late;
                0.0
            }
        };
        let honest = 1.0 - rules.adversaries;
        answer = Some(Expected {
            round: Seconds(round),
            participants: n,
            tokens: Tokens(counted * honest),
            dropped: Tokens(dropped),
            lost: Tokens(lost),
            poisoned: Tokens(counted * rules.adversaries * (1.0 - rules.audit)),
        });
        let now = 1.0 - share;
        if (now - late_share).abs() < 1e-9 {
            break;
        }
        late_share = 0.5 * (late_share + now);
    }
    answer.unwrap_or(Expected {
        round: Seconds(compute + slowest),
        participants: 0.0,
        tokens: Tokens(0.0),
        dropped: Tokens(0.0),
        lost: Tokens(0.0),
        poisoned: Tokens(0.0),
    })
}

/// The share of a swarm's tokens that adversaries poison over `rounds`, each update audited with
/// probability `audit` and its sender banned when found: `f (1-a)^r` in round r, r from 1.
pub fn poisoned_share(adversaries: f64, audit: f64, rounds: u32) -> f64 {
    if audit <= 0.0 || rounds == 0 {
        return adversaries;
    }
    let kept = 1.0 - audit;
    adversaries * kept * (1.0 - kept.powf(f64::from(rounds))) / audit / f64::from(rounds)
}

/// The earliest time at which `enough` holds, up to `latest`.
fn earliest(enough: impl Fn(f64) -> bool, latest: f64) -> f64 {
    if !enough(latest) {
        return latest;
    }
    let (mut low, mut high) = (0.0, latest);
    for _ in 0..80 {
        let middle = 0.5 * (low + high);
        if enough(middle) { high = middle } else { low = middle }
    }
    high
}

/// Abramowitz and Stegun 7.1.26, to 1.5e-7.
fn normal_cdf(z: f64) -> f64 {
    let x = z.abs() / std::f64::consts::SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * x);
    let poly = t
        * (0.254_829_592
            + t * (-0.284_496_736
                + t * (1.421_413_741 + t * (-1.453_152_027 + t * 1.061_405_429))));
    let tail = 0.5 * poly * (-x * x).exp();
    if z < 0.0 { tail } else { 1.0 - tail }
}

/// The probability that a Poisson number of `mean` is at most `most`.
fn poisson_cdf(mean: f64, most: f64) -> f64 {
    if mean <= 0.0 {
        return 1.0;
    }
    if mean > 500.0 {
        return normal_cdf((most + 0.5 - mean) / mean.sqrt());
    }
    let (mut term, mut sum) = ((-mean).exp(), 0.0);
    let mut k = 0.0;
    while k <= most && k < 10_000.0 {
        sum += term;
        k += 1.0;
        term *= mean / k;
    }
    sum.min(1.0)
}

#[cfg(test)]
mod tests {
    use super::super::events::simulate;
    use super::*;
    use crate::Bytes;

    const PEER: Peer = Peer {
        speed: 1_000.0,
        exchange: Seconds(30.0),
        join: Seconds(600.0),
        session: None,
        availability: 1.0,
    };
    const RULES: Rules = Rules {
        rounds: 1_000,
        compute: Seconds(300.0),
        quorum: 1.0,
        patience: 3.0,
        late: Late::Dropped,
        jitter: 0.0,
        update: Bytes(1e9),
        adversaries: 0.0,
        audit: 0.0,
        seed: 7,
    };

    fn agree(peers: &[Peer], rules: &Rules, within: f64) {
        let (said, found) = (expected(peers, rules), simulate(peers, rules).unwrap());
        let rounds = f64::from(rules.rounds);
        let close = |what: &str, said: f64, found: f64| {
            assert!((said / found - 1.0).abs() < within, "{what}: {said} {found} {rules:?}");
        };
        close("round", said.round.get(), found.time.get() / rounds);
        close("participants", said.participants, found.participants);
        close("tokens", said.tokens.get(), found.tokens.get() / rounds);
    }

    #[test]
    fn without_churn_the_two_are_the_same() {
        agree(&[PEER; 50], &RULES, 1e-9);
        let slow = Peer { exchange: Seconds(200.0), ..PEER };
        agree(&[PEER, PEER, slow], &RULES, 1e-9);
    }

    #[test]
    fn they_agree_about_jitter_and_quorum() {
        for (jitter, quorum) in [(0.1, 0.9), (0.2, 0.8), (0.3, 0.5), (0.2, 1.0)] {
            let rules = Rules { quorum, jitter, ..RULES };
            agree(&[PEER; 100], &rules, 0.02);
            agree(&[PEER; 100], &Rules { late: Late::NextRound, ..rules }, 0.02);
        }
    }

    #[test]
    fn they_agree_about_coming_and_going() {
        let peer = Peer { session: Some(Seconds(8.0 * 3600.0)), availability: 0.8, ..PEER };
        for quorum in [0.9, 1.0] {
            agree(&[peer; 300], &Rules { quorum, jitter: 0.1, ..RULES }, 0.03);
        }
        let mixed: Vec<Peer> = (0..300)
            .map(|i| Peer { exchange: Seconds(f64::from(20 + 60 * (i % 2))), ..peer })
            .collect();
        agree(&mixed, &Rules { quorum: 0.9, jitter: 0.1, ..RULES }, 0.03);
    }

    #[test]
    fn adversaries_cost_their_work_and_audits_cost_everybodys_time() {
        let (none, some) = (RULES, Rules { adversaries: 0.2, ..RULES });
        let peers = [PEER; 100];
        let useful = |rules: &Rules| expected(&peers, rules).rate();
        assert!((useful(&some) / useful(&none) - 0.8).abs() < 1e-9);
        let audited = Rules { audit: 0.1, ..some };
        assert!(expected(&peers, &audited).round > expected(&peers, &some).round);
        // Played: most are banned within some tens of rounds, and what they poisoned agrees.
        let rules = Rules { rounds: 200, adversaries: 0.2, audit: 0.1, ..RULES };
        let found = simulate(&peers, &rules).unwrap();
        let offered = 200.0 * 100.0 * PEER.speed * 300.0;
        let said = poisoned_share(0.2, 0.1, 200);
        let share = found.poisoned.get() / offered;
        assert!((share / said - 1.0).abs() < 0.3, "{share} {said}");
        assert!(found.rejected.get() > 0.0 && found.participants < 82.0);
        assert_eq!(poisoned_share(0.2, 0.0, 10), 0.2);
    }

    #[test]
    fn nobody_is_an_empty_round() {
        assert_eq!(expected(&[], &RULES).participants, 0.0);
    }
}
