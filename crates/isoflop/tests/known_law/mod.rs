//! Runs whose law is known, for tests of studies.

use std::fmt::Write as _;

/// Runs of a known law, with little noise.
pub(crate) fn runs() -> String {
    let mut text = String::from("run,N,D,loss\n");
    let mut noise = 0.37_f64;
    for size in 0..6 {
        for ratio in 0..5 {
            let n = 1e6 * 3_f64.powi(size);
            let d = n * 4.0 * 3_f64.powi(ratio);
            noise = (noise * 997.0).fract();
            let loss = (1.7 + 400.0 / n.powf(0.34) + 1200.0 / d.powf(0.36))
                * (1.0 + 0.004 * (noise - 0.5));
            let _ = writeln!(text, "r{size}-{ratio},{n},{d},{loss}");
        }
    }
    text
}
