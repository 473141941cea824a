//! A budget in the user's words: FLOP, money, device-hours, days on a machine, energy, a finish
//! date, or a loss to reach.

use diagnostic::Diagnostic;
use formula::Source;

use crate::words::fleet::Fleet;
use crate::words::written::{Written, dollars, thousands};

mod words;

#[cfg(test)]
mod tests;

/// Where power is measured; each includes the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PowerKind {
    /// At the accelerators' chips.
    Chip,
    /// At the servers.
    It,
    /// At the facility's meter.
    #[default]
    Facility,
}

impl PowerKind {
    /// As the formula language writes the kind.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Chip => "chip",
            Self::It => "it",
            Self::Facility => "facility",
        }
    }
}

/// What a budget is of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum BudgetKind {
    /// FLOP.
    Compute,
    /// Dollars.
    Money,
    /// Time of devices: hours times how many.
    DeviceTime,
    /// Time on a machine of a size that is said.
    Time,
    /// Power times time, where it is measured; `stated` if the words say where.
    Energy {
        /// Where.
        kind: PowerKind,
        /// Whether the words say so.
        stated: bool,
    },
    /// Until a date, on a machine of a size that is said.
    Until,
    /// Whatever it takes to reach this loss, in nats per token.
    Loss(f64),
}

/// What the user has, in the user's words.
#[derive(Debug, Clone)]
pub struct Budget {
    /// As it was written.
    pub words: String,
    /// What it is of.
    pub kind: BudgetKind,
    /// The machine that the words name.
    pub fleet: Option<Fleet>,
    /// What stood there: `--budget`.
    pub(crate) origin: String,
    /// The amount, in the unit of its kind: FLOP, USD, s, J, seconds since the year 0.
    pub(crate) amount: Option<Written>,
}

/// Examples for people whose words cannot be read.
const EXAMPLES: &str = "a budget is `1e24 FLOP`, `10 M USD`, `20_000 H100-hours`, \
    `30 day on 512 H100`, `5 MW-month on GB200`, `until 2027-03-01 on 512 H100` or `loss 2.1`";

/// An amount whose ends differ by more than this is more likely a unit left out than a doubt.
const WIDEST: f64 = 1e3;

/// The units of an amount, in the order in which they are tried.
const UNITS: [(&str, BudgetKind); 8] = [
    ("FLOP", BudgetKind::Compute),
    ("USD", BudgetKind::Money),
    ("s", BudgetKind::Time),
    ("GPU s", BudgetKind::DeviceTime),
    ("J", BudgetKind::Energy { kind: PowerKind::Facility, stated: false }),
    ("J[facility]", BudgetKind::Energy { kind: PowerKind::Facility, stated: true }),
    ("J[it]", BudgetKind::Energy { kind: PowerKind::It, stated: true }),
    ("J[chip]", BudgetKind::Energy { kind: PowerKind::Chip, stated: true }),
];

impl Budget {
    /// Reads a budget; `origin` is where it stands (`--budget`), for errors.
    ///
    /// Quantities are those of the formula language, certain or uncertain: `8 M USD to 12 M USD`.
    /// Energy is the facility's unless the words say `[it]` or `[chip]`.
    ///
    /// ```
    /// use plan::{Budget, BudgetKind};
    ///
    /// let budget = Budget::parse("--budget", "20_000 H100-hours")?;
    /// assert_eq!(budget.kind, BudgetKind::DeviceTime);
    /// assert_eq!(budget.fleet.unwrap().accelerator.name, "h100");
    /// let slip = Budget::parse("--budget", "3 TB").unwrap_err();
    /// assert!(slip.to_string().contains("information"));
    /// # Ok::<(), diagnostic::Diagnostic>(())
    /// ```
    ///
    /// # Errors
    /// Words that are no budget, devices that the catalogue does not hold, amounts that are not
    /// above zero, and words that contradict each other.
    pub fn parse(origin: &str, text: &str) -> Result<Self, Diagnostic> {
        if text.trim().is_empty() {
            return Err(Diagnostic::error(format!("{origin} is empty")).help(EXAMPLES));
        }
        let (amount, machine) = halves(text);
        let place = |machine: &str| {
            let machine = machine.trim();
            let start = start_in(text, machine);
            start..start + machine.len()
        };
        let fleet = machine.map(|machine| {
            let here = place(machine);
            Fleet::read(machine).map_err(|problem| problem.at(origin, text, here, "this machine"))
        });
        let mut fleet = fleet.transpose()?;
        let lead = amount.trim_start();
        let after = |word: &str| {
            let head = lead.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word));
            let rest = lead.get(word.len()..)?;
            (head && !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_')).then_some(rest)
        };
        let whole = |kind, amount, fleet| Self {
            words: text.trim().to_owned(),
            kind,
            fleet,
            origin: origin.to_owned(),
            amount,
        };
        if let Some(rest) = after("loss") {
            return Ok(whole(BudgetKind::Loss(loss(origin, text, rest)?), None, fleet));
        }
        if let Some(rest) = after("until").or_else(|| after("by")) {
            let date = Written::date("budget", within(origin, text, rest))?;
            sized(origin, text, fleet.as_ref(), "a finish date")?;
            return Ok(whole(BudgetKind::Until, Some(date), fleet));
        }
        let plain = words::unspelled(&thousands(&dollars(amount)));
        let found = words::without_devices(origin, &plain)?;
        if let Some(named) = &found.accelerator {
            fleet = Some(together(origin, text, named, fleet)?);
        }
        let source = if found.text == amount {
            within(origin, text, amount)
        } else {
            Source::new(origin, found.text.as_str())
        };
        let units = UNITS.map(|(unit, _)| unit);
        let (written, which) = match Written::read("budget", source, &units)? {
            Ok(read) => read,
            Err(description) => return Err(no_budget(origin, text, &description)),
        };
        let kind = match (UNITS[which].1, found.devices) {
            (BudgetKind::Time, true) => BudgetKind::DeviceTime,
            (kind, false) => kind,
            (_, true) => {
                return Err(no_budget(origin, text, "device-hours in another unit"));
            }
        };
        if kind == BudgetKind::Time {
            sized(origin, text, fleet.as_ref(), "a time")?;
        }
        let best = written.best();
        if !(best > 0.0 && best.is_finite()) {
            let message =
                format!("a budget must be above zero and finite, found `{}`", text.trim());
            return Err(Diagnostic::error(message).at(origin, text, 0..text.len(), "this budget"));
        }
        if let Some((low, high)) = written.ends()
            && low > 0.0
            && high / low > WIDEST
        {
            let message = format!("the ends of this budget are {:.0e} times apart", high / low);
            return Err(Diagnostic::error(message)
                .at(origin, text, 0..text.len(), "each end has its own unit and scale")
                .help("write both with their unit: `8 M USD to 12 M USD`"));
        }
        Ok(whole(kind, Some(written), fleet))
    }

    /// The loss to reach, where the budget is whatever that takes.
    pub fn target_loss(&self) -> Option<f64> {
        match self.kind {
            BudgetKind::Loss(loss) => Some(loss),
            _ => None,
        }
    }
}

/// The amount and the machine: `30 day on 512 H100`, `512 H100 for 30 day`.
fn halves(text: &str) -> (&str, Option<&str>) {
    if let Some(on) = words::find_word(text, "on") {
        return (&text[..on.start], Some(&text[on.end..]));
    }
    match words::find_word(text, "for") {
        Some(word) => (&text[word.end..], Some(&text[..word.start])),
        None => (text, None),
    }
}

/// `part` of `text` as a source that points into the whole.
fn within(origin: &str, text: &str, part: &str) -> Source {
    let start = start_in(text, part);
    Source::part(origin, text, start..start + part.len())
}

/// Where `part`, a slice of `text`, begins in it.
fn start_in(text: &str, part: &str) -> usize {
    (part.as_ptr() as usize).saturating_sub(text.as_ptr() as usize)
}

/// `<= 2.1`, `= 2.1`, `of 2.1`, `2.1`.
fn loss(origin: &str, text: &str, rest: &str) -> Result<f64, Diagnostic> {
    let mut number = rest.trim();
    for sign in ["<=", "≤", "<", "=", "of "] {
        number = number.strip_prefix(sign).unwrap_or(number).trim_start();
    }
    let number = number.strip_suffix("nat/token").or(number.strip_suffix("nat")).unwrap_or(number);
    let value: f64 = number.trim().parse().unwrap_or(f64::NAN);
    if value > 0.0 && value.is_finite() {
        return Ok(value);
    }
    Err(Diagnostic::error(format!("expected a loss above zero, found `{}`", rest.trim()))
        .at(origin, text, 0..text.len(), "this target")
        .help("for example `loss 2.1`, in nats per token"))
}

/// The machine of two places, which must agree on what it is.
fn together(
    origin: &str,
    text: &str,
    named: &machines::Accelerator,
    fleet: Option<Fleet>,
) -> Result<Fleet, Diagnostic> {
    match fleet {
        None => Ok(Fleet { accelerator: named.clone(), count: None }),
        Some(fleet) if fleet.accelerator.name == named.name => Ok(fleet),
        Some(fleet) => {
            let (hours, on) = (&named.name, &fleet.accelerator.name);
            let message = format!("hours of {hours}, but on {on}");
            Err(Diagnostic::error(message)
                .at(origin, text, 0..text.len(), "two kinds of device contradict each other")
                .help(format!("write `{hours}-hours` alone, or `device-hours on {on}`")))
        }
    }
}

/// A budget of time with a machine has a machine that may lack a size; without one it may come from
/// elsewhere, and is asked for when it is turned into compute.
fn sized(origin: &str, text: &str, fleet: Option<&Fleet>, what: &str) -> Result<(), Diagnostic> {
    match fleet {
        Some(Fleet { accelerator, count: None }) => {
            let message = format!("{what} needs to know how many accelerators there are");
            Err(Diagnostic::error(message)
                .at(origin, text, 0..text.len(), "of how many?")
                .help(format!("for example `{} 512 {}`", before_machine(text), accelerator.name)))
        }
        _ => Ok(()),
    }
}

fn before_machine(text: &str) -> &str {
    words::find_word(text, "on").map_or("30 day on", |on| text[..on.end].trim())
}

fn no_budget(origin: &str, text: &str, found: &str) -> Diagnostic {
    let problem = Diagnostic::error(format!("{found} is no budget")).at(
        origin,
        text,
        0..text.len(),
        "this one",
    );
    match found {
        "a plain number" => problem.help(format!("of what? For example `{} FLOP`", text.trim())),
        "a date" => problem.help(format!("write `until {}`", text.trim())),
        "power (W)" | "power of kind [facility] (W[facility])" => {
            problem.help("power times time is energy: `5 MW-month`")
        }
        found if ["EUR", "GBP", "CNY", "JPY", "INR"].contains(&found) || found.contains("USD_") => {
            problem.help("prices are in USD; convert it")
        }
        _ => problem.help(EXAMPLES),
    }
}
