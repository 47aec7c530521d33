//! Two halves that were apart for longer than the dead are remembered.

use std::time::Duration;

use super::Measured;
use crate::measuring::Measures;
use crate::measuring::cluster::{
    Sending, agree, all_hold, nodes, run_until, settled, settles, sync, view,
};

/// How long the halves are apart: tombstones are kept for five minutes.
const APART: Duration = Duration::from_secs(600);

const LOOK: Duration = Duration::from_millis(100);

/// The longest that anybody waits.
const MOST: Duration = Duration::from_secs(600);

pub(super) fn measure(size: usize, seed: u64) -> Measured {
    let mut simulation = settled(nodes(size), settles(size), seed)?;
    let half: Vec<usize> = (0..size / 2).collect();
    let apart = Sending::begin(&simulation);
    simulation.partition(&[&half]);
    simulation.run_for(APART);
    let apart = apart.sent(&simulation);
    let parted = (0..size).filter_map(|node| {
        let own_side = if node < size / 2 { size / 2 } else { size - size / 2 };
        Some(simulation.engine(node)?.table().live_len() == own_side)
    });
    let parted = parted.filter(|right| *right).count() as f64 / size as f64;

    simulation.heal();
    let (healed, sending) = (simulation.now(), Sending::begin(&simulation));
    let views = run_until(&mut simulation, LOOK, MOST, |simulation| {
        all_hold(simulation, size) && agree(simulation, view)
    });
    let sent = sending.sent(&simulation);
    let tables = run_until(&mut simulation, LOOK, MOST, |simulation| agree(simulation, sync));
    let tables = tables.map(|_| simulation.now().since(healed).as_secs_f64());
    let false_failures = simulation.report().metrics.get("false_failures").copied();
    let mut measures = Measures::default();
    measures.add("split_views_share", parted);
    measures.add("equal_views_s", views);
    measures.add("equal_tables_s", tables);
    measures.add("false_failures", false_failures);
    measures.add("healing_bytes_per_node", sent.bytes_per_node());
    measures.add("healing_max_node_bytes", sent.bytes().last().copied());
    measures.add("apart_bytes_per_node_s", apart.bytes_per_node_s());
    Ok((measures, simulation.now().as_secs_f64()))
}
