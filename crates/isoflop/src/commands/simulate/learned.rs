//! The loss that a run reaches, or the tokens that reach a loss, under a law.

use diagnostic::Diagnostic;
use laws::Setting;
use machines::Model;
use plan::{Believed, Drawn, loss_of, tokens_to};
use runs::Tokens;

use super::{SimulateArgs, swarm};
use crate::commands::fit::amount;

/// What is asked of the law.
#[derive(Debug)]
pub(super) struct Goal {
    law: Believed,
    given: Setting,
    level: f64,
    what: What,
}

#[derive(Debug, Clone, Copy)]
enum What {
    /// The tokens that reach it.
    Loss(f64),
    /// The loss that they reach.
    Tokens(Tokens),
}

/// What the law answers.
#[derive(Debug)]
pub(super) struct Learned {
    pub(super) law: String,
    pub(super) source: String,
    pub(super) tokens: Drawn<Tokens>,
    pub(super) loss: Drawn<f64>,
    pub(super) level: f64,
    /// Whether the loss was asked for, not the tokens.
    pub(super) of_loss: bool,
}

impl Goal {
    /// The goal of `--loss`, or the loss of `--tokens`; a mixture has no N that laws of dense models
    /// know, so that its tokens are left without a loss.
    pub(super) fn of(
        args: &SimulateArgs,
        model: &Model,
        tokens: Option<Tokens>,
    ) -> Result<Option<Self>, Diagnostic> {
        let what = match (args.swarm.loss, tokens) {
            (Some(_), Some(_)) => {
                return Err(Diagnostic::error("--loss and --tokens contradict each other")
                    .help("the law says how many tokens a loss takes: leave one of them out"));
            }
            (Some(_), None) if model.experts.is_some() => {
                return Err(Diagnostic::error(format!(
                    "{} is a mixture of experts, and laws of N and D are of dense models",
                    model.title
                ))
                .help("state the run with --tokens"));
            }
            (Some(loss), None) => What::Loss(loss),
            (None, Some(tokens)) if model.experts.is_none() => What::Tokens(tokens),
            (None, _) => return Ok(None),
        };
        if !(0.01..=0.999).contains(&args.swarm.level) {
            let message = format!("`--level {}` is out of range", args.swarm.level);
            return Err(Diagnostic::error(message).help("give a share between 0.01 and 0.999"));
        }
        let mut given = Setting::new();
        for text in &args.swarm.given {
            let (name, value) = amount::named(text, "--given")?;
            given = given.with(name, amount::positive(value, "--given")?);
        }
        let law = swarm::believed(&args.swarm.law)?;
        Ok(Some(Self { law, given, level: args.swarm.level, what }))
    }

    pub(super) fn learned(&self, model: &Model) -> Result<Learned, Diagnostic> {
        let parameters = model.parameters();
        let draws = self.law.draws();
        let (tokens, loss) = match self.what {
            What::Loss(loss) => {
                let tokens = tokens_to(&self.law, &self.given, parameters, loss)?;
                if tokens.best.get().is_nan() {
                    let most = loss_of(&self.law, &self.given, parameters, Tokens(1e18))?;
                    return Err(Diagnostic::error(format!(
                        "{} does not reach a loss of {loss}, however many tokens it reads",
                        model.title
                    ))
                    .note(format!(
                        "under `{}` its loss falls to {:.3} nats per token",
                        self.law.name, most.best
                    ))
                    .help("take a larger model, or a higher loss"));
                }
                (tokens, Drawn::certain(loss, draws))
            }
            What::Tokens(tokens) => {
                let loss = loss_of(&self.law, &self.given, parameters, tokens)?;
                (Drawn::certain(tokens, draws), loss)
            }
        };
        Ok(Learned {
            law: self.law.name.clone(),
            source: self.law.source.clone(),
            tokens,
            loss,
            level: self.level,
            of_loss: matches!(self.what, What::Loss(_)),
        })
    }
}
