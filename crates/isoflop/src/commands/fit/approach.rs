//! Approach 1 and 2 for people: tables of budgets, the lines, the bias, and a plot of profiles.

use std::fmt::Write as _;

use anstyle::AnsiColor;
use laws::Interval;
use laws::isoflop::{
    Approach1, Approach2, Bias, Envelope, Frontier, Outside, PowerLaw, Profile, Resampling, Shift,
    TokensFrom, Warning,
};

use super::words::{bold, level, range, rounded, with_range};
use crate::commands::amounts::{COUNT, with_ends};
use crate::table::table;
use crate::terminal_plot::{Plot, Scale, Series};
use crate::text::hanging;

/// What Approach 2 found, and with `bias` by how much its parabolas are off by themselves; `law`
/// names the law that the bias assumes.
pub(super) fn approach2_for_people(
    answer: &Approach2,
    bias: Option<(&Bias, &str)>,
    width: usize,
) -> String {
    let mut text = String::new();
    let how = format!(
        "{}: a parabola of loss in ln N through each budget's runs, a line through the vertices",
        bold("Approach 2")
    );
    hanging(&mut text, (0, 2), &how, width);
    let used = answer.profiles.iter().filter(|profile| profile.refused.is_none()).count();
    let rows = format!(
        "{} rows of {} runs, {} budgets, {used} with an optimum; {}",
        answer.rows,
        answer.runs,
        answer.profiles.len(),
        convention(answer.compute_per_6nd)
    );
    hanging(&mut text, (2, 4), &rows, width);
    let from = match answer.options.tokens {
        TokensFrom::Interpolation => "what the budget's runs have at N*",
        TokensFrom::Parabola => "the vertex of a parabola in ln D",
    };
    let outside = match answer.options.outside {
        Outside::Refuse => "refused",
        Outside::Accept => "accepted",
    };
    let about = format!("D* is {from}; vertices outside the runs are {outside}");
    hanging(&mut text, (2, 4), &about, width);
    if let Some(scatter) = answer.scatter {
        let repeats = answer.repeat_scatter.map_or(String::new(), |repeats| {
            format!("; repeats of a run scatter {:.2} %", 100.0 * repeats)
        });
        let scatter =
            format!("a run scatters {:.2} % around its parabola{repeats}", 100.0 * scatter);
        hanging(&mut text, (2, 4), &scatter, width);
    }
    about_profiles(&mut text, answer, width);
    if let Some(frontier) = &answer.frontier {
        about_lines(&mut text, frontier, width);
    }
    if let Some((bias, law)) = bias {
        about_bias(&mut text, bias, law, width);
    }
    let of_bias = bias.map_or(&[][..], |(bias, _)| &bias.warnings);
    about_doubts(&mut text, answer.warnings.iter().chain(of_bias), width);
    text
}

/// What Approach 1 found.
pub(super) fn approach1_for_people(answer: &Approach1, width: usize) -> String {
    let mut text = String::new();
    let how = match answer.options.envelope {
        Envelope::Bins { per_decade } => {
            format!("the least loss at {per_decade} places in every decade of C")
        }
        Envelope::Hull => "the lower convex hull of ln loss against ln C".to_owned(),
    };
    let _ = writeln!(text, "{}: {how}, a line through N and D there", bold("Approach 1"));
    let _ = writeln!(
        text,
        "  {} rows of {} runs, {} points on the envelope",
        answer.rows,
        answer.runs,
        answer.points.len()
    );
    let intervals = match answer.options.resamples {
        0 => String::new(),
        count => format!(" (intervals from {count} resamples of whole runs)"),
    };
    let _ = writeln!(text, "\n{}{intervals}", bold("envelope"));
    let mut rows = vec![["C, FLOP", "N", "D", "D/N", "loss", ""].map(str::to_owned)];
    for point in &answer.points {
        rows.push([
            format!("{:.2e}", point.compute.get()),
            rounded(point.parameters.get(), None),
            rounded(point.tokens.get(), None),
            rounded(point.tokens / point.parameters, None),
            rounded(point.loss, None),
            if point.at_edge { "smallest or largest model there" } else { "" }.to_owned(),
        ]);
    }
    table(&mut text, &rows, width);
    if let Some(frontier) = &answer.frontier {
        about_lines(&mut text, frontier, width);
    }
    about_doubts(&mut text, answer.warnings.iter(), width);
    text
}

/// Loss against N, a series for each budget, its parabola, and the optima; at most seven budgets.
pub(super) fn profiles_plot(answer: &Approach2) -> Plot {
    /// As many series as there are markers, less one for the optima.
    const SHOWN: usize = 7;
    let used: Vec<&Profile> =
        answer.profiles.iter().filter(|profile| profile.refused.is_none()).collect();
    let used = if used.is_empty() { answer.profiles.iter().collect() } else { used };
    let count = used.len().min(SHOWN);
    // First and last, and the others evenly between them.
    let shown: Vec<&Profile> =
        (0..count).map(|i| used[i * (used.len() - 1) / (count - 1).max(1)]).collect();
    let mut series: Vec<Series> = shown
        .iter()
        .map(|profile| Series {
            label: format!("C {:.1e}", profile.compute.get()),
            points: profile.sizes.iter().map(|size| (size.parameters.get(), size.loss)).collect(),
        })
        .collect();
    let optima: Vec<(f64, f64)> = shown
        .iter()
        .filter(|profile| profile.refused.is_none())
        .filter_map(|profile| profile.optimum)
        .map(|optimum| (optimum.parameters.get(), optimum.loss))
        .collect();
    // An empty place keeps the optima's marker the same for any number of budgets.
    series.resize_with(SHOWN, || Series { label: String::new(), points: Vec::new() });
    series.push(Series { label: "N*".to_owned(), points: optima });
    series.retain(|series| !series.points.is_empty());
    let parabolas: Vec<(f64, f64)> = shown.iter().flat_map(|profile| parabola(profile)).collect();
    let label = if shown.len() < answer.profiles.len() {
        format!("parabolas ({} of {} budgets shown)", shown.len(), answer.profiles.len())
    } else {
        "parabolas".to_owned()
    };
    Plot {
        x_label: "N, parameters".to_owned(),
        y_label: "loss".to_owned(),
        x_scale: Scale::Log,
        y_scale: Scale::Linear,
        series,
        lines: vec![Series { label, points: parabolas }],
        highlights: Vec::new(),
    }
}

/// The parabola of a budget over its sizes, ended by a gap.
fn parabola(profile: &Profile) -> Vec<(f64, f64)> {
    const STEPS: usize = 40;
    let (Some(parabola), [first, .., last]) = (profile.parabola, profile.sizes.as_slice()) else {
        return Vec::new();
    };
    let (low, high) = (first.parameters.get().ln(), last.parameters.get().ln());
    (0..=STEPS)
        .map(|step| low + (high - low) * step as f64 / STEPS as f64)
        .map(|ln_n| (ln_n.exp(), parabola.at(ln_n)))
        .chain([(f64::NAN, f64::NAN)])
        .collect()
}

fn convention((low, high): (f64, f64)) -> String {
    if low > 0.98 && high < 1.02 {
        return "C = 6 N D".to_owned();
    }
    format!("C is {low:.2} to {high:.2} times 6 N D")
}

fn resampled(answer: &Approach2) -> String {
    let options = &answer.options;
    if answer.profiles.iter().all(|profile| profile.draws.is_empty()) {
        return String::new();
    }
    let how = match options.resampling {
        Resampling::Residuals => "of the residuals".to_owned(),
        Resampling::Runs => "of the runs of each budget".to_owned(),
        Resampling::Noise { relative_sd } => {
            format!("with {:.2} % of noise", 100.0 * relative_sd)
        }
    };
    format!(
        " ({} intervals, {} resamples {how}, seed {})",
        level(options.level),
        options.resamples,
        options.seed
    )
}

fn about_profiles(text: &mut String, answer: &Approach2, width: usize) {
    text.push('\n');
    hanging(text, (0, 2), &format!("{}{}", bold("budgets"), resampled(answer)), width);
    let head = ["C, FLOP", "runs", "sizes", "N*", "D*", "D*/N*", "6N*D*/C", "loss", ""];
    let mut rows = vec![head.map(str::to_owned)];
    for profile in &answer.profiles {
        let mut row = std::array::from_fn(|_| "-".to_owned());
        row[0] = format!("{:.2e}", profile.compute.get());
        row[1] = profile.rows.len().to_string();
        row[2] = profile.sizes.len().to_string();
        row[8] = profile.refused.map_or(String::new(), |reason| reason.to_string());
        if let (Some(optimum), None) = (profile.optimum, profile.refused) {
            row[3] = with_ends(optimum.parameters.get(), optimum.parameters_interval, COUNT);
            row[4] = with_ends(optimum.tokens.get(), optimum.tokens_interval, COUNT);
            row[5] = with_range(optimum.tokens_per_parameter(), optimum.ratio_interval);
            row[6] = format!("{:.2}", profile.six_nd_per_compute().unwrap_or(f64::NAN));
            row[7] = with_range(optimum.loss, optimum.loss_interval);
            let share = profile.share_refused();
            if share >= 0.01 {
                row[8] = format!("no minimum inside in {:.0} % of resamples", 100.0 * share);
            }
        }
        rows.push(row);
    }
    table(text, &rows, width);
}

fn about_lines(text: &mut String, frontier: &Frontier, width: usize) {
    let _ = writeln!(
        text,
        "\n{} through budgets of {:.1e} to {:.1e} FLOP",
        bold("lines"),
        frontier.from.get(),
        frontier.to.get()
    );
    let interval = |of: fn(&laws::isoflop::Lines) -> f64| frontier.interval(of);
    let title = match interval(|lines| lines.parameters.exponent) {
        Some(ends) => format!("{} interval", level(ends.level)),
        None => String::new(),
    };
    let lines = &frontier.lines;
    let head = ["", "value", title.as_str(), ""].map(str::to_owned);
    let row = |name: &str, value: f64, ends: Option<Interval>, meaning: String| {
        [name.to_owned(), rounded(value, ends), range(ends), meaning]
    };
    let law = |name: &str, line: &PowerLaw| {
        format!("{name} = {:.3e} (C / {:.1e})^", line.value, line.pivot.get())
    };
    table(
        text,
        &[
            head,
            row(
                "a",
                lines.parameters.exponent,
                interval(|lines| lines.parameters.exponent),
                law("N*", &lines.parameters) + "a",
            ),
            row(
                "b",
                lines.tokens.exponent,
                interval(|lines| lines.tokens.exponent),
                law("D*", &lines.tokens) + "b",
            ),
            row(
                "slope",
                lines.loss.exponent,
                interval(|lines| lines.loss.exponent),
                law("loss", &lines.loss) + "slope, among these budgets only: it has no floor",
            ),
        ],
        width,
    );
}

fn about_bias(text: &mut String, bias: &Bias, law: &str, width: usize) {
    text.push('\n');
    let what = format!(
        "{} on this very grid without any noise, if {law} were the truth",
        bold("error of the parabolas")
    );
    hanging(text, (0, 2), &what, width);
    if let Some((a, b)) = bias.exponent_errors {
        // Adding zero turns a rounded -0 into 0.
        let [a, b] = [a, b].map(|error| (error * 1e4).round() / 1e4 + 0.0);
        let _ = writeln!(text, "  a is {a:+.4} and b {b:+.4} off");
    }
    let head =
        ["C, FLOP", "N* off", "interval", "N* corrected", "D* off", "interval", "D* corrected", ""];
    let mut rows = vec![head.map(str::to_owned)];
    let trained = bias.budgets.iter().map(|b| (b.compute, b.parameters, b.tokens, String::new()));
    let asked = bias.targets.iter().map(|target| {
        let cost = target.deadweight.map_or(String::new(), |cost| {
            format!("asked for; wastes {:.2} % of C", 100.0 * cost.share)
        });
        (target.compute, target.parameters, target.tokens, cost)
    });
    for (compute, parameters, tokens, note) in trained.chain(asked) {
        let off = |shift: &Shift| {
            let mark = if shift.exceeds_interval() { " !" } else { "" };
            format!("{:+.2} %{mark}", 100.0 * shift.error)
        };
        let half = |shift: &Shift| {
            shift.half_width().map_or("-".to_owned(), |half| format!("+-{:.1} %", 100.0 * half))
        };
        let corrected = |shift: &Shift| {
            let scale = shift.corrected / shift.value;
            let ends = shift.interval.map(|ends| Interval {
                low: ends.low * scale,
                high: ends.high * scale,
                ..ends
            });
            with_ends(shift.corrected, ends, COUNT)
        };
        rows.push([
            format!("{:.2e}", compute.get()),
            off(&parameters),
            half(&parameters),
            corrected(&parameters),
            off(&tokens),
            half(&tokens),
            corrected(&tokens),
            note,
        ]);
    }
    table(text, &rows, width);
}

fn about_doubts<'a>(text: &mut String, warnings: impl Iterator<Item = &'a Warning>, width: usize) {
    let warn = AnsiColor::Yellow.on_default().bold();
    for (index, warning) in warnings.enumerate() {
        if index == 0 {
            text.push('\n');
        }
        hanging(text, (0, 2), &format!("{warn}warning{warn:#}: {warning}"), width);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use laws::isoflop::{
        Approach1Options, Approach2Options, Row, Schedule, Sweep, approach1, approach2, bias,
    };
    use runs::{Flop, Parameters, Tokens};

    fn law(n: Parameters, d: Tokens) -> f64 {
        1.69 + 406.4 / n.get().powf(0.34) + 410.7 / d.get().powf(0.28)
    }

    /// Five budgets of seven sizes, eightfold either way, with 0.2 % of ripple; of the last only
    /// three sizes, and of the fourth only models that are too small.
    fn sweep() -> Sweep {
        let rows = (0..35_i32).filter(|i| *i < 31).map(|i| {
            let compute = Flop(10_f64.powi(17 + i / 7));
            let centre = 2.5e7 * 10_f64.powf(0.4516 * f64::from(i / 7));
            let small = if i / 7 == 3 { 30.0 } else { 1.0 };
            let n = Parameters(centre / small * 2_f64.powi(i % 7 - 3));
            let d = Tokens(compute.get() / 6.0 / n.get());
            let loss = law(n, d) * (1.0 + 0.002 * (f64::from(i) * 7.3).sin());
            Row { parameters: n, tokens: d, compute, loss, run: usize::try_from(i).unwrap() }
        });
        Sweep::new(rows).unwrap()
    }

    fn plain(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    fn answer() -> Approach2 {
        approach2(&sweep(), &Approach2Options { resamples: 300, ..Approach2Options::default() })
            .unwrap()
    }

    #[test]
    fn approach_2_for_people() {
        let answer = answer();
        let bias = bias(&answer, &sweep(), &law, &[Flop(1e21), Flop(1e24)]).unwrap();
        let shown = approach2_for_people(&answer, Some((&bias, "hoffmann-2022")), 200);
        insta::assert_snapshot!(plain(&shown));
    }

    #[test]
    fn approach_2_without_an_optimum_says_why() {
        let few = Sweep::new(sweep().rows().iter().copied().filter(|row| row.run % 7 > 3)).unwrap();
        let answer = approach2(&few, &Approach2Options::default()).unwrap();
        insta::assert_snapshot!(plain(&approach2_for_people(&answer, None, 200)));
        assert!(plain(&profiles_plot(&answer).render(60, 10)).contains('●'));
    }

    #[test]
    fn approach_1_for_people() {
        let options = Approach1Options {
            resamples: 300,
            schedule: Schedule::Intermediate,
            ..Approach1Options::default()
        };
        let answer = approach1(&sweep(), &options).unwrap();
        insta::assert_snapshot!(plain(&approach1_for_people(&answer, 200)));
    }

    #[test]
    fn a_plot_shows_each_budgets_profile_parabola_and_optimum() {
        insta::assert_snapshot!(plain(&profiles_plot(&answer()).render(72, 18)));
    }

    #[test]
    fn a_plot_of_many_budgets_shows_seven() {
        let rows = (0..60_i32).map(|i| {
            let compute = Flop(10_f64.powi(15 + i / 5));
            let centre = 3.1e6 * 10_f64.powf(0.4516 * f64::from(i / 5));
            let n = Parameters(centre * 2_f64.powi(i % 5 - 2));
            let d = Tokens(compute.get() / 6.0 / n.get());
            Row {
                parameters: n,
                tokens: d,
                compute,
                loss: law(n, d),
                run: usize::try_from(i).unwrap(),
            }
        });
        let options = Approach2Options { resamples: 0, ..Approach2Options::default() };
        let answer = approach2(&Sweep::new(rows).unwrap(), &options).unwrap();
        let plot = profiles_plot(&answer);
        let labels: Vec<&str> = plot.series.iter().map(|series| series.label.as_str()).collect();
        assert_eq!(labels.len(), 8, "{labels:?}");
        assert_eq!((labels[0], labels[6], labels[7]), ("C 1.0e15", "C 1.0e26", "N*"));
        assert_eq!(plot.lines[0].label, "parabolas (7 of 12 budgets shown)");
    }
}
