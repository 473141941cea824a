//! Evidence for the minimum, and what the rows tell least.

use std::fmt::Write as _;

use laws::{Certificate, Fit};

use super::super::words::bold;
use crate::text::hanging;

/// Shares below this are no part of a direction worth a word.
const PART: f64 = 0.3;

pub(super) fn about(text: &mut String, fit: &Fit, width: usize) {
    let certificate = &fit.certificate;
    let found = format!(
        "{}: {} of {} starts end there{}; {}, {}",
        bold("minimum"),
        certificate.starts_at_minimum,
        certificate.starts,
        if certificate.converged { "" } else { ", NOT converged" },
        gradient(certificate.gradient),
        match certificate.second_minimum {
            Some(above) => format!("the next minimum lies {:.2} % above", 100.0 * above),
            None => "no other minimum near".to_owned(),
        }
    );
    text.push('\n');
    hanging(text, (0, 2), &found, width);
    if let Some(weakest) = weakest(certificate) {
        let condition = certificate.condition();
        let size = if condition.is_finite() {
            format!("condition {condition:.1e}")
        } else {
            "no curvature there".to_owned()
        };
        hanging(text, (2, 4), &format!("least certain: {weakest} ({size})"), width);
    }
    if !certificate.at_bound.is_empty() {
        let _ = writeln!(text, "  at a bound: {}", certificate.at_bound.join(", "));
    }
}

/// The size of a gradient; what is only rounding has no digits worth showing.
fn gradient(size: f64) -> String {
    if size < 1e-8 { "gradient below 1e-8".to_owned() } else { format!("gradient {size:.1e}") }
}

/// The direction that the rows hold least, in words: `E, A and alpha up, B down`.
pub(in super::super) fn weakest(certificate: &Certificate) -> Option<String> {
    let parts: Vec<&(String, f64)> =
        certificate.weakest_direction.iter().filter(|(_, share)| share.abs() > PART).collect();
    let (first, others) = parts.split_first()?;
    if others.is_empty() {
        return Some(format!("{} alone", first.0));
    }
    let side = |rising: bool| {
        let names = parts.iter().filter(|(_, share)| (*share * first.1 > 0.0) == rising);
        listed(&names.map(|(name, _)| name.as_str()).collect::<Vec<_>>())
    };
    let (up, down) = (side(true), side(false));
    Some(if down.is_empty() {
        format!("{up} together, up or down")
    } else {
        format!("{up} up with {down} down, or the reverse")
    })
}

/// `E, A and B`.
fn listed(names: &[&str]) -> String {
    match names {
        [rest @ .., last] if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => names.concat(),
    }
}
