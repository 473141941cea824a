//! What the run meets over days: failures, slow hosts, prices, and how many tokens it is of.

use clap::Args;
use diagnostic::Diagnostic;
use machines::{Accelerator, BytesPerSecond, Failures, Model, Reading, Site, Stragglers, Usd};
use plan::Assumption;
use runs::{Seconds, Tokens};

use super::machine::{not_negative, positive};

/// From a failure to the next step, where nothing else is known: noticing it, replacing a node and
/// reading the checkpoint.
const RESTART: Seconds = Seconds(600.0);

/// What a store takes where the cluster's file says nothing.
const STORAGE: BytesPerSecond = BytesPerSecond(2e12);

/// The run.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "The run")]
pub(super) struct RunArgs {
    /// The tokens of the whole run: `15 T`
    #[arg(long, value_name = "TOKENS")]
    tokens: Option<String>,
    /// The price of an hour of one accelerator: `2 USD/h` [default: what it rents for]
    #[arg(long, value_name = "PRICE")]
    price: Option<String>,
    /// Mean time between failures of one accelerator with its share of host and network
    /// [default: 50700 h, as Llama 3 405B met them]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    between_failures: Option<String>,
    /// From a failure to the next step [default: 10 min]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    restart: Option<String>,
    /// What checkpoints are written at [default: the cluster's, else 2 TB/s as Llama 3's]
    #[arg(long, value_name = "BANDWIDTH", allow_hyphen_values = true)]
    storage: Option<String>,
    /// Share of hosts of eight accelerators that run slowly: `0.005`, as on 12,288 A100
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    slow_hosts: f64,
    /// How much longer a slow host takes
    #[arg(long, value_name = "SHARE", default_value_t = 0.1)]
    slower: f64,
    /// With --events: the spread of each pass's time, as a share (the standard deviation of its
    /// logarithm)
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, allow_hyphen_values = true)]
    pub(super) jitter: f64,
    /// Bytes that are read of a token: 4 where it is tokenised, some 300 where it is raw text that
    /// hosts tokenise as they go
    #[arg(long, value_name = "BYTES", default_value_t = 4.0, allow_hyphen_values = true)]
    token_bytes: f64,
    /// What the store of the training text delivers to all hosts together [default: the cluster's]
    #[arg(long, value_name = "BANDWIDTH", allow_hyphen_values = true)]
    data_store: Option<String>,
    /// A copy of the training text on every host of eight accelerators, read at so much a host
    #[arg(long, value_name = "BANDWIDTH", allow_hyphen_values = true)]
    local_copy: Option<String>,
    /// Between sites: steps from one exchange to the next (1 is every step)
    #[arg(long, value_name = "STEPS", default_value_t = 1,
        value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) every: u32,
    /// Between sites: bytes per parameter that an exchange sums
    #[arg(long, value_name = "BYTES", default_value_t = 2.0)]
    pub(super) exchange_bytes: f64,
    /// With `--power` or `--scale`: what the fibre between sites costs: `2 bn USD`
    #[arg(long, value_name = "MONEY", allow_hyphen_values = true)]
    pub(super) fibre_cost: Option<String>,
    /// Between sites: the share of a step's time that an exchange can hide under
    #[arg(long, value_name = "SHARE", default_value_t = 0.5)]
    pub(super) cover: f64,
}

/// What the run meets.
#[derive(Debug, Clone)]
pub(super) struct Run {
    pub(super) tokens: Option<Tokens>,
    pub(super) failures: Failures,
    pub(super) stragglers: Option<Stragglers>,
    /// What an hour of one accelerator costs, or why that is not known.
    pub(super) price: Result<(Usd, Assumption), Diagnostic>,
    pub(super) text: TrainingText,
}

/// Where the training text is read from.
#[derive(Debug, Clone, Copy)]
pub(super) struct TrainingText {
    pub(super) token_bytes: f64,
    /// One store for all, if there is one.
    pub(super) store: Option<BytesPerSecond>,
    /// A copy on every host.
    pub(super) copy: Option<BytesPerSecond>,
    /// Whether the command says anything of it.
    pub(super) stated: bool,
}

/// Accelerators per host.
pub(super) const HOST: u32 = 8;

impl TrainingText {
    /// How it is read by so many accelerators; `None` where nothing is known of it.
    pub(super) fn reading(&self, accelerators: u32) -> Option<Reading> {
        match (self.copy, self.store) {
            (Some(bandwidth), _) => {
                Some(Reading::Local { bandwidth, nodes: accelerators.div_ceil(HOST) })
            }
            (None, Some(bandwidth)) => Some(Reading::Shared { bandwidth }),
            (None, None) => None,
        }
    }
}

impl RunArgs {
    pub(super) fn read(&self, model: &Model, site: &Site) -> Result<Run, Diagnostic> {
        let time = |flag, text: &Option<String>, otherwise: Seconds| {
            text.as_deref().map_or(Ok(otherwise), |text| positive(flag, text, "s").map(Seconds))
        };
        let storage = match self.storage.as_deref() {
            Some(text) => BytesPerSecond(positive("--storage", text, "B/s")?),
            None => site.storage.unwrap_or(STORAGE),
        };
        let restart = self.restart.as_deref();
        let restart = restart.map(|text| not_negative("--restart", text, "s")).transpose()?;
        let failures = Failures {
            between: time("--between-failures", &self.between_failures, Failures::LLAMA3_BETWEEN)?,
            checkpoint: Failures::checkpoint_time(model, storage),
            restart: restart.map_or(RESTART, Seconds),
        };
        let fine = |share: f64, most: f64| (0.0..=most).contains(&share);
        if !fine(self.slow_hosts, 1.0) || !fine(self.slower, 100.0) {
            return Err(Diagnostic::error(
                "--slow-hosts is a share of 0 to 1, --slower one of 0 on",
            )
            .note(format!("they are {} and {}", self.slow_hosts, self.slower)));
        }
        let stragglers = (self.slow_hosts > 0.0)
            .then_some(Stragglers { share: self.slow_hosts, slower: self.slower });
        let text = self.text(site)?;
        let tokens = self.tokens.as_deref();
        let tokens = tokens.map(|text| plan::amount::tokens("--tokens", text, 0, 0)).transpose()?;
        Ok(Run {
            tokens: tokens.map(|drawn| drawn.best),
            failures,
            stragglers,
            price: self.price(&site.accelerator)?,
            text,
        })
    }

    fn text(&self, site: &Site) -> Result<TrainingText, Diagnostic> {
        if !(self.token_bytes > 0.0 && self.token_bytes < 1e9) {
            return Err(Diagnostic::error("--token-bytes must be above zero")
                .note(format!("it is {}", self.token_bytes))
                .help("2 or 4 for tokens, some 4 for plain text, hundreds for raw documents"));
        }
        let rate = |flag, text: &Option<String>| {
            text.as_deref().map(|text| positive(flag, text, "B/s")).transpose()
        };
        Ok(TrainingText {
            token_bytes: self.token_bytes,
            store: rate("--data-store", &self.data_store)?.map(BytesPerSecond).or(site.storage),
            copy: rate("--local-copy", &self.local_copy)?.map(BytesPerSecond),
            stated: self.data_store.is_some() || self.local_copy.is_some(),
        })
    }

    /// Words that cannot be read are wrong in any case; that no price is known is not.
    pub(super) fn price(
        &self,
        accelerator: &Accelerator,
    ) -> Result<Result<(Usd, Assumption), Diagnostic>, Diagnostic> {
        let Some(text) = &self.price else {
            return Ok(plan::hourly_price(accelerator, 0, 0)
                .map(|(price, assumption)| (price.best, assumption)));
        };
        let plain = text.replace('$', "1 USD * ");
        let hourly = 3600.0 * positive("--price", &plain, "USD/s")?;
        Ok(Ok((
            Usd(hourly),
            Assumption {
                what: "price".to_owned(),
                value: format!("{hourly:.2} USD/h"),
                source: "stated with --price".to_owned(),
            },
        )))
    }
}
