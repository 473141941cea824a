//! What turns compute into time, money and energy, and back.

use diagnostic::Diagnostic;
use machines::{Accelerator, FlopPerSecond, Joules, Precision, Usd, Watts};
use runs::{Flop, Seconds};

use crate::words::budget::{Budget, PowerKind};
use crate::words::fleet::Fleet;
use crate::{Date, Drawn, Quantity};

mod defaults;
mod fund;
mod reader;
mod simulated;
#[cfg(test)]
mod tests;

pub(crate) use defaults::{Prior, defaults};
pub use fund::Funded;
use reader::{Reader, device_power, positive, source_of};
pub use reader::{energy_price, hourly_price};
pub use simulated::Simulated;

/// Something that an answer rests on, for people.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
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
        let power = device_power(&accelerator);
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
