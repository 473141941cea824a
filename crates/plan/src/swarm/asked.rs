//! Times and lines in the user's words.

use diagnostic::Diagnostic;
use formula::Source;
use machines::BytesPerSecond;
use runs::Seconds;

use super::peers::Peers;
use crate::words::written::Written;

/// A time such as `90 day`, above zero.
///
/// # Errors
/// Words that are no time, and times that are not above zero and certain.
pub fn time(origin: &str, text: &str) -> Result<Seconds, Diagnostic> {
    let found = certain(origin, text, "s", "a time such as `90 day`")?;
    if found > 0.0 { Ok(Seconds(found)) } else { Err(refuse(origin, text, "more than zero")) }
}

fn certain(origin: &str, text: &str, unit: &str, expected: &str) -> Result<f64, Diagnostic> {
    let (written, _) = Written::read("asked", Source::new(origin, text), &[unit])?
        .map_err(|found| refuse(origin, text, &format!("{expected}, found {found}")))?;
    let best = written.best();
    if !written.is_certain() || !best.is_finite() {
        return Err(refuse(origin, text, &format!("{expected}, one number")));
    }
    Ok(best)
}

fn refuse(origin: &str, text: &str, expected: &str) -> Diagnostic {
    let message = format!("expected {expected}");
    Diagnostic::error(message).at(origin, text, 0..text.len(), "found this")
}

/// A bandwidth such as `20 Mbit/s`, above zero.
///
/// # Errors
/// Words that are none, and bandwidths that are not above zero and certain.
pub fn bandwidth(origin: &str, text: &str) -> Result<BytesPerSecond, Diagnostic> {
    let found = certain(origin, text, "B/s", "a bandwidth such as `20 Mbit/s`")?;
    let positive = found > 0.0;
    if positive {
        Ok(BytesPerSecond(found))
    } else {
        Err(refuse(origin, text, "a bandwidth of more than zero"))
    }
}

impl Peers {
    /// The same with so many packets of each lost on every line.
    ///
    /// # Errors
    /// Shares that are not from 0 to 0.5.
    pub fn with_packet_loss(mut self, share: f64) -> Result<Self, Diagnostic> {
        if !(0.0..=0.5).contains(&share) {
            let message = format!("a packet loss of {share} is out of range");
            return Err(Diagnostic::error(message).help("give a share from 0 to 0.5"));
        }
        for class in &mut self.classes {
            class.loss = share;
        }
        Ok(self)
    }

    /// The same with other lines for all peers: up, down and round trip, in words.
    ///
    /// # Errors
    /// Bandwidths that are not above zero, latencies below zero.
    pub fn with_lines(
        mut self,
        up: Option<&str>,
        down: Option<&str>,
        round_trip: Option<&str>,
    ) -> Result<Self, Diagnostic> {
        let up = up.map(|text| bandwidth("--up", text)).transpose()?;
        let down = down.map(|text| bandwidth("--down", text)).transpose()?;
        let delay = match round_trip {
            Some(text) => {
                let found = certain("--round-trip", text, "s", "a latency such as `40 ms`")?;
                if found < 0.0 {
                    return Err(refuse("--round-trip", text, "a latency of zero or more"));
                }
                Some(Seconds(found))
            }
            None => None,
        };
        for class in &mut self.classes {
            class.up = up.unwrap_or(class.up);
            class.down = down.unwrap_or(class.down);
            class.round_trip = delay.unwrap_or(class.round_trip);
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_times_are_read_and_refused() {
        let peers = || Peers::of(&machines::cluster("homes-1000").unwrap()).unwrap();
        let lines = |up, delay| peers().with_lines(Some(up), None, Some(delay));
        let found = lines("20 Mbit/s", "30 ms").unwrap();
        assert_eq!(found.classes[0].up, BytesPerSecond(2.5e6));
        assert_eq!(found.classes[2].round_trip, Seconds(0.03));
        for (up, delay, expected) in [
            ("0 Mbit/s", "30 ms", "more than zero"),
            ("-1 Mbit/s", "30 ms", "more than zero"),
            ("20 Mbit", "30 ms", "expected a bandwidth"),
            ("20 Mbit/s", "-1 ms", "zero or more"),
        ] {
            let problem = lines(up, delay).unwrap_err().to_string();
            assert!(problem.contains(expected), "{problem}");
        }
        assert_eq!(time("--time", "90 day").unwrap(), Seconds(90.0 * 86_400.0));
        assert!(time("--time", "-1 day").is_err() && time("--time", "3 GB").is_err());
    }
}
