//! The simulation for programs, in base units: s, B, B/s, W, J, USD, FLOP.

use machines::{
    Binding, FlopConvention, Found, Layout, Misfit, Recompute, Schedule, Step, Traffic, Zero,
};
use serde_json::{Map, Value, json};

use super::answer::Answer;
use super::asked::Asked;

pub(super) fn convention(convention: FlopConvention) -> &'static str {
    match convention {
        FlopConvention::SixNd => "6nd",
        FlopConvention::FullAttention => "full",
        FlopConvention::CausalAttention => "causal",
    }
}

pub(super) fn layout(layout: &Layout) -> Value {
    json!({
        "tensor": layout.tp,
        "tensor_rows": layout.rows,
        "context": layout.cp,
        "pipeline": layout.pp,
        "data": layout.dp,
        "expert": layout.ep,
        "virtual": layout.interleave,
        "micro_batch_sequences": layout.micro_batch,
        "zero": match layout.zero {
            Zero::None => 0,
            Zero::Optimizer => 1,
            Zero::Gradients => 2,
            Zero::Parameters => 3,
        },
        "schedule": match layout.schedule {
            Schedule::OneForwardOneBackward => "1f1b",
            Schedule::ZeroBubble => "zero-bubble",
        },
        "recompute": match layout.recompute {
            Recompute::None => "none",
            Recompute::Selective => "attention",
            Recompute::Operators => "half",
            Recompute::Full => "all",
        },
        "sequence_parallel": layout.sequence_parallel,
    })
}

/// `memory-bound kernels` as `memory_bound_kernels`.
fn field(name: &str) -> String {
    name.replace([' ', '-'], "_")
}

fn found(asked: &Asked, answer: &Answer, one: &Found) -> Value {
    json!({
        "layout": layout(&one.layout),
        "seconds": one.step.time().get(),
        "mfu": one.step.mfu(&asked.machine, &asked.model, answer.site_batch, asked.convention),
        "memory_bytes": one.step.memory.total().get(),
    })
}

/// One object with everything that people are told.
pub(super) fn of(asked: &Asked, answer: &Answer) -> Value {
    let mut all = Map::new();
    for part in [what(asked, answer), step(asked, answer), over_days(asked, answer)] {
        if let Value::Object(fields) = part {
            all.extend(fields);
        }
    }
    Value::Object(all)
}

fn what(asked: &Asked, answer: &Answer) -> Value {
    json!({
        "schema_version": 1,
        "version": env!("CARGO_PKG_VERSION"),
        "command": "simulate",
        "cluster": asked.cluster.name,
        "sites": asked.sites(),
        "accelerator": asked.site.accelerator.name,
        "accelerators": asked.accelerators(),
        "standby_accelerators": u64::from(asked.spare) * u64::from(asked.sites()),
        "model": asked.model.name,
        "parameters": asked.model.parameters().get(),
        "active_parameters": asked.model.active_parameters().get(),
        "precision": asked.machine.precision.to_string(),
        "batch_sequences": answer.batch.sequences,
        "sequence_tokens": answer.batch.sequence,
        "batch_tokens": answer.batch.tokens().get(),
    })
}

fn step(asked: &Asked, answer: &Answer) -> Value {
    let times: Map<String, Value> =
        answer.parts().into_iter().map(|(name, time)| (field(name), time.get().into())).collect();
    let memory: Map<String, Value> = (answer.step.memory.parts().into_iter())
        .map(|(name, size)| (field(name), size.get().into()))
        .collect();
    json!({
        "flop_convention": convention(asked.convention),
        "flop_per_step": Step::flop(&asked.model, answer.batch, asked.convention).get(),
        "layout": layout(&answer.layout),
        "micro_batches": answer.step.micro_batches,
        "step_seconds": answer.time.get(),
        "tokens_per_second": answer.batch.tokens().get() / answer.time.get(),
        "mfu": answer.mfu,
        "mfu_peak": "dense bf16",
        "step_parts_seconds": times,
        "memory_bytes": memory,
        "memory_total_bytes": answer.step.memory.total().get(),
        "memory_capacity_bytes": asked.machine.memory.get(),
        "traffic": traffic(answer),
        "between_sites": answer.between.map(|between| json!({
            "every_steps": asked.every,
            "sent_bytes": between.sent.get(),
            "transfer_seconds": between.transfer.get(),
            "latency_seconds": between.latency.get(),
        })),
        "search": search(asked, answer),
        "by_events": answer.played.as_ref().map(|played| super::played::json(asked, played)),
        "reading_tokens": answer.reading.map(|(reading, takes)| json!({
            "from": match reading {
                machines::Reading::Shared { .. } => "store",
                machines::Reading::Local { .. } => "local copies",
            },
            "bytes_per_token": asked.run.text.token_bytes,
            "seconds": takes.get(),
        })),
    })
}

fn over_days(asked: &Asked, answer: &Answer) -> Value {
    let days = &answer.over_days;
    let failures = &asked.run.failures;
    let power = answer.power.as_ref().ok();
    let rate = asked.money_per_second().map(machines::Usd::get);
    json!({
        "goodput": days.goodput,
        "failure_every_seconds": days.between.get(),
        "checkpoint_every_seconds": days.interval.get(),
        "checkpoint_seconds": failures.checkpoint.get(),
        "checkpoint_bytes": days.checkpoint.get(),
        "restart_seconds": failures.restart.get(),
        "slow_hosts_factor": days.straggling,
        "tokens_per_second_with_failures": days.tokens_per_second,
        "chip_watts": power.map(|power| power.chip.get()),
        "it_watts": power.map(|power| power.it.get()),
        "facility_watts": power.map(|power| power.facility.get()),
        "usd_per_accelerator_hour": asked.run.price.as_ref().ok().map(|(price, _)| price.get()),
        "usd_per_step": rate.map(|rate| rate * answer.time.get()),
        "usd_per_1e12_tokens": rate.map(|rate| rate * answer.time_of(1e12).get()),
        "run": answer.tokens(asked).map(|tokens| {
            let takes = answer.time_of(tokens.get());
            json!({
                "tokens": tokens.get(),
                "seconds": takes.get(),
                "usd": rate.map(|rate| rate * takes.get()),
                "facility_joules": power.map(|power| power.energy(takes).get()),
            })
        }),
        "learned": answer.learned.as_ref().map(|learned| json!({
            "law": learned.law,
            "loss_nats_per_token": learned.loss.best,
            "loss_interval": learned.loss.interval(learned.level).map(|i| [i.low, i.high]),
            "tokens": learned.tokens.best.get(),
            "tokens_interval": learned.tokens.interval(learned.level).map(|i| [i.low, i.high]),
            "level": learned.level,
            "asked": if learned.of_loss { "loss" } else { "tokens" },
        })),
    })
}

fn traffic(answer: &Answer) -> Vec<Value> {
    let traffic = &answer.traffic;
    (traffic.links.iter().enumerate())
        .map(|(index, link)| {
            let sent: Map<String, Value> = Traffic::KINDS
                .into_iter()
                .map(|part| {
                    let name = field(part.name().trim_end_matches(" traffic"));
                    (name, traffic.sent(index, part).get().into())
                })
                .collect();
            json!({
                "joined_accelerators": link.joined,
                "sustained_bytes_per_second": link.bandwidth.get(),
                "latency_seconds": link.latency.get(),
                "sent_bytes": sent,
                "sent_total_bytes": traffic.total(index).get(),
            })
        })
        .collect()
}

fn search(asked: &Asked, answer: &Answer) -> Value {
    let Some(search) = &answer.search else { return Value::Null };
    let refused: Map<String, Value> = (Misfit::ALL.into_iter().zip(search.refused))
        .map(|(misfit, count)| (format!("{misfit:?}").to_lowercase(), count.into()))
        .collect();
    let binds = search.binding().map(|binding| match binding {
        Binding::Memory { without, layout: other } => json!({
            "what": "memory",
            "seconds_without": without.get(),
            "layout_without": layout(&other),
        }),
        Binding::Batch { micro_batches } => {
            json!({ "what": "batch", "micro_batches": micro_batches })
        }
        Binding::Part { part, share } => {
            json!({ "what": field(part.name()), "share": share })
        }
        Binding::Compute => json!({ "what": "compute" }),
    });
    json!({
        "evaluated": search.evaluated,
        "pruned": search.pruned,
        "refused": refused,
        "binds": binds,
        "runners_up": search.runners_up.iter().map(|one| found(asked, answer, one))
            .collect::<Vec<Value>>(),
    })
}
