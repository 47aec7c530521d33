//! What one run showed.

use crate::measuring::cluster::{Sent, engines};
use crate::simulation::Simulation;

/// What one run showed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sample {
    /// Failures of members that run and that nothing is wrong with, told to anybody: FP.
    pub false_positives: u64,
    /// The same, told to nodes that nothing is wrong with: FP-.
    pub false_positives_at_healthy: u64,
    /// How many such members were failed.
    pub healthy_failed: u64,
    /// How many nodes were to be found failed.
    pub victims: usize,
    /// For each that was: when the first healthy node said so, in seconds from the fault.
    pub first_s: Vec<f64>,
    /// When all healthy nodes had said so.
    pub full_s: Vec<f64>,
    /// Datagrams and stream frames that were sent from the fault on.
    pub messages: u64,
    /// Their bytes on the network.
    pub wire_bytes: u64,
    /// How many seconds nodes ran meanwhile, over all nodes.
    pub node_s: f64,
    /// How much virtual time passed, in seconds.
    pub virtual_s: f64,
    /// What only rows of its kind measure.
    pub(super) own: Vec<Own>,
}

/// A figure that only rows of one kind measure, of one run or of many.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Own {
    pub(super) name: &'static str,
    pub(super) kept: Kept,
    /// Every measurement; `None` if the run did not live to see it.
    pub(super) values: Vec<Option<f64>>,
}

/// What is kept of the figures of many runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    Sum,
    Mean,
    Most,
    /// 99 % are at most this.
    P99,
}

impl Sample {
    /// What a simulation has sent, and nothing else yet.
    pub(super) fn sent(simulation: &Simulation, sent: &Sent) -> Sample {
        let (nodes, running) = (&sent.nodes, engines(simulation).count());
        Sample {
            messages: nodes.iter().map(|node| node.datagrams + node.frames).sum(),
            wire_bytes: nodes.iter().map(|node| node.wire_bytes()).sum(),
            node_s: sent.seconds * running as f64,
            virtual_s: simulation.now().as_secs_f64(),
            ..Sample::default()
        }
    }

    /// Adds a figure of its kind.
    pub(super) fn keep(&mut self, name: &'static str, kept: Kept, value: impl Into<Option<f64>>) {
        self.keep_all(name, kept, vec![value.into()]);
    }

    /// Adds some of the same name.
    pub(super) fn keep_all(&mut self, name: &'static str, kept: Kept, values: Vec<Option<f64>>) {
        self.own.push(Own { name, kept, values });
    }
}
