//! The swarm as threads of this process and in real time: one thread a peer, channels for lines.
//!
//! Between virtual time and sockets: computing and waiting take the time they take, by the same
//! driver as over sockets, and lines have the law that a rehearsal gives them.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use diagnostic::Diagnostic;

use super::coordinator::Coordinator;
use super::learner::Learner;
use super::log::Log;
use super::machine::Note;
use super::message::{Message, PeerId};
use super::real_time::{Happening, drive};
use super::rehearsal::Played;
use super::settings::Settings;
use super::spec::{PeerSpec, Swarm};
use super::time::{Clock, Time};
use super::transport::{Channel, Exchange, Transport as _};
use super::virtual_time::Line;
use super::wire::Member;
use super::worker::Worker;

/// How often a thread that waits looks whether it still should.
const GLANCE: Duration = Duration::from_millis(5);

/// What all threads know.
struct World<'a> {
    exchange: Arc<Exchange>,
    log: &'a Mutex<Log>,
    /// The run is over, or was interrupted: who has nothing to receive goes home.
    over: AtomicBool,
    /// Everybody goes home at once.
    stop: AtomicBool,
    /// Peers that take part or will.
    left: AtomicUsize,
}

impl World<'_> {
    fn now(&self) -> Time {
        self.exchange.clock().now()
    }

    fn sent(&self, now: Time, from: PeerId, to: PeerId, message: &Message, bytes: usize) {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.sent(now, from, to, message, bytes);
    }

    /// Waits until `then`; false if the run ended before.
    fn wait_until(&self, then: Time) -> bool {
        loop {
            if self.over.load(Ordering::Acquire) || self.stop.load(Ordering::Acquire) {
                return false;
            }
            let left = then.since(self.now());
            if left.is_zero() {
                return true;
            }
            std::thread::sleep(left.min(GLANCE));
        }
    }
}

/// Trains `swarm` in real time with models from `make`; `progress` gets the share that is done, and
/// may end it by answering false. Peers compute at their declared speeds if this machine is as fast.
///
/// The same seed gives the same weights as in virtual time where the order of events does: without
/// peers that come, go or are late, and with equal shares of work.
///
/// # Errors
/// When all peers are gone before the end.
pub fn train<L: Learner + Send>(
    swarm: &Swarm,
    settings: &Settings,
    make: impl Fn() -> L,
    progress: &mut dyn FnMut(f64) -> bool,
) -> Result<Option<Played>, Diagnostic> {
    let peers = swarm.peers();
    let mut coordinator = Coordinator::new(settings.clone(), make());
    // Models are made before the clock starts.
    let workers: Vec<Worker<L>> = peers
        .iter()
        .map(|(rank, _, spec)| {
            Worker::new(*rank, settings.clone(), make(), spec.speed).with_habit(spec.habit.clone())
        })
        .collect();
    let exchange = Exchange::new();
    let seed = settings.run.seed;
    let mut hub = exchange.connect(PeerId::COORDINATOR, swarm.coordinators_line(), seed);
    let log = Mutex::new(Log::since(Time::ZERO));
    let world = World {
        exchange,
        log: &log,
        over: AtomicBool::new(false),
        stop: AtomicBool::new(false),
        left: AtomicUsize::new(peers.len()),
    };
    let mut nobody = false;
    let over = std::thread::scope(|scope| {
        for ((rank, _, spec), worker) in peers.iter().zip(workers) {
            let (world, rank) = (&world, *rank);
            let seed = seed ^ (u64::from(rank.0) << 32);
            scope.spawn(move || {
                take_part(world, rank, spec, worker, seed);
                world.left.fetch_sub(1, Ordering::AcqRel);
            });
        }
        let clock = world.exchange.clock();
        let waiting = hub.waiting();
        let mut windows = 0;
        let over =
            drive(&mut coordinator, &mut hub, &clock, None, &mut |_, now, what| match what {
                Happening::Note(note) => {
                    if let Note::Round(round) = note {
                        windows = round.windows;
                    }
                    log.lock().unwrap_or_else(PoisonError::into_inner).note(now, note);
                    true
                }
                Happening::Sent(to, message, bytes) => {
                    world.sent(now, PeerId::COORDINATOR, to, message, bytes);
                    true
                }
                Happening::Tick => {
                    nobody = world.left.load(Ordering::Acquire) == 0
                        && waiting.load(Ordering::Acquire) == 0;
                    !nobody && progress(windows as f64 / settings.windows().max(1) as f64)
                }
                Happening::Persist | Happening::Received(..) => true,
            });
        let end = if over { &world.over } else { &world.stop };
        end.store(true, Ordering::Release);
        over
    });
    if nobody && !over {
        return Err(Diagnostic::error(format!(
            "all peers are gone after {}, and {} of {} windows are trained on",
            world.now(),
            coordinator.trained(),
            settings.windows()
        ))
        .help("look at who dies, leaves or is evicted"));
    }
    if !over {
        return Ok(None);
    }
    let member = |(peer, name, _)| Member { peer, key: [0; 32], name, address: None, site: None };
    let members: Vec<Member> = peers.into_iter().map(member).collect();
    let log = log.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(Some(log.played(&mut coordinator, settings, &members)))
}

/// What one thread does.
fn take_part<L: Learner>(
    world: &World<'_>,
    me: PeerId,
    spec: &PeerSpec,
    mut worker: Worker<L>,
    seed: u64,
) {
    if !world.wait_until(Time::from_seconds(spec.joins_at)) {
        return;
    }
    let line = Line::new(spec.up, spec.down, spec.delay).losing(spec.loss);
    let mut channel: Channel = world.exchange.connect(me, line, seed);
    let waiting = channel.waiting();
    let is_past = |moment: Option<f64>, now: Time| {
        moment.is_some_and(|seconds| now >= Time::from_seconds(seconds))
    };
    let (mut stall, mut leaves) = (spec.stalls_at, false);
    let clock = world.exchange.clock();
    let owner = &mut |_: &mut Worker<L>, now: Time, what: Happening<'_>| {
        match what {
            Happening::Sent(to, message, bytes) => world.sent(now, me, to, message, bytes),
            Happening::Tick => {
                if is_past(stall, now) {
                    let until = stall.take().unwrap_or_default() + spec.stalls_for;
                    world.wait_until(Time::from_seconds(until));
                }
                leaves = is_past(spec.leaves_at, now);
                let done = world.over.load(Ordering::Acquire)
                    && waiting.load(Ordering::Acquire) == 0
                    || world.stop.load(Ordering::Acquire);
                return !(leaves || done || is_past(spec.dies_at, now));
            }
            _ => {}
        }
        true
    };
    drive(&mut worker, &mut channel, &clock, Some(spec.speed), owner);
    if leaves {
        let leave = Message::Leave.to_bytes();
        world.sent(world.now(), me, PeerId::COORDINATOR, &Message::Leave, leave.len());
        channel.send(PeerId::COORDINATOR, leave);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::swarm::learner::EngineLearner;
    use crate::swarm::rehearsal::{Dummy, play};
    use crate::threads::Threads;

    fn swarm(peers: &str, more: &str) -> Swarm {
        let text = format!(
            "name = \"t\"\ndepth = 1\ntokens = 8192\n{more}\n[recipe]\ncontext = 32\n\
             batch_tokens = 256\nvalidation_tokens = 512\n{peers}"
        );
        Swarm::parse("t", &text).unwrap()
    }

    #[test]
    fn one_peer_has_the_loss_of_plain_training_bit_for_bit() {
        let folder = tempfile::tempdir().unwrap();
        let tokens = Arc::new(crate::example_text::squares(folder.path()));
        let text = "[method]\nkind = \"synchronous\"\n[wire]\nup = \"fp32\"\ndown = \"fp32\"\n\
                    [[peer]]\nname = \"one\"\nspeed = 1e6\nup = 1e9\ndown = 1e9\n";
        let swarm = swarm(text, "");
        let settings = swarm.settings(256, "").unwrap();
        let make = || EngineLearner::new(&settings.run, &tokens, Threads::new(1)).unwrap();
        let played = train(&swarm, &settings, make, &mut |_| true).unwrap().unwrap();
        let plain = crate::swarm::tests::plain(&settings.run, &tokens);
        assert_eq!(played.account.loss, Some(plain.0));
    }

    #[test]
    fn unlike_peers_train_the_same_windows_to_the_same_weights_as_in_virtual_time() {
        let folder = tempfile::tempdir().unwrap();
        let tokens = Arc::new(crate::example_text::squares(folder.path()));
        let text = "[method]\ninner_steps = 4\nshare = \"even\"\n[rules]\ncheck_every = 1\n\
                    [[peer]]\nname = \"two\"\ncount = 2\nspeed = 2e4\nup = 1e7\ndown = 1e8\n\
                    delay = 0.002\n[[peer]]\nname = \"slow\"\nspeed = 1e4\nup = 1e7\ndown = 1e8\n";
        let swarm = swarm(text, "");
        let settings = swarm.settings(256, "").unwrap();
        let make = || EngineLearner::new(&settings.run, &tokens, Threads::new(1)).unwrap();
        let forecast = play(&swarm, &settings, make, &mut |_| true).unwrap().unwrap().account;
        let real = train(&swarm, &settings, make, &mut |_| true).unwrap().unwrap().account;
        assert_eq!((real.loss, real.tokens, real.rounds), (forecast.loss, 8192, forecast.rounds));
        let trained = |account: &crate::swarm::rehearsal::Account| {
            account.peers.iter().map(|peer| peer.tokens).collect::<Vec<_>>()
        };
        assert_eq!(trained(&real), trained(&forecast));
        // A busy machine is late, and nobody is early.
        assert!(real.seconds > 0.97 * forecast.seconds, "{real:?} {forecast:?}");
        let bytes = real.bytes as f64 / forecast.bytes as f64;
        assert!((bytes - 1.0).abs() < 0.02, "{bytes}");
    }

    #[test]
    fn who_dies_leaves_stalls_or_joins_in_real_time_costs_no_window() {
        let peer = |name: &str, more: &str| {
            format!("[[peer]]\nname = \"{name}\"\nspeed = 4e4\nup = 1e8\ndown = 1e8\n{more}\n")
        };
        let text = [
            "[rules]\npatience = 2.0\n[method]\ninner_steps = 2\nshare = \"even\"\n",
            &peer("stays", ""),
            &peer("leaves", "leaves_at = 0.05"),
            &peer("stalls", "stalls_at = 0.02\nstalls_for = 0.1"),
            &peer("joins", "joins_at = 0.05"),
        ];
        let swarm = swarm(&text.concat(), "seed = 1");
        let settings = swarm.settings(256, "").unwrap();
        let make = || Dummy::new(&settings.run);
        let account = train(&swarm, &settings, make, &mut |_| true).unwrap().unwrap().account;
        assert!(account.finished && account.tokens == 8192);
        assert_eq!(account.peers.iter().map(|peer| peer.tokens).sum::<u64>(), 8192);
        assert_eq!(account.peers[1].standing, "gone");
    }

    #[test]
    fn a_run_that_everybody_left_ends_with_what_is_missing() {
        let text =
            "[[peer]]\nname = \"brief\"\nspeed = 100\nup = 1e8\ndown = 1e8\ndies_at = 0.02\n";
        let swarm = swarm(text, "");
        let settings = swarm.settings(256, "").unwrap();
        let problem = train(&swarm, &settings, || Dummy::new(&settings.run), &mut |_| true);
        let problem = problem.err().unwrap().to_string();
        assert!(
            problem.contains("all peers are gone") && problem.contains("0 of 256"),
            "{problem}"
        );
    }
}
