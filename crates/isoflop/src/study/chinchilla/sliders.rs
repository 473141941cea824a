//! What the reader of a plan sets.

use report::{Live, Notation, Slider};

use super::{Budget, LivePlan};

impl LivePlan<'_> {
    pub(super) fn sliders(&self, live: Live) -> Live {
        let around =
            |value: f64, decades: f64| (value / 10_f64.powf(decades), value * 10_f64.powf(decades));
        let budget = |label: &str, unit: &str, value: f64| {
            let (from, to) = around(value, 2.0);
            Slider::log(self.name("budget"), label, unit, from, to, value)
        };
        let mut live = live.slider(match self.budget {
            Budget::Compute(flop) => budget("Budget", "FLOP", flop).notation(Notation::Power),
            Budget::Money(usd) => budget("Budget", "", usd).notation(Notation::Dollars),
            Budget::DeviceHours(hours) => {
                budget("Budget", "device-hours", hours).notation(Notation::Short)
            }
            Budget::Days(days, _) => budget("Time of the machine", "days", days),
        });
        let served = if self.served > 0.0 { self.served } else { 0.0 };
        let most = match (served, self.computes.last()) {
            (served, _) if served > 0.0 => served * 100.0,
            // As many as cost what training costs at twenty tokens a parameter.
            (_, Some(most)) => (most / 120.0).sqrt() * 60.0,
            _ => 1e13,
        };
        live = live.slider(
            Slider::linear(self.name("served"), "Tokens to be served", "", 0.0, most, served)
                .notation(Notation::Short)
                .note("each costs 2 N FLOP out of the same budget"),
        );
        if let Some(machine) = &self.machine {
            let middle = machine.mfu.first().copied().unwrap_or(0.4);
            live = live.slider(
                Slider::linear(
                    self.name("mfu"),
                    "MFU",
                    "",
                    0.01,
                    1.0,
                    median(&machine.mfu, middle),
                )
                .notation(Notation::Percent)
                .note("of the accelerator's dense peak"),
            );
            if self.priced() {
                let price = median(&machine.price, 2.0);
                let (from, to) = around(price, 1.0);
                live = live.slider(
                    Slider::log(
                        self.name("price"),
                        "Price of an accelerator's hour",
                        "",
                        from,
                        to,
                        price,
                    )
                    .notation(Notation::Dollars),
                );
            }
        }
        live
    }
}

fn median(values: &[f64], otherwise: f64) -> f64 {
    let finite: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
    if finite.is_empty() { otherwise } else { draws::select::quantiles(&finite, &[0.5])[0] }
}
