//! The largest values of each chunk: positions, signs, and one of two magnitudes.
//!
//! A chunk is two magnitudes (bf16, low and high) and, for each kept value in order of position:
//! index, sign, class, packed without gaps. The two magnitudes are the best for the chunk: of all
//! ways to cut the kept magnitudes, sorted, in two, the one whose means leave the least squared
//! error. Ties of magnitude go to the lower position, so the choice never varies.

use super::Refusal;
use super::bits::{BitReader, BitWriter, index_bits};
use super::plain::{push_scale, scale};

/// Values kept of a chunk of `len`, when `keep` are kept of `chunk`.
pub(super) fn kept(len: usize, keep: usize, chunk: usize) -> usize {
    (len * keep).div_ceil(chunk)
}

/// Bytes of `count` pairs of index and value.
pub(super) fn packed(count: usize, chunk: usize, value_bits: usize) -> usize {
    (count * (index_bits(chunk) as usize + value_bits)).div_ceil(8)
}

/// Encoded size of `len` values.
pub(super) fn bytes(len: usize, keep: usize, chunk: usize, value_bits: usize) -> usize {
    let size = |n: usize| match n {
        0 => 0,
        n => 4 + packed(kept(n, keep, chunk), chunk, value_bits),
    };
    (len / chunk).saturating_mul(size(chunk)).saturating_add(size(len % chunk))
}

pub(super) fn encode(values: &[f32], bytes: &mut Vec<u8>, keep: usize, chunk: usize) {
    let width = index_bits(chunk);
    let mut selection = Selection::default();
    for values in values.chunks(chunk) {
        let positions = selection.largest(values, kept(values.len(), keep, chunk));
        let levels = Levels::best(&positions.iter().map(|&at| values[at as usize].abs()));
        push_scale(bytes, levels.low);
        push_scale(bytes, levels.high);
        let mut writer = BitWriter::new(bytes);
        for &at in positions {
            let x = values[at as usize];
            let class = u32::from(x.abs() >= levels.threshold);
            writer.write(at | (u32::from(x < 0.0) | class << 1) << width, width + 2);
        }
        writer.finish();
    }
}

pub(super) fn decode(
    bytes: &[u8],
    values: &mut [f32],
    keep: usize,
    chunk: usize,
) -> Result<(), Refusal> {
    let width = index_bits(chunk);
    let mut rest = bytes;
    for values in values.chunks_mut(chunk) {
        let count = kept(values.len(), keep, chunk);
        let short = "it ends early";
        let (head, after) = rest.split_first_chunk::<4>().ok_or(short)?;
        let (codes, after) = after.split_at_checked(packed(count, chunk, 2)).ok_or(short)?;
        rest = after;
        let levels = [scale([head[0], head[1]])?, scale([head[2], head[3]])?];
        let mut reader = BitReader::new(codes);
        let mut positions = Ascending::default();
        for _ in 0..count {
            let at = positions.next(reader.read(width), values.len())?;
            let code = reader.read(2);
            let magnitude = levels[(code >> 1) as usize];
            values[at] = if code & 1 == 1 { -magnitude } else { magnitude };
        }
    }
    Ok(())
}

/// Checks that positions rise and stay inside their chunk, so that none is written twice.
#[derive(Default)]
pub(super) struct Ascending {
    next: usize,
}

impl Ascending {
    pub(super) fn next(&mut self, at: u32, len: usize) -> Result<usize, Refusal> {
        let at = at as usize;
        if at < self.next || at >= len {
            return Err("positions are out of order or out of range");
        }
        self.next = at + 1;
        Ok(at)
    }
}

/// Finds the largest magnitudes; keeps its memory between chunks.
#[derive(Default)]
pub(super) struct Selection {
    keys: Vec<u64>,
    positions: Vec<u32>,
}

impl Selection {
    /// Positions of the `count` largest magnitudes of `values`, ascending.
    pub(super) fn largest(&mut self, values: &[f32], count: usize) -> &[u32] {
        self.keys.clear();
        // Larger magnitude first, then lower position: all keys differ.
        self.keys.extend(
            values.iter().zip(0_u32..).map(|(x, at)| {
                u64::from(x.to_bits() & 0x7FFF_FFFF) << 32 | u64::from(u32::MAX - at)
            }),
        );
        if 0 < count && count < self.keys.len() {
            self.keys.select_nth_unstable_by(count - 1, |a, b| b.cmp(a));
        }
        self.positions.clear();
        self.positions.extend(self.keys.iter().take(count).map(|key| u32::MAX - *key as u32));
        self.positions.sort_unstable();
        &self.positions
    }
}

/// Two magnitudes for many.
struct Levels {
    low: f32,
    high: f32,
    /// Magnitudes from here on are `high`.
    threshold: f32,
}

impl Levels {
    fn best(magnitudes: &(impl Iterator<Item = f32> + Clone)) -> Self {
        let mut sorted: Vec<f32> = magnitudes.clone().collect();
        sorted.sort_unstable_by(|a, b| b.total_cmp(a));
        let total: f64 = sorted.iter().map(|x| f64::from(*x)).sum();
        // Least squared error around two means = largest Σ²/n of both parts.
        let (mut best, mut threshold, mut sum) = (f64::NEG_INFINITY, 0.0, 0.0);
        for (at, x) in sorted.iter().enumerate() {
            sum += f64::from(*x);
            let below = sorted.len() - at - 1;
            let rest = total - sum;
            let explained = sum * sum / (at + 1) as f64
                + if below == 0 { 0.0 } else { rest * rest / below as f64 };
            if explained > best {
                (best, threshold) = (explained, *x);
            }
        }
        let mean = |high: bool| {
            let (sum, count) = magnitudes
                .clone()
                .filter(|x| (*x >= threshold) == high)
                .fold((0.0, 0_u32), |(sum, count), x| (sum + f64::from(x), count + 1));
            if count == 0 { 0.0 } else { (sum / f64::from(count)) as f32 }
        };
        Self { low: mean(false), high: mean(true), threshold }
    }
}
