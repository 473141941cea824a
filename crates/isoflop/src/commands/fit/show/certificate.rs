//! Evidence for the minimum, and what the rows tell least.

use std::fmt::Write as _;

use laws::{Certificate, Fit};

use super::super::words::bold;

/// Shares below this are no part of a direction worth a word.
const PART: f64 = 0.3;

pub(super) fn about(text: &mut String, fit: &Fit) {
    let certificate = &fit.certificate;
    let _ = writeln!(
        text,
        "\n{}: {} of {} starts end there{}; gradient {:.1e}, {}",
        bold("minimum"),
        certificate.starts_at_minimum,
        certificate.starts,
        if certificate.converged { "" } else { ", NOT converged" },
        certificate.gradient,
        match certificate.second_minimum {
            Some(above) => format!("the next minimum lies {:.2} % above", 100.0 * above),
            None => "no other minimum near".to_owned(),
        }
    );
    if let Some(weakest) = weakest(certificate) {
        let condition = certificate.condition();
        let size = if condition.is_finite() {
            format!("condition {condition:.1e}")
        } else {
            "no curvature there".to_owned()
        };
        let _ = writeln!(text, "  least certain: {weakest} ({size})");
    }
    if !certificate.at_bound.is_empty() {
        let _ = writeln!(text, "  at a bound: {}", certificate.at_bound.join(", "));
    }
}

/// The direction that the rows hold least, in words: `A and alpha rising together, E falling`.
pub(in super::super) fn weakest(certificate: &Certificate) -> Option<String> {
    let parts: Vec<&(String, f64)> =
        certificate.weakest_direction.iter().filter(|(_, share)| share.abs() > PART).collect();
    let (first, others) = parts.split_first()?;
    if others.is_empty() {
        return Some(format!("{} alone", first.0));
    }
    let of = |rising: bool| {
        let names = parts.iter().filter(|(_, share)| (*share * first.1 > 0.0) == rising);
        names.map(|(name, _)| name.as_str()).collect::<Vec<_>>()
    };
    let (up, down) = (of(true).join(" and "), of(false).join(" and "));
    Some(match (up.contains(" and "), down.is_empty()) {
        (true, true) => format!("{up} rising together"),
        (_, true) => format!("{up} alone"),
        (_, false) => format!("{up} rising while {down} falls"),
    })
}
