//! `isoflop trend`: the growth in a dated table, how sure it is, and where it goes.

use std::io::Write;
use std::path::Path;

use clap::Args;
use diagnostic::Diagnostic;
use draws::Level;
use forecast::{
    Backtest, DataColumns, DataSpec, Fragility, Point, Quality, Shape, Snapshot, Trend,
    TrendOptions, backtest, local_trends, running_top,
};

use super::{Outcome, named_text};
use crate::commands::shares::share;
use crate::progress::Work;
use crate::{terminal_plot, text};

mod json;
mod show;
#[cfg(test)]
mod tests;

const EXAMPLES: &str = "\
Examples:
  isoflop trend models.csv --value compute
      growth of the column `compute` over the column `date`, and where it goes
  isoflop trend models.csv --value compute --top 10 --since 2010 --shape kink
      of what was among the ten largest when it appeared, with one bend
  isoflop trend clusters.csv --date opened --value \"power MW\" --where \"owner == 'A'\" --to 2030
      with a unit, of some rows, carried on to 2030
  cat tokens.csv | isoflop trend - --value tokens --json
      from the standard input, for programs";

/// Fit the growth in a dated table: shapes, intervals, what it hangs on, a backtest, a forecast
///
/// The growth is fitted in logarithms; the shape is the one asked for, or that of the lowest BIC.
/// The fan is another thing: it averages local trends by how well they foretold each observation
/// from those before it, so that it holds noise, bends and the doubt about the shape.
#[derive(Debug, Clone, Args)]
#[command(after_long_help = EXAMPLES, after_help = "Use --help for examples.")]
pub(crate) struct TrendArgs {
    /// A table with a header (CSV, TSV or JSON lines); `-` is the standard input
    table: String,
    /// The column of values and, after a space, their unit
    #[arg(long, value_name = "COLUMN")]
    value: String,
    /// The column of dates: 2025-07-01, 2025-07 or 2025
    #[arg(long, value_name = "COLUMN", default_value = "date")]
    date: String,
    /// The column of the lower end of each value's own range
    #[arg(long, value_name = "COLUMN", requires = "high")]
    low: Option<String>,
    /// The column of its upper end
    #[arg(long, value_name = "COLUMN", requires = "low")]
    high: Option<String>,
    /// Keep rows that meet this, as `owner == 'A' and power > 10`
    #[arg(long = "where", value_name = "CONDITION")]
    filter: Option<String>,
    /// log-linear, kink, jump, hyperbolic or logistic [default: that of the lowest BIC that the points are enough for]
    #[arg(long)]
    shape: Option<String>,
    /// Keep what was among the largest so many when it appeared, later ones unknown
    #[arg(long, value_name = "COUNT")]
    top: Option<usize>,
    /// Leave out what is earlier
    #[arg(long, value_name = "DATE")]
    since: Option<String>,
    /// Leave out what is later
    #[arg(long, value_name = "DATE")]
    until: Option<String>,
    /// How far to forecast [default: a third of the data's span]
    #[arg(long, value_name = "DATE")]
    to: Option<String>,
    /// The level of the intervals
    #[arg(long, value_name = "SHARE", default_value_t = 0.9, value_parser = share)]
    level: f64,
    /// Bootstrap resamples behind the intervals of the growth
    #[arg(long, value_name = "COUNT", default_value_t = 1000)]
    resamples: usize,
    /// Observations ahead that the backtest forecasts from each origin
    #[arg(long, value_name = "COUNT", default_value_t = 3)]
    ahead: usize,
    /// The seed of resamples and draws
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Leave out the backtest
    #[arg(long)]
    no_backtest: bool,
    /// Answer in JSON
    #[arg(long)]
    json: bool,
    /// Leave out the plot
    #[arg(long)]
    no_plot: bool,
}

/// Draws behind the fan.
const DRAWS: usize = 4000;

/// Times at which the fan is shown.
const TIMES: usize = 6;

/// Resamples and observations ahead, at most: more is a slip of the pen.
const MOST: usize = 100_000;

/// Everything that was computed.
struct Answer {
    data: DataSpec,
    trend: Trend,
    level: Level,
    /// Every shape that the points allow, the lowest BIC first, with its growth.
    shapes: Vec<(Quality, f64)>,
    /// Whether the shape was asked for.
    asked: bool,
    fragility: Option<Fragility>,
    snapshots: Vec<Snapshot>,
    /// Dates and, for each, the ends of the interval around the median.
    fan: Vec<(f64, [f64; 3])>,
    backtest: Option<Backtest>,
    /// How many rows had no value above zero.
    dropped: usize,
}

/// Reads, fits and reports.
///
/// # Errors
/// A table, column, date or shape that is not there, and points that allow no trend.
pub(crate) fn run(args: &TrendArgs, out: &mut dyn Write) -> Result<Outcome, Diagnostic> {
    let work = Work::new(format!("fitting {}", args.table), None, false);
    let answer = answer(args);
    drop(work);
    text::say(out, &said(args, &answer?, terminal_plot::width()))?;
    Ok(Outcome::Done)
}

fn said(args: &TrendArgs, answer: &Answer, width: usize) -> String {
    if args.json {
        format!("{:#}\n", json::json(answer, args.seed))
    } else {
        show::for_people(answer, width, !args.no_plot)
    }
}

fn answer(args: &TrendArgs) -> Result<Answer, Diagnostic> {
    if !(0.01..=0.999).contains(&args.level) {
        return Err(Diagnostic::error(format!("`--level {}` is out of range", args.level))
            .help("give a share between 0.01 and 0.999"));
    }
    for (option, count) in [("--resamples", args.resamples), ("--ahead", args.ahead)] {
        if !(1..=MOST).contains(&count) {
            return Err(Diagnostic::error(format!("`{option} {count}` is out of range"))
                .help(format!("give a number from 1 to {MOST}")));
        }
    }
    let level = Level::new(args.level)?;
    let asked = args.shape.as_deref().map(shape).transpose()?;
    let data = data(args)?;
    let points = points(args, &data)?;
    let usable: Vec<Point> = points
        .iter()
        .copied()
        .filter(|point| point.value > 0.0 && point.value.is_finite())
        .collect();
    let mut shapes = Vec::new();
    for quality in Trend::compare(&usable) {
        let options =
            TrendOptions { shape: quality.shape, bootstraps: 0, ..TrendOptions::default() };
        shapes.push((quality, Trend::fit(&usable, options)?.growth()));
    }
    let best = shapes.first().map_or(Shape::LogLinear, |(quality, _)| quality.shape);
    let options = TrendOptions {
        shape: asked.unwrap_or(best),
        bootstraps: args.resamples,
        seed: args.seed,
        ..TrendOptions::default()
    };
    let trend = Trend::fit(&usable, options)?;
    Ok(Answer {
        fan: fan(args, &trend, level)?,
        backtest: if args.no_backtest {
            None
        } else {
            backtest(&usable, trend.shape, args.ahead, level, args.seed)
        },
        fragility: trend.fragility().ok(),
        snapshots: trend.snapshots(),
        dropped: points.len() - usable.len(),
        asked: asked.is_some(),
        data,
        trend,
        level,
        shapes,
    })
}

fn shape(name: &str) -> Result<Shape, Diagnostic> {
    Shape::named(name).ok_or_else(|| {
        let known = Shape::ALL.map(Shape::name);
        let problem = Diagnostic::error(format!("there is no shape `{name}`"));
        match diagnostic::nearest(name, known) {
            Some(near) => problem.help(format!("did you mean `{near}`?")),
            None => problem.help(format!("there are: {}", known.join(", "))),
        }
    })
}

fn data(args: &TrendArgs) -> Result<DataSpec, Diagnostic> {
    let unread = |problem: std::io::Error| {
        Diagnostic::error(format!("{} cannot be read: {problem}", args.table))
            .help("give the path of a table with a header, or `-`")
    };
    let (origin, text) = named_text::read(Path::new(&args.table)).map_err(unread)?;
    let columns = DataColumns {
        date: Some(&args.date),
        value: &args.value,
        low: args.low.as_deref(),
        high: args.high.as_deref(),
        filter: args.filter.as_deref(),
    };
    DataSpec::of_table(&origin, &text, &columns)
}

/// The points that take part.
fn points(args: &TrendArgs, data: &DataSpec) -> Result<Vec<Point>, Diagnostic> {
    let mut points = match args.top {
        Some(0) => return Err(Diagnostic::error("`--top 0` keeps nothing").help("count from 1")),
        Some(top) => running_top(&data.points, top),
        None => data.points.clone(),
    };
    let since = date("--since", args.since.as_deref())?.unwrap_or(f64::NEG_INFINITY);
    let until = date("--until", args.until.as_deref())?.unwrap_or(f64::INFINITY);
    points.retain(|point| since <= point.date && point.date <= until);
    Ok(points)
}

fn date(option: &str, text: Option<&str>) -> Result<Option<f64>, Diagnostic> {
    let Some(text) = text else { return Ok(None) };
    forecast::date(text).map(Some).ok_or_else(|| {
        Diagnostic::error(format!("`{option} {text}` is not a date"))
            .help("write `2025-07-01` or `2025`")
    })
}

fn fan(args: &TrendArgs, trend: &Trend, level: Level) -> Result<Vec<(f64, [f64; 3])>, Diagnostic> {
    let last = trend.last_date();
    let span = last - trend.points.first().map_or(last, |point| point.date);
    let to = date("--to", args.to.as_deref())?.unwrap_or(last + span / 3.0);
    if to <= last {
        return Err(Diagnostic::error(format!("`--to {to}` is not after the last observation"))
            .help(format!("the data end at {last:.2}")));
    }
    let dates: Vec<f64> =
        (1..=TIMES).map(|i| last + (to - last) * i as f64 / TIMES as f64).collect();
    let Some(draws) = local_trends(&trend.points, &dates, DRAWS, args.seed) else {
        return Ok(Vec::new());
    };
    let asked = [level.lower(), 0.5, level.upper()];
    let ends = |draws: &Vec<f64>| {
        let found = draws::select::quantiles(draws, &asked);
        [found[0].exp(), found[1].exp(), found[2].exp()]
    };
    Ok(dates.iter().copied().zip(draws.iter().map(ends)).collect())
}
