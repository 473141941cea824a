//! The plan, with everything that stands beside it.

use diagnostic::Diagnostic;
use laws::{FitError, Interval, Judgement, Prediction, Setting};
use machines::{FlopConvention, Joules, Precision, Usd, Watts};
use plan::scarcity::{Scarcity, exhausted_after};
use plan::{
    Advice, Advised, AdvisedRun, Allocation, Attended, Believed, Configuration, Counted,
    DeviceTime, Drawn, FlopModel, Frontier, LongRun, Means, Mistake, Plan, PowerKind, Question,
    Repetition, ShapeFamily, Simulated, shape_family,
};
use runs::{Flop, Seconds};

use super::asked::Asked;

/// The plan of what was asked.
pub(super) struct Answer {
    /// What the budgets are together: the smallest of them in each draw.
    pub(super) budget: Drawn<Flop>,
    /// For each budget the share of draws in which it is the smallest.
    pub(super) smallest: Vec<f64>,
    /// The cheapest run that reaches the loss asked for.
    pub(super) target: Option<Target>,
    pub(super) plan: Plan,
    /// A run like the plan's under the fit, its own scatter included.
    pub(super) prediction: Option<Prediction>,
    pub(super) judgement: Option<Judgement>,
    pub(super) cost: Cost,
    pub(super) neighbours: Vec<Neighbour>,
    /// What the ends of the interval of N*, and rules, would waste.
    pub(super) mistakes: Vec<Mistake>,
    pub(super) laws: Vec<Compared>,
    pub(super) long: Option<LongRun>,
    pub(super) scarcity: Option<Scarcity>,
    /// Years until the stock of text is too small.
    pub(super) exhausted: Option<Drawn<f64>>,
    pub(super) frontier: Frontier,
    /// A real shape near the plan's size.
    pub(super) shape: Option<Shape>,
    /// Batch sizes and learning rates that published laws give.
    pub(super) advice: Vec<Advice>,
}

/// A real shape near the size of a plan.
pub(super) struct Shape {
    pub(super) family: ShapeFamily,
    pub(super) nearest: Configuration,
    /// The run of this shape that takes the same training compute.
    pub(super) run: Allocation,
    /// How much more FLOP there are with all products and causal attention than 6 N D says.
    pub(super) over_six_n: f64,
}

/// The cheapest run that reaches a loss.
pub(super) struct Target {
    pub(super) loss: f64,
    pub(super) reached: Allocation,
    /// The share of draws in which no budget reaches it.
    pub(super) never: f64,
}

/// What a run takes.
pub(super) struct Cost {
    pub(super) device_time: Drawn<DeviceTime>,
    /// Or why there is no price.
    pub(super) money: Result<Drawn<Usd>, Diagnostic>,
    /// On the machine, where its size is said.
    pub(super) time: Option<Drawn<Seconds>>,
    pub(super) energy: Option<Drawn<Joules>>,
    pub(super) power: Option<Drawn<Watts>>,
    /// Money for what is served.
    pub(super) serving: Option<Drawn<Usd>>,
}

/// The best run of another budget.
pub(super) struct Neighbour {
    pub(super) factor: f64,
    pub(super) best: Allocation,
    pub(super) money: Option<Drawn<Usd>>,
    pub(super) time: Option<Drawn<Seconds>>,
}

/// The best run under another law.
pub(super) struct Compared {
    pub(super) name: String,
    pub(super) best: Allocation,
    /// What following it wastes if the plan's own law is true.
    pub(super) waste: Mistake,
}

/// Budgets looked at beside the one asked for, as factors of it.
const NEIGHBOURS: [f64; 2] = [0.5, 2.0];

impl Answer {
    pub(super) fn new(asked: &Asked) -> Result<Self, Diagnostic> {
        let believed = &asked.source.believed;
        let repetition = match &asked.stock {
            Some(stock) if Repetition::suits(&believed.law) => {
                Some(Repetition::of_stock(stock.clone())?)
            }
            Some(_) => return Err(no_repetition(believed)),
            None => None,
        };
        let frontier = Frontier::new(
            believed.clone(),
            &asked.flop,
            &asked.given,
            repetition.as_ref(),
            asked.serving.clone(),
        )
        .map_err(explain)?;
        let (target, budget) = budget(asked, &frontier)?;
        let smallest = asked.funds.iter().map(|fund| share_smallest(&fund.flop, &budget)).collect();
        let limits = asked.limits;
        let question =
            Question { frontier: &frontier, flop: &asked.flop, budget: budget.clone(), limits };
        let plan = question.answer()?;
        // Half of a budget may not be enough to serve what the whole one does.
        let neighbours = NEIGHBOURS
            .into_iter()
            .filter_map(|factor| neighbour(asked, &question, factor).ok())
            .filter(|neighbour| neighbour.best.exists())
            .collect();
        let mut mistakes = ends(asked, &question, &plan)?;
        mistakes.extend(question.rules(&asked.rules, &asked.given).map_err(explain)?);
        let scarcity = match &repetition {
            Some(repetition) => {
                Some(Scarcity::of(believed, &asked.given, repetition, &question, &plan.optimum)?)
            }
            None => None,
        };
        let long = match asked.size() {
            Some(size) => {
                let ends = (plan.tokens / 64.0, plan.tokens * 8.0);
                // What is served decides when to stop, not what training alone is worth.
                let unserved = Frontier::new(
                    believed.clone(),
                    &asked.flop,
                    &asked.given,
                    repetition.as_ref(),
                    None,
                )?;
                Some(LongRun::new(&unserved, &asked.flop, size, ends)?)
            }
            None => None,
        };
        let shape = shape(asked, &frontier, &plan)?;
        Ok(Self {
            advice: advised(shape.as_ref(), &plan)?,
            shape,
            prediction: prediction(asked, &plan)?,
            judgement: asked
                .source
                .fit
                .as_ref()
                .map(|fit| fit.judge(&[plan.chosen().training.best.get()])),
            cost: Cost::of(asked, plan.chosen(), asked.count()),
            laws: compare(asked, &question)?,
            exhausted: exhausted(asked, &budget)?,
            budget,
            smallest,
            target,
            plan,
            neighbours,
            mistakes,
            long,
            scarcity,
            frontier,
        })
    }

    /// The plan's shape trained on a cluster, at the batch that the first of the laws advises.
    pub(super) fn simulated(
        &self,
        asked: &Asked,
        cluster: &str,
        precision: Option<Precision>,
    ) -> Result<Simulated, Diagnostic> {
        let Some(shape) = &self.shape else {
            return Err(Diagnostic::error("no real shape is near the plan, so none is simulated")
                .help("name a family of shapes with --shape"));
        };
        let advised = self.advice.iter().find(|advice| advice.about == Advised::Batch);
        let batch = advised.map_or(4e6, |advice| advice.rounded.unwrap_or(advice.value));
        let convention = match asked.flop_model {
            FlopModel::Parameters(_) => FlopConvention::SixNd,
            FlopModel::Exact { attended, .. } | FlopModel::NonEmbedding { attended, .. } => {
                match attended {
                    Attended::None => FlopConvention::SixNd,
                    Attended::Causal => FlopConvention::CausalAttention,
                    Attended::Full => FlopConvention::FullAttention,
                }
            }
        };
        let model = &shape.nearest.model;
        let precision = precision.unwrap_or_default();
        Simulated::new(cluster, model, runs::Tokens(batch), precision, convention)
    }

    /// The run to make.
    pub(super) fn chosen(&self) -> &Allocation {
        self.plan.chosen()
    }
}

/// Families for sizes up to so many parameters, where none is named.
const FAMILIES: [(f64, &str); 3] = [(2e7, "lab"), (1e9, "nanochat"), (f64::INFINITY, "llama")];

fn shape(asked: &Asked, frontier: &Frontier, plan: &Plan) -> Result<Option<Shape>, Diagnostic> {
    let family = if let Some(family) = &asked.family {
        family.clone()
    } else {
        let size = plan.size.get();
        let by_size = FAMILIES.iter().find(|(most, _)| size <= *most);
        shape_family(by_size.map_or("llama", |(_, name)| name))?
    };
    let Some(nearest) = family.nearest(plan.size, asked.counted, 1).into_iter().next() else {
        return Ok(None);
    };
    let size = nearest.parameters;
    if !(0.5..=2.0).contains(&(size / plan.size)) {
        // The family has no model of about that size.
        return Ok(None);
    }
    let training = plan.chosen().training.best;
    let tokens = runs::Tokens(training / frontier.flop_per_token(size)?[0]);
    let whole = FlopModel::Exact { attended: Attended::Causal, context: family.sequence };
    let over_six_n = whole.over_six_n(&nearest.model, asked.counted);
    Ok(Some(Shape { run: frontier.run(size, tokens)?, family, nearest, over_six_n }))
}

fn advised(shape: Option<&Shape>, plan: &Plan) -> Result<Vec<Advice>, Diagnostic> {
    let parameters = match shape {
        Some(shape) => Counted::NonEmbedding.of(&shape.nearest.model),
        None => plan.size,
    };
    let compute = plan.chosen().training.best;
    plan::advice(&AdvisedRun { parameters, tokens: plan.tokens, compute })
}

fn no_repetition(believed: &Believed) -> Diagnostic {
    let (values, law) = (&believed.name, &believed.law.name);
    let message = format!("`--data` needs Chinchilla's law, but `{values}` is of `{law}`");
    Diagnostic::error(message)
        .note("the value of repeated tokens was measured on that law (Muennighoff et al. 2023)")
        .help("set a limit with --max-tokens, or plan with another law")
}

/// Variables that the law lacks are given with --given here.
fn explain(problem: Diagnostic) -> Diagnostic {
    if problem.to_string().contains("give its value") {
        problem.help("add --given NAME=VALUE")
    } else {
        problem
    }
}

/// The budget of each draw, and what the loss asked for takes.
fn budget(asked: &Asked, frontier: &Frontier) -> Result<(Option<Target>, Drawn<Flop>), Diagnostic> {
    let draws = frontier.believed.draws();
    let least = asked.funds.iter().map(|fund| &fund.flop).fold(None, |least, flop| {
        Some(match least {
            None => flop.clone(),
            Some(least) => flop.with(&least, f64::min),
        })
    });
    let Some(loss) = asked.target else {
        let least = least.ok_or_else(|| Diagnostic::error("there is no budget"))?;
        return Ok((None, least));
    };
    let reached = frontier.reaching(&Drawn::certain(loss, draws))?;
    if !reached.budget.best.get().is_finite() {
        let floor = frontier.optimal(&Drawn::certain(Flop(1e60), 0))?.loss.best;
        if loss > floor {
            let message = format!("a loss of {loss:e} is beyond what this law says of any run");
            return Err(Diagnostic::error(message).help("ask for a lower loss"));
        }
        let message = format!("no budget reaches a loss of {loss} under this law");
        return Err(Diagnostic::error(message)
            .note(format!("its best runs come down to {floor:.4} and no further"))
            .help("ask for a higher loss, or bring a law with a lower floor"));
    }
    let needed = reached.budget.best;
    if let Some(least) = least
        && least.best < needed
    {
        let words: Vec<String> =
            asked.funds.iter().map(|fund| format!("`{}`", fund.words)).collect();
        let message = format!(
            "`loss {loss}` takes {needed}, and {} is {} only: the two contradict each other",
            words.join(" with "),
            least.best
        );
        return Err(Diagnostic::error(message).help("raise the budget, or ask for a higher loss"));
    }
    let never = reached.budget.missing() as f64 / draws.max(1) as f64;
    Ok((Some(Target { loss, reached, never }), Drawn::certain(needed, draws)))
}

/// The share of draws in which `flop` is the whole budget.
fn share_smallest(flop: &Drawn<Flop>, budget: &Drawn<Flop>) -> f64 {
    let is: Drawn<f64> = flop.with(budget, |flop, least| f64::from(u8::from(flop <= least)));
    is.mean()
}

impl Cost {
    fn of(asked: &Asked, run: &Allocation, count: Option<u32>) -> Self {
        let means = &asked.means;
        let training = &run.training;
        Self {
            device_time: means.device_time(training),
            money: means.money(training),
            time: count.map(|count| means.time(training, count)),
            energy: means.energy(training, PowerKind::Facility).ok(),
            power: count.and_then(|count| means.power_of(count, PowerKind::Facility).ok()),
            serving: asked.serving.as_ref().and_then(|_| means.money(&run.serving).ok()),
        }
    }
}

fn neighbour(asked: &Asked, question: &Question<'_>, factor: f64) -> Result<Neighbour, Diagnostic> {
    let best = question.neighbour(factor)?;
    let Cost { money, time, .. } = Cost::of(asked, &best, asked.count());
    Ok(Neighbour { factor, best, money: money.ok(), time })
}

/// What the sizes at the ends of the interval of N* would waste.
fn ends(asked: &Asked, question: &Question<'_>, plan: &Plan) -> Result<Vec<Mistake>, Diagnostic> {
    let Some(Interval { low, high, .. }) = plan.optimum.parameters.interval(asked.level) else {
        return Ok(Vec::new());
    };
    // Of published constants the interval is that of the budget, not of the law.
    if asked.size().is_some() || asked.source.fit.is_none() || high / low < 1.001 {
        return Ok(Vec::new());
    }
    let tail = 50.0 * (1.0 - asked.level);
    let share = |percent: f64| format!("{}", (percent * 100.0).round() / 100.0);
    let mut mistakes = Vec::new();
    for (size, percent) in [(low, share(tail)), (high, share(100.0 - tail))] {
        let by = format!("N* at {percent} %");
        mistakes.extend(question.of_this_size(runs::Parameters(size), &by)?);
    }
    Ok(mistakes)
}

/// What the fit says of a run like the plan's.
fn prediction(asked: &Asked, plan: &Plan) -> Result<Option<Prediction>, Diagnostic> {
    let Some(fit) = &asked.source.fit else { return Ok(None) };
    if asked.stock.is_some() {
        return Ok(None);
    }
    let setting =
        asked.given.iter().fold(Setting::run(plan.size, plan.tokens), |setting, (name, value)| {
            setting.with(name, value)
        });
    let found = fit
        .predict(&setting, asked.level, asked.seed)
        .map_err(|problem: FitError| explain(problem.into()))?;
    Ok(found.into_iter().next())
}

/// The best run under each law to compare, and what following it wastes under the plan's own.
fn compare(asked: &Asked, question: &Question<'_>) -> Result<Vec<Compared>, Diagnostic> {
    let mut laws = Vec::new();
    for source in &asked.compared {
        let believed = source.believed.clone();
        let draws = asked.source.believed.draws();
        let name = believed.name.clone();
        let same = believed.draws() == draws || believed.draws() == 0;
        let believed = if same { believed.repeated(draws) } else { believed };
        let repetition = match &asked.stock {
            Some(_) if !Repetition::suits(&believed.law) => return Err(no_repetition(&believed)),
            Some(stock) => Some(Repetition::of_stock(stock.clone())?),
            None => None,
        };
        let frontier = Frontier::new(
            believed,
            &asked.flop,
            &asked.given,
            repetition.as_ref(),
            asked.serving.clone(),
        )
        .map_err(explain)?;
        let best = frontier.optimal(&question.budget)?;
        if !best.exists() {
            continue;
        }
        let (size, tokens) = (best.parameters.best, best.tokens.best);
        let waste = Mistake::of(question.frontier, size, tokens, &name)?;
        laws.push(Compared { name, best, waste });
    }
    Ok(laws)
}

fn exhausted(asked: &Asked, budget: &Drawn<Flop>) -> Result<Option<Drawn<f64>>, Diagnostic> {
    let (Some(stock), Some(growth)) = (&asked.stock, &asked.growth) else { return Ok(None) };
    let plain = Frontier::new(
        asked.source.believed.clone(),
        &asked.flop,
        &Repetition::endless(&asked.source.believed.law, &asked.given),
        None,
        asked.serving.clone(),
    )?;
    exhausted_after(&plain, budget, &growth.budget, stock, &growth.stock).map(Some)
}

/// `512 NVIDIA H100 SXM 80GB`.
pub(super) fn machine_in_words(means: &Means) -> String {
    match means.count {
        Some(count) => format!("{count} {}", means.accelerator.title),
        None => means.accelerator.title.clone(),
    }
}
