//! What this machine can do: the yardstick for a run's speed.

use std::time::{Duration, Instant};

use crate::kernels::matmul::{Matrix, MatrixMut, Write, matmul};

/// Highest rate of f32 matrix products seen on `cores` cores at once, in FLOP a second.
///
/// Square products of 512 in cache, each core its own; takes about a tenth of a second.
pub fn matmul_peak(cores: usize) -> f64 {
    const SIZE: usize = 512;
    const FLOP: f64 = 2.0 * (SIZE * SIZE * SIZE) as f64;
    let one = || {
        let a = vec![0.5_f32; SIZE * SIZE];
        let b = vec![0.25_f32; SIZE * SIZE];
        let mut c = vec![0.0_f32; SIZE * SIZE];
        let (mut best, start) = (0.0_f64, Instant::now());
        while start.elapsed() < Duration::from_millis(100) {
            let (a, b) = (Matrix::new(&a, SIZE, SIZE), Matrix::new(&b, SIZE, SIZE));
            let once = Instant::now();
            matmul(MatrixMut::new(&mut c, SIZE, SIZE), Write::Replace, 1.0, a, b);
            best = best.max(FLOP / once.elapsed().as_secs_f64());
        }
        best
    };
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..cores.max(1)).map(|_| scope.spawn(one)).collect();
        one() + others.into_iter().map(|thread| thread.join().unwrap_or(0.0)).sum::<f64>()
    })
}

/// Cores that this process may use.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
