//! Peers over real sockets on this machine.
#![expect(clippy::unwrap_used, reason = "what fails fails the test")]

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use lab::swarm::link::{self, Link, LinkSettings};
use lab::swarm::transport::{JoinAddress, Role, Tcp, TcpSettings, Transport};
use lab::swarm::wire::{PeerId, RunId, Signer};
use lab::swarm::{Time, transport};

const PATIENCE: Duration = Duration::from_secs(20);
const LOCAL: &str = "127.0.0.1:0";

fn settings(role: Role, listen: Option<&str>) -> TcpSettings {
    TcpSettings {
        run: RunId(7),
        name: "test".to_owned(),
        site: None,
        role,
        listen: listen.map(str::to_owned),
        reachable: None,
        up: LinkSettings::default(),
        down: LinkSettings::default(),
        seed: 0,
        largest_message: 16 << 20,
        members: Vec::new(),
        keep_members: None,
    }
}

fn coordinator(listen: &str) -> Tcp {
    let settings = settings(Role::Coordinator, Some(listen));
    Tcp::open(settings, Signer::from_seed([1; 32])).unwrap()
}

fn join(coordinator: &Tcp) -> JoinAddress {
    let address = coordinator.address().unwrap().to_string();
    JoinAddress { address, key: Some(coordinator.key()) }
}

fn worker(join: JoinAddress, seed: u8, listen: Option<&str>) -> Tcp {
    let tcp = Tcp::open(settings(Role::Worker(join), listen), Signer::from_seed([seed; 32]));
    tcp.unwrap()
}

fn message(len: usize, salt: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 31 + i / 256 + salt) as u8).collect()
}

/// Waits until `condition` holds.
fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < PATIENCE, "waited in vain until {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn workers_get_numbers_and_messages_arrive_in_order_over_the_coordinator_or_directly() {
    for listen in [None, Some(LOCAL)] {
        let mut hub = coordinator(LOCAL);
        let mut a = worker(join(&hub), 2, listen);
        assert_eq!(a.joined(PATIENCE).unwrap(), PeerId(1));
        let mut b = worker(join(&hub), 3, listen);
        assert_eq!(b.joined(PATIENCE).unwrap(), PeerId(2));
        until("a knows b", || a.members().len() == 2);
        until("b knows a", || b.members().len() == 2);

        let lens = [10, 0, 3_000_000, 256 * 1024, 5];
        for (salt, len) in lens.iter().enumerate() {
            a.send(PeerId(2), message(*len, salt));
            b.send(PeerId(1), message(*len, salt + 100));
            hub.send(PeerId(2), message(*len, salt + 200));
        }
        let mut from_hub = 0;
        let mut from_a = 0;
        while from_hub + from_a < 2 * lens.len() {
            let (from, bytes) = b.receive(PATIENCE).unwrap();
            let (count, salt) =
                if from == PeerId(1) { (&mut from_a, 0) } else { (&mut from_hub, 200) };
            assert!(bytes == message(lens[*count], *count + salt));
            *count += 1;
        }
        for (salt, len) in lens.iter().enumerate() {
            let (from, bytes) = a.receive(PATIENCE).unwrap();
            assert!(from == PeerId(2) && bytes == message(*len, salt + 100));
        }
        assert!(a.flush(PATIENCE) && b.flush(PATIENCE) && hub.flush(PATIENCE));
        if listen.is_some() {
            until("a and b are connected", || a.connected().contains(&PeerId(2)));
        } else {
            assert_eq!(a.connected(), [PeerId::COORDINATOR]);
        }
    }
}

/// A wire that is cut after every `lives` bytes, for a few times.
fn cutting_proxy(to: SocketAddr, lives: &'static [usize]) -> SocketAddr {
    let listener = TcpListener::bind(LOCAL).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for life in lives.iter().copied().chain(std::iter::repeat(usize::MAX)) {
            let Ok((near, _)) = listener.accept() else { return };
            let far = TcpStream::connect(to).unwrap();
            let left = Arc::new(AtomicUsize::new(life));
            let pumps: Vec<_> = [(&near, &far), (&far, &near)]
                .map(|(from, to)| {
                    let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    let left = Arc::clone(&left);
                    thread::spawn(move || {
                        let mut buffer = [0; 4096];
                        while let Ok(n @ 1..) = from.read(&mut buffer) {
                            let before = left.load(Ordering::Relaxed);
                            if n > before || to.write_all(&buffer[..n]).is_err() {
                                break;
                            }
                            left.store(before - n, Ordering::Relaxed);
                        }
                        let _ = from.shutdown(Shutdown::Both);
                        let _ = to.shutdown(Shutdown::Both);
                    })
                })
                .into_iter()
                .collect();
            if life != usize::MAX {
                for pump in pumps {
                    pump.join().unwrap();
                }
            }
        }
    });
    address
}

#[test]
fn a_connection_that_breaks_again_and_again_loses_nothing_and_sends_little_twice() {
    let mut hub = coordinator(LOCAL);
    let lives = &[700_000, 100, 2_000_000, 1_500_000, 400_000];
    let proxy = cutting_proxy(hub.address().unwrap(), lives);
    let address = JoinAddress { address: proxy.to_string(), key: Some(hub.key()) };
    let mut a = worker(address, 2, None);
    a.joined(PATIENCE).unwrap();
    for salt in 0..8 {
        a.send(PeerId::COORDINATOR, message(1_000_000, salt));
    }
    for salt in 0..8 {
        let (from, bytes) = hub.receive(PATIENCE).unwrap();
        assert!(from == PeerId(1) && bytes == message(1_000_000, salt), "message {salt}");
    }
    assert!(a.flush(PATIENCE));
    // Each of five breaks costs what was on the wire, not what had arrived.
    let received = hub.traffic()[&PeerId(1)].received;
    assert!(received < 10_500_000, "{received}");
}

#[test]
fn a_coordinator_that_starts_again_finds_its_peers_and_their_messages() {
    let hub = coordinator(LOCAL);
    let address = hub.address().unwrap().to_string();
    let mut a = worker(join(&hub), 2, None);
    let mut b = worker(join(&hub), 3, None);
    a.joined(PATIENCE).unwrap();
    until("b has a number", || b.me().is_some());
    // What is sent to somebody unknown goes nowhere.
    until("a knows b", || a.members().len() == 2);
    let members = hub.members();
    drop(hub);
    let b_number = b.me().unwrap();
    a.send(b_number, message(500_000, 1));
    a.send(PeerId::COORDINATOR, message(500_000, 2));

    let settings = TcpSettings { members, ..settings(Role::Coordinator, Some(&address)) };
    let mut hub = Tcp::open(settings, Signer::from_seed([1; 32])).unwrap();
    assert!(hub.receive(PATIENCE).unwrap() == (a.me().unwrap(), message(500_000, 2)));
    if let Some((from, bytes)) = b.receive(PATIENCE) {
        assert!((from, bytes) == (a.me().unwrap(), message(500_000, 1)));
    } else {
        panic!("b got nothing");
    }
    hub.send(b_number, message(10, 3));
    assert!(b.receive(PATIENCE).unwrap() == (PeerId::COORDINATOR, message(10, 3)));
}

/// An answer is on its way when the transport ends: without it the sender would wait in vain.
#[test]
fn what_is_on_the_link_of_a_transport_that_ends_still_arrives() {
    let mut hub = coordinator(LOCAL);
    let late = LinkSettings { delay_seconds: 0.2, ..LinkSettings::default() };
    let settings = TcpSettings { up: late, ..settings(Role::Worker(join(&hub)), None) };
    let mut a = Tcp::open(settings, Signer::from_seed([2; 32])).unwrap();
    let me = a.joined(PATIENCE).unwrap();
    hub.send(me, message(100_000, 1));
    assert!(a.receive(PATIENCE).unwrap().1 == message(100_000, 1));
    a.send(PeerId::COORDINATOR, message(100_000, 2));
    drop(a);
    assert!(hub.flush(Duration::from_secs(1)));
    assert!(hub.receive(PATIENCE).unwrap() == (me, message(100_000, 2)));
}

#[test]
fn whoever_is_gone_for_good_is_not_waited_for_long() {
    let mut hub = coordinator(LOCAL);
    let gone = worker(join(&hub), 2, None);
    let me = gone.joined(PATIENCE).unwrap();
    drop(gone);
    until("it is gone", || hub.connected().is_empty());
    hub.send(me, message(100, 0));
    let start = Instant::now();
    assert!(!hub.flush(PATIENCE));
    assert!(start.elapsed() < PATIENCE / 2, "{:?}", start.elapsed());
}

#[test]
fn a_shaped_transport_takes_the_time_of_its_law() {
    let up = LinkSettings { bits_per_second: 40e6, delay_seconds: 0.03, ..LinkSettings::default() };
    let down = LinkSettings { bits_per_second: 60e6, ..LinkSettings::default() };
    let mut hub = coordinator(LOCAL);
    let open = |seed, up, down| {
        let settings = TcpSettings { up, down, ..settings(Role::Worker(join(&hub)), Some(LOCAL)) };
        Tcp::open(settings, Signer::from_seed([seed; 32])).unwrap()
    };
    let mut a = open(2, up, LinkSettings::default());
    let mut b = open(3, LinkSettings::default(), down);
    a.joined(PATIENCE).unwrap();
    b.joined(PATIENCE).unwrap();
    until("a knows b", || a.members().len() == 2);
    // The way is found while a small message travels.
    let to = b.me().unwrap();
    a.send(to, vec![0]);
    b.receive(PATIENCE).unwrap();
    until("a and b are connected", || a.connected().contains(&to));

    let len = 2_500_000;
    let (mut up, mut down) = (Link::new(up, 0), Link::new(down, 0));
    let law = link::deliver(&mut up, &mut down, Time::ZERO, len).seconds();
    let mut fastest = f64::INFINITY;
    // A busy machine may be late, never early.
    for attempt in 0..5 {
        let bytes = message(len, attempt);
        let start = Instant::now();
        a.send(to, bytes);
        b.receive(PATIENCE).unwrap();
        let took = start.elapsed().as_secs_f64();
        assert!(took > 0.97 * law, "took {took:.3} s, the law says {law:.3} s");
        fastest = fastest.min(took);
        if fastest < 1.05 * law {
            break;
        }
        assert!(a.flush(PATIENCE));
    }
    assert!(fastest < 1.05 * law, "took {fastest:.3} s, the law says {law:.3} s");
    hub.send(to, vec![1]);
    assert!(b.receive(PATIENCE).is_some());
}

#[test]
fn strangers_and_noise_are_shut_out_and_the_rest_goes_on() {
    let mut hub = coordinator(LOCAL);
    let address = hub.address().unwrap();
    // A peer of another run.
    let other = TcpSettings { run: RunId(8), ..settings(Role::Worker(join(&hub)), None) };
    let other = Tcp::open(other, Signer::from_seed([9; 32])).unwrap();
    let problem = other.joined(PATIENCE).unwrap_err();
    assert!(problem.message().contains("belongs to run 0000000000000008"), "{problem}");
    // A coordinator with another key than the join line says.
    let wrong = JoinAddress { key: Some([5; 32]), ..join(&hub) };
    let problem = worker(wrong, 8, None).joined(PATIENCE).unwrap_err();
    assert!(problem.message().contains("another key"), "{problem}");
    // Nobody there.
    let nobody = JoinAddress { address: "127.0.0.1:1".to_owned(), key: None };
    let problem = worker(nobody, 8, None).joined(Duration::from_millis(300)).unwrap_err();
    assert!(problem.to_string().contains("check the address"), "{problem}");
    // Noise, silence, and a frame that claims four gigabytes.
    let mut strangers = Vec::new();
    for words in [&b"GET / HTTP/1.1\r\n\r\n"[..], b"", b"ISFL"] {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(words).unwrap();
        strangers.push(stream);
    }
    let mut huge = TcpStream::connect(address).unwrap();
    let mut frame = [&b"ISFL"[..], &[7; 32], b"ISFL", &[1, 1, 0, 0]].concat();
    frame.extend_from_slice(&[0xFF; 60]);
    huge.write_all(&frame).unwrap();
    huge.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut answer = Vec::new();
    let _ = huge.read_to_end(&mut answer);
    assert!(answer.len() < 1000, "greeted, refused and closed");

    let mut a = worker(join(&hub), 2, None);
    a.joined(PATIENCE).unwrap();
    a.send(PeerId::COORDINATOR, message(100, 0));
    assert!(hub.receive(PATIENCE).unwrap().1 == message(100, 0));
}

#[test]
fn join_lines_are_read_as_they_are_printed() {
    let line = JoinAddress { address: "example.org:7000".to_owned(), key: Some([0xAB; 32]) };
    assert_eq!(line.to_string().parse::<JoinAddress>().unwrap(), line);
    assert_eq!("[::1]:80".parse::<JoinAddress>().unwrap().key, None);
    for (text, says) in [("host", "no port"), ("host:70000", "no port"), ("host:1/xyz", "64 hex")] {
        let problem = text.parse::<JoinAddress>().unwrap_err();
        assert!(problem.message().contains(says), "{problem}");
    }
    let settings = settings(Role::Coordinator, Some("256.0.0.1:1"));
    let problem = transport::Tcp::open(settings, Signer::from_seed([1; 32])).err().unwrap();
    assert!(problem.message().starts_with("cannot listen on 256.0.0.1:1"), "{problem}");
}
