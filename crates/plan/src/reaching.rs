//! The loss of a run, and the tokens that reach a loss, under a law and its draws.

use diagnostic::Diagnostic;
use laws::Setting;
use runs::{Parameters, Tokens};

use crate::swarm::Curve;
use crate::{Believed, Drawn};

/// The loss of a model of `parameters` after `tokens`, in the law's unit (nats per token).
///
/// # Errors
/// Laws without N and D, and variables that nothing gives.
pub fn loss_of(
    law: &Believed,
    given: &Setting,
    parameters: Parameters,
    tokens: Tokens,
) -> Result<Drawn<f64>, Diagnostic> {
    let losses = Curve::new(law, given)?.losses(parameters.get(), tokens.get())?;
    Ok(Drawn::from_rows(&losses))
}

/// The tokens after which a model of `parameters` reaches `loss`; NaN where it never does (up to
/// 1e18).
///
/// # Errors
/// Laws without N and D, variables that nothing gives, and a loss that is not above zero.
pub fn tokens_to(
    law: &Believed,
    given: &Setting,
    parameters: Parameters,
    loss: f64,
) -> Result<Drawn<Tokens>, Diagnostic> {
    if !(loss.is_finite() && loss > 0.0) {
        return Err(Diagnostic::error(format!("a loss is above zero, not {loss}"))
            .help("give it in nats per token, for example 2.1"));
    }
    let curve = Curve::new(law, given)?;
    let tokens = curve.reach(parameters.get(), &vec![loss; curve.rows()])?;
    Ok(Drawn::from_rows(&tokens))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_and_loss_are_each_others_inverse() {
        let law = Believed::published("besiroglu-2024").unwrap();
        let (given, size) = (Setting::new(), Parameters(70e9));
        let loss = loss_of(&law, &given, size, Tokens(1.4e12)).unwrap().best;
        // E + A / N^alpha + B / D^beta with the published constants.
        let by_hand = 1.8172 + 482.01 / 70e9_f64.powf(0.3478) + 2085.43 / 1.4e12_f64.powf(0.3658);
        assert!((loss - by_hand).abs() < 1e-9, "{loss} {by_hand}");
        let tokens = tokens_to(&law, &given, size, loss).unwrap().best;
        assert!((tokens.get() / 1.4e12 - 1.0).abs() < 1e-6, "{tokens}");
        assert!(tokens_to(&law, &given, size, 1.5).unwrap().best.get().is_nan());
        assert!(tokens_to(&law, &given, size, -1.0).is_err());
    }
}
