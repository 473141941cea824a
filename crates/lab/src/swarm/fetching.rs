//! Fetching the shared state in parts from several peers at once.

use super::machine::Effect;
use super::message::{Hash, Message, PeerId, hash_of};

/// Parts asked of one source at a time.
const AT_ONCE: usize = 2;

/// A state that is being fetched.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Fetching {
    version: u64,
    parts: Vec<Option<Vec<f32>>>,
    /// Whom each missing part was asked of.
    asked: Vec<Option<PeerId>>,
    sources: Vec<PeerId>,
    /// Those of them that had no copy when they were asked last.
    without: Vec<PeerId>,
    hashes: Vec<Hash>,
    retries: u32,
}

impl Fetching {
    /// One part for each hash; at least one.
    pub(super) fn new(
        version: u64,
        hashes: Vec<Hash>,
        sources: Vec<PeerId>,
        me: PeerId,
    ) -> Option<Self> {
        let sources: Vec<PeerId> = sources.into_iter().filter(|peer| *peer != me).collect();
        let n = hashes.len();
        let (parts, asked) = (vec![None; n], vec![None; n]);
        let without = Vec::new();
        (n > 0).then_some(Self { version, parts, asked, sources, without, hashes, retries: 0 })
    }

    pub(super) fn version(&self) -> u64 {
        self.version
    }

    pub(super) fn retries(&self) -> u32 {
        self.retries
    }

    /// Requests for parts that nobody was asked for yet, a few for each source.
    pub(super) fn requests(&mut self) -> Vec<Effect> {
        let mut out = Vec::new();
        let has = |source: &PeerId| !self.without.contains(source);
        let sources: Vec<PeerId> = self.sources.iter().copied().filter(has).collect();
        for turn in 0..AT_ONCE {
            for source in &sources {
                let busy = self.asked.iter().filter(|asked| **asked == Some(*source)).count();
                if busy <= turn {
                    out.extend(self.ask_next(*source));
                }
            }
        }
        out
    }

    fn ask_next(&mut self, source: PeerId) -> Option<Effect> {
        let wanted = (0..self.parts.len())
            .find(|part| self.parts[*part].is_none() && self.asked[*part].is_none())?;
        self.asked[wanted] = Some(source);
        let (version, part, parts) = (self.version, wanted as u32, self.parts.len() as u32);
        Some(Effect::Send(source, Message::Fetch { version, part, parts }))
    }

    /// A part came: keep it and ask its sender for another.
    pub(super) fn received(
        &mut self,
        from: PeerId,
        version: u64,
        part: u32,
        parts: u32,
        values: Vec<f32>,
    ) -> Vec<Effect> {
        let at = part as usize;
        if version != self.version
            || parts as usize != self.parts.len()
            || at >= self.parts.len()
            || self.asked[at] != Some(from)
        {
            return Vec::new();
        }
        self.asked[at] = None;
        if values.is_empty() {
            // It has no copy yet: others are asked at once, and it again after the next wake-up.
            self.without.push(from);
            return self.requests();
        }
        if hash_of(&[&values]) != self.hashes[at] {
            // It holds, or says it holds, something else: it is not asked again.
            self.sources.retain(|source| *source != from);
            return self.requests();
        }
        self.parts[at] = Some(values);
        self.retries = 0;
        self.requests()
    }

    /// Asks others for everything that is still missing.
    pub(super) fn again(&mut self) -> Vec<Effect> {
        self.retries += 1;
        self.asked.fill(None);
        self.without.clear();
        if !self.sources.is_empty() {
            self.sources.rotate_left(1);
        }
        self.requests()
    }

    /// The whole state, once all parts are there.
    pub(super) fn whole(&self) -> Option<Vec<f32>> {
        if self.parts.iter().any(Option::is_none) {
            return None;
        }
        Some(self.parts.iter().flatten().flatten().copied().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(effects: &[Effect]) -> Vec<(u32, u32)> {
        effects
            .iter()
            .map(|effect| match effect {
                Effect::Send(to, Message::Fetch { part, .. }) => (to.0, *part),
                other => panic!("{other:?}"),
            })
            .collect()
    }

    #[test]
    fn parts_come_from_all_sources_and_a_silent_one_is_replaced() {
        let hashes = (1..=5).map(|x| hash_of(&[&[x as f32]])).collect();
        let sources = vec![PeerId(1), PeerId(2), PeerId(9)];
        let mut fetching = Fetching::new(7, hashes, sources, PeerId(9)).unwrap();
        assert_eq!(asked(&fetching.requests()), [(1, 0), (2, 1), (1, 2), (2, 3)]);
        let next = fetching.received(PeerId(1), 7, 0, 5, vec![1.0]);
        assert_eq!(asked(&next), [(1, 4)]);
        // Foreign, repeated, and unasked parts change nothing.
        assert!(fetching.received(PeerId(2), 6, 1, 5, vec![1.0]).is_empty());
        assert!(fetching.received(PeerId(1), 7, 1, 5, vec![1.0]).is_empty());
        assert!(fetching.received(PeerId(1), 7, 900, 5, vec![1.0]).is_empty());
        // A poisoned part is not taken, and its sender not asked again.
        let mut poisoned = fetching.clone();
        let instead = asked(&poisoned.received(PeerId(2), 7, 1, 5, vec![99.0]));
        assert!(instead.iter().all(|(to, _)| *to == 1), "{instead:?}");
        fetching.received(PeerId(1), 7, 2, 5, vec![3.0]);
        fetching.received(PeerId(1), 7, 4, 5, vec![5.0]);
        assert!(fetching.whole().is_none());
        // Peer 2 died: its parts are asked again of others.
        let again = asked(&fetching.again());
        assert!(again.contains(&(2, 1)) && again.contains(&(1, 3)), "{again:?}");
        fetching.received(PeerId(1), 7, 3, 5, vec![4.0]);
        let again = asked(&fetching.again());
        assert_eq!(again, [(1, 1)]);
        fetching.received(PeerId(1), 7, 1, 5, vec![2.0]);
        assert_eq!(fetching.whole().unwrap(), [1.0, 2.0, 3.0, 4.0, 5.0]);
    }
    #[test]
    fn a_source_without_a_copy_is_passed_over_at_once_and_asked_again_later() {
        let hashes = vec![hash_of(&[&[1.0]])];
        let sources = vec![PeerId(1), PeerId(2)];
        let mut fetching = Fetching::new(7, hashes, sources, PeerId(9)).unwrap();
        assert_eq!(asked(&fetching.requests()), [(1, 0)]);
        assert_eq!(asked(&fetching.received(PeerId(1), 7, 0, 1, Vec::new())), [(2, 0)]);
        assert!(fetching.received(PeerId(2), 7, 0, 1, Vec::new()).is_empty());
        assert_eq!(asked(&fetching.again()), [(2, 0)]);
        assert_eq!(asked(&fetching.received(PeerId(2), 7, 0, 1, Vec::new())), [(1, 0)]);
    }
}
