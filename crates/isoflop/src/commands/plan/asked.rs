//! What was asked, read.

use std::time::SystemTime;

use clap::{Args, ValueEnum};
use diagnostic::Diagnostic;
use laws::Setting;
use machines::Precision;
use plan::{
    Budget, BudgetKind, Date, Drawn, FlopText, Limits, Means, MeansRequest, Rule, Served, Serving,
    amount,
};
use runs::{Flop, Parameters, Tokens};

use super::PlanArgs;
use super::law::{self, Source};

/// Limits besides the budget.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Limits")]
pub(crate) struct LimitArgs {
    /// Train a model of this size, rather than the best
    #[arg(long, value_name = "PARAMETERS")]
    size: Option<String>,
    /// The largest model that may be trained
    #[arg(long, value_name = "PARAMETERS")]
    max_size: Option<String>,
    /// The most tokens that may be trained on
    #[arg(long, value_name = "TOKENS")]
    max_tokens: Option<String>,
    /// Unique tokens there are: beyond them text is read again, and is worth less each time
    #[arg(long, value_name = "TOKENS")]
    data: Option<String>,
    /// How fast that stock grows, as in `+5 %/yr`: says when it runs out
    #[arg(long, value_name = "GROWTH", requires = "data")]
    data_growth: Option<String>,
    /// How fast budgets grow, as in `5x/yr`: says when the stock runs out
    #[arg(long, value_name = "GROWTH", requires = "data")]
    budget_growth: Option<String>,
}

/// The machine and its price.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "The machine")]
pub(crate) struct MachineArgs {
    /// Accelerators, and how many: `H100`, `512 H100` (`isoflop list accelerators`)
    #[arg(long, value_name = "DEVICES")]
    on: Option<String>,
    /// The precision of the linear layers
    #[arg(long, value_name = "PRECISION")]
    precision: Option<PrecisionArg>,
    /// Model FLOP utilisation of the dense peak: `40%`, or `30% to 45%`
    #[arg(long, value_name = "SHARE")]
    mfu: Option<String>,
    /// The share of time that turns into progress
    #[arg(long, value_name = "SHARE")]
    goodput: Option<String>,
    /// The price of an hour of one accelerator: `2 USD/h`
    #[arg(long, value_name = "PRICE")]
    price: Option<String>,
    /// Facility power over IT power
    #[arg(long, value_name = "RATIO")]
    pue: Option<String>,
    /// When the run begins, for budgets until a date [default: today]
    #[arg(long, value_name = "DATE")]
    start: Option<String>,
}

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

/// Other ways to choose, held against the plan.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Others")]
pub(crate) struct OtherArgs {
    /// What following a rule would cost: `20:1`, or published constants
    #[arg(long, value_name = "RULE", value_delimiter = ',', default_values = ["20:1", "8:1"])]
    rule: Vec<String>,
    /// Laws to put side by side: published constants, fits or run tables
    #[arg(long, value_name = "LAW", value_delimiter = ',')]
    compare: Vec<String>,
}

/// The precision of matrix multiplications.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum PrecisionArg {
    Fp32,
    Bf16,
    Fp8,
    Fp4,
}

impl From<PrecisionArg> for Precision {
    fn from(precision: PrecisionArg) -> Self {
        match precision {
            PrecisionArg::Fp32 => Self::Fp32,
            PrecisionArg::Bf16 => Self::Bf16,
            PrecisionArg::Fp8 => Self::Fp8,
            PrecisionArg::Fp4 => Self::Fp4,
        }
    }
}

/// A budget with what it is in compute.
pub(super) struct Fund {
    pub(super) words: String,
    pub(super) kind: BudgetKind,
    pub(super) flop: Drawn<Flop>,
}

/// Growth of budgets and of the stock of text, as log-rates per year.
pub(super) struct Growth {
    pub(super) budget: Drawn<f64>,
    pub(super) stock: Drawn<f64>,
}

/// Everything that was asked.
pub(super) struct Asked {
    pub(super) source: Source,
    pub(super) given: Setting,
    pub(super) flop: FlopText,
    pub(super) funds: Vec<Fund>,
    /// The loss to reach.
    pub(super) target: Option<f64>,
    pub(super) limits: Limits,
    pub(super) stock: Option<Drawn<Tokens>>,
    pub(super) growth: Option<Growth>,
    pub(super) means: Means,
    /// The machine that serves, where served FLOP have a price of their own.
    pub(super) serving_means: Option<Means>,
    pub(super) serving: Option<Serving>,
    pub(super) start: Date,
    pub(super) rules: Vec<Rule>,
    pub(super) compared: Vec<Source>,
    pub(super) level: f64,
    pub(super) seed: u64,
    /// Whether to say where assumptions come from.
    pub(super) sources: bool,
}

impl Asked {
    pub(super) fn new(args: &PlanArgs) -> Result<Self, Diagnostic> {
        if !(0.01..=0.999).contains(&args.level) {
            let message = format!("`--level {}` is out of range", args.level);
            return Err(
                Diagnostic::error(message).help("give a share between 0.01 and 0.999, as in 0.9")
            );
        }
        if args.draws > MOST_DRAWS {
            let message = format!("`--draws {}` is more than {MOST_DRAWS}", args.draws);
            return Err(Diagnostic::error(message).help("a few thousand give steady intervals"));
        }
        let (level, seed) = (args.level, args.seed);
        let budgets: Result<Vec<Budget>, Diagnostic> =
            args.budget.iter().map(|text| Budget::parse("--budget", text)).collect();
        let budgets = budgets?;
        let target = target(&budgets)?;
        let mut source = args.law.source(level, seed)?;
        let draws = match source.believed.draws() {
            0 => args.draws,
            own => own,
        };
        source.believed = source.believed.repeated(draws);
        let named = budgets.iter().find(|budget| budget.fleet.is_some());
        let machine = &args.machine;
        let means = Means::new(&machine.request(), named, seed, draws)?;
        let start = machine.start()?;
        let mut funds = Vec::new();
        for budget in budgets.iter().filter(|budget| budget.target_loss().is_none()) {
            // Each budget may name a machine; they must agree with --on.
            let own = Means::new(&machine.request(), Some(budget), seed, draws)?;
            funds.push(Fund {
                words: budget.words.clone(),
                kind: budget.kind,
                flop: own.fund(budget, Some(start))?.flop,
            });
        }
        let serving_means = args.serving.means(machine, seed, draws)?;
        let serving = args.serving.serving(&means, serving_means.as_ref(), seed, draws)?;
        let parameters = |origin: &str, text: &Option<String>| {
            text.as_deref().map(|text| amount::parameters(origin, text)).transpose()
        };
        let limits: Limits = Limits {
            size: parameters("--size", &args.limits.size)?,
            largest: parameters("--max-size", &args.limits.max_size)?,
            tokens: match args.limits.max_tokens.as_deref() {
                Some(text) => Some(amount::tokens("--max-tokens", text, seed, 0)?.best),
                None => None,
            },
        };
        let stock = match args.limits.data.as_deref() {
            Some(text) => Some(amount::tokens("--data", text, seed, draws)?),
            None => None,
        };
        Ok(Self {
            given: args.law.setting()?,
            flop: FlopText::default(),
            growth: args.limits.growth(seed, draws)?,
            rules: args
                .others
                .rule
                .iter()
                .map(|rule| Rule::parse(rule))
                .collect::<Result<_, _>>()?,
            compared: args
                .others
                .compare
                .iter()
                .map(|name| law::named(name, None, level, seed))
                .collect::<Result<_, _>>()?,
            source,
            funds,
            target,
            limits,
            stock,
            means,
            serving_means,
            serving,
            start,
            level,
            seed,
            sources: args.sources,
        })
    }

    /// The number of accelerators, where it is said.
    pub(super) fn count(&self) -> Option<u32> {
        self.means.count
    }

    /// The size asked for.
    pub(super) fn size(&self) -> Option<Parameters> {
        self.limits.size
    }
}

/// More draws than this are a slip.
const MOST_DRAWS: usize = 1_000_000;

/// The one loss to reach, if any.
fn target(budgets: &[Budget]) -> Result<Option<f64>, Diagnostic> {
    let targets: Vec<&Budget> =
        budgets.iter().filter(|budget| budget.target_loss().is_some()).collect();
    match targets[..] {
        [] => Ok(None),
        [one] => Ok(one.target_loss()),
        [first, second, ..] => {
            let message =
                format!("`{}` and `{}` are two losses to reach", first.words, second.words);
            Err(Diagnostic::error(message).help("keep the lower one, which is the harder"))
        }
    }
}

impl LimitArgs {
    fn growth(&self, seed: u64, draws: usize) -> Result<Option<Growth>, Diagnostic> {
        if self.budget_growth.is_none() && self.data_growth.is_none() {
            return Ok(None);
        }
        let read = |origin: &str, text: &Option<String>| match text {
            Some(text) => amount::growth(origin, text, seed, draws),
            None => Ok(Drawn::certain(0.0, draws)),
        };
        Ok(Some(Growth {
            budget: read("--budget-growth", &self.budget_growth)?,
            stock: read("--data-growth", &self.data_growth)?,
        }))
    }
}

impl MachineArgs {
    fn request(&self) -> MeansRequest {
        MeansRequest {
            on: self.on.clone(),
            precision: self.precision.map(Precision::from),
            mfu: self.mfu.clone(),
            goodput: self.goodput.clone(),
            price: self.price.clone(),
            pue: self.pue.clone(),
            simulated: None,
        }
    }

    fn start(&self) -> Result<Date, Diagnostic> {
        match &self.start {
            Some(text) => Date::parse("--start", text),
            None => {
                let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
                // Whole days: the same command gives the same answer all day long.
                let days = since.map_or(0.0, |since| (since.as_secs_f64() / 86_400.0).floor());
                Ok(Date::from_unix(days * 86_400.0))
            }
        }
    }
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
    fn means(
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

    fn serving(
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
