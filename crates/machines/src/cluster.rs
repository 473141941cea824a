//! Clusters: sites with their fabrics, the wide-area network between them, or a swarm of peers.

use diagnostic::Diagnostic;
use runs::Seconds;
use serde::Deserialize;
use toml::Spanned;

use crate::catalogue::{self, Text, Written};
use crate::{Accelerator, Bytes, BytesPerSecond, Usd};

/// What trains: one site or several, or a swarm.
#[derive(Debug, Clone, PartialEq)]
pub struct Cluster {
    /// Its name in the catalogue.
    pub name: String,
    /// What people call it.
    pub title: String,
    /// Where its numbers come from.
    pub source: String,
    /// Sites of a data centre kind; empty for a swarm.
    pub sites: Vec<Site>,
    /// What joins several sites.
    pub wan: Option<Wan>,
    /// Classes of peers; empty unless it is a swarm.
    pub peers: Vec<PeerClass>,
}

/// One site of like accelerators.
#[derive(Debug, Clone, PartialEq)]
pub struct Site {
    /// What it is called.
    pub name: String,
    /// Its accelerators.
    pub accelerator: Accelerator,
    /// How many.
    pub accelerators: u32,
    /// How many share the fastest links, if not as many as the accelerator's file says.
    pub domain: Option<u32>,
    /// Fabric beyond the domain, from the inside out.
    pub tiers: Vec<Tier>,
    /// Facility power over IT power.
    pub pue: f64,
    /// Price of energy at the meter, per joule.
    pub energy_price: Option<Usd>,
    /// What all accelerators together read from shared storage.
    pub storage: Option<BytesPerSecond>,
    /// Local storage per accelerator.
    pub local_storage: Option<Bytes>,
}

/// One tier of a fabric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tier {
    /// How many accelerators it joins.
    pub accelerators: u32,
    /// What each has through it, one way.
    pub bandwidth: BytesPerSecond,
    /// Latency of one hop through it; the accelerator's own where none is given.
    pub latency: Option<Seconds>,
}

/// The network between sites.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Wan {
    /// Per site, one way.
    pub bandwidth: BytesPerSecond,
    /// Between neighbours on the ring of sites.
    pub round_trip: Seconds,
    /// Share of packets lost.
    pub loss: f64,
}

/// Peers of one kind in a swarm.
#[derive(Debug, Clone, PartialEq)]
pub struct PeerClass {
    /// What they are.
    pub name: String,
    /// How many.
    pub count: u32,
    /// What each has.
    pub accelerator: Accelerator,
    /// How many of it.
    pub devices: u32,
    /// From the peer.
    pub up: BytesPerSecond,
    /// To the peer.
    pub down: BytesPerSecond,
    /// To other peers.
    pub round_trip: Seconds,
    /// Share of packets lost.
    pub loss: f64,
    /// Share of time that a peer is there.
    pub availability: f64,
    /// Mean time from a peer's coming to its going.
    pub session: Option<Seconds>,
    /// Where several of them share one place and its line, and a quicker network within.
    pub place: Option<Place>,
}

/// A place such as an office: its peers share the line to the world, and a network of their own.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place {
    /// How many peers share it.
    pub peers: u32,
    /// What each has within it, one way.
    pub bandwidth: BytesPerSecond,
}

impl Cluster {
    /// All accelerators, of sites and peers.
    pub fn accelerators(&self) -> u64 {
        let sites = self.sites.iter().map(|site| u64::from(site.accelerators));
        let peers =
            self.peers.iter().map(|class| u64::from(class.count) * u64::from(class.devices));
        sites.chain(peers).sum()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: Spanned<String>,
    title: String,
    source: String,
    #[serde(default)]
    site: Vec<SiteEntry>,
    wan: Option<WanEntry>,
    #[serde(default)]
    peers: Vec<PeerEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SiteEntry {
    name: String,
    accelerator: Spanned<String>,
    accelerators: Spanned<u32>,
    domain: Option<Spanned<u32>>,
    pue: Option<Spanned<f64>>,
    energy_price: Option<Written>,
    storage: Option<Written>,
    local_storage: Option<Written>,
    #[serde(default)]
    tier: Vec<TierEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TierEntry {
    accelerators: Spanned<u32>,
    bandwidth: Written,
    latency: Option<Written>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WanEntry {
    bandwidth: Written,
    round_trip: Written,
    loss: Option<Spanned<f64>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PeerEntry {
    name: String,
    count: Spanned<u32>,
    accelerator: Spanned<String>,
    devices: Option<Spanned<u32>>,
    up: Written,
    down: Written,
    round_trip: Written,
    loss: Option<Spanned<f64>>,
    availability: Option<Spanned<f64>>,
    session: Option<Written>,
    place: Option<PlaceEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PlaceEntry {
    peers: Spanned<u32>,
    bandwidth: Written,
}

impl Cluster {
    /// A cluster from the text of its file, which came from `origin`.
    ///
    /// # Errors
    /// Text that is not TOML, unknown keys, accelerators that the catalogue does not hold, tiers
    /// that shrink, a swarm without peers; each points at its place.
    pub fn from_toml(origin: &str, text: &str) -> Result<Self, Diagnostic> {
        let text = Text { origin, text };
        let file: File = text.read()?;
        let sites =
            file.site.iter().map(|entry| site(&text, entry)).collect::<Result<Vec<_>, _>>()?;
        let peers =
            file.peers.iter().map(|entry| peer(&text, entry)).collect::<Result<Vec<_>, _>>()?;
        if sites.is_empty() && peers.is_empty() {
            return Err(text
                .error("this cluster has neither sites nor peers", file.name.span(), "this one")
                .help("add a [[site]], or a class of [[peers]] for a swarm"));
        }
        if !sites.is_empty() && !peers.is_empty() {
            return Err(text
                .error("this cluster has both sites and peers", file.name.span(), "this one")
                .help("a swarm takes a data centre as a class of peers"));
        }
        let mut wan = None;
        if let Some(entry) = &file.wan {
            wan = Some(Wan {
                bandwidth: BytesPerSecond(text.positive(&entry.bandwidth, "B/s")?),
                round_trip: Seconds(text.not_negative(&entry.round_trip, "s")?),
                loss: share(&text, entry.loss.as_ref(), 0.0, 0.0..=0.5)?,
            });
        }
        if sites.len() > 1 && wan.is_none() {
            return Err(text
                .error("several sites, but no network between them", file.name.span(), "this one")
                .help("add [wan] with bandwidth and round_trip"));
        }
        Ok(Self {
            name: file.name.into_inner(),
            title: file.title,
            source: file.source,
            sites,
            wan,
            peers,
        })
    }
}

fn site(text: &Text<'_>, entry: &SiteEntry) -> Result<Site, Diagnostic> {
    let optional = |written: &Option<Written>, unit: &str| {
        written.as_ref().map(|written| text.positive(written, unit)).transpose()
    };
    let accelerator = device(text, &entry.accelerator)?;
    let accelerators = count(text, &entry.accelerators)?;
    let domain = entry.domain.as_ref().map(|domain| count(text, domain)).transpose()?;
    let mut tiers: Vec<Tier> = Vec::new();
    for tier in &entry.tier {
        let joined = count(text, &tier.accelerators)?;
        if tiers.last().is_some_and(|inner| inner.accelerators >= joined) {
            let message = "tiers go from the inside out, each joining more accelerators";
            return Err(text.error(message, tier.accelerators.span(), "not more than the last"));
        }
        let latency = tier.latency.as_ref().map(|latency| text.not_negative(latency, "s"));
        tiers.push(Tier {
            accelerators: joined,
            bandwidth: BytesPerSecond(text.positive(&tier.bandwidth, "B/s")?),
            latency: latency.transpose()?.map(Seconds),
        });
    }
    if tiers.len() > crate::network::MOST_TIERS {
        let message = format!("at most {} tiers", crate::network::MOST_TIERS);
        return Err(text.error(message, entry.accelerator.span(), "this site"));
    }
    Ok(Site {
        name: entry.name.clone(),
        accelerator,
        accelerators,
        domain,
        tiers,
        pue: share(text, entry.pue.as_ref(), 1.2, 1.0..=5.0)?,
        energy_price: optional(&entry.energy_price, "USD/J")?.map(Usd),
        storage: optional(&entry.storage, "B/s")?.map(BytesPerSecond),
        local_storage: optional(&entry.local_storage, "B")?.map(Bytes),
    })
}

fn peer(text: &Text<'_>, entry: &PeerEntry) -> Result<PeerClass, Diagnostic> {
    let session = entry.session.as_ref().map(|session| text.positive(session, "s")).transpose()?;
    let devices = entry.devices.as_ref().map_or(Ok(1), |devices| count(text, devices))?;
    let place = entry.place.as_ref().map(|place| {
        let peers = count(text, &place.peers)?;
        if peers < 2 || peers > *entry.count.get_ref() {
            let message = format!("expected 2 to {} peers at a place", entry.count.get_ref());
            return Err(text
                .error(message, place.peers.span(), "not this many")
                .help("`count` is of peers, not of places; leave out `place` for peers alone"));
        }
        Ok(Place { peers, bandwidth: BytesPerSecond(text.positive(&place.bandwidth, "B/s")?) })
    });
    Ok(PeerClass {
        name: entry.name.clone(),
        count: count(text, &entry.count)?,
        accelerator: device(text, &entry.accelerator)?,
        devices,
        up: BytesPerSecond(text.positive(&entry.up, "B/s")?),
        down: BytesPerSecond(text.positive(&entry.down, "B/s")?),
        round_trip: Seconds(text.not_negative(&entry.round_trip, "s")?),
        loss: share(text, entry.loss.as_ref(), 0.0, 0.0..=0.5)?,
        availability: share(text, entry.availability.as_ref(), 1.0, 0.001..=1.0)?,
        session: session.map(Seconds),
        place: place.transpose()?,
    })
}

fn device(text: &Text<'_>, name: &Spanned<String>) -> Result<Accelerator, Diagnostic> {
    catalogue::accelerator(name.get_ref())
        .map_err(|problem| problem.at(text.origin, text.text, name.span(), "this name"))
}

fn count(text: &Text<'_>, given: &Spanned<u32>) -> Result<u32, Diagnostic> {
    match *given.get_ref() {
        0 => Err(text.error("expected at least one", given.span(), "none")),
        count => Ok(count),
    }
}

fn share(
    text: &Text<'_>,
    given: Option<&Spanned<f64>>,
    otherwise: f64,
    range: std::ops::RangeInclusive<f64>,
) -> Result<f64, Diagnostic> {
    match given {
        None => Ok(otherwise),
        Some(given) if range.contains(given.get_ref()) => Ok(*given.get_ref()),
        Some(given) => {
            let message = format!("expected {} to {}", range.start(), range.end());
            Err(text.error(message, given.span(), "out of range"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "name = \"x\"\ntitle = \"\"\nsource = \"\"\n";

    #[test]
    fn bad_clusters_point_at_their_place() {
        let peer = "[[peers]]\nname=\"p\"\ncount=1\naccelerator=\"h100\"\nup=\"1 Mbit/s\"\n\
                    down=\"1 Mbit/s\"\nround_trip=\"10 ms\"\n";
        let site = "[[site]]\nname=\"s\"\naccelerator=\"h100\"\naccelerators=8\n";
        for (tail, expected) in [
            (String::new(), "neither sites nor peers"),
            (peer.replace("count=1", "count=0"), "expected at least one"),
            (peer.replace("h100", "h1000"), "did you mean `h100`?"),
            (peer.replace("up=\"1 Mbit/s\"", "up=\"0 Mbit/s\""), "more than zero"),
            (peer.replace("10 ms", "-10 ms"), "zero or more"),
            (format!("{peer}loss=0.9\n"), "out of range"),
            (format!("{peer}place={{peers=1, bandwidth=\"1 Gbit/s\"}}\n"), "peers at a place"),
            (format!("{peer}place={{peers=2, bandwidth=\"1 Gbit/s\"}}\n"), "peers at a place"),
            (format!("{site}{site}"), "no network between them"),
            (format!("{site}{peer}"), "both sites and peers"),
            (format!("{site}pue=0.9\n"), "expected 1 to 5"),
            (
                format!(
                    "{site}[[site.tier]]\naccelerators=8\nbandwidth=\"1 GB/s\"\n\
                     [[site.tier]]\naccelerators=8\nbandwidth=\"1 GB/s\"\n"
                ),
                "from the inside out",
            ),
        ] {
            let problem = Cluster::from_toml("x.toml", &format!("{HEAD}{tail}"));
            let problem = problem.unwrap_err().to_string();
            assert!(problem.contains(expected), "{problem}");
            assert!(problem.contains("x.toml:"), "{problem}");
        }
    }

    #[test]
    fn a_campus_of_a_gigawatt_fits_its_power() {
        let campus = crate::cluster("campus-1gw").unwrap();
        let site = &campus.sites[0];
        let server = site.accelerator.server_power.unwrap();
        let facility = server.get() * site.pue * f64::from(site.accelerators);
        assert!((0.99e9..=1.0e9).contains(&facility), "{facility}");
    }
}
