//! Plots made of characters: points, lines and intervals against two axes.
//!
//! Lines are drawn in Braille dots (eight to a character), points as one marker per series, so
//! that a plot without colours still tells its series apart. Colours are written as terminal
//! codes; the stream that prints them drops them where they are not wanted.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};

/// The markers and colours of the series, in order.
const MARKERS: [char; 8] = ['●', '▲', '■', '◆', '○', '△', '□', '◇'];
/// The markers of the highlighted points, in order.
const HIGHLIGHTS: [char; 3] = ['✦', '✚', '✱'];
const COLOURS: [AnsiColor; 6] = [
    AnsiColor::Blue,
    AnsiColor::Green,
    AnsiColor::Magenta,
    AnsiColor::Cyan,
    AnsiColor::Yellow,
    AnsiColor::Red,
];

/// How values are laid out along an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scale {
    Linear,
    /// Equal distances are equal factors; only positive values can be shown.
    Log,
}

impl Scale {
    fn place(self, value: f64) -> f64 {
        match self {
            Self::Linear => value,
            Self::Log => value.log10(),
        }
    }
}

/// Points that belong together and share a marker.
#[derive(Debug, Clone)]
pub(crate) struct Series {
    pub(crate) label: String,
    pub(crate) points: Vec<(f64, f64)>,
}

/// A point with an interval in y, drawn over everything else.
#[derive(Debug, Clone)]
pub(crate) struct Highlight {
    pub(crate) label: String,
    pub(crate) at: (f64, f64),
    /// Lower and upper end.
    pub(crate) interval: Option<(f64, f64)>,
}

/// A plot, to be rendered at a width and height. Values that are not finite are left out.
#[derive(Debug, Clone)]
pub(crate) struct Plot {
    pub(crate) x_label: String,
    pub(crate) y_label: String,
    pub(crate) x_scale: Scale,
    pub(crate) y_scale: Scale,
    pub(crate) series: Vec<Series>,
    /// Lines through the points, in their order.
    pub(crate) lines: Vec<Series>,
    pub(crate) highlights: Vec<Highlight>,
}

/// The width to draw for: the terminal's, or what `COLUMNS` says, or 80; at most 110.
pub(crate) fn width() -> usize {
    let asked = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let terminal = terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
    terminal.or(asked).unwrap_or(80).clamp(40, 110)
}

#[derive(Debug, Clone, Copy)]
struct Span {
    scale: Scale,
    low: f64,
    high: f64,
}

impl Span {
    /// Around the finite ones of `values`, with a little room; `None` when there are none.
    fn around(scale: Scale, values: impl Iterator<Item = f64>) -> Option<Self> {
        let (low, high) = values
            .map(|value| scale.place(value))
            .filter(|place| place.is_finite())
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), x| (l.min(x), h.max(x)));
        if low > high {
            return None;
        }
        let room = if high > low { 0.03 * (high - low) } else { 0.5 };
        Some(Self { scale, low: low - room, high: high + room })
    }

    /// From 0 to 1 across the span; may lie outside.
    fn share(&self, value: f64) -> f64 {
        (self.scale.place(value) - self.low) / (self.high - self.low)
    }

    /// About `count` round values inside, with their labels.
    fn ticks(&self, count: usize) -> Vec<(f64, String)> {
        let width = self.high - self.low;
        let rough = width / count.max(1) as f64;
        if self.scale == Scale::Log && rough > 0.15 {
            let step = rough.ceil().max(1.0);
            let multiples: &[f64] = if rough < 0.4 { &[1.0, 2.0, 5.0] } else { &[1.0] };
            let mut ticks = Vec::new();
            let mut decade = (self.low / step).floor() * step;
            while decade <= self.high && ticks.len() < 50 {
                for multiple in multiples {
                    let value = multiple * 10_f64.powf(decade);
                    if (0.0..=1.0).contains(&self.share(value)) {
                        ticks.push((value, format!("{multiple}e{decade}")));
                    }
                }
                decade += step;
            }
            return ticks;
        }
        let (low, high) = match self.scale {
            Scale::Linear => (self.low, self.high),
            Scale::Log => (10_f64.powf(self.low), 10_f64.powf(self.high)),
        };
        let rough = (high - low) / count.max(1) as f64;
        let power = 10_f64.powf(rough.log10().floor());
        let step =
            power * [1.0, 2.0, 5.0, 10.0].into_iter().find(|m| m * power >= rough).unwrap_or(10.0);
        let decimals = (-step.log10().floor()).clamp(0.0, 12.0) as usize;
        let mut ticks = Vec::new();
        let mut index = (low / step).ceil();
        while index * step <= high && ticks.len() < 50 {
            // Adding nothing turns -0 into 0.
            let value = index * step + 0.0;
            let label = if value.abs() >= 1e5 {
                format!("{value:.1e}")
            } else {
                format!("{value:.decimals$}")
            };
            ticks.push((value, label));
            index += 1.0;
        }
        ticks
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Cell {
    /// Braille dots, as in Unicode's numbering.
    dots: u8,
    mark: Option<char>,
    style: Style,
}

struct Canvas {
    columns: usize,
    rows: usize,
    cells: Vec<Cell>,
    x: Span,
    y: Span,
}

impl Canvas {
    /// The cell of a value, when it lies inside.
    fn cell(&mut self, x: f64, y: f64) -> Option<&mut Cell> {
        let column = (self.x.share(x) * self.columns as f64).floor();
        let row = ((1.0 - self.y.share(y)) * self.rows as f64).floor();
        let inside =
            (0.0..self.columns as f64).contains(&column) && (0.0..self.rows as f64).contains(&row);
        if inside {
            self.cells.get_mut(row as usize * self.columns + column as usize)
        } else {
            None
        }
    }

    fn mark(&mut self, x: f64, y: f64, mark: char, style: Style) {
        if let Some(cell) = self.cell(x, y) {
            *cell = Cell { dots: 0, mark: Some(mark), style };
        }
    }

    /// A straight line on screen between two values, in dots.
    fn line(&mut self, from: (f64, f64), to: (f64, f64), style: Style) {
        const DOTS: [[u8; 4]; 2] = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]];
        let (wide, high) = ((2 * self.columns) as f64, (4 * self.rows) as f64);
        let place = |(x, y): (f64, f64)| (self.x.share(x) * wide, (1.0 - self.y.share(y)) * high);
        let ((x0, y0), (x1, y1)) = (place(from), place(to));
        if ![x0, y0, x1, y1].into_iter().all(f64::is_finite) {
            return;
        }
        let steps = (x1 - x0).abs().max((y1 - y0).abs()).ceil().clamp(1.0, 2000.0) as usize;
        for step in 0..=steps {
            let t = step as f64 / steps as f64;
            let (x, y) = ((x0 + t * (x1 - x0)).floor(), (y0 + t * (y1 - y0)).floor());
            if (0.0..wide).contains(&x) && (0.0..high).contains(&y) {
                let (x, y) = (x as usize, y as usize);
                let cell = &mut self.cells[y / 4 * self.columns + x / 2];
                cell.dots |= DOTS[x % 2][y % 4];
                cell.style = style;
            }
        }
    }
}

impl Plot {
    /// The plot as lines of at most `width` characters, `height` of them for the area itself,
    /// with axes and a legend; empty when there is nothing finite to show.
    pub(crate) fn render(&self, width: usize, height: usize) -> String {
        let points = || {
            let plain = self.series.iter().chain(&self.lines).flat_map(|series| &series.points);
            plain.copied().chain(self.highlights.iter().map(|highlight| highlight.at))
        };
        let ends = self
            .highlights
            .iter()
            .filter_map(|highlight| highlight.interval)
            .flat_map(|(low, high)| [low, high]);
        let Some(x) = Span::around(self.x_scale, points().map(|(x, _)| x)) else {
            return String::new();
        };
        let Some(y) = Span::around(self.y_scale, points().map(|(_, y)| y).chain(ends)) else {
            return String::new();
        };
        let rows = height.clamp(4, 60);
        let y_ticks = y.ticks(rows / 4);
        let margin = y_ticks.iter().map(|(_, label)| label.len()).max().unwrap_or(0);
        let columns = width.saturating_sub(margin + 2).max(20);
        let mut canvas =
            Canvas { columns, rows, cells: vec![Cell::default(); columns * rows], x, y };
        self.draw(&mut canvas);

        let mut text = String::new();
        let _ = writeln!(text, "{:margin$} {}", "", self.y_label);
        for row in 0..rows {
            let label = y_ticks.iter().find(|(value, _)| {
                ((1.0 - y.share(*value)) * rows as f64).max(0.0) as usize == row
            });
            let (label, axis) = label.map_or(("", '│'), |(_, label)| (label.as_str(), '┤'));
            let _ = write!(text, "{label:>margin$} {axis}");
            text.push_str(&row_text(&canvas.cells[row * columns..][..columns]));
            text.push('\n');
        }
        text.push_str(&x_axis(&x, columns, margin));
        let _ = writeln!(text, "{:margin$}  {:>columns$}", "", self.x_label);
        text.push_str(&self.legend(width));
        text
    }

    fn draw(&self, canvas: &mut Canvas) {
        for line in &self.lines {
            for pair in line.points.windows(2) {
                canvas.line(pair[0], pair[1], Style::new().dimmed());
            }
        }
        for (index, series) in self.series.iter().enumerate() {
            for &(x, y) in &series.points {
                canvas.mark(x, y, MARKERS[index % MARKERS.len()], style_of(index));
            }
        }
        let bold = Style::new().bold();
        for (index, highlight) in self.highlights.iter().enumerate() {
            let (x, y) = highlight.at;
            if let Some((low, high)) = highlight.interval {
                let (bottom, top) = (canvas.y.share(low), canvas.y.share(high));
                for row in 0..canvas.rows {
                    let middle = 1.0 - (row as f64 + 0.5) / canvas.rows as f64;
                    if bottom <= middle && middle <= top {
                        let place = canvas.y.low + middle * (canvas.y.high - canvas.y.low);
                        let value = match canvas.y.scale {
                            Scale::Linear => place,
                            Scale::Log => 10_f64.powf(place),
                        };
                        canvas.mark(x, value, '┃', bold);
                    }
                }
                canvas.mark(x, high, '┯', bold);
                canvas.mark(x, low, '┷', bold);
            }
            canvas.mark(x, y, HIGHLIGHTS[index % HIGHLIGHTS.len()], bold);
        }
    }

    fn legend(&self, width: usize) -> String {
        let series = self.series.iter().enumerate().map(|(index, series)| {
            (MARKERS[index % MARKERS.len()], &series.label, style_of(index))
        });
        let lines = self.lines.iter().map(|line| ('⠒', &line.label, Style::new().dimmed()));
        let highlights = self.highlights.iter().enumerate().map(|(index, highlight)| {
            (HIGHLIGHTS[index % HIGHLIGHTS.len()], &highlight.label, Style::new().bold())
        });
        let mut text = String::new();
        let mut used = 0;
        // Further lines of one kind go without a label.
        let labelled =
            series.chain(lines).chain(highlights).filter(|(_, label, _)| !label.is_empty());
        for (mark, label, style) in labelled {
            let needed = label.chars().count() + 4;
            if used > 0 && used + needed > width {
                text.push('\n');
                used = 0;
            }
            let _ = write!(text, "  {style}{mark}{style:#} {label}");
            used += needed;
        }
        text.push('\n');
        text
    }
}

fn style_of(index: usize) -> Style {
    COLOURS[index % COLOURS.len()].on_default()
}

fn row_text(cells: &[Cell]) -> String {
    let mut text = String::new();
    let filled = cells.iter().rposition(|cell| cell.dots > 0 || cell.mark.is_some());
    for cell in &cells[..filled.map_or(0, |last| last + 1)] {
        let character = cell.mark.or_else(|| char::from_u32(0x2800 + u32::from(cell.dots)));
        match character {
            Some(character) if cell.dots > 0 || cell.mark.is_some() => {
                let style = cell.style;
                let _ = write!(text, "{style}{character}{style:#}");
            }
            _ => text.push(' '),
        }
    }
    text
}

fn x_axis(x: &Span, columns: usize, margin: usize) -> String {
    let mut axis = vec!['─'; columns];
    let mut labels = vec![' '; columns];
    let mut free = 0;
    for (value, label) in x.ticks(columns / 12) {
        let column = ((x.share(value) * columns as f64).floor() as usize).min(columns - 1);
        let start = column.saturating_sub(label.len() / 2).min(columns.saturating_sub(label.len()));
        if start < free || label.len() > columns {
            continue;
        }
        axis[column] = '┬';
        for (place, character) in labels[start..].iter_mut().zip(label.chars()) {
            *place = character;
        }
        free = start + label.len() + 2;
    }
    let axis: String = axis.into_iter().collect();
    let labels: String = labels.into_iter().collect();
    format!("{:margin$} └{axis}\n{:margin$}  {}\n", "", "", labels.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(plot: &Plot, width: usize, height: usize) -> String {
        anstream::adapter::strip_str(&plot.render(width, height)).to_string()
    }

    fn plot() -> Plot {
        let curve = |x: f64| 1.7 + 20.0 * x.powf(-0.1);
        let budget = |c: f64, label: &str| Series {
            label: label.to_owned(),
            points: (0..5).map(|i| (c, curve(c) + 0.05 * f64::from(i))).collect(),
        };
        Plot {
            x_label: "compute, FLOP".to_owned(),
            y_label: "loss, nats per token".to_owned(),
            x_scale: Scale::Log,
            y_scale: Scale::Linear,
            series: vec![budget(1e12, "1e12"), budget(1e13, "1e13"), budget(1e14, "1e14")],
            lines: vec![Series {
                label: "compute-optimal".to_owned(),
                points: (0..40)
                    .map(|i| 10_f64.powf(12.0 + 0.08 * f64::from(i)))
                    .map(|c| (c, curve(c)))
                    .collect(),
            }],
            highlights: vec![Highlight {
                label: "predicted".to_owned(),
                at: (1e15, curve(1e15)),
                interval: Some((2.0, 2.6)),
            }],
        }
    }

    #[test]
    fn a_plot_shows_points_line_interval_ticks_and_legend() {
        insta::assert_snapshot!(plain(&plot(), 64, 14));
    }

    #[test]
    fn no_line_is_wider_than_asked() {
        for width in [40, 57, 80, 110] {
            for line in plain(&plot(), width, 12).lines() {
                assert!(line.chars().count() <= width, "{width}: {line}");
            }
        }
    }

    #[test]
    fn hostile_values_do_not_panic() {
        let strange = [0.0, -1.0, 1e300, -1e300, 1e-300, f64::NAN, f64::INFINITY, 3.0];
        for scale in [Scale::Linear, Scale::Log] {
            let points: Vec<(f64, f64)> =
                strange.iter().flat_map(|&x| strange.iter().map(move |&y| (x, y))).collect();
            let series = || vec![Series { label: "a".repeat(200), points: points.clone() }];
            let plot = Plot {
                x_label: String::new(),
                y_label: String::new(),
                x_scale: scale,
                y_scale: scale,
                series: series(),
                lines: series(),
                highlights: points
                    .iter()
                    .map(|&at| Highlight { label: String::new(), at, interval: Some(at) })
                    .collect(),
            };
            for (width, height) in [(0, 0), (1, 1), (80, 20)] {
                let _ = plot.render(width, height);
            }
        }
        let one = Plot {
            series: vec![Series { label: String::new(), points: vec![(1.0, 1.0)] }],
            lines: Vec::new(),
            highlights: Vec::new(),
            ..plot()
        };
        assert!(plain(&one, 60, 10).contains('●'));
        let none = Plot { series: Vec::new(), ..one };
        assert_eq!(none.render(60, 10), "");
    }
}
