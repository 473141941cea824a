//! What TCP makes of a line with delay and loss.

use runs::Seconds;

use crate::BytesPerSecond;

/// Payload of one segment on ordinary Ethernet paths.
const SEGMENT: f64 = 1460.0;

/// Congestion control of the sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Congestion {
    /// Halves its window at each loss: 1.22 segments / (`round_trip` sqrt(loss)) (Mathis et al. 1997).
    Reno,
    /// Linux's usual one: 1.054 (`round_trip` / loss)^(3/4) segments a round trip (RFC 9438, 5.1
    /// with C = 0.4 and beta = 0.7), never slower than Reno.
    #[default]
    Cubic,
    /// Paces by measured bandwidth and does not take random loss for congestion.
    Bbr,
}

/// One line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Line {
    /// Its rate.
    pub bandwidth: BytesPerSecond,
    /// To the other end and back.
    pub round_trip: Seconds,
    /// Share of packets lost at random.
    pub loss: f64,
}

impl Line {
    /// What `streams` connections reach together: each bound by loss and delay, all by the line.
    ///
    /// Formulas of steady state; measured single streams over 20 Mbit/s, 200 ms and 0.1 % of loss
    /// reached 7.9 (cubic) and 15.7 Mbit/s (BBR), where this says 3.3 and 20: buffers, bursts and
    /// BBR's probing are not in them.
    pub fn throughput(&self, congestion: Congestion, streams: u32) -> BytesPerSecond {
        let line = self.bandwidth.get();
        let (loss, delay) = (self.loss, self.round_trip.get());
        if loss <= 0.0 || delay <= 0.0 {
            return self.bandwidth;
        }
        let reno = 1.22 * SEGMENT / (delay * loss.sqrt());
        let one = match congestion {
            Congestion::Reno => reno,
            Congestion::Cubic => reno.max(1.054 * SEGMENT * (delay / loss).powf(0.75) / delay),
            Congestion::Bbr => line * (1.0 - loss),
        };
        BytesPerSecond((one * f64::from(streams.max(1))).min(line))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOSSY: Line =
        Line { bandwidth: BytesPerSecond(2.5e6), round_trip: Seconds(0.2), loss: 1e-3 };

    #[test]
    fn loss_and_delay_bound_a_stream_far_below_its_line() {
        let mbit = |congestion| LOSSY.throughput(congestion, 1).get() * 8e-6;
        // Mathis gives 2.2 Mbit/s here, cubic 3.3.
        assert!((mbit(Congestion::Reno) - 2.25).abs() < 0.05, "{}", mbit(Congestion::Reno));
        assert!((mbit(Congestion::Cubic) - 3.27).abs() < 0.05, "{}", mbit(Congestion::Cubic));
        assert!(mbit(Congestion::Bbr) > 15.0);
    }

    #[test]
    fn streams_add_up_to_the_line_and_a_clean_line_needs_one() {
        assert_eq!(LOSSY.throughput(Congestion::Cubic, 64), LOSSY.bandwidth);
        let clean = Line { loss: 0.0, ..LOSSY };
        assert_eq!(clean.throughput(Congestion::Reno, 1), clean.bandwidth);
    }
}
