//! What one design delivers in one world.

use machines::swarm::events::{Late, Peer, Rules};
use machines::swarm::exchange::{Exchange, Member, Server, Toll, owned};
use machines::swarm::expected::{Expected, expected_of};
use machines::swarm::link::Congestion;
use machines::swarm::peer_pipeline::{Flow, PeerPipeline};
use machines::swarm::round::Rhythm;
use machines::{Bytes, BytesPerSecond, FlopPerSecond, PeerClass, Power};
use runs::{Parameters, Seconds, Tokens};

use super::design::SwarmDesign;
use super::facts::facts;
use super::world::World;

/// Connections of a peer.
const STREAMS: u32 = 8;
/// A round ends when this share of its peers has delivered; later updates count in the next.
pub(super) const QUORUM: f64 = 0.9;
/// Or after so many times its nominal length.
const PATIENCE: f64 = 2.0;
/// The normal quantile of the quorum.
const QUORUM_Z: f64 = 1.2816;
/// Bytes per parameter that a peer fetches when it comes.
const JOIN: f64 = 2.0;
/// Tokens of the shortest batch of a replica: one sequence.
pub(super) const SEQUENCE: f64 = 2048.0;
/// Bytes per parameter that peers of one place sum or fetch in each inner step, and how many times
/// they do: gradients are scattered and gathered, sharded parameters fetched once more.
const WITHIN: f64 = 2.0;
const SUMMED: f64 = 2.0;
const SHARDED: f64 = 3.0;
/// Width over depth, and parameters of a layer over its width squared.
const ASPECT: f64 = 128.0;
const K: f64 = 12.0;

/// What hostile peers are met with.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Defence {
    pub(super) adversaries: f64,
    pub(super) audit: f64,
}

/// The width of a model of so many parameters.
pub(super) fn width(parameters: f64) -> f64 {
    (ASPECT * parameters / K).cbrt()
}

/// How many peers of a class send as one.
fn as_one(class: &PeerClass, united: bool) -> f64 {
    match class.place {
        Some(place) if united => f64::from(place.peers),
        _ => 1.0,
    }
}

/// The classes as they are in one world. Peers of a place share its line, unless they are `united`
/// and send as one.
pub(super) fn in_world(classes: &[PeerClass], world: &World, united: bool) -> Vec<PeerClass> {
    let scaled = |class: &PeerClass| {
        let sharing = class.place.map_or(1.0, |place| f64::from(place.peers));
        let line = world.lines * as_one(class, united) / sharing;
        PeerClass {
            up: class.up * line,
            down: class.down * line,
            availability: world.availability(class.availability),
            ..class.clone()
        }
    };
    classes.iter().map(scaled).collect()
}

/// Peers that take part together.
#[derive(Debug, Clone)]
pub(super) struct Group<'a> {
    /// The share of each class.
    pub(super) shares: Vec<f64>,
    pub(super) members: Vec<Member<'a>>,
    pub(super) present: f64,
    /// How many take part, there or not.
    pub(super) peers: f64,
    /// FLOP a second of all together.
    pub(super) rate: f64,
    /// Bytes that the smallest of them holds, a place in shards.
    pub(super) memory: f64,
    /// Bytes that the smallest holds whole.
    whole: f64,
    /// Seconds that one byte takes around a place whose peers send as one.
    within: f64,
    congestion: Congestion,
    /// Seconds to put another peer in the place of one that left.
    recover: f64,
}

impl<'a> Group<'a> {
    /// Those of `classes`, as they are in `world`, of which `shares` take part.
    pub(super) fn new(
        classes: &'a [PeerClass],
        shares: &[f64],
        world: &World,
        united: bool,
    ) -> Self {
        let mut members = Vec::new();
        let (mut memory, mut whole, mut within) = (f64::INFINITY, f64::INFINITY, 0.0_f64);
        for (class, share) in classes.iter().zip(shares).filter(|(_, share)| **share > 0.0) {
            let devices = f64::from(class.devices);
            let peak = class.accelerator.peak.bf16.map_or(0.0, FlopPerSecond::get);
            let together = as_one(class, united);
            let present = f64::from(class.count) * share * class.availability / together;
            let rate = FlopPerSecond(peak * devices * world.utilisation * together);
            members.push(Member { class, present, rate });
            let holds = class.accelerator.memory.map_or(0.0, Bytes::get) * devices;
            (memory, whole) = (memory.min(holds * together), whole.min(holds));
            if let Some(place) = class.place.filter(|_| united) {
                within = within.max((together - 1.0) / together / place.bandwidth.get());
            }
        }
        let present = members.iter().map(|member| member.present).sum();
        let peers = classes.iter().zip(shares).map(|(class, share)| {
            (f64::from(class.count) * share / as_one(class, united) + 1e-9).floor()
        });
        let peers = peers.sum();
        let rate = members.iter().map(|member| member.present * member.rate.get()).sum();
        let (shares, recover, congestion) = (shares.to_vec(), world.recover, world.congestion);
        Self { shares, members, present, peers, rate, memory, whole, within, congestion, recover }
    }

    /// Seconds of each inner step in which the peers of a place sum, nothing hidden, with a model
    /// that needs `held` bytes per parameter.
    pub(super) fn inner_sum(&self, parameters: f64, held: f64) -> f64 {
        let times = if parameters * held > self.whole { SHARDED } else { SUMMED };
        parameters * WITHIN * times * self.within
    }

    /// The share of the sums that come out right and in time, each taking `time` seconds.
    pub(super) fn kept(&self, exchange: Exchange, stages: u32, time: f64, defence: Defence) -> f64 {
        let leaves = |member: &Member<'a>| {
            let gone = |session: Seconds| -f64::exp_m1(-time / session.get());
            member.class.session.map_or(0.0, gone) * member.present / self.present
        };
        let leaving: f64 = self.members.iter().map(leaves).sum();
        let lying = defence.adversaries * (1.0 - defence.audit);
        let harmful = 1.0 - (1.0 - leaving) * (1.0 - lying);
        exchange.kept(self.present / f64::from(stages), harmful)
    }

    /// Copies of the model: whole pipelines, of which spare peers share the work.
    pub(super) fn replicas(&self, stages: u32) -> f64 {
        if stages > 1 {
            (self.present / f64::from(stages)).floor()
        } else {
            // Of one peer that is there half of the time there is still one copy.
            self.present.max(1.0)
        }
    }

    /// What an exchange among those that hold the same of `stages` takes, with an aggregator on
    /// `server`.
    pub(super) fn toll(&self, exchange: Exchange, stages: u32, server: Server) -> Toll {
        let of_a_stage =
            |member: &Member<'a>| Member { present: member.present / f64::from(stages), ..*member };
        let members: Vec<Member<'_>> = self.members.iter().map(of_a_stage).collect();
        Toll::with_server(exchange, &members, self.congestion, STREAMS, server)
    }

    /// What pipelines through `stages` deliver of a model of `parameters`.
    pub(super) fn flow(&self, parameters: f64, stages: u32) -> Flow {
        let (ratio, bytes) =
            facts().map_or((1.0, 2.0), |facts| (facts.activations.ratio, facts.activations.bytes));
        let mut flow = PeerPipeline {
            parameters: Parameters(parameters),
            hidden: width(parameters),
            stages,
            micro_batch: Tokens(SEQUENCE),
            bytes,
            compression: ratio,
        }
        .flow(&self.members, self.congestion, STREAMS);
        if stages > 1 {
            // Whenever a peer leaves, its pipeline stands until another holds the stage.
            let stand = |member: &Member<'a>| {
                let fetch = state(parameters, stages) / member.class.down.get();
                let leaves = member.class.session.map_or(0.0, |session| 1.0 / session.get());
                member.present * leaves * (self.recover + fetch)
            };
            let standing: f64 = self.members.iter().map(stand).sum();
            let runs = 1.0 / (1.0 + standing / self.replicas(stages).max(1.0));
            (flow.tokens, flow.unbound) = (flow.tokens * runs, flow.unbound * runs);
        }
        flow
    }
}

/// Times of one round, before anybody comes, goes or is late.
#[derive(Debug, Clone, Copy)]
pub(super) struct Nominal {
    pub(super) step: f64,
    pub(super) compute: f64,
    pub(super) exchange: f64,
    pub(super) waiting: f64,
}

impl Nominal {
    pub(super) fn new(
        group: &Group<'_>,
        (flow, toll): (&Flow, &Toll),
        (stages, rhythm): (u32, Rhythm),
        (batch, update): (f64, f64),
        inner_sum: f64,
    ) -> Self {
        let pipelines = group.replicas(stages);
        let filled = flow.filled((batch / pipelines / SEQUENCE).max(1.0));
        let step = batch / (flow.tokens * filled) + inner_sum;
        let exchange = toll.time(Bytes(update)).get();
        let waiting = match rhythm {
            Rhythm::EveryStep | Rhythm::Every { .. } => exchange,
            Rhythm::Streaming { fragments, overlap, .. } => {
                let fragments = f64::from(fragments);
                fragments * (exchange / fragments - f64::from(overlap) * step).max(0.0)
            }
        };
        Self { step, compute: step * f64::from(rhythm.steps()), exchange, waiting }
    }

    /// Tokens a second that count, quickly: what the search goes by. [`Expected`] is exact.
    pub(super) fn quick_rate(
        &self,
        group: &Group<'_>,
        tokens: f64,
        state: f64,
        jitter: f64,
        (defence, kept): (Defence, f64),
    ) -> f64 {
        let compute = self.compute * (1.0 + defence.audit) * (jitter * QUORUM_Z).exp();
        let round = compute + self.waiting;
        let mut stays = 0.0;
        for member in &group.members {
            let kept = member.class.session.map_or(1.0, |session| {
                let join = state / member.class.down.get();
                (-(join + round) / session.get()).exp()
            });
            stays += member.present * member.rate.get() / group.rate * kept;
        }
        let late = if jitter > 0.0 { 1.0 / (2.0 - QUORUM) } else { 1.0 };
        tokens * stays * late * kept * (1.0 - defence.adversaries) / round
    }
}

/// Bytes that a peer fetches when it comes.
pub(super) fn state(parameters: f64, stages: u32) -> f64 {
    JOIN * parameters / f64::from(stages)
}

/// What a design delivers.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivered {
    /// Peers that are there, on average.
    pub peers: f64,
    /// Copies of the model.
    pub replicas: f64,
    /// One inner step.
    pub step: Seconds,
    /// Computing of a round.
    pub compute: Seconds,
    /// The exchange, hidden or not.
    pub exchange: Seconds,
    /// What of it nothing hides.
    pub waiting: Seconds,
    /// Waiting for slow peers and for those that left.
    pub stragglers: Seconds,
    /// All of it.
    pub round: Seconds,
    /// The share of the sums that come out right and in time.
    pub kept: f64,
    /// The share of the tokens offered that counts.
    pub useful: f64,
    /// Tokens a second that count.
    pub tokens_per_second: f64,
    /// Sent by a peer, or by a place as one, in a round: updates, and activations in a pipeline.
    pub sent: Bytes,
    /// Received by one.
    pub received: Bytes,
    /// The line that bounds the exchange or the pipeline.
    pub bound_by: String,
    /// The line that bounds the exchange.
    pub sum_bound_by: String,
    /// The share of a sum in shares that all peers of each class own, in the swarm's order.
    pub owned: Vec<f64>,
    /// How many take part in one sum.
    pub copies: f64,
    /// Power of all peers while they are there: IT.
    pub watts: f64,
    /// Peers, how many of each, and rules, for the simulation by events.
    pub(super) played: (Vec<(Peer, f64)>, Rules),
}

impl Delivered {
    /// What `design` delivers with the peers of `classes` in `world`.
    pub(super) fn new(
        classes: &[PeerClass],
        design: &SwarmDesign,
        world: &World,
        defence: Defence,
    ) -> Self {
        let united = design.united;
        let classes = in_world(classes, world, united);
        let group = Group::new(&classes, &design.members, world, united);
        let (parameters, stages) = (design.parameters.get(), design.stages);
        let mut owns = owned(&group.members, group.congestion, STREAMS).into_iter();
        let takes_part = design.members.iter().map(|share| *share > 0.0);
        let owned: Vec<f64> =
            takes_part.map(|yes| if yes { owns.next().unwrap_or(0.0) } else { 0.0 }).collect();
        let server = design.server(group.present / f64::from(stages));
        let flow = group.flow(parameters, stages);
        let toll = group.toll(design.exchange, stages, server);
        let batch = design.batch.get();
        let update = design.update().get();
        let nominal = Nominal::new(
            &group,
            (&flow, &toll),
            (stages, design.rhythm),
            (batch, update),
            group.inner_sum(parameters, world.held),
        );
        let steps = f64::from(design.rhythm.steps());
        let one_sum = nominal.exchange / design.rhythm.sums();
        let kept = group.kept(design.exchange, stages, one_sum, defence);
        let mut at_places = 0.0;
        let mut peers = Vec::new();
        let mut watts = 0.0;
        for member in &group.members {
            let class = member.class;
            let share = member.rate.get() / group.rate;
            let peer = Peer {
                // What a sum loses was computed in vain.
                speed: batch / nominal.step * share * kept,
                exchange: Seconds(nominal.waiting),
                join: Seconds(state(parameters, stages) / class.down.get()),
                session: class.session,
                availability: class.availability,
            };
            peers.push((peer, (member.present / class.availability).round().max(1.0)));
            let busy = nominal.compute / (nominal.compute + nominal.waiting);
            let power = Power::new(&class.accelerator, class.devices, busy, 1.0);
            let host = if class.accelerator.server_power.is_some() { 0.0 } else { world.host };
            let together = as_one(class, united);
            at_places += member.present * together;
            watts += member.present * together * (power.map_or(0.0, |power| power.it.get()) + host);
        }
        let rules = Rules {
            rounds: 1000,
            compute: Seconds(nominal.compute),
            quorum: QUORUM,
            patience: PATIENCE,
            late: Late::NextRound,
            jitter: world.jitter,
            update: Bytes(update * toll.sent),
            adversaries: defence.adversaries,
            audit: defence.audit,
            seed: 0,
        };
        let Expected { round, participants, tokens, .. } = expected_of(&peers, &rules);
        let offered = batch * steps;
        let each = offered / group.present.max(1e-9);
        let through = flow.sent.get() * each * f64::from(stages);
        let bound_by = if flow.tokens < 0.999 * flow.unbound {
            format!("activations {}", flow.bound_by)
        } else {
            toll.bound_by.clone()
        };
        Self {
            peers: participants * at_places / group.present.max(1e-9),
            kept,
            replicas: group.replicas(stages),
            step: Seconds(nominal.step),
            compute: Seconds(nominal.compute),
            exchange: Seconds(nominal.exchange),
            waiting: Seconds(nominal.waiting),
            stragglers: Seconds((round.get() - nominal.compute - nominal.waiting).max(0.0)),
            round,
            useful: tokens.get() / offered,
            tokens_per_second: tokens / Tokens(round.get()),
            sent: Bytes(update * toll.sent + through),
            received: Bytes(update * toll.received + through),
            bound_by,
            sum_bound_by: toll.bound_by,
            owned,
            copies: group.present / f64::from(stages),
            watts,
            played: (peers, rules),
        }
    }

    /// FLOP a second that count, under 6 N D.
    pub fn rate(&self, parameters: Parameters) -> FlopPerSecond {
        FlopPerSecond(6.0 * parameters.get() * self.tokens_per_second)
    }

    /// Sent by a peer in a day.
    pub fn sent_a_day(&self) -> Bytes {
        self.sent * (86_400.0 / self.round.get())
    }

    /// Received by one in a day.
    pub fn received_a_day(&self) -> Bytes {
        self.received * (86_400.0 / self.round.get())
    }

    /// The mean rate at which a peer sends.
    pub fn upload(&self) -> BytesPerSecond {
        BytesPerSecond(self.sent.get() / self.round.get())
    }
}
