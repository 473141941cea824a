//! Peers in processes of their own, on links that the kernel shapes.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test, which says what it leaves out"
)]

mod namespaces;

use std::collections::VecDeque;
use std::process::Stdio;
use std::time::{Duration, Instant};

use lab::swarm::link::{LinkSettings, STREAM_SHARE};
use lab::swarm::ring::{all_reduce, bound_seconds};
use lab::swarm::transport::{JoinAddress, Role, Tcp, TcpSettings, Transport};
use lab::swarm::wire::{PeerId, RunId, Signer};
use namespaces::Network;

const PATIENCE: Duration = Duration::from_secs(40);
const PEERS: usize = 4;
const VALUES: usize = 1_000_000;

fn open(role: Role, listen: String, seed: u8, delay_seconds: f64) -> Tcp {
    let settings = TcpSettings {
        run: RunId(3),
        name: format!("peer {seed}"),
        site: None,
        role,
        listen: Some(listen),
        reachable: None,
        up: LinkSettings { delay_seconds, ..LinkSettings::default() },
        down: LinkSettings::default(),
        seed: u64::from(seed),
        largest_message: VALUES * 4,
        members: Vec::new(),
        keep_members: None,
    };
    Tcp::open(settings, Signer::from_seed([seed; 32])).unwrap()
}

/// One peer of the ring below; started by it in a namespace.
#[test]
#[ignore = "a part of `a_ring_over_shaped_links_takes_the_time_of_its_slowest_link`"]
fn peer_of_the_ring() {
    let variable = |name: &str| std::env::var(name).unwrap();
    let address: JoinAddress = variable("SWARM_JOIN").parse().unwrap();
    let (listen, seed) = (variable("SWARM_LISTEN"), variable("SWARM_SEED").parse().unwrap());
    let mut tcp = open(Role::Worker(address), listen, seed, 0.01);
    let me = tcp.joined(PATIENCE).unwrap();
    let start = Instant::now();
    while tcp.members().len() < PEERS && start.elapsed() < PATIENCE {
        std::thread::sleep(Duration::from_millis(10));
    }
    let peers: Vec<PeerId> = tcp.members().iter().map(|member| member.peer).collect();
    let rank = peers.iter().position(|peer| *peer == me).unwrap();
    // Greets the next one, until the direct way is there; then tells the coordinator, and waits.
    while !tcp.connected().contains(&peers[(rank + 1) % PEERS]) && start.elapsed() < PATIENCE {
        tcp.send(peers[(rank + 1) % PEERS], Vec::new());
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(tcp.flush(PATIENCE));
    tcp.send(PeerId::COORDINATOR, b"ready".to_vec());
    let mut tcp = Early { tcp, early: VecDeque::new() };
    loop {
        let (from, bytes) = tcp.tcp.receive(PATIENCE).unwrap();
        if from == PeerId::COORDINATOR {
            break;
        }
        if !bytes.is_empty() {
            tcp.early.push_back((from, bytes));
        }
    }
    let values = (0..VALUES).map(|at| (at % 100) as f32 + rank as f32).collect();
    let sum = all_reduce(&mut tcp, &peers, rank, values, PATIENCE).unwrap();
    assert!(sum.iter().enumerate().all(|(at, x)| *x == 4.0 * (at % 100) as f32 + 6.0));
    tcp.send(PeerId::COORDINATOR, b"done".to_vec());
    assert!(tcp.tcp.flush(PATIENCE));
}

/// A transport on which something came before it was asked for.
struct Early {
    tcp: Tcp,
    early: VecDeque<(PeerId, Vec<u8>)>,
}

impl Transport for Early {
    fn send(&mut self, to: PeerId, bytes: Vec<u8>) {
        self.tcp.send(to, bytes);
    }

    fn receive(&mut self, patience: Duration) -> Option<(PeerId, Vec<u8>)> {
        self.early.pop_front().or_else(|| self.tcp.receive(patience))
    }
}

#[test]
fn a_ring_over_shaped_links_takes_the_time_of_its_slowest_link() {
    for (megabits, slowest) in [([50.0; PEERS], 50.0), ([100.0, 50.0, 100.0, 20.0], 20.0)] {
        // The last node is the coordinator's.
        let rates: Vec<f64> = megabits.iter().copied().chain([1000.0]).collect();
        let Some(network) = Network::new(&rates) else { return };
        let program = std::env::current_exe().unwrap();
        let mut coordinator = network
            .command(PEERS, &program)
            .args(["--exact", "coordinator_of_the_ring", "--ignored", "--nocapture"])
            .env("SWARM_LISTEN", format!("{}:7000", Network::address(PEERS)))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let key = lab_key();
        let mut peers: Vec<_> = (0..PEERS)
            .map(|node| {
                network
                    .command(node, &program)
                    .args(["--exact", "peer_of_the_ring", "--ignored"])
                    .env("SWARM_JOIN", format!("{}:7000/{key}", Network::address(PEERS)))
                    .env("SWARM_LISTEN", format!("{}:7000", Network::address(node)))
                    .env("SWARM_SEED", (node + 1).to_string())
                    .stdout(Stdio::null())
                    .spawn()
                    .unwrap()
            })
            .collect();
        for peer in &mut peers {
            assert!(peer.wait().unwrap().success());
        }
        let output = std::io::read_to_string(coordinator.stdout.take().unwrap()).unwrap();
        assert!(coordinator.wait().unwrap().success(), "{output}");
        let seconds = output.split_once("seconds: ").unwrap().1;
        let took: f64 = seconds.split_whitespace().next().unwrap().parse().unwrap();
        let bound = bound_seconds(PEERS, VALUES * 4, slowest * 1e6 * STREAM_SHARE);
        println!("{megabits:?} Mbit/s: {took:.2} s, bound {bound:.2} s");
        assert!(took > 0.95 * bound, "took {took} s, faster than {bound} s");
        // Five processes cannot be on time on a machine that is busy with others.
        let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
        let load: f64 = load.split_whitespace().next().and_then(|x| x.parse().ok()).unwrap_or(0.0);
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        if load > 1.5 * cores as f64 {
            println!("left out, whether it is fast enough: the machine's load is {load}");
        } else {
            assert!(bound / took > 0.75, "took {took} s, bound {bound} s");
        }
    }
}

fn lab_key() -> String {
    blake3::Hash::from_bytes(Signer::from_seed([0; 32]).key()).to_hex().to_string()
}

/// Starts the ring when all peers are ready, and says how long it took.
#[test]
#[ignore = "a part of `a_ring_over_shaped_links_takes_the_time_of_its_slowest_link`"]
fn coordinator_of_the_ring() {
    let mut tcp = open(Role::Coordinator, std::env::var("SWARM_LISTEN").unwrap(), 0, 0.0);
    let hear = |tcp: &mut Tcp| -> Vec<PeerId> {
        (0..PEERS).map(|_| tcp.receive(PATIENCE).unwrap().0).collect()
    };
    let peers = hear(&mut tcp);
    let start = Instant::now();
    for peer in peers {
        tcp.send(peer, b"go".to_vec());
    }
    hear(&mut tcp);
    println!("seconds: {}", start.elapsed().as_secs_f64());
    assert!(tcp.flush(PATIENCE));
    std::thread::sleep(Duration::from_millis(200));
}
