//! A swarm played in virtual time, and what came out: time, bytes, and where the time goes.

use std::collections::BTreeMap;

use diagnostic::Diagnostic;
use runs::NatsPerToken;
use serde::Serialize;

use super::learner::Learner;
use super::machine::{Note, RoundNote};
use super::message::PeerId;
use super::roles::{Lead as _, Roles};
use super::settings::{Method, Settings};
use super::spec::Swarm;
use super::time::Time;
use super::virtual_time::{Sent, VirtualSwarm};
use crate::recipe::RunConfig;
use crate::train::Validation;

/// Has the size of a model and trains nothing: for rehearsals of time and bytes alone.
#[derive(Debug, Clone)]
pub struct Dummy {
    parameters: Vec<f32>,
    state: usize,
    updates: u64,
    loss: f64,
}

impl Dummy {
    /// Of the size of `run`'s model and optimiser.
    pub fn new(run: &RunConfig) -> Self {
        let layout = crate::parameters::Layout::new(&run.shape);
        let memory = crate::optimiser::Optimiser::numbers(run.optimiser.method, &layout);
        let parameters = vec![0.0; layout.len()];
        let state = layout.len() + memory;
        Self { parameters, state, updates: 0, loss: (run.shape.vocab as f64).ln() }
    }
}

impl Learner for Dummy {
    fn parameters(&self) -> &[f32] {
        &self.parameters
    }

    fn set_parameters(&mut self, values: &[f32]) {
        self.parameters.copy_from_slice(values);
    }

    fn train(&mut self, _: &[u64], _: f32) -> f64 {
        self.updates += 1;
        self.loss
    }

    fn gradient(&mut self, _: &[u64]) -> (f64, Vec<f32>) {
        (self.loss, vec![0.0; self.parameters.len()])
    }

    fn apply(&mut self, _: Vec<f32>, _: f32) {
        self.updates += 1;
    }

    fn state(&self) -> (Vec<f32>, u64) {
        (vec![0.0; self.state], self.updates)
    }

    fn restore(&mut self, state: &[f32], updates: u64) -> bool {
        self.updates = updates;
        state.len() == self.state
    }

    fn validate(&mut self) -> Validation {
        Validation { loss: NatsPerToken(f64::NAN), standard_error: NatsPerToken(f64::NAN) }
    }
}

/// What a peer did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PeerAccount {
    /// Its number.
    pub peer: PeerId,
    /// For people.
    pub name: String,
    /// Tokens that went into averages.
    pub tokens: u64,
    /// Bytes it sent, to anybody.
    pub sent: u64,
    /// Bytes sent to it.
    pub received: u64,
    /// How it stood at the end.
    pub standing: String,
}

/// What came out of a run of a swarm, played or real.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Account {
    /// Whether every window was trained on.
    pub finished: bool,
    /// Seconds.
    pub seconds: f64,
    /// Bytes over all lines, with frames.
    pub bytes: u64,
    /// Of them, between peers of one site.
    pub bytes_in_sites: u64,
    /// Training tokens.
    pub tokens: u64,
    /// Outcomes.
    pub rounds: u64,
    /// Share of the peers' time that was computing for averages; the rest was exchange and waiting.
    pub computing: f64,
    /// Share of the whole time that the slowest peer of each round computed.
    pub slowest: f64,
    /// Updates that came a round late.
    pub late: u64,
    /// Loss on held-out text in nats per token, if something was trained.
    pub loss: Option<f64>,
    /// Its standard error over the text.
    pub loss_se: Option<f64>,
    /// Each peer.
    pub peers: Vec<PeerAccount>,
}

impl Account {
    /// Bytes over the lines between sites, and to peers without one, for each training token.
    pub fn slow_bytes_per_token(&self) -> f64 {
        (self.bytes - self.bytes_in_sites) as f64 / self.tokens.max(1) as f64
    }

    /// Bytes over all lines for each training token.
    pub fn bytes_per_token(&self) -> f64 {
        self.bytes as f64 / self.tokens.max(1) as f64
    }

    /// Training tokens a second.
    pub fn tokens_per_second(&self) -> f64 {
        self.tokens as f64 / self.seconds.max(1e-9)
    }
}

/// A run with its log.
pub struct Played {
    /// Sums.
    pub account: Account,
    /// Every round: when it ended, and what it was.
    pub rounds: Vec<(Time, RoundNote)>,
    /// What happened to peers.
    pub events: Vec<(Time, PeerId, String)>,
    /// Every message.
    pub traffic: Vec<Sent>,
}

/// Plays `swarm` in virtual time with models from `make`; `progress` gets the share that is done,
/// and may end it by answering false.
///
/// # Errors
/// When it does not come to an end within a virtual year: nobody is left to train.
pub fn play<L: Roles>(
    swarm: &Swarm,
    settings: &Settings,
    make: impl Fn() -> L,
    progress: &mut dyn FnMut(f64) -> bool,
) -> Result<Option<Played>, Diagnostic> {
    let mut driver = VirtualSwarm::new(settings.clone(), swarm.coordinators_line(), make);
    for (peers, line) in swarm.sites() {
        driver = driver.with_site(&peers, line);
    }
    for (at, act) in swarm.acts() {
        driver.act(at, act);
    }
    let year = Time::from_seconds(365.25 * 86_400.0);
    let mut events = 0_u64;
    while driver.next(year) {
        events += 1;
        if events.is_multiple_of(64) {
            let done = driver.coordinator().map_or(0, |coordinator| coordinator.trained());
            if !progress(done as f64 / settings.windows() as f64) {
                return Ok(None);
            }
        }
    }
    if let Some(problem) = driver.coordinator().and_then(|coordinator| coordinator.problem()) {
        let at = driver.now().seconds();
        return Err(Diagnostic::error(format!("the run ends at {at:.1} s: {problem}")).help(
            "look at who dies or leaves, and when the others join; or at the learning rate",
        ));
    }
    if driver.finished().is_none() {
        let done = driver.coordinator().map_or(0, |coordinator| coordinator.trained());
        return Err(Diagnostic::error(format!(
            "the run does not end: after a year {done} of {} windows are trained on",
            settings.windows()
        ))
        .help("look at who dies, leaves or stalls, and when the others join"));
    }
    let names: BTreeMap<PeerId, String> =
        swarm.peers().into_iter().map(|(rank, name, _)| (rank, name)).collect();
    Ok(Some(account(&mut driver, settings, &names)))
}

fn account<L: Roles>(
    driver: &mut VirtualSwarm<'_, L>,
    settings: &Settings,
    names: &BTreeMap<PeerId, String>,
) -> Played {
    let seconds = driver.finished().unwrap_or_else(|| driver.now()).seconds();
    let sum = |of: &dyn Fn(PeerId, PeerId) -> bool| -> u64 {
        driver.bytes().iter().filter(|((from, to), _)| of(*from, *to)).map(|(_, b)| b).sum()
    };
    let traffic: BTreeMap<PeerId, (u64, u64)> = names
        .keys()
        .map(|rank| (*rank, (sum(&|from, _| from == *rank), sum(&|_, to| to == *rank))))
        .collect();
    let bytes = sum(&|_, _| true);
    let (rounds, events) = split(driver.notes());
    let traffic_log = driver.traffic().to_vec();
    let trains = !matches!(settings.method, Method::Synchronous) || settings.run.steps > 0;
    let (mut peers, mut validation, mut trained, mut finished) = (Vec::new(), None, 0, false);
    if let Some(coordinator) = driver.coordinator() {
        finished = coordinator.is_finished();
        trained = coordinator.trained() * settings.context() as u64;
        let known = coordinator.attendance();
        peers = names
            .iter()
            .map(|(rank, name)| {
                let (sent, received) = traffic[rank];
                let peer = known.get(rank);
                PeerAccount {
                    peer: *rank,
                    name: name.clone(),
                    tokens: peer.map_or(0, |peer| peer.windows * settings.context() as u64),
                    sent,
                    received,
                    standing: peer.map_or_else(
                        || "never came".to_owned(),
                        |peer| format!("{:?}", peer.standing).to_lowercase(),
                    ),
                }
            })
            .collect();
        validation = trains.then(|| coordinator.validate()).filter(|v| v.loss.get().is_finite());
    }
    let near = |(from, to): &(PeerId, PeerId)| driver.are_near(*from, *to);
    let bytes_in_sites = driver.bytes().iter().filter(|(pair, _)| near(pair)).map(|(_, b)| b).sum();
    for peer in &mut peers {
        if peer.standing == "never came" && driver.are_near(peer.peer, peer.peer) {
            peer.standing = in_site(peer.peer, &events);
        }
    }
    let account = summary(&rounds, seconds, bytes, trained, finished, validation, peers);
    let account = Account { bytes_in_sites, ..account };
    Played { account, rounds, events, traffic: traffic_log }
}

/// How a member of a site stands, who is nothing to the coordinator.
pub(super) fn in_site(peer: PeerId, events: &[(Time, PeerId, String)]) -> String {
    let refused = events.iter().any(|(_, who, what)| *who == peer && what.starts_with("refused"));
    if refused { "refused by its site" } else { "with its site" }.to_owned()
}

/// Sums over rounds, for a run played or real.
pub fn summary(
    rounds: &[(Time, RoundNote)],
    seconds: f64,
    bytes: u64,
    tokens: u64,
    finished: bool,
    validation: Option<Validation>,
    peers: Vec<PeerAccount>,
) -> Account {
    let busy: f64 = rounds.iter().map(|(_, round)| round.busy.as_secs_f64()).sum();
    let slowest: f64 = rounds.iter().map(|(_, round)| round.slowest.as_secs_f64()).sum();
    // The time of peers that were at work in each round.
    let at_hand: f64 = rounds
        .iter()
        .map(|(_, round)| round.took.as_secs_f64() * (round.included + round.missing) as f64)
        .sum();
    Account {
        finished,
        seconds,
        bytes,
        bytes_in_sites: 0,
        tokens,
        rounds: rounds.len() as u64,
        computing: busy / at_hand.max(f64::MIN_POSITIVE),
        slowest: slowest / seconds.max(f64::MIN_POSITIVE),
        late: rounds.iter().map(|(_, round)| round.late as u64).sum(),
        loss: validation.map(|v| v.loss.get()),
        loss_se: validation.map(|v| v.standard_error.get()),
        peers,
    }
}

type Rounds = Vec<(Time, RoundNote)>;
type Happened = Vec<(Time, PeerId, String)>;

fn split(notes: &[(Time, Note)]) -> (Rounds, Happened) {
    let (mut rounds, mut events) = (Vec::new(), Vec::new());
    for (at, note) in notes {
        match note {
            Note::Round(round) => rounds.push((*at, round.clone())),
            Note::Peer { peer, what } => events.push((*at, *peer, what.clone())),
        }
    }
    (rounds, events)
}

/// The traffic log as CSV: seconds, from, to, kind, bytes.
pub fn traffic_csv(traffic: &[Sent]) -> String {
    use std::fmt::Write as _;
    let mut text = String::from("seconds,from,to,kind,bytes\n");
    let name = |rank: PeerId| {
        if rank == PeerId::COORDINATOR { "coordinator".to_owned() } else { rank.0.to_string() }
    };
    for sent in traffic {
        let _ = writeln!(
            text,
            "{:.6},{},{},{},{}",
            sent.at.seconds(),
            name(sent.from),
            name(sent.to),
            sent.kind,
            sent.bytes
        );
    }
    text
}

/// The rounds as CSV.
pub fn rounds_csv(rounds: &[(Time, RoundNote)], context: usize) -> String {
    use std::fmt::Write as _;
    let mut text =
        String::from("round,seconds,tokens,train_loss,included,late,missing,took_s,slowest_s\n");
    for (at, round) in rounds {
        let _ = writeln!(
            text,
            "{},{:.6},{},{:.6},{},{},{},{:.6},{:.6}",
            round.round,
            at.seconds(),
            round.windows * context as u64,
            round.loss,
            round.included,
            round.late,
            round.missing,
            round.took.as_secs_f64(),
            round.slowest.as_secs_f64()
        );
    }
    text
}
