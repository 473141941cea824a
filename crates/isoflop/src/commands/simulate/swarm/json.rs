//! The answer of a swarm for programs. Base units: seconds, bytes, joules, dollars.

use forecast::Verdict;
use plan::swarm::{Delivered, SwarmDesign};
use plan::{Drawn, Quantity};
use serde_json::{Value, json};

use super::{Answer, chart};

/// Sizes of the figure.
const SIZES: [f64; 5] = [1e8, 1e9, 1e10, 1e11, 1e12];

fn drawn<Q: Quantity>(quantity: &Drawn<Q>, level: f64) -> Value {
    let interval = quantity.interval(level);
    json!({
        "best": quantity.best.number(),
        "interval": interval.map(|ends| [ends.low, ends.high]),
    })
}

fn design(design: &SwarmDesign) -> Value {
    json!({
        "kind": design.family.name(),
        "members": design.members,
        "stages": design.stages,
        "exchange": design.exchange.name(),
        "places_as_one": design.united,
        "inner_steps": design.rhythm.steps(),
        "compression": design.compression.name,
        "batch": design.batch.get(),
        "parameters": design.parameters.get(),
    })
}

fn delivered(one: &Delivered) -> Value {
    json!({
        "peers": one.peers,
        "replicas": one.replicas,
        "step": one.step.get(),
        "round": one.round.get(),
        "computing": one.compute.get(),
        "exchange": one.exchange.get(),
        "waiting": one.waiting.get(),
        "stragglers": one.stragglers.get(),
        "sums_kept": one.kept,
        "owned_in_shares": one.owned,
        "useful": one.useful,
        "tokens_per_second": one.tokens_per_second,
        "sent_a_day": one.sent_a_day().get(),
        "received_a_day": one.received_a_day().get(),
        "bound_by": one.bound_by,
    })
}

pub(super) fn of(answer: &Answer, seed: u64) -> Value {
    let (plan, at) = (&answer.plan, answer.level);
    let (setting, schemes) = chart::schemes(answer);
    json!({
        "schema_version": 1,
        "version": env!("CARGO_PKG_VERSION"),
        "command": "simulate swarm",
        "cluster": answer.question.peers.name,
        "law": answer.question.believed.name,
        "flop": "6 N D",
        "level": at,
        "seed": seed,
        "loss": plan.loss,
        "critical_batch": plan.critical_batch.get(),
        "design": design(&plan.design),
        "delivered": delivered(&plan.delivered),
        "time": drawn(&plan.time, at),
        "tokens": drawn(&plan.tokens, at),
        "useful": drawn(&plan.useful, at),
        "rise_of_log_loss": drawn(&plan.rise, at),
        "compute_factor": drawn(&plan.compute_factor, at),
        "energy": drawn(&plan.energy, at),
        "electricity": drawn(&plan.electricity, at),
        "devices": plan.devices.as_ref().map(|devices| drawn(devices, at)),
        "campus": plan.campus.as_ref().map(|campus| json!({
            "name": campus.name,
            "accelerators": campus.accelerators,
            "used": campus.used,
            "time": drawn(&campus.time, at),
            "flop": drawn(&campus.flop, at),
            "money": campus.money.as_ref().map(|money| drawn(money, at)),
            "energy": campus.energy.as_ref().map(|energy| drawn(energy, at)),
        })),
        "slower": plan.slower().map(|slower| drawn(&slower, at)),
        "dearer": plan.dearer().map(|dearer| drawn(&dearer, at)),
        "time_with_everybody": plan.everybody.map(runs::Seconds::get),
        "ways": plan.ways.iter().map(|way| json!({
            "exchange": way.exchange.name(),
            "places_as_one": way.united,
            "sum": way.sum.get(),
            "sums_kept": way.kept,
            "bound_by": way.bound_by,
            "time": way.time.map(runs::Seconds::get),
            "lacks": way.lacks.map(machines::BytesPerSecond::get),
        })).collect::<Vec<Value>>(),
        "schemes": plan.schemes.iter().map(|scheme| json!({
            "kind": scheme.family.name(),
            "design": scheme.best.as_ref().map(|best| design(&best.0)),
            "delivered": scheme.best.as_ref().map(|best| delivered(&best.1)),
            "time": scheme.best.as_ref().map(|best| best.2.get()),
        })).collect::<Vec<Value>>(),
        "patience": answer.question.patience.get(),
        "sizes": plan.sizes.iter().map(|size| json!({
            "parameters": size.parameters.get(),
            "loss": size.loss,
            "time": size.swarm.as_ref().map(|swarm| swarm.1.get()),
            "design": size.swarm.as_ref().map(|swarm| design(&swarm.0)),
            "campus": size.campus.map(runs::Seconds::get),
            "practical": size.practical,
        })).collect::<Vec<Value>>(),
        "intensity": schemes.iter().map(|scheme| json!({
            "scheme": scheme.name(),
            "exponent": scheme.exponent(),
            "flop_per_byte": SIZES
                .map(|size| (size, scheme.intensity(runs::Parameters(size), &setting).0))
                .to_vec(),
        })).collect::<Vec<Value>>(),
        "events": answer.played.map(|(rounds, rate)| json!({
            "rounds": rounds,
            "tokens_per_second": rate,
            "closed_form": plan.delivered.tokens_per_second,
        })),
        "claims": answer.claims.iter().flat_map(|claim| &claim.statements).map(|one| json!({
            "claim": one.claim,
            "words": one.words,
            "stated": one.stated,
            "computed": one.found,
            "verdict": match one.verdict {
                Verdict::Agrees => "closes",
                Verdict::Partly => "closes in part",
                _ => "does not close",
            },
            "note": one.note,
        })).collect::<Vec<Value>>(),
        "searched": { "evaluated": plan.counts.evaluated, "pruned": plan.counts.pruned },
        "assumptions": plan.facts,
    })
}
