//! What an answer hangs on: bars that move with the sliders, and shares of variance that do not.

use draws::sensitivity::Bar;
use forecast::Sensitivity;
use formula::Form;
use report::{End, Figure, Frame, Notation, Number, Scale, Source, Still, Summary, charts};

use super::numbers::{read, unit};
use super::{Page, capital, slug, swung};
use crate::commands::fit::words;
use crate::commands::forecast::show::shown;

/// Bars of one figure.
pub(super) const MOST_BARS: usize = 12;

/// A figure's name, another one in each case.
fn named(kind: &str, found: &Sensitivity) -> String {
    slug(format!("{kind} {} {}", found.of, found.label).trim_end())
}

impl Page<'_> {
    /// The bars and the shares of each analysis.
    pub(super) fn hangs(&self) -> Vec<Figure> {
        let mut figures = Vec::new();
        for (number, found) in self.answer.sensitivities.iter().enumerate() {
            figures.extend(self.tornado(number, found));
            figures.extend(sobol(found).map(|figure| {
                figure.still(self.still(
                    "shares of variance take tens of thousands of further samples, more than a page computes while a slider moves",
                ))
            }));
        }
        figures
    }

    fn tornado(&self, number: usize, found: &Sensitivity) -> Option<Figure> {
        let tornado = found.tornado.as_ref()?;
        // `never` is infinite: it is drawn beyond the edge.
        let read = |base: f64| read(&found.value, base);
        let bars: Vec<_> = tornado.bars.iter().zip(&found.inputs).take(MOST_BARS).collect();
        let words = |end: fn(&Bar) -> f64| -> Vec<String> {
            bars.iter().map(|(bar, value)| shown(value, end(bar))).collect()
        };
        let unit = unit(&found.value);
        let base = read(tornado.baseline);
        let mut frame = Frame::new("swings")
            .words("input", bars.iter().map(|(bar, _)| bar.name.replace('_', " ")));
        for (name, values, end) in [
            ("base", vec![base; bars.len()], End::Middle),
            ("at_low", bars.iter().map(|(bar, _)| read(bar.at_low)).collect(), End::Low),
            ("at_high", bars.iter().map(|(bar, _)| read(bar.at_high)).collect(), End::High),
        ] {
            frame = frame.numbers(name, &unit, values);
            if let Some(Some(swings)) = self.swings.get(number) {
                let program = swung(self.step, number);
                frame = frame.live(Source::new(program, &swings.shown, Summary::Swing(end)));
            }
        }
        let frame = frame.words("low", words(|bar| bar.low)).words("high", words(|bar| bar.high));
        let of = found.of.replace('_', " ");
        let mut figure = charts::tornado(frame, &of);
        let date = found.value.form() == Form::Instant;
        if date {
            for panel in &mut figure.panels {
                panel.x.scale = Scale::Date;
            }
        }
        let first = bars.first().map_or(String::new(), |(bar, _)| bar.name.replace('_', " "));
        let figure = figure
            .named(named("tornado", found))
            .titled(format!("{} moves {of} most", capital(&first)))
            .moved_title(format!("How far each input moves {of}"))
            .subtitle(format!(
                "each input at the ends of its {} interval, the others at their medians{}{}{}",
                words::level(tornado.level.share()),
                if self.sliders.is_empty() { "" } else { " or where their sliders are" },
                if date { "; a bar that reaches the right edge is `never`" } else { "" },
                case_words(&found.label)
            ));
        Some(match self.swings.get(number) {
            Some(Some(swings)) if swings.deaf.is_empty() => figure,
            Some(Some(swings)) => figure.still(Still::new(
                swings.deaf.clone(),
                "an input that is a formula of several uncertain numbers has a bar for each of them",
            )),
            _ => figure.still(self.still("its formula cannot be computed in the page")),
        })
    }
}

fn sobol(found: &Sensitivity) -> Option<Figure> {
    let sobol = found.sobol.as_ref()?;
    let mut indices: Vec<_> = sobol.indices.iter().collect();
    indices.sort_by(|a, b| b.total.value.total_cmp(&a.total.value));
    indices.truncate(MOST_BARS);
    let (mut input, mut order, mut share, mut low, mut high) =
        (vec![], vec![], vec![], vec![], vec![]);
    for index in &indices {
        for (name, one) in [("first order", &index.first), ("total", &index.total)] {
            input.push(index.name.replace('_', " "));
            order.push(name.to_owned());
            share.push(one.value.max(0.0));
            low.push(one.low.clamp(0.0, 1.0));
            high.push(one.high.clamp(0.0, 1.0));
        }
    }
    let frame = Frame::new("indices")
        .words("input", input)
        .words("order", order)
        .numbers("share", "", share)
        .numbers("low", "", low)
        .numbers("high", "", high);
    let of = found.of.replace('_', " ");
    let figure = charts::sobol(frame, sobol.level.share());
    let title = indices.first().map_or(String::new(), |first| {
        let share = Number::new("", first.total.value.clamp(0.0, 1.0)).notation(Notation::Percent);
        format!(
            "{} explains {share} of what is uncertain of {of}",
            capital(&first.name.replace('_', " "))
        )
    });
    let ranks = if sobol.aspect == draws::sensitivity::Aspect::Rank { " of ranks" } else { "" };
    let subtitle =
        format!("shares of the variance{ranks}; {}{}", figure.subtitle, case_words(&found.label));
    Some(Figure { name: named("sobol", found), title, ..figure }.subtitle(subtitle))
}

fn case_words(label: &str) -> String {
    if label.is_empty() { String::new() } else { format!("; where {label}") }
}
