//! A swarm against its limits: codecs against `memcpy`, a ring against the bound, a swarm of one
//! against plain training.
//!
//! ```text
//! cargo run --release -p benches --bin swarm [codec | ring | overhead]
//! ```
//!
//! Codecs run on one thread over 16 Mi values of f32; throughput is in bytes of f32 and CPU time. The
//! ring is four peers with real sockets on this machine, each behind its own shaped link; the bound
//! is 2 (n − 1)/n of the vector at the link's rate. Overhead is CPU time of coordinator and worker
//! together, in virtual time, over that of `lab::train` on the same tokens.

#![expect(clippy::print_stdout, reason = "a program that prints its measurements")]

use std::fmt::Write as _;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::{Duration, Instant};

use cpu_time::ProcessTime;
use diagnostic::Diagnostic;
use lab::Threads;
use lab::corpus::CorpusSource;
use lab::recipe::{Recipe, RunConfig};
use lab::swarm::Time;
use lab::swarm::codec::{Codec, Encoder};
use lab::swarm::habit::Habit;
use lab::swarm::learner::EngineLearner;
use lab::swarm::link::LinkSettings;
use lab::swarm::ring::{all_reduce, bound_seconds};
use lab::swarm::robust::Aggregation;
use lab::swarm::settings::{Audit, Diloco, Method, Settings, Share};
use lab::swarm::transport::{JoinAddress, Role, Tcp, TcpSettings, Transport};
use lab::swarm::virtual_time::{Act, Line, VirtualPeer, VirtualSwarm};
use lab::swarm::wire::{PeerId, RunId, Signer};
use lab::tokens::{TokenFile, open_or_build};
use lab::train::{Execution, train};

const VALUES: usize = 16 << 20;
const TURNS: usize = 5;
const PEERS: usize = 4;
/// Values of the vector that goes around the ring: 8 MB.
const RING_VALUES: usize = 2_000_000;
/// What the ring must reach of its bound.
const LIMIT: f64 = 0.9;
const PATIENCE: Duration = Duration::from_secs(60);

fn main() -> Result<(), Diagnostic> {
    let only = std::env::args().nth(1);
    let wanted = |part: &str| only.as_deref().is_none_or(|only| only == part);
    if wanted("codec") {
        codecs()?;
    }
    if wanted("ring") {
        rings()?;
    }
    if wanted("overhead") {
        overhead()?;
    }
    Ok(())
}

fn rings() -> Result<(), Diagnostic> {
    println!(
        "{:>9} {:>8} {:>9} {:>9} {:>6} {:>6}",
        "Mbit/s", "delay ms", "seconds", "bound", "share", "limit"
    );
    for (megabits, milliseconds) in [(50.0, 0.0), (50.0, 20.0), (200.0, 5.0)] {
        ring(megabits, milliseconds)?;
    }
    Ok(())
}

/// CPU seconds of the fastest of several turns: those of others do not count.
fn fastest(mut work: impl FnMut()) -> f64 {
    let mut turn = || {
        let start = ProcessTime::now();
        work();
        start.elapsed().as_secs_f64()
    };
    (0..TURNS).map(|_| turn()).fold(f64::INFINITY, f64::min)
}

/// A swarm of one peer, against training without a swarm.
fn overhead() -> Result<(), Diagnostic> {
    let problem = |why: std::io::Error| Diagnostic::error(format!("no text can be kept: {why}"));
    let folder = tempfile::tempdir().map_err(problem)?;
    let path = folder.path().join("squares.txt");
    let mut text = String::new();
    for i in 0..200_000_u64 {
        let _ = writeln!(text, "{i} squared is {}", i * i % 997);
    }
    std::fs::write(&path, text).map_err(problem)?;
    let source = CorpusSource::Paths(vec![path]);
    let tokens = Arc::new(open_or_build(&source, &folder.path().join("cache"), &mut |_| {})?);
    let recipe = Recipe {
        context: 128,
        batch_tokens: Some(2048),
        validation_tokens: 4096,
        ..Recipe::default()
    };
    let run = recipe.run(2, 256, 250_000.0, 0);
    let plain = || {
        let execution = Execution {
            checkpoint: None,
            interval: Duration::from_secs(3600),
            threads: Threads::new(1),
            stop: &AtomicBool::new(false),
        };
        train(&run, &tokens, &execution, &mut |_| {}).map(drop)
    };
    let diloco = Diloco { inner_steps: 30, ..Diloco::default() };
    println!(
        "\n{:28} {:>10} {:>10} {:>9} {:>6}",
        "swarm of one", "plain s", "swarm s", "overhead", "limit"
    );
    for (name, method, codec) in [
        ("DiLoCo, H = 30, fp32", Method::Diloco(diloco), Codec::F32),
        ("DiLoCo, H = 30, int4", Method::Diloco(diloco), Codec::INT4),
        ("synchronous, fp32", Method::Synchronous, Codec::F32),
    ] {
        let (mut alone, mut swarm) = (f64::INFINITY, f64::INFINITY);
        // Turn by turn, so that both see the same machine.
        for _ in 0..3 {
            let start = ProcessTime::now();
            plain()?;
            alone = alone.min(start.elapsed().as_secs_f64());
            let start = ProcessTime::now();
            swarm_of_one(&run, &tokens, method, codec)?;
            swarm = swarm.min(start.elapsed().as_secs_f64());
        }
        let share = 100.0 * (swarm / alone - 1.0);
        println!("{name:28} {alone:>10.3} {swarm:>10.3} {share:>8.2}% {:>5}%", 2);
    }
    Ok(())
}

fn swarm_of_one(
    run: &RunConfig,
    tokens: &Arc<TokenFile>,
    method: Method,
    codec: Codec,
) -> Result<(), Diagnostic> {
    let settings = Settings {
        run: run.clone(),
        corpus: String::new(),
        method,
        up: codec,
        down: codec,
        aggregation: Aggregation::Mean,
        share: Share::Even,
        inner_windows: (run.batch_tokens / run.shape.context) as u32,
        peers: 1,
        quorum: 0.5,
        patience: 3.0,
        audit: Audit::default(),
        check_every: 0,
    };
    settings.check()?;
    EngineLearner::new(run, tokens, Threads::new(1))?;
    let mut swarm = VirtualSwarm::new(settings, Line::default(), || {
        // It worked a line ago.
        EngineLearner::new(run, tokens, Threads::new(1)).unwrap_or_else(|_| unreachable!())
    });
    let peer = VirtualPeer { speed: 1e5, line: Line::new(1e8, 1e8, 0.01), habit: Habit::Honest };
    swarm.act(Time::ZERO, Act::Join(PeerId(1), peer));
    let finished = swarm.run(Time::from_seconds(1e6));
    let validated = swarm.coordinator().map(|coordinator| coordinator.validate().loss.get());
    if finished && validated.is_some_and(f64::is_finite) {
        Ok(())
    } else {
        Err(Diagnostic::error("the swarm of one did not finish"))
    }
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
            site: None,
            up: if role == Role::Coordinator { LinkSettings::default() } else { up },
            role,
            listen: Some("127.0.0.1:0".to_owned()),
            reachable: None,
            down: LinkSettings::default(),
            seed: 0,
            largest_message: RING_VALUES * 4,
            members: Vec::new(),
            keep_members: None,
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
                // Kept until all are done: others still need its acknowledgements.
                sum.map(|sum| (took, sum, tcp))
            })
        })
        .collect();
    let mut took = 0.0_f64;
    let mut done = Vec::new();
    for thread in threads {
        let (seconds, sum, tcp) =
            thread.join().map_err(|_| Diagnostic::error("a peer of the ring panicked"))??;
        assert!(sum.iter().all(|x| *x == 6.0), "0 + 1 + 2 + 3");
        took = took.max(seconds);
        done.push(tcp);
    }
    let bound = bound_seconds(PEERS, RING_VALUES * 4, megabits * 1e6);
    println!(
        "{megabits:>9} {milliseconds:>8} {took:>9.3} {bound:>9.3} {:>6.3} {LIMIT:>6}",
        bound / took
    );
    Ok(())
}
