//! The quickest design for a loss: all of them, those that cannot win left out.

use machines::PeerClass;
use runs::{Parameters, Tokens};

use super::curve::Row;
use super::delivered::{Defence, Group, Nominal, SEQUENCE, in_world, state};
use super::design::{Family, SwarmDesign};
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
    /// Whether every peer takes part.
    pub everybody: bool,
}

/// What every search of a question shares.
pub(super) struct Problem<'a> {
    pub(super) classes: &'a [PeerClass],
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
/// Shares of the peers of a subset that take part.
const SHARES: [f64; 6] = [1.0, 0.5, 0.25, 0.125, 0.0625, 0.03125];
/// Batches up to so many times the critical one.
const MOST_BATCH: f64 = 64.0;

impl Problem<'_> {
    /// Who may take part: every subset of the classes, and parts of it. With many classes, the
    /// quickest lines first.
    fn groups<'c>(&self, classes: &'c [PeerClass]) -> Vec<Group<'c>> {
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
            return vec![Group::new(classes, &vec![1.0; count], self.world)];
        }
        let mut groups: Vec<Group<'c>> = Vec::new();
        for subset in &subsets {
            for share in SHARES {
                let shares: Vec<f64> =
                    subset.iter().map(|inside| if *inside { share } else { 0.0 }).collect();
                let group = Group::new(classes, &shares, self.world);
                if group.present >= 1.0 && group.rate > 0.0 {
                    groups.push(group);
                }
            }
        }
        // The strongest first, so that the best so far soon rules others out.
        groups.sort_by(|a, b| b.rate.total_cmp(&a.rate));
        groups
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
        let classes = in_world(self.classes, self.world);
        let groups = self.groups(&classes);
        let rhythms = family.rhythms(self.space.steps);
        let stages = family.stages(self.space.stages);
        let (mut best, mut least) = (None, limit);
        for group in &groups {
            for &stages in &stages {
                let replicas = group.replicas(stages);
                // Of a pipeline every stage is held twice, so that one of its peers may leave.
                if replicas < if stages > 1 { 2.0 } else { 1.0 } {
                    continue;
                }
                let tolls: Vec<_> = (self.compressions.iter())
                    .map(|one| {
                        let asked = self.space.compression.as_ref();
                        let wanted = asked.is_none_or(|asked| *asked == one.name);
                        (wanted && family.suits(one))
                            .then(|| group.toll(Family::exchange(one), stages))
                    })
                    .collect();
                for row in rows {
                    let parameters = row.parameters;
                    if parameters * self.world.held / f64::from(stages) > group.memory {
                        continue;
                    }
                    let Some(fewest) = row.tokens(target.loss) else { continue };
                    if 6.0 * parameters * fewest / group.rate >= least {
                        counts.pruned += 1;
                        continue;
                    }
                    let flow = group.flow(parameters, stages);
                    for (at, toll) in tolls.iter().enumerate() {
                        let Some(toll) = toll else { continue };
                        let update = parameters / f64::from(stages) * self.compressions[at].bytes;
                        for &rhythm in &rhythms {
                            let steps = f64::from(rhythm.steps());
                            let rise = self.rise(parameters, replicas, steps, at, stages);
                            let Some(fewest) = row.tokens(target.loss * (-rise).exp()) else {
                                continue;
                            };
                            if 6.0 * parameters * fewest / group.rate >= least {
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
                                );
                                let rate = nominal.quick_rate(
                                    group,
                                    batch * steps,
                                    state(parameters, stages),
                                    self.world.jitter,
                                    self.defence,
                                );
                                counts.evaluated += 1;
                                let time = tokens / rate;
                                if time < least {
                                    least = time;
                                    best = Some((
                                        group.shares.clone(),
                                        (stages, rhythm, at),
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
        let (members, (stages, rhythm, at), (batch, parameters)) = best?;
        let compression = self.compressions[at].clone();
        Some((
            SwarmDesign {
                family,
                members,
                stages,
                exchange: Family::exchange(&compression),
                rhythm,
                compression_at: at,
                compression,
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
