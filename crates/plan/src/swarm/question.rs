//! The question to a swarm, and how it is answered.

use diagnostic::Diagnostic;
use laws::Setting;
use machines::swarm::exchange::Exchange;
use machines::{Bytes, BytesPerSecond};
use runs::{Parameters, Seconds, Tokens};

use super::answer::{BySize, Scheme, SwarmPlan, Way};
use super::campus::Rival;
use super::curve::{Curve, Row};
use super::delivered::{Defence, Delivered};
use super::design::{Family, SwarmDesign};
use super::facts::{compression, facts};
use super::in_worlds::InWorlds;
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

/// Sizes that the swarm is tried at: half decades.
const SIZES: [f64; 9] = [1e8, 3e8, 1e9, 3e9, 1e10, 3e10, 1e11, 3e11, 1e12];
/// Tokens per parameter of a compute-optimal run (Hoffmann et al. 2022).
const RATIO: f64 = 20.0;
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
        let one = InWorlds::new(self, &curve, &worlds, &design, target, defence)?;
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
