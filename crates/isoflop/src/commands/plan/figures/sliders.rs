//! What of a plan the page computes anew, or why it cannot.

use plan::{BudgetKind, Drawn, Quantity};

use super::Asked;
use crate::study::{Budget, Machine};

/// The budget as a slider; `None` where it is none of the kinds that are.
pub(super) fn slider(asked: &Asked) -> Option<Budget> {
    let [fund] = &asked.funds[..] else { return None };
    let means = &asked.means;
    match fund.kind {
        BudgetKind::Compute => certain(&fund.flop).map(Budget::Compute),
        BudgetKind::Money => certain(&means.money(&fund.flop).ok()?).map(Budget::Money),
        BudgetKind::DeviceTime => certain(&means.device_time(&fund.flop))
            .map(|seconds| Budget::DeviceHours(seconds / 3600.0)),
        BudgetKind::Time => {
            let count = f64::from(means.count?);
            let days = certain(&means.device_time(&fund.flop))? / 86_400.0 / count;
            Some(Budget::Days(days, count))
        }
        BudgetKind::Energy { .. } | BudgetKind::Until | BudgetKind::Loss(_) => None,
    }
}

/// The number, where all draws agree on it.
fn certain<Q: Quantity>(quantity: &Drawn<Q>) -> Option<f64> {
    let best = quantity.best.number();
    let same = |draw: &Q| (draw.number() / best - 1.0).abs() < 1e-6;
    (best > 0.0 && quantity.draws.iter().all(same)).then_some(best)
}

pub(super) fn machine(asked: &Asked) -> Machine {
    let means = &asked.means;
    Machine {
        peak: means.peak.number(),
        count: means.count,
        mfu: means.mfu.rows(),
        goodput: means.goodput.rows(),
        price: means.price_per_hour().map_or(Vec::new(), |price| price.rows()),
    }
}

/// Why the page cannot compute this plan anew, if it cannot.
pub(super) fn why_it_stands_still(asked: &Asked) -> Option<String> {
    let law = &asked.source.believed.law;
    let limits = &asked.limits;
    let served = asked.serving.as_ref().map(plan::Serving::weight);
    if law.name != "chinchilla" {
        return Some(format!("the best run under the law `{}` has no closed form", law.name));
    }
    if !asked.flop.is_six_n_d() {
        return Some("FLOP are not counted as 6 N D".to_owned());
    }
    if limits.size.is_some()
        || limits.largest.is_some()
        || limits.tokens.is_some()
        || asked.stock.is_some()
    {
        return Some("it has limits beside the budget".to_owned());
    }
    if let (Some(weighed), Some(serving)) = (&served, &asked.serving) {
        let plain = serving.served();
        if certain(weighed).is_none() || weighed.best.get() != plain.best.get() {
            return Some(
                "what is served is uncertain, or costs more or less than training".to_owned(),
            );
        }
    }
    if slider(asked).is_none() {
        return Some("its budget is not one amount of FLOP, money or time".to_owned());
    }
    None
}
