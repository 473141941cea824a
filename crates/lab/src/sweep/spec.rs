//! A sweep as written in TOML, and the runs it stands for.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use diagnostic::Diagnostic;
use serde::Deserialize;

use crate::recipe::{Recipe, RunConfig};
use crate::shape::Shape;

/// A sweep: groups of runs that share a recipe.
///
/// ```
/// let sweep = lab::sweep::Sweep::parse("sweep.toml", r#"
///     name = "example"
///
///     [[group]]
///     name = "isoflop"
///     compute = [1e11, 3e11]   # FLOP with attention; every depth at every budget
///     depths = [1, 2, 3]
///
///     [[group]]
///     name = "miniseries"
///     depths = [1, 2, 3, 4]
///     tokens_per_parameter = 20  # parameters with head
///     seeds = [0, 1, 2]
/// "#)?;
/// assert_eq!(sweep.plan(256)?.len(), 6 + 12);
/// # Ok::<(), diagnostic::Diagnostic>(())
/// ```
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sweep {
    /// For people and folder names.
    pub name: String,
    /// What groups do not say otherwise.
    #[serde(default)]
    pub recipe: Recipe,
    /// The parts of the sweep.
    pub group: Vec<Group>,
}

/// Every combination of the lists given. Exactly one of `compute`, `tokens` and
/// `tokens_per_parameter` sets the horizons.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// Goes into the column `group`.
    pub name: String,
    /// Depths of the one-dial family.
    pub depths: Vec<usize>,
    /// Training compute in FLOP with attention: an IsoFLOP grid.
    #[serde(default)]
    pub compute: Vec<f64>,
    /// Training tokens D.
    #[serde(default)]
    pub tokens: Vec<f64>,
    /// D over the parameters with head: a miniseries at constant ratio.
    #[serde(default, deserialize_with = "one_or_many")]
    pub tokens_per_parameter: Vec<f64>,
    /// Runs outside this range of tokens per parameter are left out of an IsoFLOP grid.
    pub within_tokens_per_parameter: Option<[f64; 2]>,
    /// Seeds.
    #[serde(default = "seed_zero")]
    pub seeds: Vec<u64>,
    /// Peak learning rates to try; none takes the recipe's.
    #[serde(default)]
    pub learning_rates: Vec<f64>,
}

fn seed_zero() -> Vec<u64> {
    vec![0]
}

fn one_or_many<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<f64>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum OneOrMany {
        One(f64),
        Many(Vec<f64>),
    }
    Ok(match OneOrMany::deserialize(deserializer)? {
        OneOrMany::One(value) => vec![value],
        OneOrMany::Many(values) => values,
    })
}

/// A run that is to be made.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedRun {
    /// Unique in the sweep.
    pub name: String,
    /// Its group's name.
    pub group: String,
    /// All its settings.
    pub config: RunConfig,
}

/// Runs a sweep may stand for; more is taken for a slip.
const MOST_RUNS: usize = 100_000;

impl Sweep {
    /// Reads the sweep file at `path`.
    pub fn read(path: &Path) -> Result<Self, Diagnostic> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            Diagnostic::error(format!("{} cannot be read: {error}", path.display()))
                .help("give the path of a sweep file; `isoflop lab sweep --example` prints one")
        })?;
        Self::parse(&path.display().to_string(), &text)
    }

    /// Reads a sweep from TOML that came from `origin`.
    pub fn parse(origin: &str, text: &str) -> Result<Self, Diagnostic> {
        let sweep: Self = toml::from_str(text).map_err(|error| {
            let span = error.span().unwrap_or(0..0);
            let message = error.message().lines().next().unwrap_or("not a sweep").to_owned();
            Diagnostic::error(message).at(origin, text, span, "here")
        })?;
        sweep.recipe.check()?;
        Ok(sweep)
    }

    /// A sweep of one run of `depth`; exactly one horizon must be given.
    pub fn of_one(
        name: &str,
        recipe: Recipe,
        depth: usize,
        seed: u64,
        tokens: Option<f64>,
        compute: Option<f64>,
        tokens_per_parameter: Option<f64>,
    ) -> Self {
        let group = Group {
            name: name.to_owned(),
            depths: vec![depth],
            compute: compute.into_iter().collect(),
            tokens: tokens.into_iter().collect(),
            tokens_per_parameter: tokens_per_parameter.into_iter().collect(),
            within_tokens_per_parameter: None,
            seeds: vec![seed],
            learning_rates: Vec::new(),
        };
        Self { name: name.to_owned(), recipe, group: vec![group] }
    }

    /// Every run the sweep stands for, in the order of the file, each once.
    pub fn plan(&self, vocab: usize) -> Result<Vec<PlannedRun>, Diagnostic> {
        let mut plan = Vec::new();
        let mut seen = BTreeSet::new();
        for group in &self.group {
            for run in group.plan(&self.recipe, vocab)? {
                run.config.shape.check()?;
                if seen.insert(run.config.hash()) {
                    plan.push(run);
                }
                if plan.len() > MOST_RUNS {
                    return Err(Diagnostic::error(format!(
                        "the sweep {} stands for more than {MOST_RUNS} runs",
                        self.name
                    )));
                }
            }
        }
        if plan.is_empty() {
            return Err(Diagnostic::error(format!("the sweep {} stands for no run", self.name))
                .help("give a group depths, and compute, tokens or tokens_per_parameter"));
        }
        let mut uses: BTreeMap<String, usize> = BTreeMap::new();
        for run in &mut plan {
            let count = uses.entry(run.name.clone()).or_insert(0);
            *count += 1;
            if *count > 1 {
                run.name = format!("{}-{count}", run.name);
            }
        }
        Ok(plan)
    }
}

/// What sets the length of a run.
#[derive(Clone, Copy)]
enum Horizon {
    Compute(f64),
    Tokens(f64),
    TokensPerParameter(f64),
}

impl Group {
    fn plan(&self, recipe: &Recipe, vocab: usize) -> Result<Vec<PlannedRun>, Diagnostic> {
        let problem = |message: String| Err(Diagnostic::error(message));
        let name = &self.name;
        let horizons: Vec<Horizon> = (self.compute.iter().map(|c| Horizon::Compute(*c)))
            .chain(self.tokens.iter().map(|d| Horizon::Tokens(*d)))
            .chain(self.tokens_per_parameter.iter().map(|r| Horizon::TokensPerParameter(*r)))
            .collect();
        let kinds = [&self.compute, &self.tokens, &self.tokens_per_parameter];
        if kinds.iter().filter(|list| !list.is_empty()).count() != 1 {
            return Err(Diagnostic::error(format!("group `{name}` has no single kind of horizon"))
                .help("give exactly one of compute, tokens and tokens_per_parameter"));
        }
        let positive = |x: &f64| x.is_finite() && *x > 0.0;
        let all = kinds.into_iter().flatten().chain(&self.learning_rates);
        if let Some(bad) = all.clone().find(|x| !positive(x)) {
            return problem(format!("group `{name}` holds {bad}; every number must be above 0"));
        }
        let rates: Vec<Option<f64>> = if self.learning_rates.is_empty() {
            vec![None]
        } else {
            self.learning_rates.iter().copied().map(Some).collect()
        };
        if self.depths.len() * horizons.len() * self.seeds.len() * rates.len() > MOST_RUNS {
            return problem(format!("group `{name}` stands for more than {MOST_RUNS} runs"));
        }
        let mut plan = Vec::new();
        for horizon in horizons {
            for &depth in &self.depths {
                if depth == 0 || depth > 1000 {
                    return problem(format!("group `{name}` has a model of depth {depth}"));
                }
                let shape = Shape {
                    mlp: recipe.mlp,
                    head: recipe.head,
                    ..Shape::from_depth(depth, recipe.context, vocab)
                };
                let n = shape.parameters_with_head() as f64;
                let (tokens, label) = match horizon {
                    Horizon::Compute(c) => (c / shape.flop_per_token(), format!("c{c:.1e}")),
                    Horizon::Tokens(d) => (d, format!("t{d:.1e}")),
                    Horizon::TokensPerParameter(ratio) => (ratio * n, format!("r{ratio}")),
                };
                if tokens > 1e15 {
                    return problem(format!(
                        "group `{name}` asks for {tokens:.1e} tokens at depth {depth}"
                    ));
                }
                if let Some([low, high]) = self.within_tokens_per_parameter
                    && !(low..=high).contains(&(tokens / n))
                {
                    continue;
                }
                for rate in &rates {
                    let recipe =
                        Recipe { learning_rate: rate.or(recipe.learning_rate), ..recipe.clone() };
                    let rate = rate.map_or(String::new(), |rate| format!("-lr{rate}"));
                    for &seed in &self.seeds {
                        plan.push(PlannedRun {
                            name: format!("{name}-{label}-d{depth}{rate}-s{seed}"),
                            group: name.clone(),
                            config: recipe.run(depth, vocab, tokens, seed),
                        });
                    }
                }
            }
        }
        Ok(plan)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(group: &str) -> Result<Vec<PlannedRun>, Diagnostic> {
        Sweep::parse("s.toml", &format!("name = \"s\"\n[[group]]\nname = \"g\"\n{group}"))?
            .plan(256)
    }

    #[test]
    fn the_same_run_in_two_groups_is_made_once() {
        let text = "name = \"s\"\n\
            [[group]]\nname = \"a\"\ndepths = [1, 2]\ntokens = [1e5]\n\
            [[group]]\nname = \"b\"\ndepths = [2, 3]\ntokens = [1e5]\n";
        let plan = Sweep::parse("s.toml", text).unwrap().plan(256).unwrap();
        let names: Vec<&str> = plan.iter().map(|run| run.name.as_str()).collect();
        assert_eq!(names, ["a-t1.0e5-d1-s0", "a-t1.0e5-d2-s0", "b-t1.0e5-d3-s0"]);
    }

    #[test]
    fn a_window_of_tokens_per_parameter_cuts_the_corners_of_a_grid() {
        let all = plan("depths = [1, 2, 3, 4, 5, 6]\ncompute = [1e11, 1e12]").unwrap();
        let group = "depths = [1, 2, 3, 4, 5, 6]\ncompute = [1e11, 1e12]\n\
                     within_tokens_per_parameter = [5, 200]";
        let some = plan(group).unwrap();
        assert!(some.len() < all.len() && !some.is_empty());
        for run in some {
            let ratio = run.config.tokens() as f64 / run.config.shape.parameters_with_head() as f64;
            assert!((4.0..210.0).contains(&ratio), "{ratio}");
        }
    }

    #[test]
    fn bad_sweeps_say_what_is_wrong() {
        for (group, word) in [
            ("depths = [1]", "horizon"),
            ("depths = [1]\ntokens = [1e5]\ncompute = [1e9]", "exactly one"),
            ("depths = [0]\ntokens = [1e5]", "depth 0"),
            ("depths = [1]\ntokens = [-1.0]", "above 0"),
            ("depths = [1]\ntokens = [nan]", "above 0"),
            ("depths = []\ntokens = [1e5]", "no run"),
            ("depths = [1]\ntokens = [1e300]", "tokens"),
            ("depth = [1]\ntokens = [1e5]", "depth"),
            ("depths = \"x\"\ntokens = [1e5]", "s.toml:4"),
        ] {
            let message = plan(group).unwrap_err().to_string();
            assert!(message.contains(word), "{group}: {message}");
        }
    }
}
