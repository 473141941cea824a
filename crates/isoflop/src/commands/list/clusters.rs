//! `isoflop list clusters`.

use diagnostic::Diagnostic;
use machines::{Cluster, PeerClass, Power, Site};
use serde_json::{Value, json};

use super::entry;
use super::show::section;
use crate::commands::json::headed;
use crate::text::{behind, paragraph};

pub(super) fn answer(name: Option<&str>, json: bool, width: usize) -> Result<String, Diagnostic> {
    let Some(name) = name else {
        let all: Vec<Cluster> =
            machines::clusters().map(machines::cluster).collect::<Result<_, _>>()?;
        if json {
            let all: Vec<Value> = all.iter().map(whole).collect();
            let answer = headed("list clusters", 1, json!({ "clusters": all }));
            return Ok(format!("{answer:#}\n"));
        }
        return Ok(list(&all, width));
    };
    let cluster = entry(name, machines::cluster, Cluster::from_toml)?;
    if json {
        let answer = headed("list clusters", 1, whole(&cluster));
        return Ok(format!("{answer:#}\n"));
    }
    Ok(show(&cluster, width))
}

/// Every cluster in two lines: its name and what it is made of; its title.
fn list(all: &[Cluster], width: usize) -> String {
    let names = all.iter().map(|cluster| cluster.name.len()).max().unwrap_or(0);
    let mut out = String::new();
    for cluster in all {
        behind(&mut out, &format!("{:names$}  ", cluster.name), &made_of(cluster), width);
        paragraph(&mut out, 4, &cluster.title, width);
    }
    out.push('\n');
    let more = format!("{} clusters; `isoflop list clusters NAME` shows one whole", all.len());
    paragraph(&mut out, 0, &more, width);
    out
}

/// `2 sites, 1024 h100`, `swarm of 1000 peers, 1000 rtx-4090`.
fn made_of(cluster: &Cluster) -> String {
    let mut devices: Vec<(String, u64)> = Vec::new();
    let sites = cluster.sites.iter().map(|s| (&s.accelerator.name, u64::from(s.accelerators)));
    let peers = cluster
        .peers
        .iter()
        .map(|p| (&p.accelerator.name, u64::from(p.count) * u64::from(p.devices)));
    for (name, count) in sites.chain(peers) {
        match devices.iter_mut().find(|(known, _)| known == name) {
            Some((_, sum)) => *sum += count,
            None => devices.push((name.clone(), count)),
        }
    }
    let devices: Vec<String> =
        devices.iter().map(|(name, count)| format!("{count} {name}")).collect();
    let devices = devices.join(", ");
    match (cluster.sites.len(), cluster.peers.iter().map(|p| u64::from(p.count)).sum::<u64>()) {
        (_, peers) if peers > 0 => format!("swarm of {peers} peers: {devices}"),
        (1, _) => devices,
        (sites, _) => format!("{sites} sites: {devices}"),
    }
}

fn row(name: &str, value: String, meaning: &str) -> [String; 3] {
    [name.to_owned(), value, meaning.to_owned()]
}

fn show(cluster: &Cluster, width: usize) -> String {
    let mut out = format!("{}: {}\n", cluster.name, cluster.title);
    paragraph(&mut out, 0, &cluster.source, width);
    for like in cluster.sites.chunk_by(alike) {
        let title = match like {
            [first, .., last] => format!("Sites: {} to {}, each", first.name, last.name),
            _ => format!("Site: {}", like[0].name),
        };
        section(&mut out, &title, site_rows(&like[0]), width);
    }
    if let Some(wan) = &cluster.wan {
        let rows = vec![
            row("bandwidth", wan.bandwidth.to_string(), "per site, one way"),
            row("round trip", milliseconds(wan.round_trip.get()), "between neighbours"),
            row("loss", percent(wan.loss), "of packets"),
        ];
        section(&mut out, "Between sites", rows, width);
    }
    for class in &cluster.peers {
        section(&mut out, &format!("Peers: {}", class.name), peer_rows(class), width);
    }
    out
}

/// Sites that differ in nothing but their name.
fn alike(a: &Site, b: &Site) -> bool {
    *a == Site { name: a.name.clone(), ..b.clone() }
}

fn site_rows(site: &Site) -> Vec<[String; 3]> {
    let mut rows = vec![row(
        "accelerators",
        format!("{} {}", site.accelerators, site.accelerator.name),
        &site.accelerator.title,
    )];
    let domain = site.domain.or(site.accelerator.scale_up.and_then(|link| link.domain));
    if let Some(domain) = domain {
        rows.push(row("domain", domain.to_string(), "accelerators on the fast links"));
    }
    for tier in &site.tiers {
        let reach = format!("one way each, joins {}", tier.accelerators);
        rows.push(row("fabric", tier.bandwidth.to_string(), &reach));
    }
    if let Some(storage) = site.storage {
        rows.push(row("storage", storage.to_string(), "for all together"));
    }
    if let Ok(power) = Power::new(&site.accelerator, site.accelerators, 1.0, site.pue) {
        rows.push(row("IT power", power.it.to_string(), "with chips at their limit"));
        let pue = format!("at a PUE of {}", site.pue);
        rows.push(row("facility power", power.facility.to_string(), &pue));
    }
    if let Some(joule) = site.energy_price {
        rows.push(row("energy", format!("{:.0} USD/MWh", joule.get() * 3.6e9), "at the meter"));
    }
    rows
}

fn peer_rows(class: &PeerClass) -> Vec<[String; 3]> {
    let each = format!("{} {} each", class.devices, class.accelerator.name);
    let mut rows = vec![
        row("peers", class.count.to_string(), &each),
        row("up", bits(class.up.get()), ""),
        row("down", bits(class.down.get()), ""),
        row("round trip", milliseconds(class.round_trip.get()), ""),
        row("loss", percent(class.loss), "of packets"),
        row("there", percent(class.availability), "of the time"),
    ];
    if let Some(session) = class.session {
        rows.push(row(
            "session",
            format!("{} h", short(session.get() / 3600.0)),
            "from coming to going",
        ));
    }
    rows
}

/// A rate of the internet, where people count bits.
fn bits(bytes: f64) -> String {
    format!("{} Mbit/s", short(bytes * 8e-6))
}

fn milliseconds(seconds: f64) -> String {
    format!("{} ms", short(seconds * 1e3))
}

fn percent(share: f64) -> String {
    format!("{} %", short(share * 100.0))
}

/// Four digits.
fn short(value: f64) -> String {
    format!("{}", format!("{value:.3e}").parse::<f64>().unwrap_or(value))
}

fn whole(cluster: &Cluster) -> Value {
    let sites: Vec<Value> = cluster.sites.iter().map(site_json).collect();
    let peers: Vec<Value> = cluster.peers.iter().map(peer_json).collect();
    json!({
        "name": cluster.name,
        "title": cluster.title,
        "source": cluster.source,
        "accelerators": cluster.accelerators(),
        "sites": sites,
        "wan": cluster.wan.map(|wan| json!({
            "bytes_per_second": wan.bandwidth.get(),
            "round_trip_seconds": wan.round_trip.get(),
            "loss": wan.loss,
        })),
        "peers": peers,
    })
}

fn site_json(site: &Site) -> Value {
    let tiers: Vec<Value> = site
        .tiers
        .iter()
        .map(|tier| {
            json!({
                "accelerators": tier.accelerators,
                "bytes_per_second": tier.bandwidth.get(),
                "latency_seconds": tier.latency.map(runs::Seconds::get),
            })
        })
        .collect();
    let power = Power::new(&site.accelerator, site.accelerators, 1.0, site.pue).ok();
    json!({
        "name": site.name,
        "accelerator": site.accelerator.name,
        "accelerators": site.accelerators,
        "domain": site.domain.or(site.accelerator.scale_up.and_then(|link| link.domain)),
        "tiers": tiers,
        "pue": site.pue,
        "it_watt": power.map(|power| power.it.get()),
        "facility_watt": power.map(|power| power.facility.get()),
        "energy_usd_per_joule": site.energy_price.map(machines::Usd::get),
        "storage_bytes_per_second": site.storage.map(machines::BytesPerSecond::get),
    })
}

fn peer_json(class: &PeerClass) -> Value {
    json!({
        "name": class.name,
        "count": class.count,
        "accelerator": class.accelerator.name,
        "devices": class.devices,
        "up_bytes_per_second": class.up.get(),
        "down_bytes_per_second": class.down.get(),
        "round_trip_seconds": class.round_trip.get(),
        "loss": class.loss,
        "availability": class.availability,
        "session_seconds": class.session.map(runs::Seconds::get),
    })
}
