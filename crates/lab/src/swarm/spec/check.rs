//! What no swarm file may say.

use diagnostic::{Diagnostic, nearest};

use super::{MethodKind, Swarm};
use crate::swarm::virtual_time::Line;

/// Peers that a file may name; more is taken for a slip.
const MOST_PEERS: u32 = 10_000;

impl Swarm {
    pub(super) fn check(&self) -> Result<(), Diagnostic> {
        self.recipe.check()?;
        if !(self.tokens.is_finite() && (1.0..=1e15).contains(&self.tokens)) {
            return Err(Diagnostic::error(format!(
                "tokens must be from 1 to 1e15, not {}",
                self.tokens
            )));
        }
        if !(1..=1000).contains(&self.depth) {
            return Err(Diagnostic::error(format!("depth {} is not from 1 to 1000", self.depth)));
        }
        let number: u64 = self.peer.iter().map(|peer| u64::from(peer.count)).sum();
        if number > u64::from(MOST_PEERS) {
            return Err(Diagnostic::error(format!("{number} peers are more than {MOST_PEERS}")));
        }
        for peer in &self.peer {
            let positive = [("speed", peer.speed), ("up", peer.up), ("down", peer.down)];
            if let Some((key, value)) =
                positive.into_iter().find(|(_, value)| !(value.is_finite() && *value > 0.0))
            {
                return Err(Diagnostic::error(format!(
                    "{key} of peer `{}` must be a number above 0, not {value}",
                    peer.name
                ))
                .help("speed is in tokens a second, up and down in bits a second"));
            }
            Line::new(peer.up, peer.down, peer.delay)
                .losing(peer.loss)
                .up
                .check()
                .map_err(|problem| problem.note(format!("of peer `{}`", peer.name)))?;
            let times = [
                ("delay", Some(peer.delay)),
                ("joins_at", Some(peer.joins_at)),
                ("leaves_at", peer.leaves_at),
                ("dies_at", peer.dies_at),
                ("stalls_at", peer.stalls_at),
                ("stalls_for", Some(peer.stalls_for)),
            ];
            if let Some((key, Some(value))) = times
                .into_iter()
                .find(|(_, time)| time.is_some_and(|time| !(0.0..=1e9).contains(&time)))
            {
                return Err(Diagnostic::error(format!(
                    "{key} of peer `{}` is a time in seconds from 0 to 1e9, not {value}",
                    peer.name
                )));
            }
        }
        self.check_sites()?;
        if self.peer.iter().all(|peer| peer.joins_at > 0.0 || peer.count == 0) {
            return Err(Diagnostic::error("nobody is there at the start")
                .help("add a [[peer]] without joins_at"));
        }
        Ok(())
    }

    pub(super) fn check_sites(&self) -> Result<(), Diagnostic> {
        let names = || self.site.iter().map(|site| site.name.as_str());
        for peer in &self.peer {
            if let Some(name) = &peer.site
                && !names().any(|known| known == name)
            {
                let help = nearest(name, names()).map_or_else(
                    || format!("add a [[site]] with name = \"{name}\", up and down"),
                    |name| format!("did you mean `{name}`?"),
                );
                let what =
                    format!("peer `{}` is in site `{name}`, which the file lacks", peer.name);
                return Err(Diagnostic::error(what).help(help));
            }
        }
        for (at, site) in self.site.iter().enumerate() {
            let note = |problem: Diagnostic| problem.note(format!("of site `{}`", site.name));
            let line = Line::new(site.up, site.down, site.delay);
            line.up.check().and_then(|()| line.down.check()).map_err(note)?;
            if names().take(at).any(|name| name == site.name) {
                return Err(Diagnostic::error(format!("two sites are called `{}`", site.name)));
            }
        }
        if self.peer.iter().all(|peer| peer.site.is_none()) {
            return Ok(());
        }
        if self.method.kind != MethodKind::Diloco {
            return Err(Diagnostic::error("sites average by DiLoCo")
                .help("set method.kind to `diloco`, or take `site` out"));
        }
        Ok(())
    }
}
