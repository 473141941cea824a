//! What a run takes of time, money and power, as formulas that a page computes anew.
//!
//! The step itself is not: its parts come from a search among layouts. Its speed follows MFU, what
//! failures leave of it goodput, and all else time, price and power.

use diagnostic::Diagnostic;
use formula::{Columns, Environment, Program};
use machines::Power;
use report::{Live, Notation, Slider, Source, Summary};

use super::answer::{Answer, busy};
use super::asked::Asked;
use crate::commands::amounts;

/// Tokens of a run where the command names none.
const TRILLION: f64 = 1e12;

const MEGAWATT_HOUR: f64 = 3.6e9;

/// A simulated machine's run, live.
pub(super) struct Costs {
    /// What the program's names start with.
    prefix: String,
    /// Tokens of the run.
    pub(super) tokens: f64,
    /// USD an hour of one accelerator, where it is known.
    price: Option<f64>,
    /// Power, where it is known.
    power: Option<Powers>,
    mfu: f64,
    goodput: f64,
    /// Tokens of a step, and its seconds.
    batch: f64,
    seconds: f64,
    straggling: f64,
    /// Accelerators that are paid for, those that stand by too.
    owned: f64,
}

/// What the meter shows, and what its unit costs.
struct Powers {
    /// Watts of all servers when every chip waits, and when every chip computes.
    waiting: f64,
    computing: f64,
    /// The share of time in which they compute.
    busy: f64,
    pue: f64,
    /// The unit of power in watts.
    unit: (f64, &'static str),
    /// USD a megawatt-hour, and who says so.
    energy_price: Option<(f64, String)>,
}

impl Costs {
    pub(super) fn new(step: &str, asked: &Asked, answer: &Answer) -> Self {
        let price = asked.run.price.as_ref().ok().map(|(hourly, _)| hourly.get());
        let rate = asked.money_per_second().map(|rate| rate.get() * 3600.0);
        Self {
            prefix: step.replace('-', "_"),
            tokens: asked.run.tokens.map_or(TRILLION, runs::Tokens::get),
            price,
            power: Powers::new(asked, answer),
            mfu: answer.mfu,
            goodput: answer.over_days.goodput,
            batch: answer.batch.tokens().get(),
            seconds: answer.time.get(),
            straggling: answer.over_days.straggling,
            owned: rate.zip(price).map_or(0.0, |(rate, price)| rate / price),
        }
    }

    /// What the page computes of `output`; `None` where something of it is not known.
    pub(super) fn source(&self, output: &str) -> Option<Source> {
        let known = self.outputs().contains(&output);
        known.then(|| Source::new(self.program(), output, Summary::First))
    }

    /// The slider of MFU.
    pub(super) fn mfu_slider(&self) -> String {
        self.name("mfu")
    }

    /// The unit in which `power` is told.
    pub(super) fn power_unit(&self) -> &'static str {
        self.power.as_ref().map_or("", |power| power.unit.1)
    }

    /// The sliders and the program.
    pub(super) fn live(&self) -> Result<Live, Diagnostic> {
        let around = |name: &str, label: &str, unit: &str, value: f64, factor: f64| {
            let (from, to) = (value / factor, value * factor);
            Slider::log(self.name(name), label, unit, from, to, value)
        };
        let share = |name: &str, label: &str, value: f64| {
            Slider::linear(self.name(name), label, "", 0.01, 1.0, value).notation(Notation::Percent)
        };
        let mut live = Live::new(Columns::new(1))
            .slider(
                around("tokens", "Tokens of the run", "", self.tokens, 100.0)
                    .notation(Notation::Short),
            )
            .slider(
                share("mfu", "MFU", self.mfu)
                    .note("of the dense bf16 peak; the simulated step reaches what it starts at"),
            )
            .slider(
                share("goodput", "Goodput", self.goodput)
                    .note("the share of time that failures and checkpoints leave"),
            );
        if let Some(price) = self.price.filter(|price| *price > 0.0) {
            let label = "Price of an accelerator's hour";
            live = live.slider(around("price", label, "", price, 10.0).notation(Notation::Dollars));
        }
        if let Some(power) = &self.power {
            live = live.slider(
                Slider::linear(self.name("pue"), "PUE", "", 1.0, 2.0, power.pue.clamp(1.0, 2.0))
                    .note("the facility's power over that of IT"),
            );
            if let Some((price, source)) = &power.energy_price {
                let label = "Price of electricity";
                live = live.slider(
                    around("energy_price", label, "USD/MWh", *price, 10.0)
                        .note(format!("at the meter; {source}")),
                );
            }
        }
        let constants = [
            ("batch", self.batch),
            ("seconds", self.seconds),
            ("straggling", self.straggling),
            ("owned", self.owned),
            ("mfu_found", self.mfu),
            ("goodput_found", self.goodput),
        ];
        let powers = self.power.iter().flat_map(|power| {
            [("waiting", power.waiting), ("computing", power.computing), ("busy", power.busy)]
        });
        let mut names = Environment::new();
        for slider in &live.sliders {
            names = names.parameter(&slider.name, "");
        }
        for (name, value) in constants.into_iter().chain(powers) {
            live = live.constant(self.name(name), value);
            names = names.parameter(self.name(name), "");
        }
        let compiled = Program::parse("the live run", &self.text())?
            .check(&names)?
            .compile(&self.outputs())?;
        live.program(&self.program(), &compiled)
    }

    fn outputs(&self) -> Vec<&'static str> {
        let mut outputs = vec!["step_time", "speed", "mfu", "goodput", "days"];
        if self.price.is_some_and(|price| price > 0.0) {
            outputs.extend(["cost", "trillion"]);
        }
        if let Some(power) = &self.power {
            outputs.extend(["power", "energy"]);
            if power.energy_price.is_some() {
                outputs.push("electricity");
            }
        }
        outputs
    }

    fn text(&self) -> String {
        let n = |what: &str| self.name(what);
        let mut lines = vec![
            format!("mfu = {} * 1", n("mfu")),
            format!("goodput = {} * 1", n("goodput")),
            format!("step_time = {} * {} / mfu", n("seconds"), n("mfu_found")),
            format!("speed = {} / step_time", n("batch")),
            format!("progress = speed / {} * goodput", n("straggling")),
            format!("run_time = {} / progress", n("tokens")),
            "days = run_time / 86400".to_owned(),
        ];
        if self.price.is_some_and(|price| price > 0.0) {
            lines.push(format!("rate = {} * {} / 3600", n("price"), n("owned")));
            lines.push("cost = rate * run_time".to_owned());
            lines.push(format!("trillion = rate * {TRILLION:e} / progress"));
        }
        if let Some(power) = &self.power {
            let share = format!("mfu / {} * goodput / {}", n("mfu_found"), n("goodput_found"));
            lines.push(format!("computes = min({} * {share}, 1)", n("busy")));
            lines.push(format!(
                "watts = ({} + ({} - {}) * computes) * {}",
                n("waiting"),
                n("computing"),
                n("waiting"),
                n("pue")
            ));
            lines.push(format!("power = watts / {:e}", power.unit.0));
            lines.push(format!("energy = watts * run_time / {MEGAWATT_HOUR:e}"));
            if power.energy_price.is_some() {
                lines.push(format!("electricity = energy * {}", n("energy_price")));
            }
        }
        lines.join("\n")
    }

    fn name(&self, what: &str) -> String {
        format!("{}_{what}", self.prefix)
    }

    fn program(&self) -> String {
        format!("{}-run", self.prefix)
    }
}

impl Powers {
    fn new(asked: &Asked, answer: &Answer) -> Option<Self> {
        let now = answer.power.as_ref().ok()?;
        let of = |busy: f64| {
            Power::new(&asked.site.accelerator, asked.accelerators(), busy, asked.site.pue).ok()
        };
        let busy =
            busy(&answer.step) * (answer.step.time() / answer.time) * answer.over_days.goodput;
        let stated = asked.site.energy_price.map(|price| (price, "of the cluster".to_owned()));
        let energy_price = stated.or_else(|| plan::energy_price().ok());
        Some(Self {
            waiting: of(0.0)?.it.get(),
            computing: of(1.0)?.it.get(),
            busy: busy.clamp(0.0, 1.0),
            pue: asked.site.pue,
            unit: amounts::step(now.facility.get(), amounts::POWER, 1.0),
            energy_price: energy_price
                .map(|(price, source)| (price.get() * MEGAWATT_HOUR, source))
                .filter(|(price, _)| *price > 0.0),
        })
    }

    /// Megawatt-hours over so long, at the meter.
    fn energy(&self, seconds: f64) -> f64 {
        (self.waiting + (self.computing - self.waiting) * self.busy) * self.pue * seconds
            / MEGAWATT_HOUR
    }
}

impl Costs {
    /// Megawatt-hours of the run, and what they cost.
    pub(super) fn energy(&self, seconds: f64) -> Option<(f64, Option<f64>)> {
        let power = self.power.as_ref()?;
        let energy = power.energy(seconds);
        Some((energy, power.energy_price.as_ref().map(|(price, _)| energy * price)))
    }
}
