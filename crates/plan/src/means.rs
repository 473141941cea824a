//! What turns compute into time, money and energy, and back.

use diagnostic::Diagnostic;
use formula::Source;
use machines::{Accelerator, Cost, FlopPerSecond, Joules, Power, Precision, Prices, Usd, Watts};
use runs::{Flop, Seconds};

use crate::budget::{Budget, PowerKind};
use crate::fleet::Fleet;
use crate::written::{Written, dollars};
use crate::{Date, Drawn, Quantity};

mod defaults;
mod fund;
mod simulated;
#[cfg(test)]
mod tests;

pub(crate) use defaults::{Prior, defaults};
pub use fund::Funded;
pub use simulated::Simulated;

/// Something that an answer rests on, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assumption {
    /// What: `MFU`.
    pub what: String,
    /// What is assumed: `35 % (20 % to 55 %)`.
    pub value: String,
    /// Where it comes from.
    pub source: String,
}

/// Time of devices, in device-seconds: hours times how many.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct DeviceTime(pub f64);

impl DeviceTime {
    /// In device-hours.
    pub fn hours(self) -> f64 {
        self.0 / 3600.0
    }
}

impl Quantity for DeviceTime {
    fn number(self) -> f64 {
        self.0
    }
    fn of(number: f64) -> Self {
        Self(number)
    }
}

/// What the user says of the machine and its prices; what is `None` the catalogue assumes.
#[derive(Debug, Clone, Default)]
pub struct MeansRequest {
    /// The accelerators: `512 H100` (`--on`).
    pub on: Option<String>,
    /// The precision of the linear layers (`--precision`); bf16 unless stated.
    pub precision: Option<Precision>,
    /// Model FLOP utilisation of the dense peak at that precision: `40%`, `30% to 45%` (`--mfu`).
    pub mfu: Option<String>,
    /// The share of time that turns into progress: `90%` (`--goodput`).
    pub goodput: Option<String>,
    /// The price of an hour of one accelerator: `2 USD/h`, `$3/h` (`--price`).
    pub price: Option<String>,
    /// Facility power over IT power: `1.2` (`--pue`).
    pub pue: Option<String>,
    /// A simulated machine, which gives accelerators, MFU, goodput and PUE.
    pub simulated: Option<Simulated>,
}

/// What turns compute into time, money and energy.
///
/// ```
/// use plan::{Budget, Means, MeansRequest};
///
/// let budget = Budget::parse("--budget", "30 day on 512 H100")?;
/// let request = MeansRequest { mfu: Some("40%".into()), ..MeansRequest::default() };
/// let means = Means::new(&request, Some(&budget), 0, 200)?;
/// let funded = means.fund(&budget, None)?;
/// // 512 * 30 d * 989 TFLOP/s * 40 % * 90 %.
/// assert!((funded.flop.best.get() / 4.73e23 - 1.0).abs() < 0.01);
/// assert!(funded.assumptions.iter().any(|assumption| assumption.what == "goodput"));
/// # Ok::<(), diagnostic::Diagnostic>(())
/// ```
#[derive(Debug, Clone)]
pub struct Means {
    /// The kind of accelerator.
    pub accelerator: Accelerator,
    /// How many, where it is said.
    pub count: Option<u32>,
    /// The precision of the linear layers.
    pub precision: Precision,
    /// The dense peak at that precision.
    pub peak: FlopPerSecond,
    /// Model FLOP utilisation of that peak, in the convention in which FLOP are counted.
    pub mfu: Drawn<f64>,
    /// The share of time that turns into progress.
    pub goodput: Drawn<f64>,
    /// Facility power over IT power.
    pub pue: Drawn<f64>,
    /// What all of it rests on.
    pub assumptions: Vec<Assumption>,
    seed: u64,
    draws: usize,
    /// Dollars for a device-second, or why there is no price.
    price: Result<Drawn<Usd>, Diagnostic>,
    /// One device at work: chip and IT, or why its power is not known.
    power: Result<(Watts, Watts), Diagnostic>,
}

impl Means {
    /// The means that `request` and the words of the `budget` name, with `draws` draws of a seed.
    ///
    /// # Errors
    /// Accelerators that the catalogue does not hold or that lack a peak at the precision,
    /// quantities that cannot be read or are out of range, and words that contradict each other.
    pub fn new(
        request: &MeansRequest,
        budget: Option<&Budget>,
        seed: u64,
        draws: usize,
    ) -> Result<Self, Diagnostic> {
        let mut assumptions = Vec::new();
        let fleet = fleet(request, budget, &mut assumptions)?;
        let accelerator = fleet.accelerator;
        let precision = match (&request.simulated, request.precision) {
            (Some(simulated), Some(precision)) if simulated.precision != precision => {
                let message = format!(
                    "the machine is simulated in {}, but --precision is {precision}",
                    simulated.precision
                );
                return Err(Diagnostic::error(message).help("leave one of them out"));
            }
            (Some(simulated), _) => simulated.precision,
            (None, precision) => precision.unwrap_or_default(),
        };
        let peak = accelerator.peak.at(precision).ok_or_else(|| {
            Diagnostic::error(format!("{} has no dense {precision} peak", accelerator.title))
                .note("no source for it was found, and none is guessed")
                .help(format!(
                    "add it to a copy of catalogue/accelerators/{}.toml",
                    accelerator.name
                ))
        })?;
        assumptions.push(Assumption {
            what: "peak".to_owned(),
            value: format!("{peak} dense {precision} ({})", accelerator.title),
            source: source_of(&accelerator, "peak"),
        });
        let mut sampled = Reader { seed, draws, assumptions: &mut assumptions };
        let simulated = request.simulated.as_ref();
        let mfu = sampled.share("MFU", "--mfu", request.mfu.as_deref(), simulated, |s| s.mfu)?;
        let goodput =
            sampled.share("goodput", "--goodput", request.goodput.as_deref(), simulated, |s| {
                s.goodput
            })?;
        let pue = sampled.pue(request.pue.as_deref(), simulated)?;
        let power = Power::new(&accelerator, 1, 1.0, 1.0).map(|power| (power.chip, power.it));
        sampled.power(&accelerator, power.as_ref().ok());
        let price = match sampled.price(request.price.as_deref(), &accelerator, &power, &pue) {
            // Words that cannot be read are wrong whether or not a price is needed.
            Err(problem) if request.price.is_some() => return Err(problem),
            price => price,
        };
        Ok(Self {
            accelerator,
            count: fleet.count,
            precision,
            peak,
            mfu,
            goodput,
            pue,
            assumptions,
            seed,
            draws,
            price,
            power,
        })
    }

    /// How many draws its uncertain numbers have.
    pub fn draws(&self) -> usize {
        self.draws
    }

    /// Model FLOP that one device makes in a second of its time, failures and all.
    pub fn rate(&self) -> Drawn<FlopPerSecond> {
        self.mfu.with(&self.goodput, |mfu, goodput| self.peak.get() * mfu * goodput)
    }

    /// The time of devices that so much compute takes.
    pub fn device_time(&self, flop: &Drawn<Flop>) -> Drawn<DeviceTime> {
        flop.with(&self.rate(), |flop, rate| flop / rate)
    }

    /// The compute of a time of devices.
    pub fn flop_of_device_time(&self, time: &Drawn<DeviceTime>) -> Drawn<Flop> {
        time.with(&self.rate(), |time, rate| time * rate)
    }

    /// The time that so much compute takes on `count` devices.
    pub fn time(&self, flop: &Drawn<Flop>, count: u32) -> Drawn<Seconds> {
        self.device_time(flop).map(|time| time / f64::from(count))
    }

    /// When a run of so much compute that begins at `start` ends on `count` devices.
    pub fn finish(&self, flop: &Drawn<Flop>, count: u32, start: Date) -> Drawn<Date> {
        self.time(flop, count).map(|time| start.after(Seconds(time)).0)
    }

    /// Dollars for an hour of one device.
    ///
    /// # Errors
    /// Accelerators of which neither rent nor price is known.
    pub fn price_per_hour(&self) -> Result<Drawn<Usd>, Diagnostic> {
        Ok(self.price.as_ref().map_err(Clone::clone)?.map(|price| price * 3600.0))
    }

    /// The money that so much compute costs.
    ///
    /// # Errors
    /// As [`Means::price_per_hour`].
    pub fn money(&self, flop: &Drawn<Flop>) -> Result<Drawn<Usd>, Diagnostic> {
        let price = self.price.as_ref().map_err(Clone::clone)?;
        Ok(self.device_time(flop).with(price, |time, price| time * price))
    }

    /// The compute that money buys.
    ///
    /// # Errors
    /// As [`Means::price_per_hour`].
    pub fn flop_of_money(&self, money: &Drawn<Usd>) -> Result<Drawn<Flop>, Diagnostic> {
        let price = self.price.as_ref().map_err(Clone::clone)?;
        Ok(self.flop_of_device_time(&money.with(price, |money, price| money / price)))
    }

    /// Power of one device at work, where it is measured.
    ///
    /// # Errors
    /// Accelerators without a published power.
    pub fn power(&self, kind: PowerKind) -> Result<Drawn<Watts>, Diagnostic> {
        let (chip, it) = *self.power.as_ref().map_err(Clone::clone)?;
        Ok(match kind {
            PowerKind::Chip => Drawn::certain(chip, self.pue.draws.len()),
            PowerKind::It => Drawn::certain(it, self.pue.draws.len()),
            PowerKind::Facility => self.pue.map(|pue| it.get() * pue),
        })
    }

    /// Power of `count` devices at work.
    ///
    /// # Errors
    /// As [`Means::power`].
    pub fn power_of(&self, count: u32, kind: PowerKind) -> Result<Drawn<Watts>, Diagnostic> {
        Ok(self.power(kind)?.map(|power| power * f64::from(count)))
    }

    /// The energy that so much compute takes.
    ///
    /// # Errors
    /// As [`Means::power`].
    pub fn energy(&self, flop: &Drawn<Flop>, kind: PowerKind) -> Result<Drawn<Joules>, Diagnostic> {
        let power = self.power(kind)?;
        Ok(self.device_time(flop).with(&power, |time, power| time * power))
    }

    /// The compute of so much energy.
    ///
    /// # Errors
    /// As [`Means::power`].
    pub fn flop_of_energy(
        &self,
        energy: &Drawn<Joules>,
        kind: PowerKind,
    ) -> Result<Drawn<Flop>, Diagnostic> {
        let power = self.power(kind)?;
        Ok(self.flop_of_device_time(&energy.with(&power, |energy, power| energy / power)))
    }
}

/// The accelerators of the request, the budget and the simulated machine, which must agree.
fn fleet(
    request: &MeansRequest,
    budget: Option<&Budget>,
    assumptions: &mut Vec<Assumption>,
) -> Result<Fleet, Diagnostic> {
    let asked = request.on.as_deref().map(|on| Fleet::parse("--on", on)).transpose()?;
    let simulated = request.simulated.as_ref().map(|simulated| {
        (format!("the simulated machine is `{}`", simulated.cluster), simulated.fleet.clone())
    });
    let mut claims: Vec<(String, Fleet)> = Vec::new();
    if let Some((budget, fleet)) = budget.and_then(|b| Some((b, b.fleet.clone()?))) {
        claims.push((format!("{} is `{}`", budget.origin, budget.words), fleet));
    }
    claims.extend(asked.map(|fleet| {
        (format!("--on is `{}`", request.on.as_deref().unwrap_or_default().trim()), fleet)
    }));
    claims.extend(simulated);
    let mut agreed: Option<(String, Fleet)> = None;
    for (words, fleet) in claims {
        let Some((first, known)) = &mut agreed else {
            agreed = Some((words, fleet));
            continue;
        };
        let other_count =
            known.count.is_some() && fleet.count.is_some() && known.count != fleet.count;
        if known.accelerator.name != fleet.accelerator.name || other_count {
            let message =
                format!("{} and {} contradict each other", known.describe(), fleet.describe());
            return Err(Diagnostic::error(message)
                .note(format!("{first}, and {words}"))
                .help("say it once, or the same in both"));
        }
        known.count = known.count.or(fleet.count);
    }
    if let Some((_, fleet)) = agreed {
        return Ok(fleet);
    }
    let accelerator = machines::accelerator(&defaults()?.accelerator)?;
    assumptions.push(Assumption {
        what: "accelerator".to_owned(),
        value: accelerator.title.clone(),
        source: "none was named; `--on` names one".to_owned(),
    });
    Ok(Fleet { accelerator, count: None })
}

/// Where a section of an accelerator's file comes from.
fn source_of(accelerator: &Accelerator, section: &str) -> String {
    let source = accelerator.sources.iter().find(|(known, _)| *known == section);
    source.map_or_else(|| "no source".to_owned(), |(_, source)| source.clone())
}

/// Reads quantities and keeps what they rest on.
struct Reader<'a> {
    seed: u64,
    draws: usize,
    assumptions: &'a mut Vec<Assumption>,
}

impl Reader<'_> {
    fn assume(&mut self, what: &str, value: String, source: impl Into<String>) {
        self.assumptions.push(Assumption { what: what.to_owned(), value, source: source.into() });
    }

    /// A share above 0 % and up to 100 %: stated, simulated or assumed.
    fn share(
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
            self.assume(what, format!("{:.1} %", value * 100.0), source);
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

    fn pue(
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

    fn power(&mut self, accelerator: &Accelerator, power: Option<&(Watts, Watts)>) {
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
    fn price(
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
    fn owned(
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
        let paid = match price.low == price.high {
            true => Drawn::certain(price.low.get(), self.draws),
            false => {
                let text = format!("{} to {}", price.low.get(), price.high.get());
                let prior = Prior { text, source: String::new() };
                sample("paid", &prior, "")?
            }
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
        let source = format!(
            "no rent is known: {} to {} ({}) written off over the life of IT, with what stands \
             around it ({}) and its energy; without interest, staff and idle hours",
            price.low, price.high, price.year, defaults.around.source
        );
        self.assume("price", value, source);
        Ok(drawn)
    }
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
fn shown(written: &Written, unit: &str, digits: usize) -> String {
    shown_scaled(written, 1.0, unit, digits)
}

fn shown_scaled(written: &Written, factor: f64, unit: &str, digits: usize) -> String {
    let number = |value: f64| {
        let value = value * factor;
        let places = (digits as i32 - 1 - value.abs().log10().floor() as i32).clamp(0, 8);
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
