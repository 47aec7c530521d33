//! What a calm cluster sends.

use super::Measured;
use crate::measuring::cluster::{SECOND, Sending, nodes, settled, settles};
use crate::measuring::{Measures, reached};

pub(super) fn measure(size: usize, seed: u64) -> Measured {
    let mut simulation = settled(nodes(size), settles(size), seed)?;
    let sending = Sending::begin(&simulation);
    simulation.run_for(SECOND * if size > 2_000 { 10 } else { 60 });
    let sent = sending.sent(&simulation);
    let rates: Vec<f64> = sent.bytes().iter().map(|bytes| bytes / sent.seconds).collect();
    let mut measures = Measures::default();
    measures.add("bytes_per_node_s", sent.bytes_per_node_s());
    measures.add("median_node_bytes_per_s", reached(&rates, 0.5, rates.len()));
    measures.add("max_node_bytes_per_s", rates.last().copied());
    measures.add("datagrams_per_node_s", sent.mean_per_s(|node| node.datagrams));
    measures.add("frames_per_node_s", sent.mean_per_s(|node| node.frames));
    Ok((measures, simulation.now().as_secs_f64()))
}
