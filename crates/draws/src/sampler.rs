//! Turning inputs into columns of draws, block by block, on any number of threads.

use std::sync::Arc;

use rayon::prelude::*;

use crate::correlation::{self, Correlated, Moved};
use crate::dist::Kind;
use crate::inputs::{Inputs, Source};
use crate::sobol::{self, Dimension};
use crate::table::Table;
use crate::{Dist, Draws, Error, normal, stream};

/// Rows that one task draws at a time: columns of this length stay in the cache.
const BLOCK: usize = 8192;

/// How the rows are spread over the space of inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Design {
    /// Independent pseudo-random rows (`ChaCha8`).
    #[default]
    Plain,
    /// Scrambled Sobol rows in this many independently scrambled replicates (at least 2).
    ///
    /// Row `i` belongs to replicate `i % replicates`. The replicates are what standard errors are
    /// computed from, since the rows of one are not independent. Best with a power of two times
    /// `replicates` rows.
    Sobol {
        /// The number of replicates.
        replicates: usize,
    },
}

impl Design {
    /// Scrambled Sobol in 16 replicates: standard errors are themselves known to about 18 %.
    pub const SOBOL: Self = Self::Sobol { replicates: 16 };

    /// How many replicates the rows are dealt to, where they are: fewer than two tell nothing of
    /// an error, so such rows are taken as independent.
    pub fn replicates(self) -> Option<usize> {
        match self {
            Self::Sobol { replicates } if replicates > 1 => Some(replicates),
            _ => None,
        }
    }
}

/// Draws rows of the inputs of an [`Inputs`].
///
/// Row `i` of an input depends on the seed, the design, the input's name and `i`, and on nothing
/// else: not on the other inputs, the number of rows, the blocks or the threads. Two exceptions:
/// inputs with declared correlations depend on the ones they are correlated with (those declared
/// earlier do not change when a later one joins, as long as the declared matrix is valid), and for
/// the quasi-random design two names may collide (see the [crate's guide](crate#reproducible-streams)).
#[derive(Debug, Clone)]
pub struct Sampler {
    names: Vec<String>,
    groups: Vec<Group>,
    moved: Vec<Moved>,
    seed: u64,
    design: Design,
}

/// Inputs that are drawn together because they depend on one another.
#[derive(Debug, Clone)]
pub(crate) struct Group {
    pub(crate) name: String,
    pub(crate) members: Vec<usize>,
    how: How,
}

#[derive(Debug, Clone)]
enum How {
    Alone(Stream, Transform),
    Correlated { streams: Vec<Stream>, factor: Vec<f64>, transforms: Vec<Transform> },
    Joint { stream: Stream, draws: Arc<Draws> },
}

#[derive(Debug, Clone)]
enum Stream {
    Plain([u8; 32]),
    Sobol(Box<Dimension>),
}

impl Stream {
    fn fill(&self, first: u64, out: &mut [f64]) {
        match self {
            Self::Plain(key) => stream::fill_plain(key, first, out),
            Self::Sobol(dimension) => dimension.fill(first, out),
        }
    }
}

/// How uniforms or normal scores become values.
#[derive(Debug, Clone)]
enum Transform {
    /// A closed-form quantile.
    Quantile(Dist),
    /// A function of the normal score.
    Score(crate::dist::Piecewise),
    /// A tabulated function of the normal score.
    Table(Arc<Table>),
}

impl Transform {
    fn new(dist: &Dist) -> Self {
        match dist.kind() {
            Kind::Piecewise(curve) => Self::Score(*curve),
            _ if dist.has_closed_form() => Self::Quantile(dist.clone()),
            _ => Self::Table(Arc::new(Table::new(dist))),
        }
    }

    fn uniforms(&self, values: &mut [f64]) {
        if let Self::Quantile(dist) = self {
            for value in values {
                *value = dist.quantile(*value);
            }
        } else {
            normal::quantile_in_place(values);
            self.scores(values);
        }
    }

    fn scores(&self, values: &mut [f64]) {
        match self {
            Self::Quantile(dist) => {
                for value in values {
                    *value = dist.quantile(normal::cdf(*value));
                }
            }
            Self::Score(curve) => values.iter_mut().for_each(|value| *value = curve.value(*value)),
            Self::Table(table) => values.iter_mut().for_each(|value| *value = table.value(*value)),
        }
    }
}

impl Sampler {
    pub(crate) fn new(inputs: &Inputs, seed: u64, design: Design) -> Result<Self, Error> {
        if let Design::Sobol { replicates } = design
            && !(2..=1024).contains(&replicates)
        {
            let what = "a Sobol design in replicates".into();
            let expected = "2 to 1024".into();
            return Err(Error::Rows { what, given: replicates, expected });
        }
        let owners = stream_names(inputs);
        let streams: Vec<Stream> = match design {
            Design::Plain => {
                owners.iter().map(|name| Stream::Plain(stream::key(seed, "plain", name))).collect()
            }
            Design::Sobol { replicates } => {
                let dimensions = sobol::dimensions_by_name(owners.iter().copied())?;
                let scrambled = |(name, dimension): (&&str, usize)| {
                    let key = stream::key(seed, "sobol", name);
                    Stream::Sobol(Box::new(Dimension::new(dimension, key, replicates)))
                };
                owners.iter().zip(dimensions).map(scrambled).collect()
            }
        };
        Self::with_streams(inputs, streams, seed, design)
    }

    /// Two samplers whose rows are the two halves of one scrambled Sobol sequence of twice the
    /// dimensions, counted, not named: for an analysis of a closed set of inputs.
    pub(crate) fn pair(inputs: &Inputs, seed: u64) -> Result<(Self, Self), Error> {
        let owners = stream_names(inputs);
        if 2 * owners.len() > sobol::DIMENSIONS {
            let given = 2 * owners.len();
            return Err(Error::Dimensions { given, limit: sobol::DIMENSIONS });
        }
        let half = |purpose: &str, offset: usize| {
            let scrambled = |(i, name): (usize, &&str)| {
                let key = stream::key(seed, purpose, name);
                Stream::Sobol(Box::new(Dimension::new(offset + i, key, 1)))
            };
            owners.iter().enumerate().map(scrambled).collect()
        };
        let design = Design::Sobol { replicates: 1 };
        Ok((
            Self::with_streams(inputs, half("sobol half 1", 0), seed, design)?,
            Self::with_streams(inputs, half("sobol half 2", owners.len()), seed, design)?,
        ))
    }

    /// One stream per distribution in order of declaration, then one per imported set.
    fn with_streams(
        inputs: &Inputs,
        streams: Vec<Stream>,
        seed: u64,
        design: Design,
    ) -> Result<Self, Error> {
        let mut stream_of = vec![None; inputs.names.len()];
        let mut streams = streams.into_iter();
        let mut transforms: Vec<Option<Transform>> = vec![None; inputs.names.len()];
        for (i, source) in inputs.sources.iter().enumerate() {
            if let Source::Dist(dist) = source {
                stream_of[i] = streams.next();
                transforms[i] = Some(Transform::new(dist));
            }
        }
        let mut groups = Vec::new();
        let mut moved = Vec::new();
        for Correlated { members, factor, moved: here } in
            correlation::groups(&inputs.names, &inputs.pairs)?
        {
            moved.extend(here);
            let names: Vec<&str> = members.iter().map(|&i| inputs.names[i].as_str()).collect();
            let streams = members.iter().filter_map(|&i| stream_of[i].take()).collect();
            let transforms = members.iter().filter_map(|&i| transforms[i].take()).collect();
            let how = How::Correlated { streams, factor, transforms };
            groups.push(Group { name: names.join(" + "), members, how });
        }
        for (i, (stream, transform)) in stream_of.into_iter().zip(transforms).enumerate() {
            if let (Some(stream), Some(transform)) = (stream, transform) {
                let how = How::Alone(stream, transform);
                groups.push(Group { name: inputs.names[i].clone(), members: vec![i], how });
            }
        }
        for (block, ((name, draws), stream)) in inputs.joint.iter().zip(streams).enumerate() {
            let is_member =
                |source: &Source| matches!(source, Source::Joint { block: of, .. } if *of == block);
            let sources = inputs.sources.iter().enumerate();
            let members = sources.filter(|(_, source)| is_member(source)).map(|(i, _)| i).collect();
            let how = How::Joint { stream, draws: Arc::clone(draws) };
            groups.push(Group { name: name.clone(), members, how });
        }
        groups.sort_by_key(|group| group.members[0]);
        Ok(Self { names: inputs.names.clone(), groups, moved, seed, design })
    }

    /// The names of the columns, in order of declaration.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The declared correlations that had to move to make all of them possible together: worth a
    /// warning whenever it is not empty.
    pub fn moved(&self) -> &[Moved] {
        &self.moved
    }

    pub(crate) fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// Draws `rows` rows of every input; an error when they do not fit in memory.
    pub fn draw(&self, rows: usize) -> Result<Draws, Error> {
        let mut columns = empty_columns(self.names.len(), rows)?;
        self.fill(0, &mut columns);
        let mut draws = Draws::new(self.design).with_seed(self.seed);
        for (name, column) in self.names.iter().zip(columns) {
            draws.insert(name.clone(), column);
        }
        Ok(draws)
    }

    /// Fills one column per input, all of one length, with rows `first`, `first + 1`, ...: for
    /// models that work through more rows than fit in memory. Columns of unequal length are cut
    /// to the shortest.
    pub fn fill(&self, first: u64, columns: &mut [Vec<f64>]) {
        let rows = columns.iter().map(Vec::len).min().unwrap_or(0);
        let mut open: Vec<_> =
            columns.iter_mut().map(|column| column[..rows].chunks_mut(BLOCK)).collect();
        let mut tasks = Vec::new();
        for group in &self.groups {
            for block in 0..rows.div_ceil(BLOCK) {
                let start = first + (block * BLOCK) as u64;
                let parts: Vec<&mut [f64]> = group
                    .members
                    .iter()
                    .filter_map(|&i| open.get_mut(i).and_then(Iterator::next))
                    .collect();
                tasks.push((group, start, parts));
            }
        }
        tasks.into_par_iter().for_each(|(group, start, mut parts)| group.fill(start, &mut parts));
    }
}

/// Columns of zeros, or an error when there is no room for them.
pub(crate) fn empty_columns(count: usize, rows: usize) -> Result<Vec<Vec<f64>>, Error> {
    let column = |_| {
        let mut column: Vec<f64> = Vec::new();
        column.try_reserve_exact(rows).map_err(|_| Error::Rows {
            what: "the sample".into(),
            given: rows,
            expected: "no more than fit in memory".into(),
        })?;
        column.resize(rows, 0.0);
        Ok(column)
    };
    (0..count).map(column).collect()
}

/// What each stream is named after: a distribution's input, then each imported set.
fn stream_names(inputs: &Inputs) -> Vec<&str> {
    let own = inputs.names.iter().zip(&inputs.sources);
    own.filter(|(_, source)| matches!(source, Source::Dist(_)))
        .map(|(name, _)| name.as_str())
        .chain(inputs.joint.iter().map(|(name, _)| name.as_str()))
        .collect()
}

impl Group {
    /// Fills one column per member, at most [`BLOCK`] rows each.
    pub(crate) fn fill(&self, first: u64, columns: &mut [&mut [f64]]) {
        match &self.how {
            How::Alone(stream, transform) => {
                for column in columns {
                    stream.fill(first, column);
                    transform.uniforms(column);
                }
            }
            How::Correlated { streams, factor, transforms } => {
                let n = self.members.len();
                for (stream, column) in streams.iter().zip(columns.iter_mut()) {
                    stream.fill(first, column);
                    normal::quantile_in_place(column);
                }
                // From the last row of the factor up, so that earlier scores are still unmixed.
                for i in (0..columns.len()).rev() {
                    let (earlier, rest) = columns.split_at_mut(i);
                    let own = &mut rest[0];
                    own.iter_mut().for_each(|z| *z *= factor[i * n + i]);
                    for (j, other) in earlier.iter().enumerate() {
                        let weight = factor[i * n + j];
                        for (z, other) in own.iter_mut().zip(&**other) {
                            *z += weight * other;
                        }
                    }
                }
                for (transform, column) in transforms.iter().zip(columns) {
                    transform.scores(column);
                }
            }
            How::Joint { stream, draws } => {
                let Some((leader, others)) = columns.split_first_mut() else { return };
                stream.fill(first, leader);
                let rows = draws.rows();
                let row = |u: f64| ((u * rows as f64) as usize).min(rows - 1);
                for (c, column) in others.iter_mut().enumerate() {
                    let source = draws.column_at(c + 1);
                    for (value, &u) in column.iter_mut().zip(&**leader) {
                        *value = source[row(u)];
                    }
                }
                let source = draws.column_at(0);
                leader.iter_mut().for_each(|value| *value = source[row(*value)]);
            }
        }
    }
}

#[cfg(test)]
mod tests;
