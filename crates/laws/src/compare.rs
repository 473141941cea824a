//! Which law extrapolates best: each is fitted below a cut and tried on the runs above it.

use rayon::prelude::*;
use runs::Observations;
use serde::{Deserialize, Serialize};

use crate::backtest::{Cuts, cut_runs};
use crate::draws::Interval;
use crate::residuals::mean;
use crate::{Fit, FitError, FitOptions, Law, Setting, fit};

/// Laws tried on the same held-out runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// What runs are ordered and cut by: `C`, or a law's first variable.
    pub axis: String,
    /// The cuts, from the largest runs down: the largest value of the axis among the fitted runs,
    /// how many runs were fitted and how many held out.
    pub cuts: Vec<(f64, usize, usize)>,
    /// The laws, the one with the least error first; those that could not be fitted last.
    pub contenders: Vec<Contender>,
    /// The best law against each of the others that could be fitted, in their order.
    pub pairs: Vec<Pair>,
    /// The level of every interval.
    pub level: f64,
}

/// One law of a [`Comparison`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Contender {
    /// Its name.
    pub law: String,
    /// How many parameters were fitted.
    pub parameters: usize,
    /// Why it could not be fitted below every cut; nothing else counts then.
    pub refused: Option<String>,
    /// Per cut, what came out.
    pub cuts: Vec<Score>,
    /// Over all held-out runs of all cuts.
    pub overall: Score,
    /// Akaike's criterion with the correction for few rows, from the fit to all rows, with its
    /// scale fitted: n ln (value / n) + 2 k + 2 k (k + 1) / (n - k - 1), k counting the scale.
    /// Comparable between laws under one objective only.
    pub aicc: Option<f64>,
}

/// How well a law predicted runs that it had not seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// Mean size of the residual (of log residuals: the relative error).
    pub error: f64,
    /// Mean residual, measured minus predicted: its side.
    pub bias: f64,
    /// Share of the runs inside their interval.
    pub covered: f64,
    /// Mean interval score on the residual scale: width plus 2 / (1 - level) times the distance of
    /// runs outside (Gneiting and Raftery 2007, equation 43). Less is better; it rewards intervals
    /// that are narrow and hold.
    pub interval_score: f64,
    /// How many runs were predicted.
    pub runs: usize,
}

/// Two laws on the same held-out runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pair {
    /// The law with the lesser error, and the other.
    pub laws: (String, String),
    /// Mean over held-out runs of the other's error less the better one's.
    pub difference: f64,
    /// Its interval: runs drawn again, with all cuts they are held out from.
    pub interval: Option<Interval>,
    /// Share of those resamples in which the better one stays better.
    pub wins: f64,
}

/// One held-out run under one cut.
#[derive(Debug, Clone, Copy)]
struct Trial {
    run: usize,
    residual: f64,
    /// Ends of the interval, as residuals of the prediction.
    ends: Option<(f64, f64)>,
}

/// Fits every law below each cut and scores it on the runs above.
///
/// `options.bootstrap` draws give the intervals, and are refitted for every law and cut: a few
/// hundred are enough. All laws are judged by their own residuals' scale, so they should predict
/// the same quantity.
///
/// # Errors
/// Fewer than two laws, laws of different targets, and runs among which no cut can be made.
pub fn compare(
    laws: &[Law],
    observations: &Observations,
    options: &FitOptions,
) -> Result<Comparison, FitError> {
    options.check()?;
    if laws.len() < 2 {
        return Err(FitError::Option {
            option: "laws".to_owned(),
            value: laws.len() as f64,
            expected: "at least two to compare",
        });
    }
    let most = laws.iter().map(|law| law.parameters.len()).max().unwrap_or(1);
    // Where the runs have no C, the first law that can read them says what orders them.
    let mut orders = laws.iter().map(|law| cut_runs(law, observations, most));
    let Cuts { axis, cuts } = match orders.find(Result::is_ok) {
        Some(cuts) => cuts?,
        None => cut_runs(&laws[0], observations, most)?,
    };
    let mut tried: Vec<(Contender, Vec<Vec<Trial>>)> =
        laws.par_iter().map(|law| try_law(law, observations, options, &cuts)).collect();
    tried.sort_by(|(a, _), (b, _)| {
        let key = |c: &Contender| (c.refused.is_some(), c.overall.error);
        let (a, b) = (key(a), key(b));
        a.0.cmp(&b.0).then(a.1.total_cmp(&b.1))
    });
    let pairs = match tried.split_first() {
        Some(((best, trials), others)) if best.refused.is_none() => others
            .iter()
            .filter(|(other, _)| other.refused.is_none())
            .map(|(other, theirs)| pair(&best.law, trials, &other.law, theirs, options))
            .collect(),
        _ => Vec::new(),
    };
    Ok(Comparison {
        axis,
        cuts: cuts.iter().map(|cut| (cut.at, cut.below_runs, cut.above.len())).collect(),
        contenders: tried.into_iter().map(|(contender, _)| contender).collect(),
        pairs,
        level: options.level,
    })
}

fn try_law(
    law: &Law,
    observations: &Observations,
    options: &FitOptions,
    cuts: &[crate::backtest::CutRuns],
) -> (Contender, Vec<Vec<Trial>>) {
    let mut contender = Contender {
        law: law.name.clone(),
        parameters: law.parameters.iter().filter(|parameter| parameter.fixed.is_none()).count(),
        refused: None,
        cuts: Vec::new(),
        overall: Score::default(),
        aicc: None,
    };
    let trials: Result<Vec<Vec<Trial>>, FitError> =
        cuts.iter().map(|cut| try_cut(law, observations, options, cut)).collect();
    let trials = match trials {
        Ok(trials) => trials,
        Err(problem) => {
            contender.refused = Some(problem.to_string());
            return (contender, Vec::new());
        }
    };
    contender.cuts = trials.iter().map(|trials| Score::of(trials, options.level)).collect();
    contender.overall = Score::of(&trials.concat(), options.level);
    let point = FitOptions { bootstrap: 0, ..options.clone() };
    if let Ok(fit) = fit(law, observations, &point) {
        let (n, k) = (fit.data.rows as f64, fit.estimates.len() as f64 + 1.0);
        contender.aicc = (n > k + 1.0 && fit.value > 0.0)
            .then(|| n * (fit.value / n).ln() + 2.0 * k + 2.0 * k * (k + 1.0) / (n - k - 1.0));
    }
    (contender, trials)
}

fn try_cut(
    law: &Law,
    observations: &Observations,
    options: &FitOptions,
    cut: &crate::backtest::CutRuns,
) -> Result<Vec<Trial>, FitError> {
    let below = observations.select(&cut.below);
    let fitted = fit(law, &below, options)?;
    cut.above.iter().map(|&row| trial(&fitted, observations, row, options)).collect()
}

fn trial(
    fitted: &Fit,
    observations: &Observations,
    row: usize,
    options: &FitOptions,
) -> Result<Trial, FitError> {
    let mut setting = Setting::new();
    for (name, column) in observations.variables() {
        setting = setting.with(name, column[row]);
    }
    if let Some(compute) = observations.compute().get(row) {
        setting = setting.with("C", compute.get());
    }
    let group = observations.group_index().map(|groups| groups[row]);
    let group = group.and_then(|group| observations.group_names().get(group));
    let predictions = fitted.predict(&setting, options.level, options.seed)?;
    let prediction = predictions
        .iter()
        .find(|prediction| prediction.group.is_none() || prediction.group.as_ref() == group)
        .ok_or(FitError::NotFinite)?;
    let measured = observations.target()[row];
    let residual = |law: f64| fitted.objective.residual(measured, law);
    Ok(Trial {
        run: observations.run_index()[row],
        residual: residual(prediction.value),
        ends: prediction.new_run_interval.map(|ends| (residual(ends.high), residual(ends.low))),
    })
}

impl Score {
    fn of(trials: &[Trial], level: f64) -> Self {
        let inside =
            |trial: &Trial| trial.ends.is_some_and(|(low, high)| low <= 0.0 && high >= 0.0);
        // On the residual scale the measured run is 0 and the interval runs between `ends`.
        let interval_score = |trial: &Trial| {
            let (low, high) = trial.ends.unwrap_or((f64::NAN, f64::NAN));
            high - low + 2.0 / (1.0 - level) * (low.max(0.0) + (-high).max(0.0))
        };
        Self {
            error: mean(trials.iter().map(|trial| trial.residual.abs())),
            bias: mean(trials.iter().map(|trial| trial.residual)),
            covered: mean(trials.iter().map(|trial| f64::from(inside(trial)))),
            interval_score: mean(trials.iter().map(interval_score)),
            runs: trials.len(),
        }
    }
}

/// Resamples of the held-out runs behind a [`Pair`].
const RESAMPLES: usize = 2000;

fn pair(
    best: &str,
    ours: &[Vec<Trial>],
    other: &str,
    theirs: &[Vec<Trial>],
    options: &FitOptions,
) -> Pair {
    use rand::{RngExt, SeedableRng};
    let mut by_run: std::collections::BTreeMap<usize, Vec<f64>> = std::collections::BTreeMap::new();
    for (a, b) in ours.iter().flatten().zip(theirs.iter().flatten()) {
        by_run.entry(a.run).or_default().push(b.residual.abs() - a.residual.abs());
    }
    let runs: Vec<Vec<f64>> = by_run.into_values().collect();
    let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(options.seed);
    let resampled: Vec<f64> = (0..RESAMPLES)
        .map(|_| {
            let (mut sum, mut count) = (0.0, 0.0);
            for _ in 0..runs.len() {
                let run = &runs[random.random_range(0..runs.len())];
                sum += run.iter().sum::<f64>();
                count += run.len() as f64;
            }
            sum / count
        })
        .collect();
    Pair {
        laws: (best.to_owned(), other.to_owned()),
        difference: mean(runs.iter().flatten().copied()),
        wins: mean(resampled.iter().map(|&difference| f64::from(difference > 0.0))),
        interval: Interval::of(resampled, options.level),
    }
}
