//! What a run in real time leaves behind: its rounds, what happened to peers, and every message.
//!
//! With a file, each entry is appended when it comes, so that a coordinator which was killed goes on
//! with the log it had. Time while it was down does not count.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use diagnostic::Diagnostic;
use serde::{Deserialize, Serialize};

use super::machine::{Note, RoundNote};
use super::message::{Message, PeerId};
use super::pipeline::Say;
use super::rehearsal::{Account, PeerAccount, Played, in_site, summary};
use super::roles::Lead;
use super::settings::Settings;
use super::time::Time;
use super::virtual_time::Sent;
use super::wire::{Member, bytes_on_wire};

/// The kind of what crosses within sites.
const SITE: &str = "site";

/// One line of the log; times in nanoseconds since the first work.
#[derive(Debug, Serialize, Deserialize)]
enum Entry {
    Round(u64, RoundNote),
    Peer(u64, PeerId, String),
    Sent { at: u64, from: PeerId, to: PeerId, kind: String, bytes: usize },
}

/// The log of a run in real time.
#[derive(Debug, Default)]
pub struct Log {
    /// The moment of the first work, on the driver's clock.
    began: Option<Time>,
    /// What earlier coordinators of the run had logged when they ended.
    earlier: Duration,
    rounds: Vec<(Time, RoundNote)>,
    events: Vec<(Time, PeerId, String)>,
    traffic: Vec<Sent>,
    file: Option<(PathBuf, BufWriter<File>)>,
}

impl Log {
    /// A log in memory of a run that begins at `began`.
    pub fn since(began: Time) -> Self {
        Self { began: Some(began), ..Self::default() }
    }

    /// A log in a new file; time counts from the first work that is given out.
    ///
    /// # Errors
    /// When the file cannot be made.
    pub fn create(path: &Path) -> Result<Self, Diagnostic> {
        let file = File::create(path).map_err(|error| unwritable(path, &error))?;
        Ok(Self { file: Some((path.to_owned(), BufWriter::new(file))), ..Self::default() })
    }

    /// Goes on with the log at `path`, of a coordinator that has told `version` outcomes. An entry
    /// that was half written is cut off.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn resume(path: &Path, version: u64) -> Result<Self, Diagnostic> {
        if !path.exists() {
            return Ok(Self { began: Some(Time::ZERO), ..Self::create(path)? });
        }
        let problem = |error| unwritable(path, &error);
        let bytes = std::fs::read(path).map_err(problem)?;
        let mut log = Self::since(Time::ZERO);
        let mut rest = bytes.as_slice();
        while let Ok((entry, after)) = postcard::take_from_bytes(rest) {
            log.take(entry);
            rest = after;
        }
        log.rounds.retain(|(_, round)| round.round < version);
        let file = OpenOptions::new().append(true).open(path).map_err(problem)?;
        file.set_len((bytes.len() - rest.len()) as u64).map_err(problem)?;
        log.file = Some((path.to_owned(), BufWriter::new(file)));
        Ok(log)
    }

    fn take(&mut self, entry: Entry) {
        let at = match entry {
            Entry::Round(at, _) | Entry::Peer(at, ..) | Entry::Sent { at, .. } => at,
        };
        self.earlier = self.earlier.max(Duration::from_nanos(at));
        let at = Time::from_nanoseconds(at);
        match entry {
            Entry::Round(_, round) => {
                // Closed again by a coordinator that had not kept it.
                self.rounds.retain(|(_, known)| known.round < round.round);
                self.rounds.push((at, round));
            }
            Entry::Peer(_, peer, what) => self.events.push((at, peer, what)),
            Entry::Sent { from, to, kind, bytes, .. } => {
                self.traffic.push(Sent { at, from, to, kind: kind.into(), bytes });
            }
        }
    }

    fn at(&self, now: Time) -> Time {
        Time::ZERO + self.earlier + now.since(self.began.unwrap_or(now))
    }

    fn append(&mut self, entry: &Entry) {
        if let Some((_, file)) = &mut self.file {
            // A full disk is told by `keep`, before anything depends on it.
            let _ = file.write_all(&postcard::to_allocvec(entry).unwrap_or_default());
        }
    }

    /// What a coordinator notes at `now`.
    pub fn note(&mut self, now: Time, note: &Note) {
        let at = self.at(now);
        match note {
            Note::Round(round) => {
                self.append(&Entry::Round(at.nanoseconds(), round.clone()));
                self.rounds.push((at, round.clone()));
            }
            Note::Peer { peer, what } => {
                self.append(&Entry::Peer(at.nanoseconds(), *peer, what.clone()));
                self.events.push((at, *peer, what.clone()));
            }
        }
    }

    /// A message of `bytes` bytes that was sent or came in at `now`.
    pub fn sent(&mut self, now: Time, from: PeerId, to: PeerId, message: &Message, bytes: usize) {
        if matches!(message, Message::Work(_) | Message::Pipeline(Say::Begin(_))) {
            self.began.get_or_insert(now);
        }
        // What stages sent each other, as they say.
        if let Message::Pipeline(Say::Done { sent, .. }) = message {
            for (stage, bytes) in sent {
                let bytes = usize::try_from(*bytes).unwrap_or(usize::MAX);
                self.crossed(now, from, *stage, "stages", bytes);
            }
        }
        self.crossed(now, from, to, message.kind(), bytes_on_wire(bytes));
        // What crossed within a site, as the peer says that speaks for it.
        if let Message::Update(update) = message
            && update.near > 0
        {
            let bytes = usize::try_from(update.near).unwrap_or(usize::MAX);
            self.crossed(now, from, from, SITE, bytes);
        }
    }

    fn crossed(&mut self, now: Time, from: PeerId, to: PeerId, kind: &'static str, bytes: usize) {
        let at = self.at(now);
        let nanoseconds = at.nanoseconds();
        self.append(&Entry::Sent { at: nanoseconds, from, to, kind: kind.to_owned(), bytes });
        self.traffic.push(Sent { at, from, to, kind: kind.into(), bytes });
    }

    /// Writes what is not in the file yet.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn keep(&mut self) -> Result<(), Diagnostic> {
        let Some((path, file)) = &mut self.file else { return Ok(()) };
        file.flush().map_err(|error| unwritable(path, &error))
    }

    /// What came out for `members`, once the run is over.
    pub fn played(
        self,
        coordinator: &mut impl Lead,
        settings: &Settings,
        members: &[Member],
    ) -> Played {
        let members: BTreeMap<PeerId, &Member> =
            members.iter().map(|member| (member.peer, member)).collect();
        let sum = |of: &dyn Fn(&Sent) -> bool| -> u64 {
            (self.traffic.iter().filter(|sent| of(sent)))
                .fold(0_u64, |sum, sent| sum.saturating_add(sent.bytes as u64))
        };
        let context = settings.context() as u64;
        let known = coordinator.attendance();
        let everybody: std::collections::BTreeSet<PeerId> =
            known.keys().chain(members.keys()).copied().collect();
        let peers = everybody
            .into_iter()
            .filter(|id| *id != PeerId::COORDINATOR)
            .map(|id| PeerAccount {
                peer: id,
                name: members.get(&id).map_or_else(|| id.to_string(), |member| member.name.clone()),
                tokens: known.get(&id).map_or(0, |peer| peer.windows * context),
                sent: sum(&|sent| sent.from == id && sent.kind != SITE),
                received: sum(&|sent| sent.to == id && sent.kind != SITE),
                standing: known.get(&id).map_or_else(
                    || {
                        let site = members.get(&id).is_some_and(|member| member.site.is_some());
                        if site { in_site(id, &self.events) } else { "never came".to_owned() }
                    },
                    |peer| format!("{:?}", peer.standing).to_lowercase(),
                ),
            })
            .collect();
        let seconds = self.rounds.last().map_or(0.0, |(at, _)| at.seconds());
        let bytes = sum(&|_| true);
        let validation = Some(coordinator.validate()).filter(|v| v.loss.get().is_finite());
        let account = summary(
            &self.rounds,
            seconds,
            bytes,
            coordinator.trained() * context,
            coordinator.is_finished(),
            validation,
            peers,
        );
        let account = Account { bytes_in_sites: sum(&|sent| sent.kind == SITE), ..account };
        Played { account, rounds: self.rounds, events: self.events, traffic: self.traffic }
    }
}

fn unwritable(path: &Path, error: &std::io::Error) -> Diagnostic {
    Diagnostic::error(format!("the log {} cannot be kept: {error}", path.display()))
        .help("name another folder with `--out`, or free some space")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(round: u64) -> Note {
        Note::Round(RoundNote {
            round,
            windows: round + 1,
            loss: f64::NAN,
            included: 1,
            late: 0,
            missing: 0,
            took: Duration::ZERO,
            busy: Duration::ZERO,
            slowest: Duration::ZERO,
        })
    }

    #[test]
    fn a_log_goes_on_where_it_ended_without_the_entry_that_was_torn() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.log");
        let (one, two) = (PeerId(1), PeerId::COORDINATOR);
        let mut log = Log::create(&path).unwrap();
        log.sent(Time::from_seconds(5.0), two, one, &Message::Work(Vec::new()), 10);
        log.sent(Time::from_seconds(6.0), one, two, &Message::Leave, 10);
        log.note(Time::from_seconds(7.0), &round(0));
        log.note(Time::from_seconds(8.0), &round(1));
        log.keep().unwrap();
        drop(log);
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, [&whole[..], &[0, 200]].concat()).unwrap();

        // Round 1 was logged, and not kept by the coordinator: it is closed again.
        let mut log = Log::resume(&path, 1).unwrap();
        log.note(Time::from_seconds(0.5), &round(1));
        log.keep().unwrap();
        drop(log);
        let log = Log::resume(&path, 2).unwrap();
        let rounds: Vec<_> =
            log.rounds.iter().map(|(at, note)| (at.seconds(), note.round)).collect();
        assert_eq!(rounds, [(2.0, 0), (3.5, 1)]);
        let sent: Vec<_> = log.traffic.iter().map(|s| (s.at.seconds(), s.kind.as_ref())).collect();
        assert_eq!(sent, [(0.0, "work"), (1.0, "leave")]);
        assert!(Log::resume(&folder.path().join("absent/run.log"), 0).is_err());
    }
}
