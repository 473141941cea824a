//! What `isoflop next` says to people.

use std::fmt::Write as _;

use laws::Interval;
use plan::design::{Certainty, Design, Goal};
use runs::Flop;

use super::super::amounts::{COUNT, with_ends};
use super::super::fit::show::data;
use super::super::fit::words::{bold, level, percent, range, rounded, with_range};
use super::files::nanochat;
use super::{Answer, BendFrom};
use crate::table::table;
use crate::terminal_plot::{Plot, Scale, Series};
use crate::text::{count, hanging};

/// The whole answer but for the plot.
pub(super) fn for_people(answer: &Answer<'_>, width: usize) -> String {
    let mut text = String::new();
    known(&mut text, answer, width);
    certainty(&mut text, answer, width);
    runs(&mut text, answer, width);
    comparison(&mut text, answer, width);
    assumptions(&mut text, answer, width);
    text.push('\n');
    for doubt in &answer.design.doubts {
        hanging(
            &mut text,
            (0, 2),
            &format!("{} ({}): {doubt}", bold("warning"), doubt.code()),
            width,
        );
    }
    if text.ends_with("\n\n") {
        text.pop();
    }
    text
}

/// What there is to start from.
fn known(text: &mut String, answer: &Answer<'_>, width: usize) {
    let known = answer.known;
    let law = known.law.formula.split_whitespace().collect::<Vec<_>>().join(" ");
    let noise = 100.0 * known.noise;
    if let Some(observations) = answer.observations {
        data::title(text, observations);
        if let Some(counts) = observations.columns().iter().find(|choice| choice.name == "N") {
            let line = format!("N is {}: {}", counts.source(), counts.convention);
            hanging(text, (2, 4), &line, width);
        }
    } else {
        text.push_str("no runs yet\n");
    }
    hanging(text, (0, 2), &format!("{} {}: {law}", bold("law"), known.law.name), width);
    if known.is_prior {
        let mut line = format!(
            "prior: the constants of {}, each within a factor of {} with 90 % probability, \
             independent of the others",
            known.name, answer.prior.factor
        );
        for (name, (low, high)) in &answer.prior.ranges {
            let _ = write!(line, "; {name} from {low} to {high}");
        }
        let _ = write!(line, "; a single run scatters {noise:.2} %");
        hanging(text, (2, 4), &line, width);
    } else {
        hanging(text, (2, 2), &format!("a single run scatters {noise:.2} % around the law"), width);
    }
    if let Some(rival) = answer.rival {
        let formula = rival.law.formula.split_whitespace().collect::<Vec<_>>().join(" ");
        hanging(text, (0, 2), &format!("{} {}: {formula}", bold("against"), rival.law.name), width);
        let line = format!("a single run scatters {:.2} % around it", 100.0 * rival.noise);
        hanging(text, (2, 2), &line, width);
    }
}

/// The goal in words.
fn goal(answer: &Answer<'_>) -> String {
    let target = &answer.known.law.target.name;
    match &answer.design.goal {
        Goal::Loss(setting) => {
            let values: Vec<String> =
                setting.iter().map(|(name, value)| format!("{name} {value:.3e}")).collect();
            format!("the {target} of a run of {}", values.join(", "))
        }
        Goal::LossAtBest(compute) => {
            format!("the {target} of the best run of {:.2e} FLOP", compute.get())
        }
        Goal::Size(compute) => {
            format!("N*, the size of the best run of {:.2e} FLOP", compute.get())
        }
        Goal::Choice => match answer.rival {
            Some(rival) => format!("whether {} or {} holds", answer.known.law.name, rival.law.name),
            None => "which law holds".to_owned(),
        },
    }
}

/// The interval, or the chance, now and after.
fn certainty(text: &mut String, answer: &Answer<'_>, width: usize) {
    let design = answer.design;
    let bend = answer.question.bend;
    let size = matches!(design.goal, Goal::Size(_));
    let _ = writeln!(text, "\n{} {}", bold("to learn"), goal(answer));
    let mut header = vec![String::new(), "if the law holds".to_owned()];
    if size {
        header.push("D*/N*".to_owned());
    }
    if bend > 0.0 {
        header.push(format!("if it may bend by {} %", two(100.0 * bend)));
    }
    let mut rows = vec![header];
    let mut row = |name: String, certainty: Certainty| {
        let mut cells = vec![name, shown(design, certainty.law_holds)];
        if size {
            cells.push(ratio(design, certainty.law_holds));
        }
        if bend > 0.0 {
            cells.push(shown(design, certainty.may_bend));
        }
        rows.push(cells);
    };
    row("now".to_owned(), design.now);
    let batches = design.after.len();
    for (batch, after) in design.after.iter().enumerate() {
        let name = match batches {
            1 => "after these runs".to_owned(),
            _ => format!("after batch {}", batch + 1),
        };
        row(name, *after);
    }
    if let Some(usual) = &design.usual {
        row("after an IsoFLOP grid".to_owned(), usual.after);
    }
    table(text, &rows, width);
    let note = if matches!(design.goal, Goal::Choice) {
        "the chance that the better fit to the new runs is that of the true law, averaged over \
         either being it; what the runs made say of it comes on top"
            .to_owned()
    } else {
        format!(
            "{} intervals, for the law itself, without the scatter of a new run; those after are \
             expected, around today's best value",
            level(answer.question.level)
        )
    };
    hanging(text, (2, 2), &note, width);
}

fn shown(design: &Design, certainty: f64) -> String {
    if matches!(design.goal, Goal::Choice) {
        return format!("{} %", percent(certainty));
    }
    let interval = design.interval_at(certainty);
    let width = interval.map_or(String::new(), |ends| format!("  {}", relative(ends, design.best)));
    let best = match design.goal {
        Goal::Size(_) => with_ends(design.best, interval, COUNT),
        _ => with_range(design.best, interval),
    };
    format!("{best}{width}")
}

/// How wide an interval is: a factor where it is wide, else per cent to either side.
fn relative(ends: Interval, best: f64) -> String {
    let factor = (ends.high / ends.low).sqrt();
    if ends.low > 0.0 && factor >= 1.5 {
        let decimals = usize::from(factor < 100.0);
        return if factor < 1e5 {
            format!("x/{factor:.decimals$}")
        } else {
            format!("x/{factor:.0e}")
        };
    }
    let half = 50.0 * (ends.high - ends.low) / best.abs();
    format!("±{} %", two(half))
}

/// D*/N* of a budget, from N*.
fn ratio(design: &Design, certainty: f64) -> String {
    let Goal::Size(compute) = design.goal else { return String::new() };
    let of = |n: f64| compute.get() / (6.0 * n * n);
    let interval = design.interval_at(certainty).map(|ends| Interval {
        low: of(ends.high),
        high: of(ends.low),
        ..ends
    });
    with_range(of(design.best), interval)
}

/// Two significant digits.
fn two(x: f64) -> String {
    if x == 0.0 || !x.is_finite() {
        return format!("{x}");
    }
    let decimals = (1.0 - x.abs().log10().floor()).clamp(0.0, 6.0) as usize;
    let text = format!("{x:.decimals$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

/// The runs to make.
fn runs(text: &mut String, answer: &Answer<'_>, width: usize) {
    let design = answer.design;
    let total: usize = design.runs.iter().map(|run| run.times).sum();
    let batches = answer.question.batches;
    let spent = design.spent();
    let _ = writeln!(
        text,
        "\n{} {total} of {} {}, {:.2e} of {:.2e} FLOP (C = 6 N D)",
        bold(if total == 1 { "run" } else { "runs" }),
        design.settings(),
        if design.settings() == 1 { "setting" } else { "settings" },
        spent.get(),
        answer.question.budget.get()
    );
    if total == 0 {
        return;
    }
    let mut header: Vec<String> = Vec::new();
    if batches > 1 {
        header.push("batch".to_owned());
    }
    if answer.family.is_some() {
        header.push("depth".to_owned());
    }
    header.extend(["N", "D", "D/N", "C, FLOP", "times", "share"].map(str::to_owned));
    let mut rows = vec![header];
    for run in &design.runs {
        let mut cells = Vec::new();
        if batches > 1 {
            cells.push((run.batch + 1).to_string());
        }
        if let Some(family) = answer.family {
            cells.push(family.depth(run.parameters).map_or("?".to_owned(), |d| d.to_string()));
        }
        let (n, d) = (run.parameters.get(), run.tokens.get());
        let share = run.cost() * run.times as f64 / spent;
        cells.extend([
            count(n),
            count(d),
            rounded(d / n, None),
            format!("{:.2e}", run.cost().get()),
            run.times.to_string(),
            format!("{:.1} %", 100.0 * share),
        ]);
        rows.push(cells);
    }
    table(text, &rows, width);
    let lines = if answer.args.files.nanochat { nanochat(answer) } else { Vec::new() };
    if !lines.is_empty() {
        let _ = writeln!(text, "\n{}", bold("nanochat"));
        for line in lines {
            let _ = writeln!(text, "  {line}");
        }
    }
}

/// Against the usual grid, and against trusting the law.
fn comparison(text: &mut String, answer: &Answer<'_>, width: usize) {
    let design = answer.design;
    if design.runs.is_empty() {
        return;
    }
    text.push('\n');
    if let Some(usual) = &design.usual {
        let (budgets, sizes) = answer.question.grid;
        let times = if usual.grid.times > 1.05 {
            format!(", {:.1} times over within the limits", usual.grid.times)
        } else {
            String::new()
        };
        let spent: Flop = design.spent();
        let verdict = match usual.same_certainty {
            None => "would not be as sure with 10,000 times the budget".to_owned(),
            Some(same) => format!(
                "needs {:.2e} FLOP to be as sure: {}",
                same.get(),
                bold(&format!("the same certainty for {} of the FLOP", two(spent / same)))
            ),
        };
        let line = format!(
            "{} {budgets} budgets half a decade apart, {sizes} sizes each from N*/4 to 4 N*{times}: \
             it {verdict}",
            bold("IsoFLOP grid")
        );
        hanging(text, (0, 2), &line, width);
    }
    if let Some(trusting) = &design.trusting {
        let line = format!(
            "{} the best runs would have {} settings rather than {}: {} if it holds, but {} if \
             it bends",
            bold("trusting the law"),
            trusting.settings,
            design.settings(),
            brief(design, trusting.after.law_holds),
            brief(design, trusting.after.may_bend),
        );
        hanging(text, (0, 2), &line, width);
    }
}

fn brief(design: &Design, certainty: f64) -> String {
    if matches!(design.goal, Goal::Choice) {
        return format!("{} %", percent(certainty));
    }
    range(design.interval_at(certainty))
}

/// What was taken for granted.
fn assumptions(text: &mut String, answer: &Answer<'_>, width: usize) {
    let question = answer.question;
    let limits = &question.limits;
    let mut said: Vec<String> = answer.converted.iter().cloned().collect();
    let from = match answer.bend_from {
        BendFrom::Asked => "",
        BendFrom::Default => " (the default)",
        BendFrom::Backtest => " (half of what the backtest found per decade)",
    };
    if question.bend > 0.0 {
        said.push(format!(
            "the law may bend by {} % per squared decade of N and D{from}; the runs were chosen for \
             that",
            two(100.0 * question.bend)
        ));
    } else {
        said.push("the law holds, and was trusted to".to_owned());
    }
    if let Some(family) = answer.family {
        let depths: Vec<usize> = family.models.iter().map(|(depth, _)| *depth).collect();
        let (low, high) = (depths.first().unwrap_or(&0), depths.last().unwrap_or(&0));
        let name = match family.maker {
            super::family::Maker::Lab => "the lab",
            super::family::Maker::Nanochat => "nanochat",
        };
        said.push(format!("models of {name}, depths {low} to {high}, N {}", family.counts));
    }
    let (low, high) = limits.tokens_per_parameter;
    said.push(format!(
        "{} candidates of {} to {} tokens per parameter and {:.1e} to {:.1e} FLOP each; at most {} \
         runs a batch, {} of a setting, settings a factor of 1.5 apart in N or D",
        answer.design.candidates,
        two(low),
        two(high),
        limits.run.0.get(),
        limits.run.1.get(),
        question.runs,
        question.repeats
    ));
    said.push("runs of other seeds scatter alike at every size, independently".to_owned());
    if answer.known.is_prior {
        said.push(
            "the prior chose the runs; the interval after them is that of a fit without it"
                .to_owned(),
        );
    }
    hanging(text, (0, 2), &format!("{} {}", bold("assumed"), said.join("; ")), width);
}

/// Runs made and runs proposed, by size and tokens.
pub(super) fn plot(answer: &Answer<'_>) -> Plot {
    let made = &answer.known.made;
    let points: Vec<(f64, f64)> =
        made.column("N").iter().copied().zip(made.column("D").iter().copied()).collect();
    let mut series = Vec::new();
    if !points.is_empty() {
        series.push(Series { label: "runs made".to_owned(), points });
    }
    if let Some(usual) = &answer.design.usual {
        let points = usual.grid.runs.iter().map(|(n, d)| (n.get(), d.get())).collect();
        series.push(Series { label: "the IsoFLOP grid".to_owned(), points });
    }
    let batches = answer.question.batches;
    for batch in 0..batches {
        let runs = answer.design.runs.iter().filter(|run| run.batch == batch);
        let points = runs.map(|run| (run.parameters.get(), run.tokens.get())).collect();
        let label =
            if batches > 1 { format!("batch {}", batch + 1) } else { "runs to make".to_owned() };
        series.push(Series { label, points });
    }
    Plot {
        x_label: "N, parameters".to_owned(),
        y_label: "D, tokens".to_owned(),
        x_scale: Scale::Log,
        y_scale: Scale::Log,
        series,
        lines: Vec::new(),
        highlights: Vec::new(),
    }
}
