//! Machines on slow links, on this machine: network namespaces around a bridge.
//!
//! ```text
//!   node 0 ── e0 (tbf up) ── v0 (tbf down) ─┐
//!   node 1 ── e0 (tbf up) ── v1 (tbf down) ─┼─ bridge, in a namespace of its own
//!   ...                                     ┘
//! ```
//!
//! The kernel shapes the rate (`tc tbf`); delay and loss come from the transport's own links, since
//! `netem` is missing on some kernels. Needs root and the programs `ip` and `tc`; without, tests
//! say what they leave out, and pass.

use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// Namespaces that vanish when this is dropped.
pub(crate) struct Network {
    prefix: String,
    nodes: usize,
}

impl Network {
    /// One node for each rate, in Mbit/s, the same up and down; `None`, and a word why, where
    /// there are no namespaces.
    pub(crate) fn new(megabits: &[f64]) -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let network = Self {
            prefix: format!("isoflop-{}-{number}", std::process::id()),
            nodes: megabits.len(),
        };
        match network.build(megabits) {
            Ok(()) => Some(network),
            Err(why) => {
                println!("left out, network namespaces cannot be made here: {why}");
                None
            }
        }
    }

    fn build(&self, megabits: &[f64]) -> Result<(), String> {
        let hub = self.hub();
        ip(&["netns", "add", &hub])?;
        ip(&["-n", &hub, "link", "add", "bridge", "type", "bridge"])?;
        ip(&["-n", &hub, "link", "set", "bridge", "up"])?;
        for (node, megabits) in megabits.iter().enumerate() {
            let (name, port) = (self.node(node), format!("v{node}"));
            ip(&["netns", "add", &name])?;
            ip(&[
                "-n", &name, "link", "add", "e0", "type", "veth", "peer", "name", &port, "netns",
                &hub,
            ])?;
            ip(&[
                "-n",
                &name,
                "address",
                "add",
                &format!("{}/24", Self::address(node)),
                "dev",
                "e0",
            ])?;
            for device in ["lo", "e0"] {
                ip(&["-n", &name, "link", "set", device, "up"])?;
            }
            ip(&["-n", &hub, "link", "set", &port, "master", "bridge"])?;
            ip(&["-n", &hub, "link", "set", &port, "up"])?;
            for (namespace, device) in [(&name, "e0"), (&hub, port.as_str())] {
                let rate = format!("{megabits}mbit");
                run(
                    "tc",
                    &[
                        "-n", namespace, "qdisc", "add", "dev", device, "root", "tbf", "rate",
                        &rate, "burst", "32kb", "latency", "200ms",
                    ],
                )?;
            }
        }
        Ok(())
    }

    fn hub(&self) -> String {
        format!("{}-hub", self.prefix)
    }

    fn node(&self, node: usize) -> String {
        format!("{}-{node}", self.prefix)
    }

    /// The address of a node, the same in every network.
    pub(crate) fn address(node: usize) -> String {
        format!("10.77.0.{}", node + 1)
    }

    /// A program to be run on a node.
    pub(crate) fn command(&self, node: usize, program: &std::path::Path) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.node(node)]).arg(program);
        command
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for name in (0..self.nodes).map(|node| self.node(node)).chain([self.hub()]) {
            let _ = run("ip", &["netns", "del", &name]);
        }
    }
}

fn ip(arguments: &[&str]) -> Result<(), String> {
    run("ip", arguments)
}

fn run(program: &str, arguments: &[&str]) -> Result<(), String> {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .map_err(|why| format!("{program}: {why}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(format!("{program} {}: {said}", arguments.join(" ")))
}
