//! What was asked, read.

use clap::Args;
use diagnostic::Diagnostic;
use laws::Setting;
use plan::{
    Budget, BudgetKind, Counted, Date, Drawn, FlopModel, FlopText, Limits, Means, Rule, Serving,
    ShapeFamily, Simulated, amount,
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
    pub(super) flop_model: FlopModel,
    /// Which parameters the law's N counts.
    pub(super) counted: Counted,
    /// The family of shapes that was named.
    pub(super) family: Option<ShapeFamily>,
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
    /// Reads the arguments; `simulated` is the machine that --simulate names, once it is known what
    /// it trains.
    pub(super) fn new(args: &PlanArgs, simulated: Option<&Simulated>) -> Result<Self, Diagnostic> {
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
        let means = Means::new(&machine.request(simulated), named, seed, draws)?;
        let start = machine.start()?;
        let mut funds = Vec::new();
        for budget in budgets.iter().filter(|budget| budget.target_loss().is_none()) {
            // Each budget may name a machine; they must agree with --on.
            let own = Means::new(&machine.request(simulated), Some(budget), seed, draws)?;
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
        let family = args.counting.family()?;
        let counted = args.counting.counted(source.fit.as_ref());
        let flop_model = args.counting.model(family.as_ref(), counted);
        let needs_shape = flop_model != FlopModel::Parameters(counted);
        let flop = FlopText::of(&flop_model, counted, family.as_ref().filter(|_| needs_shape))?;
        Ok(Self {
            given: args.law.setting()?,
            flop,
            flop_model,
            counted,
            family,
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
