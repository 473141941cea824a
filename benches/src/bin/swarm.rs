//! What crosses the wire, against its limits: codecs against `memcpy`, a ring against the bound.
//!
//! ```text
//! cargo run --release -p benches --bin swarm
//! ```
//!
//! Codecs run on one thread over 16 Mi values of f32; throughput is in bytes of f32. The ring is
//! four peers with real sockets on this machine, each behind its own shaped link; the bound is
//! 2 (n − 1)/n of the vector at the link's rate.

#![expect(clippy::print_stdout, reason = "a program that prints its measurements")]

use std::hint::black_box;
use std::thread;
use std::time::{Duration, Instant};

use diagnostic::Diagnostic;
use lab::swarm::codec::{Codec, Encoder};
use lab::swarm::link::LinkSettings;
use lab::swarm::ring::{all_reduce, bound_seconds};
use lab::swarm::transport::{JoinAddress, Role, Tcp, TcpSettings, Transport};
use lab::swarm::wire::{PeerId, RunId, Signer};

const VALUES: usize = 16 << 20;
const TURNS: usize = 5;
const PEERS: usize = 4;
/// Values of the vector that goes around the ring: 8 MB.
const RING_VALUES: usize = 2_000_000;
/// What the ring must reach of its bound.
const LIMIT: f64 = 0.9;
const PATIENCE: Duration = Duration::from_secs(60);

fn main() -> Result<(), Diagnostic> {
    codecs()?;
    println!();
    println!(
        "{:>9} {:>8} {:>9} {:>9} {:>6} {:>6}",
        "Mbit/s", "delay ms", "seconds", "bound", "share", "limit"
    );
    for (megabits, milliseconds) in [(50.0, 0.0), (50.0, 20.0), (200.0, 5.0)] {
        ring(megabits, milliseconds)?;
    }
    Ok(())
}

/// The fastest of several turns, in seconds.
fn fastest(mut work: impl FnMut()) -> f64 {
    let turn = |work: &mut dyn FnMut()| {
        let start = Instant::now();
        work();
        start.elapsed().as_secs_f64()
    };
    (0..TURNS).map(|_| turn(&mut work)).fold(f64::INFINITY, f64::min)
}

fn codecs() -> Result<(), Diagnostic> {
    let values: Vec<f32> = (0..VALUES as u32)
        .map(|at| {
            let noise = at.wrapping_mul(2_654_435_761) >> 8;
            (f64::from(noise) / f64::from(1 << 23) - 1.0) as f32
        })
        .collect();
    let bytes = VALUES as f64 * 4.0;
    let mut copy = vec![0.0_f32; VALUES];
    let memcpy = fastest(|| black_box(&mut copy).copy_from_slice(black_box(&values)));
    println!("memcpy: {:.1} GB/s", bytes / memcpy / 1e9);
    println!(
        "{:28} {:>10} {:>12} {:>12} {:>12} {:>12}",
        "codec", "bits/value", "encode GB/s", "decode GB/s", "enc/memcpy", "dec/memcpy"
    );
    for name in [
        "fp32",
        "bf16",
        "int8",
        "int4",
        "fp4",
        "int4 feedback 1",
        "top-k 64/4096",
        "dct-sign 32/64x64",
    ] {
        let codec: Codec = name.parse()?;
        let mut encoder = Encoder::new(codec, VALUES);
        let mut encoded = Vec::new();
        let encode = fastest(|| encoded = black_box(encoder.encode(black_box(&values))));
        codec.decode(&encoded, VALUES)?;
        let decode = fastest(|| drop(black_box(codec.decode(black_box(&encoded), VALUES))));
        println!(
            "{name:28} {:>10.3} {:>12.2} {:>12.2} {:>12.3} {:>12.3}",
            codec.bits_per_value(),
            bytes / encode / 1e9,
            bytes / decode / 1e9,
            memcpy / encode,
            memcpy / decode,
        );
    }
    Ok(())
}

/// One all-reduce of four workers that listen on this machine.
fn ring(megabits: f64, milliseconds: f64) -> Result<(), Diagnostic> {
    let up = LinkSettings {
        bits_per_second: megabits * 1e6,
        delay_seconds: milliseconds / 1e3,
        ..LinkSettings::default()
    };
    let open = |role, seed: u8| {
        let settings = TcpSettings {
            run: RunId(1),
            name: format!("peer {seed}"),
            up: if role == Role::Coordinator { LinkSettings::default() } else { up },
            role,
            listen: Some("127.0.0.1:0".to_owned()),
            reachable: None,
            down: LinkSettings::default(),
            seed: 0,
            largest_message: 1 << 20,
            members: Vec::new(),
        };
        Tcp::open(settings, Signer::from_seed([seed; 32]))
    };
    let hub = open(Role::Coordinator, 0)?;
    let address = hub.address().map(|address| address.to_string()).unwrap_or_default();
    let join = JoinAddress { address, key: Some(hub.key()) };
    let mut peers = Vec::new();
    for seed in 1..=PEERS as u8 {
        let tcp = open(Role::Worker(join.clone()), seed)?;
        tcp.joined(PATIENCE)?;
        peers.push(tcp);
    }
    let ids: Vec<PeerId> = peers.iter().filter_map(Tcp::me).collect();
    // Everybody greets the next one, until the direct way is there.
    for (rank, tcp) in peers.iter_mut().enumerate() {
        let next = ids[(rank + 1) % PEERS];
        while !tcp.connected().contains(&next) {
            tcp.send(next, Vec::new());
            thread::sleep(Duration::from_millis(20));
        }
        tcp.flush(PATIENCE);
    }
    for tcp in &mut peers {
        while tcp.receive(Duration::from_millis(50)).is_some() {}
    }
    let start = Instant::now();
    let threads: Vec<_> = peers
        .into_iter()
        .enumerate()
        .map(|(rank, mut tcp)| {
            let ids = ids.clone();
            thread::spawn(move || {
                let values = vec![rank as f32; RING_VALUES];
                let sum = all_reduce(&mut tcp, &ids, rank, values, PATIENCE);
                let took = start.elapsed().as_secs_f64();
                tcp.flush(PATIENCE);
                sum.map(|sum| (took, sum))
            })
        })
        .collect();
    let mut took = 0.0_f64;
    for thread in threads {
        let (seconds, sum) =
            thread.join().map_err(|_| Diagnostic::error("a peer of the ring panicked"))??;
        assert!(sum.iter().all(|x| *x == 6.0), "0 + 1 + 2 + 3");
        took = took.max(seconds);
    }
    let bound = bound_seconds(PEERS, RING_VALUES * 4, megabits * 1e6);
    println!(
        "{megabits:>9} {milliseconds:>8} {took:>9.3} {bound:>9.3} {:>6.3} {LIMIT:>6}",
        bound / took
    );
    Ok(())
}
