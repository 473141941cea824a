//! The machine that trains: a cluster of the catalogue, a file, or so many accelerators.

use std::path::Path;

use clap::Args;
use diagnostic::Diagnostic;
use machines::{Accelerator, BytesPerSecond, Cluster, Site, Tier, Watts, quantity};
use plan::Fleet;
use runs::Seconds;

use crate::commands::named_text;

/// Facility power over IT power where nothing says it: the default of cluster files.
const PUE: f64 = 1.2;

/// The machine.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "The machine")]
pub(super) struct MachineArgs {
    /// A cluster of the catalogue (`isoflop list clusters`), or a cluster's file (`-`: from the standard input)
    #[arg(value_name = "CLUSTER", required_unless_present_any = ["on", "power"],
        conflicts_with_all = ["on", "power"])]
    pub(super) cluster: Option<String>,
    /// Accelerators, and how many, instead of a cluster: `512 H100`, `8 my-chip.toml`
    #[arg(long, value_name = "DEVICES", conflicts_with = "power")]
    on: Option<String>,
    /// A facility's power, instead of a cluster: `1 GW`, `50 MW`
    #[arg(long, value_name = "POWER", requires = "accelerator")]
    pub(super) power: Option<String>,
    /// With `--power`: the accelerator, of the catalogue or a file
    #[arg(long, value_name = "DEVICE", requires = "power")]
    accelerator: Option<String>,
    /// Over machines of 10^4 to 10^6 such accelerators: where the curve bends, and on how many sites
    #[arg(long)]
    pub(super) scale: bool,
    /// How many accelerators share the fastest links, if not as many as the device's file says
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    domain: Option<u32>,
    /// The network interface of one accelerator, one way: `400 Gbit/s`
    #[arg(long, value_name = "BANDWIDTH", allow_hyphen_values = true)]
    interface: Option<String>,
    /// Latency of one hop through the fabric, software included: `10 us`
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    latency: Option<String>,
    /// Between sites, per site, one way: `6 Pbit/s`
    #[arg(long, value_name = "BANDWIDTH", allow_hyphen_values = true)]
    pub(super) between_bandwidth: Option<String>,
    /// Between neighbouring sites, there and back: `2 ms`
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(super) between_round_trip: Option<String>,
    /// Facility power over IT power [default: the cluster's, else 1.2]
    #[arg(long, value_name = "RATIO")]
    pub(super) pue: Option<f64>,
}

impl MachineArgs {
    /// The cluster that the words name.
    ///
    /// # Errors
    /// Unknown names, files that cannot be read, and numbers out of range.
    pub(super) fn cluster(&self) -> Result<Cluster, Diagnostic> {
        let mut cluster = match (&self.cluster, &self.on) {
            (Some(name), _) => named(name)?,
            (None, Some(words)) => {
                let (accelerator, count) = devices(words)?;
                let Some(count) = count else {
                    let message = format!("`--on {words}` does not say how many");
                    return Err(Diagnostic::error(message)
                        .help(format!("for example `--on \"512 {}\"`", words.trim())));
                };
                one_site(words.trim(), accelerator, count)
            }
            (None, None) => {
                return Err(Diagnostic::error("no machine is named")
                    .help("name a cluster, or accelerators with `--on \"512 H100\"`"));
            }
        };
        self.adapt(&mut cluster)?;
        Ok(cluster)
    }

    /// Sets what the options say of fabric, lines between sites and PUE.
    pub(super) fn adapt(&self, cluster: &mut Cluster) -> Result<(), Diagnostic> {
        let rate = |flag, text: &Option<String>| {
            text.as_deref().map(|text| positive(flag, text, "B/s")).transpose()
        };
        let time = |flag, text: &Option<String>| {
            text.as_deref().map(|text| not_negative(flag, text, "s")).transpose()
        };
        let bandwidth = rate("--interface", &self.interface)?.map(BytesPerSecond);
        let latency = time("--latency", &self.latency)?.map(Seconds);
        for site in &mut cluster.sites {
            site.domain = self.domain.or(site.domain);
            if bandwidth.is_some() || latency.is_some() {
                fabric(site, bandwidth, latency)?;
            }
            if let Some(pue) = self.pue {
                if !(1.0..=5.0).contains(&pue) {
                    let message = format!("PUE is facility power over IT power: 1 to 5, not {pue}");
                    return Err(Diagnostic::error(message));
                }
                site.pue = pue;
            }
        }
        if cluster.wan.is_some() {
            return self.between(cluster);
        }
        let stated = self.between_bandwidth.is_some() || self.between_round_trip.is_some();
        if stated && self.power.is_none() && !self.scale {
            let message = format!("`{}` is one site: there is nothing between", cluster.name);
            return Err(Diagnostic::error(message)
                .help("leave out --between-bandwidth and --between-round-trip"));
        }
        Ok(())
    }

    /// Sets what the options say of the line between sites.
    pub(super) fn between(&self, cluster: &mut Cluster) -> Result<(), Diagnostic> {
        let Some(wan) = &mut cluster.wan else { return Ok(()) };
        if let Some(text) = &self.between_bandwidth {
            wan.bandwidth = BytesPerSecond(positive("--between-bandwidth", text, "B/s")?);
        }
        if let Some(text) = &self.between_round_trip {
            wan.round_trip = Seconds(not_negative("--between-round-trip", text, "s")?);
        }
        Ok(())
    }

    /// The accelerator of `--accelerator`.
    pub(super) fn accelerator(&self) -> Result<Accelerator, Diagnostic> {
        match devices(self.accelerator.as_deref().unwrap_or_default())? {
            (accelerator, None) => Ok(accelerator),
            (_, Some(count)) => Err(Diagnostic::error(format!(
                "--power says how many accelerators there are, and --accelerator says {count}"
            ))
            .help("name the accelerator alone, or use `--on` without --power")),
        }
    }

    /// The facility's power of `--power`.
    pub(super) fn facility(&self) -> Result<Watts, Diagnostic> {
        let words = self.power.as_deref().unwrap_or_default();
        let bare = positive("--power", words, "W");
        let watts = match bare {
            // A kind of power is said in brackets: at the meter it is the facility's.
            Err(_) if words.contains("[facility]") => positive("--power", words, "W[facility]")?,
            other => other?,
        };
        Ok(Watts(watts))
    }
}

/// Replaces the interface or its latency on every tier, or makes the one tier that the device has.
fn fabric(
    site: &mut Site,
    bandwidth: Option<BytesPerSecond>,
    latency: Option<Seconds>,
) -> Result<(), Diagnostic> {
    if site.tiers.is_empty() {
        let Some(rate) = bandwidth.or(site.accelerator.scale_out) else {
            let message = format!("{} has no network interface", site.accelerator.title);
            return Err(Diagnostic::error(message).help("state it with `--interface 400 Gbit/s`"));
        };
        let joined = site.accelerators.max(site.domain.unwrap_or(1));
        site.tiers.push(Tier { accelerators: joined, bandwidth: rate, latency });
        return Ok(());
    }
    // Further tiers keep their oversubscription.
    let factor = bandwidth.map_or(1.0, |rate| rate.get() / site.tiers[0].bandwidth.get());
    for tier in &mut site.tiers {
        tier.bandwidth = BytesPerSecond(tier.bandwidth.get() * factor);
        tier.latency = latency.or(tier.latency);
    }
    Ok(())
}

/// A cluster of one site.
pub(super) fn one_site(name: &str, accelerator: Accelerator, count: u32) -> Cluster {
    Cluster {
        name: name.to_owned(),
        title: format!("{count} {}", accelerator.title),
        source: "stated on the command line".to_owned(),
        sites: vec![Site {
            name: "site".to_owned(),
            accelerator,
            accelerators: count,
            domain: None,
            tiers: Vec::new(),
            pue: PUE,
            energy_price: None,
            storage: None,
            local_storage: None,
        }],
        wan: None,
        peers: Vec::new(),
    }
}

/// How many accelerators share the fastest links of a site.
pub(super) fn domain(site: &Site) -> u32 {
    let device = site.accelerator.scale_up.and_then(|links| links.domain);
    site.domain.or(device).unwrap_or(1)
}

/// Of so many accelerators those that layouts divide best: whole domains, of which at most a
/// fiftieth stands by, in a number whose largest prime factor is smallest.
pub(super) fn usable(count: u32, domain: u32) -> u32 {
    const MOST_TRIED: u32 = 10_000;
    let domain = domain.clamp(1, count.max(1));
    let domains = count / domain;
    let least = (f64::from(domains) * 0.98).ceil() as u32;
    let tried = (least.max(1)..=domains).rev().take(MOST_TRIED as usize);
    tried.min_by_key(|domains| largest_prime(*domains)).unwrap_or(1) * domain
}

fn largest_prime(mut number: u32) -> u32 {
    let (mut largest, mut part) = (1, 2);
    while u64::from(part) * u64::from(part) <= u64::from(number) {
        while number.is_multiple_of(part) {
            (number, largest) = (number / part, part);
        }
        part += 1;
    }
    number.max(largest)
}

fn named(name: &str) -> Result<Cluster, Diagnostic> {
    if is_file(name) {
        let (origin, text) = read(name)?;
        return Cluster::from_toml(&origin, &text);
    }
    machines::cluster(name).map_err(|problem| {
        if Fleet::parse("CLUSTER", name).is_ok_and(|fleet| fleet.count.is_some()) {
            return problem.help(format!("did you mean `--on \"{name}\"`?"));
        }
        problem
    })
}

/// `512 H100`, `H100`, `8 my-chip.toml`.
fn devices(words: &str) -> Result<(Accelerator, Option<u32>), Diagnostic> {
    let words = words.trim();
    let (count, file) = words.rsplit_once(' ').map_or((None, words), |(count, file)| {
        (count.trim().parse::<u32>().ok().filter(|count| *count > 0), file)
    });
    if is_file(file) && (count.is_some() || !words.contains(' ')) {
        let (origin, text) = read(file)?;
        return Ok((Accelerator::from_toml(&origin, &text)?, count));
    }
    let fleet = Fleet::parse("--on", words)?;
    Ok((fleet.accelerator, fleet.count))
}

/// Whether a name is the path of a file, or the standard input.
pub(super) fn is_file(name: &str) -> bool {
    let path = Path::new(name);
    path.extension().is_some_and(|extension| extension == "toml") || named_text::is_stdin(path)
}

pub(super) fn read(name: &str) -> Result<(String, String), Diagnostic> {
    named_text::named(Path::new(name))
}

/// A quantity above zero.
pub(super) fn positive(flag: &str, text: &str, unit: &str) -> Result<f64, Diagnostic> {
    let value = quantity(flag, text, unit)?;
    if value > 0.0 {
        return Ok(value);
    }
    Err(Diagnostic::error(format!("{flag} must be above zero")).at(
        flag,
        text,
        0..text.len(),
        "zero or less",
    ))
}

/// A quantity of zero or more.
pub(super) fn not_negative(flag: &str, text: &str, unit: &str) -> Result<f64, Diagnostic> {
    let value = quantity(flag, text, unit)?;
    if value >= 0.0 {
        return Ok(value);
    }
    Err(Diagnostic::error(format!("{flag} must not be negative")).at(
        flag,
        text,
        0..text.len(),
        "below zero",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usable_numbers_divide_well_and_leave_little() {
        assert_eq!(usable(499_896, 72), 72 * 6912);
        assert_eq!(usable(217_296, 72), 72 * 3000);
        for count in [1, 7, 8, 72, 4608, 16_384] {
            let found = usable(count, 8);
            assert!(
                found <= count && f64::from(found) > 0.85 * f64::from(count),
                "{count}: {found}"
            );
        }
        assert_eq!((usable(4608, 8), usable(16_384, 8)), (4608, 16_384));
        assert_eq!((largest_prime(6912), largest_prime(97), largest_prime(1)), (3, 97, 1));
        let _ = usable(u32::MAX, 1);
    }
}
