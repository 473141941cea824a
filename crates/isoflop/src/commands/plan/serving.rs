//! What is served over the model's life, and at what price.

use clap::Args;
use diagnostic::Diagnostic;
use machines::Precision;
use plan::{Drawn, Means, MeansRequest, Served, Serving, amount};
use runs::Flop;

use super::machine::{MachineArgs, PrecisionArg};

/// What is served over the model's life.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Serving")]
pub(crate) struct ServingArgs {
    /// Tokens generated over the model's life: the budget pays for training and for them
    #[arg(long, value_name = "TOKENS")]
    serve: Option<String>,
    /// Prompt tokens read over the model's life
    #[arg(long, value_name = "TOKENS")]
    prompts: Option<String>,
    /// MFU of generating; given any of these four, served FLOP count at their price rather than
    /// one for one
    #[arg(long, value_name = "SHARE")]
    serve_mfu: Option<String>,
    /// MFU of reading prompts [default: that of training]
    #[arg(long, value_name = "SHARE", requires = "prompts")]
    prompt_mfu: Option<String>,
    /// Accelerators that serve [default: those that train]
    #[arg(long, value_name = "DEVICES")]
    serve_on: Option<String>,
    /// Their precision
    #[arg(long, value_name = "PRECISION")]
    serve_precision: Option<PrecisionArg>,
    /// The price of an hour of one of them
    #[arg(long, value_name = "PRICE")]
    serve_price: Option<String>,
}

impl ServingArgs {
    fn is_priced(&self) -> bool {
        self.serve_mfu.is_some()
            || self.serve_on.is_some()
            || self.serve_precision.is_some()
            || self.serve_price.is_some()
            || self.prompt_mfu.is_some()
    }

    /// The machine that serves, where it differs from the one that trains.
    pub(super) fn means(
        &self,
        training: &MachineArgs,
        seed: u64,
        draws: usize,
    ) -> Result<Option<Means>, Diagnostic> {
        if !self.is_priced() {
            return Ok(None);
        }
        if self.serve.is_none() && self.prompts.is_none() {
            return Err(Diagnostic::error("a price of serving is given, but nothing is served")
                .help("say how much: --serve '10 T token'"));
        }
        let other = self.serve_on.is_some();
        let request = MeansRequest {
            on: self.serve_on.clone().or(training.on.clone()),
            precision: self.serve_precision.or(training.precision).map(Precision::from),
            mfu: self.serve_mfu.clone().or(training.mfu.clone()),
            goodput: training.goodput.clone(),
            price: self.serve_price.clone().or(if other { None } else { training.price.clone() }),
            pue: training.pue.clone(),
            simulated: None,
        };
        Ok(Some(Means::new(&request, None, seed, draws)?))
    }

    pub(super) fn serving(
        &self,
        training: &Means,
        serving: Option<&Means>,
        seed: u64,
        draws: usize,
    ) -> Result<Option<Serving>, Diagnostic> {
        let read = |origin: &str, text: &Option<String>| {
            text.as_deref().map(|text| amount::tokens(origin, text, seed, draws)).transpose()
        };
        let (answers, prompts) = (read("--serve", &self.serve)?, read("--prompts", &self.prompts)?);
        if answers.is_none() && prompts.is_none() {
            return Ok(None);
        }
        let one = Drawn::certain(1.0, draws);
        let price = match serving {
            None => one,
            Some(serving) => {
                let flop = Drawn::certain(Flop(1.0), draws);
                let (trained, served) = (training.money(&flop)?, serving.money(&flop)?);
                served.with(&trained, |served, trained| served / trained)
            }
        };
        let mut kinds = Vec::new();
        if let Some(tokens) = answers {
            kinds.push(Served { tokens, price: price.clone() });
        }
        if let Some(tokens) = prompts {
            // The same devices at another utilisation.
            let price = match (serving, &self.prompt_mfu) {
                (Some(serving), Some(text)) => {
                    let request =
                        MeansRequest { mfu: Some(text.clone()), ..MeansRequest::default() };
                    let reading = Means::new(&request, None, seed, draws)?;
                    let ratio: Drawn<f64> =
                        serving.mfu.with(&reading.mfu, |writing, reading| writing / reading);
                    price.with(&ratio, |price, ratio| price * ratio)
                }
                (Some(serving), None) => {
                    let ratio: Drawn<f64> =
                        serving.mfu.with(&training.mfu, |writing, reading| writing / reading);
                    price.with(&ratio, |price, ratio| price * ratio)
                }
                (None, _) => price,
            };
            kinds.push(Served { tokens, price });
        }
        Ok(Some(Serving { kinds }))
    }
}
