//! The fit as a part of a report.

use diagnostic::Diagnostic;
use laws::isoflop::{Approach2Options, approach2};
use laws::{FitOptions, Interval, Setting, Verdict, fit};
use report::{
    Axis, Block, Cell, Figure, Frame, Hue, Mark, Notation, Number, Panel, Section, Sentence, Table,
    Tone, charts,
};
use runs::{Asked, Flop, InMemory, Observations, Parameters, Rules, Tokens};

use super::answer::{Answer, Frontier, best_of};
use super::profiles::{Surface, sweep};
use super::words;
use crate::study::{Part, numbers_of};

/// Points along a line, and along each side of a surface.
const STEPS: usize = 48;
const CELLS: usize = 28;

/// Runs in a figure: more are sampled, which the figure says.
const SHOWN_RUNS: usize = 2_000;

/// Rows up to which runs are fitted again for a figure.
const MANY_ROWS: usize = 20_000;

/// Draws of parameters shown against each other.
const SHOWN_PARAMETERS: usize = 5;

impl Answer<'_> {
    pub(super) fn part(&self) -> Result<Part, Diagnostic> {
        let fit = self.fit;
        let mut blocks =
            vec![Block::Sentence(self.law_in_words()), Block::Table(self.parameters())];
        let mut trust = vec![Block::Sentence(self.verdict())];
        for warning in &fit.warnings {
            let caution = Sentence::new().text(sentence(&warning.to_string())).tone(Tone::Caution);
            trust.push(Block::Sentence(caution));
        }
        blocks.extend(self.frontier_figure()?.map(Block::Figure));
        blocks.extend(self.curve()?.map(Block::Figure));
        blocks.extend(self.profiles_figure().map(Block::Figure));
        blocks.extend(self.surface_figure().map(Block::Figure));
        trust.extend(self.extrapolation()?.map(Block::Figure));
        trust.push(Block::Figure(self.residuals()));
        let mut uncertain = Vec::new();
        if !fit.draws.is_empty() {
            let shown = self.draws_frame();
            let level = words::level(fit.options.level);
            let how =
                format!("{} draws around the best law; intervals are at {level}", fit.draws.len());
            uncertain.push(Block::Figure(
                Figure { title: "What each parameter may be".into(), ..charts::posteriors(&shown) }
                    .subtitle(how),
            ));
            if shown.columns.len() > 1 {
                uncertain.push(Block::Figure(
                    Figure { title: "Which parameters trade against which".into(), ..charts::pairs(shown) }
                        .subtitle("each dot is one draw; a narrow band is a combination that the runs fix better than either"),
                ));
            }
        }
        let mut sections = vec![
            Section { heading: "The law".into(), blocks },
            Section { heading: "How far to trust it".into(), blocks: trust },
        ];
        if !uncertain.is_empty() {
            sections.push(Section { heading: "What is uncertain".into(), blocks: uncertain });
        }
        let draws = fit
            .draws
            .names()
            .iter()
            .filter_map(|name| Some((name.clone(), fit.draws.column(name)?.to_vec())));
        Ok(Part {
            answer: self.json(),
            headline: vec![self.law_in_words(), self.verdict()],
            sections,
            draws: numbers_of(draws, fit.options.seed, &fit.data.origin),
            fit: Some(fit.to_json()),
            sources: vec![fit.law.source.clone()],
            ..Part::default()
        })
    }

    /// `loss = E + A / N^alpha ... explains 99.2 % ...`.
    fn law_in_words(&self) -> Sentence {
        let fit = self.fit;
        Sentence::new()
            .text(format!(
                "The law {} is fitted to {} rows of {} runs; it explains ",
                fit.law.formula, fit.data.rows, fit.data.runs
            ))
            .number(Number::new("explained", fit.explained).notation(Notation::Percent))
            .text(" of the variation, and a single run scatters ")
            .number(Number::new("scatter", fit.spread).notation(Notation::Percent))
            .text(" around it.")
    }

    fn verdict(&self) -> Sentence {
        let judgement = self.judgement();
        let tone = match judgement.verdict {
            Verdict::Trustworthy => Tone::Good,
            Verdict::UsableWithCare | Verdict::WeaklyIdentified => Tone::Caution,
            _ => Tone::Bad,
        };
        let verdict = judgement.verdict.in_words();
        Sentence::new().text(format!("Verdict: {verdict}; {}.", judgement.advice)).tone(tone)
    }

    fn parameters(&self) -> Table {
        let fit = self.fit;
        let number = |value: f64, interval: Option<Interval>| {
            let number = Number::new("", value).notation(Notation::Plain);
            match interval {
                Some(ends) => number.interval(ends.level, ends.low, ends.high),
                None => number,
            }
        };
        let meaning = |name: &str| {
            let known = fit.law.parameters.iter().find(|parameter| parameter.name == name);
            known.map_or(String::new(), |parameter| parameter.meaning.clone())
        };
        let fitted = fit.estimates.iter().map(|one| {
            vec![
                Cell::from(one.name.clone()),
                Cell::from(number(one.value, fit.interval(&one.name))),
                Cell::from(meaning(&one.parameter)),
            ]
        });
        let derived = self.derived.iter().map(|one| {
            vec![
                Cell::from(one.name.clone()),
                Cell::from(number(one.value, one.interval)),
                Cell::from(one.meaning.clone()),
            ]
        });
        Table {
            name: "parameters".into(),
            title: "The parameters".into(),
            head: ["", "value", "meaning"].map(str::to_owned).to_vec(),
            rows: fitted.chain(derived).collect(),
            note: format!(
                "Least {} over {} starts; intervals hold {} of the draws.",
                fit.objective,
                fit.certificate.starts,
                words::level(fit.options.level)
            ),
            ..Table::default()
        }
    }

    /// Loss against compute with all runs, the frontier and its band.
    fn frontier_figure(&self) -> Result<Option<Figure>, Diagnostic> {
        let (fit, observations) = (self.fit, self.observations);
        let Frontier::Of { given, .. } = &self.frontier else { return Ok(None) };
        if observations.compute().is_empty() || fit.groups().len() > 1 {
            return Ok(None);
        }
        let (low, high) = fit.data.axis_range;
        let level = fit.options.level;
        let (mut compute, mut best, mut lows, mut highs) = (vec![], vec![], vec![], vec![]);
        for step in 0..=STEPS {
            let c = low * (10.0 * high / low).powf(step as f64 / STEPS as f64);
            let Some(found) = fit.optimum(Flop(c), given, level)?.into_iter().next() else {
                continue;
            };
            compute.push(c);
            best.push(found.best.loss);
            lows.push(found.loss.map_or(f64::NAN, |ends| ends.low));
            highs.push(found.loss.map_or(f64::NAN, |ends| ends.high));
        }
        if compute.len() < 2 {
            return Ok(None);
        }
        let unit = self.target_unit();
        let frontier = Frame::new("frontier")
            .numbers("compute", "FLOP", compute)
            .numbers("loss", unit, best.clone())
            .numbers("low", unit, lows)
            .numbers("high", unit, highs);
        let title = match (best.first(), best.last()) {
            (Some(first), Some(last)) => format!(
                "{} falls from {first:.2} to {last:.2} along the best runs",
                capital(&fit.law.target.name)
            ),
            _ => "Loss against compute".to_owned(),
        };
        let figure = charts::frontier(self.runs_frame("runs", observations), frontier, level, None);
        Ok(Some(
            Figure { title, ..figure }
                .subtitle(format!("{}; objective {}", self.compute_in_words(), fit.objective))
                .source(fit.data.origin.clone()),
        ))
    }

    fn compute_in_words(&self) -> String {
        match self.observations.compute_convention() {
            "" | "6 N D" => "C = 6 N D".to_owned(),
            convention => format!("C ({convention})"),
        }
    }

    fn runs_frame(&self, name: &str, observations: &Observations) -> Frame {
        let compute = observations.compute().iter().map(|c| c.get()).collect();
        let names: Vec<String> =
            observations.run_names().map(std::borrow::Cow::into_owned).collect();
        let runs =
            observations.run_index().iter().map(|&run| names.get(run).cloned().unwrap_or_default());
        Frame::new(name)
            .numbers("compute", "FLOP", compute)
            .numbers("loss", self.target_unit(), observations.target().to_vec())
            .words("run", runs)
            .sample(SHOWN_RUNS)
    }

    /// The law against its only variable.
    fn curve(&self) -> Result<Option<Figure>, Diagnostic> {
        let (fit, observations) = (self.fit, self.observations);
        let [variable] = &fit.law.variables[..] else { return Ok(None) };
        if fit.groups().len() > 1 {
            return Ok(None);
        }
        let name = variable.name.as_str();
        let column = observations.variable(name).unwrap_or_default().to_vec();
        let (low, high) = ends(&column);
        if !(low.is_finite() && high > low) {
            return Ok(None);
        }
        let log = low > 0.0 && high > 10.0 * low;
        let end = if log { high * 10.0 } else { high + 0.5 * (high - low) };
        let along: Vec<f64> = (0..=STEPS)
            .map(|step| step as f64 / STEPS as f64)
            .map(|t| if log { low * (end / low).powf(t) } else { low + t * (end - low) })
            .collect();
        let (mut best, mut lows, mut highs) = (vec![], vec![], vec![]);
        for &x in &along {
            let values = fit.law.values(fit.best_and_draws(None), &Setting::new().with(name, x))?;
            let interval = Interval::of(values[1..].to_vec(), fit.options.level);
            best.push(values[0]);
            lows.push(interval.map_or(f64::NAN, |ends| ends.low));
            highs.push(interval.map_or(f64::NAN, |ends| ends.high));
        }
        let (unit, level) = (variable.unit.as_str(), fit.options.level);
        let last = best.last().copied().unwrap_or(f64::NAN);
        let title = format!(
            "{} is {last:.3} at {name} = {:.2e} under the law",
            capital(&fit.law.target.name),
            along.last().copied().unwrap_or(f64::NAN)
        );
        let sigmoid = fit.law.name == "rl-sigmoid";
        let (x, y) = if sigmoid { ("compute", "score") } else { ("x", "y") };
        let target_unit = self.target_unit();
        let runs = Frame::new("runs")
            .numbers(x, unit, column)
            .numbers(y, target_unit, observations.target().to_vec())
            .sample(SHOWN_RUNS);
        let curve = Frame::new("law")
            .numbers(x, unit, along)
            .numbers(y, target_unit, best)
            .numbers("low", target_unit, lows)
            .numbers("high", target_unit, highs);
        let figure = if sigmoid {
            let ceiling = fit.value_of("A").unwrap_or(f64::NAN);
            let ceiling = Frame::new("ceiling")
                .numbers("score", "", vec![ceiling])
                .words("words", [format!("A = {ceiling:.3}")]);
            charts::sigmoid(runs, curve, ceiling, level)
        } else {
            let axis = |label: &str, unit: &str, log: bool| {
                if log { Axis::log(label, unit) } else { Axis::new(label, unit) }
            };
            let panel =
                Panel::new(axis(name, unit, log), axis(&fit.law.target.name, target_unit, false))
                    .mark(
                        Mark::band("law", "x", "low", "high")
                            .name(format!("{} interval of the law", words::level(level)))
                            .hue(Hue::Nth(0)),
                    )
                    .mark(Mark::line("law", "x", "y").name("the law").hue(Hue::Nth(0)))
                    .mark(Mark::points("runs", "x", "y").name("measured").hue(Hue::Ink));
            Figure::new("law", "").frame(runs).frame(curve).panel(panel)
        };
        Ok(Some(
            Figure { title, ..figure }
                .subtitle(fit.law.formula.clone())
                .source(fit.data.origin.clone()),
        ))
    }

    /// IsoFLOP profiles with their optima, where the runs form some.
    fn profiles_figure(&self) -> Option<Figure> {
        let fit = self.fit;
        if self.observations.len() > MANY_ROWS {
            return None;
        }
        let sweep = sweep(&fit.law, self.observations).ok()?;
        let FitOptions { level, seed, .. } = fit.options;
        let options =
            Approach2Options { resamples: 200, level, seed, ..Approach2Options::default() };
        let found = approach2(&sweep, &options).ok()?;
        let optima = found.profiles.iter().filter(|profile| profile.optimum.is_some()).count();
        if optima < 2 {
            return None;
        }
        let unit = self.target_unit();
        let label = |c: Flop| format!("{:.1e} FLOP", c.get());
        let (mut runs, mut curves, mut best) =
            (Points::default(), Points::default(), Points::default());
        let (mut lows, mut highs) = (vec![], vec![]);
        for profile in &found.profiles {
            let budget = label(profile.compute);
            for size in &profile.sizes {
                runs.push(size.parameters.get(), size.loss, &budget);
            }
            if let (Some(parabola), Some((low, high))) = (&profile.parabola, span(&profile.sizes)) {
                for step in 0..=STEPS {
                    let n = low * (high / low).powf(step as f64 / STEPS as f64);
                    curves.push(n, parabola.at(n.ln()), &budget);
                }
            }
            if let Some(optimum) = &profile.optimum {
                best.push(optimum.parameters.get(), optimum.loss, &budget);
                lows.push(optimum.parameters_interval.map_or(f64::NAN, |ends| ends.low));
                highs.push(optimum.parameters_interval.map_or(f64::NAN, |ends| ends.high));
            }
        }
        let figure = charts::isoflop_profiles(
            runs.frame("runs", unit),
            curves.frame("profiles", unit),
            best.frame("optima", unit).numbers("low", "", lows).numbers("high", "", highs),
            level,
        );
        let title = format!("{optima} budgets have a best model size among these runs");
        Some(
            Figure { title, ..figure }
                .subtitle("a parabola in ln N for each budget; by themselves parabolas are off, the law above is not")
                .source(fit.data.origin.clone()),
        )
    }

    /// The law over N and D.
    fn surface_figure(&self) -> Option<Figure> {
        let (fit, observations) = (self.fit, self.observations);
        let (Some(n), Some(d)) = (observations.variable("N"), observations.variable("D")) else {
            return None;
        };
        if fit.law.variables.len() != 2 || fit.groups().len() > 1 {
            return None;
        }
        let surface = Surface::new(fit)?;
        let ((n_low, n_high), (d_low, d_high)) = (ends(n), ends(d));
        let grid = |(low, high): (f64, f64)| -> Vec<f64> {
            let (low, high) = (low / 2.0, high * 4.0);
            let at = |step: usize| low * (high / low).powf(step as f64 / (CELLS - 1) as f64);
            (0..CELLS).map(at).collect()
        };
        let (mut sizes, mut tokens, mut losses) = (vec![], vec![], vec![]);
        for &size in &grid((n_low, n_high)) {
            for &text in &grid((d_low, d_high)) {
                sizes.push(size);
                tokens.push(text);
                losses.push(surface.at(Parameters(size), Tokens(text)));
            }
        }
        let unit = self.target_unit();
        let cells = Frame::new("surface")
            .numbers("params", "", sizes)
            .numbers("tokens", "", tokens)
            .numbers("loss", unit, losses);
        let runs = Frame::new("runs")
            .numbers("params", "", n.to_vec())
            .numbers("tokens", "", d.to_vec())
            .sample(SHOWN_RUNS);
        let (mut along_n, mut along_d) = (vec![], vec![]);
        if let Frontier::Of { given, .. } = &self.frontier {
            let (low, high) = fit.data.axis_range;
            for step in 0..=STEPS {
                let c = low * (10.0 * high / low).powf(step as f64 / STEPS as f64);
                if let Some(best) = best_of(fit, None, Flop(c), given) {
                    along_n.push(best.parameters.get());
                    along_d.push(best.tokens.get());
                }
            }
        }
        let path = Frame::new("path").numbers("params", "", along_n).numbers("tokens", "", along_d);
        let figure = charts::loss_surface(cells, runs, path);
        let title = "The law over model size and tokens, and where the runs are".to_owned();
        Some(Figure { title, ..figure }.subtitle(fit.law.formula.clone()))
    }

    /// The law refitted without its largest runs, asked about them.
    fn extrapolation(&self) -> Result<Option<Figure>, Diagnostic> {
        let (all, observations) = (self.fit, self.observations);
        let Frontier::Of { given, .. } = &self.frontier else { return Ok(None) };
        let cut = all
            .backtest
            .as_ref()
            .and_then(|test| test.cuts.iter().max_by(|a, b| a.decades.total_cmp(&b.decades)));
        let Some(cut) = cut else { return Ok(None) };
        if observations.compute().is_empty()
            || all.groups().len() > 1
            || observations.len() > MANY_ROWS
        {
            return Ok(None);
        }
        let compute: Vec<f64> = observations.compute().iter().map(|c| c.get()).collect();
        // A cut is known by the exponential of a logarithm, which is off in the last digits.
        let most = cut.at * (1.0 + 1e-9);
        let (kept_rows, held_rows): (Vec<usize>, Vec<usize>) =
            (0..compute.len()).partition(|&row| compute[row] <= most);
        let (Some(kept), Some(held)) =
            (part_of(observations, &kept_rows), part_of(observations, &held_rows))
        else {
            return Ok(None);
        };
        let options = FitOptions { bootstrap: 400, ..all.options.clone() };
        let Ok(refit) = fit(&all.law, &kept, &options) else { return Ok(None) };
        let level = options.level;
        let (from, to) = (ends(&compute).0, ends(&compute).1);
        let (mut at, mut best, mut lows, mut highs) = (vec![], vec![], vec![], vec![]);
        for step in 0..=STEPS {
            let c = from * (to / from).powf(step as f64 / STEPS as f64);
            let Some(found) = refit.optimum(Flop(c), given, level)?.into_iter().next() else {
                continue;
            };
            let setting = given
                .clone()
                .with("N", found.best.parameters.get())
                .with("D", found.best.tokens.get());
            let Some(said) = refit.predict(&setting, level, options.seed)?.into_iter().next()
            else {
                continue;
            };
            at.push(c);
            best.push(said.value);
            lows.push(said.new_run_interval.map_or(f64::NAN, |ends| ends.low));
            highs.push(said.new_run_interval.map_or(f64::NAN, |ends| ends.high));
        }
        if at.len() < 2 {
            return Ok(None);
        }
        let unit = self.target_unit();
        let (mut asked, mut said, mut said_low, mut said_high) = (vec![], vec![], vec![], vec![]);
        let mut inside = 0;
        for &row in &held_rows {
            let setting = observations
                .variables()
                .fold(Setting::new(), |setting, (name, column)| setting.with(name, column[row]));
            let Some(one) = refit.predict(&setting, level, options.seed)?.into_iter().next() else {
                continue;
            };
            asked.push(compute[row]);
            said.push(one.value);
            let interval = one.new_run_interval;
            inside +=
                usize::from(interval.is_some_and(|ends| ends.contains(observations.target()[row])));
            said_low.push(interval.map_or(f64::NAN, |ends| ends.low));
            said_high.push(interval.map_or(f64::NAN, |ends| ends.high));
        }
        let prediction = Frame::new("prediction")
            .numbers("compute", "FLOP", at)
            .numbers("loss", unit, best)
            .numbers("low", unit, lows)
            .numbers("high", unit, highs);
        let predicted = Frame::new("predicted")
            .numbers("compute", "FLOP", asked)
            .numbers("loss", unit, said)
            .numbers("low", unit, said_low)
            .numbers("high", unit, said_high);
        let mut figure = charts::extrapolation(
            self.runs_frame("kept", &kept),
            self.runs_frame("held-out", &held),
            prediction,
            level,
        );
        if let Some(panel) = figure.panels.first_mut() {
            let mark = Mark::points("predicted", "compute", "loss").ends("low", "high");
            panel.marks.push(mark.name("predicted for each").hue(Hue::Nth(2)));
        }
        let high = cut.predicted_too_high();
        let title = format!(
            "Refitted without its {} largest runs, the law misses them by {:.1} % on the {} side",
            held_rows.len(),
            100.0 * high.abs(),
            if high > 0.0 { "high" } else { "low" }
        );
        Ok(Some(
            Figure { title, ..figure }.frame(predicted).subtitle(format!(
                "the line and band are new compute-optimal runs under the refitted law; {inside} of {} held-out runs lie in their {} interval",
                held_rows.len(),
                words::level(level)
            )),
        ))
    }

    fn residuals(&self) -> Figure {
        let (fit, observations) = (self.fit, self.observations);
        let mut frame = Frame::new("runs").numbers("residual", "", fit.residuals.clone());
        let rows = fit.residuals.len();
        let mut variables: Vec<(String, bool)> = Vec::new();
        for (name, column) in observations.variables().filter(|(_, column)| column.len() == rows) {
            frame = frame.numbers(name, "", column.to_vec());
            variables.push((name.to_owned(), ends(column).0 > 0.0));
        }
        let compute = observations.compute();
        if compute.len() == rows && variables.iter().all(|(name, _)| name != "C") {
            frame = frame.numbers("C", "FLOP", compute.iter().map(|c| c.get()).collect());
            variables.push(("C".to_owned(), true));
        }
        let shown: Vec<(&str, &str, bool)> =
            variables.iter().map(|(name, log)| (name.as_str(), name.as_str(), *log)).collect();
        let figure = charts::residuals(frame.sample(SHOWN_RUNS), &shown);
        let scale = match fit.objective.residuals {
            laws::ResidualScale::Log => "ln measured - ln law",
            laws::ResidualScale::Linear => "measured - law",
        };
        Figure { title: "What the law leaves unexplained".into(), ..figure }.subtitle(format!(
            "{scale}; a trend along an axis is something that the law does not know"
        ))
    }

    /// The draws of the most uncertain parameters.
    fn draws_frame(&self) -> Frame {
        let draws = &self.fit.draws;
        let mut frame = Frame::new("draws");
        for name in draws.names().iter().take(SHOWN_PARAMETERS) {
            if let Some(column) = draws.column(name) {
                frame = frame.numbers(name, "", column.to_vec());
            }
        }
        frame
    }
}

/// Points of several budgets.
#[derive(Default)]
struct Points {
    params: Vec<f64>,
    loss: Vec<f64>,
    budget: Vec<String>,
}

impl Points {
    fn push(&mut self, params: f64, loss: f64, budget: &str) {
        self.params.push(params);
        self.loss.push(loss);
        self.budget.push(budget.to_owned());
    }

    fn frame(self, name: &str, unit: &str) -> Frame {
        Frame::new(name)
            .numbers("params", "", self.params)
            .numbers("loss", unit, self.loss)
            .words("budget", self.budget)
    }
}

fn span(sizes: &[laws::isoflop::Size]) -> Option<(f64, f64)> {
    let all: Vec<f64> = sizes.iter().map(|size| size.parameters.get()).collect();
    let (low, high) = ends(&all);
    (high > low).then_some((low, high))
}

/// Some of the rows.
fn part_of(observations: &Observations, rows: &[usize]) -> Option<Observations> {
    let take = |column: &[f64]| rows.iter().map(|&row| column[row]).collect::<Vec<f64>>();
    let names: Vec<String> = observations.run_names().map(std::borrow::Cow::into_owned).collect();
    let columns = InMemory {
        run: Some(rows.iter().map(|&row| names[observations.run_index()[row]].clone()).collect()),
        weight: observations.weights().map(take),
        ..InMemory::new(
            (Asked::positive(observations.target_name()), take(observations.target())),
            observations
                .variables()
                .map(|(name, column)| (Asked::positive(name), take(column)))
                .collect(),
        )
    };
    Observations::from_columns(observations.origin(), columns, Rules::default()).ok()
}

fn ends(values: &[f64]) -> (f64, f64) {
    values
        .iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &x| (low.min(x), high.max(x)))
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}

/// With a capital and a full stop.
fn sentence(text: &str) -> String {
    format!("{}.", capital(text).trim_end_matches('.'))
}
