//! Draws as a small histogram of block characters.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use draws::{Histogram, Scale};

/// Bars from nothing to a full character, in eighths.
const BLOCKS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// Lines of characters in a large histogram.
const LINES: u64 = 4;
const BAR: Style = AnsiColor::Cyan.on_default();

/// Positive quantities that spread over more than this factor are shown on a logarithmic scale.
const WIDE: f64 = 20.0;

/// A histogram over `width` characters, its bins one character each.
#[derive(Debug)]
pub(super) struct Bars(Histogram);

impl Bars {
    /// `None` where there is nothing to see: fewer than two different finite values.
    /// `ratios` says whether ratios of the quantity mean anything: not for dates and growth.
    pub(super) fn of(values: &[f64], width: usize, ratios: bool) -> Option<Self> {
        let mut histogram = Histogram::with_bins(values, Scale::Linear, width);
        if let (true, [low, .., high]) = (ratios, &histogram.edges[..])
            && *low > 0.0
            && high / low > WIDE
        {
            histogram = Histogram::with_bins(values, Scale::Log, width);
        }
        (histogram.counts.len() > 1).then_some(Self(histogram))
    }

    /// The first and the last edge.
    fn ends(&self) -> (f64, f64) {
        let edges = &self.0.edges;
        (edges.first().copied().unwrap_or(f64::NAN), edges.last().copied().unwrap_or(f64::NAN))
    }

    /// Each bar in eighths of `lines` characters; whatever is there at all shows.
    fn heights(&self, lines: u64) -> impl Iterator<Item = u64> {
        let most = self.0.counts.iter().copied().max().unwrap_or(0).max(1);
        self.0.counts.iter().map(move |&count| {
            let eighths = (count as f64 / most as f64 * (8 * lines) as f64).round() as u64;
            eighths.max(u64::from(count > 0))
        })
    }

    /// One line of blocks.
    pub(super) fn line(&self) -> String {
        let bars: String = self.heights(1).map(|height| BLOCKS[height.min(8) as usize]).collect();
        format!("{BAR}{bars}{BAR:#}")
    }

    /// Several lines with an axis, whose ends `show` spells.
    pub(super) fn picture(&self, show: impl Fn(f64) -> String) -> String {
        let mut text = String::new();
        for line in (0..LINES).rev() {
            let part = |height: u64| BLOCKS[height.saturating_sub(8 * line).min(8) as usize];
            let bars: String = self.heights(LINES).map(part).collect();
            let _ = writeln!(text, "  {BAR}{}{BAR:#}", bars.trim_end());
        }
        let (low, high) = self.ends();
        let (low, mut high) = (show(low), show(high));
        if self.0.scale == Scale::Log {
            high.push_str(" (log scale)");
        }
        let width = self.0.counts.len();
        let room = width.saturating_sub(low.chars().count()).max(high.chars().count() + 2);
        let _ = writeln!(text, "  {}", "─".repeat(width));
        let _ = writeln!(text, "  {low}{high:>room$}");
        text
    }
}
