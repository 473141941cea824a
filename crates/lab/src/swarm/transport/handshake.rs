//! The first words on a connection: who is at either end.
//!
//! Both ends send a random challenge; the one that dialled says hello, signed, with the other's
//! challenge in it, and gets a hello or a refusal, signed, back. A hello cannot be used again,
//! since the challenge is new each time. What follows is neither encrypted nor signed: whoever
//! controls a router on the way can change it. Peers that do not trust the network between them
//! put a tunnel under it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use super::super::wire::{
    Frame, HEADER, Hello, Limits, Packet, PeerId, Received, Signed, frame_len, printable,
};
use super::tcp::{Role, Shared, lock};

const GREETING: [u8; 4] = *b"ISFL";
const PATIENCE: Duration = Duration::from_secs(10);
const LIMITS: Limits = Limits { payload: 2048 };

/// Why there is no connection.
#[derive(Debug)]
pub(super) enum Failure {
    /// It may work later.
    Broken(String),
    /// The other end does not want it, or is not who it should be.
    Refused(String),
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Broken(error.to_string())
    }
}

/// Nanoseconds since 1970, which signatures count by.
pub(super) fn unix_time() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// Reads one frame, without trust: memory grows as bytes come.
pub(super) fn read_frame(stream: &mut impl Read, limits: Limits) -> Result<Vec<u8>, Failure> {
    let mut header = [0; HEADER];
    stream.read_exact(&mut header)?;
    let len = frame_len(&header, &limits).map_err(Failure::Refused)?;
    let mut bytes = Vec::with_capacity(len.min(1 << 16));
    bytes.extend_from_slice(&header);
    stream.take((len - HEADER) as u64).read_to_end(&mut bytes)?;
    if bytes.len() < len {
        return Err(Failure::Broken("the connection ended within a frame".to_owned()));
    }
    Ok(bytes)
}

fn challenges(stream: &mut TcpStream) -> Result<([u8; 32], [u8; 32]), Failure> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    let mut ours = [0; 32];
    getrandom::fill(&mut ours).map_err(|why| Failure::Broken(why.to_string()))?;
    stream.write_all(&[&GREETING[..], &ours[..]].concat())?;
    let mut greeting = [0; 36];
    stream.read_exact(&mut greeting)?;
    let (magic, theirs) = greeting.split_at(4);
    if magic != GREETING {
        return Err(Failure::Refused("no swarm of Isoflop answers there".to_owned()));
    }
    let mut challenge = [0; 32];
    challenge.copy_from_slice(theirs);
    Ok((ours, challenge))
}

fn say(stream: &mut TcpStream, shared: &Shared, to: PeerId, packet: Packet) -> Result<(), Failure> {
    let frame = Frame { run: shared.settings.run, sender: shared.me(), receiver: to, packet };
    let bytes = frame.signed(&mut lock(&shared.signer), unix_time());
    Ok(stream.write_all(&bytes)?)
}

fn hear(stream: &mut TcpStream, shared: &Shared) -> Result<(Frame, Signed), Failure> {
    let bytes = read_frame(stream, LIMITS)?;
    let refused = |why: &str| Failure::Refused(why.to_owned());
    let Received { frame, signed } =
        Frame::from_bytes(&bytes, &LIMITS).map_err(|why| refused(why.message()))?;
    let signed = signed.ok_or_else(|| refused("no hello came"))?;
    if let Packet::Refuse { reason } = frame.packet {
        return Err(Failure::Refused(printable(&reason, 400)));
    }
    if frame.run != shared.settings.run {
        return Err(Failure::Refused(format!(
            "it belongs to run {}, not {}",
            frame.run, shared.settings.run
        )));
    }
    Ok((frame, signed))
}

fn hello(shared: &Shared, challenge: [u8; 32], you: Option<PeerId>) -> Packet {
    let address = shared.reachable();
    let site = shared.settings.site.as_ref().map(|name| {
        let hash = blake3::hash(name.as_bytes());
        hash.as_bytes().first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes))
    });
    Packet::Hello(Hello { challenge, name: shared.settings.name.clone(), address, you, site })
}

/// Greets as the one who dialled `expected`; the answer must be signed by `key`, if that is known.
pub(super) fn dial(
    stream: &mut TcpStream,
    shared: &Shared,
    expected: PeerId,
    key: Option<[u8; 32]>,
) -> Result<(), Failure> {
    let (ours, theirs) = challenges(stream)?;
    say(stream, shared, expected, hello(shared, theirs, None))?;
    let (frame, signed) = hear(stream, shared)?;
    let Packet::Hello(hello) = frame.packet else {
        return Err(Failure::Refused("no hello came".to_owned()));
    };
    if hello.challenge != ours || frame.sender != expected {
        return Err(Failure::Refused("its hello is for somebody else".to_owned()));
    }
    if key.is_some_and(|key| key != signed.key) {
        return Err(Failure::Refused(format!("{expected} there has another key")));
    }
    if expected == PeerId::COORDINATOR {
        let you = hello.you.ok_or_else(|| Failure::Refused("no number was given".to_owned()))?;
        shared.me.store(you.0, Ordering::Release);
        *lock(&shared.coordinator_key) = Some(signed.key);
    }
    Ok(())
}

/// Greets as the one who was dialled; says who dialled.
pub(super) fn answer(stream: &mut TcpStream, shared: &Shared) -> Result<PeerId, Failure> {
    let (ours, theirs) = challenges(stream)?;
    let (frame, signed) = hear(stream, shared).inspect_err(|failure| {
        if let Failure::Refused(reason) = failure {
            let refuse = Packet::Refuse { reason: reason.clone() };
            drop(say(stream, shared, PeerId::NOBODY, refuse));
        }
    })?;
    let Packet::Hello(greeting) = frame.packet else {
        return Err(Failure::Refused("no hello came".to_owned()));
    };
    let known = if greeting.challenge != ours {
        Err("your hello is for somebody else")
    } else if matches!(shared.settings.role, Role::Coordinator) {
        // `:port` is completed with the host that is seen from here.
        let host = stream.peer_addr().map(|address| address.ip()).ok();
        let address = greeting.address.and_then(|address| match address.strip_prefix(':') {
            Some(port) => {
                let port = port.parse().ok()?;
                Some(std::net::SocketAddr::new(host?, port).to_string())
            }
            None => Some(address),
        });
        let peer = lock(&shared.roster).admit(signed.key, &greeting.name, address, greeting.site);
        match peer {
            Some(_) if !keeps_members(shared) => Err("its list of members cannot be kept"),
            peer => peer.ok_or("the run has as many members as it can"),
        }
    } else {
        lock(&shared.roster).of_key(&signed.key).ok_or("the coordinator has not told of you")
    };
    match known {
        Ok(peer) => say(stream, shared, peer, hello(shared, theirs, Some(peer))).map(|()| peer),
        Err(reason) => {
            say(stream, shared, PeerId::NOBODY, Packet::Refuse { reason: reason.to_owned() })?;
            Err(Failure::Refused(reason.to_owned()))
        }
    }
}

/// Writes the members where a coordinator that starts again finds them; whether that went well.
fn keeps_members(shared: &Shared) -> bool {
    let Some(path) = &shared.settings.keep_members else { return true };
    // Locked until it is written: a longer list is never followed by a shorter one.
    let roster = lock(&shared.roster);
    serde_json::to_vec(&roster.members())
        .is_ok_and(|members| runs::write_atomically(path, &members).is_ok())
}
