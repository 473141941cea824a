//! A transport over TCP: threads of the standard library, nothing else.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use diagnostic::Diagnostic;

use super::super::link::LinkSettings;
use super::super::time::RealClock;
use super::super::wire::{Member, PeerId, RunId, Signer};
use super::Transport;
use super::connection;
use super::roster::Roster;
use super::switchboard::{Input, Switchboard};

/// Frames between connections and the switchboard; readers wait when there are more.
const INPUTS: usize = 64;
/// How long [`Tcp::flush`] waits for peers of which none has a connection.
const COMES_BACK: Duration = Duration::from_secs(3);

/// What a peer is, and how it is reached.
#[derive(Debug, Clone)]
pub struct TcpSettings {
    /// The run: peers of another one are not talked to.
    pub run: RunId,
    /// A name for people.
    pub name: String,
    /// The name of the site that it is in, if it is in one.
    pub site: Option<String>,
    /// Which end it is.
    pub role: Role,
    /// Where it listens, `host:port`; a worker without may only dial. Port 0 takes a free one.
    pub listen: Option<String>,
    /// Where others reach it, if that is not where it listens.
    pub reachable: Option<String>,
    /// What its link does to what it sends, beside what the network does.
    pub up: LinkSettings,
    /// What its link does to what it receives.
    pub down: LinkSettings,
    /// Seed of the links' losses.
    pub seed: u64,
    /// Bytes of the largest message that it accepts.
    pub largest_message: usize,
    /// Members of the run so far, for a coordinator that goes on.
    pub members: Vec<Member>,
    /// A file in which a coordinator keeps the members, as JSON, before it tells a newcomer its
    /// number: after a restart all have the numbers they had.
    pub keep_members: Option<PathBuf>,
}

/// Which end of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Role {
    /// Gives numbers, tells who takes part, passes on what has no direct way.
    Coordinator,
    /// Takes part; dials the coordinator.
    Worker(JoinAddress),
}

/// Where a coordinator is, and the key that it must have: `host:port` or `host:port/KEY`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JoinAddress {
    /// `host:port`.
    pub address: String,
    /// The coordinator's public key; without, the first that answers is believed.
    pub key: Option<[u8; 32]>,
}

impl FromStr for JoinAddress {
    type Err = Diagnostic;

    fn from_str(text: &str) -> Result<Self, Diagnostic> {
        let (address, key) = match text.split_once('/') {
            Some((address, key)) => (address, Some(key)),
            None => (text, None),
        };
        let problem = |what: &str| {
            Diagnostic::error(format!("`{text}` is no address of a swarm: {what}"))
                .help("copy the line that the coordinator printed: HOST:PORT/KEY")
        };
        let port = address.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok());
        if port.is_none() {
            return Err(problem("it has no port"));
        }
        let key = key
            .map(|key| {
                let hash = blake3::Hash::from_hex(key).map(|hash| *hash.as_bytes());
                hash.map_err(|_| problem("the key after `/` is not 64 hexadecimal digits"))
            })
            .transpose()?;
        Ok(Self { address: address.to_owned(), key })
    }
}

impl fmt::Display for JoinAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.address)?;
        self.key.map_or(Ok(()), |key| write!(f, "/{}", blake3::Hash::from_bytes(key).to_hex()))
    }
}

/// Bytes of frames, headers and what was sent again included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Traffic {
    /// Frames to a peer, and those passed on for others.
    pub sent: u64,
    /// Frames from a peer.
    pub received: u64,
}

/// What all threads of a transport share.
pub(super) struct Shared {
    pub(super) settings: TcpSettings,
    pub(super) signer: Mutex<Signer>,
    pub(super) roster: Mutex<Roster>,
    pub(super) coordinator_key: Mutex<Option<[u8; 32]>>,
    pub(super) refused: Mutex<Option<String>>,
    pub(super) trouble: Mutex<Option<String>>,
    pub(super) traffic: Mutex<BTreeMap<PeerId, Traffic>>,
    pub(super) connected: Mutex<Vec<PeerId>>,
    pub(super) me: AtomicU32,
    pub(super) clock: RealClock,
    /// Bytes received that the driver has not taken yet, by sender.
    pub(super) untaken: Mutex<BTreeMap<PeerId, usize>>,
    /// Messages that have not arrived, by peer.
    pub(super) waiting: Mutex<BTreeMap<PeerId, usize>>,
    listens: Option<SocketAddr>,
    connections: AtomicU64,
    stop: AtomicBool,
}

impl Shared {
    pub(super) fn me(&self) -> PeerId {
        PeerId(self.me.load(Ordering::Acquire))
    }

    /// So many messages to `peer` need not be waited for any more.
    pub(super) fn arrived(&self, peer: PeerId, messages: usize) {
        let mut waiting = lock(&self.waiting);
        if let Some(count) = waiting.get_mut(&peer) {
            *count = count.saturating_sub(messages);
            if *count == 0 {
                waiting.remove(&peer);
            }
        }
    }

    pub(super) fn stopped(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    pub(super) fn next_connection(&self) -> u64 {
        self.connections.fetch_add(1, Ordering::Relaxed)
    }

    /// What others are told: the address that was set, or the port that is listened on.
    pub(super) fn reachable(&self) -> Option<String> {
        let port = || self.listens.map(|address| format!(":{}", address.port()));
        self.settings.reachable.clone().or_else(port)
    }
}

/// Locks; a thread that panicked with the lock leaves data that is still whole.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A transport over TCP.
///
/// Messages to peers without a number yet, or to oneself, are dropped.
pub struct Tcp {
    shared: Arc<Shared>,
    input: SyncSender<Input>,
    messages: Receiver<(PeerId, Vec<u8>)>,
    threads: Vec<JoinHandle<()>>,
}

impl Tcp {
    /// Starts to listen and to dial, and returns at once.
    ///
    /// # Errors
    /// If the address to listen on cannot be used, a link is impossible, or no thread can start.
    pub fn open(settings: TcpSettings, signer: Signer) -> Result<Self, Diagnostic> {
        settings.up.check()?;
        settings.down.check()?;
        let listener = settings.listen.as_deref().map(listen).transpose()?;
        let coordinates = matches!(settings.role, Role::Coordinator);
        let me = if coordinates { PeerId::COORDINATOR } else { PeerId::NOBODY };
        let shared = Arc::new(Shared {
            coordinator_key: Mutex::new(coordinates.then(|| signer.key())),
            signer: Mutex::new(signer),
            roster: Mutex::new(Roster::new(settings.members.clone())),
            refused: Mutex::default(),
            trouble: Mutex::default(),
            traffic: Mutex::default(),
            connected: Mutex::default(),
            me: AtomicU32::new(me.0),
            clock: RealClock::new(),
            untaken: Mutex::default(),
            waiting: Mutex::default(),
            listens: listener.as_ref().and_then(|listener| listener.local_addr().ok()),
            connections: AtomicU64::new(0),
            stop: AtomicBool::new(false),
            settings,
        });
        let (input, inputs) = sync_channel(INPUTS);
        let (deliver, messages) = channel();
        let mut threads = Vec::new();
        let board = Switchboard::new(Arc::clone(&shared), input.clone(), deliver);
        threads.push(spawn("swarm switchboard", move || board.run(&inputs))?);
        if let Some(listener) = listener {
            let (shared, input) = (Arc::clone(&shared), input.clone());
            threads.push(spawn("swarm listener", move || {
                connection::accept(&listener, &shared, &input);
            })?);
        }
        if let Role::Worker(join) = &shared.settings.role {
            let JoinAddress { address, key } = join.clone();
            connection::keep(address, key, Arc::clone(&shared), input.clone());
        }
        Ok(Self { shared, input, messages, threads })
    }

    /// This peer's number, once the coordinator gave it one.
    pub fn me(&self) -> Option<PeerId> {
        Some(self.shared.me()).filter(|peer| *peer != PeerId::NOBODY)
    }

    /// Waits for a number for at most `patience`.
    ///
    /// # Errors
    /// If the coordinator refuses, or cannot be reached in time.
    pub fn joined(&self, patience: Duration) -> Result<PeerId, Diagnostic> {
        let start = Instant::now();
        loop {
            if let Some(me) = self.me() {
                return Ok(me);
            }
            if let Some(reason) = self.refused() {
                return Err(Diagnostic::error(format!("the coordinator refuses: {reason}")));
            }
            if start.elapsed() >= patience {
                let why = lock(&self.shared.trouble).clone();
                let problem = Diagnostic::error(format!(
                    "the coordinator did not answer in {:.0} s",
                    patience.as_secs_f64()
                ));
                return Err(match why {
                    Some(why) => problem.note(why),
                    None => problem,
                }
                .help("check the address, and that the coordinator runs and can be reached"));
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Why the coordinator does not want this peer, if so.
    pub fn refused(&self) -> Option<String> {
        lock(&self.shared.refused).clone()
    }

    /// Where it listens.
    pub fn address(&self) -> Option<SocketAddr> {
        self.shared.listens
    }

    /// The public key of this peer.
    pub fn key(&self) -> [u8; 32] {
        lock(&self.shared.signer).key()
    }

    /// Everybody that the coordinator told of, whether connected or not.
    pub fn members(&self) -> Vec<Member> {
        lock(&self.shared.roster).members()
    }

    /// The same again and again, while a driver has the transport.
    pub fn watch_members(&self) -> impl Fn() -> Vec<Member> + use<> {
        let shared = Arc::clone(&self.shared);
        move || lock(&shared.roster).members()
    }

    /// Whether this peer named a site.
    pub fn is_in_site(&self) -> bool {
        self.shared.settings.site.is_some()
    }

    /// Who speaks for this peer's site: its member with the lowest number. None without a site, or
    /// before the coordinator told of this peer.
    pub fn head_of_site(&self) -> Option<PeerId> {
        let members = self.members();
        let mine = members.iter().find(|member| Some(member.peer) == self.me())?.site?;
        members.iter().filter(|member| member.site == Some(mine)).map(|member| member.peer).min()
    }

    /// Peers with a direct connection.
    pub fn connected(&self) -> Vec<PeerId> {
        lock(&self.shared.connected).clone()
    }

    /// Bytes to and from each peer.
    pub fn traffic(&self) -> BTreeMap<PeerId, Traffic> {
        lock(&self.shared.traffic).clone()
    }

    /// The clock by which its links run.
    pub fn clock(&self) -> RealClock {
        self.shared.clock
    }

    /// Waits until everything sent has arrived, at most `patience`; whether it has. Who has no
    /// connection gets some seconds to come back.
    pub fn flush(&self, patience: Duration) -> bool {
        let start = Instant::now();
        loop {
            let waiting: Vec<PeerId> = lock(&self.shared.waiting).keys().copied().collect();
            if waiting.is_empty() {
                return true;
            }
            let connected = self.connected();
            // Workers reach all others over the coordinator.
            let reached = |peer: &PeerId| {
                connected.contains(peer) || connected.contains(&PeerId::COORDINATOR)
            };
            let gone = !waiting.iter().any(reached);
            if start.elapsed() >= patience || (gone && start.elapsed() >= COMES_BACK) {
                return false;
            }
            thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Tcp {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Release);
        let _ = self.input.send(Input::Stop);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn listen(address: &str) -> Result<TcpListener, Diagnostic> {
    TcpListener::bind(address).map_err(|why| {
        Diagnostic::error(format!("cannot listen on {address}: {why}"))
            .help("choose another port, or 0 for a free one")
    })
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, Diagnostic> {
    thread::Builder::new()
        .name(name.to_owned())
        .spawn(work)
        .map_err(|why| Diagnostic::error(format!("no thread can be started: {why}")))
}

impl Transport for Tcp {
    fn send(&mut self, to: PeerId, bytes: Vec<u8>) {
        *lock(&self.shared.waiting).entry(to).or_default() += 1;
        if self.input.send(Input::Send(to, bytes)).is_err() {
            self.shared.arrived(to, 1);
        }
    }

    fn receive(&mut self, patience: Duration) -> Option<(PeerId, Vec<u8>)> {
        let (from, bytes) = self.messages.recv_timeout(patience).ok()?;
        if let Some(untaken) = lock(&self.shared.untaken).get_mut(&from) {
            *untaken -= bytes.len();
        }
        Some((from, bytes))
    }
}
