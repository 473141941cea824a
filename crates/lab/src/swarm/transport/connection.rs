//! Threads of connections: one accepts, one reads and one writes for each, one dials.

use std::io::{BufReader, Write};
use std::net::{TcpListener, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, channel};
use std::thread;
use std::time::Duration;

use super::super::time::Clock;
use super::super::wire::{Limits, PeerId};
use super::handshake::{self, Failure, read_frame};
use super::switchboard::{Input, Line};
use super::tcp::{Shared, lock};

/// Connections at once; more are closed at once.
const MOST: usize = 256;
/// A connection on which nothing comes for so long, not even a ping, is dead.
const SILENCE: Duration = Duration::from_secs(90);
const CONNECT: Duration = Duration::from_secs(5);
/// Waits between attempts to reach the coordinator: they double.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(10));

/// Takes connections until the transport stops.
pub(super) fn accept(listener: &TcpListener, shared: &Arc<Shared>, input: &SyncSender<Input>) {
    let count = Arc::new(AtomicUsize::new(0));
    // Not blocking, so that it sees the end: closing a listener does not wake who waits on it.
    if listener.set_nonblocking(true).is_err() {
        return;
    }
    while !shared.stopped() {
        match listener.accept() {
            Ok((stream, _)) if count.load(Ordering::Relaxed) < MOST => {
                count.fetch_add(1, Ordering::Relaxed);
                let (shared, input) = (Arc::clone(shared), input.clone());
                let counted = Counted(Arc::clone(&count));
                spawn("swarm connection", move || {
                    let _counted = counted;
                    let mut stream = stream;
                    if stream.set_nonblocking(false).is_ok()
                        && let Ok(peer) = handshake::answer(&mut stream, &shared)
                    {
                        run(stream, peer, &shared, &input);
                    }
                });
            }
            Ok(_) => {}
            Err(_) => thread::sleep(Duration::from_millis(20)),
        }
    }
}

struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Starts a thread; one that cannot be started is a connection that failed.
fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> bool {
    thread::Builder::new().name(name.to_owned()).spawn(work).is_ok()
}

/// Keeps a connection to the coordinator until the transport stops or the coordinator refuses.
pub(super) fn keep(
    address: String,
    key: Option<[u8; 32]>,
    shared: Arc<Shared>,
    input: SyncSender<Input>,
) {
    spawn("swarm coordinator", move || {
        let mut wait = BACKOFF.0;
        while !shared.stopped() {
            // The key that answered first is the coordinator's from then on.
            let key = key.or(*lock(&shared.coordinator_key));
            match dial(&address, PeerId::COORDINATOR, key, &shared, &input) {
                Ok(()) => wait = BACKOFF.0,
                Err(Failure::Refused(reason)) => {
                    *lock(&shared.refused) = Some(reason);
                    return;
                }
                Err(Failure::Broken(why)) => *lock(&shared.trouble) = Some(why),
            }
            thread::sleep(wait);
            wait = (wait * 2).min(BACKOFF.1);
        }
    });
}

/// Connects to another worker once; the switchboard asks again when it likes.
pub(super) fn reach(
    address: String,
    peer: PeerId,
    key: [u8; 32],
    shared: Arc<Shared>,
    input: SyncSender<Input>,
) {
    spawn("swarm dial", move || {
        // Without a direct connection, the coordinator passes messages on.
        let _ = dial(&address, peer, Some(key), &shared, &input);
    });
}

fn dial(
    address: &str,
    peer: PeerId,
    key: Option<[u8; 32]>,
    shared: &Arc<Shared>,
    input: &SyncSender<Input>,
) -> Result<(), Failure> {
    let mut last = Failure::Broken(format!("`{address}` is no address"));
    for place in address.to_socket_addrs()? {
        match TcpStream::connect_timeout(&place, CONNECT) {
            Ok(mut stream) => {
                handshake::dial(&mut stream, shared, peer, key)?;
                run(stream, peer, shared, input);
                return Ok(());
            }
            Err(error) => last = error.into(),
        }
    }
    Err(last)
}

/// Carries frames both ways until the connection breaks.
fn run(stream: TcpStream, peer: PeerId, shared: &Arc<Shared>, input: &SyncSender<Input>) {
    let (frames, outgoing) = channel();
    let queued = Arc::new(AtomicUsize::new(0));
    let (Ok(writer), Ok(control)) = (stream.try_clone(), stream.try_clone()) else { return };
    if stream.set_read_timeout(Some(SILENCE)).is_err() {
        return;
    }
    let number = shared.next_connection();
    let line = Line { peer, frames, queued: Arc::clone(&queued), control };
    if input.send(Input::Opened(number, line)).is_err() {
        return;
    }
    spawn("swarm writer", move || write(writer, &outgoing, &queued));
    let mut reader = BufReader::with_capacity(1 << 16, stream);
    while let Ok(bytes) = read_frame(&mut reader, Limits::default()) {
        if input.send(Input::Frame(number, shared.clock.now(), bytes)).is_err() {
            return;
        }
    }
    let _ = input.send(Input::Closed(number));
}

fn write(mut stream: TcpStream, frames: &Receiver<Vec<u8>>, queued: &AtomicUsize) {
    let _ = stream.set_write_timeout(Some(SILENCE));
    while let Ok(bytes) = frames.recv() {
        let written = stream.write_all(&bytes);
        queued.fetch_sub(bytes.len(), Ordering::Relaxed);
        if written.is_err() {
            break;
        }
    }
    // The reader sees the end too, and says so.
    let _ = stream.shutdown(std::net::Shutdown::Both);
}
