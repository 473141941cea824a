//! What came out of a swarm, for people and as JSON.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use lab::swarm::rehearsal::Played;
use lab::swarm::settings::{Method, Settings};

use crate::commands::amounts::{BYTES, amount};
use crate::text::{count, duration};

/// The answer in JSON.
pub(super) fn json(command: &str, settings: &Settings, played: &Played, trained: bool) -> String {
    let events: Vec<_> = played
        .events
        .iter()
        .map(|(at, peer, what)| {
            serde_json::json!({ "seconds": at.seconds(), "peer": peer, "what": what })
        })
        .collect();
    let value = serde_json::json!({
        "schema_version": 1,
        "version": env!("CARGO_PKG_VERSION"),
        "command": command,
        "trained": trained,
        "settings": settings,
        "account": played.account,
        "bytes_per_token": played.account.bytes_per_token(),
        "tokens_per_second": played.account.tokens_per_second(),
        "events": events,
    });
    format!("{value:#}\n")
}

/// The answer for people.
pub(super) fn people(settings: &Settings, played: &Played, place: Option<&Path>) -> String {
    let account = &played.account;
    let shape = &settings.run.shape;
    let mut text = format!(
        "model    depth {}, width {}: N {} with head, D {} tokens\n",
        shape.depth,
        shape.width,
        count(shape.parameters_with_head() as f64),
        count(account.tokens as f64)
    );
    let _ = match settings.method {
        Method::Synchronous => {
            writeln!(text, "method   synchronous, {} up, {} down", settings.up, settings.down)
        }
        Method::Diloco(diloco) => writeln!(
            text,
            "method   DiLoCo, H = {}{}{}, {} up, {} down",
            diloco.inner_steps,
            if diloco.fragments > 1 {
                format!(" in {} fragments", diloco.fragments)
            } else {
                String::new()
            },
            if diloco.overlap > 0 {
                format!(", {} steps of overlap", diloco.overlap)
            } else {
                String::new()
            },
            settings.up,
            settings.down
        ),
        Method::Pipeline(pipeline) => writeln!(
            text,
            "method   pipeline of {} stages, micro-batches of {} tokens, {} forward, {} back",
            pipeline.stages,
            pipeline.micro_windows as usize * settings.context(),
            settings.up,
            settings.down
        ),
    };
    let _ = writeln!(
        text,
        "time     {} ({:.2} s), {} rounds, {} tokens/s",
        duration(Duration::try_from_secs_f64(account.seconds).unwrap_or_default()),
        account.seconds,
        account.rounds,
        count(account.tokens_per_second())
    );
    let _ = writeln!(
        text,
        "traffic  {} in all, {:.3} bytes a token",
        amount(account.bytes as f64, None, BYTES),
        account.bytes_per_token()
    );
    if account.bytes_in_sites > 0 {
        let _ = writeln!(
            text,
            "         {} of it within sites, {:.3} bytes a token between them",
            amount(account.bytes_in_sites as f64, None, BYTES),
            account.slow_bytes_per_token()
        );
    }
    let _ = writeln!(
        text,
        "goes to  {:.0} % computing of the slowest peer of each round, {:.0} % exchange and waiting\n         peers compute {:.0} % of the time they take part",
        100.0 * account.slowest,
        100.0 * (1.0 - account.slowest),
        100.0 * account.computing
    );
    if account.late > 0 {
        let _ = writeln!(text, "late     {} updates were used a round later", account.late);
    }
    match (account.loss, account.loss_se) {
        (Some(loss), Some(error)) => {
            let _ = writeln!(
                text,
                "loss     {loss:.4} nats per token (standard error {error:.4} over the text)"
            );
        }
        _ => text.push_str("loss     not trained; `--train` trains in virtual time\n"),
    }
    let wide = account.peers.iter().map(|peer| peer.name.chars().count()).max().unwrap_or(0).max(4);
    let _ = writeln!(text, "\n  {:wide$}   tokens      sent  received  at the end", "peer");
    for peer in &account.peers {
        let _ = writeln!(
            text,
            "  {:wide$}  {:>7}  {:>8}  {:>8}  {}",
            peer.name,
            count(peer.tokens as f64),
            amount(peer.sent as f64, None, BYTES),
            amount(peer.received as f64, None, BYTES),
            peer.standing
        );
    }
    let happened: Vec<_> = played.events.iter().filter(|(_, _, what)| what != "joined").collect();
    if !happened.is_empty() {
        text.push('\n');
        for (at, peer, what) in happened.iter().take(20) {
            let _ = writeln!(text, "  {:>9.2} s  {peer}: {what}", at.seconds());
        }
        if happened.len() > 20 {
            let _ = writeln!(text, "  and {} more", happened.len() - 20);
        }
    }
    if let Some(place) = place {
        let _ = writeln!(text, "\ntable    {}", place.join("runs.csv").display());
    }
    text
}
