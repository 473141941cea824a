//! Whether to trust a fit, in a word, with the evidence and what to do.

use serde::{Deserialize, Serialize};

use crate::trend::Category;
use crate::{Fit, Warning};

/// Whether to trust a fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Nothing speaks against it among the runs, nor outside them as far as the intervals say.
    Trustworthy,
    /// It describes the runs, but something asks for care: its errors have a side, a term is
    /// zero, it explains little.
    UsableWithCare,
    /// The parameters are roughly known at best.
    WeaklyIdentified,
    /// The runs cannot tell the terms of the law apart; its parameters mean nothing.
    NotIdentified,
    /// What was asked for lies further outside the runs than they reach themselves.
    ExtrapolatingTooFar,
    /// What is measured behaves in a way that no law of this kind extrapolates.
    Misbehaves(Category),
}

/// A verdict with its evidence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// The verdict.
    pub verdict: Verdict,
    /// What it rests on, a sentence each.
    pub evidence: Vec<String>,
    /// What to do.
    pub advice: String,
}

/// Relative error that extrapolation may add, by the backtest, before it is too far: a tenth.
const TOLERATED: f64 = 0.1;

impl Fit {
    /// Whether to trust the fit among its runs and at `asked`, values on the axis of
    /// extrapolation ([`Data::axis`](crate::Data::axis)) of what is to be predicted.
    ///
    /// The first of these that holds decides: the metric misbehaves, the parameters are not
    /// identified, something asked for is too far outside (further in decades than the runs span,
    /// or where the backtest puts the added error above a tenth), the parameters are weakly
    /// identified, anything else asks for care.
    pub fn judge(&self, asked: &[f64]) -> Judgement {
        let of = |is: fn(&Warning) -> bool| -> Vec<String> {
            self.warnings.iter().filter(|warning| is(warning)).map(ToString::to_string).collect()
        };
        if let Some(behaviour) = self.behaviour.as_ref().filter(|b| b.speaks_against_a_law()) {
            return Judgement {
                verdict: Verdict::Misbehaves(behaviour.category),
                evidence: vec![behaviour.because.clone()],
                advice: behaviour.category.advice().to_owned(),
            };
        }
        let target = &self.law.target.name;
        let unidentified = of(Warning::is_about_identification);
        if !unidentified.is_empty() {
            return Judgement {
                verdict: Verdict::NotIdentified,
                evidence: unidentified,
                advice: format!(
                    "use it only for {target} close to the runs, not for its parameters or for \
                     planning; add runs that vary what the evidence names"
                ),
            };
        }
        let far: Vec<String> = asked.iter().filter_map(|&at| self.too_far(at)).collect();
        if !far.is_empty() {
            return Judgement {
                verdict: Verdict::ExtrapolatingTooFar,
                evidence: far,
                advice: "make runs in between first; take the interval there as a lower limit of \
                         what is unknown"
                    .to_owned(),
            };
        }
        let weak = of(Warning::is_about_precision);
        if !weak.is_empty() {
            return Judgement {
                verdict: Verdict::WeaklyIdentified,
                evidence: weak,
                advice: "use its predictions with their intervals; do not quote its parameters, \
                         or add runs"
                    .to_owned(),
            };
        }
        let care = of(Warning::is_serious);
        if !care.is_empty() {
            let side = self.warnings.iter().find_map(|warning| match warning {
                Warning::ExtrapolationBias { side, .. } => Some(side),
                _ => None,
            });
            return Judgement {
                verdict: Verdict::UsableWithCare,
                evidence: care,
                advice: match side {
                    Some(side) => {
                        format!("use it among these runs; outside them expect it to predict {side}")
                    }
                    None => {
                        "use it among these runs; read the warnings before going outside".to_owned()
                    }
                },
            };
        }
        let advice = if self.backtest.is_some() {
            "trust it among these runs, and outside them as far as the intervals say"
        } else {
            "trust it among these runs; outside them nothing has tested it, since no backtest was \
             possible"
        };
        Judgement { verdict: Verdict::Trustworthy, evidence: Vec::new(), advice: advice.to_owned() }
    }

    /// Why `at` lies too far outside the runs, where it does.
    fn too_far(&self, at: f64) -> Option<String> {
        let (low, high) = self.data.axis_range;
        let (decades, span) = (self.extrapolation_decades(at), (high / low).log10());
        let axis = &self.data.axis;
        if decades > span.max(1.0) {
            return Some(format!(
                "{axis} = {at:.2e} lies {decades:.1} decades outside the runs, which span {span:.1}"
            ));
        }
        let rate = self.backtest.as_ref().map_or(0.0, |backtest| backtest.error_per_decade);
        (rate * decades > TOLERATED).then(|| {
            format!(
                "at {axis} = {at:.2e} the backtest puts the error that extrapolating adds at \
                 {:.0} %: {:.1} % per decade, {decades:.1} decades",
                100.0 * rate * decades,
                100.0 * rate
            )
        })
    }
}

impl Verdict {
    /// The verdict in a few words.
    pub fn in_words(self) -> String {
        match self {
            Self::Trustworthy => "trustworthy".to_owned(),
            Self::UsableWithCare => "usable with care".to_owned(),
            Self::WeaklyIdentified => "weakly identified".to_owned(),
            Self::NotIdentified => "not identified".to_owned(),
            Self::ExtrapolatingTooFar => "extrapolating too far".to_owned(),
            Self::Misbehaves(category) => format!("{category} behaviour"),
        }
    }
}
