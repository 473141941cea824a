//! Reads what is stated of the means, or takes what the catalogue assumes, and keeps the sources.

use diagnostic::Diagnostic;
use formula::Source;
use machines::{Accelerator, Cost, Power, Prices, Usd, Watts};
use runs::Seconds;

use super::{Assumption, Prior, Simulated, defaults};
use crate::Drawn;
use crate::words::written::{Written, dollars};

/// What an hour of one accelerator costs where nobody states it: a rent, or what an owner pays.
///
/// # Errors
/// Accelerators of which neither is known.
pub fn hourly_price(
    accelerator: &Accelerator,
    seed: u64,
    draws: usize,
) -> Result<(Drawn<Usd>, Assumption), Diagnostic> {
    let mut assumptions = Vec::new();
    let mut reader = Reader { seed, draws, assumptions: &mut assumptions };
    let pue = reader.pue(None, None)?;
    let price = reader.price(None, accelerator, &device_power(accelerator), &pue)?;
    let assumption =
        assumptions.pop().ok_or_else(|| Diagnostic::error("a price without source"))?;
    Ok((price.map(|price| price * 3600.0), assumption))
}

/// One device at work: chip and IT.
pub(super) fn device_power(accelerator: &Accelerator) -> Result<(Watts, Watts), Diagnostic> {
    Power::new(accelerator, 1, 1.0, 1.0).map(|power| (power.chip, power.it))
}

/// Where a section of an accelerator's file comes from.
pub(super) fn source_of(accelerator: &Accelerator, section: &str) -> String {
    let source = accelerator.sources.iter().find(|(known, _)| *known == section);
    source.map_or_else(|| "no source".to_owned(), |(_, source)| source.clone())
}

/// Reads quantities and keeps what they rest on.
pub(super) struct Reader<'a> {
    pub(super) seed: u64,
    pub(super) draws: usize,
    pub(super) assumptions: &'a mut Vec<Assumption>,
}

impl Reader<'_> {
    fn assume(&mut self, what: &str, value: String, source: impl Into<String>) {
        self.assumptions.push(Assumption { what: what.to_owned(), value, source: source.into() });
    }

    /// A share above 0 % and up to 100 %: stated, simulated or assumed.
    pub(super) fn share(
        &mut self,
        what: &str,
        flag: &str,
        stated: Option<&str>,
        simulated: Option<&Simulated>,
        of: impl Fn(&Simulated) -> f64,
    ) -> Result<Drawn<f64>, Diagnostic> {
        if let Some(simulated) = simulated {
            if stated.is_some() {
                let message = format!("{flag} and the simulated machine both say the {what}");
                return Err(Diagnostic::error(message).help("leave one of them out"));
            }
            let value = of(simulated);
            let cluster = &simulated.cluster;
            let source = format!("simulated: {} on {cluster}", simulated.model);
            let percent = value * 100.0;
            let decimals = if percent < 0.95 { 3 } else { 1 };
            self.assume(what, format!("{percent:.decimals$} %"), source);
            return Ok(Drawn::certain(value, self.draws));
        }
        let name = flag.trim_start_matches('-');
        let prior = match stated {
            Some(text) => Prior { text: text.to_owned(), source: format!("stated with {flag}") },
            None => defaults()?.prior(name)?.clone(),
        };
        let origin = if stated.is_some() { flag } else { "catalogue/priors/economics.csv" };
        let written = read(name, origin, &prior.text, &["%"], "a share such as `40%`")?.0;
        let best = written.best() / 100.0;
        if !(best > 0.0 && best <= 1.0) {
            let message = format!("{what} must be above 0 % and at most 100 %");
            return Err(Diagnostic::error(message)
                .at(origin, &prior.text, 0..prior.text.len(), format!("{:.4} %", best * 100.0))
                .help(format!("write a share: `{flag} 40%`, or `{flag} \"30% to 45%\"`")));
        }
        let drawn: Drawn<f64> = written.drawn(self.seed, self.draws)?.map(|share| share / 100.0);
        let wrong = drawn.draws.iter().filter(|&&share| !(share > 0.0 && share <= 1.0)).count();
        let mut shown = shown(&written, "%", 3);
        if wrong > 0 {
            let percent = 100.0 * wrong as f64 / self.draws as f64;
            shown = format!("{shown}; {percent:.1} % of draws moved into 0.1 % to 100 %");
        }
        self.assume(what, shown, prior.source);
        Ok(drawn.map(|share| if share.is_nan() { f64::NAN } else { share.clamp(1e-3, 1.0) }))
    }

    pub(super) fn pue(
        &mut self,
        stated: Option<&str>,
        simulated: Option<&Simulated>,
    ) -> Result<Drawn<f64>, Diagnostic> {
        if let (Some(simulated), None) = (simulated, stated) {
            let source = format!("cluster {}", simulated.cluster);
            self.assume("PUE", format!("{:.2}", simulated.pue), source);
            return Ok(Drawn::certain(simulated.pue, self.draws));
        }
        let (origin, prior) = match stated {
            Some(text) => {
                ("--pue", Prior { text: text.to_owned(), source: "stated with --pue".to_owned() })
            }
            None => ("catalogue/priors/economics.csv", defaults()?.prior("pue")?.clone()),
        };
        // Energy at the facility over energy of IT: the language may keep both kinds.
        let units = ["", "[facility/it]"];
        let written = read("pue", origin, &prior.text, &units, "a ratio such as `1.2`")?.0;
        let best = written.best();
        if !(1.0..=10.0).contains(&best) {
            let message = format!("PUE is facility power over IT power, so 1 or more, not {best}");
            return Err(Diagnostic::error(message).at(
                origin,
                &prior.text,
                0..prior.text.len(),
                "out of range",
            ));
        }
        self.assume("PUE", shown(&written, "", 3), prior.source);
        let drawn = written.drawn(self.seed, self.draws)?;
        Ok(drawn.map(|pue| if pue.is_nan() { f64::NAN } else { pue.max(1.0) }))
    }

    pub(super) fn power(&mut self, accelerator: &Accelerator, power: Option<&(Watts, Watts)>) {
        let Some((chip, it)) = power else { return };
        let (value, which) = match accelerator.server_power {
            Some(_) => (format!("{chip} chip, {it} IT"), "at the chip's limit while it runs"),
            None => (
                format!("{chip} chip, {it} IT"),
                "at the chip's limit; no server power is published, so that the rest of the server is missing",
            ),
        };
        let source = format!("{which}; {}", source_of(accelerator, "power"));
        self.assume("power of one accelerator", value, source);
    }

    /// Dollars for a device-second.
    pub(super) fn price(
        &mut self,
        stated: Option<&str>,
        accelerator: &Accelerator,
        power: &Result<(Watts, Watts), Diagnostic>,
        pue: &Drawn<f64>,
    ) -> Result<Drawn<Usd>, Diagnostic> {
        let rent = match stated {
            Some(text) => Some((
                "--price",
                Prior { text: dollars(text), source: "stated with --price".to_owned() },
            )),
            None => defaults()?.rent(&accelerator.name).map(|rent| ("catalogue/means.toml", rent)),
        };
        let Some((origin, prior)) = rent else {
            return self.owned(accelerator, power, pue);
        };
        let units = ["USD/s", "USD/s/GPU"];
        let expected = "the price of an hour of one accelerator, such as `2 USD/h`";
        let (written, _) = read("price", origin, &prior.text, &units, expected)?;
        let best = written.best();
        if !(best > 0.0 && best.is_finite()) {
            let message = "a price must be above zero and finite";
            return Err(Diagnostic::error(message).at(
                origin,
                &prior.text,
                0..prior.text.len(),
                "this price",
            ));
        }
        let drawn = positive(written.drawn(self.seed, self.draws)?, "price", &prior.text)?;
        self.assume("price", shown_scaled(&written, 3600.0, "USD/h", 3), prior.source);
        Ok(drawn.map(|price| price))
    }

    /// What an owner pays for a device-second: the accelerator and what stands around it, written
    /// off, and its energy.
    pub(super) fn owned(
        &mut self,
        accelerator: &Accelerator,
        power: &Result<(Watts, Watts), Diagnostic>,
        pue: &Drawn<f64>,
    ) -> Result<Drawn<Usd>, Diagnostic> {
        let unknown = || {
            Diagnostic::error(format!("no price of {} is known", accelerator.title))
                .note("the catalogue holds neither a rent nor what one costs to buy")
                .help("state it: `--price \"2 USD/h\"`")
        };
        let price = accelerator.price.ok_or_else(unknown)?;
        let (chip, it) = *power.as_ref().map_err(|_| unknown())?;
        let defaults = defaults()?;
        let sample = |name: &str, prior: &Prior, unit: &str| {
            let written = read(name, "catalogue", &prior.text, &[unit], "a quantity")?.0;
            positive(written.drawn(self.seed, self.draws)?, name, &prior.text)
        };
        let around = sample("around", &defaults.around, "")?;
        let life = sample("life", defaults.prior("life_it")?, "s")?;
        let joule = sample("energy_price", defaults.prior("energy_price")?, "USD/J")?;
        let paid = if price.low == price.high {
            Drawn::certain(price.low.get(), self.draws)
        } else {
            let text = format!("{} to {}", price.low.get(), price.high.get());
            sample("paid", &Prior { text, source: String::new() }, "")?
        };
        let at = |drawn: &Drawn<f64>, row: Option<usize>| {
            row.and_then(|row| drawn.draws.get(row)).copied().unwrap_or(drawn.best)
        };
        let cost = |row: Option<usize>| {
            let prices = Prices {
                accelerator: Usd(at(&paid, row)),
                around: at(&around, row),
                life: Seconds(at(&life, row)),
                joule: Usd(at(&joule, row)),
            };
            let power = Power { chip, it, facility: it * at(pue, row) };
            Cost::new(&prices, 1, &power, Seconds(1.0)).total()
        };
        let drawn =
            Drawn { best: cost(None), draws: (0..self.draws).map(|row| cost(Some(row))).collect() };
        let hourly = |p: f64| {
            let rows: Vec<f64> = drawn.draws.iter().map(|price| price.get()).collect();
            draws::select::quantiles(&rows, &[p])[0] * 3600.0
        };
        let mut value = format!("{:.2} USD/h", drawn.best.get() * 3600.0);
        if self.draws > 1 {
            value = format!("{value} ({:.2} to {:.2}, 90 %)", hourly(0.05), hourly(0.95));
        }
        let bought = if price.low == price.high {
            format!("{:.0} USD", price.low.get())
        } else {
            format!("{:.0} to {:.0} USD", price.low.get(), price.high.get())
        };
        let source = format!(
            "no rent is known: {bought} ({}) written off over the life of IT, with what stands \
             around it ({}) and its energy; without interest, staff and idle hours",
            price.year, defaults.around.source
        );
        self.assume("price", value, source);
        Ok(drawn)
    }
}

/// What a joule at the meter costs where nobody says: the middle of the catalogue's prior, with
/// where that comes from.
///
/// # Errors
/// A catalogue that cannot be read.
pub fn energy_price() -> Result<(Usd, String), Diagnostic> {
    let prior = defaults()?.prior("energy_price")?;
    let written = read("energy_price", "catalogue", &prior.text, &["USD/J"], "a price")?.0;
    Ok((Usd(written.best()), prior.source.clone()))
}

/// Reads a quantity in one of `units`.
fn read(
    name: &str,
    origin: &str,
    text: &str,
    units: &[&str],
    expected: &str,
) -> Result<(Written, usize), Diagnostic> {
    let read = Written::read(name, Source::new(origin, text), units)?;
    read.map_err(|found| {
        Diagnostic::error(format!("expected {expected}, found {found}")).at(
            origin,
            text,
            0..text.len(),
            "this quantity",
        )
    })
}

/// Draws that must be above zero.
pub(crate) fn positive(
    drawn: Drawn<f64>,
    what: &str,
    text: &str,
) -> Result<Drawn<f64>, Diagnostic> {
    let wrong = drawn.draws.iter().filter(|&&draw| !(draw > 0.0 && draw.is_finite())).count();
    if wrong == 0 {
        return Ok(drawn);
    }
    let percent = 100.0 * wrong as f64 / drawn.draws.len() as f64;
    Err(Diagnostic::error(format!("{what} is not above zero in {percent:.2} % of its draws"))
        .note(format!("it is `{}`", text.trim()))
        .help("an interval `a to b` of positive ends stays above zero"))
}

/// `37.5 % (20 % to 55 %, 90 %)`.
fn shown(written: &Written, unit: &str, digits: i32) -> String {
    shown_scaled(written, 1.0, unit, digits)
}

fn shown_scaled(written: &Written, factor: f64, unit: &str, digits: i32) -> String {
    let number = |value: f64| {
        let value = value * factor;
        let places = (digits - 1 - value.abs().log10().floor() as i32).clamp(0, 8);
        let text = format!("{value:.*}", places as usize);
        let short = if text.contains('.') {
            text.trim_end_matches('0').trim_end_matches('.')
        } else {
            &text
        };
        format!("{short} {unit}").trim_end().to_owned()
    };
    let best = number(written.best());
    match written.ends() {
        Some((low, high)) => format!("{best} ({} to {}, 90 %)", number(low), number(high)),
        None => best,
    }
}
