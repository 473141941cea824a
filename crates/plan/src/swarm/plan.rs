//! The question to a swarm and its answer.

use diagnostic::Diagnostic;
use laws::Setting;
use machines::swarm::events::{Outcome, Peer, Rules, simulate};
use machines::swarm::exchange::Exchange;
use machines::{Bytes, BytesPerSecond, Joules, Usd};
use runs::{Parameters, Seconds, Tokens};

use super::campus::{Campus, Rival};
use super::curve::{Curve, Row};
use super::delivered::{Defence, Delivered};
use super::design::{Family, SwarmDesign};
use super::facts::{Fact, compression, facts};
use super::peers::Peers;
use super::search::{Counts, Problem, Space, Target, rise};
use super::world::World;
use crate::{Believed, Drawn};

/// What is wanted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Goal {
    /// This loss, as soon as possible.
    Loss(f64),
    /// The least loss in this time.
    Time(Seconds),
}

/// What a swarm is asked.
#[derive(Debug, Clone)]
pub struct SwarmQuestion {
    /// Who could take part.
    pub peers: Peers,
    /// The law of loss.
    pub believed: Believed,
    /// The law's variables beside N and D.
    pub given: Setting,
    /// What is wanted.
    pub goal: Goal,
    /// The model's size, where it is given.
    pub size: Option<Parameters>,
    /// What is fixed of the design.
    pub space: Space,
    /// Share of peers that are hostile.
    pub adversaries: f64,
    /// Share of updates that others compute again.
    pub audit: f64,
    /// The campus to compare with; none for no comparison.
    pub campus: Option<String>,
    /// The longest time that counts as practical.
    pub patience: Seconds,
    /// The seed of everything random.
    pub seed: u64,
    /// Draws, where the law has none.
    pub draws: usize,
}

/// The best design of one kind.
#[derive(Debug, Clone, PartialEq)]
pub struct Scheme {
    /// The kind.
    pub family: Family,
    /// The design with what it delivers and how long it takes, where one reaches the loss.
    pub best: Option<(SwarmDesign, Delivered, Seconds)>,
}

/// A design with another way of exchanging updates, all else the same.
#[derive(Debug, Clone, PartialEq)]
pub struct Way {
    /// How updates travel.
    pub exchange: Exchange,
    /// Whether the peers of a place send as one.
    pub united: bool,
    /// One sum of the whole update.
    pub sum: Seconds,
    /// The share of the sums that come out right and in time.
    pub kept: f64,
    /// The line that bounds it.
    pub bound_by: String,
    /// How long the run takes so; `None` where it does not reach the loss.
    pub time: Option<Seconds>,
    /// The line of an aggregator that nobody has and this would need to be no slower than its peers
    /// allow.
    pub lacks: Option<BytesPerSecond>,
}

/// A size of model trained to the loss of its compute-optimal run, 20 tokens per parameter.
#[derive(Debug, Clone, PartialEq)]
pub struct BySize {
    /// The size.
    pub parameters: Parameters,
    /// The loss.
    pub loss: f64,
    /// The swarm's quickest design for it and its time; `None` where none reaches it.
    pub swarm: Option<(SwarmDesign, Seconds)>,
    /// The campus's time.
    pub campus: Option<Seconds>,
    /// Whether the swarm's time is within the patience.
    pub practical: bool,
}

/// The answer.
#[derive(Debug, Clone)]
pub struct SwarmPlan {
    /// The loss that is reached under the best values.
    pub loss: f64,
    /// Tokens of the critical batch there.
    pub critical_batch: Tokens,
    /// The design.
    pub design: SwarmDesign,
    /// What it delivers under the best values.
    pub delivered: Delivered,
    /// The same in every world; the first is the best guess.
    pub useful: Drawn<f64>,
    /// How long.
    pub time: Drawn<Seconds>,
    /// Tokens trained on, those that a batch above its critical size wastes included.
    pub tokens: Drawn<Tokens>,
    /// Rise of ln(loss) for replicas and compression.
    pub rise: Drawn<f64>,
    /// Compute that counts over that of one run without replicas, compression and large batch.
    pub compute_factor: Drawn<f64>,
    /// Sent by a peer in a day.
    pub sent_a_day: Bytes,
    /// Electricity of all owners.
    pub electricity: Drawn<Usd>,
    /// Devices written off over the run, where their prices are known.
    pub devices: Option<Drawn<Usd>>,
    /// At the walls of the homes.
    pub energy: Drawn<Joules>,
    /// The campus at the same loss.
    pub campus: Option<Campus>,
    /// How long the quickest design takes in which every peer takes part; `None` where none does.
    pub everybody: Option<Seconds>,
    /// The design with every way of exchanging updates, its own first.
    pub ways: Vec<Way>,
    /// The best of each kind.
    pub schemes: Vec<Scheme>,
    /// Sizes from 100M to 1T.
    pub sizes: Vec<BySize>,
    /// How much was searched.
    pub counts: Counts,
    /// What it rests on.
    pub facts: Vec<Fact>,
}

/// Sizes that the swarm is tried at: half decades.
const SIZES: [f64; 9] = [1e8, 3e8, 1e9, 3e9, 1e10, 3e10, 1e11, 3e11, 1e12];
/// Tokens per parameter of a compute-optimal run (Hoffmann et al. 2022).
const RATIO: f64 = 20.0;
/// Peers that are played one by one at most.
const MOST_PLAYED: f64 = 1e6;
/// Steps of halving when a loss is looked for.
const HALVINGS: u32 = 22;

impl SwarmQuestion {
    fn check(&self) -> Result<(), Diagnostic> {
        let refuse = |what: &str, value: f64, expected: &str| {
            Err(Diagnostic::error(format!("{what} of {value} is out of range")).help(expected))
        };
        for (what, share) in [("adversaries", self.adversaries), ("an audit", self.audit)] {
            if !(0.0..=0.9).contains(&share) {
                return refuse(what, share, "give a share from 0 to 0.9");
            }
        }
        if let Some(size) = self.size
            && !(1e6..=1e14).contains(&size.get())
        {
            return refuse("a model", size.get(), "give 1M to 100T parameters");
        }
        match self.goal {
            Goal::Loss(loss) if !(loss > 0.0 && loss.is_finite()) => {
                refuse("a loss", loss, "give a loss above the law's irreducible one")
            }
            Goal::Time(time) if !(time.get() >= 60.0 && time.get() < 1e11) => {
                refuse("a time", time.get(), "give a time from a minute to some thousand years")
            }
            _ if !(self.patience.get() > 0.0 && self.patience.get().is_finite()) => {
                refuse("a patience", self.patience.get(), "give a time such as `1 yr`")
            }
            _ => Ok(()),
        }
    }

    /// The best design and all that stands beside it.
    ///
    /// # Errors
    /// Numbers out of range, laws without N and D, losses that no design reaches.
    pub fn answer(&self) -> Result<SwarmPlan, Diagnostic> {
        self.check()?;
        if let Some(name) = &self.space.compression {
            compression(name)?;
        }
        let believed = self.believed.clone().repeated(self.draws);
        let draws = believed.draws();
        let curve = Curve::new(&believed, &self.given)?;
        let worlds = World::all(self.seed, draws, self.peers.congestion)?;
        let best_guess = &worlds[0];
        let facts = facts()?;
        let critical = Critical::new()?;
        let defence = Defence { adversaries: self.adversaries, audit: self.audit };
        let problem = Problem {
            classes: &self.peers.classes,
            aggregator: self.peers.aggregator,
            world: best_guess,
            compressions: &facts.compressions,
            space: &self.space,
            defence,
        };
        let rows = self.rows(&curve)?;
        let mut counts = Counts::default();
        let loss = match self.goal {
            Goal::Loss(loss) => loss,
            Goal::Time(time) => least_loss(&problem, &rows, &critical, time, &mut counts)?,
        };
        let target = critical.target(loss)?;
        let mut schemes = Vec::new();
        for family in Family::ALL {
            let found = problem.search(family, &rows, target, f64::INFINITY, &mut counts);
            schemes.push(Scheme {
                family,
                best: found.and_then(|(design, _)| {
                    let delivered =
                        Delivered::new(&self.peers.classes, &design, best_guess, defence);
                    let time = exact(&rows, &design, &delivered, target, best_guess)?;
                    Some((design, delivered, time))
                }),
            });
        }
        let Some((design, delivered, _)) = (schemes.iter())
            .filter_map(|scheme| scheme.best.as_ref())
            .min_by(|(.., a), (.., b)| a.get().total_cmp(&b.get()))
            .cloned()
        else {
            return Err(self.unreachable(&rows, loss));
        };
        let one = Rowed::new(self, &curve, &worlds, &design, target, defence)?;
        let rival = match &self.campus {
            Some(name) => {
                let given = &self.given;
                Some(Rival::new(name, believed.clone(), given, self.seed, draws)?)
            }
            None => None,
        };
        let campus = match &rival {
            Some(rival) => Some(rival.reach(loss, target.critical)?),
            None => None,
        };
        let space = Space { everybody: true, ..self.space.clone() };
        let whole = Problem { space: &space, ..problem };
        let mut everybody: Option<f64> = None;
        for family in Family::ALL {
            let limit = everybody.unwrap_or(f64::INFINITY);
            let found = whole.search(family, &rows, target, limit, &mut counts);
            everybody = found.map(|(_, time)| time).or(everybody);
        }
        let problem = Problem { space: &self.space, ..whole };
        let sizes = self.sizes(&problem, &curve, &critical, rival.as_ref(), &mut counts)?;
        let ways = self.ways(&rows, &design, target, best_guess, defence);
        let sent_a_day = delivered.sent_a_day();
        Ok(SwarmPlan {
            loss,
            critical_batch: Tokens(target.critical),
            useful: Drawn::from_rows(&one.useful),
            time: Drawn::from_rows(&one.time),
            tokens: Drawn::from_rows(&one.tokens),
            rise: Drawn::from_rows(&one.rise),
            compute_factor: Drawn::from_rows(&one.factor),
            sent_a_day,
            electricity: Drawn::from_rows(&one.electricity),
            devices: one.devices.map(|rows| Drawn::from_rows(&rows)),
            energy: Drawn::from_rows(&one.energy),
            campus,
            everybody: everybody.map(Seconds),
            ways,
            schemes,
            sizes,
            counts,
            facts: facts.all(&design),
            design,
            delivered,
        })
    }

    /// `design` with each way of exchanging that its compression allows, an aggregator included that
    /// nobody has: what it would need.
    fn ways(
        &self,
        rows: &[Row],
        design: &SwarmDesign,
        target: Target,
        world: &World,
        defence: Defence,
    ) -> Vec<Way> {
        let classes = &self.peers.classes;
        let places = design.stages == 1 && classes.iter().any(|class| class.place.is_some());
        let mut ways = Vec::new();
        for united in [design.united, !design.united] {
            if united != design.united && !places {
                continue;
            }
            for exchange in Family::exchanges(&design.compression, true) {
                let other = SwarmDesign { united, exchange, ..design.clone() };
                let delivered = Delivered::new(classes, &other, world, defence);
                let time = exact(rows, &other, &delivered, target, world);
                let lacking = exchange == Exchange::Aggregator && self.peers.aggregator.is_none();
                // What all send in the time that the slowest takes.
                let whole = delivered.copies * other.update().get() / delivered.exchange.get();
                ways.push(Way {
                    exchange,
                    united,
                    sum: delivered.exchange,
                    kept: delivered.kept,
                    bound_by: delivered.sum_bound_by,
                    time,
                    lacks: lacking.then_some(BytesPerSecond(2.0 * whole)),
                });
            }
        }
        ways.sort_by(|a, b| {
            let own = |way: &Way| way.exchange != design.exchange || way.united != design.united;
            let time = |way: &Way| way.time.map_or(f64::INFINITY, Seconds::get);
            own(a).cmp(&own(b)).then(time(a).total_cmp(&time(b)))
        });
        ways
    }

    /// The sizes that are searched: the given one, or ten per decade up to what the largest
    /// pipeline holds.
    fn rows(&self, curve: &Curve) -> Result<Vec<Row>, Diagnostic> {
        match self.size {
            Some(size) => Ok(vec![curve.row(size.get())?]),
            None => (0..=60).map(|at| curve.row(10_f64.powf(7.0 + 0.1 * f64::from(at)))).collect(),
        }
    }

    fn unreachable(&self, rows: &[Row], loss: f64) -> Diagnostic {
        let held = facts().ok().and_then(|facts| facts.drawn("held", 0, 0).ok());
        let held = held.map_or(18.0, |held| held.best);
        let largest = (self.peers.classes.iter())
            .map(|class| {
                class.accelerator.memory.map_or(0.0, Bytes::get) * f64::from(class.devices)
            })
            .fold(0.0, f64::max);
        let reached = rows.iter().any(|row| row.tokens(loss).is_some());
        let problem = Diagnostic::error(format!("no design reaches a loss of {loss}"));
        if reached {
            problem.note(format!(
                "the largest peer holds {} parameters at {held} bytes each, and 64 stages 64 times \
                 that; replicas and compression cost loss too",
                shown(largest / held)
            ))
        } else {
            problem.note("under this law no run of such a size does, however many its tokens")
        }
        .help("ask for a higher loss, or for the least loss in a time")
    }

    fn sizes(
        &self,
        problem: &Problem<'_>,
        curve: &Curve,
        critical: &Critical,
        rival: Option<&Rival>,
        counts: &mut Counts,
    ) -> Result<Vec<BySize>, Diagnostic> {
        let mut sizes = Vec::new();
        for parameters in SIZES {
            let loss = curve.loss(parameters, RATIO * parameters)?;
            let target = critical.target(loss)?;
            let rows = [curve.row(parameters)?];
            let mut best: Option<(SwarmDesign, f64)> = None;
            for family in Family::ALL {
                let limit = best.as_ref().map_or(f64::INFINITY, |(_, time)| *time);
                best = problem.search(family, &rows, target, limit, counts).or(best);
            }
            let swarm = best.and_then(|(design, _)| {
                let (world, defence) = (problem.world, problem.defence);
                let delivered = Delivered::new(problem.classes, &design, world, defence);
                let time = exact(&rows, &design, &delivered, target, world)?;
                Some((design, time))
            });
            let campus = match rival {
                Some(rival) => Some(rival.reach(loss, target.critical)?.time.best),
                None => None,
            };
            let practical = swarm.as_ref().is_some_and(|(_, time)| *time <= self.patience);
            sizes.push(BySize {
                parameters: Parameters(parameters),
                loss,
                swarm,
                campus,
                practical,
            });
        }
        Ok(sizes)
    }
}

/// The time of a design that the search found: with churn and stragglers as the closed form of
/// rounds has them, of which the search goes by a quicker approximation.
fn exact(
    rows: &[Row],
    design: &SwarmDesign,
    delivered: &Delivered,
    target: Target,
    world: &World,
) -> Option<Seconds> {
    let (parameters, steps) = (design.parameters.get(), f64::from(design.rhythm.steps()));
    let row = rows.iter().find(|row| row.parameters == parameters)?;
    let (at, stages) = (design.compression_at, design.stages);
    let rise = rise(world, parameters, delivered.replicas, steps, at, stages);
    let tokens = row.tokens(target.loss * (-rise).exp())?
        * (1.0 + design.batch.get() / (target.critical * world.critical_batch));
    let time = tokens / delivered.tokens_per_second;
    time.is_finite().then_some(Seconds(time))
}

/// The least loss that some design reaches in `time`.
fn least_loss(
    problem: &Problem<'_>,
    rows: &[Row],
    critical: &Critical,
    time: Seconds,
    counts: &mut Counts,
) -> Result<f64, Diagnostic> {
    let mut reaches = |loss: f64| -> Result<bool, Diagnostic> {
        let target = critical.target(loss)?;
        Ok(Family::ALL
            .into_iter()
            .any(|family| problem.search(family, rows, target, time.get(), counts).is_some()))
    };
    // From a loss that a few tokens reach down to one that none does.
    let (mut low, mut high) = (0.05_f64.ln(), 8.0_f64.ln());
    if !reaches(high.exp())? {
        return Err(Diagnostic::error("in this time no design gets anywhere")
            .note("no peer holds a model of which the law speaks, or lines are too slow")
            .help("give more time, or another swarm"));
    }
    for _ in 0..HALVINGS {
        let middle = 0.5 * (low + high);
        if reaches(middle.exp())? {
            high = middle;
        } else {
            low = middle;
        }
    }
    Ok(high.exp())
}

fn shown(parameters: f64) -> String {
    format!("{:.2}B", parameters / 1e9)
}

/// The critical batch as Kaplan et al. 2020 have it.
struct Critical(Believed);

impl Critical {
    fn new() -> Result<Self, Diagnostic> {
        Believed::published("kaplan-2020-batch").map(Self)
    }

    fn target(&self, loss: f64) -> Result<Target, Diagnostic> {
        let setting = Setting::new().with("loss", loss);
        let found = self.0.law.values(self.0.values().clone(), &setting)?;
        Ok(Target { loss, critical: found.first().copied().unwrap_or(f64::NAN) })
    }
}

/// One design in all worlds, the best guess first.
struct Rowed {
    useful: Vec<f64>,
    time: Vec<f64>,
    tokens: Vec<f64>,
    rise: Vec<f64>,
    factor: Vec<f64>,
    electricity: Vec<f64>,
    devices: Option<Vec<f64>>,
    energy: Vec<f64>,
}

impl Rowed {
    fn new(
        question: &SwarmQuestion,
        curve: &Curve,
        worlds: &[World],
        design: &SwarmDesign,
        target: Target,
        defence: Defence,
    ) -> Result<Self, Diagnostic> {
        let (parameters, steps) = (design.parameters.get(), f64::from(design.rhythm.steps()));
        let classes = &question.peers.classes;
        let all: Vec<Delivered> =
            (worlds.iter()).map(|world| Delivered::new(classes, design, world, defence)).collect();
        let rises: Vec<f64> = (worlds.iter().zip(&all))
            .map(|(world, one)| {
                let (at, stages) = (design.compression_at, design.stages);
                rise(world, parameters, one.replicas, steps, at, stages)
            })
            .collect();
        let losses: Vec<f64> = rises.iter().map(|rise| target.loss * (-rise).exp()).collect();
        let fewest = curve.reach(parameters, &losses)?;
        let plain = curve.reach(parameters, &vec![target.loss; worlds.len()])?;
        let mut rowed = Self {
            useful: all.iter().map(|one| one.useful).collect(),
            rise: rises,
            tokens: Vec::new(),
            time: Vec::new(),
            factor: Vec::new(),
            electricity: Vec::new(),
            devices: None,
            energy: Vec::new(),
        };
        // A price is unknown as soon as that of one class is.
        let price: Option<f64> = (classes.iter().zip(&design.members))
            .map(|(class, share)| {
                let device = class.accelerator.price?;
                let one = 0.5 * (device.low.get() + device.high.get());
                Some(one * f64::from(class.devices) * f64::from(class.count) * share)
            })
            .sum();
        let mut devices = Vec::new();
        for (row, (world, one)) in worlds.iter().zip(&all).enumerate() {
            let critical = target.critical * world.critical_batch;
            let tokens = fewest[row] * (1.0 + design.batch.get() / critical);
            let time = tokens / one.tokens_per_second;
            let energy = one.watts * time;
            rowed.tokens.push(tokens);
            rowed.time.push(time);
            rowed.factor.push(tokens / plain[row]);
            rowed.energy.push(energy);
            rowed.electricity.push(energy * world.electricity);
            devices.extend(price.map(|price| price * time / world.life));
        }
        rowed.devices = price.map(|_| devices);
        Ok(rowed)
    }
}

impl SwarmPlan {
    /// How many times slower than the campus, draw by draw.
    pub fn slower(&self) -> Option<Drawn<f64>> {
        let campus = self.campus.as_ref()?;
        Some(self.time.with(&campus.time, |swarm, campus| swarm / campus))
    }

    /// How many times dearer: electricity and devices written off over the campus's money.
    pub fn dearer(&self) -> Option<Drawn<f64>> {
        let money = self.campus.as_ref()?.money.as_ref()?;
        let devices = self.devices.as_ref()?;
        let all: Drawn<Usd> = self.electricity.with(devices, |a, b| a + b);
        Some(all.with(money, |swarm, campus| swarm / campus))
    }

    /// The largest of the sizes tried that is practical.
    pub fn largest_practical(&self) -> Option<&BySize> {
        self.sizes.iter().rev().find(|size| size.practical)
    }

    /// The design played by events with a seed: what its closed form is checked against.
    ///
    /// # Errors
    /// Peers and rules out of range, and more peers than can be played one by one.
    pub fn play(&self, rounds: u32, seed: u64) -> Result<Outcome, Diagnostic> {
        let (groups, rules) = &self.delivered.played;
        let all: f64 = groups.iter().map(|(_, count)| count).sum();
        if all > MOST_PLAYED {
            let message = format!("{all} peers are too many to play one by one");
            return Err(Diagnostic::error(message)
                .note(format!("at most {MOST_PLAYED}"))
                .help("leave out --events: the closed form says the same within some per cent"));
        }
        let each = groups.iter().map(|(peer, count)| std::iter::repeat_n(*peer, *count as usize));
        let peers: Vec<Peer> = each.flatten().collect();
        simulate(&peers, &Rules { rounds, seed, ..*rules })
    }
}
