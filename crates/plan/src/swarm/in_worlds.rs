//! One design under every draw of what is not known.

use diagnostic::Diagnostic;

use super::curve::Curve;
use super::delivered::{Defence, Delivered};
use super::design::SwarmDesign;
use super::question::SwarmQuestion;
use super::search::{Target, rise};
use super::world::World;

/// One design in all worlds, the best guess first.
pub(super) struct InWorlds {
    pub(super) useful: Vec<f64>,
    pub(super) time: Vec<f64>,
    pub(super) tokens: Vec<f64>,
    pub(super) rise: Vec<f64>,
    pub(super) factor: Vec<f64>,
    pub(super) electricity: Vec<f64>,
    pub(super) devices: Option<Vec<f64>>,
    pub(super) energy: Vec<f64>,
}

impl InWorlds {
    pub(super) fn new(
        question: &SwarmQuestion,
        curve: &Curve,
        worlds: &[World],
        design: &SwarmDesign,
        target: Target,
        defence: Defence,
    ) -> Result<Self, Diagnostic> {
        let (parameters, steps) = (design.parameters.get(), f64::from(design.rhythm.steps()));
        let classes = &question.peers.classes;
        let all: Vec<Delivered> =
            (worlds.iter()).map(|world| Delivered::new(classes, design, world, defence)).collect();
        let rises: Vec<f64> = (worlds.iter().zip(&all))
            .map(|(world, one)| {
                let (at, stages) = (design.compression_at, design.stages);
                rise(world, parameters, one.replicas, steps, at, stages)
            })
            .collect();
        let losses: Vec<f64> = rises.iter().map(|rise| target.loss * (-rise).exp()).collect();
        let fewest = curve.reach(parameters, &losses)?;
        let plain = curve.reach(parameters, &vec![target.loss; worlds.len()])?;
        let mut found = Self {
            useful: all.iter().map(|one| one.useful).collect(),
            rise: rises,
            tokens: Vec::new(),
            time: Vec::new(),
            factor: Vec::new(),
            electricity: Vec::new(),
            devices: None,
            energy: Vec::new(),
        };
        // A price is unknown as soon as that of one class is.
        let price: Option<f64> = (classes.iter().zip(&design.members))
            .map(|(class, share)| {
                let device = class.accelerator.price?;
                let one = 0.5 * (device.low.get() + device.high.get());
                Some(one * f64::from(class.devices) * f64::from(class.count) * share)
            })
            .sum();
        let mut devices = Vec::new();
        for (row, (world, one)) in worlds.iter().zip(&all).enumerate() {
            let critical = target.critical * world.critical_batch;
            let tokens = fewest[row] * (1.0 + design.batch.get() / critical);
            let time = tokens / one.tokens_per_second;
            let energy = one.watts * time;
            found.tokens.push(tokens);
            found.time.push(time);
            found.factor.push(tokens / plain[row]);
            found.energy.push(energy);
            found.electricity.push(energy * world.electricity);
            devices.extend(price.map(|price| price * time / world.life));
        }
        found.devices = price.map(|_| devices);
        Ok(found)
    }
}
