//! What the network of a large machine costs, over the price of its accelerators.

use diagnostic::Diagnostic;
use serde::Deserialize;

use crate::catalogue::Text;

/// Costs over the price of the accelerators: low, middle and high.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkCost {
    /// Switches, cables and interfaces.
    pub over_accelerators: [f64; 3],
    /// Servers without accelerators and network.
    pub servers_over_accelerators: [f64; 3],
    /// Where the numbers come from.
    pub source: String,
}

impl NetworkCost {
    /// What the catalogue says.
    ///
    /// # Errors
    /// A file of the catalogue that cannot be read; a test rules that out.
    pub fn of_catalogue() -> Result<Self, Diagnostic> {
        let text = include_str!("../../../catalogue/network_cost.toml");
        Text { origin: "catalogue/network_cost.toml", text }.read()
    }

    /// The network's share of accelerators, servers and network together: from the low to the high
    /// end, each against the middle of the others.
    pub fn share(&self) -> [f64; 3] {
        let rest = 1.0 + self.servers_over_accelerators[1];
        self.over_accelerators.map(|network| network / (rest + network))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interconnect_is_about_a_fifth_of_the_hardware() {
        let [low, middle, high] = NetworkCost::of_catalogue().unwrap().share();
        assert!(low < middle && middle < high);
        // 11 of 27.5 + 18.5 + 11 (the middles of the published ranges).
        assert!((middle - 11.0 / 57.0).abs() < 0.005, "{middle}");
    }
}
