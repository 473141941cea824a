//! The plan as a part of a report, with sliders where the law has a closed form.

use diagnostic::Diagnostic;
use plan::{Allocation, Believed, BudgetKind, Constraint, Drawn, Frontier, Quantity};
use report::{
    Block, Cell, Figure, Frame, Hue, Live, Mark, Notation, Number, Section, Sentence, Summary,
    Table, Tone, charts,
};
use runs::{Flop, Parameters};

use super::answer::Answer;
use super::asked::Asked;
use crate::commands::fit::words::unit_in_words;
use crate::study::{Budget, LivePlan, Machine, Part, numbers_of};

/// Budgets along a line, and how far it goes to either side of the budget, in decades.
const STEPS: usize = 32;
const DECADES: f64 = 2.0;

/// `step` names the live programs.
pub(super) fn part(step: &str, asked: &Asked, answer: &Answer) -> Result<Part, Diagnostic> {
    let chosen = answer.chosen();
    let stands_still = why_it_stands_still(asked, answer);
    let law = asked.source.believed.values().clone();
    let computes = computes(answer);
    let plan = LivePlan {
        prefix: step,
        law: &law,
        budget: slider(asked, answer).unwrap_or(Budget::Compute(answer.budget.best.get())),
        served: asked.serving.as_ref().map_or(0.0, |serving| serving.weight().best.get()),
        machine: Some(machine(asked)),
        computes: computes.clone(),
    };
    let live = if stands_still.is_none() { plan.live()? } else { None };
    let page = Page { asked, answer, plan: &plan, live: live.as_ref() };
    let mut blocks =
        vec![Block::Numbers(page.numbers(chosen)), Block::Sentence(page.sentence(chosen))];
    blocks.extend(page.caveats().into_iter().map(Block::Sentence));
    if let Some(why) = &stands_still {
        let still = Sentence::new().text(format!("This plan has no sliders: {why}."));
        blocks.push(Block::Sentence(still));
    }
    blocks.push(Block::Figure(page.frontier(&computes)?));
    blocks.push(Block::Figure(page.allocation(&computes)?));
    let mut wrong = vec![Block::Table(page.wasted())];
    wrong.extend(page.cost_of_being_wrong().map(Block::Figure));
    let assumed = Table {
        name: "assumptions".into(),
        title: "What the plan assumes".into(),
        head: ["", "value", "source"].map(str::to_owned).to_vec(),
        rows: (asked.means.assumptions.iter())
            .map(|one| {
                [&one.what, &one.value, &one.source].map(|word| Cell::from(word.clone())).to_vec()
            })
            .collect(),
        note: format!("FLOP: {}; N counts {}.", asked.flop_model.describe(), asked.counted.name()),
    };
    let sections = vec![
        Section { heading: "The plan".into(), blocks },
        Section { heading: "The cost of being wrong".into(), blocks: wrong },
        Section { heading: "What it rests on".into(), blocks: vec![Block::Table(assumed)] },
    ];
    let mut columns = vec![
        ("parameters".to_owned(), drawn(&chosen.parameters)),
        ("tokens".to_owned(), drawn(&chosen.tokens)),
        ("loss".to_owned(), drawn(&chosen.loss)),
        ("training_flop".to_owned(), drawn(&chosen.training)),
    ];
    if let Ok(money) = &answer.cost.money {
        columns.push(("usd".to_owned(), drawn(money)));
    }
    let headline = [vec![page.sentence(chosen)], page.caveats()].concat();
    let mut live = live;
    if let Some(live) = &mut live {
        let sources: Vec<_> =
            ["C", "N", "D", "ratio", "loss"].map(|name| plan.source(name)).to_vec();
        let ends: Vec<_> =
            sources.iter().map(|source| source.summarised(Summary::Quantile(0.95))).collect();
        live.record_checks(&[sources, ends].concat())?;
    }
    let believed = &asked.source.believed;
    Ok(Part {
        answer: answer.json(asked),
        headline,
        sections,
        live,
        draws: numbers_of(columns, asked.seed, &believed.name),
        sources: vec![believed.law.source.clone(), believed.source.clone()],
        ..Part::default()
    })
}

struct Page<'a> {
    asked: &'a Asked,
    answer: &'a Answer,
    plan: &'a LivePlan<'a>,
    live: Option<&'a Live>,
}

impl Page<'_> {
    fn number<Q: Quantity>(&self, label: &str, quantity: &Drawn<Q>, output: &str) -> Number {
        let number = Number::new(label, quantity.best.number());
        let number = match quantity.interval(self.asked.level) {
            Some(ends) => number.interval(ends.level, ends.low, ends.high),
            None => number,
        };
        match self.live {
            Some(live)
                if live
                    .programs
                    .iter()
                    .any(|program| program.outputs.iter().any(|(name, _)| name == output)) =>
            {
                number.live(self.plan.source(output))
            }
            _ => number,
        }
    }

    fn unit(&self) -> &str {
        unit_in_words(&self.asked.source.believed.law.target.unit)
    }

    fn size(&self, run: &Allocation) -> Number {
        self.number("Model size", &run.parameters, "N").unit("parameters").notation(Notation::Short)
    }

    fn tokens(&self, run: &Allocation) -> Number {
        self.number("Training text", &run.tokens, "D").unit("tokens").notation(Notation::Short)
    }

    fn loss(&self, run: &Allocation) -> Number {
        self.number("Loss", &run.loss, "loss").unit(self.unit()).notation(Notation::Fine)
    }

    fn compute(&self, run: &Allocation) -> Number {
        self.number("Training compute", &run.training, "training")
            .unit("FLOP")
            .notation(Notation::Power)
    }

    fn money(&self) -> Option<Number> {
        let money = self.answer.cost.money.as_ref().ok()?;
        Some(self.number("Cost", money, "cost").notation(Notation::Dollars))
    }

    fn numbers(&self, run: &Allocation) -> Vec<Number> {
        let ratio = run.tokens_per_parameter();
        let mut numbers = vec![
            self.size(run),
            self.tokens(run),
            self.number("Tokens per parameter", &ratio, "ratio"),
            self.loss(run).note("under the law; one run scatters around it"),
            self.compute(run),
        ];
        numbers.extend(self.money().map(|money| {
            money.note(format!("on {}", super::answer::machine_in_words(&self.asked.means)))
        }));
        if let Some(time) = &self.answer.cost.time {
            let days: Drawn<f64> = time.map(|seconds| seconds / 86_400.0);
            let number = Number::new("Time", days.best);
            let number = match days.interval(self.asked.level) {
                Some(ends) => number.interval(ends.level, ends.low, ends.high),
                None => number,
            };
            numbers.push(number.unit("days"));
        }
        numbers
    }

    fn sentence(&self, run: &Allocation) -> Sentence {
        let mut sentence = Sentence::new()
            .text("Train ")
            .number(self.size(run))
            .text(" on ")
            .number(self.tokens(run))
            .text(": the law expects a loss of ")
            .number(self.loss(run));
        if let Some(money) = self.money() {
            sentence = sentence.text(" for ").number(money);
        }
        sentence.text(".").tone(Tone::Answer)
    }

    fn caveats(&self) -> Vec<Sentence> {
        let (asked, answer) = (self.asked, self.answer);
        let mut caveats = Vec::new();
        if asked.source.fit.is_none() {
            caveats.push(
                "The law is published constants, one point: the intervals hold prices and MFU, and nothing of the law's own error."
                    .to_owned(),
            );
        }
        if let Some(judgement) = &answer.judgement
            && !matches!(judgement.verdict, laws::Verdict::Trustworthy)
        {
            caveats.push(format!(
                "At this budget the fit is {}: {}.",
                judgement.verdict.in_words(),
                judgement.advice.trim_end_matches('.')
            ));
        }
        if let Some((_, most)) = asked.source.believed.range {
            let times = answer.chosen().training.best.get() / most;
            if times > 1.05 {
                caveats.push(format!(
                    "The budget lies {times:.0} times beyond the largest run behind the law."
                ));
            }
        }
        if let Some(found) = &answer.prediction
            && let Some(ends) = found.new_run_interval
        {
            caveats.push(format!(
                "One such run, its own scatter and the backtest's error included, would come out between {:.3} and {:.3} ({:.0} %).",
                ends.low,
                ends.high,
                100.0 * ends.level
            ));
        }
        for binding in &answer.plan.binding {
            let what = match binding.constraint {
                Constraint::Budget => continue,
                Constraint::Largest => "the largest size allowed",
                Constraint::Tokens => "the text",
                Constraint::Size => "the size that is given",
            };
            caveats.push(format!("Beside the budget, {what} binds."));
        }
        caveats.into_iter().map(|words| Sentence::new().text(words).tone(Tone::Caution)).collect()
    }

    /// Loss against training compute along the best runs, with the plan.
    fn frontier(&self, computes: &[f64]) -> Result<Figure, Diagnostic> {
        let level = self.asked.level;
        let (tail, unit) = (0.5 * (1.0 - level), self.unit());
        let optima = Optima::along(&self.answer.frontier, computes, level)?;
        let along = |summary| self.plan.along("loss", summary);
        let mut frame = Frame::new("best-runs").numbers("compute", "FLOP", optima.compute.clone());
        let whole = optima.compute.len() == computes.len();
        for (name, values, summary) in [
            ("loss", &optima.loss[0], Summary::First),
            ("low", &optima.loss[1], Summary::Quantile(tail)),
            ("high", &optima.loss[2], Summary::Quantile(1.0 - tail)),
        ] {
            frame = frame.numbers(name, unit, values.clone());
            if self.live.is_some() && whole {
                frame = frame.live(along(summary));
            }
        }
        let chosen = self.answer.chosen();
        let point = self.marked(chosen);
        let panel = report::Panel::new(
            report::Axis::log("Budget", "FLOP"),
            report::Axis::new("Loss", unit),
        )
        .mark(
            Mark::band("best-runs", "compute", "low", "high")
                .name(format!("{} interval of the law", crate::commands::fit::words::level(level)))
                .hue(Hue::Nth(0)),
        )
        .mark(Mark::line("best-runs", "compute", "loss").name("best runs").hue(Hue::Nth(0)))
        .mark(
            Mark::points("chosen", "compute", "loss")
                .name("the plan")
                .hue(Hue::Nth(1))
                .text("words"),
        );
        let title = "What more or less of the budget would reach".to_owned();
        Ok(Figure { title, ..Figure::new("plan-frontier", "") }
            .subtitle(format!("FLOP: {}", self.asked.flop_model.describe()))
            .frame(frame)
            .frame(point)
            .panel(panel))
    }

    /// The plan as one row that moves with the sliders.
    fn marked(&self, run: &Allocation) -> Frame {
        let budget = if self.live.is_some() { &self.answer.budget } else { &run.budget };
        let ratio = run.tokens_per_parameter();
        let mut frame = Frame::new("chosen");
        for (name, unit, value, output) in [
            ("compute", "FLOP", budget.best.get(), "C"),
            ("params", "", run.parameters.best.get(), "N"),
            ("tokens", "", run.tokens.best.get(), "D"),
            ("ratio", "", ratio.best, "ratio"),
            ("loss", self.unit(), run.loss.best, "loss"),
        ] {
            frame = frame.numbers(name, unit, vec![value]);
            if self.live.is_some() {
                frame = frame.live(self.plan.source(output));
            }
        }
        frame.words("words", ["the plan"])
    }

    /// N*, D* and their ratio against the budget, for each law.
    fn allocation(&self, computes: &[f64]) -> Result<Figure, Diagnostic> {
        let (asked, level) = (self.asked, self.asked.level);
        let mut laws: Vec<(String, Optima)> = vec![(
            asked.source.believed.name.clone(),
            Optima::along(&self.answer.frontier, computes, level)?,
        )];
        for other in &asked.compared {
            let believed: Believed = other.believed.clone();
            let name = believed.name.clone();
            let frontier =
                Frontier::new(believed, &asked.flop, &asked.given, None, asked.serving.clone())?;
            laws.push((name, Optima::along(&frontier, computes, level)?));
        }
        let mut optima = Frame::new("optima");
        let all = |of: fn(&Optima) -> &Vec<f64>| -> Vec<f64> {
            laws.iter().flat_map(|(_, optima)| of(optima).iter().copied()).collect()
        };
        optima = optima
            .numbers("compute", "FLOP", all(|optima| &optima.compute))
            .numbers("params", "", all(|optima| &optima.params[0]))
            .numbers("tokens", "", all(|optima| &optima.tokens[0]))
            .numbers("ratio", "", all(|optima| &optima.ratio[0]))
            .words(
                "law",
                laws.iter().flat_map(|(name, optima)| vec![name.clone(); optima.compute.len()]),
            );
        let bands = laws
            .iter()
            .enumerate()
            .map(|(number, (_, optima))| {
                Frame::new(format!("band-{number}"))
                    .numbers("compute", "FLOP", optima.compute.clone())
                    .numbers("params_low", "", optima.params[1].clone())
                    .numbers("params_high", "", optima.params[2].clone())
                    .numbers("tokens_low", "", optima.tokens[1].clone())
                    .numbers("tokens_high", "", optima.tokens[2].clone())
                    .numbers("ratio_low", "", optima.ratio[1].clone())
                    .numbers("ratio_high", "", optima.ratio[2].clone())
            })
            .collect();
        let mut figure = charts::allocation(optima, bands, level);
        for (panel, column) in figure.panels.iter_mut().zip(["params", "tokens", "ratio"]) {
            let mark = Mark::points("chosen", "compute", column).name("the plan").hue(Hue::Ink);
            panel.marks.push(mark.text("words"));
        }
        let title = "How the best split moves with the budget".to_owned();
        Ok(Figure { title, ..figure }.frame(self.marked(self.answer.chosen())))
    }

    fn wasted(&self) -> Table {
        let answer = self.answer;
        let mistakes = std::iter::once(&answer.plan.ignorance)
            .chain(&answer.mistakes)
            .chain(answer.laws.iter().map(|law| &law.waste));
        let rows = mistakes.map(|mistake| {
            let share = Number::new("", mistake.share.mean()).notation(Notation::Percent);
            let share = match mistake.share.interval(self.asked.level) {
                Some(ends) => share.interval(ends.level, ends.low, ends.high),
                None => share,
            };
            let number =
                |value: f64, notation| Cell::from(Number::new("", value).notation(notation));
            vec![
                Cell::from(mistake.by.clone()),
                number(mistake.run.parameters.best.get(), Notation::Short),
                number(mistake.run.tokens_per_parameter().best, Notation::Plain),
                number(mistake.run.loss.best, Notation::Fine),
                Cell::from(share),
            ]
        });
        Table {
            name: "wasted".into(),
            title: "What choices waste of what the run costs".into(),
            head: ["by", "parameters", "tokens per parameter", "loss", "wasted"].map(str::to_owned).to_vec(),
            rows: rows.collect(),
            note: "Wasted: the rest of the budget, split best, reaches the same loss; the mean over the draws of the law.".into(),
        }
    }

    /// Loss above the best against model size.
    fn cost_of_being_wrong(&self) -> Option<Figure> {
        let (asked, answer) = (self.asked, self.answer);
        let best = &answer.plan.optimum;
        let unit = self.unit();
        let (mut sizes, mut cost, mut lows, mut highs) = (vec![], vec![], vec![], vec![]);
        for step in -16..=16_i32 {
            let size = best.parameters.best.get() * 2_f64.powf(f64::from(step) / 5.0);
            let Ok(run) = answer.frontier.of_size(Parameters(size), &answer.budget) else {
                continue;
            };
            let above: Drawn<f64> = run.loss.with(&best.loss, |loss, best| loss - best);
            let ends = above.interval(asked.level);
            sizes.push(size);
            cost.push(above.best);
            lows.push(ends.map_or(above.best, |ends| ends.low));
            highs.push(ends.map_or(above.best, |ends| ends.high));
        }
        if sizes.len() < 3 {
            return None;
        }
        let curve = Frame::new("curve")
            .numbers("choice", "", sizes)
            .numbers("cost", unit, cost)
            .numbers("low", unit, lows)
            .numbers("high", unit, highs);
        let chosen = Frame::new("choice")
            .numbers("choice", "", vec![answer.chosen().parameters.best.get()])
            .words("words", ["the plan"]);
        let mut figure =
            charts::cost_of_being_wrong(curve, chosen, "Model size, parameters", asked.level);
        // The line is that of the best law.
        for mark in figure.panels.iter_mut().flat_map(|panel| &mut panel.marks) {
            if mark.name == "median over draws" {
                mark.name = "under the best law".into();
            }
        }
        let share = Number::new("", answer.plan.ignorance.share.mean()).notation(Notation::Percent);
        let title =
            format!("The plan wastes {share} of its budget because the law is not known exactly");
        Some(
            Figure { title, ..figure }.subtitle(
                "the same budget spent on another size; loss above the best of each draw",
            ),
        )
    }
}

/// Best runs along budgets: the best law's, and the ends of the interval.
struct Optima {
    compute: Vec<f64>,
    params: [Vec<f64>; 3],
    tokens: [Vec<f64>; 3],
    ratio: [Vec<f64>; 3],
    loss: [Vec<f64>; 3],
}

impl Optima {
    fn along(frontier: &Frontier, computes: &[f64], level: f64) -> Result<Self, Diagnostic> {
        let empty = || [vec![], vec![], vec![]];
        let mut optima = Self {
            compute: vec![],
            params: empty(),
            tokens: empty(),
            ratio: empty(),
            loss: empty(),
        };
        for &compute in computes {
            let best = frontier.optimal(&Drawn::certain(Flop(compute), 0))?;
            if !best.exists() {
                continue;
            }
            optima.compute.push(compute);
            add(&mut optima.params, &best.parameters, level);
            add(&mut optima.tokens, &best.tokens, level);
            add(&mut optima.ratio, &best.tokens_per_parameter(), level);
            add(&mut optima.loss, &best.loss, level);
        }
        Ok(optima)
    }
}

fn add<Q: Quantity>(to: &mut [Vec<f64>; 3], quantity: &Drawn<Q>, level: f64) {
    let best = quantity.best.number();
    let ends = quantity.interval(level);
    to[0].push(best);
    to[1].push(ends.map_or(best, |ends| ends.low));
    to[2].push(ends.map_or(best, |ends| ends.high));
}

fn drawn<Q: Quantity>(quantity: &Drawn<Q>) -> Vec<f64> {
    quantity.draws.iter().map(|draw| draw.number()).collect()
}

fn computes(answer: &Answer) -> Vec<f64> {
    let middle = answer.budget.best.get();
    (0..=STEPS)
        .map(|step| middle * 10_f64.powf(DECADES * (2.0 * step as f64 / STEPS as f64 - 1.0)))
        .collect()
}

/// The budget as a slider; `None` where it is none of the kinds that are.
fn slider(asked: &Asked, answer: &Answer) -> Option<Budget> {
    let [fund] = &asked.funds[..] else { return None };
    let means = &asked.means;
    match fund.kind {
        BudgetKind::Compute => certain(&fund.flop).map(Budget::Compute),
        BudgetKind::Money => certain(&means.money(&fund.flop).ok()?).map(Budget::Money),
        BudgetKind::DeviceTime => certain(&means.device_time(&fund.flop))
            .map(|seconds| Budget::DeviceHours(seconds / 3600.0)),
        BudgetKind::Time => {
            let count = f64::from(means.count?);
            let days = certain(&means.device_time(&fund.flop))? / 86_400.0 / count;
            let _ = answer;
            Some(Budget::Days(days, count))
        }
        BudgetKind::Energy { .. } | BudgetKind::Until | BudgetKind::Loss(_) => None,
    }
}

/// The number, where all draws agree on it.
fn certain<Q: Quantity>(quantity: &Drawn<Q>) -> Option<f64> {
    let best = quantity.best.number();
    let same = |draw: &Q| (draw.number() / best - 1.0).abs() < 1e-6;
    (best > 0.0 && quantity.draws.iter().all(same)).then_some(best)
}

fn machine(asked: &Asked) -> Machine {
    let means = &asked.means;
    Machine {
        peak: means.peak.number(),
        mfu: means.mfu.rows(),
        goodput: means.goodput.rows(),
        price: means.price_per_hour().map_or(Vec::new(), |price| price.rows()),
    }
}

/// Why the page cannot compute this plan anew, if it cannot.
fn why_it_stands_still(asked: &Asked, answer: &Answer) -> Option<String> {
    let law = &asked.source.believed.law;
    let limits = &asked.limits;
    let served = asked.serving.as_ref().map(plan::Serving::weight);
    if law.name != "chinchilla" {
        return Some(format!("the best run under the law `{}` has no closed form", law.name));
    }
    if !asked.flop.is_six_n_d() {
        return Some("FLOP are not counted as 6 N D".to_owned());
    }
    if limits.size.is_some()
        || limits.largest.is_some()
        || limits.tokens.is_some()
        || asked.stock.is_some()
    {
        return Some("it has limits beside the budget".to_owned());
    }
    if let (Some(weighed), Some(serving)) = (&served, &asked.serving) {
        let plain = serving.served();
        if certain(weighed).is_none() || weighed.best.get() != plain.best.get() {
            return Some(
                "what is served is uncertain, or costs more or less than training".to_owned(),
            );
        }
    }
    if slider(asked, answer).is_none() {
        return Some("its budget is not one amount of FLOP, money or time".to_owned());
    }
    None
}
