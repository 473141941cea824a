//! What `isoflop portfolio` says to people.

use std::fmt::Write as _;

use laws::Interval;
use plan::portfolio::{Bet, Bets, BetsAnswer, Effect, Learn, Learned, Ratio};
use plan::{Believed, Drawn};

use super::{Answer, FamilyAnswer};
use crate::commands::fit::words::{bold, level, rounded, unit_in_words};
use crate::commands::split::show::{exact, shown};
use crate::table::table;
use crate::terminal_plot::{Highlight, Plot, Scale, Series};
use crate::text::{count, hanging};

fn per_cent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

pub(super) fn for_people(answer: &Answer, share: f64, width: usize) -> String {
    let mut text = String::new();
    match answer {
        Answer::Family(family) => of_family(&mut text, family, share, width),
        Answer::Bets(found) => of_bets(&mut text, &found.0, &found.1, &found.2, share, width),
        Answer::Learn(found) => of_learn(&mut text, &found.0, &found.1, &found.2, share, width),
    }
    text
}

fn law_line(text: &mut String, law: &Believed, width: usize) {
    hanging(text, (2, 6), &format!("law {}: {}", law.name, law.source), width);
}

fn of_family(text: &mut String, answer: &FamilyAnswer, share: f64, width: usize) {
    let FamilyAnswer { law, family, members } = answer;
    let tie = match family.ratio {
        Ratio::Tokens { per_parameter, .. } => {
            format!("{} tokens per parameter", exact(per_parameter))
        }
        Ratio::Sizes { .. } => {
            let first = members.first();
            let ratio = first.map_or(f64::NAN, |member| member.tokens / member.parameters);
            format!("{} tokens per parameter", rounded(ratio, None))
        }
        Ratio::Optimal { .. } => "each compute-optimal".to_owned(),
    };
    let what = format!(
        "{} {} models, {tie}, 6 N D of {} FLOP in all",
        bold("family"),
        members.len(),
        exact(family.budget.get())
    );
    hanging(text, (0, 2), &what, width);
    law_line(text, law, width);
    let loss = format!("loss, {}", unit_in_words(&law.law.target.unit));
    let mut rows = vec![["", "N", "D", "D / N", "FLOP", "share, %", &loss].map(str::to_owned)];
    for (i, member) in members.iter().enumerate() {
        rows.push([
            format!("{}", i + 1),
            count(member.parameters.get()),
            count(member.tokens.get()),
            exact(member.tokens / member.parameters),
            exact(member.compute.get()),
            format!("{:.2}", 100.0 * (member.compute / family.budget)),
            shown(&member.loss, share),
        ]);
    }
    text.push('\n');
    table(text, &rows, width);
    let draws = members.first().map_or(0, |member| member.loss.draws.len());
    if draws > 0 {
        let _ = writeln!(text, "  in brackets {} intervals over {draws} draws", level(share));
    }
}

fn of_bets(
    text: &mut String,
    bets: &Bets,
    law: &Believed,
    answer: &BetsAnswer,
    share: f64,
    width: usize,
) {
    let budget = bets.budget.get();
    let (gain_of, unit): (fn(f64) -> f64, String) = match bets.effect {
        Effect::Compute => (|ln| 100.0 * ln.exp_m1(), "% of compute".to_owned()),
        Effect::Loss => (|loss| loss, unit_in_words(&law.law.target.unit).to_owned()),
    };
    let best = answer.best;
    if best.k == 0 {
        let what = format!(
            "{} the whole budget to one large run: no experiment is worth its compute",
            bold("best")
        );
        hanging(text, (0, 2), &what, width);
    } else {
        let what = format!(
            "{} {} experiments of {} FLOP each, then the large run",
            bold("best"),
            best.k,
            exact(best.scale.get())
        );
        hanging(text, (0, 2), &what, width);
    }
    let per_share: Drawn<f64> = answer.share.map(|share| 100.0 * share);
    let gain: Drawn<f64> = answer.gain.map(gain_of);
    let ends = Interval::of(answer.luck.iter().map(|&gain| gain_of(gain)).collect(), share);
    let mut rows = vec![
        ["experiments".to_owned(), experiments(bets, answer, share)],
        ["their share, %".to_owned(), shown(&per_share, share)],
        [format!("mean gain, {unit}"), shown(&gain, share)],
        [
            "mean final loss".to_owned(),
            format!(
                "{}; of one large run alone {}",
                shown(&answer.loss, share),
                shown(&answer.loss_alone, share)
            ),
        ],
        ["an idea is taken".to_owned(), format!("in {} of worlds", per_cent(answer.taken))],
    ];
    if let (Some(ends), true) = (ends, best.k > 0) {
        let range =
            format!("{} to {}", rounded(ends.low, Some(ends)), rounded(ends.high, Some(ends)));
        rows.push([format!("luck, {unit}"), format!("{range} ({} of worlds)", level(share))]);
    }
    table(text, &rows, width);
    let draws = answer.k.draws.len();
    let brackets = if draws > 0 {
        format!("; in brackets {} intervals over {draws} draws of the odds", level(share))
    } else {
        String::new()
    };
    let how = format!(
        "{} worlds, standard error of the mean gain {}{brackets}",
        bets.worlds,
        exact(gain_of(answer.standard_error)),
    );
    hanging(text, (2, 4), &how, width);

    text.push('\n');
    let what = format!("{} by experiments and the compute of each, {unit}", bold("mean gain"));
    hanging(text, (0, 2), &what, width);
    let counts = shown_counts(answer);
    let mut heading = vec![String::new()];
    heading.extend(counts.iter().map(|k| format!("k = {k}")));
    let mut lines = vec![heading];
    for scale in bets.scales.iter().step_by(bets.scales.len().div_ceil(7)) {
        let mut row = vec![exact(scale.get())];
        row.extend(counts.iter().map(|k| {
            let bet = answer.table.iter().find(|bet| bet.k == *k && bet.scale == *scale);
            bet.map_or(String::new(), |bet| signed(gain_of(bet.gain)))
        }));
        lines.push(row);
    }
    table(text, &lines, width);

    let _ = writeln!(text, "\n{}", bold("assumptions"));
    law_line(text, law, width);
    let odds = format!(
        "an idea's effect ~ {} (mean {}, standard deviation {}); ideas are independent, one \
         measurement each",
        bets.prior.text,
        exact(bets.prior.mean()),
        exact(bets.prior.spread())
    );
    hanging(text, (2, 6), &odds, width);
    if bets.effect == Effect::Compute {
        hanging(text, (2, 6), "gains are means of the logarithm of effective compute", width);
    }
    let rest = format!(
        "small runs show it with noise and a correlation of transfer^decades below {}, the same for \
         all ideas",
        exact(budget)
    );
    hanging(text, (2, 6), &rest, width);
}

/// How many, and whether there are no more to try.
fn experiments(bets: &Bets, answer: &BetsAnswer, share: f64) -> String {
    let mut text = answer.best.k.to_string();
    if let Some(ends) = answer.k.interval(share) {
        let _ = write!(text, " ({} to {})", exact(ends.low.round()), exact(ends.high.round()));
    }
    if answer.best.k == bets.ideas {
        text.push_str(": as many as --ideas allows");
    }
    text
}

fn signed(value: f64) -> String {
    let plain = rounded(value, Some(Interval { low: 0.0, high: 1.0, level: 0.9 }));
    if value > 0.0 { format!("+{plain}") } else { plain }
}

/// The numbers of experiments that a table has room for.
fn shown_counts(answer: &BetsAnswer) -> Vec<usize> {
    let mut all: Vec<usize> = answer.table.iter().map(|bet| bet.k).filter(|k| *k > 0).collect();
    all.sort_unstable();
    all.dedup();
    let step = all.len().div_ceil(8).max(1);
    let mut some: Vec<usize> = all.iter().copied().step_by(step).collect();
    if answer.best.k > 0 {
        some.push(answer.best.k);
    }
    some.sort_unstable();
    some.dedup();
    some
}

fn of_learn(
    text: &mut String,
    learn: &Learn,
    law: &Believed,
    learned: &Learned,
    share: f64,
    width: usize,
) {
    let budget = learn.budget.get();
    let worth = learned.net.get() > 0.0;
    let _ = writeln!(
        text,
        "{} {} runs, {} FLOP in all ({} of the budget): {}",
        bold("learn"),
        learn.runs.len(),
        exact(learned.price.get()),
        per_cent(learned.price.get() / budget),
        if worth { "worth it" } else { "not worth it" }
    );
    law_line(text, law, width);
    let wasted = |waste: f64| format!("{} FLOP", rounded(waste * budget, None));
    let waste_now: Drawn<f64> = learned.waste_now.map(|waste| 100.0 * waste);
    let sizes = Interval::of(learned.sizes_after.clone(), share);
    let rows = [
        ["mean waste".to_owned(), "% of the large run".to_owned(), String::new()],
        ["now".to_owned(), rounded(100.0 * learned.now, None), wasted(learned.now)],
        ["after the runs".to_owned(), rounded(100.0 * learned.after, None), wasted(learned.after)],
        ["law known".to_owned(), rounded(100.0 * learned.known, None), wasted(learned.known)],
    ];
    text.push('\n');
    table(text, &rows, width);
    let _ = writeln!(
        text,
        "  saved less the price of the runs: {} FLOP; standard error {}",
        rounded(learned.net.get(), None),
        rounded(learned.standard_error * budget, None)
    );
    text.push('\n');
    table(
        text,
        &[
            ["size now".to_owned(), count(learned.size_now.get())],
            ["its waste, %".to_owned(), shown(&waste_now, share)],
            [
                "size after the runs".to_owned(),
                sizes.map_or(String::new(), |ends| {
                    format!(
                        "{} to {} ({} of worlds)",
                        count(ends.low),
                        count(ends.high),
                        level(share)
                    )
                }),
            ],
        ],
        width,
    );
    let line = format!(
        "runs lie {} (ln loss) from the law; {} draws of {} still carry weight after the runs in \
         the median world{}",
        exact(learn.scatter),
        exact(learned.effective_draws.round()),
        law.draws(),
        if learned.effective_draws < 20.0 {
            ": too few to say how much the runs teach, which is at least this"
        } else {
            ""
        }
    );
    hanging(text, (2, 4), &line, width);
}

pub(super) fn plot(answer: &Answer, share: f64) -> Plot {
    match answer {
        Answer::Family(family) => family_plot(family, share),
        Answer::Bets(found) => bets_plot(&found.0, &found.2),
        Answer::Learn(found) => learn_plot(&found.2),
    }
}

fn family_plot(answer: &FamilyAnswer, share: f64) -> Plot {
    let points: Vec<(f64, f64)> =
        answer.members.iter().map(|m| (m.parameters.get(), m.loss.best)).collect();
    let ends = |end: fn(Interval) -> f64| -> Vec<(f64, f64)> {
        (answer.members.iter())
            .filter_map(|m| Some((m.parameters.get(), end(m.loss.interval(share)?))))
            .collect()
    };
    let lines = [("interval", ends(|i| i.low)), ("", ends(|i| i.high))];
    Plot {
        x_label: "N, parameters".to_owned(),
        y_label: format!("loss, {}", unit_in_words(&answer.law.law.target.unit)),
        x_scale: Scale::Log,
        y_scale: Scale::Linear,
        series: vec![Series { label: "members".to_owned(), points }],
        lines: (lines.into_iter())
            .filter(|(_, points)| !points.is_empty())
            .map(|(label, points)| Series { label: label.to_owned(), points })
            .collect(),
        highlights: Vec::new(),
    }
}

fn bets_plot(bets: &Bets, answer: &BetsAnswer) -> Plot {
    let gain_of = |bet: &Bet| match bets.effect {
        Effect::Compute => 100.0 * bet.gain.exp_m1(),
        Effect::Loss => bet.gain,
    };
    let spent = |bet: &Bet| 100.0 * bet.k as f64 * bet.scale.get() / bets.budget.get();
    let some = bets.scales.iter().step_by(bets.scales.len().div_ceil(4));
    let series = some.map(|scale| Series {
        label: format!("{} FLOP each", exact(scale.get())),
        points: (answer.table.iter())
            .filter(|bet| bet.k > 0 && bet.scale == *scale && spent(bet) < 60.0)
            .map(|bet| (bet.k as f64, gain_of(bet)))
            .collect(),
    });
    let best = answer.best;
    Plot {
        x_label: "k, experiments".to_owned(),
        y_label: match bets.effect {
            Effect::Compute => "mean gain, % of compute".to_owned(),
            Effect::Loss => "mean loss saved".to_owned(),
        },
        x_scale: Scale::Log,
        y_scale: Scale::Linear,
        series: series.collect(),
        lines: Vec::new(),
        highlights: (best.k > 0)
            .then(|| Highlight {
                label: "best".to_owned(),
                at: (best.k as f64, gain_of(&best)),
                interval: None,
            })
            .into_iter()
            .collect(),
    }
}

fn learn_plot(learned: &Learned) -> Plot {
    let mut sizes = learned.sizes_after.clone();
    sizes.sort_by(f64::total_cmp);
    let count = sizes.len().max(1) as f64;
    let points = sizes.iter().enumerate().map(|(i, n)| (*n, (i as f64 + 0.5) / count));
    let now = learned.size_now.get();
    Plot {
        x_label: "N of the large run, parameters".to_owned(),
        y_label: "share of worlds in which the runs lead to a smaller one".to_owned(),
        x_scale: Scale::Log,
        y_scale: Scale::Linear,
        series: Vec::new(),
        lines: vec![Series { label: "after the runs".to_owned(), points: points.collect() }],
        highlights: vec![Highlight { label: "now".to_owned(), at: (now, 0.5), interval: None }],
    }
}
