//! The quickest design for a loss: all of them, those that cannot win left out.

use machines::swarm::exchange::{Exchange, Toll};
use machines::{Bytes, BytesPerSecond, PeerClass};
use runs::{Parameters, Tokens};

use super::curve::Row;
use super::delivered::{Defence, Group, Nominal, SEQUENCE, in_world, state};
use super::design::{Family, SwarmDesign, server};
use super::facts::Compression;
use super::world::World;

/// How much was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Designs whose time was computed.
    pub evaluated: u64,
    /// Groups of designs left out because computing alone takes longer than the best so far.
    pub pruned: u64,
}

/// What the user fixes of a design.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Space {
    /// Inner steps, H.
    pub steps: Option<u32>,
    /// The compression's name.
    pub compression: Option<String>,
    /// Stages.
    pub stages: Option<u32>,
    /// The kind.
    pub family: Option<Family>,
    /// How updates travel.
    pub exchange: Option<Exchange>,
    /// Whether the peers of a place send as one.
    pub united: Option<bool>,
    /// Whether every peer takes part.
    pub everybody: bool,
}

/// What every search of a question shares.
pub(super) struct Problem<'a> {
    pub(super) classes: &'a [PeerClass],
    pub(super) aggregator: Option<BytesPerSecond>,
    pub(super) world: &'a World,
    pub(super) compressions: &'a [Compression],
    pub(super) space: &'a Space,
    pub(super) defence: Defence,
}

/// A loss to reach.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target {
    pub(super) loss: f64,
    /// Tokens of the critical batch there.
    pub(super) critical: f64,
}

/// Classes of which all subsets are tried.
const SUBSETS: usize = 6;
/// Of a subset all take part, half, a quarter and so on, down to this many peers.
const FEWEST: f64 = 2.0;
/// Batches up to so many times the critical one.
const MOST_BATCH: f64 = 64.0;

impl Problem<'_> {
    /// Who may take part: every subset of the classes, and parts of it. With many classes, the
    /// quickest lines first.
    fn groups<'c>(&self, classes: &'c [PeerClass], united: bool) -> Vec<Group<'c>> {
        let count = classes.len();
        let subsets: Vec<Vec<bool>> = if count <= SUBSETS {
            (1_u32..1 << count)
                .map(|mask| (0..count).map(|i| mask >> i & 1 == 1).collect())
                .collect()
        } else {
            let mut order: Vec<usize> = (0..count).collect();
            order.sort_by(|a, b| classes[*b].up.get().total_cmp(&classes[*a].up.get()));
            (1..=count).map(|n| (0..count).map(|i| order[..n].contains(&i)).collect()).collect()
        };
        if self.space.everybody {
            return vec![Group::new(classes, &vec![1.0; count], self.world, united)];
        }
        let mut groups: Vec<Group<'c>> = Vec::new();
        for subset in &subsets {
            let inside = classes.iter().zip(subset).filter(|(_, inside)| **inside);
            let peers: f64 = inside.map(|(class, _)| f64::from(class.count)).sum();
            let halvings = (peers / FEWEST).log2().max(0.0) as i32;
            // And one peer alone, which sends nothing.
            let alone = subset.iter().filter(|inside| **inside).count() == 1 && peers > 1.0;
            let alone = alone.then_some(1.0 / peers);
            for share in (0..=halvings).map(|halved| 0.5_f64.powi(halved)).chain(alone) {
                let shares: Vec<f64> =
                    subset.iter().map(|inside| if *inside { share } else { 0.0 }).collect();
                let group = Group::new(classes, &shares, self.world, united);
                if group.peers >= 1.0 && group.rate > 0.0 {
                    groups.push(group);
                }
            }
        }
        // The strongest first, so that the best so far soon rules others out.
        groups.sort_by(|a, b| b.rate.total_cmp(&a.rate));
        groups
    }

    /// Ways to exchange among the peers of `group` that hold the same of `stages`, with the place of
    /// the compression; those that another beats in every respect left out.
    fn ways(&self, family: Family, group: &Group<'_>, stages: u32) -> Vec<(usize, Exchange, Toll)> {
        let updates = group.present / f64::from(stages);
        let mut ways: Vec<(usize, Exchange, Toll)> = Vec::new();
        for (at, one) in self.compressions.iter().enumerate() {
            let wanted = self.space.compression.as_ref().is_none_or(|asked| *asked == one.name);
            if !wanted || !family.suits(one) {
                continue;
            }
            for exchange in Family::exchanges(one, self.aggregator.is_some()) {
                if self.space.exchange.is_some_and(|asked| asked != exchange) {
                    continue;
                }
                let toll = group.toll(exchange, stages, server(self.aggregator, one, updates));
                let beats = |(other_at, other, better): &(usize, Exchange, Toll)| {
                    *other_at == at
                        && better.per_byte <= toll.per_byte * (1.0 + 1e-9)
                        && better.delay <= toll.delay
                        && other.kept(updates, 0.5) >= exchange.kept(updates, 0.5)
                };
                if !ways.iter().any(beats) {
                    ways.push((at, exchange, toll));
                }
            }
        }
        ways
    }

    /// The quickest design of `family` that reaches `target` in less than `limit` seconds, among
    /// the sizes of `rows`. The first of equals wins.
    pub(super) fn search(
        &self,
        family: Family,
        rows: &[Row],
        target: Target,
        limit: f64,
        counts: &mut Counts,
    ) -> Option<(SwarmDesign, f64)> {
        if self.space.family.is_some_and(|asked| asked != family) {
            return None;
        }
        let places = self.classes.iter().any(|class| class.place.is_some());
        let mut best = None;
        for united in [false, true] {
            let asked = self.space.united.is_none_or(|asked| asked == united);
            // A pipeline's stages are at peers, not at places.
            if !asked || united && (!places || family == Family::Pipeline) {
                continue;
            }
            let limit = best.as_ref().map_or(limit, |(_, least)| *least);
            best = self.search_among(family, (rows, target), limit, united, counts).or(best);
        }
        best
    }

    fn search_among(
        &self,
        family: Family,
        (rows, target): (&[Row], Target),
        limit: f64,
        united: bool,
        counts: &mut Counts,
    ) -> Option<(SwarmDesign, f64)> {
        let classes = in_world(self.classes, self.world, united);
        let groups = self.groups(&classes, united);
        let rhythms = family.rhythms(self.space.steps);
        let stages = family.stages(self.space.stages);
        let held = self.world.held;
        let (mut best, mut least) = (None, limit);
        for group in &groups {
            for &stages in &stages {
                let replicas = group.replicas(stages);
                // Of a pipeline every stage is held twice, so that one of its peers may leave.
                if replicas < if stages > 1 { 2.0 } else { 1.0 } {
                    continue;
                }
                let ways = self.ways(family, group, stages);
                for row in rows {
                    let parameters = row.parameters;
                    if parameters * held / f64::from(stages) > group.memory {
                        continue;
                    }
                    let Some(fewest) = row.tokens(target.loss) else { continue };
                    if 6.0 * parameters * fewest / group.rate >= least {
                        counts.pruned += 1;
                        continue;
                    }
                    let flow = group.flow(parameters, stages);
                    let inner_sum = group.inner_sum(parameters, held);
                    for (at, exchange, toll) in &ways {
                        let update = parameters / f64::from(stages) * self.compressions[*at].bytes;
                        for &rhythm in &rhythms {
                            let steps = f64::from(rhythm.steps());
                            let rise = self.rise(parameters, replicas, steps, *at, stages);
                            let Some(fewest) = row.tokens(target.loss * (-rise).exp()) else {
                                continue;
                            };
                            let one_sum = toll.time(Bytes(update)).get() / rhythm.sums();
                            let kept = group.kept(*exchange, stages, one_sum, self.defence);
                            if 6.0 * parameters * fewest / group.rate >= least * kept {
                                counts.pruned += 1;
                                continue;
                            }
                            let mut batch = replicas * SEQUENCE;
                            while batch <= MOST_BATCH * target.critical.max(replicas * SEQUENCE) {
                                let tokens = fewest * (1.0 + batch / target.critical);
                                let nominal = Nominal::new(
                                    group,
                                    (&flow, toll),
                                    (stages, rhythm),
                                    (batch, update),
                                    inner_sum,
                                );
                                let rate = nominal.quick_rate(
                                    group,
                                    batch * steps,
                                    state(parameters, stages),
                                    self.world.jitter,
                                    (self.defence, kept),
                                );
                                counts.evaluated += 1;
                                let time = tokens / rate;
                                if time < least {
                                    least = time;
                                    best = Some((
                                        (group.shares.clone(), united),
                                        (stages, rhythm, *at, *exchange),
                                        (batch, parameters),
                                    ));
                                }
                                batch *= 2.0;
                            }
                        }
                    }
                }
            }
        }
        let ((members, united), (stages, rhythm, at, exchange), (batch, parameters)) = best?;
        Some((
            SwarmDesign {
                family,
                members,
                stages,
                united,
                exchange,
                aggregator: self.aggregator,
                rhythm,
                compression_at: at,
                compression: self.compressions[at].clone(),
                batch: Tokens(batch),
                parameters: Parameters(parameters),
            },
            least,
        ))
    }

    /// The rise of ln(loss) beside one run without compression.
    fn rise(&self, parameters: f64, replicas: f64, steps: f64, at: usize, stages: u32) -> f64 {
        rise(self.world, parameters, replicas, steps, at, stages)
    }
}

/// The rise of ln(loss) of a design in a world.
pub(super) fn rise(
    world: &World,
    parameters: f64,
    replicas: f64,
    steps: f64,
    at: usize,
    stages: u32,
) -> f64 {
    let activations = if stages > 1 { world.activations } else { 0.0 };
    world.tax.of(parameters, replicas, steps) + world.penalties[at] + activations
}
