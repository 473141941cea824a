//! The plan as a part of a report, with sliders where the law has a closed form.

mod along;
mod numbers;
mod sliders;
mod wrong;

use diagnostic::Diagnostic;
use plan::{Drawn, Frontier, Quantity};
use report::{Block, Cell, Live, Section, Sentence, Still, Table};

use super::answer::Answer;
use super::asked::Asked;
use super::law::Source;
use crate::study::{Budget, LivePlan, OtherLaw, Part, numbers_of};
use along::Optima;
use sliders::{machine, slider, why_it_stands_still};

/// Budgets along a line, and how far it goes to either side of the budget, in decades.
const STEPS: usize = 24;
const DECADES: f64 = 2.0;

/// `step` names the live programs.
pub(super) fn part(step: &str, asked: &Asked, answer: &Answer) -> Result<Part, Diagnostic> {
    let chosen = answer.chosen();
    let stands_still = why_it_stands_still(asked);
    let law = asked.source.believed.values().clone();
    let computes = computes(answer);
    let mut best = vec![Optima::along(
        asked.source.believed.name.clone(),
        &answer.frontier,
        &computes,
        asked.level,
    )?];
    for other in &asked.compared {
        let believed = other.believed.clone();
        let name = believed.name.clone();
        let frontier =
            Frontier::new(believed, &asked.flop, &asked.given, None, asked.serving.clone())?;
        best.push(Optima::along(name, &frontier, &computes, asked.level)?);
    }
    let plan = LivePlan {
        prefix: step,
        law: &law,
        budget: slider(asked).unwrap_or(Budget::Compute(answer.budget.best.get())),
        served: asked.serving.as_ref().map_or(0.0, |serving| serving.weight().best.get()),
        machine: Some(machine(asked)),
        computes,
        others: asked.compared.iter().map(other_law).collect(),
    };
    let live = if stands_still.is_none() { plan.live()? } else { None };
    let page = Page { asked, answer, plan: &plan, live: live.as_ref(), best: &best };
    let mut blocks =
        vec![Block::Numbers(page.numbers(chosen)), Block::Sentence(page.sentence(chosen))];
    blocks.extend(page.caveats().into_iter().map(Block::Sentence));
    if let Some(why) = &stands_still {
        let still = Sentence::new().text(format!("This plan has no sliders: {why}."));
        blocks.push(Block::Sentence(still));
    }
    blocks.push(Block::Figure(page.frontier()));
    blocks.push(Block::Figure(page.allocation()));
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
        still: page.still(&["mfu", "price"], ""),
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
        live.record_checks_of(&sections)?;
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
    /// Best runs along budgets under the plan's law, then under those it is compared with.
    best: &'a [Optima],
}

impl Page<'_> {
    /// What these sliders would change; `None` where there are none.
    fn still(&self, sliders: &[&str], why: &str) -> Option<Still> {
        self.live?;
        Some(Still::new(sliders.iter().map(|name| self.plan.name(name)), why))
    }

    /// What every slider would change that changes the run.
    fn still_run(&self, why: &str) -> Option<Still> {
        self.still(self.plan.deciding(), why)
    }
}

/// A law beside the plan's, as the page computes it; `None` where it cannot.
fn other_law(source: &Source) -> Option<OtherLaw> {
    let believed = &source.believed;
    (believed.law.name == "chinchilla").then(|| OtherLaw { law: believed.values().clone() })
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
