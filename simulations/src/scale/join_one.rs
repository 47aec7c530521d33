//! One node that joins a cluster which knows itself.

use std::time::Duration;

use super::Measured;
use crate::measuring::cluster::{SECOND, Sending, engines, nodes, run_until, settled, settles};
use crate::measuring::{Measures, reached};
use crate::scenario::Fault;

const LOOK: Duration = Duration::from_millis(5);

/// The longest that anybody waits.
const MOST: Duration = Duration::from_secs(120);

pub(super) fn measure(size: usize, seed: u64) -> Measured {
    let at = settles(size);
    let scenario = nodes(size - 1).fault(Fault::Join { at, count: 1 });
    // It joins right after that.
    let mut simulation = settled(scenario, at - Duration::from_micros(1), seed)?;
    let (newcomer, sending) = (size - 1, Sending::begin(&simulation));
    let mut knows_all = None;
    let mut known_by = vec![None; size];
    let begun = simulation.now();
    let known = run_until(&mut simulation, LOOK, MOST, |simulation| {
        let passed = simulation.now().since(begun).as_secs_f64();
        let mut all = true;
        for (engine, known) in engines(simulation).zip(&mut known_by) {
            let knows = engine.table().live_len() == size;
            all &= knows;
            if knows && known.is_none() {
                *known = Some(passed);
            }
        }
        knows_all = known_by[newcomer];
        all
    });
    let mut delays: Vec<f64> = known_by[..newcomer].iter().flatten().copied().collect();
    delays.sort_by(f64::total_cmp);
    simulation.run_for(SECOND);
    let sent = sending.sent(&simulation);
    let mut measures = Measures::default();
    measures.add("newcomer_knows_all_s", knows_all);
    measures.add("known_by_50_s", reached(&delays, 0.5, newcomer));
    measures.add("known_by_99_s", reached(&delays, 0.99, newcomer));
    measures.add("known_by_all_s", known);
    measures.add("newcomer_bytes", sent.nodes[newcomer].wire_bytes() as f64);
    measures.add("max_node_bytes", sent.bytes().last().copied());
    Ok((measures, simulation.now().as_secs_f64()))
}
