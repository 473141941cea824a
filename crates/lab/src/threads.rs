//! Threads for one run: none but the caller's, or a pool; results never depend on which.

use std::sync::Arc;

use rayon::prelude::*;

/// Where a run's parallel parts execute.
#[derive(Clone)]
pub struct Threads(Option<Arc<rayon::ThreadPool>>);

impl Threads {
    /// `count` threads; 0 counts as 1. Falls back to the caller's thread if none can be started.
    pub fn new(count: usize) -> Self {
        let pool = (count > 1)
            .then(|| rayon::ThreadPoolBuilder::new().num_threads(count).build().ok())
            .flatten();
        Self(pool.map(Arc::new))
    }

    /// Threads that work at once.
    pub fn count(&self) -> usize {
        self.0.as_ref().map_or(1, |pool| pool.current_num_threads())
    }

    /// Runs `a` and `b`, at once if there are threads for it.
    pub(crate) fn join<A: Send, B: Send>(
        &self,
        a: impl FnOnce() -> A + Send,
        b: impl FnOnce() -> B + Send,
    ) -> (A, B) {
        match &self.0 {
            None => (a(), b()),
            Some(pool) => pool.install(|| rayon::join(a, b)),
        }
    }

    /// Runs `work` on every task.
    pub(crate) fn for_each<T: Send>(&self, tasks: Vec<T>, work: impl Fn(T) + Send + Sync) {
        match &self.0 {
            None => tasks.into_iter().for_each(work),
            Some(pool) => pool.install(|| tasks.into_par_iter().for_each(work)),
        }
    }
}
