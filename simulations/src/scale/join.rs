//! Nodes that all start at once and join through one seed.

use std::time::Duration;

use super::Measured;
use crate::measuring::cluster::{Sending, all_hold, begun, engines, nodes, run_until};
use crate::measuring::{Measures, reached};

const LOOK: Duration = Duration::from_millis(20);

/// The longest that anybody waits.
const MOST: Duration = Duration::from_secs(300);

/// The seed.
const SEED: usize = 0;

pub(super) fn measure(size: usize, seed: u64) -> Measured {
    let mut simulation = begun(&nodes(size), seed)?;
    let sending = Sending::begin(&simulation);
    let known = run_until(&mut simulation, LOOK, MOST, |simulation| {
        engines(simulation).count() == size && all_hold(simulation, size)
    });
    let sent = sending.sent(&simulation);
    let bytes = sent.bytes();
    let mut measures = Measures::default();
    measures.add("all_know_all_s", known);
    measures.add("bytes_per_node", sent.bytes_per_node());
    measures.add("median_node_bytes", reached(&bytes, 0.5, bytes.len()));
    measures.add("max_node_bytes", bytes.last().copied());
    measures.add("seed_bytes", sent.nodes[SEED].wire_bytes() as f64);
    measures.add("seed_datagrams", sent.nodes[SEED].datagrams as f64);
    measures.add("seed_frames", sent.nodes[SEED].frames as f64);
    Ok((measures, simulation.now().as_secs_f64()))
}
