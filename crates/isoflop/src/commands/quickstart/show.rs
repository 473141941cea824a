//! The quickstart as it is told to people.

use std::fmt::Write as _;
use std::path::Path;

use lab::machine;
use lab::recipe::RunConfig;
use lab::sweep::{PlannedRun, Row, Status};
use laws::{Fit, Prediction};
use runs::Observations;

use super::super::fit::loss_against_compute;
use super::law::value;
use super::{QuickstartArgs, REACH};
use crate::terminal_plot::{self, Highlight};
use crate::text::{count, duration};

/// Rate of training assumed for the estimate before anything was measured, in share of the peak.
const EXPECTED_SHARE: f64 = 0.25;

pub(super) fn opening(
    args: &QuickstartArgs,
    family: &[PlannedRun],
    text: &str,
    most: f64,
) -> String {
    let total: f64 = family.iter().map(|run| run.config.compute()).sum();
    let sizes = family.iter().map(|run| run.config.shape.total_parameters() as f64);
    let smallest = sizes.clone().fold(f64::INFINITY, f64::min);
    let largest = sizes.fold(0.0, f64::max);
    let peak = machine::matmul_peak(args.source.cores());
    let seconds = |flop: f64| {
        duration(std::time::Duration::from_secs_f64((flop / peak / EXPECTED_SHARE).min(1e9)))
    };
    let mut opening = format!(
        "text   {text}\n\
         family {} models of {} to {} parameters, {total:.1e} FLOP; on {} cores about {}\n",
        family.len(),
        count(smallest),
        count(largest),
        args.source.cores(),
        seconds(total),
    );
    if !args.skip_target {
        let _ = writeln!(
            opening,
            "target one run of {:.1e} FLOP, predicted first, then made: about {}",
            REACH * most,
            seconds(REACH * most)
        );
    }
    opening
}

fn interval(prediction: &Prediction) -> String {
    prediction.new_run_interval.map_or("no interval".to_owned(), |interval| {
        format!(
            "{:.0} % interval for one new run {:.3} to {:.3}",
            100.0 * interval.level,
            interval.low,
            interval.high
        )
    })
}

pub(super) fn prediction_for_people(
    fit: &Fit,
    run: &RunConfig,
    prediction: &Prediction,
    saved: &Path,
) -> String {
    let mut text = format!(
        "\nlaw    loss = {:.3} + {:.4} / N^{:.3} + {:.4} / D^{:.3} nats per byte, N with head\n\
         fit    {} runs, a run scatters {:.1} % around the law\n",
        value(fit, "E"),
        value(fit, "A"),
        value(fit, "alpha"),
        value(fit, "B"),
        value(fit, "beta"),
        fit.data.rows,
        100.0 * fit.spread,
    );
    if let Some(error) = fit.backtest.as_ref().map(|backtest| backtest.error_per_decade)
        && error > 0.0
    {
        let _ = writeln!(
            text,
            "check  refitted without its largest runs, the law misses them by {:.0} % per decade of \
             compute\n       beyond noise; the interval below holds that",
            100.0 * error
        );
    }
    for warning in &fit.warnings {
        let _ = writeln!(text, "note   {warning}");
    }
    let _ = write!(
        text,
        "\nprediction for a run that does not exist yet\n\
         run    depth {}, N {}, D {}, C {:.2e} FLOP with attention, {:.2e} as 6ND\n\
         loss   {:.3}; {}\n\
         saved  {}\n",
        run.shape.depth,
        count(run.shape.parameters_with_head() as f64),
        count(run.tokens() as f64),
        run.compute(),
        run.compute_6nd(),
        prediction.value,
        interval(prediction),
        saved.display(),
    );
    text
}

pub(super) fn comparison(row: &Row, prediction: &Prediction, chart: &str, folder: &Path) -> String {
    let mut text = String::from("\n");
    match (row.status, row.loss) {
        (Status::Done, Some(measured)) => {
            let off = 100.0 * (prediction.value / measured - 1.0);
            let inside = match prediction.new_run_interval {
                Some(interval) if interval.contains(measured) => ", inside the interval",
                Some(_) => ", OUTSIDE the interval",
                None => "",
            };
            let _ = write!(
                text,
                "measured  {measured:.3} nats per byte\n\
                 predicted {:.3}, {:.1} % too {}{inside}\n\
                 {:9} {}\n",
                prediction.value,
                off.abs(),
                if off > 0.0 { "high" } else { "low" },
                "",
                interval(prediction),
            );
        }
        _ => text.push_str("the run diverged, so there is nothing to compare with\n"),
    }
    let _ = write!(
        text,
        "\n{chart}\n\
         next   isoflop fit {}                the law in full, with its intervals\n\
         \x20      isoflop fit YOUR_RUNS.csv --predict-compute 1e21\n\
         \x20      isoflop lab sweep --example > sweep.toml     a sweep of your own\n",
        folder.join("runs.csv").display()
    );
    text
}

pub(super) fn chart(
    fit: &Fit,
    observations: &Observations,
    prediction: &Prediction,
    measured: Option<&Row>,
) -> String {
    let compute = prediction.setting.compute().unwrap_or(f64::NAN);
    let mut highlights = vec![Highlight {
        label: "predicted".into(),
        at: (compute, prediction.value),
        interval: prediction.new_run_interval.map(|interval| (interval.low, interval.high)),
    }];
    if let Some(loss) = measured.and_then(|row| row.loss) {
        let measured = Highlight { label: "measured".into(), at: (compute, loss), interval: None };
        highlights.push(measured);
    }
    loss_against_compute(fit, observations, highlights).render(terminal_plot::width(), 18)
}
