//! A swarm in the browser as it goes on.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use diagnostic::Diagnostic;
use lab::swarm::wire::PeerId;

use super::view::View;
use crate::local_page::LocalPage;

const PAGE: &str = include_str!("page.html");
const EVERY: Duration = Duration::from_millis(500);

/// A page that asks for the run's state every second.
pub(super) struct Page {
    server: LocalPage,
    name: String,
    put: Instant,
}

impl Page {
    /// Serves the run `name` at `address`, `host:port`.
    ///
    /// # Errors
    /// If it cannot be listened on.
    pub(super) fn open(address: &str, name: &str, view: &View) -> Result<Self, Diagnostic> {
        let server = LocalPage::open(address)?;
        server.put("/", "text/html; charset=utf-8", PAGE.to_owned());
        let mut page = Self { server, name: name.to_owned(), put: Instant::now() };
        page.show(view, &BTreeMap::new());
        Ok(page)
    }

    /// Where a browser finds it.
    pub(super) fn url(&self) -> String {
        self.server.url()
    }

    /// Shows `view`, if it is time; `names` are the peers'.
    pub(super) fn tick(&mut self, view: &View, names: impl FnOnce() -> BTreeMap<PeerId, String>) {
        if self.put.elapsed() >= EVERY {
            self.show(view, &names());
        }
    }

    fn show(&mut self, view: &View, names: &BTreeMap<PeerId, String>) {
        self.put = Instant::now();
        let state = view.json(&self.name, names);
        self.server.put("/state", "application/json", state.to_string());
    }
}
