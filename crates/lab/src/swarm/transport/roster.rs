//! Who takes part, by key and by number.

use std::collections::BTreeMap;

use super::super::wire::{Member, PeerId, printable};

/// More keys than this are not admitted to a run: all members fit into one frame.
const MOST: usize = 1024;
/// Bytes of a name; the rest is cut off.
const NAME: usize = 64;
/// Bytes of an address; longer ones are none.
const ADDRESS: usize = 128;

/// The members of a run. The coordinator keeps the true one and tells the others.
#[derive(Debug, Clone, Default)]
pub(super) struct Roster {
    members: BTreeMap<PeerId, Member>,
}

impl Roster {
    pub(super) fn new(members: Vec<Member>) -> Self {
        let known = |member: Member| {
            let name = printable(&member.name, NAME);
            (member.peer, Member { name, ..member })
        };
        Self { members: members.into_iter().take(MOST).map(known).collect() }
    }

    /// All members, by number.
    pub(super) fn members(&self) -> Vec<Member> {
        self.members.values().cloned().collect()
    }

    pub(super) fn get(&self, peer: PeerId) -> Option<&Member> {
        self.members.get(&peer)
    }

    /// Whose key this is.
    pub(super) fn of_key(&self, key: &[u8; 32]) -> Option<PeerId> {
        self.members.values().find(|member| member.key == *key).map(|member| member.peer)
    }

    /// The number of the peer with this key: the one it had, or the next; `None` if the run is full.
    pub(super) fn admit(
        &mut self,
        key: [u8; 32],
        name: &str,
        address: Option<String>,
        site: Option<u32>,
    ) -> Option<PeerId> {
        let name = printable(name, NAME);
        let address = address.filter(|address| address.len() <= ADDRESS);
        let known = self.of_key(&key);
        if known.is_none() && self.members.len() >= MOST {
            return None;
        }
        let last = self.members.keys().next_back().map_or(0, |peer| peer.0);
        let peer = known.unwrap_or(PeerId(last + 1));
        self.members.insert(peer, Member { peer, key, name, address, site });
        Some(peer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_keeps_its_number_and_numbers_are_not_used_twice() {
        let mut roster = Roster::default();
        let mut admit = |key: u8| roster.admit([key; 32], "", None, None).map(|peer| peer.0);
        assert_eq!([admit(7), admit(9), admit(7), admit(8)], [Some(1), Some(2), Some(1), Some(3)]);
        let mut resumed = Roster::new(roster.members());
        assert_eq!(resumed.admit([5; 32], "", None, None), Some(PeerId(4)));
        assert_eq!(resumed.of_key(&[9; 32]), Some(PeerId(2)));
    }

    #[test]
    fn the_longest_list_of_members_fits_into_a_frame() {
        use crate::swarm::wire::{Frame, Limits, Packet, RunId, Signer};
        let mut roster = Roster::default();
        for n in 0..MOST {
            let mut key = [0xFF; 32];
            key[..8].copy_from_slice(&n.to_le_bytes());
            roster.admit(key, &"ä".repeat(100), Some("x".repeat(ADDRESS)), Some(u32::MAX)).unwrap();
        }
        let packet = Packet::Members(roster.members());
        let (sender, receiver) = (PeerId::COORDINATOR, PeerId::NOBODY);
        let frame = Frame { run: RunId(u64::MAX), sender, receiver, packet };
        let bytes = frame.signed(&mut Signer::from_seed([0; 32]), u64::MAX);
        assert!(Frame::from_bytes(&bytes, &Limits::default()).is_ok(), "{}", bytes.len());
    }

    #[test]
    fn names_are_shown_and_so_hold_nothing_that_commands_a_terminal() {
        let name = "\u{1b}]0;you\u{7}desk\n";
        let mut roster = Roster::default();
        roster.admit([1; 32], name, None, None).unwrap();
        let told = Member { name: name.to_owned(), ..roster.members()[0].clone() };
        for roster in [roster, Roster::new(vec![told])] {
            assert_eq!(roster.members()[0].name, "]0;youdesk");
        }
    }

    #[test]
    fn a_run_that_is_full_admits_only_those_it_knows() {
        let mut roster = Roster::default();
        let key = |n: usize| {
            let mut key = [0; 32];
            key[..8].copy_from_slice(&n.to_le_bytes());
            key
        };
        for n in 0..MOST {
            assert!(roster.admit(key(n), "", None, None).is_some());
        }
        assert_eq!(roster.admit(key(MOST), "", None, None), None);
        assert_eq!(roster.admit(key(3), "", None, None), Some(PeerId(4)));
    }
}
