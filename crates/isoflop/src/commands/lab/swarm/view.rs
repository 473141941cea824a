//! What is known of a swarm while it goes on; terminal and page show the same.

use std::collections::BTreeMap;
use std::time::Duration;

use lab::swarm::Time;
use lab::swarm::machine::Note;
use lab::swarm::message::Message;
use lab::swarm::wire::PeerId;
use serde_json::{Value, json};

/// Points of the loss curve that a page gets.
const POINTS: usize = 400;
/// Rates are taken over this much.
const SPAN: Duration = Duration::from_secs(2);

/// A run that goes on. Times are the driver's.
pub(super) struct View {
    /// Windows of the whole run, and tokens of one.
    total: u64,
    context: u64,
    now: Time,
    windows: u64,
    /// Tokens trained on, and training loss in nats per token, after each round.
    losses: Vec<(u64, f64)>,
    bytes: u64,
    peers: BTreeMap<PeerId, PeerView>,
}

/// What is known of a peer.
#[derive(Default)]
struct PeerView {
    /// What was last said of it.
    standing: String,
    delivered: Time,
    tokens: u64,
    /// Tokens a second of its last update, while it computed.
    speed: f64,
    sent: Meter,
    received: Meter,
}

impl PeerView {
    fn is_here(&self) -> bool {
        !["gone", "left", "evicted", "refused"].iter().any(|end| self.standing.starts_with(end))
    }
}

/// Bytes in one direction.
#[derive(Default)]
struct Meter {
    bytes: u64,
    marked: (Time, u64),
    /// Bytes a second over the last span.
    rate: f64,
}

impl Meter {
    fn add(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
    }

    fn tick(&mut self, now: Time) {
        let span = now.since(self.marked.0);
        if span >= SPAN {
            self.rate = (self.bytes - self.marked.1) as f64 / span.as_secs_f64();
            self.marked = (now, self.bytes);
        }
    }
}

impl View {
    /// Of a run of `total` windows of `context` tokens.
    pub(super) fn new(total: u64, context: usize) -> Self {
        Self {
            total,
            context: context as u64,
            now: Time::ZERO,
            windows: 0,
            losses: Vec::new(),
            bytes: 0,
            peers: BTreeMap::new(),
        }
    }

    /// Something that the coordinator noted.
    pub(super) fn note(&mut self, now: Time, note: &Note) {
        self.now = now;
        match note {
            Note::Round(round) => {
                self.losses.push((round.windows * self.context, round.loss));
                self.windows = round.windows;
            }
            Note::Peer { peer, what } => {
                let peer = self.peers.entry(*peer).or_default();
                peer.standing.clone_from(what);
                peer.delivered = now;
            }
        }
    }

    /// A message to a peer.
    pub(super) fn sent(&mut self, to: PeerId, bytes: usize) {
        self.bytes += bytes as u64;
        if let Some(peer) = self.peers.get_mut(&to) {
            peer.received.add(bytes);
        }
    }

    /// A message from a peer.
    pub(super) fn received(&mut self, now: Time, from: PeerId, message: &Message, bytes: usize) {
        self.bytes += bytes as u64;
        let context = self.context;
        let Some(peer) = self.peers.get_mut(&from) else { return };
        peer.sent.add(bytes);
        if let Message::Update(update) = message {
            // What a stranger claims, until the coordinator counts it.
            let tokens = update.windows.min(self.total) * context;
            peer.delivered = now;
            peer.tokens = peer.tokens.saturating_add(tokens);
            peer.speed = tokens as f64 / update.busy.as_secs_f64().max(1e-9);
        }
    }

    /// Time passes.
    pub(super) fn tick(&mut self, now: Time) {
        self.now = now;
        for peer in self.peers.values_mut() {
            peer.sent.tick(now);
            peer.received.tick(now);
        }
    }

    /// Windows trained on, and of the whole run.
    pub(super) fn progress(&self) -> (u64, u64) {
        (self.windows, self.total)
    }

    /// Training losses after each round.
    pub(super) fn losses(&self) -> Vec<f64> {
        self.losses.iter().map(|(_, loss)| *loss).collect()
    }

    /// Bytes to and from everybody.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Tokens a second since the coordinator started.
    pub(super) fn tokens_per_second(&self) -> f64 {
        (self.windows * self.context) as f64 / self.now.seconds().max(1e-3)
    }

    /// How many take part.
    pub(super) fn here(&self) -> usize {
        self.peers.values().filter(|peer| peer.is_here()).count()
    }

    /// Who delivered longest ago, and when.
    pub(super) fn behind(&self) -> Option<(PeerId, Duration)> {
        let here = self.peers.iter().filter(|(_, peer)| peer.is_here());
        let since = |peer: &PeerView| self.now.since(peer.delivered);
        here.max_by_key(|(_, peer)| since(peer)).map(|(id, peer)| (*id, since(peer)))
    }

    /// Everything, for a page. Rates are in bytes and tokens a second.
    pub(super) fn json(&self, name: &str, names: &BTreeMap<PeerId, String>) -> Value {
        let step = self.losses.len().div_ceil(POINTS).max(1);
        let last = self.losses.len().saturating_sub(1);
        let curve: Vec<_> = (self.losses.iter().enumerate())
            .filter(|(at, (_, loss))| loss.is_finite() && (at % step == 0 || *at == last))
            .map(|(_, point)| *point)
            .collect();
        let peers: Vec<Value> = (self.peers.iter())
            .map(|(id, peer)| {
                json!({
                    "peer": id.0,
                    "name": names.get(id).cloned().unwrap_or_else(|| id.to_string()),
                    "standing": peer.standing,
                    "here": peer.is_here(),
                    "tokens": peer.tokens,
                    "tokens_per_second": peer.speed,
                    "sent": peer.sent.bytes,
                    "sent_per_second": peer.sent.rate,
                    "received": peer.received.bytes,
                    "received_per_second": peer.received.rate,
                    "delivered_seconds_ago": self.now.since(peer.delivered).as_secs_f64(),
                })
            })
            .collect();
        json!({
            "name": name,
            "seconds": self.now.seconds(),
            "tokens": self.windows * self.context,
            "total_tokens": self.total * self.context,
            "tokens_per_second": self.tokens_per_second(),
            "bytes": self.bytes,
            "rounds": self.losses.len(),
            "losses": curve,
            "behind": self.behind().map(|(id, _)| id.0),
            "peers": peers,
        })
    }
}

#[cfg(test)]
mod tests {
    use lab::swarm::machine::RoundNote;
    use lab::swarm::message::Update;

    use super::*;

    fn round(round: u64) -> Note {
        Note::Round(RoundNote {
            round,
            windows: 10 * (round + 1),
            loss: 4.0 - 0.001 * round as f64,
            included: 2,
            late: 0,
            missing: 0,
            took: Duration::from_secs(1),
            busy: Duration::from_secs(1),
            slowest: Duration::from_secs(1),
        })
    }

    #[test]
    fn it_says_who_is_behind_what_crosses_and_how_the_loss_falls() {
        let mut view = View::new(10_000, 64);
        for peer in [1, 2, 3] {
            let what = "joined".to_owned();
            view.note(Time::ZERO, &Note::Peer { peer: PeerId(peer), what });
        }
        let update = Update {
            round: 0,
            windows: 10,
            loss: 4.0,
            busy: Duration::from_millis(500),
            near: 0,
            began: [0; 16],
            commitments: Vec::new(),
            body: Vec::new(),
        };
        let at = Time::from_seconds(3.0);
        view.received(at, PeerId(1), &Message::Update(update), 1000);
        view.sent(PeerId(2), 500);
        view.note(at, &Note::Peer { peer: PeerId(3), what: "gone: silent".to_owned() });
        for number in 0..900 {
            view.note(at, &round(number));
        }
        view.tick(Time::from_seconds(4.0));
        assert_eq!(view.here(), 2);
        assert_eq!(view.behind(), Some((PeerId(2), Duration::from_secs(4))));

        let names = BTreeMap::from([(PeerId(1), "desk".to_owned())]);
        let shown = view.json("flats", &names);
        assert_eq!(shown["peers"][0]["name"], "desk");
        assert_eq!(shown["peers"][0]["tokens_per_second"], 1280.0);
        assert_eq!(shown["peers"][0]["sent_per_second"], 250.0);
        assert_eq!(shown["peers"][1]["received"], 500);
        assert_eq!(shown["peers"][2]["here"], false);
        assert_eq!(shown["behind"], 2);
        let curve = shown["losses"].as_array().unwrap();
        assert!(curve.len() <= POINTS + 1, "{}", curve.len());
        assert_eq!(curve.last().unwrap()[0], 9000 * 64);
    }
}
