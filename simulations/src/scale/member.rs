//! What a member takes of an engine's memory.

use std::time::Duration;

use headcount_state::Update;
use headcount_wire::update_bytes;

use super::Measured;
use super::phantoms::phantom;
use crate::measuring::Measures;
use crate::measuring::cluster::{nodes, settled};

/// How long the engine runs among members that answer its pings.
const RUNS: Duration = Duration::from_secs(60);

pub(super) fn measure(size: usize, seed: u64) -> Measured {
    let mut simulation = settled(nodes(1), Duration::ZERO, seed)?;
    let known: Vec<Update> = (0..size).map(|number| phantom(number, 0)).collect();
    simulation.know_phantoms(0, &known);
    let heap = |engine: &headcount_swim::Engine| engine.heap_bytes() as f64 / size as f64;
    let before = simulation.engine(0).map(heap);
    simulation.run_for(RUNS);
    let record: usize = known.iter().map(update_bytes).sum();
    let mut measures = Measures::default();
    measures.add("heap_bytes_per_member", before);
    measures.add("later_heap_bytes_per_member", simulation.engine(0).map(heap));
    measures.add("record_bytes_on_the_wire", record as f64 / size as f64);
    Ok((measures, simulation.now().as_secs_f64()))
}
