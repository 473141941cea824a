//! Whether groups share the parameters that they were made to share.

use laws::Sharing;

use super::super::words::bold;
use crate::text::hanging;

/// Below this p sharing is said not to hold.
const REFUTED: f64 = 0.05;

pub(super) fn about(text: &mut String, sharing: &Sharing, width: usize) {
    text.push('\n');
    let names = sharing.shared.join(", ");
    let said = format!(
        "{} of {names} between {} groups: the objective is {:.4e}, and {:.4e} with {} more \
         parameters that give every group its own",
        bold("sharing"),
        sharing.groups,
        sharing.objectives.0,
        sharing.objectives.1,
        sharing.saved
    );
    hanging(text, (0, 2), &said, width);
    let verdict = if sharing.p < REFUTED {
        "it does not hold: fit the groups apart, or share less"
    } else {
        "nothing speaks against it"
    };
    let p = format!(
        "p = {:.3} ({} resamples made with them truly shared): {verdict}",
        sharing.p, sharing.resamples
    );
    hanging(text, (2, 4), &p, width);
}
