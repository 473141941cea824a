//! What `isoflop simulate` says of a swarm to people.

use std::fmt::Write as _;

use forecast::{Claim, Verdict};
use machines::swarm::round::{Exchange, Rhythm};
use machines::{Bytes, PeerClass};
use plan::swarm::{BySize, Delivered, Goal, SwarmDesign};
use runs::Seconds;

use super::short::short;
use super::ways::ways;
use super::words::{COUNT, ENERGY, MONEY, TIME, amount, drawn, percent, ratio, three};
use super::{Answer, chart};
use crate::commands::fit::words::{bold, level};
use crate::table::table;
use crate::text::hanging;

/// The whole answer but for the plot.
pub(super) fn for_people(answer: &Answer, sources: bool, width: usize) -> String {
    let mut text = String::new();
    title(&mut text, answer, width);
    short(&mut text, answer, width);
    design(&mut text, answer, width);
    round(&mut text, answer, width);
    totals(&mut text, answer, width);
    campus(&mut text, answer, width);
    ways(&mut text, answer, width);
    schemes(&mut text, answer, width);
    sizes(&mut text, answer, width);
    intensity(&mut text, answer, width);
    claims(&mut text, &answer.claims, sources, width);
    cautions(&mut text, answer, sources, width);
    text
}

/// `name   what it is`, names in one column, lines wrapped.
fn line(text: &mut String, name: &str, value: &str, width: usize) {
    let start = text.len();
    hanging(text, (12, 12), value, width);
    text.replace_range(start..start + 12, &format!("  {name:<9} "));
}

fn title(text: &mut String, answer: &Answer, width: usize) {
    let (question, plan) = (&answer.question, &answer.plan);
    let wanted = match question.goal {
        Goal::Loss(loss) => format!("a loss of {loss}, as soon as possible"),
        Goal::Time(time) => format!("the least loss in {}", amount(time.get(), TIME)),
    };
    let said =
        format!("{}: {wanted}, under {}", bold(&question.peers.title), question.believed.name);
    hanging(text, (0, 2), &said, width);
    let formula = question.believed.law.formula.lines().next().unwrap_or_default();
    let intervals = match plan.time.draws.len() {
        0 => "no intervals".to_owned(),
        draws => format!(
            "{} intervals over {draws} draws of lines, presence, utilisation, tax and prices{}",
            level(answer.level),
            if question.believed.draws() > 0 {
                ", and of the law"
            } else {
                "; the law is one point"
            }
        ),
    };
    hanging(text, (2, 2), &format!("{formula}; FLOP are 6 N D; {intervals}"), width);
}

/// The rhythm in words.
fn rhythm(rhythm: Rhythm) -> String {
    match rhythm {
        Rhythm::EveryStep => "a sum after every step".into(),
        Rhythm::Every { steps } => format!("a sum every {steps} steps"),
        Rhythm::Streaming { steps, fragments, overlap } => format!(
            "every {steps} steps a sum in {fragments} fragments, each with {overlap} to arrive"
        ),
    }
}

fn parts(design: &SwarmDesign) -> String {
    let spread = match design.stages {
        1 => String::new(),
        stages => format!(" through {stages} peers"),
    };
    let united = if design.united { ", places summed within after every step" } else { "" };
    format!(
        "{}{spread}, {}, {} in {}{united}",
        design.family.name(),
        rhythm(design.rhythm),
        design.exchange.name(),
        design.compression.name,
    )
}

fn who(classes: &[PeerClass], design: &SwarmDesign) -> (Vec<String>, Vec<String>) {
    let (mut inside, mut outside) = (Vec::new(), Vec::new());
    for (class, share) in classes.iter().zip(&design.members) {
        let count = (f64::from(class.count) * share).round();
        if count > 0.0 {
            inside.push(format!("{count} x {}", class.name));
        }
        let rest = f64::from(class.count) - count;
        if rest > 0.0 {
            outside.push(format!("{rest} x {}", class.name));
        }
    }
    (inside, outside)
}

fn design(text: &mut String, answer: &Answer, width: usize) {
    let (plan, question) = (&answer.plan, &answer.question);
    let design = &plan.design;
    let _ = writeln!(
        text,
        "\n{} {} in {}",
        bold("loss"),
        three(plan.loss),
        drawn(&plan.time, answer.level, TIME)
    );
    line(text, "design", &parts(design), width);
    let (inside, outside) = who(&question.peers.classes, design);
    line(text, "peers", &inside.join("; "), width);
    let run = format!(
        "{} parameters on {} tokens, {} a step ({} copies of the model)",
        amount(design.parameters.get(), COUNT),
        drawn(&plan.tokens, answer.level, COUNT),
        amount(design.batch.get(), COUNT),
        plan.delivered.replicas.round().max(1.0),
    );
    line(text, "run", &run, width);
    let loss = format!(
        "replicas and compression raise it by {}; with a batch of {} times the critical one the \
         run takes {} times the compute of one that has neither",
        percent(plan.rise.best),
        three(design.batch / plan.critical_batch),
        ratio(&plan.compute_factor, answer.level),
    );
    line(text, "loss", &loss, width);
    why(text, answer, &outside, width);
}

fn why(text: &mut String, answer: &Answer, outside: &[String], width: usize) {
    let (plan, design) = (&answer.plan, &answer.plan.design);
    let mut reasons = Vec::new();
    let held = plan.facts.iter().find(|fact| fact.name == "held");
    let held: f64 = held.and_then(|fact| fact.text.parse().ok()).unwrap_or(18.0);
    let holds = |class: &PeerClass| {
        class.accelerator.memory.map_or(0.0, Bytes::get) * f64::from(class.devices) / held
    };
    let largest = answer.question.peers.classes.iter().map(holds).fold(0.0, f64::max);
    if design.parameters.get() > largest {
        reasons.push(format!(
            "no peer holds it alone ({} parameters at {held} bytes each is the most)",
            amount(largest, COUNT)
        ));
    }
    let others = plan.schemes.iter().filter(|scheme| scheme.family != design.family);
    let times = others.filter_map(|scheme| scheme.best.as_ref().map(|best| (scheme, best.2)));
    if let Some((scheme, time)) = times.min_by(|a, b| a.1.get().total_cmp(&b.1.get())) {
        let factor = three(time.get() / plan.time.best.get());
        reasons.push(format!("{} would take {factor} times as long", scheme.family.name()));
    }
    if !outside.is_empty() {
        let with = match plan.everybody {
            Some(time) => format!(
                "with all the quickest design takes {} times as long",
                three(time.get() / plan.time.best.get())
            ),
            None => "with all no design reaches it".into(),
        };
        reasons.push(format!("left out: {}; {with}", outside.join(", ")));
    }
    line(text, "why", &reasons.join("; "), width);
    let searched = format!(
        "{} designs, {} groups of designs pruned",
        plan.counts.evaluated, plan.counts.pruned
    );
    line(text, "searched", &searched, width);
}

fn round(text: &mut String, answer: &Answer, width: usize) {
    let one: &Delivered = &answer.plan.delivered;
    let _ = writeln!(text, "\n{} {}", bold("a round"), amount(one.round.get(), TIME));
    let row = |name: &str, time: Seconds, note: String| {
        [name.to_owned(), amount(time.get(), TIME), percent(time / one.round), note]
    };
    let hidden = one.exchange - one.waiting;
    let exchange = if hidden.get() > 0.0 {
        format!("{} more runs beside computing; {}", amount(hidden.get(), TIME), one.bound_by)
    } else {
        one.bound_by.clone()
    };
    let steps = answer.plan.design.rhythm.steps();
    table(
        text,
        &[
            row("computing", one.compute, format!("{steps} x {}", amount(one.step.get(), TIME))),
            row("exchange", one.waiting, exchange),
            row(
                "stragglers",
                one.stragglers,
                "until 90 % have delivered; late ones count next".into(),
            ),
        ],
        width,
    );
    let useful = format!(
        "{} of the tokens offered (joins, leaves, hostile peers and waiting for the next round \
         take the rest); {} peers take part on average; {} of useful work",
        percent(answer.plan.useful.best),
        three(one.peers),
        one.rate(answer.plan.design.parameters),
    );
    line(text, "useful", &useful, width);
    if let Some((rounds, rate)) = answer.played {
        let said = format!(
            "{rounds} rounds played as events: {} tokens/s that count, the closed form says {} \
             ({:+.1} %)",
            three(rate),
            three(one.tokens_per_second),
            100.0 * (one.tokens_per_second / rate - 1.0)
        );
        line(text, "events", &said, width);
    }
}

fn totals(text: &mut String, answer: &Answer, width: usize) {
    let (plan, at) = (&answer.plan, answer.level);
    let _ = writeln!(text, "\n{}", bold("what it takes"));
    let one = &plan.delivered;
    let mut rows = vec![
        [
            "traffic".to_owned(),
            format!(
                "{} up and {} down a day and peer, {} Mbit/s up all day",
                one.sent_a_day(),
                one.received_a_day(),
                three(one.upload().get() * 8e-6)
            ),
        ],
        ["energy".to_owned(), format!("{} at the walls", drawn(&plan.energy, at, ENERGY))],
        [
            "electricity".to_owned(),
            format!("{} of the owners", drawn(&plan.electricity, at, MONEY)),
        ],
    ];
    rows.push([
        "devices".to_owned(),
        match &plan.devices {
            Some(devices) => format!("{} written off over the run", drawn(devices, at, MONEY)),
            None => "no price of some device is known".to_owned(),
        },
    ]);
    table(text, &rows, width);
}

fn campus(text: &mut String, answer: &Answer, width: usize) {
    let plan = &answer.plan;
    let Some(campus) = &plan.campus else { return };
    let at = answer.level;
    let _ = writeln!(text, "\n{} {}", bold("one campus at the same loss:"), campus.title);
    let run = format!(
        "{} on {} of its {} accelerators, which its critical batch keeps busy; {} parameters",
        drawn(&campus.time, at, TIME),
        campus.used,
        campus.accelerators,
        amount(campus.parameters.best.get(), COUNT),
    );
    line(text, "time", &run, width);
    if let Some(money) = &campus.money {
        line(text, "money", &drawn(money, at, MONEY), width);
    }
    if let Some(slower) = plan.slower() {
        let mut said = format!("{} times slower", ratio(&slower, at));
        if let Some(dearer) = plan.dearer() {
            let _ = write!(
                said,
                "; its electricity and devices cost {} times the campus's money",
                ratio(&dearer, at)
            );
        }
        let whole = campus.rate.best / plan.delivered.rate(plan.design.parameters);
        let _ = write!(said, "; the whole campus computes {} times as much a second", three(whole));
        line(text, "the swarm", &said, width);
    }
}

/// Columns narrower than this leave some out.
const WIDE: usize = 96;

/// The table without the last columns that do not fit.
fn fitting(text: &mut String, mut rows: Vec<Vec<String>>, width: usize) {
    loop {
        let mut said = String::new();
        table(&mut said, &rows, width);
        let wide = said.lines().map(|line| line.chars().count()).max().unwrap_or_default();
        let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
        if wide <= width || columns <= 2 {
            text.push_str(&said);
            return;
        }
        for row in &mut rows {
            row.truncate(columns - 1);
        }
    }
}

fn schemes(text: &mut String, answer: &Answer, width: usize) {
    let _ = writeln!(text, "\n{}", bold("the best of each kind, at this loss"));
    let head = ["kind", "time", "N", "H", "update", "way", "peers", "bound by"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for scheme in &answer.plan.schemes {
        let name = scheme.family.name().to_owned();
        let Some((design, delivered, time)) = &scheme.best else {
            rows.push(vec![name, "never".into()]);
            continue;
        };
        rows.push(vec![
            name,
            amount(time.get(), TIME),
            amount(design.parameters.get(), COUNT),
            design.rhythm.steps().to_string(),
            design.compression.name.clone(),
            design.exchange.name().to_owned(),
            three(delivered.peers),
            delivered.bound_by.clone(),
        ]);
    }
    fitting(text, rows, width);
}

fn sizes(text: &mut String, answer: &Answer, width: usize) {
    let plan = &answer.plan;
    let patience = amount(answer.question.patience.get(), TIME);
    text.push('\n');
    let what = bold("as the model grows: each size to the loss of 20 tokens per parameter");
    hanging(text, (0, 2), &what, width);
    let head = ["N", "loss", "swarm", "design", "campus", "behind", "practical"];
    let shown = |row: [String; 7]| -> Vec<String> {
        // The loss is the law's, and can be asked for.
        let narrow = width < WIDE;
        let cells = row.into_iter().enumerate().filter(|(at, _)| !(narrow && *at == 1));
        cells.map(|(_, cell)| cell).collect()
    };
    let mut rows = vec![shown(head.map(str::to_owned))];
    for size in &plan.sizes {
        let BySize { parameters, loss, swarm, campus, practical } = size;
        let (time, design, behind) = match swarm {
            Some((design, time)) => (
                amount(time.get(), TIME),
                match design.stages {
                    1 => format!("{}, H {}", design.family.name(), design.rhythm.steps()),
                    stages => format!("{} of {stages}", design.family.name()),
                },
                campus.map_or(String::new(), |campus| format!("{}x", three(*time / campus))),
            ),
            None => ("never".into(), "no peers hold it".into(), String::new()),
        };
        rows.push(shown([
            amount(parameters.get(), COUNT),
            format!("{loss:.3}"),
            time,
            design,
            campus.map_or(String::new(), |campus| amount(campus.get(), TIME)),
            behind,
            if *practical { "yes".into() } else { "no".into() },
        ]));
    }
    table(text, &rows, width);
    let said = match plan.largest_practical() {
        Some(largest) => format!(
            "practical is what takes at most {patience} (--patience): up to about {} parameters here",
            amount(largest.parameters.get(), COUNT)
        ),
        None => format!("practical is what takes at most {patience} (--patience): none of these"),
    };
    hanging(text, (2, 2), &said, width);
}

fn intensity(text: &mut String, answer: &Answer, width: usize) {
    let (setting, schemes) = chart::schemes(answer);
    let _ = writeln!(text, "\n{}", bold("computing per byte sent, as the model grows"));
    let mut rows = vec![["scheme", "at 1B", "at 100B", "grows as"].map(str::to_owned)];
    for scheme in schemes {
        let at = |size: f64| scheme.intensity(runs::Parameters(size), &setting).0;
        let exponent = scheme.exponent();
        rows.push([
            scheme.name(),
            format!("{:.1e}", at(1e9)),
            format!("{:.1e}", at(1e11)),
            if exponent == 0.0 { "not at all".into() } else { format!("N^{exponent:.2}") },
        ]);
    }
    table(text, &rows, width);
    let said = "FLOP per byte. Computing hides the traffic where this exceeds FLOP/s over bytes/s of \
                the peer. The square-cube law is one of pipelines whose stages keep their layers; \
                data parallelism does not have it.";
    hanging(text, (2, 2), said, width);
}

/// Those that do not close; all of them with the sources.
fn claims(text: &mut String, claims: &[Claim], sources: bool, width: usize) {
    let _ = writeln!(text, "\n{}", bold("published claims, recomputed"));
    let mut closing = 0;
    for claim in claims {
        for statement in &claim.statements {
            if !sources && statement.verdict == Verdict::Agrees {
                closing += 1;
                continue;
            }
            let word = match statement.verdict {
                Verdict::Agrees => "closes",
                Verdict::Partly => "closes in part",
                _ => "does not close",
            };
            let shown = |value: f64| statement.value.show(value, 3);
            let stated = statement.stated.map_or(String::new(), |(low, _)| shown(low));
            let because = statement.note.split_once("because").map_or("", |(_, why)| why.trim());
            let because =
                if because.is_empty() { String::new() } else { format!(", because {because}") };
            let said = format!(
                "{}: {word}{because} (stated {stated}, computed {}; {})",
                statement.words,
                shown(statement.found),
                claim.source
            );
            hanging(text, (2, 4), &said, width);
        }
    }
    if closing > 0 {
        let _ = writeln!(text, "  {closing} others close: --sources prints them");
    }
}

fn cautions(text: &mut String, answer: &Answer, sources: bool, width: usize) {
    let plan = &answer.plan;
    let _ = writeln!(text, "\n{}", bold("cautions"));
    let mut all = Vec::new();
    if plan.delivered.replicas > 8.0 {
        all.push(format!(
            "the tax of {} replicas is extrapolated along ln M: nobody measured more than 8",
            three(plan.delivered.replicas)
        ));
    }
    if plan.design.parameters.get() > 2.4e9 && plan.delivered.replicas > 1.0 {
        all.push("the tax beyond 2.4B parameters is extrapolated".into());
    }
    if plan.design.stages > 1 {
        all.push(
            "activations a hundred times smaller without loss are one group's claim, and nobody ran \
             pipelines through dozens of homes that come and go"
                .into(),
        );
    }
    if plan.design.exchange == Exchange::AllGather && plan.delivered.copies > 2.0 {
        all.push(
            "updates go up once, to a store such as object storage, whose price is left out".into(),
        );
    }
    if plan.design.exchange == Exchange::Aggregator {
        all.push("the aggregator's price is left out".into());
    }
    let a_day = plan.sent_a_day.get();
    if a_day > 3e10 {
        all.push(format!(
            "{} a day up is more than many home contracts and routers are made for",
            plan.sent_a_day
        ));
    }
    if answer.question.adversaries > 0.0 && answer.question.audit <= 0.0 {
        all.push(
            "hostile peers are counted as lost work only: unaudited, they also do harm".into(),
        );
    }
    if !answer.question.peers.source.is_empty() {
        all.push(format!("the swarm itself: {}", answer.question.peers.source));
    }
    all.push(
        "the campus is counted without its queue, staff and idle hours; the owners' rest of \
              the computer, heat and trouble are not counted either"
            .into(),
    );
    for caution in all {
        hanging(text, (2, 4), &caution, width);
    }
    if !sources {
        hanging(
            text,
            (2, 2),
            "--sources prints every assumption and what nobody measured of it",
            width,
        );
        return;
    }
    let _ = writeln!(text, "\n{}", bold("assumptions"));
    for fact in &plan.facts {
        let mut said = format!("{} = {}: {}", fact.name, fact.text, fact.source);
        if !fact.unmeasured.is_empty() {
            let _ = write!(said, "; nobody measured {}", fact.unmeasured);
        }
        hanging(text, (2, 4), &said, width);
    }
    for one in plan.campus.iter().flat_map(|campus| &campus.assumptions) {
        hanging(
            text,
            (2, 4),
            &format!("campus {}: {} ({})", one.what, one.value, one.source),
            width,
        );
    }
}
