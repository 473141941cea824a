//! What a facility delivers, for programs: base units.

use serde_json::{Value, json};

use super::super::json::{convention, layout};
use super::{Answer, Size, Spread};

fn size(size: &Size) -> Value {
    json!({
        "accelerators": size.accelerators,
        "facility_watts": size.facility.as_ref().ok().map(|power| power.get()),
        "batch_tokens": size.batch.tokens().get(),
        "layout": layout(&size.layout),
        "step_seconds": size.step.get(),
        "mfu": size.mfu,
        "goodput": size.goodput,
        "tokens_per_second_with_failures": size.tokens_per_second(),
        "step_share_of_latency": size.bends.latency,
        "step_share_of_bandwidth": size.bends.bandwidth,
        "step_share_of_batch": size.bends.batch_size,
    })
}

fn spread(spread: &Spread) -> Value {
    json!({
        "sites": spread.sites,
        "accelerators": spread.accelerators,
        "step_seconds": spread.step.get(),
        "mfu": spread.mfu,
        "transfer_seconds": spread.transfer.get(),
        "latency_seconds": spread.latency.get(),
    })
}

pub(super) fn of(answer: &Answer) -> Value {
    json!({
        "schema_version": 1,
        "version": env!("CARGO_PKG_VERSION"),
        "command": "simulate",
        "facility": answer.name,
        "facility_watts": answer.facility.get(),
        "pue": answer.site.pue,
        "accelerator": answer.site.accelerator.name,
        "accelerators": answer.powered,
        "model": answer.model.name,
        "precision": answer.precision.to_string(),
        "flop_convention": convention(answer.convention),
        "mfu_peak": "dense bf16",
        "batch_tokens": answer.batch.tokens().get(),
        "batch_source": answer.batch_source,
        "sequence_tokens": answer.batch.sequence,
        "sizes": answer.sizes.iter().map(size).collect::<Vec<Value>>(),
        "own_size": answer.own,
        "between_bytes_per_second": answer.wan.bandwidth.get(),
        "between_round_trip_seconds": answer.wan.round_trip.get(),
        "between_source": answer.wan_source,
        "sites": answer.sites.iter().map(spread).collect::<Vec<Value>>(),
        "network_share_of_hardware": answer.network.share(),
        "network_over_accelerators": answer.network.over_accelerators,
        "network_source": answer.network.source,
        "fibre_usd": answer.fibre.map(machines::Usd::get),
    })
}
