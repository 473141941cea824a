//! Power by kind, energy and cost of running a machine.

use diagnostic::Diagnostic;
use runs::Seconds;

use crate::{Accelerator, Joules, Usd, Watts};

/// Power by kind: each includes the one before.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Power {
    /// Of the accelerators' chips.
    pub chip: Watts,
    /// Of servers, network included where the server's figure includes it.
    pub it: Watts,
    /// At the facility's meter.
    pub facility: Watts,
}

/// Share of its limit that a chip draws when it waits: idle H100 draw 60 to 120 W of 700 W.
const IDLE: f64 = 0.15;

impl Power {
    /// Power of `count` accelerators of which the step keeps `busy` (0 to 1) of the time computing,
    /// in a facility of `pue`.
    ///
    /// The chip goes from 15 % of its limit when it waits to the limit when it computes; what the
    /// server adds beyond the chip is drawn all the time.
    ///
    /// # Errors
    /// Accelerators without a published power, and shares out of range.
    pub fn new(
        accelerator: &Accelerator,
        count: u32,
        busy: f64,
        pue: f64,
    ) -> Result<Self, Diagnostic> {
        if !(0.0..=1.0).contains(&busy) {
            return Err(Diagnostic::error(format!(
                "expected a busy share of 0 to 1, found {busy}"
            )));
        }
        let facility_is_more = pue >= 1.0 && pue.is_finite();
        if !facility_is_more {
            return Err(Diagnostic::error(format!("expected a PUE of 1 or more, found {pue}")));
        }
        let chip = accelerator.chip_power.ok_or_else(|| {
            Diagnostic::error(format!("{} has no published power", accelerator.title)).help(
                format!("add it to a copy of catalogue/accelerators/{}.toml", accelerator.name),
            )
        })?;
        let rest = accelerator.server_power.map_or(0.0, |server| (server - chip).get().max(0.0));
        let count = f64::from(count);
        let drawn = chip * (IDLE + (1.0 - IDLE) * busy);
        let (chip, it) = (drawn * count, (drawn + Watts(rest)) * count);
        Ok(Self { chip, it, facility: it * pue })
    }

    /// How many accelerators a facility of `facility` power runs at their servers' greatest power.
    ///
    /// # Errors
    /// Accelerators without a published server power, and powers that are not positive.
    pub fn accelerators(
        accelerator: &Accelerator,
        facility: Watts,
        pue: f64,
    ) -> Result<u64, Diagnostic> {
        let server = accelerator.server_power.or(accelerator.chip_power).ok_or_else(|| {
            Diagnostic::error(format!("{} has no published power", accelerator.title))
        })?;
        let count = facility.get() / (server.get() * pue);
        if pue >= 1.0 && count.is_finite() && count >= 0.0 {
            return Ok(count as u64);
        }
        Err(Diagnostic::error(format!("{facility} at a PUE of {pue} runs nothing"))
            .help("give a power above zero and a PUE of 1 or more"))
    }

    /// Energy at the meter over `time`.
    pub fn energy(&self, time: Seconds) -> Joules {
        Joules(self.facility.get() * time.get())
    }
}

/// What a machine costs to have and to run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prices {
    /// One accelerator with its share of server, in dollars of one year.
    pub accelerator: Usd,
    /// Network, storage and building over accelerators: 0.3 adds three tenths.
    pub around: f64,
    /// Time after which it is written off.
    pub life: Seconds,
    /// One joule at the meter.
    pub joule: Usd,
}

/// Cost of a time, by what it pays.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cost {
    /// Accelerators, written off over their life.
    pub accelerators: Usd,
    /// What is around them.
    pub around: Usd,
    /// Energy.
    pub energy: Usd,
}

impl Cost {
    /// Cost of `count` accelerators drawing `power` for `time`.
    pub fn new(prices: &Prices, count: u32, power: &Power, time: Seconds) -> Self {
        let share = time / prices.life;
        let accelerators = prices.accelerator * (f64::from(count) * share);
        Self {
            accelerators,
            around: accelerators * prices.around,
            energy: prices.joule * power.energy(time).get(),
        }
    }

    /// All of it.
    pub fn total(&self) -> Usd {
        self.accelerators + self.around + self.energy
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_of_power_include_each_other() {
        let h100 = crate::accelerator("h100").unwrap();
        let power = Power::new(&h100, 8, 1.0, 1.3).unwrap();
        assert_eq!(power.chip, Watts(5600.0));
        // A DGX H100 is rated at 10.2 kW.
        assert!((power.it.get() - 10_200.0).abs() < 1.0);
        assert!((power.facility / power.it - 1.3).abs() < 1e-12);
        let waiting = Power::new(&h100, 8, 0.0, 1.3).unwrap();
        assert!(waiting.chip < power.chip && waiting.it > waiting.chip);
    }

    #[test]
    fn a_gigawatt_runs_half_a_million_gb200() {
        let gb200 = crate::accelerator("gb200").unwrap();
        let count = Power::accelerators(&gb200, Watts(1e9), 1.2).unwrap();
        assert!((499_000..501_000).contains(&count), "{count}");
        assert!(Power::accelerators(&gb200, Watts(-1.0), 1.2).is_err());
        assert!(Power::accelerators(&gb200, Watts(1e9), 0.0).is_err());
    }

    #[test]
    fn cost_adds_up_and_scales_with_time() {
        let h100 = crate::accelerator("h100").unwrap();
        let power = Power::new(&h100, 1, 1.0, 1.2).unwrap();
        let year = Seconds(31_557_600.0);
        let prices = Prices {
            accelerator: Usd(40_000.0),
            around: 0.25,
            life: year * 4.0,
            joule: Usd(80.0 / 3.6e9),
        };
        let cost = Cost::new(&prices, 1, &power, year);
        assert!((cost.accelerators.get() - 10_000.0).abs() < 1e-6);
        assert!((cost.around.get() - 2_500.0).abs() < 1e-6);
        // 1,530 W of facility power over 8,766 h at 80 USD/MWh.
        assert!((cost.energy.get() - 1.53 * 8766.0 * 0.08).abs() < 0.1, "{}", cost.energy);
    }

    #[test]
    fn nonsense_is_refused() {
        let h100 = crate::accelerator("h100").unwrap();
        for (busy, pue) in [(1.5, 1.2), (f64::NAN, 1.2), (0.5, 0.5), (0.5, f64::NAN)] {
            assert!(Power::new(&h100, 1, busy, pue).is_err());
        }
    }
}
