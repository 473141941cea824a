//! What is served over the model's life, weighed against training.

use runs::{Flop, Tokens};

use crate::Drawn;

/// Tokens of one kind served over a model's life.
#[derive(Debug, Clone, PartialEq)]
pub struct Served {
    /// How many.
    pub tokens: Drawn<Tokens>,
    /// What one FLOP of serving them costs, in FLOP of training: 1 in FLOP; in money the price of
    /// a served FLOP (its device's price over peak and MFU) over that of a trained one.
    pub price: Drawn<f64>,
}

/// All that is served: prompts and answers, each at its own price (Sardana et al. 2024,
/// arXiv:2401.00448, section 3).
#[derive(Debug, Clone, PartialEq)]
pub struct Serving {
    /// One entry per kind of token.
    pub kinds: Vec<Served>,
}

impl Serving {
    /// `tokens`, where a FLOP costs the same to serve and to train with.
    pub fn tokens(tokens: Tokens) -> Self {
        Self {
            kinds: vec![Served {
                tokens: Drawn::certain(tokens, 0),
                price: Drawn::certain(1.0, 0),
            }],
        }
    }

    /// Served tokens, each counted at its price.
    pub fn weight(&self) -> Drawn<Tokens> {
        let mut weight = Drawn::certain(Tokens(0.0), 0);
        for kind in &self.kinds {
            let priced: Drawn<Tokens> =
                kind.tokens.with(&kind.price, |tokens, price| tokens * price);
            weight = weight.with(&priced, |a, b| a + b);
        }
        weight
    }

    /// All served tokens.
    pub fn served(&self) -> Drawn<Tokens> {
        let none = Drawn::certain(Tokens(0.0), 0);
        self.kinds.iter().fold(none, |sum, kind| sum.with(&kind.tokens, |a, b| a + b))
    }

    /// FLOP really done to serve, at `per_token`.
    pub fn flop(&self, per_token: Flop) -> Drawn<Flop> {
        self.served().map(|tokens| tokens * per_token.get())
    }
}
