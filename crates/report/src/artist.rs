//! Static figures: the page's library and code, run in an embedded JavaScript engine.

use diagnostic::Diagnostic;
use rquickjs::{CatchResultExt as _, Context, Runtime};

use crate::figure::Figure;
use crate::library;

/// Draws figures as the page does, without a browser.
///
/// ```
/// use report::{Artist, Axis, Figure, Frame, Look, Mark, Panel};
///
/// let figure = Figure::new("frontier", "Loss falls with compute")
///     .frame(Frame::new("runs").numbers("C", "FLOP", vec![1e18, 1e20]).numbers("L", "", vec![3.0, 2.5]))
///     .panel(Panel::new(Axis::log("Compute", "FLOP"), Axis::new("Loss", "nat"))
///         .mark(Mark::points("runs", "C", "L")));
/// let svg = Artist::new()?.svg(&figure, &Look::default())?;
/// assert!(svg.starts_with("<svg "));
/// assert!(svg.contains("Loss falls with compute"));
/// # Ok::<(), diagnostic::Diagnostic>(())
/// ```
pub struct Artist {
    context: Context,
    // After the context that lives in it.
    _runtime: Runtime,
}

/// How a static figure looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// In CSS pixels; the height follows from what is drawn.
    pub width: u32,
    /// Light on dark instead of dark on light.
    pub dark: bool,
}

impl Default for Look {
    fn default() -> Self {
        Self { width: 760, dark: false }
    }
}

/// A drawing is a second of work at most; a figure of millions of marks is not drawn for hours.
const MOST_MEMORY: usize = 1 << 30;

impl Artist {
    /// Loads the library: a third of a second.
    pub fn new() -> Result<Self, Diagnostic> {
        let broken = |error: String| {
            Diagnostic::error(format!("the plotting library does not run: {error}"))
        };
        let runtime = Runtime::new().map_err(|error| broken(error.to_string()))?;
        runtime.set_memory_limit(MOST_MEMORY);
        runtime.set_max_stack_size(1 << 20);
        let context = Context::full(&runtime).map_err(|error| broken(error.to_string()))?;
        context.with(|scope| {
            let scripts = [TIMERS, &library::unpacked(), library::DRAWING, library::LIVE, ENTRANCE];
            scripts.into_iter().try_for_each(|script| {
                scope.eval::<(), _>(script).catch(&scope).map_err(|error| broken(error.to_string()))
            })
        })?;
        Ok(Self { context, _runtime: runtime })
    }

    /// The figure as an SVG document, with title, subtitle and source.
    pub fn svg(&self, figure: &Figure, look: &Look) -> Result<String, Diagnostic> {
        figure.check()?;
        let width = look.width.clamp(240, 4000);
        let told = serde_json::json!({
            "width": width, "theme": if look.dark { "dark" } else { "light" }, "framed": true,
        });
        let drawn = self.call("drawStatic", &[&figure_json(figure), &told.to_string()])?;
        // Readers of the file hear what it shows.
        let title = crate::markdown::escaped(&figure.title);
        let opened = format!("<svg role=\"img\" aria-label=\"{title}\" ");
        Ok(drawn.replacen("<svg ", &opened, 1) + "\n")
    }

    /// Calls a function of strings that returns a string.
    pub(crate) fn call(&self, name: &str, given: &[&str]) -> Result<String, Diagnostic> {
        self.context.with(|scope| {
            let function: rquickjs::Function = scope.globals().get(name).map_err(|error| {
                Diagnostic::error(format!("the drawing code has no `{name}`: {error}"))
            })?;
            let mut arguments = rquickjs::function::Args::new(scope.clone(), given.len());
            let pushed = given.iter().try_for_each(|text| arguments.push_arg(*text));
            let drawn: Result<String, _> =
                pushed.and_then(|()| arguments.apply(&function)).catch(&scope);
            drawn.map_err(|error| Diagnostic::error(format!("a figure cannot be drawn: {error}")))
        })
    }
}

fn figure_json(figure: &Figure) -> String {
    let mut figure = figure.clone();
    figure.frames = figure.frames.into_iter().map(|f| f.sample(crate::page::MOST_ROWS)).collect();
    serde_json::to_string(&figure).unwrap_or_default()
}

/// The library asks for timers when it loads; a static drawing waits for nothing.
const TIMERS: &str = "var setTimeout = () => 0, clearTimeout = () => {};";

const ENTRANCE: &str = r"
function drawStatic(figureText, told) {
  const figure = JSON.parse(figureText), { width, theme, framed } = JSON.parse(told);
  return drawSvg(figure, tablesOf(figure), { width, theme, framed });
}
";

#[cfg(test)]
mod tests {
    use formula::{Columns, Environment, Program};

    use super::*;
    use crate::format;
    use crate::live::{End, Live, Slider, Source, Summary, Swing, Swings};
    use crate::number::Notation;
    use crate::{Axis, Frame, Mark, Panel};

    fn figure(title: &str) -> Figure {
        let runs = Frame::new("runs")
            .numbers("C", "FLOP", vec![1e18, 1e19, f64::NAN, -1.0, 1e21])
            .numbers("L", "nat", vec![3.0, 2.7, 2.5, 2.4, 2.2]);
        let panel = Panel::new(Axis::log("Compute", "FLOP"), Axis::new("Loss", "nat"));
        Figure::new("a", title).frame(runs).panel(panel.mark(Mark::points("runs", "C", "L")))
    }

    #[test]
    fn a_drawing_has_a_dot_for_each_row_with_a_place_and_is_the_same_each_time() {
        let artist = Artist::new().unwrap();
        let svg = artist.svg(&figure("Loss falls"), &Look::default()).unwrap();
        let dots = svg.lines().filter(|line| line.contains("#0072b2") && line.contains("<path"));
        assert_eq!(dots.count(), 3, "{svg}");
        assert!(svg.contains("Loss falls") && svg.contains("Compute (FLOP)"));
        let dark = artist.svg(&figure("Loss falls"), &Look { dark: true, width: 390 }).unwrap();
        assert!(dark.contains("width=\"390\"") && dark.contains("#14171c"));
        let again = Artist::new().unwrap().svg(&figure("Loss falls"), &Look::default()).unwrap();
        assert_eq!(svg, again);
    }

    #[test]
    fn words_cannot_leave_their_place_in_a_drawing() {
        let artist = Artist::new().unwrap();
        let hostile = "</text><script>alert(1)</script>\" onload=\"alert(1) \u{1} & <b>";
        let svg = artist.svg(&figure(hostile).source(hostile), &Look::default()).unwrap();
        assert!(!svg.contains("<script") && !svg.contains("<b>"), "{svg}");
        assert!(!svg.contains("\" onload=\""), "{svg}");
    }

    #[cfg(feature = "png")]
    #[test]
    fn a_drawing_becomes_a_png_of_twice_its_pixels() {
        // Without fonts the message says what to do.
        match Artist::new().unwrap().png(&figure("Loss falls"), &Look::default()) {
            Ok(png) => {
                assert!(png.starts_with(b"\x89PNG"));
                assert_eq!(u32::from_be_bytes(png[16..20].try_into().unwrap()), 1520);
            }
            Err(problem) => assert!(problem.to_string().contains("no fonts"), "{problem}"),
        }
    }

    #[test]
    fn sliders_give_the_same_answers_in_rust_and_in_the_page() {
        let text = "time from 2026 to 2030 step 1 yr\n\
                    loss = E + A / C^alpha\n\
                    reached = if(loss < 2.3, 1, 0)\n\
                    series size = start 1 next size * exp(alpha * g)\n\
                    when = if(E < 1.82, 2026 + 70 * (E - 1.7) + g, exp(1000))";
        let names = Environment::new()
            .parameter("C", "")
            .parameter("A", "")
            .parameter("g", "")
            .input("E", "")
            .input("alpha", "");
        let program = Program::parse("<test>", text).unwrap();
        let compiled =
            program.check(&names).unwrap().compile(&["loss", "reached", "size", "when"]).unwrap();
        let above = Program::parse("<test>", "above = each - middle + 0 * g").unwrap();
        let names = Environment::new().parameter("middle", "").parameter("g", "").input("each", "");
        let above = above.check(&names).unwrap().compile(&["above"]).unwrap();
        let swing = |name: &str, low, middle, high| Swing { name: name.into(), low, middle, high };
        let swings = Swings {
            swung: vec![swing("alpha", 0.04, 0.05, 0.06), swing("E", 1.7, 1.8, 1.9)],
            held: Vec::new(),
        };
        let rows = 2_500;
        let spread = |middle: f64, width: f64| -> Vec<f64> {
            (0..rows)
                .map(|row| middle + width * (f64::from(row * 7919 % rows) / f64::from(rows) - 0.5))
                .collect()
        };
        let draws = Columns::new(rows as usize)
            .with("E", spread(1.8, 0.1))
            .with("alpha", spread(0.05, 0.01).into_iter().rev().collect());
        let live = Live::new(draws)
            .slider(Slider::log("C", "compute", "FLOP", 1e18, 1e26, 1e22))
            .slider(Slider::linear("alpha", "exponent", "", 0.03, 0.07, 0.05))
            .slider(Slider::linear("g", "growth", "", 0.0, 2.0, 1.0))
            .constant("A", 10.0)
            .program("law", &compiled)
            .unwrap()
            .swept_program("curve", &compiled, "C", vec![1e19, 1e21, 1e23])
            .unwrap()
            .derive("middle", Source::median("law", "loss"))
            .derive("each", Source::new("law", "loss", Summary::Draws))
            .program("above", &above)
            .unwrap()
            .swung_program("swung", &compiled, swings)
            .unwrap();
        let artist = Artist::new().unwrap();
        let functions: Vec<&str> = live.programs.iter().map(|p| p.javascript.as_str()).collect();
        let script = format!(
            "globalThis.ask = (live, moved, source) => {{ const model = new LiveModel(JSON.parse(live), \
             [{}]); model.set(new Map(JSON.parse(moved))); return JSON.stringify(model.values(JSON.parse(source)).map(String)); }};",
            functions.join(", ")
        );
        artist.context.with(|scope| scope.eval::<(), _>(script)).unwrap();
        let written = serde_json::to_string(&live).unwrap();
        for setting in [vec![], vec![("C", 3e24)], vec![("alpha", 0.06), ("g", 0.1)]] {
            for source in [
                Source::median("law", "loss"),
                Source::new("law", "loss", Summary::Quantile(0.05)),
                Source::new("law", "loss", Summary::Draws),
                Source::mean("law", "reached"),
                Source::each("law", ["size", "loss"], Summary::Mean),
                Source::each("law", ["size", "loss"], Summary::Quantile(0.25)),
                Source::new("law", "size", Summary::First),
                Source::new("curve", "loss", Summary::Quantile(0.95)),
                Source::new("law", "when", Summary::Reach(12)),
                Source::new("law", "when", Summary::ByReach(12)),
                Source::new("law", "when", Summary::Quantile(0.95)),
                Source::new("above", "above", Summary::Quantile(0.95)),
                Source::new("swung", "loss", Summary::Swing(End::Low)),
                Source::new("swung", "when", Summary::Swing(End::Middle)),
                Source::new("swung", "when", Summary::Swing(End::High)),
            ] {
                let ours = live.evaluate(&setting, &source).unwrap();
                let moved = serde_json::to_string(&setting).unwrap();
                let asked = serde_json::to_string(&source).unwrap();
                let theirs: Vec<String> =
                    serde_json::from_str(&artist.call("ask", &[&written, &moved, &asked]).unwrap())
                        .unwrap();
                assert_eq!(ours.len(), theirs.len(), "{source:?}");
                for (ours, theirs) in ours.iter().zip(theirs) {
                    let theirs: f64 = theirs.parse().unwrap();
                    assert!(
                        *ours == theirs || (ours - theirs).abs() <= 1e-12 * ours.abs().max(1e-3),
                        "{source:?}: {ours} {theirs}"
                    );
                }
            }
        }
    }

    #[test]
    fn numbers_are_written_alike_in_rust_and_in_the_page() {
        let artist = Artist::new().unwrap();
        let script = "globalThis.written = (text, notation) => formatNumber(text === '' ? NaN : Number(text), notation);";
        artist.context.with(|scope| scope.eval::<(), _>(script)).unwrap();
        let mut values = vec![0.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1.0, -1.0, 999.6];
        let mut value = 1.237e-9;
        while value < 1e28 {
            values.extend([value, -value]);
            value *= 3.7;
        }
        values.extend([2027.0, 2028.21, 1999.999, 0.9987, 0.421, 0.0012]);
        for (name, notation) in [
            ("plain", Notation::Plain),
            ("fine", Notation::Fine),
            ("short", Notation::Short),
            ("power", Notation::Power),
            ("percent", Notation::Percent),
            ("dollars", Notation::Dollars),
            ("whole", Notation::Whole),
            ("date", Notation::Date),
        ] {
            for &value in &values {
                // Nobody has dates or counts beyond these.
                if matches!(notation, Notation::Date | Notation::Whole) && value.abs() > 1e15 {
                    continue;
                }
                let text = if value.is_nan() { String::new() } else { format!("{value:?}") };
                let text = text.replace("inf", "Infinity");
                let theirs = artist.call("written", &[&text, name]).unwrap();
                assert_eq!(theirs, format::number(value, notation), "{value} as {name}");
            }
        }
    }
}
