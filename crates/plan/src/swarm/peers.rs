//! The peers of a swarm, or the sites of a cluster taken as peers.

use diagnostic::Diagnostic;
use machines::swarm::link::Congestion;
use machines::{BytesPerSecond, Cluster, PeerClass};

/// Who could take part.
#[derive(Debug, Clone, PartialEq)]
pub struct Peers {
    /// What people call the swarm.
    pub title: String,
    /// Its name in the catalogue.
    pub name: String,
    /// Where its numbers come from.
    pub source: String,
    /// Classes of like peers.
    pub classes: Vec<PeerClass>,
    /// The line, each way, of a server that could sum for all; none on ordinary internet.
    pub aggregator: Option<BytesPerSecond>,
    /// How senders avoid congestion.
    pub congestion: Congestion,
}

impl Peers {
    /// The peers of `cluster`; like sites with a network between them are a class of peers.
    ///
    /// # Errors
    /// One site alone, and devices without what a swarm needs to know: a dense bf16 peak and
    /// memory.
    pub fn of(cluster: &Cluster) -> Result<Self, Diagnostic> {
        let mut classes = cluster.peers.clone();
        if classes.is_empty()
            && let Some(wan) = &cluster.wan
        {
            for site in &cluster.sites {
                let like = |class: &PeerClass| {
                    class.accelerator.name == site.accelerator.name
                        && class.devices == site.accelerators
                };
                if let Some(class) = classes.iter_mut().find(|class| like(class)) {
                    class.count += 1;
                    continue;
                }
                classes.push(PeerClass {
                    name: format!("{} {}", site.accelerators, site.accelerator.title),
                    count: 1,
                    accelerator: site.accelerator.clone(),
                    devices: site.accelerators,
                    up: wan.bandwidth,
                    down: wan.bandwidth,
                    round_trip: wan.round_trip,
                    loss: wan.loss,
                    availability: 1.0,
                    session: None,
                    place: None,
                });
            }
        }
        if classes.is_empty() {
            return Err(Diagnostic::error(format!("`{}` is a swarm with no peer", cluster.name))
                .note("it has neither [[peers]] nor several sites with a network between them")
                .help("name a swarm such as `homes-1000`, or leave out --swarm"));
        }
        for class in &classes {
            let device = &class.accelerator;
            let lacking = |what: &str| {
                Diagnostic::error(format!("{} has no {what}", device.title)).help(format!(
                    "add it to a copy of catalogue/accelerators/{}.toml",
                    device.name
                ))
            };
            if device.peak.bf16.is_none() {
                return Err(lacking("dense bf16 peak"));
            }
            if device.memory.is_none() {
                return Err(lacking("memory"));
            }
        }
        let (title, name, source) =
            (cluster.title.clone(), cluster.name.clone(), cluster.source.clone());
        // Of random loss, which home lines have, BBR takes no notice.
        let (aggregator, congestion) = (None, Congestion::Bbr);
        Ok(Self { title, name, source, classes, aggregator, congestion })
    }

    /// All peers.
    pub fn count(&self) -> u32 {
        self.classes.iter().fold(0, |sum, class| sum.saturating_add(class.count))
    }
}
