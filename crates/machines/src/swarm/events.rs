//! A swarm in virtual time: peers that come, go and are late, round by round.
//!
//! What closed forms cannot say: how many contributions a deadline loses, what waiting for the
//! last peer costs, what joining takes. Time is virtual and every peer has its own stream of random
//! numbers, so the same seed gives the same bytes, whatever the machine. Without churn and without
//! unequal speeds a round takes exactly its computing and its exchange, as in the closed form.

use diagnostic::Diagnostic;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use runs::{Seconds, Tokens};

use crate::Bytes;

/// One peer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Peer {
    /// Tokens a second.
    pub speed: f64,
    /// Sending its update and getting the others'.
    pub exchange: Seconds,
    /// Getting the whole state when it joins.
    pub join: Seconds,
    /// Mean time from coming to going; `None` for one that stays.
    pub session: Option<Seconds>,
    /// Share of time that it is there.
    pub availability: f64,
}

/// What happens to an update that misses the end of its round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Late {
    /// It is dropped.
    #[default]
    Dropped,
    /// It counts in the next round.
    NextRound,
}

/// The rules of a round.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rules {
    /// Rounds to simulate.
    pub rounds: u32,
    /// Tokens that each present peer is given, by its speed: all would need this long.
    pub compute: Seconds,
    /// The round ends when this share of its peers has delivered.
    pub quorum: f64,
    /// Or after this many times the nominal round, whichever comes first.
    pub patience: f64,
    /// Updates that come after the end.
    pub late: Late,
    /// Spread of a peer's speed from round to round: the standard deviation of its logarithm.
    pub jitter: f64,
    /// What an update weighs.
    pub update: Bytes,
    /// Share of the peers that send updates which would harm.
    pub adversaries: f64,
    /// Share of the updates that others compute again, which takes everybody that share of its
    /// time; an adversary that is found stays out.
    pub audit: f64,
    /// Where the random numbers start.
    pub seed: u64,
}

/// What came out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outcome {
    /// Virtual time of all rounds.
    pub time: Seconds,
    /// Tokens that counted.
    pub tokens: Tokens,
    /// Tokens of adversaries that nobody found: in no other count.
    pub poisoned: Tokens,
    /// Tokens of adversaries that were found.
    pub rejected: Tokens,
    /// Tokens whose update came too late and was dropped.
    pub dropped: Tokens,
    /// Tokens that peers took with them when they left.
    pub lost: Tokens,
    /// Updates that counted in a later round.
    pub carried: u64,
    /// Peers per round, on average.
    pub participants: f64,
    /// The emptiest round.
    pub fewest: u32,
    /// Rounds with nobody.
    pub empty: u32,
    /// Times that a peer came back and fetched the state.
    pub joins: u64,
    /// Times that one left.
    pub leaves: u64,
    /// Sent by all peers, updates only.
    pub sent: Bytes,
}

struct Place {
    random: ChaCha8Rng,
    here: bool,
    /// When it comes or goes next.
    until: f64,
    /// From when on it can take part.
    ready: f64,
    /// Tokens on their way from a round that it missed.
    owed: f64,
    hostile: bool,
    banned: bool,
}

impl Place {
    fn exponential(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.random.random::<f64>()).ln()
    }

    /// A factor on the time of a round, with median one.
    fn jitter(&mut self, spread: f64) -> f64 {
        if spread == 0.0 {
            return 1.0;
        }
        let (u, v) = (1.0 - self.random.random::<f64>(), self.random.random::<f64>());
        (spread * (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()).exp()
    }
}

/// Mean time away of a peer that is there a share `availability` of the time.
fn away(peer: &Peer) -> Option<f64> {
    let session = peer.session?.get();
    Some(session * (1.0 - peer.availability) / peer.availability)
}

fn check(peers: &[Peer], rules: &Rules) -> Result<(), Diagnostic> {
    let refuse = |message: String| Err(Diagnostic::error(message));
    if peers.is_empty() {
        return refuse("a swarm without peers".into());
    }
    let time = |value: Seconds| value.get().is_finite() && value.get() >= 0.0;
    for (index, peer) in peers.iter().enumerate() {
        let speed = peer.speed.is_finite() && peer.speed > 0.0;
        let there = peer.availability > 0.0 && peer.availability <= 1.0;
        let session = peer.session.is_none_or(|session| time(session) && session.get() > 0.0);
        if !(speed && there && session && time(peer.exchange) && time(peer.join)) {
            return refuse(format!("peer {index} has a number out of range: {peer:?}"));
        }
    }
    let quorum = rules.quorum > 0.0 && rules.quorum <= 1.0;
    let patience = rules.patience >= 1.0;
    let jitter = (0.0..=3.0).contains(&rules.jitter);
    let compute = rules.compute.get().is_finite() && rules.compute.get() > 0.0;
    let shares = [rules.adversaries, rules.audit].iter().all(|share| (0.0..=1.0).contains(share));
    if !(quorum && patience && jitter && compute && shares) {
        return Err(Diagnostic::error("rules out of range").note(format!(
            "quorum {} (0 to 1), patience {} (1 or more), jitter {} (0 to 3), compute {}, \
             adversaries {} and audit {} (0 to 1)",
            rules.quorum,
            rules.patience,
            rules.jitter,
            rules.compute,
            rules.adversaries,
            rules.audit
        )));
    }
    Ok(())
}

/// Simulates the rounds.
///
/// # Errors
/// No peers, and numbers out of range.
pub fn simulate(peers: &[Peer], rules: &Rules) -> Result<Outcome, Diagnostic> {
    check(peers, rules)?;
    let mut places: Vec<Place> = (peers.iter().enumerate())
        .map(|(index, peer)| {
            let mut random = ChaCha8Rng::seed_from_u64(rules.seed);
            random.set_stream(index as u64);
            // Spread evenly over the list, so that every class has its share.
            let up_to = |count: usize| (count as f64 * rules.adversaries).floor();
            let hostile = up_to(index + 1) > up_to(index);
            let mut place = Place {
                random,
                here: true,
                until: f64::INFINITY,
                ready: 0.0,
                owed: 0.0,
                hostile,
                banned: false,
            };
            if let (Some(session), Some(away)) = (peer.session, away(peer)) {
                // In equilibrium: there with the probability of its availability.
                place.here = place.random.random::<f64>() < peer.availability;
                let mean = if place.here { session.get() } else { away };
                place.until = place.exponential(mean);
            }
            place
        })
        .collect();
    let mut outcome = Outcome {
        time: Seconds(0.0),
        tokens: Tokens(0.0),
        poisoned: Tokens(0.0),
        rejected: Tokens(0.0),
        dropped: Tokens(0.0),
        lost: Tokens(0.0),
        carried: 0,
        participants: 0.0,
        fewest: u32::MAX,
        empty: 0,
        joins: 0,
        leaves: 0,
        sent: Bytes(0.0),
    };
    let compute = rules.compute.get() * (1.0 + rules.audit);
    let mut now = 0.0;
    // Who takes part, and when its update is there: infinite if it leaves before.
    let mut finishes: Vec<(usize, f64)> = Vec::with_capacity(peers.len());
    let mut arrivals: Vec<f64> = Vec::with_capacity(peers.len());
    for _ in 0..rules.rounds {
        finishes.clear();
        arrivals.clear();
        let mut nominal = compute;
        for (index, (peer, place)) in peers.iter().zip(&mut places).enumerate() {
            come_and_go(peer, place, now, &mut outcome);
            if !place.here || place.banned || place.ready > now {
                continue;
            }
            nominal = nominal.max(compute + peer.exchange.get());
            let takes = compute * place.jitter(rules.jitter) + peer.exchange.get();
            let done = now + takes;
            let done = if place.until < done { f64::INFINITY } else { done };
            finishes.push((index, done));
            arrivals.push(done);
        }
        let participants = finishes.len() as u32;
        outcome.fewest = outcome.fewest.min(participants);
        outcome.participants += f64::from(participants);
        if participants == 0 {
            outcome.empty += 1;
            now += nominal;
            continue;
        }
        let needed = ((f64::from(participants) * rules.quorum).ceil() as usize).max(1);
        let (_, at, _) = arrivals.select_nth_unstable_by(needed - 1, f64::total_cmp);
        let end = at.min(now + rules.patience * nominal);
        for &(index, done) in &finishes {
            let (peer, place) = (&peers[index], &mut places[index]);
            let tokens = peer.speed * rules.compute.get();
            if done.is_infinite() {
                outcome.lost = outcome.lost + Tokens(tokens);
                continue;
            }
            outcome.sent = outcome.sent + rules.update;
            if place.hostile {
                if place.random.random::<f64>() < rules.audit {
                    place.banned = true;
                    outcome.rejected = outcome.rejected + Tokens(tokens);
                } else {
                    outcome.poisoned = outcome.poisoned + Tokens(tokens);
                }
                if done > end {
                    place.ready = done;
                }
                continue;
            }
            if place.owed > 0.0 {
                outcome.tokens = outcome.tokens + Tokens(place.owed);
                outcome.carried += 1;
                place.owed = 0.0;
            }
            if done <= end {
                outcome.tokens = outcome.tokens + Tokens(tokens);
            } else {
                match rules.late {
                    Late::Dropped => outcome.dropped = outcome.dropped + Tokens(tokens),
                    Late::NextRound => place.owed = tokens,
                }
                // It starts the next round when it is done with this one.
                place.ready = done;
            }
        }
        now = end;
    }
    for place in &places {
        outcome.dropped = outcome.dropped + Tokens(place.owed);
    }
    outcome.time = Seconds(now);
    outcome.participants /= f64::from(rules.rounds.max(1));
    outcome.fewest = if rules.rounds == 0 { 0 } else { outcome.fewest };
    Ok(outcome)
}

/// Brings a peer's comings and goings up to `now`.
fn come_and_go(peer: &Peer, place: &mut Place, now: f64, outcome: &mut Outcome) {
    let (Some(session), Some(away)) = (peer.session, away(peer)) else { return };
    while place.until <= now {
        let at = place.until;
        if place.here {
            outcome.leaves += 1;
            outcome.lost = outcome.lost + Tokens(place.owed);
            place.owed = 0.0;
            place.until = at + place.exponential(away);
        } else {
            outcome.joins += 1;
            place.ready = at + peer.join.get();
            place.until = at + place.exponential(session.get());
        }
        place.here = !place.here;
        if place.until <= at {
            // A time that no longer grows beside `at` would never catch up.
            place.until = at.next_up();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PEER: Peer = Peer {
        speed: 1_000.0,
        exchange: Seconds(30.0),
        join: Seconds(600.0),
        session: None,
        availability: 1.0,
    };
    const RULES: Rules = Rules {
        rounds: 100,
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
    const COMING_AND_GOING: Peer =
        Peer { session: Some(Seconds(8.0 * 3600.0)), availability: 0.8, ..PEER };

    #[test]
    fn without_churn_a_round_takes_what_the_closed_form_says() {
        let out = simulate(&[PEER; 50], &RULES).unwrap();
        assert!((out.time.get() - 100.0 * 330.0).abs() < 1e-6);
        assert!((out.tokens.get() - 50.0 * 100.0 * 300_000.0).abs() < 1.0);
        assert_eq!((out.lost, out.dropped, out.fewest), (Tokens(0.0), Tokens(0.0), 50));
        assert_eq!(out.sent, Bytes(5e12));
    }

    #[test]
    fn availability_is_what_it_says_less_the_time_to_join() {
        let rules = Rules { rounds: 2_000, ..RULES };
        let out = simulate(&[COMING_AND_GOING; 300], &rules).unwrap();
        // 600 s of each session of 8 h go into joining, and half a round into waiting for one.
        let expected = 0.8 * (1.0 - (600.0 + 165.0) / 28_800.0);
        assert!((out.participants / 300.0 - expected).abs() < 0.01, "{}", out.participants);
        // A share (compute + exchange) / session of the work leaves with its peer.
        let offered = out.tokens.get() + out.lost.get();
        assert!((out.lost.get() / offered - 330.0 / 28_800.0).abs() < 2e-3);
    }

    #[test]
    fn waiting_for_the_last_costs_more_the_more_there_are_and_a_quorum_saves_it() {
        let jittery = Rules { jitter: 0.2, ..RULES };
        let time =
            |count: usize, rules: &Rules| simulate(&vec![PEER; count], rules).unwrap().time.get();
        assert!(time(200, &jittery) > 1.1 * time(10, &jittery));
        let quorum = Rules { quorum: 0.9, ..jittery };
        assert!(time(200, &quorum) < 0.85 * time(200, &jittery));
        let dropped = simulate(&[PEER; 200], &quorum).unwrap();
        let carried = simulate(&[PEER; 200], &Rules { late: Late::NextRound, ..quorum }).unwrap();
        assert!(dropped.dropped.get() > 0.0 && carried.carried > 0);
        assert!(carried.tokens > dropped.tokens);
    }

    #[test]
    fn same_seed_same_answer_and_other_seed_another() {
        let run = |seed| simulate(&[COMING_AND_GOING; 40], &Rules { seed, jitter: 0.1, ..RULES });
        assert_eq!(run(1).unwrap(), run(1).unwrap());
        assert_ne!(run(1).unwrap().time, run(2).unwrap().time);
    }

    #[test]
    fn nobody_and_nonsense_are_refused() {
        assert!(simulate(&[], &RULES).is_err());
        for peer in [
            Peer { speed: 0.0, ..PEER },
            Peer { speed: f64::NAN, ..PEER },
            Peer { availability: 0.0, ..PEER },
            Peer { session: Some(Seconds(0.0)), ..PEER },
            Peer { exchange: Seconds(-1.0), ..PEER },
        ] {
            assert!(simulate(&[peer], &RULES).is_err());
        }
        for rules in [
            Rules { quorum: 0.0, ..RULES },
            Rules { patience: 0.5, ..RULES },
            Rules { jitter: f64::NAN, ..RULES },
            Rules { compute: Seconds(0.0), ..RULES },
            Rules { adversaries: 1.5, ..RULES },
            Rules { audit: f64::NAN, ..RULES },
        ] {
            assert!(simulate(&[PEER], &rules).is_err());
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn every_token_is_counted_once(
            count in 1_usize..40, jitter in 0.0..1.0f64, quorum in 0.1..1.0f64,
            availability in 0.05..1.0f64, session in 10.0..1e5f64, seed: u64, carry: bool,
        ) {
            let late = if carry { Late::NextRound } else { Late::Dropped };
            let rules = Rules { rounds: 50, jitter, quorum, seed, late, ..RULES };
            let peer = Peer { availability, session: Some(Seconds(session)), ..PEER };
            let out = simulate(&vec![peer; count], &rules).unwrap();
            let offered = out.participants * 50.0 * PEER.speed * 300.0;
            let found = out.tokens.get() + out.dropped.get() + out.lost.get();
            prop_assert!((found - offered).abs() < 1e-6 * offered.max(1.0), "{found} {offered}");
            prop_assert!(out.time.get() >= 0.0);
        }
    }
}
